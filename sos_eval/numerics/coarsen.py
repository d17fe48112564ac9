"""Cutting a number into intervals: by declared points, by rules of a sample's own, and at round breaks."""

from __future__ import annotations

from math import ceil, floor, log2, log10
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["bins_freedman_diaconis", "bins_scott", "bins_sturges", "equal_width", "intervals", "round_breaks"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Shares of a step below which a break counts as reached; R's `pretty` has the same.
_REACHED = 1e-10
#: How much a rounder step is preferred to a finer one, for steps of 2 and 10 and for steps of 5; R's defaults.
_ROUND, _ROUND_FIVE = 1.5, 2.75


def intervals(x: Array, cuts: Array, *, closed: Literal["left", "right"] = "left") -> Codes:
    """Return the interval of each number, (n,), counted from 0; the outer two have no end."""
    return np.searchsorted(np.sort(cuts), x, side="right" if closed == "left" else "left").astype(np.intp)


def equal_width(x: Array, bins: int) -> Array:
    """Return the inner cut-points of so many intervals of equal width over the range, (bins - 1,)."""
    return np.linspace(x.min(), x.max(), bins + 1)[1:-1]


def bins_sturges(x: Array) -> int:
    """Return the number of bins by Sturges (1926): ``ceil(log2 n + 1)``."""
    return ceil(log2(len(x)) + 1)


def bins_scott(x: Array) -> int:
    """Return the number of bins by Scott (1979): of width ``3.5 sd n^(-1/3)``; one where nothing varies."""
    return _bins(x, 3.5 * float(x.std(ddof=1)) if len(x) > 1 else 0.0)


def bins_freedman_diaconis(x: Array) -> int:
    """Return the number of bins by Freedman and Diaconis (1981): of width ``2 IQR n^(-1/3)``; one if that is zero."""
    low, high = np.quantile(x, [0.25, 0.75])
    return _bins(x, 2.0 * float(high - low))


def _bins(x: Array, width: float) -> int:
    """Count bins of a width that shrinks with the cube root of n."""
    return max(1, ceil(float(np.ptp(x)) / (width * len(x) ** (-1 / 3)))) if width > 0 else 1


def round_breaks(low: float, high: float, bins: int) -> Array:
    """Return breaks at round numbers that cover a range, about so many intervals of them (R's ``pretty``).

    The step is 1, 2, 5 or 10 times a power of ten, the finest that is not much finer than the range over `bins`.
    """
    span = high - low
    cell = max(abs(low), abs(high))
    if span <= cell * max(1, bins) * np.finfo(float).eps * 3:  # one value, to rounding
        cell = (9 + cell / 10 if cell > 10 else cell or 1.0) * 0.75 / max(1, bins // 3)
        return _breaks(low, high, cell, bins)
    return _breaks(low, high, span / max(1, bins), bins)


def _breaks(low: float, high: float, cell: float, bins: int) -> Array:
    """Return the breaks about so far apart."""
    step = _round_step(cell)
    first, last = floor(low / step + _REACHED), ceil(high / step - _REACHED)
    first, last = _wide_enough(first, last, bins // 3)
    return np.asarray(np.arange(first, last + 1) * step, float)


def _round_step(cell: float) -> float:
    """Return the round step for a width."""
    base: float = 10.0 ** floor(log10(cell))
    step = base
    for factor, bias in ((2, _ROUND), (5, _ROUND_FIVE), (10, _ROUND)):
        if factor * base - cell < bias * (cell - step):
            step = factor * base
        else:
            break
    return step


def _wide_enough(first: int, last: int, least: int) -> tuple[int, int]:
    """Widen a range of breaks to at least so many intervals, away from zero last."""
    short = max(0, least - (last - first))
    half, rest = divmod(short, 2)
    return (first - half - rest, last + half) if first >= 0 else (first - half, last + half + rest)
