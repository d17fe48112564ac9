"""Partial correlation: what is left between two columns once others are taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PartialCorrelation", "partial_correlation"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PartialCorrelation:
    """A partial correlation, its df ``n - k - 2``, and the two-sided p of ``t = r sqrt(df / (1 - r^2))``.

    All NaN where nothing is left of a column, or no degree of freedom.
    """

    r: float
    df: int
    p: float


def partial_correlation(left: Array, right: Array, given: Array) -> PartialCorrelation:
    """Return the correlation of two columns, (n,), given others, (n, k).

    Examples
    --------
    >>> partial_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4]), np.empty((4, 0))).df
    2
    """
    from scipy.special import stdtr

    x = np.column_stack([np.ones(len(left)), given])
    df = len(left) - np.linalg.matrix_rank(x) - 1
    rests = [column - x @ np.linalg.lstsq(x, column, rcond=None)[0] for column in (left, right)]
    sizes = [float(np.sqrt(rest @ rest)) for rest in rests]
    scale = [1e-10 * float(np.linalg.norm(column)) for column in (left, right)]
    if df < 1 or any(size <= least for size, least in zip(sizes, scale, strict=True)):
        return PartialCorrelation(np.nan, int(df), np.nan)
    r = float(rests[0] @ rests[1] / (sizes[0] * sizes[1]))
    unexplained = rests[0] / sizes[0] - r * rests[1] / sizes[1]
    with np.errstate(divide="ignore"):
        t = np.divide(abs(r), np.sqrt(unexplained @ unexplained / df))
    return PartialCorrelation(r, int(df), float(2 * stdtr(df, -t)))
