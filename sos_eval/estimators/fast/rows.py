"""Many two-way regressions at once where rows are missing, weights move over time, or covariates enter.

Unit and time effects depend on rows and weights alone, so a whole chunk of permuted regressors, or of outcomes, is
absorbed at once on the grid of units by times; missing rows have weight zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._regression import Rows
from sos_eval.estimators.fast.assignments import Part, by_pattern, chunks, score_errors
from sos_eval.estimators.fast.regression import RegressionPattern, inverse
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate

__all__ = ["RowGrid", "batch_adoptions", "batch_row_outcomes", "grid_of"]


@dataclass(frozen=True, slots=True)
class RowGrid:
    """The rows of a regression on the grid of units by times.

    Attributes
    ----------
    weights : (n, t)
        Row weights; zero where there is no row.
    outcome : (n, t)
        Outcome with effects and covariates taken out; zero where there is no row.
    covariates : (n, t, c)
        Covariates with effects taken out.
    solver : (t, t)
        Inverse of the system in the time effects.
    clusters : (n,)
        Cluster of each unit.
    """

    weights: Array
    outcome: Array
    covariates: Array
    solver: Array
    clusters: NDArray[np.intp]

    def absorbed(self, columns: Array) -> Array:
        """Take effects and covariates out of columns, (..., n, t, p)."""
        share = self.weights / self.weights.sum(1, keepdims=True)
        centred = columns - np.einsum("nt,...ntp->...np", share, columns)[..., None, :]
        by_time = self.solver @ np.einsum("nt,...ntp->...tp", self.weights, centred)
        centred -= by_time[..., None, :, :]
        centred += np.einsum("nt,...tp->...np", share, by_time)[..., None, :]
        centred *= (self.weights > 0)[..., None]
        return self._without_covariates(centred)

    def _without_covariates(self, columns: Array) -> Array:
        if not self.covariates.shape[-1]:
            return columns
        weighted = self.covariates * self.weights[..., None]
        gram = np.einsum("ntc,ntd->cd", weighted, self.covariates)
        coef = np.linalg.solve(gram, np.einsum("ntc,...ntp->...cp", weighted, columns))
        return np.asarray(columns - np.einsum("ntc,...cp->...ntp", self.covariates, coef))


def grid_of(rows: Rows) -> RowGrid:
    """Lay the rows of a panel out on the grid."""
    panel = rows.panel
    unit, time = panel.unit_codes[rows.used], panel.time_codes[rows.used]
    n, t = panel.n_units, panel.n_times
    weights = np.zeros((n, t))
    weights[unit, time] = rows.weights
    gram = np.diag(weights.sum(0)) - weights.T @ (weights / weights.sum(1, keepdims=True))
    solver = np.linalg.pinv(gram, rcond=1e-11, hermitian=True)
    outcome, covariates = np.zeros((n, t, 1)), np.zeros((n, t, rows.covariates.shape[1]))
    outcome[unit, time, 0], covariates[unit, time] = rows.outcome, rows.covariates
    bare = RowGrid(weights, outcome[..., 0], covariates[..., :0], solver, panel.clusters)
    with_x = RowGrid(weights, outcome[..., 0], bare.absorbed(covariates), solver, panel.clusters)
    return RowGrid(weights, with_x.absorbed(outcome)[..., 0], with_x.covariates, solver, panel.clusters)


def batch_adoptions(
    panel: Panel, rows: Rows, first_treated: Array, plan: Callable[[Array, Array], RegressionPattern],
    complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate under many adoptions, (r, panel.n_units), on the rows that are complete.

    A draw in which some unit is treated in all of its rows, or some regressor has no row, is estimated by itself: its
    rows or its cells are others.
    """
    grid = grid_of(rows)
    place = pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units))
    seen = rows.panel.times[np.argmax(grid.weights > 0, axis=1)]

    def estimated(adoption: Array, starts: Array) -> Part:
        here = adoption[:, place]
        pattern = plan(here[0], starts)
        values, std_error, usable = _adopted(grid, here, pattern)
        usable &= ~(here <= seen).any(1)
        return Part(pattern.cells.assign(n_obs=len(rows.used)), values, std_error, usable)

    return by_pattern(panel, first_treated, estimated, complete)


