"""Whether the whole numbers behind what is told can be searched for, and how many digits may be told where they can.

A count that is about c is taken to be one of 2c + 1 whole numbers, nought to twice itself; counts have as many
combinations as the product of these. A number of d significant digits that is made of them leaves about one in 10^d.
Where a value stands in place of a count, nobody here knows that: it is taken to lie in the middle of those protected.
So is a protected count: what is withheld must not hang on which it is, for whoever knows all others could then read it
off the decision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sos_eval.panel.made_of import one_way

__all__ = [
    "FULL_DIGITS", "LEFT", "UNKNOWN", "are_alike", "can_be_searched", "can_be_searched_by_number", "digits_of",
    "digits_that_leave", "in_turn", "is_part", "taken",
]  # fmt: skip

Array = NDArray[np.float64]

#: Significant digits of a number under a profile.
FULL_DIGITS = 4
#: In place of a count that stands behind a value and is not known.
UNKNOWN = math.inf
#: Combinations, as a power of ten, that what is told must leave.
LEFT = 3.0
#: Combinations, as a power of ten, that a mean to full digits must leave for nobody to list them.
_LISTED = 6.0
#: So many protected counts, at most, are set to each protected number in turn.
_IN_TURN = 3
#: Of a count, by arithmetic.
_ROUNDING = 1e-9


def digits_of(counts: Array) -> float:
    """Return how many combinations counts have, as a power of ten; those that are no number have none.

    Examples
    --------
    >>> round(digits_of(np.array([4.0, 4.0, 0.0, np.nan])), 4)
    1.9085
    """
    return float(np.log10(2 * counts[np.isfinite(counts)] + 1).sum())


def taken(counts: Array, smallest: int) -> Array:
    """Return counts, with those that are protected or not known in the middle of the protected; NaN stays.

    Examples
    --------
    >>> taken(np.array([12.0, 5, 0, UNKNOWN, np.nan]), 6)
    array([12.,  3.,  0.,  3., nan])
    """
    return np.where((counts == UNKNOWN) | _protected(counts, smallest), smallest / 2, counts)


def in_turn(counts: Array, smallest: float) -> Iterator[Array]:
    """Yield counts as they are, and where few are protected with each of these at each protected number in turn.

    Examples
    --------
    >>> [one.tolist() for one in in_turn(np.array([12.0, 2]), 4)]
    [[12.0, 2.0], [12.0, 1.0], [12.0, 2.0], [12.0, 3.0]]
    """
    yield counts
    small = np.flatnonzero(_protected(counts, smallest))
    if len(small) <= _IN_TURN:
        for place, number in product(small.tolist(), range(1, math.ceil(smallest))):
            yield np.where(np.arange(len(counts)) == place, float(number), counts)


def _protected(counts: Array, smallest: float) -> NDArray[np.bool_]:
    return np.asarray((counts > 0) & (counts < smallest))


def can_be_searched(counts: Array, smallest: int) -> bool:
    """Say whether the counts of some units in one period can be listed by their mean, and one of them is protected.

    Parameters
    ----------
    counts : (n_units,)
        In one period; `UNKNOWN` where a value stands in their place.
    smallest
        Smallest count that is shown: those below it, and above zero, are protected.
    """
    likely = taken(counts, smallest)
    return bool(_protected(likely, smallest).any()) and digits_of(likely) - FULL_DIGITS < _LISTED


def can_be_searched_by_number(units: float, smallest: int) -> bool:
    """Say whether so many counts of which nothing is known could be listed by their mean.

    Examples
    --------
    >>> can_be_searched_by_number(11, 6), can_be_searched_by_number(12, 6)
    (True, False)
    """
    return can_be_searched(np.full(int(units), UNKNOWN), smallest)


def is_part(gaps: Array) -> bool:
    """Say whether counts are part of others, a few apart, by what they exceed these by; NaN where both are not known.

    Examples
    --------
    >>> is_part(np.array([2.0, 0.0, np.nan])), is_part(np.array([2.0, -1.0])), is_part(np.zeros(2))
    (True, False, False)
    """
    return one_way(gaps) or one_way(-gaps)


def are_alike(counts: Array, each: Array, smallest: int) -> bool:
    """Say whether mean and standard deviation of rates leave a protected count fewer than two protected values.

    Of n numbers none lies further from their mean than sqrt(n - 1) standard deviations (divisor n): Samuelson (1968),
    inequality 1.

    Parameters
    ----------
    counts, each : (n_units,)
        In one period; what one count adds to the rate of its unit.
    smallest
        Smallest count that is shown.

    Examples
    --------
    >>> are_alike(np.array([100.0, 100.0, 2.0]), np.array([0.01, 0.01, 0.5]), 6)
    True
    >>> are_alike(np.array([100.0, 240.0, 2.0]), np.array([0.01, 0.01, 0.5]), 6)
    False
    """
    known = np.isfinite(counts) & np.isfinite(each) & (each > 0)
    count, one = counts[known], each[known]
    protected = _protected(count, smallest)
    if not protected.any():
        return False
    rates = count * one
    reach = math.sqrt(len(rates) - 1) * rates.std()
    low = np.maximum(np.ceil((rates.mean() - reach) / one - _ROUNDING), 1)
    high = np.minimum(np.floor((rates.mean() + reach) / one + _ROUNDING), smallest - 1)
    return bool((high - low < 1)[protected].any())


def digits_that_leave(rooms: Iterable[float], numbers: int) -> int:
    """Return to how many digits so many numbers may be told of counts of which the least have so many combinations.

    Examples
    --------
    >>> digits_that_leave([17.0], 6), digits_that_leave([4.8, 9.5], 1), digits_that_leave([2.8], 1)
    (2, 1, 0)
    >>> digits_that_leave([math.inf], 12)
    4
    """
    if not numbers:
        return FULL_DIGITS
    least = (min(rooms) - LEFT) / numbers
    return FULL_DIGITS if least >= FULL_DIGITS else max(0, math.floor(least))
