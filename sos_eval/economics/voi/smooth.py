"""Penalised least squares on a nested basis, each outcome with its own smoothness by restricted likelihood (REML).

The design matrix of many draws is never kept: its cross-products are summed over blocks of draws, all choices of
smoothness are made on them, and fitted values are made block by block. A curvature block and an interaction block
have a penalty each (Wood 2017, chapters 5 and 6; the criterion is his equation 6.18 with the scale profiled out).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky

from sos_eval.economics.voi.basis import Basis, plan

__all__ = ["Smooth", "smooth"]

Array = NDArray[np.float64]
_ROWS = 5000
_GRID = 10.0 ** np.arange(-8, 4)  # penalties a draw; curves have unit curvature, parameters unit variance
_GRID_OF_MANY = 10.0 ** np.arange(-7, 4, 2)
_MANY = 150  # columns
_TRACE = 1e-8  # penalty a draw on every column: keeps collinear parameters solvable, moves nothing else


@dataclass(frozen=True, slots=True)
class Smooth:
    """Fitted regressions of M outcomes on one group of parameters.

    Attributes
    ----------
    basis
        What was fitted.
    centre : (q,)
        Columns are centred before fitting (the constant is left).
    coef : (q, M)
        Coefficients on the centred columns.
    half : tuple of (q, q)
        For each outcome, a square root H of the coefficients' covariance over the residual variance (H H').
    residual_covariance : (M, M)
        Of the outcomes around their fits.
    """

    basis: Basis
    centre: Array
    coef: Array
    half: tuple[Array, ...]
    residual_covariance: Array

    def columns(self, x: Array) -> Array:
        """Evaluate the centred basis, (n, q)."""
        return np.asarray(self.basis.columns(x) - self.centre)

    def fitted(self, x: Array) -> Array:
        """Return fitted values, (n, M)."""
        return np.concatenate([self.columns(x[rows]) @ self.coef for rows in _blocks(len(x))])

    def draw_coef(self, count: int, rng: np.random.Generator) -> Array:
        """Draw coefficients around the estimate, (count, q, M), outcomes correlated as their residuals are."""
        m = self.coef.shape[1]
        root = _root(self.residual_covariance)
        noise = rng.standard_normal((count, len(self.coef), m)) @ root.T
        moved = np.stack([noise[:, :, j] @ self.half[j].T for j in range(m)], axis=2)
        return np.asarray(self.coef + moved)


def smooth(x: Array, y: Array) -> Smooth:
    """Regress M outcomes on the parameters of a group.

    Parameters
    ----------
    x : (n, p)
        Draws of the parameters, none constant.
    y : (n, M)
        Outcomes.
    """
    basis = plan(x)
    centre = _centre(basis, x)
    gram, cross, y_mean, total = _cross_products(basis, x, y, centre)
    blocks = _slices(basis.blocks)
    choice = _reml(gram, cross, total, len(x), blocks)
    coef, half = np.empty_like(cross), []
    for j, penalties in enumerate(choice):
        factor = np.linalg.inv(cholesky(gram + _penalty(penalties, blocks, len(x)), lower=True))
        coef[:, j] = factor.T @ (factor @ cross[:, j])
        half.append(np.asarray(factor.T))
    residual = total - coef.T @ cross - cross.T @ coef + coef.T @ gram @ coef
    used = float(np.mean([np.sum((h.T @ gram) * h.T) for h in half]))  # mean effective degrees of freedom
    freedom = max(len(x) - used, 1.0)
    coef[0] += y_mean
    return Smooth(basis, centre, coef, tuple(half), residual / freedom)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS))


def _centre(basis: Basis, x: Array) -> Array:
    """Return the mean of each column over draws; the constant is left as it is."""
    centre = np.asarray(sum(basis.columns(x[rows]).sum(0) for rows in _blocks(len(x))), float) / len(x)
    centre[0] = 0.0
    return centre


def _cross_products(basis: Basis, x: Array, y: Array, centre: Array) -> tuple[Array, Array, Array, Array]:
    """Sum X'X, X'y and y'y over blocks of draws, y about its mean."""
    q, y_mean = len(centre), y.mean(0)
    gram, cross, total = np.zeros((q, q)), np.zeros((q, y.shape[1])), np.zeros((y.shape[1],) * 2)
    for rows in _blocks(len(x)):
        columns = basis.columns(x[rows]) - centre
        centred = y[rows] - y_mean
        gram += columns.T @ columns
        cross += columns.T @ centred
        total += centred.T @ centred
    return gram, cross, y_mean, total


def _slices(sizes: tuple[int, int, int]) -> tuple[slice, slice]:
    """Return where the two penalised blocks stand."""
    first, second, third = sizes
    return slice(first, first + second), slice(first + second, first + second + third)


def _penalty(penalties: tuple[float, float], blocks: tuple[slice, slice], n: int) -> Array:
    """Return the diagonal penalty."""
    diagonal = np.full(blocks[1].stop, _TRACE * n)
    for value, block in zip(penalties, blocks, strict=True):
        diagonal[block] = value
    return np.diag(diagonal)


def _reml(gram: Array, cross: Array, total: Array, n: int, blocks: tuple[slice, slice]) -> list[tuple[float, float]]:
    """Choose each outcome's two penalties: the pair with the highest restricted likelihood on a grid."""
    grid = n * (_GRID if len(gram) <= _MANY else _GRID_OF_MANY)
    sizes = [block.stop - block.start for block in blocks]
    axes = [grid if size else grid[:1] for size in sizes]
    free = n - (len(gram) - sum(sizes))
    best = np.full(cross.shape[1], np.inf)
    choice = [(0.0, 0.0)] * cross.shape[1]
    for pair in product(*axes):
        factor = cholesky(gram + _penalty(pair, blocks, n), lower=True, check_finite=False)
        explained = np.einsum("ij,ij->j", cross, cho_solve((factor, True), cross, check_finite=False))
        deviance = np.diag(total) - explained
        score = free * np.log(np.maximum(deviance, 1e-300)) + 2 * np.log(np.diag(factor)).sum()
        score -= sum(size * np.log(value) for size, value in zip(sizes, pair, strict=True))
        for j in np.flatnonzero(score < best):
            best[j], choice[j] = score[j], (float(pair[0]), float(pair[1]))
    return choice


def _root(covariance: Array) -> Array:
    """Return a square root of a covariance that may be singular (an outcome may be fitted exactly)."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
