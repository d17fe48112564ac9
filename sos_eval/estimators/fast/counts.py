"""Many Poisson difference-in-differences at once, on a grid of units by times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._regression import Rows
from sos_eval.estimators.fast.assignments import by_itself, chunks, score_errors
from sos_eval.estimators.fast.rows import unit_clusters
from sos_eval.numerics.poisson_grid import fit_poisson_grid
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice

__all__ = ["CountGrid", "CountPlan", "batch_draws", "count_grid"]

#: Numbers that one chunk of draws may hold at a time in each of its arrays.
CHUNK = 200_000


@dataclass(frozen=True, slots=True)
class CountGrid:
    """What the draws share; rows of one unit and period are added up.

    Attributes
    ----------
    at_risk : (n, t)
        Exposure times weight; zero where a row is missing.
    weights : (n, t)
        Row weights; zero where a row is missing.
    covariates : (c, n, t)
        Free of unit and time effects, of like size.
    clusters, strata : (n,)
        Cluster and stratum of each unit.
    units : (n,)
        Positions of the units in the panel.
    times : (t,)
        Positions of the periods in the panel.
    per : float
        Scale of the rate.
    """

    at_risk: Array
    weights: Array
    covariates: Array
    clusters: NDArray[np.intp]
    strata: NDArray[np.intp]
    units: NDArray[np.intp]
    times: NDArray[np.intp]
    per: float


def count_grid(panel: Panel, rows: Rows, exposure: Array) -> tuple[CountGrid, Array] | None:
    """Return what draws on a panel share, and the weighted counts of its rows (n, t), zero where a row is missing.

    None where clusters cut through a unit's rows, or covariates differ between rows of one unit and period.

    Parameters
    ----------
    exposure : (len(rows.used),)
        Population at risk of each row.
    """
    clusters = unit_clusters(rows)
    effects, several = rows.effects, len(rows.used) > np.count_nonzero(rows.effects.by_cell)
    if clusters is None or (several and rows.covariates.shape[1] > rows.by_stratum):
        return None
    n, t = effects.shape
    place = effects.unit * t + effects.time

    def added(values: Array) -> Array:
        return np.bincount(place, values, n * t).reshape(n, t).astype(float)

    free = effects.residual(rows.covariates[:, rows.by_stratum :].T)
    free = free / np.sqrt((free**2).mean(1, keepdims=True))
    grid = CountGrid(
        at_risk=added(exposure * rows.weights), weights=effects.by_cell,
        covariates=np.array([added(column) for column in free]).reshape(-1, n, t), clusters=clusters,
        strata=_strata(rows),
        units=pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units)),
        times=np.searchsorted(panel.times, np.unique(rows.frame["time"])),
        per=panel.outcome.per if panel.outcome.counted else 1.0,
    )  # fmt: skip
    return grid, added(rows.outcome * rows.weights)


def _strata(rows: Rows) -> NDArray[np.intp]:
    """Return the stratum of each unit, (n,): one for all unless there are strata."""
    strata = np.zeros(rows.effects.shape[0], np.intp)
    if rows.panel.stratified:
        strata[rows.effects.unit] = pd.factorize(rows.frame["stratum"], sort=True)[0]
    return strata


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
        The way of outcomes with other gaps, negative counts, or periods without an event.
    """

    panel: Panel
    grid: CountGrid
    treated: Array
    cells: pd.DataFrame
    estimate: Callable[[Panel], Estimate]
    choice: RowChoice | None
    otherwise: Compiled

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n_units, n_times), rates where the outcome is one."""
        panel, grid = self.panel, self.grid
        if (outcomes < 0).any() or (np.isnan(outcomes) != np.isnan(panel.matrix())).any():
            return self.otherwise.apply(outcomes)
        counts = outcomes * panel.matrix("exposure") / panel.outcome.per if panel.outcome.counted else outcomes
        counts = np.where(grid.weights > 0, counts[:, grid.units][:, :, grid.times], 0.0)
        if (counts.sum(1) == 0).any():
            return self.otherwise.apply(outcomes)
        return batch_draws(
            grid, counts * grid.weights, lambda _: self.treated, len(outcomes), self.cells,
            lambda draw: panel.with_outcome(outcomes[draw]), self.estimate,
        ).rows(self.choice)  # fmt: skip


def batch_draws(
    grid: CountGrid,
    counts: Array,
    treated: Callable[[slice], Array],
    draws: int,
    cells: pd.DataFrame,
    again: Callable[[int], Panel],
    estimate: Callable[[Panel], Estimate],
    weights: Array | None = None,
) -> Batch:
    """Estimate every draw, without units that it treats whenever seen; by itself where Newton steps do not settle.

    Parameters
    ----------
    counts : (r, n, t) or (1, n, t)
        Counts times weights.
    treated
        Treatment of a slice of draws, (r, n, t) or (1, n, t).
    cells
        The two rows.
    again, estimate
        The panel of one draw, and how it is estimated by itself.
    weights : (r, n), optional
        What each draw multiplies the units' weights by; zero: left out. There are no gaps then. A draw with a period
        without an event among those that are left is estimated by itself.
    """
    values, std_error = np.empty((draws, 2)), np.empty((draws, 2))
    settled = np.empty(draws, bool)
    for rows in chunks(draws, grid.at_risk.size, CHUNK):
        y = counts if len(counts) == 1 else counts[rows]
        inside, roles = grid, treated(rows)
        factor = _factor(grid, roles, None if weights is None else weights[rows])
        if factor is not None:
            inside, y = replace(grid, at_risk=grid.at_risk * factor), y * factor
        values[rows], std_error[rows], settled[rows] = _fitted(inside, y, roles)
        if factor is not None:
            settled[rows] &= _eventful(grid, y)
    failures = [""] * draws
    for draw in np.flatnonzero(~settled):
        values[draw], std_error[draw], failures[draw] = by_itself(again(int(draw)), cells, estimate)
    return Batch(cells, values, std_error, tuple(failures))


def _fitted(grid: CountGrid, y: Array, treated: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return values and errors (r, 2), and which draws they hold for: see `PoissonDiD` for the formulas."""
    fit = fit_poisson_grid(y, grid.at_risk, treated, grid.covariates, grid.strata)
    takes_part = y.sum(-1) > 0  # a unit without any event is left out, its exposure too
    events, at_risk = (y * treated).sum(-1), (grid.at_risk * treated).sum(-1) * takes_part
    all_at_risk = at_risk.sum(-1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):  # draws that did not settle are estimated again
        rate = grid.per * events.sum(-1, keepdims=True) / all_at_risk
        score_rate = (grid.per * events - rate * at_risk) / all_at_risk
        ratio = np.exp(-fit.coef)
        values = np.column_stack([fit.coef, (1 - ratio) * rate[:, 0]])
        score = rate * ratio[:, None] * fit.score + (1 - ratio)[:, None] * score_rate
        errors = score_errors(np.stack([fit.score, score], axis=-1), grid.clusters)
    errors[(at_risk > 0).sum(-1) + np.zeros(len(values), int) == 1] = np.nan
    return values, errors, fit.converged


def _eventful(grid: CountGrid, y: Array) -> NDArray[np.bool_]:
    """Say in which draws every period of every stratum has an event; in others that period takes no part."""
    events = [y[:, grid.strata == stratum].sum(1) > 0 for stratum in np.unique(grid.strata)]
    return np.asarray(np.concatenate(events, axis=1).all(1))


def _factor(grid: CountGrid, treated: Array, weights: Array | None) -> Array | None:
    """Return what rows count in each draw, (r, n, 1): nothing where the unit is treated whenever it is seen.

    None where every row counts as it is.
    """
    always = ((treated > 0) | (grid.at_risk <= 0)).all(-1)
    if weights is None and not always.any():
        return None
    return np.where(always, 0.0, 1.0 if weights is None else weights)[..., None]
