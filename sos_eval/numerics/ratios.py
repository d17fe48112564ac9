"""The one rule by which a ratio is a difference: what was observed stays, the level without treatment goes with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["difference_of", "log_ratio_of"]


def difference_of(log_ratio: ArrayLike, observed: float) -> NDArray[np.float64]:
    """Return ``A (1 - 1/r)`` of logs of ratios, A the observed level: observed, less the level without, ``A / r``.

    Examples
    --------
    >>> difference_of(np.log([0.8, 1.25]), 20.0).round(12).tolist()
    [-5.0, 4.0]
    """
    with np.errstate(over="ignore"):
        return np.asarray(-observed * np.expm1(-np.asarray(log_ratio, float)))


def log_ratio_of(difference: float, observed: float) -> float:
    """Return the log of the ratio ``A / (A - d)`` that goes with a difference; infinite where nothing is left without.

    Examples
    --------
    >>> round(float(np.exp(log_ratio_of(-5.0, 20.0))), 12), log_ratio_of(20.0, 20.0)
    (0.8, inf)
    """
    return float(-np.log1p(-difference / observed)) if difference < observed else float("inf")
