"""The first link of a mechanism: whether practice moves what it is said to work through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sos_eval.errors import InputFault, NotIdentified
from sos_eval.numerics.bands import pointwise
from sos_eval.numerics.lots import found_in_four_of_five, share_reached
from sos_eval.panel.panel import Array, Outcome, Panel
from sos_eval.results.assignments import AssignmentSpace
from sos_eval.results.estimate import clustered_error
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW, too_few_for_an_interval
from sos_eval.results.without_effect import without_effect
from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["first_links", "fitted_on", "mediators", "on_column"]

COLUMNS = (
    "mediator", "words", "column", "estimate", "std_error", "n_units", "n_treated_units", "p_value", "detectable",
    "reason", "scale", "method", "conf_low", "conf_high",
)  # fmt: skip
#: Of the conventional intervals.
LEVEL = 0.95
#: What is said of intervals as of the headline's: where fewer than `FEW` clusters are treated.
_TOO_NARROW = "with few treated units this conventional interval is too narrow"
#: Adoptions, at most, that say which effect the test would find.
_SPREAD = 499


def mediators(theory: ProgrammeTheory) -> tuple[str, ...]:
    """Return the mediators that the panel shows."""
    return tuple(node for node in theory.graph.nodes if node in theory.columns and theory.role(node) == "mediator")


def first_links(theory: ProgrammeTheory, fitted: Fitted, draws: int, rng: np.random.Generator) -> pd.DataFrame:
    """Estimate the effect on each measured mediator by the headline's design, and test it by the headline's lots.

    Parameters
    ----------
    fitted
        The headline's estimate, under a method that takes outcomes that are no counts.
    draws
        Random adoptions; the same for all mediators.

    Returns
    -------
    DataFrame
        A row per mediator: effect with its cluster-robust error and interval (none below five clusters on a side), its
        scale and the method that made it, p by random adoptions, and the effect that they would
        find four times in five (2.8 times the spread of estimates under them with the estimated effect taken out).
        `reason`: why there is no number or no interval, or that the interval is too narrow.
    """
    space = fitted.space(fitted.strata)
    rows = []
    for node in mediators(theory):
        row = {"mediator": node, "words": theory.label(node), "column": theory.columns[node], "reason": ""}
        try:
            rows.append({**row, **_link(theory.columns[node], fitted, space, draws, rng)})
        except InputFault as fault:
            rows.append({**row, "reason": fault.faults[0].what})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _link(
    column: str, fitted: Fitted, space: AssignmentSpace | str, draws: int, rng: np.random.Generator
) -> dict[str, float | str]:
    """Return effect, error, interval, units and p on one mediator."""
    on_it = fitted_on(fitted, column)
    source = on_it.source
    row = _overall(on_it.estimate.cells)
    errors = clustered_error(on_it.estimate)
    panel = on_it.estimate.panel
    effect, error = float(on_it.estimate.values[row]), float(errors[row]) if errors is not None else np.nan
    every, treated = (int(on_it.estimate.cells[name].iloc[row]) for name in ("n_units", "n_treated_units"))
    clusters = min(panel.n_treated_clusters, treated)
    few = too_few_for_an_interval(clusters, min(panel.n_clusters, every) - clusters)
    narrow = _TOO_NARROW if np.isfinite(error) and clusters < FEW else ""
    half = np.nan if few else pointwise(LEVEL, panel.n_clusters - 1) * error
    found: dict[str, float | str] = {
        "estimate": effect, "n_units": every, "std_error": error, "conf_low": effect - half,
        "conf_high": effect + half, "n_treated_units": treated,
        "scale": str(on_it.estimate.cells["scale"].iloc[row]), "method": on_it.estimator.name, "reason": few or narrow,
    }  # fmt: skip
    if isinstance(space, str):
        raise NotIdentified(space)
    lots = space.draw(draws, rng)
    batch = on_it.refit_assignments(np.vstack([source.first_treated, lots.first_treated]))
    at = _overall(batch.cells)
    statistic = _statistic(batch.values[:, at], batch.std_error, at)
    without = replace(on_it, source=without_effect(source, effect, ratio=False))
    drawn = without.refit_assignments(lots.first_treated[:_SPREAD])
    size = float(found_in_four_of_five(drawn.values[:, _overall(drawn.cells)]))
    return {**found, "p_value": share_reached(statistic, complete=lots.complete), "detectable": size}


def fitted_on(fitted: Fitted, column: str) -> Fitted:
    """Return the estimate made again with a column in place of its outcome.

    Raises
    ------
    InputFault
        The column has no effect to tell, or the method cannot be made on it.
    """
    source = on_column(fitted.source, column)
    return replace(fitted, source=source, lots_of="", estimate=fitted.refit(source))


def on_column(panel: Panel, column: str) -> Panel:
    """Return the panel with a column in place of its outcome."""
    if not pd.api.types.is_numeric_dtype(panel.frame[column]):
        raise NotIdentified(panel.fault(f"{column} holds words, and an effect is on numbers"))
    seen = panel.frame["time"][panel.frame[column].notna()].to_numpy(float)
    if not len(seen):
        raise NotIdentified(panel.fault(f"{column} is empty in every row", "name a column that holds its values"))
    if len(panel.pre_times) and seen.min() > panel.pre_times[-1]:
        first = panel.periods.name(float(seen.min()))
        what = f"{column} is first measured in {first}, and nothing before the first start: no change can be told"
        raise NotIdentified(panel.fault(what, "name a column that is measured before it too"))
    own = panel.with_columns(outcome=panel.frame[column].astype(float), count=np.nan)
    return own.changed(outcomes=(Outcome(column, column),), active=column)


def _overall(cells: pd.DataFrame) -> int:
    rows: Sequence[int] = np.flatnonzero(cells["aggregation"] == "overall").tolist()
    if not rows:
        raise NotIdentified("the estimator has no overall effect")
    return rows[0]


def _statistic(values: Array, errors: Array | None, at: int) -> Array:
    """Return the effect over its error, or the effect where there is none."""
    if errors is None or not np.isfinite(errors[:, at]).any():
        return np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(values / errors[:, at]))
