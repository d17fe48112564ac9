"""Least squares with weights that are not negative and sum to one, exactly; the shortest where several fit alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgecon, dgetrf, dgetrs
from scipy.optimize import linprog, nnls

__all__ = ["equally_good_range", "simplex_weights"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A gradient below this share of the largest is zero.
FLAT = 1e-12
#: A system whose reciprocal condition number is below this is solved by singular values.
SINGULAR = 1e-10
#: Columns whose gradient is below this share of the largest fit as well as those in use; singular values are zero.
TIED = 1e-9
#: Steps of the search for the shortest weights, and how far from their equations they may end.
NEWTON_STEPS, CLOSE = 60, 1e-11


class _Programme(NamedTuple):
    """Least squares in the form of ``w' gram w / 2 - pull' w``, with the columns it came from, (p, n)."""

    gram: Array
    pull: Array
    columns: Array
    penalty: float

    @property
    def tolerance(self) -> float:
        """How far below zero a gradient counts as zero."""
        return float(FLAT * max(np.abs(self.gram).max(), np.abs(self.pull).max(), np.finfo(float).tiny))

    def slope(self, weights: Array) -> Array:
        """Return each weight's gradient less the mean of those in use, (n,)."""
        slope = self.gram @ weights - self.pull
        return np.asarray(slope - slope[weights > 0].mean())


def simplex_weights(columns: Array, target: Array, penalty: float) -> Array:
    """Minimise ``|columns w - target|^2 + penalty |w|^2`` over w >= 0 with sum 1, (n,).

    A primal active set (Lawson and Hanson 1995, chapter 23, with the sum as a constraint): every step solves the
    problem on the weights that are positive, and the sum of squares falls until no other weight would lower it. Where
    it does not settle, the same programme as non-negative least squares. Without a penalty several weights can fit
    equally well: then those with the smallest sum of squares, which are unique.

    Parameters
    ----------
    columns : (p, n)
    target : (p,)
    penalty

    Raises
    ------
    numpy.linalg.LinAlgError
        The programme has no solution that either way finds.
    """
    # with a sum of one the target can be taken out of every column: what is left is small where the fit is good
    apart = columns - target[:, None] if penalty == 0 else columns
    pull = np.zeros(columns.shape[1]) if penalty == 0 else columns.T @ target
    own = _Programme(apart.T @ apart + penalty * np.eye(columns.shape[1]), pull, apart, penalty)
    weights = _active_set(own)
    if weights is None:
        weights = _by_nnls(own, columns - target[:, None])
    return weights if penalty > 0 else _shortest(own, weights)


def equally_good_range(columns: Array, target: Array, weights: Array, effect: Array) -> tuple[float, float]:
    """Return the smallest and largest ``effect' w`` over all weights that fit as well as those given.

    What a least-squares solution fits is unique, so that the others are a polytope: ``columns w`` as it is, w >= 0,
    sum 1, and zero where a gradient is positive. Two linear programmes.

    Parameters
    ----------
    columns : (p, n)
    target : (p,)
    weights : (n,)
        From `simplex_weights` without a penalty.
    effect : (n,)

    Raises
    ------
    numpy.linalg.LinAlgError
        A programme ended without a solution.
    """
    own = _unpenalised(columns - target[:, None])
    alike = _alike(own, weights)
    equations, fitted = _equations(own, alike, weights)
    if len(alike) == np.linalg.matrix_rank(equations, TIED):
        return (float(effect @ weights),) * 2
    ends = [
        linprog(sign * effect[alike], A_eq=equations, b_eq=fitted, bounds=(0, None), method="highs") for sign in (1, -1)
    ]
    if not all(end.status == 0 for end in ends):
        raise np.linalg.LinAlgError("the range over equally good weights was not found")
    lowest, highest = (float(effect[alike] @ np.asarray(end.x, float)) for end in ends)
    return lowest, highest


def _unpenalised(apart: Array) -> _Programme:
    return _Programme(apart.T @ apart, np.zeros(apart.shape[1]), apart, 0.0)


def _active_set(own: _Programme) -> Array | None:
    """Return the weights, (n,); None where the set does not settle.

    A weight that would turn negative as soon as it is let in is barred until the fit has improved.
    """
    weights, tolerance = _start(own.gram, own.pull, everyone=own.penalty > 0), own.tolerance
    positive, barred, entered = weights > 0, np.zeros(len(weights), bool), -1
    for _ in range(50 * len(weights) + 50):
        best = _on(own.gram, own.pull, positive, regular=own.penalty > 0)
        if (best[positive] >= 0).all():
            weights, entered = best, -1
            slope = own.gram @ weights - own.pull
            slope = np.where(positive | barred, np.inf, slope - slope[positive].mean())
            nearest = int(slope.argmin())
            if slope[nearest] >= -tolerance:
                return weights
            positive[nearest], entered = True, nearest
            continue
        moved, kept = _towards(weights, best, positive)
        if entered >= 0 and not kept[entered]:
            barred[entered] = True
        elif not np.array_equal(moved, weights):
            barred[:] = False
        weights, positive = moved, kept
    return None


