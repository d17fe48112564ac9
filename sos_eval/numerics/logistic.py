"""Logistic regression by maximum likelihood, without a penalty; many at once on the same regressors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.newton import Lanes, maximise, solve

__all__ = ["COLLINEAR", "SEPARATED", "LogisticFit", "LogisticFits", "SeparationError", "gram", "logistic", "logistics"]

Array = NDArray[np.float64]

#: A fitted probability this close to 0 or 1 is a sign, not yet a proof, of separation.
_EXTREME = 1e-6
#: Squared condition number (inverse) from which regressors are of full rank whatever rounding does to their products.
_FULL_RANK = 1e-8

COLLINEAR = "collinear regressors"
SEPARATED = "the regressors separate ones from zeros"
_NOT_MAXIMISED = "the likelihood could not be maximised"


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


@dataclass(frozen=True, slots=True)
class LogisticFits:
    """Many of them: each array of `LogisticFit` with a first axis more, zeros where `failures` (b,) say why not."""

    coef: Array
    linear: Array
    probability: Array
    bread: Array
    failures: NDArray[np.object_]


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
        Complete or quasi-complete separation (Albert and Anderson 1984), proved by a linear programme; or, as its
        message says, so near to it that no maximum was found.
    """
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    fits = logistics(y[None], x, w[None])
    if why := fits.failures[0]:
        raise np.linalg.LinAlgError(why) if why == COLLINEAR else SeparationError(why)
    return LogisticFit(fits.coef[0], fits.linear[0], fits.probability[0], fits.bread[0])


def logistics(y: Array, x: Array, weights: Array) -> LogisticFits:
    """Fit many logistic regressions on the same regressors; see `logistic`.

    Parameters
    ----------
    y, weights : (b, n)
        Zeros and ones, and the weights, of each.
    x : (n, k)
        Regressors.
    """
    failures = np.full(len(y), "", object)
    scale = np.sqrt((x**2).mean(0))
    scale[scale == 0] = 1.0
    scaled = x / scale
    failures[~_full_rank(scaled, weights > 0)] = COLLINEAR
    coef, probability = np.zeros((len(y), x.shape[1])), np.full(y.shape, 0.5)
    fine = np.flatnonzero(failures == "")
    coef[fine], converged = _newton(y[fine], scaled, weights[fine])
    probability[fine] = _expit(coef[fine] @ scaled.T)
    failures[fine[~converged]] = _NOT_MAXIMISED
    extreme = np.where(weights > 0, np.minimum(probability, 1 - probability), 1.0).min(1) < _EXTREME
    for lane in fine[~converged | extreme[fine]]:
        used = weights[lane] > 0
        if _separated(y[lane, used], scaled[used]):
            failures[lane] = SEPARATED
    bread = _breads(scaled, weights * probability * (1 - probability), failures)
    failed = failures != ""
    coef[failed] = 0.0
    return LogisticFits(coef / scale, coef @ scaled.T, probability, bread / np.outer(scale, scale), failures)


def _full_rank(x: Array, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the regressors (n, k) are of full rank among the observations used, (b, n) -> (b,)."""
    k = x.shape[1]
    sizes = np.linalg.eigvalsh(gram(used.astype(float), x))
    full: NDArray[np.bool_] = sizes[:, 0] > _FULL_RANK * sizes[:, -1]
    for lane in np.flatnonzero(~full):
        full[lane] = np.linalg.matrix_rank(x[used[lane]]) == k
    return full


def gram(weights: Array, x: Array) -> Array:
    """Return ``X' W X`` of weights (b, n) and regressors (n, k): (b, k, k)."""
    k = x.shape[1]
    if len(weights) <= k:  # few: cheaper than every product of two regressors
        return np.array([(x * w[:, None]).T @ x for w in weights], float).reshape(-1, k, k)
    return np.asarray((weights @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(-1, k, k))


def _newton(y: Array, x: Array, w: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Maximise the likelihoods; say whether each score reached zero to rounding."""
    ones = (w * y) @ x

    def value(coef: Array, lanes: Lanes) -> Array:
        return np.asarray((ones[lanes] * coef).sum(1) - (w[lanes] * np.logaddexp(0.0, coef @ x.T)).sum(1))

    def slopes(coef: Array, lanes: Lanes) -> tuple[Array, Array]:
        p = _expit(coef @ x.T)
        weighted = w[lanes] * p
        score = (w[lanes] * (y[lanes] - p)) @ x
        return score, gram(weighted * (1 - p), x)

    return maximise(np.zeros((len(y), x.shape[1])), value, slopes, w.sum(1))


def _breads(x: Array, curvature: Array, failures: NDArray[np.object_]) -> Array:
    """Invert the information, (b, k, k); zeros where something failed, and note what fails here."""
    k = x.shape[1]
    information = gram(curvature, x)
    information[failures != ""] = np.eye(k)
    bread, solvable = solve(information, np.broadcast_to(np.eye(k), information.shape))
    failures[~solvable] = COLLINEAR
    bread[failures != ""] = 0.0
    return bread


def _expit(linear: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(linear), float)


def _separated(y: Array, x: Array) -> bool:
    """Whether some direction d has x d >= 0 for every one and <= 0 for every zero, and not all of them zero."""
    from scipy.optimize import linprog

    signed = x * np.where(y > 0.5, 1.0, -1.0)[:, None]
    found = linprog(-signed.sum(0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs")
    return found.status == 0 and float(signed.sum(0) @ np.asarray(found.x)) > 1e-7 * len(y)