def _adopted(grid: RowGrid, adoption: Array, pattern: RegressionPattern) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return values and errors (r, m), and which draws have a row for every regressor."""
    n, t = grid.weights.shape
    m, p = pattern.contrast.shape
    values, std_error = np.empty((len(adoption), m)), np.empty((len(adoption), m))
    usable = np.empty(len(adoption), bool)
    codes = pattern.codes(adoption)
    for some in chunks(len(adoption), n * t * (3 * p + 2 * m)):
        columns = pattern.regressors[codes[some]] * (grid.weights > 0)[..., None]
        usable[some] = (codes[some] >= 0).all(1) & (columns.sum((1, 2)) > 0).all(1)
        contrast = _contrast(grid, columns, pattern)
        values[some], std_error[some] = _regressed(grid, columns, contrast)
    single = (np.isfinite(adoption) & (codes >= 0) & np.isfinite(pattern.starts)[codes]).sum(1) == 1
    std_error[single] = np.nan
    std_error[:, pattern.no_error] = np.nan
    return values, std_error, usable


def _contrast(grid: RowGrid, columns: Array, pattern: RegressionPattern) -> Array:
    """Return the rows of the estimate as combinations of coefficients, (r, m, p)."""
    contrast = np.broadcast_to(pattern.contrast, (len(columns), *pattern.contrast.shape)).copy()
    if pattern.post is not None:
        count = np.einsum("nt,rntp->rp", grid.weights, columns) * (pattern.post.sum(0) > 0)
        with np.errstate(invalid="ignore"):  # a draw without any row after a start is estimated by itself
            contrast[:, -1] = count / count.sum(1, keepdims=True)
    return contrast


def _regressed(grid: RowGrid, columns: Array, contrast: Array) -> tuple[Array, Array]:
    """Regress the outcome on columns (r, n, t, p); values and errors of the contrasts, (r, m)."""
    r, n, t, p = columns.shape
    x = grid.absorbed(columns).reshape(r, n * t, p)
    weights, y = grid.weights.ravel(), grid.outcome.ravel()
    weighted = x * weights[:, None]
    bread = inverse(x.swapaxes(1, 2) @ weighted, np.einsum("nt,rntp->rp", grid.weights, columns**2))
    coef = (bread @ (weighted.swapaxes(1, 2) @ y)[..., None])[..., 0]
    rest = weights * (y - (x @ coef[..., None])[..., 0])
    score = (x * rest[..., None]).reshape(r, n, t, p).sum(2) @ (bread @ contrast.swapaxes(1, 2))
    return (contrast @ coef[..., None])[..., 0], score_errors(score, grid.clusters)


def batch_row_outcomes(
    rows: Rows, regressors: Array, contrast: Array, table: pd.DataFrame, outcomes: Array, no_error: NDArray[np.bool_]
) -> Batch:
    """Estimate many outcomes, (r, n_units, n_times) of ``rows.panel``, on one set of regressors (n, k)."""
    grid = grid_of(rows)
    panel = rows.panel
    unit, time = panel.unit_codes[rows.used], panel.time_codes[rows.used]
    columns = np.zeros((1, *grid.weights.shape, regressors.shape[1]))
    columns[0, unit, time] = regressors
    x = grid.absorbed(columns)[0]
    n, t, k = x.shape
    flat, weights = x.reshape(n * t, k), grid.weights.ravel()
    bread = inverse(flat.T @ (flat * weights[:, None]), np.einsum("nt,ntp->p", grid.weights, columns[0] ** 2))
    direction = (flat @ bread @ contrast.T).reshape(n, t, -1)
    values, std_error = [], []
    for some in chunks(len(outcomes), n * t * 3 + n * len(contrast)):
        known = np.where(grid.weights > 0, outcomes[some], 0.0)
        y = grid.absorbed(known[..., None])[..., 0].reshape(-1, n * t)
        coef = (y * weights) @ flat @ bread
        rest = (weights * (y - coef @ flat.T)).reshape(-1, n, t)
        score = (rest.swapaxes(0, 1) @ direction).swapaxes(0, 1)
        values.append(coef @ contrast.T)
        std_error.append(score_errors(score, grid.clusters))
    errors = np.concatenate(std_error)
    errors[:, no_error | (rows.n_treated_units == 1)] = np.nan
    counted = table.assign(n_obs=len(rows.used), n_units=n)
    return Batch(counted, np.concatenate(values), errors, ("",) * len(outcomes))
