"""Newton's method for concave functions, many at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lanes", "maximise", "solve"]

Array = NDArray[np.float64]
#: Positions of functions among those that are maximised together.
Lanes = NDArray[np.intp]

_STEPS = 100
#: Newton steps this small are taken whole: they are quadratic by then, and halving them would be decided by rounding.
_NEAR = 1e-5


def maximise(
    start: Array,
    value: Callable[[Array, Lanes], Array],
    slopes: Callable[[Array, Lanes], tuple[Array, Array]],
    size: Array,
) -> tuple[Array, NDArray[np.bool_]]:
    """Maximise concave functions, each by itself: what one does never depends on the others.

    Parameters
    ----------
    start : (b, k)
        Where to begin.
    value, slopes
        The functions at some lanes (a,) and coefficients (a, k): values (a,); gradients (a, k) and minus the Hessians
        (a, k, k).
    size : (b,)
        Scale of the gradient's terms: below 1e-8 of it the gradient counts as zero where no step improves the value.

    Returns
    -------
    coef : (b, k)
        The maxima, or the last points.
    converged : (b,)
        Whether the gradient reached zero to rounding.
    """
    coef, active = start.copy(), np.arange(len(start))
    best, converged = value(coef, active), np.zeros(len(start), bool)
    for _ in range(_STEPS):
        if not len(active):
            break
        score, information = slopes(coef[active], active)
        step, solvable = solve(information, score)
        active, score, step = active[solvable], score[solvable], step[solvable]
        length = np.abs(step).max(1) / np.maximum(1.0, np.abs(coef[active]).max(1))
        near = length <= _NEAR  # the value no longer shows in its last digits what such a step gains
        coef[active[near]] += step[near]
        far = active[~near]
        coef[far], new = _improved(coef[far], step[~near], best[far], far, value)
        stuck = new <= best[far]  # no step improves the value: rounding, or the maximum lies at infinity
        best[far] = new
        converged[active[length <= 1e-12]] = True
        converged[far[stuck]] = np.abs(score[~near][stuck]).max(1) <= 1e-8 * size[far[stuck]]
        active = np.sort(np.concatenate([active[near & (length > 1e-12)], far[~stuck]]))
    return coef, converged


def _improved(
    coef: Array, step: Array, best: Array, lanes: Lanes, value: Callable[[Array, Lanes], Array]
) -> tuple[Array, Array]:
    """Halve each step until its value rises; a point whose value does not rise stays."""
    coef, best, left = coef.copy(), best.copy(), np.arange(len(lanes))
    for _ in range(40):
        if not len(left):
            break
        trial = coef[left] + step[left]
        new = value(trial, lanes[left])
        rises = new > best[left]
        coef[left[rises]], best[left[rises]] = trial[rises], new[rises]
        left = left[~rises]
        step[left] /= 2
    return coef, best


def solve(matrices: Array, right: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Solve linear systems (b, k, k) and (b, k) or (b, k, j); zeros, and False, where a matrix is singular."""
    columns = right[..., None] if right.ndim == 2 else right
    solvable = np.ones(len(matrices), bool)
    try:
        solution = np.linalg.solve(matrices, columns)
    except np.linalg.LinAlgError:  # of some: each by itself
        solution = np.zeros_like(columns)
        for lane, matrix in enumerate(matrices):
            try:
                solution[lane] = np.linalg.solve(matrix, columns[lane])
            except np.linalg.LinAlgError:
                solvable[lane] = False
    return np.asarray(solution.reshape(right.shape), float), solvable
