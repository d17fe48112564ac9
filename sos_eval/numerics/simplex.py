"""Least squares with weights that are not negative and sum to one, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgecon, dgetrf, dgetrs

__all__ = ["simplex_weights"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A gradient below this share of the largest is zero.
FLAT = 1e-12
#: A system whose reciprocal condition number is below this is solved by singular values.
SINGULAR = 1e-10


def simplex_weights(columns: Array, target: Array, penalty: float) -> Array:
    """Minimise ``|columns w - target|^2 + penalty |w|^2`` over w >= 0 with sum 1, (n,).

    A primal active set (Lawson and Hanson 1995, chapter 23, with the sum as a constraint): every step solves the
    problem on the weights that are positive, and the sum of squares falls until no other weight would lower it.

    Parameters
    ----------
    columns : (p, n)
    target : (p,)
    penalty
        Where it is zero and the columns fit the target perfectly the weights need not be unique.
    """
    gram = columns.T @ columns + penalty * np.eye(columns.shape[1])
    pull = columns.T @ target
    tolerance = FLAT * max(np.abs(gram).max(), np.abs(pull).max(), np.finfo(float).tiny)
    weights = _start(gram, pull, everyone=penalty > 0)
    positive = weights > 0
    for _ in range(50 * len(pull) + 50):
        best = _on(gram, pull, positive, regular=penalty > 0)
        if (best[positive] >= 0).all():
            weights = best
            slope = gram @ weights - pull
            slope = np.where(positive, np.inf, slope - slope[positive].mean())
            nearest = int(slope.argmin())
            if slope[nearest] >= -tolerance:
                return weights
            positive[nearest] = True
            continue
        weights, positive = _towards(weights, best, positive)
    raise np.linalg.LinAlgError("the active set did not settle")


def _start(gram: Array, pull: Array, *, everyone: bool) -> Array:
    """Return equal weights, or the best single one."""
    if everyone:
        return np.full(len(pull), 1 / len(pull))
    return np.asarray(np.arange(len(pull)) == (np.diagonal(gram) / 2 - pull).argmin(), float)


def _on(gram: Array, pull: Array, positive: Bools, *, regular: bool) -> Array:
    """Solve for the positive weights with the sum as the only constraint, (n,)."""
    inside = np.flatnonzero(positive)
    size = len(inside)
    part = gram[inside[:, None], inside]
    scale = part.trace() / size or 1.0
    system, right = np.ones((size + 1, size + 1)), np.ones(size + 1)
    system[:size, :size], system[size, size], right[:size] = part / scale, 0.0, pull[inside] / scale
    solution = np.linalg.solve(system, right) if regular else _solved(system, right)
    out = np.zeros(len(pull))
    out[inside] = solution[:size]
    return out


def _solved(system: Array, right: Array) -> Array:
    """Solve; the shortest of the solutions where the system is singular, or nearly so."""
    factors, pivots, zero = dgetrf(system)
    if zero == 0 and dgecon(factors, np.abs(system).sum(0).max())[0] > SINGULAR:
        return np.asarray(dgetrs(factors, pivots, right)[0])
    return np.asarray(np.linalg.lstsq(system, right, rcond=1e-14)[0], float)


def _towards(weights: Array, best: Array, positive: Bools) -> tuple[Array, Bools]:
    """Go as far towards the best as no weight turns negative, and let go of those that reach zero."""
    falling = positive & (best < 0)
    reach = weights[falling] / (weights[falling] - best[falling])
    step = reach.min()
    moved = weights + step * (best - weights)
    gone = np.zeros(len(weights), bool)
    gone[np.flatnonzero(falling)[reach <= step]] = True
    kept = positive & ~gone
    return np.where(kept, np.maximum(moved, 0.0), 0.0), kept
