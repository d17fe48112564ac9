"""Logistic regression by maximum likelihood, without a penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.newton import maximise

__all__ = ["LogisticFit", "SeparationError", "logistic"]

Array = NDArray[np.float64]

#: A fitted probability this close to 0 or 1 is a sign, not yet a proof, of separation.
_EXTREME = 1e-6


class SeparationError(ArithmeticError):
    """A combination of the regressors separates ones from zeros: no finite maximum of the likelihood exists."""


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A fitted logistic regression.

    Attributes
    ----------
    coef : (k,)
        Coefficients.
    linear : (n,)
        ``x @ coef``.
    probability : (n,)
        Fitted probabilities.
    bread : (k, k)
        ``(X' W X)^-1`` with W = weights * p * (1 - p).
    """

    coef: Array
    linear: Array
    probability: Array
    bread: Array


def logistic(y: Array, x: Array, weights: Array | None = None) -> LogisticFit:
    """Fit P(y = 1 | x) = 1 / (1 + exp(-x b)) by Newton's method (iteratively reweighted least squares).

    Parameters
    ----------
    y : (n,)
        Zeros and ones.
    x : (n, k)
        Regressors, the constant among them.
    weights : (n,), optional
        Non-negative; observations of weight zero are predicted only.

    Raises
    ------
    numpy.linalg.LinAlgError
        The regressors are collinear.
    SeparationError
        Complete or quasi-complete separation (Albert and Anderson 1984), proved by a linear programme.
    """
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    scale = np.sqrt((x**2).mean(0))
    if not (scale > 0).all() or np.linalg.matrix_rank((x / scale)[w > 0]) < x.shape[1]:
        raise np.linalg.LinAlgError("collinear regressors")
    scaled = x / scale
    coef, converged = _newton(y, scaled, w)
    probability = _expit(scaled @ coef)
    extreme = np.minimum(probability, 1 - probability)[w > 0].min() < _EXTREME
    if (extreme or not converged) and _separated(y[w > 0], scaled[w > 0]):
        raise SeparationError("the regressors separate ones from zeros")
    if not converged:
        raise ArithmeticError("the likelihood could not be maximised")
    curvature = w * probability * (1 - probability)
    bread = np.linalg.inv((scaled * curvature[:, None]).T @ scaled) / np.outer(scale, scale)
    return LogisticFit(coef / scale, scaled @ coef, probability, bread)


def _newton(y: Array, x: Array, w: Array) -> tuple[Array, bool]:
    """Maximise the likelihood; say whether the score reached zero to rounding."""

    def value(coef: Array) -> float:
        linear = x @ coef
        return float(w @ (y * linear - np.logaddexp(0.0, linear)))

    def slopes(coef: Array) -> tuple[Array, Array]:
        p = _expit(x @ coef)
        return np.asarray(x.T @ (w * (y - p)), float), (x * (w * p * (1 - p))[:, None]).T @ x

    return maximise(np.zeros(x.shape[1]), value, slopes, w.sum())


def _expit(linear: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(linear), float)


def _separated(y: Array, x: Array) -> bool:
    """Whether some direction d has x d >= 0 for every one and <= 0 for every zero, and not all of them zero."""
    from scipy.optimize import linprog

    signed = x * np.where(y > 0.5, 1.0, -1.0)[:, None]
    found = linprog(-signed.sum(0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs")
    return found.status == 0 and float(signed.sum(0) @ np.asarray(found.x)) > 1e-7 * len(y)
