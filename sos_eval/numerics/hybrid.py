"""Tests of moment inequalities with nuisance parameters: conditional, with a least-favourable first stage.

Andrews, Roth and Pakes (2023), sections 4 to 6, as Rambachan and Roth (2023), section 3, use them: equation numbers not
verified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from sos_eval.numerics.rays import MOST_RAYS, extreme_rays

__all__ = ["Moments", "TooManyRays", "accepted", "moments", "rejected"]

Array = NDArray[np.float64]
_NO_VARIANCE, _SAME = 1e-10, 1e-10


class TooManyRays(ValueError):
    """The inequalities have more vertices than are listed."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Inequalities free of nuisance: ``E[value] <= 0`` for each, value = rows @ b - target * theta - constant.

    Attributes
    ----------
    rows : (v, k)
        Weights of the estimates.
    target, constant : (v,)
        What theta and one are multiplied by.
    covariance : (v, v)
        Of the values.
    critical
        The largest value's quantile of order 1 - kappa where all means are zero: the first stage rejects beyond.
    """

    rows: Array
    target: Array
    constant: Array
    covariance: Array
    critical: float

    def values(self, estimates: Array, theta: Array) -> Array:
        """Return the values at estimates (..., k) and thetas (...), (..., v)."""
        return np.asarray(estimates @ self.rows.T - self.constant - np.asarray(theta)[..., None] * self.target)


def moments(
    pieces: Iterable[tuple[Array, Array]], weights: Array, covariance: Array, normal: Array, kappa: float
) -> list[Moments]:
    """Lay out the inequalities of every polyhedron ``A delta <= d`` for theta = weights' (effects).

    The effects given theta are the nuisance: a linear programme over them has the value of the largest moment over the
    vertices of its dual, which depend on neither estimates nor theta and are listed once.

    Parameters
    ----------
    pieces
        A : (rows, k) and d : (rows,); columns of A after the base are the same in all.
    weights : (p,)
        Of the effects after the base, the last p of the k.
    covariance : (k, k)
        Of the estimates.
    normal : (draws, k)
        Standard normal draws for the first stage, the same for every piece.
    kappa
        Size of the first stage.

    Raises
    ------
    TooManyRays
        There are too many vertices to list.
    """
    made, rays = [], None
    p, noise = len(weights), normal @ np.linalg.cholesky(covariance).T
    pivot = int(np.argmax(np.abs(weights)))
    onto = np.eye(p)[pivot] / weights[pivot]
    free = np.delete(np.eye(p) - np.outer(onto, weights), pivot, axis=1)
    for a, d in pieces:
        after = a[:, -p:]
        rays = extreme_rays(after @ free) if rays is None else rays
        if rays is None:
            raise TooManyRays(f"the restriction has more than {MOST_RAYS:,} vertices: end panel.window earlier")
        scale = rays @ np.sqrt(np.maximum(np.einsum("rk,kl,rl->r", a, covariance, a), 0.0))
        kept = rays[scale > 0] / scale[scale > 0, None]
        rows = kept @ a
        top = (noise @ rows.T).max(1)
        made.append(
            Moments(rows, kept @ after @ onto, kept @ d, rows @ covariance @ rows.T, float(np.quantile(top, 1 - kappa)))
        )
    return made


def accepted(
    pieces: Iterable[Moments], estimates: Array, theta: Array, *, alpha: float, kappa: float
) -> NDArray[np.bool_]:
    """Say which values of theta some piece does not reject, (...,): estimates (..., k) or (k,), thetas (...)."""
    inside = np.zeros(np.shape(theta), bool)
    own = np.broadcast_to(estimates, (*inside.shape, estimates.shape[-1]))
    for piece in pieces:
        left = ~inside
        values = piece.values(own[left], np.asarray(theta)[left])
        inside[left] = ~rejected(values, piece.covariance, piece.critical, alpha=alpha, kappa=kappa)
    return inside


def rejected(values: Array, covariance: Array, critical: float, *, alpha: float, kappa: float) -> NDArray[np.bool_]:
    """Test that no mean is positive, in every row.

    The largest value is compared with its normal distribution given which moment is the largest and all else that is
    independent of it: truncated between `low` and `high`, and at the first stage's critical value. A largest value
    without variance rejects where it is positive.

    Parameters
    ----------
    values : (r, v)
        Of the moments.
    covariance : (v, v)
        Known.
    critical, alpha, kappa
        First stage's critical value, size of the whole, size of the first stage.
    """
    binding = values.argmax(1)
    top = values[np.arange(len(values)), binding]
    variance = np.diag(covariance)
    sure = variance <= _NO_VARIANCE * max(float(variance.max()), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (covariance / np.where(sure, np.nan, variance)).T[binding]
        bound = (values - slope * top[:, None]) / (1 - slope)
    low = np.where(slope < 1 - _SAME, bound, -np.inf).max(1)
    high = np.minimum(np.where(slope > 1 + _SAME, bound, np.inf).min(1), critical)
    sd = np.sqrt(np.where(sure, np.nan, variance))[binding]
    second = _beyond(top / sd, low / sd, high / sd, (alpha - kappa) / (1 - kappa))
    out = np.where(sure[binding], top > _NO_VARIANCE, (top > critical) | ((top > 0) & second))
    return np.asarray(out, bool)


def _beyond(value: Array, low: Array, high: Array, alpha: float) -> NDArray[np.bool_]:
    """Say whether a standard normal within [low, high] exceeds a value with a probability below alpha, on logs."""
    start, own, end = (log_ndtr(-x) for x in (low, np.minimum(value, high), high))
    with np.errstate(invalid="ignore"):
        above, whole = np.exp(own - start) - np.exp(end - start), 1 - np.exp(end - start)
        return np.asarray(above < alpha * whole)
