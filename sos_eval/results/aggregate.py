"""Group-time effects averaged to event time, cohort, calendar time, overall and simple.

Callaway and Sant'Anna (2021), section 3.2 (table 1 and equations 3.4 to 3.11), with the influence of the estimated
cohort shares. Written once, for every estimator that returns group-time cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.estimate import CELL_COLUMNS, Estimate, cells

__all__ = ["AggregationPlan", "plan_aggregations", "with_aggregations"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AggregationPlan:
    """How cells are averaged; made once, applied to any number of draws.

    Attributes
    ----------
    cells
        A row per aggregate, q rows.
    weights : (q, m)
        ``aggregates = weights @ cell values``.
    share_slopes : (q, k, m)
        Derivative of each aggregate with respect to each cohort's share is ``share_slopes @ cell values``.
    """

    cells: pd.DataFrame
    weights: Array
    share_slopes: Array

    def values(self, cell_values: Array) -> Array:
        """Average cell values, (..., m) -> (..., q)."""
        return cell_values @ self.weights.T

    def influence(self, cell_values: Array, cell_influence: Array, shares: Array | None) -> Array:
        """Return the influence of the aggregates, (n, q).

        Parameters
        ----------
        cell_values : (m,)
            Values of the cells.
        cell_influence : (n, m)
            Their influence.
        shares : (n, k) or None
            See `Estimate.shares`; None takes the shares as fixed.
        """
        direct = cell_influence @ self.weights.T
        if shares is None:
            return direct
        return np.asarray(direct + (shares - shares.mean(0)) @ (self.share_slopes @ cell_values).T)


def plan_aggregations(group_time: pd.DataFrame, cohorts: Array, shares: Array) -> AggregationPlan:
    """Plan every aggregation of a table of group-time cells.

    Parameters
    ----------
    group_time
        Cells with ``aggregation == "group_time"``, m rows.
    cohorts : (k,)
        First treated periods.
    shares : (k,)
        Share (weight) of each cohort in the population; only ratios matter.
    """
    group = group_time["cohort"].to_numpy(float)
    time = group_time["time"].to_numpy(float)
    post = time >= group
    position = np.searchsorted(cohorts, group)
    rows: list[dict[str, Any]] = []
    weights: list[Array] = []
    slopes: list[Array] = []
    for aggregation, key, members in _families(group, time, post):
        members_weights, slope = _average(members, position, shares, by_cohort=aggregation == "overall")
        rows.append({"aggregation": aggregation, **key, "n_treated_units": _treated(group_time, members)})
        weights.append(members_weights)
        slopes.append(np.zeros_like(slope) if aggregation == "cohort" else slope)
    _add_plain_averages(rows, weights, slopes)
    table = _laid_out(rows, group_time)
    m, k = len(group), len(cohorts)
    return AggregationPlan(table, np.reshape(weights, (len(rows), m)), np.reshape(slopes, (len(rows), k, m)))


def _families(
    group: Array, time: Array, post: NDArray[np.bool_]
) -> Iterator[tuple[str, dict[str, float], NDArray[np.bool_]]]:
    """Yield each aggregate: its name, its key, and the cells it averages."""
    event = time - group
    for e in np.unique(event):
        yield "event_time", {"event_time": e}, event == e
    if not post.any():
        return
    for g in np.unique(group[post]):
        yield "cohort", {"cohort": g}, post & (group == g)
    for t in np.unique(time[post]):
        yield "calendar", {"time": t}, post & (time == t)
    yield "overall", {}, post
    yield "simple", {}, post


def _average(
    members: NDArray[np.bool_], position: NDArray[np.intp], shares: Array, *, by_cohort: bool
) -> tuple[Array, Array]:
    """Return the weights (m,) of one aggregate and their slopes (k, m) in the cohort shares.

    ``by_cohort``: every cohort's mean effect, averaged by share ("overall"); else every cell by its cohort's share.
    """
    k = len(shares)
    inside = np.zeros((k, len(members)))
    inside[position[members], np.flatnonzero(members)] = 1.0
    if by_cohort:
        inside = inside / np.maximum(inside.sum(1, keepdims=True), 1.0)
    total = float(shares @ inside.sum(1))
    weights = (shares @ inside) / total
    return weights, (inside - np.outer(inside.sum(1), weights)) / total


def _treated(group_time: pd.DataFrame, members: NDArray[np.bool_]) -> int:
    """Count the treated units behind an aggregate, each cohort once."""
    return int(group_time[members].groupby("cohort")["n_treated_units"].max().sum())


def _add_plain_averages(rows: list[dict[str, Any]], weights: list[Array], slopes: list[Array]) -> None:
    """Add the plain average over post event times and over calendar times: the rows with an empty key."""
    for aggregation in ("event_time", "calendar"):
        own = [i for i, row in enumerate(rows) if row["aggregation"] == aggregation and _is_post(row)]
        if own:
            rows.append(
                {"aggregation": aggregation, "n_treated_units": max(int(rows[i]["n_treated_units"]) for i in own)}
            )
            weights.append(np.mean([weights[i] for i in own], axis=0))
            slopes.append(np.mean([slopes[i] for i in own], axis=0))


def _is_post(row: dict[str, Any]) -> bool:
    return float(row.get("event_time", 0.0)) >= 0


def _laid_out(rows: list[dict[str, Any]], group_time: pd.DataFrame) -> pd.DataFrame:
    """Return the rows as a table of cells that inherits estimand, scale and counts."""
    names = ("aggregation", "cohort", "time", "event_time", "n_treated_units")
    columns = {name: [row.get(name, np.nan) for row in rows] for name in names}
    first = group_time.iloc[0]
    return cells(
        **columns, estimand=[first["estimand"]], scale=[first["scale"]], subgroup=[first["subgroup"]],
        n_obs=[int(group_time["n_obs"].max())], n_units=[int(group_time["n_units"].max())],
    )  # fmt: skip


def with_aggregations(estimate: Estimate) -> Estimate:
    """Add every aggregation to an estimate of group-time cells; return others as they are.

    An aggregate over a cell that is not identified is itself not identified: NaN, with the cells named.
    """
    is_cell = (estimate.cells["aggregation"] == "group_time").to_numpy()
    if not is_cell.any() or not is_cell.all():
        return estimate
    cohorts = np.unique(estimate.cells["cohort"].to_numpy(float))
    shares, means = _shares(estimate, cohorts)
    plan = plan_aggregations(estimate.cells, cohorts, means)
    values = np.array([_dot(row, estimate.values) for row in plan.weights])
    influence = None
    if estimate.influence is not None:
        known = np.nan_to_num(estimate.influence), np.nan_to_num(estimate.values)
        influence = np.hstack([estimate.influence, plan.influence(known[1], known[0], shares)])
    frame = pd.concat([estimate.cells, plan.cells.assign(reason=_why(plan, estimate))], ignore_index=True)
    return replace(
        estimate, cells=frame[list(CELL_COLUMNS)], values=np.concatenate([estimate.values, values]), influence=influence
    )


def _shares(estimate: Estimate, cohorts: Array) -> tuple[Array | None, Array]:
    """Return shares per unit (n, k) or None, and their means (k,)."""
    if estimate.shares is not None:
        return estimate.shares, estimate.shares.mean(0)
    starts, weights = estimate.panel.first_treated, estimate.panel.weights
    return None, np.array([weights[starts == g].sum() for g in cohorts])


def _dot(weights: Array, values: Array) -> float:
    """Combine the values that carry weight; NaN among them gives NaN."""
    used = weights != 0
    return float(weights[used] @ values[used])


def _why(plan: AggregationPlan, estimate: Estimate) -> list[str]:
    """Say for each aggregate which of its cells are missing."""
    missing = ~np.isfinite(estimate.values)
    reasons = []
    for row in plan.weights:
        gone = estimate.cells[(row != 0) & missing]
        names = [f"({g:g}, {t:g})" for g, t in zip(gone["cohort"], gone["time"], strict=True)]
        reasons.append(f"averages cells that are not identified: {', '.join(names[:6])}" if names else "")
    return reasons
