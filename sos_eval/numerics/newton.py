"""Newton's method for concave functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["maximise"]

Array = NDArray[np.float64]

_STEPS = 100
#: Newton steps this small are taken whole: they are quadratic by then, and halving them would be decided by rounding.
_NEAR = 1e-5


def maximise(
    start: Array, value: Callable[[Array], float], slopes: Callable[[Array], tuple[Array, Array]], size: float
) -> tuple[Array, bool]:
    """Maximise a concave function.

    Parameters
    ----------
    start : (k,)
        Where to begin.
    value, slopes
        The function, and its gradient (k,) with minus its Hessian (k, k).
    size
        Scale of the gradient's terms: below 1e-8 of it the gradient counts as zero where no step improves the value.

    Returns
    -------
    coef : (k,)
        The maximum, or the last point.
    converged
        Whether the gradient reached zero to rounding.
    """
    coef, best = start, value(start)
    for _ in range(_STEPS):
        score, information = slopes(coef)
        try:
            step = np.asarray(np.linalg.solve(information, score), float)
        except np.linalg.LinAlgError:
            return coef, False
        if np.abs(step).max() <= 1e-12 * max(1.0, np.abs(coef).max()):
            return coef + step, True
        if np.abs(step).max() <= _NEAR * max(1.0, np.abs(coef).max()):
            coef = coef + step  # the value no longer shows in its last digits what such a step gains
            continue
        coef, new = _improve(coef, step, best, value)
        if new <= best:  # no step improves the value any more: rounding, or the maximum lies at infinity
            return coef, bool(np.abs(score).max() <= 1e-8 * size)
        best = new
    return coef, False


def _improve(coef: Array, step: Array, best: float, value: Callable[[Array], float]) -> tuple[Array, float]:
    """Halve the step until the value rises."""
    for _ in range(40):
        new = value(coef + step)
        if new > best:
            return coef + step, new
        step = step / 2
    return coef, best
