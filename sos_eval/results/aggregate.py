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

from sos_eval.results.estimate import CELL_COLUMNS, Columns, Estimate, cell_columns, stacked

__all__ = [
    "EVERY", "AggregationPlan", "EventTimes", "cohort_shares", "families", "plan_aggregations", "with_aggregations",
]  # fmt: skip

Array = NDArray[np.float64]

#: Units whose influence is worked on at a time, so that what lies between is never as large as the influence itself.
_UNITS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class EventTimes:
    """Which cells event-time averages are made of; the defaults take all.

    Attributes
    ----------
    balance
        Only cohorts that are seen this many periods after their start, and event times up to this one: from the start
        on the same cohorts stand behind every event time. Before it a cohort that starts early has fewer. As did's
        ``balance_e``. None balances nothing.
    first, last
        Event times outside are left out.
    """

    balance: float | None = None
    first: float = -np.inf
    last: float = np.inf

    def inside(self, group: Array, time: Array) -> NDArray[np.bool_]:
        """Say which cells take part, (m,)."""
        event = time - group
        inside: NDArray[np.bool_] = (event >= self.first) & (event <= self.last)
        if self.balance is not None and len(time):
            start, end = time.min(), time.max()
            inside &= (end - group >= self.balance) & (event <= self.balance)
            inside &= event >= self.balance - (end - start)
        return inside


EVERY = EventTimes()


@dataclass(frozen=True, slots=True)
class AggregationPlan:
    """Which cells each aggregate averages; made once, applied to any number of draws.

    An aggregate is a ratio, ``sum_k share_k (members_k @ values) / sum_k share_k n_k`` with ``n_k`` the sum of
    ``members_k``, or a plain mean of such ratios.

    Attributes
    ----------
    columns
        A row per aggregate, q rows.
    members : (p, k, m)
        What each cell of each cohort counts in each ratio; within a cohort they sum to one for "overall".
    means : (q, p)
        Rows as means of ratios: the identity, then the plain averages.
    """

    columns: Columns
    members: Array
    means: Array

    @property
    def cells(self) -> pd.DataFrame:
        """The rows as a table of cells."""
        return pd.DataFrame(self.columns)

    def weights(self, shares: Array) -> Array:
        """Return the weight of every cell in every aggregate at given cohort shares, (..., k) -> (..., q, m)."""
        sums = np.einsum("...k,pkm->...pm", shares, self.members)
        total = shares @ self.members.sum(2).T
        return np.asarray(self.means @ (sums / total[..., None]))

    def values(self, cell_values: Array, shares: Array) -> Array:
        """Average cell values (..., m) at cohort shares (..., k) -> (..., q)."""
        return self._ratios(cell_values, shares)[0] @ self.means.T

    def slopes(self, cell_values: Array, shares: Array) -> Array:
        """Return the derivative of every aggregate in every cohort's share, (..., q, k)."""
        ratios, sums, total = self._ratios(cell_values, shares)
        slopes = (sums - self.members.sum(2) * ratios[..., None]) / total[..., None]
        return np.asarray(self.means @ slopes)

    def influence(self, cell_values: Array, cell_influence: Array, shares: Array | None, means: Array) -> Array:
        """Return the influence of the aggregates, (n, q).

        Parameters
        ----------
        cell_values : (m,)
            Values of the cells.
        cell_influence : (n, m)
            Their influence.
        shares : (n, k) or None
            See `Estimate.shares`; None takes the shares as fixed.
        means : (k,)
            The cohorts' shares.
        """
        direct = cell_influence @ self.weights(means).T
        if shares is None:
            return np.asarray(direct)
        return np.asarray(direct + (shares - means) @ self.slopes(cell_values, means).T)

    def _ratios(self, cell_values: Array, shares: Array) -> tuple[Array, Array, Array]:
        """Return the ratios (..., p), the cohorts' sums of values (..., p, k) and the total shares (..., p)."""
        p, k, m = self.members.shape
        sums = (cell_values @ self.members.reshape(p * k, m).T).reshape(*cell_values.shape[:-1], p, k)
        total = shares @ self.members.sum(2).T
        return (sums * shares[..., None, :]).sum(-1) / total, sums, total