def _by_nnls(own: _Programme, apart: Array) -> Array:
    """Solve as ``min |apart u|^2 + penalty |u|^2 + (sum u - 1)^2`` over u >= 0: w is u over its sum, without rounding.

    For every sum s the first two terms are s^2 times what is to be minimised at w = u / s.
    """
    n = apart.shape[1]
    size = np.sqrt((apart**2).sum() / n + own.penalty) or 1.0
    rows = [apart, size * np.ones((1, n)), *([np.sqrt(own.penalty) * np.eye(n)] if own.penalty > 0 else [])]
    right = np.concatenate([np.zeros(len(apart)), [size], np.zeros(n if own.penalty > 0 else 0)])
    try:
        found, _ = nnls(np.vstack(rows), right, maxiter=100 * n)
    except RuntimeError as why:
        raise np.linalg.LinAlgError(f"no weights were found that fit best: {why}") from why
    return np.asarray(found / found.sum(), float)


def _alike(own: _Programme, weights: Array) -> NDArray[np.intp]:
    """Return the columns that can carry weight in a fit as good as this one."""
    slope = own.slope(weights)
    return np.flatnonzero((weights > 0) | (slope <= TIED * np.abs(own.gram).max()))


def _equations(own: _Programme, alike: NDArray[np.intp], weights: Array) -> tuple[Array, Array]:
    """Return what weights of these columns must meet to fit the same and sum to one, (p + 1, m), (p + 1,)."""
    part = own.columns[:, alike]
    scale = float(np.abs(part).max()) or 1.0
    fitted = own.columns @ weights
    return np.vstack([part / scale, np.ones(len(alike))]), np.r_[fitted / scale, weights.sum()]


def _shortest(own: _Programme, weights: Array) -> Array:
    """Return the weights with the smallest sum of squares of all that fit as well, (n,)."""
    alike = _alike(own, weights)
    equations, fitted = _equations(own, alike, weights)
    left, values, right = np.linalg.svd(equations, full_matrices=False)
    used = values > TIED * values[0]
    if used.sum() == len(alike):
        return weights
    rows = right[used]
    found = _nearest_to_zero(rows, (left[:, used].T @ fitted) / values[used])
    out = np.zeros(len(weights))
    out[alike] = found / found.sum()
    return out


def _nearest_to_zero(rows: Array, right: Array) -> Array:
    """Minimise ``|w|^2`` over ``rows w = right``, w >= 0, for orthonormal rows (r, m), by its dual, (m,).

    The dual's optimum has ``w = max(rows' v, 0)``: Newton's steps on v, each shortened until the dual rises. Where
    they do not settle: least distance programming (Lawson and Hanson 1995, chapter 23), as non-negative least squares.
    """
    dual = right.copy()
    found = np.maximum(dual @ rows, 0.0)
    for _ in range(NEWTON_STEPS):
        left = right - rows @ found
        if np.abs(left).max() <= CLOSE:
            return found
        active = rows[:, found > 0]
        curve = active @ active.T
        step = np.linalg.solve(curve + 1e-12 * max(curve.trace(), 1e-12) * np.eye(len(curve)), left)
        height, rise, size = right @ dual - found @ found / 2, left @ step, 1.0
        while size > 1e-10:
            moved = dual + size * step
            new = np.maximum(moved @ rows, 0.0)
            if right @ moved - new @ new / 2 >= height + 1e-4 * size * rise:
                break
            size /= 2
        dual, found = moved, new
    return _least_distance(rows, right)


def _least_distance(rows: Array, right: Array) -> Array:
    """Solve the same by non-negative least squares.

    Raises
    ------
    numpy.linalg.LinAlgError
        No weights meet the equations.
    """
    nearest = right @ rows
    free = np.linalg.svd(rows, full_matrices=True)[2][len(rows) :]  # (m - r, m): along which the equations stay met
    system = np.vstack([free, -nearest])
    try:
        found, _ = nnls(system, np.r_[np.zeros(len(free)), 1.0], maxiter=100 * len(nearest))
    except RuntimeError as why:
        raise np.linalg.LinAlgError(f"no shortest weights were found: {why}") from why
    left = system @ found - np.r_[np.zeros(len(free)), 1.0]
    if not abs(left[-1]) > 1e-14:
        raise np.linalg.LinAlgError("no weights fit as well as those that were found")
    return np.asarray(np.maximum(nearest - left[:-1] @ free / left[-1], 0.0), float)


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
    try:
        solution = np.linalg.solve(system, right) if regular else _solved(system, right)
    except np.linalg.LinAlgError as why:
        raise np.linalg.LinAlgError("weights of donors are not unique and none were found") from why
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
