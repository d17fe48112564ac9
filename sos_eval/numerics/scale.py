"""Numbers brought near one by powers of two: no digit is lost, and squares neither overflow nor vanish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["near_one"]

Array = NDArray[np.float64]


def near_one(columns: Array) -> Array:
    """Divide each column (n,) or (n, p) by the power of two that brings its largest number between 1/2 and 1.

    Examples
    --------
    >>> near_one(np.array([3e200, 0.0, -6e200])).round(3).tolist()
    [0.366, 0.0, -0.733]
    """
    largest = np.where(np.isnan(columns), 0.0, np.abs(columns)).max(axis=0, initial=0.0)
    return np.asarray(np.ldexp(columns, -np.frexp(largest)[1]), float)