def plan_aggregations(
    group_time: pd.DataFrame | Columns, cohorts: Array, event_times: EventTimes = EVERY
) -> AggregationPlan:
    """Plan every aggregation of a table of group-time cells.

    Parameters
    ----------
    group_time
        Cells with ``aggregation == "group_time"``, m rows: a table, or its columns.
    cohorts : (k,)
        First treated periods.
    event_times
        Which cells the averages by event time are made of.
    """
    group, time = np.asarray(group_time["cohort"], float), np.asarray(group_time["time"], float)
    keys, inside = families(group, time, time >= group, event_times.inside(group, time))
    own = cohorts[:, None] == group
    members = (inside[:, None, :] & own).astype(float)
    overall = [key["aggregation"] == "overall" for key in keys]
    members[overall] /= np.maximum(members[overall].sum(2, keepdims=True), 1.0)
    treated = np.where(members > 0, np.asarray(group_time["n_treated_units"]), 0).max(2)
    rows = [{**key, "n_treated_units": int(count)} for key, count in zip(keys, treated.sum(1), strict=True)]
    plain, means = _plain_averages(rows, treated)
    return AggregationPlan(_laid_out(rows + plain, group_time), members, means)


def families(
    group: Array, time: Array, post: NDArray[np.bool_], by_event: NDArray[np.bool_]
) -> tuple[list[dict[str, Any]], NDArray[np.bool_]]:
    """Return each aggregate's name and key, and the cells that it averages, (p, m)."""
    event = time - group
    events = np.unique(event[by_event])
    keys: list[dict[str, Any]] = [{"aggregation": "event_time", "event_time": e} for e in events]
    inside = [(events[:, None] == event) & by_event]
    if post.any():
        for aggregation, key, values in (("cohort", "cohort", group), ("calendar", "time", time)):
            distinct = np.unique(values[post])
            keys += [{"aggregation": aggregation, key: value} for value in distinct]
            inside.append((distinct[:, None] == values) & post)
        keys += [{"aggregation": "overall"}, {"aggregation": "simple"}]
        inside += [post[None], post[None]]
    return keys, np.vstack(inside)


def _plain_averages(rows: list[dict[str, Any]], treated: NDArray[Any]) -> tuple[list[dict[str, Any]], Array]:
    """Return the rows with an empty key (mean over post event times, over calendar times) and `means` (q, p).

    Parameters
    ----------
    treated : (p, k)
        Each cohort's treated units behind each row.
    """
    plain: list[dict[str, Any]] = []
    means = [np.eye(len(rows))]
    for aggregation in ("event_time", "calendar"):
        inside = np.array([row["aggregation"] == aggregation and row.get("event_time", 0.0) >= 0 for row in rows])
        if inside.any():
            plain.append({"aggregation": aggregation, "n_treated_units": int(treated[inside].max(0).sum())})
            means.append(inside[None, :] / inside.sum())
    return plain, np.vstack(means)


def _laid_out(rows: list[dict[str, Any]], group_time: pd.DataFrame | Columns) -> Columns:
    """Return the rows as columns of cells that inherit estimand, scale and counts."""
    names = ("aggregation", "cohort", "time", "event_time", "n_treated_units")
    own = {name: [row.get(name, np.nan) for row in rows] for name in names}
    first = {name: np.asarray(group_time[name])[0] for name in ("estimand", "scale", "subgroup")}
    most = {name: int(np.max(group_time[name])) for name in ("n_obs", "n_units")}
    return cell_columns(**own, **first, **most)


def with_aggregations(estimate: Estimate, event_times: EventTimes = EVERY) -> Estimate:
    """Add every aggregation to an estimate of group-time cells; return others as they are.

    An aggregate over a cell that is not identified is itself not identified: NaN, with the cells named. A cell whose
    value is fixed by construction (NaN influence, finite value) adds nothing to the error of an aggregate; where an
    aggregate holds only such cells its influence is NaN too.
    """
    is_cell = estimate.cells["aggregation"].to_numpy() == "group_time"
    if not is_cell.any() or not is_cell.all():
        return estimate
    above = {name: estimate.cells[name].to_numpy() for name in CELL_COLUMNS}
    cohorts = np.unique(above["cohort"])
    shares, means = cohort_shares(estimate, cohorts)
    plan = plan_aggregations(above, cohorts, event_times)
    weights = plan.weights(means)
    known = np.nan_to_num(estimate.values)
    missing = (weights != 0) @ ~np.isfinite(estimate.values) > 0
    values = np.where(missing, np.nan, weights @ known)
    influence = None
    if estimate.influence is not None:
        influence = _aggregated_influence(estimate.influence, plan, known, shares, means, missing)
    below = plan.columns | {"reason": np.array(_why(weights, estimate), object)} | _counts(weights, estimate, plan)
    return replace(
        estimate, cells=stacked(above, below), values=np.concatenate([estimate.values, values]), influence=influence
    )


