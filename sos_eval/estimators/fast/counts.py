"""Many Poisson difference-in-differences at once, on a grid of units by times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators.fast.assignments import by_itself, chunks
from sos_eval.numerics.poisson_grid import fit_poisson_grid
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice

__all__ = ["CountGrid", "CountPlan", "batch_draws", "grid_of", "plan_counts"]

#: Numbers that one chunk of draws may hold at a time in each of its arrays.
CHUNK = 200_000


@dataclass(frozen=True, slots=True)
class CountGrid:
    """What the draws share.

    Attributes
    ----------
    at_risk : (n, t)
        Exposure times weight; zero where a row is missing.
    weights : (n, t)
        Row weights; zero where a row is missing.
    clusters : (n,)
        Cluster of each unit.
    per : float
        Scale of the rate.
    """

    at_risk: Array
    weights: Array
    clusters: NDArray[np.intp]
    per: float


def grid_of(panel: Panel) -> tuple[CountGrid, Array]:
    """Return what the draws share, and the panel's counts (n, t), zero where a row is missing."""
    counted = panel.outcome.counted
    counts = panel.matrix("count" if counted else "outcome")
    exposure = panel.matrix("exposure") if counted else np.ones_like(counts)
    weights = panel.matrix("weight")
    known = _several(np.isfinite(counts) & np.isfinite(exposure) & (weights > 0))
    weights = np.where(known, weights, 0.0)
    grid = CountGrid(
        np.where(known, exposure, 0.0) * weights, weights, panel.clusters, panel.outcome.per if counted else 1.0
    )
    return grid, np.where(known, counts, 0.0)


def _several(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out the only row of a unit or of a period, until there is none: an effect of its own fits it."""
    while True:
        kept: NDArray[np.bool_] = known & (known.sum(1, keepdims=True) > 1) & (known.sum(0) > 1)
        if (kept == known).all():
            return kept
        known = kept


@dataclass(frozen=True, slots=True)
class CountPlan:
    """What outcomes do not change.

    Attributes
    ----------
    panel, grid
        Whose outcomes are replaced, and what its draws share.
    treated : (1, n, t)
        Its treatment.
    cells
        The two rows.
    estimate
        Estimates a draw by itself.
    choice
        Which rows are kept; None keeps both.
    otherwise
        The way of outcomes with gaps, negative counts, or periods without an event.
    """

    panel: Panel
    grid: CountGrid
    treated: Array
    cells: pd.DataFrame
    estimate: Callable[[Panel], Estimate]
    choice: RowChoice | None
    otherwise: Compiled

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n, t), rates where the outcome is one."""
        if not (outcomes >= 0).all():
            return self.otherwise.apply(outcomes)
        panel = self.panel
        counts = outcomes * panel.matrix("exposure") / panel.outcome.per if panel.outcome.counted else outcomes
        counts = np.where(self.grid.weights > 0, counts, 0.0)
        if (counts.sum(1) == 0).any():
            return self.otherwise.apply(outcomes)
        return batch_draws(
            self.grid, counts, lambda _: self.treated, len(outcomes), self.cells,
            lambda draw: panel.with_outcome(outcomes[draw]), self.estimate,
        ).rows(self.choice)  # fmt: skip


def plan_counts(
    panel: Panel, cells: pd.DataFrame, estimate: Callable[[Panel], Estimate], choice: RowChoice | None,
    otherwise: Compiled,
) -> CountPlan:  # fmt: skip
    """Plan for a panel's adoption, exposure and weights; see `CountPlan`."""
    grid, _ = grid_of(panel)
    treated = np.nan_to_num(panel.matrix("treated"))[None]
    return CountPlan(panel, grid, treated, cells, estimate, choice, otherwise)


def batch_draws(
    grid: CountGrid,
    counts: Array,
    treated: Callable[[slice], Array],
    draws: int,
    cells: pd.DataFrame,
    again: Callable[[int], Panel],
    estimate: Callable[[Panel], Estimate],
) -> Batch:
    """Estimate every draw; by itself where Newton steps do not settle or a unit is treated whenever it is seen.

    Parameters
    ----------
    counts : (r, n, t) or (1, n, t)
        Counts.
    treated
        Treatment of a slice of draws, (r, n, t) or (1, n, t).
    cells
        The two rows.
    again, estimate
        The panel of one draw, and how it is estimated by itself.
    """
    values, std_error = np.empty((draws, 2)), np.empty((draws, 2))
    settled = np.empty(draws, bool)
    for rows in chunks(draws, grid.at_risk.size, CHUNK):
        y = (counts if len(counts) == 1 else counts[rows]) * grid.weights
        values[rows], std_error[rows], settled[rows] = _chunk(grid, y, treated(rows))
    failures = [""] * draws
    for draw in np.flatnonzero(~settled):
        values[draw], std_error[draw], failures[draw] = by_itself(again(int(draw)), cells, estimate)
    return Batch(cells, values, std_error, tuple(failures))


def _chunk(grid: CountGrid, y: Array, treated: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return values and errors (r, 2), and which draws they hold for: see `PoissonDiD` for the formulas."""
    fit = fit_poisson_grid(y, grid.at_risk, treated)
    takes_part = y.sum(-1) > 0  # a unit without any event is left out, its exposure too
    events, at_risk = (y * treated).sum(-1), (grid.at_risk * treated).sum(-1) * takes_part
    all_at_risk = at_risk.sum(-1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):  # draws that did not settle are estimated again
        rate = grid.per * events.sum(-1, keepdims=True) / all_at_risk
        score_rate = (grid.per * events - rate * at_risk) / all_at_risk
        ratio = np.exp(-fit.coef)
        values = np.column_stack([fit.coef, (1 - ratio) * rate[:, 0]])
        score = rate * ratio[:, None] * fit.score + (1 - ratio)[:, None] * score_rate
        errors = np.column_stack([_error(one, grid.clusters) for one in (fit.score, score)])
    errors[(at_risk > 0).sum(-1) + np.zeros(len(values), int) == 1] = np.nan
    return values, errors, fit.converged & ~_always_treated(grid, treated)


def _always_treated(grid: CountGrid, treated: Array) -> NDArray[np.bool_]:
    """Say in which draws some unit is treated whenever it is seen: it takes no part, and others are compared."""
    seen = grid.at_risk > 0
    inside = ((treated > 0) | ~seen).all(-1) & seen.any(-1)
    return np.asarray(inside.any(-1))


def _error(score: Array, clusters: NDArray[np.intp]) -> Array:
    """Root of the sum over clusters of squared scores, (r, n) -> (r,)."""
    if len(np.unique(clusters)) < len(clusters):
        score = score @ (clusters[:, None] == np.unique(clusters)).astype(float)
    return np.asarray(np.sqrt((score**2).sum(-1)))
