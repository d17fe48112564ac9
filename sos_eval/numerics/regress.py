"""Weighted least squares on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LinearFit", "least_squares", "scaled_inverse", "told_apart", "with_influence"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A regressor is taken as a combination of those before it where less than this share of its length is left.
_COLLINEAR = 1e-7


@dataclass(frozen=True, slots=True)
class LinearFit:
    """A fitted (generalised) linear regression, as the sandwich estimators need it.

    Attributes
    ----------
    coef : (..., k)
        Coefficients, those of covariates per standard deviation; leading axes are draws.
    x : (n, k)
        Regressors after absorption of fixed effects, unweighted. For a GLM: absorbed under the working weights.
    residuals : (..., n)
        Working residuals.
    weights : (n,)
        Regression weights (for a GLM: working weights); ones where unweighted.
    bread : (k, k)
        ``(X' W X)^-1``.
    unit_codes : (n,)
        Position of each observation in the influence function (its unit, or itself in cross-sections).
    n_obs
        Observations used.
    n_params
        Parameters counted in (N - 1)/(N - K): fixed effects nested in the cluster are not counted.
    contrast : (m, k)
        Cells of the estimate as combinations of the coefficients.
    family
        ``linear`` (t with G - 1) or ``poisson``.
    absorbed
        Codes (n,) of the effects that `x` and `residuals` are free of: units (nested in clusters) first, then times.
    """

    coef: Array
    x: Array
    residuals: Array
    weights: Array
    bread: Array
    unit_codes: NDArray[np.intp]
    n_obs: int
    n_params: int
    contrast: Array
    family: str = "linear"
    absorbed: tuple[NDArray[np.intp], ...] = ()

    @property
    def scores(self) -> Array:
        """Each observation's contribution to the estimating equations of the first draw, (n, k)."""
        return np.asarray(self.x * (self.residuals * self.weights)[:, None])


def least_squares(y: Array, x: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Regress batches of outcomes on one set of regressors.

    Parameters
    ----------
    y : (..., n)
        Outcomes; leading axes are draws.
    x : (n, k)
        Regressors of full column rank.
    weights : (n,), optional
        Observation weights.

    Returns
    -------
    coef : (..., k)
        Coefficients.
    bread : (k, k)
        ``(X' W X)^-1``.

    Raises
    ------
    numpy.linalg.LinAlgError
        The regressors are collinear.
    """
    xw = x if weights is None else x * weights[:, None]
    gram = xw.T @ x
    bread = scaled_inverse(gram)
    return np.asarray((y @ xw) @ bread.T), bread


def with_influence(y: Array, x: Array, weights: Array) -> tuple[Array, Array]:
    """Return coefficients of a weighted regression, (k,), and each row's influence on them, (n, k)."""
    coef, bread = least_squares(y, x, weights)
    return coef, np.asarray((x * (weights * (y - x @ coef))[:, None]) @ bread)


def told_apart(columns: Array, weights: Array) -> Bools:
    """Find the columns (n, k) that those before them do not explain, (k,)."""
    gram = (columns * weights[:, None]).T @ columns
    length = np.sqrt(np.diagonal(gram))
    unit = gram / np.outer(np.where(length > 0, length, 1.0), np.where(length > 0, length, 1.0))
    kept: list[int] = []
    for j in range(len(unit)):
        left = unit[j, j]
        if kept:
            left -= unit[j, kept] @ np.linalg.solve(unit[np.ix_(kept, kept)], unit[kept, j])
        if length[j] > 0 and left > _COLLINEAR:
            kept.append(j)
    return np.isin(np.arange(len(unit)), kept)


def scaled_inverse(gram: Array) -> Array:
    """Invert products of columns (k, k), each column brought to length one first: its unit of measure decides nothing.

    Raises
    ------
    numpy.linalg.LinAlgError
        The columns are collinear.
    """
    length = np.sqrt(np.diagonal(gram))
    if not (length > 0).all():
        raise np.linalg.LinAlgError("collinear regressors")
    unit = gram / length[:, None] / length
    if len(unit) and np.linalg.matrix_rank(unit, hermitian=True) < len(unit):
        raise np.linalg.LinAlgError("collinear regressors")
    return np.asarray(np.linalg.inv(unit) / length[:, None] / length, float)
