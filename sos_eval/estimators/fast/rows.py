"""Many outcomes of one two-way regression at once where rows are missing, weights move over time, or covariates enter.

Unit and time effects depend on rows and weights alone, so a whole chunk of outcomes is absorbed at once on the grid of
units by times; missing rows have weight zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._regression import Rows
from sos_eval.estimators.fast.assignments import chunks, score_errors
from sos_eval.estimators.fast.regression import inverse
from sos_eval.numerics.regress import scaled_inverse
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Batch

__all__ = ["RowGrid", "batch_row_outcomes", "grid_of", "unit_clusters"]


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
        coef = scaled_inverse(gram) @ np.einsum("ntc,...ntp->...cp", weighted, columns)
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
        held = np.where(grid.weights > 0, outcomes[some], 0.0)
        y = grid.absorbed(held[..., None])[..., 0].reshape(-1, n * t)
        coef = (y * weights) @ flat @ bread
        rest = (weights * (y - coef @ flat.T)).reshape(-1, n, t)
        score = (rest.swapaxes(0, 1) @ direction).swapaxes(0, 1)
        values.append(coef @ contrast.T)
        std_error.append(score_errors(score, grid.clusters))
    errors = np.concatenate(std_error)
    errors[:, no_error | (rows.n_treated_units == 1)] = np.nan
    counted = table.assign(n_obs=len(rows.used), n_units=n)
    return Batch(counted, np.concatenate(values), errors, ("",) * len(outcomes))


def unit_clusters(rows: Rows) -> NDArray[np.intp] | None:
    """Return the cluster of each unit, (n,); None where clusters cut through the rows of a unit."""
    clusters = rows.panel.clusters[rows.influence_codes]
    by_unit = np.zeros(rows.effects.shape[0], np.intp)
    by_unit[rows.effects.unit] = clusters
    return by_unit if (by_unit[rows.effects.unit] == clusters).all() else None
