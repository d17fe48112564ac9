"""Whether the whole numbers behind what is told can be searched for, and how many digits may be told where they can.

A count that is about c is taken to be one of 2c + 1 whole numbers, nought to twice itself; counts have as many
combinations as the product of these. A number of d significant digits that is made of them leaves about one in 10^d.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FULL_DIGITS", "LEFT", "can_be_searched", "digits_of", "digits_that_leave"]

Array = NDArray[np.float64]

#: Significant digits of a number under a profile.
FULL_DIGITS = 4
#: Combinations, as a power of ten, that what is told must leave.
LEFT = 3.0
#: Combinations, as a power of ten, that a mean to full digits must leave for nobody to list them.
_LISTED = 6.0


def digits_of(counts: Array) -> float:
    """Return how many combinations counts have, as a power of ten; unknown ones have none.

    Examples
    --------
    >>> round(digits_of(np.array([4.0, 4.0, 0.0, np.nan])), 4)
    1.9085
    """
    return float(np.log10(2 * counts[np.isfinite(counts)] + 1).sum())


def can_be_searched(counts: Array, smallest: int) -> bool:
    """Say whether the counts of some units in one period can be listed by their mean, and one of them is protected.

    Parameters
    ----------
    counts : (n_units,)
        In one period.
    smallest
        Smallest count that is shown: those below it, and above zero, are protected.
    """
    protected = ((counts > 0) & (counts < smallest)).any()
    return bool(protected) and digits_of(counts) - FULL_DIGITS < _LISTED


def digits_that_leave(rooms: Iterable[float], numbers: int) -> int:
    """Return to how many digits so many numbers may be told of counts of which the least have so many combinations.

    Examples
    --------
    >>> digits_that_leave([17.0], 6), digits_that_leave([4.8, 9.5], 1), digits_that_leave([2.8], 1)
    (2, 1, 0)
    """
    if not numbers:
        return FULL_DIGITS
    least = min(rooms) - LEFT
    return max(0, min(FULL_DIGITS, math.floor(least / numbers)))
