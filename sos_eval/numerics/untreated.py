"""Least squares on untreated rows: what it says of every other row, and how far each row moves that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["UntreatedFit", "fit_untreated", "unit_sums"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: A row is out of reach of the untreated ones where more than this share of its regressors is no combination of theirs.
OUT_OF_REACH = 1e-7


@dataclass(frozen=True, slots=True)
class UntreatedFit:
    """Unit effects, period effects and covariates fitted on the untreated rows.

    With z a row's period indicators and covariates, less their weighted mean over the untreated rows of its unit, the
    fit is ``mean of the unit's untreated outcomes + z' solver sum_untreated w z y``.

    Attributes
    ----------
    first : (u,)
        Position of each unit's first row.
    unit : (n,)
        Unit of each row, in order.
    weights : (n,)
        Row weights, zero where treated.
    columns : (n, p)
        z.
    solver : (p, p)
        Pseudo-inverse of ``sum_untreated w z z'``.
    within_reach : (n,)
        Rows whose untreated outcome the untreated rows determine.
    """

    first: Codes
    unit: Codes
    weights: Array
    columns: Array
    solver: Array
    within_reach: NDArray[np.bool_]

    def residual(self, outcomes: Array) -> Array:
        """Return outcomes less what they would be untreated, (..., n)."""
        own = unit_sums(outcomes * self.weights, self.first) / unit_sums(self.weights, self.first)
        coef = (outcomes * self.weights) @ self.columns @ self.solver
        return np.asarray(outcomes - own[..., self.unit] - coef @ self.columns.T)

    def scores(self, residuals: Array) -> Array:
        """Sum ``w z residual`` over the untreated rows of each unit, (..., n) -> (..., u, p)."""
        held = (residuals * self.weights)[..., None] * self.columns
        return np.asarray(np.add.reduceat(held, self.first, axis=-2))


def unit_sums(columns: Array, first: Codes) -> Array:
    """Sum columns over the rows of each unit, (..., n) -> (..., u)."""
    return np.asarray(np.add.reduceat(columns, first, axis=-1))


def fit_untreated(
    unit: Codes, time: Codes, weights: Array, covariates: Array, treated: NDArray[np.bool_]
) -> UntreatedFit:
    """Plan the fit.

    Parameters
    ----------
    unit, time : (n,)
        Codes; rows stand in the order of units, each of which has an untreated row.
    weights : (n,)
        Row weights, positive.
    covariates : (n, c)
        Regressors beside unit and period effects.
    treated : (n,)
        Rows that are left out of the fit.
    """
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    held = np.where(treated, 0.0, weights)
    columns = np.column_stack([time[:, None] == np.arange(time.max() + 1), covariates]).astype(float)
    means = np.add.reduceat(columns * held[:, None], first) / unit_sums(held, first)[:, None]
    columns -= means[unit]
    gram = (columns * held[:, None]).T @ columns
    length = np.sqrt(np.where(np.diagonal(gram) > 0, np.diagonal(gram), 1.0))
    values, vectors = np.linalg.eigh(gram / length[:, None] / length)
    kept = values > 1e-11 * values[-1]
    basis = vectors[:, kept]
    solver = (basis / values[kept]) @ basis.T / length[:, None] / length
    return UntreatedFit(first, unit, held, columns, solver, _within_reach(columns / length, basis))


def _within_reach(columns: Array, basis: Array) -> NDArray[np.bool_]:
    """Say which rows (n, p) are combinations of orthonormal columns (p, r), (n,)."""
    beyond = columns - columns @ basis @ basis.T
    size = np.linalg.norm(columns, axis=1)
    return np.asarray(np.linalg.norm(beyond, axis=1) <= OUT_OF_REACH * np.where(size > 0, size, 1.0))