def _counts(weights: Array, estimate: Estimate, plan: AggregationPlan) -> Columns:
    """Count the units that the averaged cells rest on taken together, and their rows with an outcome.

    Cells of different cohorts and times have different units; a unit counts where it has influence on any of them, or
    is alone in its cohort: it is its own mean, so that nothing of it is left as influence.
    """
    panel, influence = estimate.panel, estimate.influence
    if influence is None or panel.layout != "panel" or len(influence) != panel.n_units:
        return {}
    seen = np.isfinite(panel.frame["outcome"].to_numpy(float))
    observed = np.bincount(panel.unit_codes[seen], minlength=panel.n_units)
    averaged = (weights != 0).T.astype(float)
    starts, sizes = np.unique(panel.first_treated, return_counts=True)
    cohort = estimate.cells["cohort"].to_numpy(float)
    alone = np.where(np.isin(cohort, starts[sizes == 1]) & np.isfinite(estimate.values), cohort, np.nan)
    n_units, n_obs = np.zeros(len(weights), int), np.zeros(len(weights), int)
    for some in _batches(panel.n_units):
        has = (influence[some] != 0) & ~np.isnan(influence[some])
        has |= panel.first_treated[some][:, None] == alone
        used = has.astype(float) @ averaged > 0
        n_units += used.sum(0)
        n_obs += observed[some] @ used
    # a residual may be exactly zero: never fewer than in the largest cell
    least = plan.columns
    return {"n_units": np.maximum(n_units, least["n_units"]), "n_obs": np.maximum(n_obs, least["n_obs"])}


def _batches(n: int) -> Iterator[slice]:
    """Yield slices of the units, in order."""
    for first in range(0, n, _UNITS_AT_ONCE):
        yield slice(first, first + _UNITS_AT_ONCE)


def _aggregated_influence(
    influence: Array, plan: AggregationPlan, values: Array, shares: Array | None, means: Array, missing: Array
) -> Array:
    """Put the influence of the aggregates beside that of the cells, (n, m + q)."""
    n, m = influence.shape
    fixed = np.isnan(influence).any(0)
    out = np.empty((n, m + len(plan.means)))
    out[:, :m] = influence
    for some in _batches(n):
        clean = np.where(fixed, 0.0, influence[some]) if fixed.any() else influence[some]
        own = None if shares is None else shares[some]
        out[some, m:] = plan.influence(values, clean, own, means)
    only_fixed = ((plan.weights(means) != 0) & ~fixed).sum(1) == 0
    out[:, m:][:, missing | only_fixed] = np.nan
    return out


def cohort_shares(estimate: Estimate, cohorts: Array) -> tuple[Array | None, Array]:
    """Return shares per unit (n, k) or None, and their means (k,), of every cohort that has cells."""
    if estimate.shares is not None:
        return estimate.shares, estimate.shares.mean(0)
    starts, weights = estimate.panel.first_treated, estimate.panel.weights
    return None, np.array([weights[starts == g].sum() for g in cohorts])


def _why(weights: Array, estimate: Estimate) -> list[str]:
    """Say for each aggregate which of its cells are missing, or that it is fixed by construction."""
    missing = ~np.isfinite(estimate.values)
    own = estimate.cells["reason"].to_numpy()
    if not missing.any() and not own.any():
        return [""] * len(weights)
    names = [f"({g:g}, {t:g})" for g, t in zip(estimate.cells["cohort"], estimate.cells["time"], strict=True)]
    reasons = []
    for row in weights != 0:
        gone = np.flatnonzero(row & missing)
        shared_reason = set(own[row]) if row.any() else {""}
        if len(gone):
            reasons.append(f"averages cells that are not identified: {', '.join(names[i] for i in gone[:6])}")
        else:
            reasons.append(shared_reason.pop() if len(shared_reason) == 1 else "")
    return reasons
