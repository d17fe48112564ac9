"""Whether sums of the same counts leave a small one known: does another protected whole number go with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from sos_eval.results.search import FULL_DIGITS, in_turn

__all__ = ["adds_to", "pins_down"]

Array = NDArray[np.float64]

#: Branches that the search for another number may take; where it has not ended by then, the number counts as known.
_NODES = 2000


def adds_to(sums: Array) -> bool:
    """Say whether the first of some sums (n_sums, n_units) is none that the others give already."""
    size = np.linalg.norm(sums, axis=1, keepdims=True)
    return bool(np.linalg.matrix_rank(sums / size) > np.linalg.matrix_rank(sums[1:] / size[1:]))


def pins_down(sums: Array, counts: Array, smallest: int, most: Array | None = None) -> bool:
    """Say whether sums to full digits leave some protected count fewer than two protected values.

    All counts are whole numbers from nought to their denominators; nothing else is taken as known of them. An integer
    programme looks for another value of each.

    Parameters
    ----------
    sums : (n_sums, n_units)
        What one count adds to each sum, in one period.
    counts : (n_units,)
        NaN where nothing weighs.
    smallest
        Smallest count that is shown: those below it, and above zero, are protected.
    most : (n_units,)
        The largest that each can be; without it there is none.

    Examples
    --------
    >>> counts, equal = np.array([100.0, 120.0, 3.0]), np.array([1.0, 1.0, 1.0])
    >>> pins_down(np.array([equal, [0.01, 0.01, 0.5]]), counts, 6)
    True
    >>> pins_down(np.array([equal, [0.01, 0.02, 0.5]]), counts, 6), pins_down(equal[None], counts, 6)
    (False, False)

    Eleven of 20 files and one of 21: the remainder of the mean tells the count of the one.

    >>> counts, files, others = np.array([9.0] * 11 + [2.0]), np.array([20.0] * 11 + [21.0]), np.arange(20.0, 32.0)
    >>> pins_down(1 / files[None], counts, 6, files), pins_down(1 / others[None], counts, 6, others)
    (True, False)
    """
    known = np.isfinite(counts) & np.isfinite(sums).all(axis=0)
    limit = np.full(int(known.sum()), np.inf) if most is None else most[known]
    return any(_pins_down(sums[:, known], one, smallest, limit) for one in in_turn(counts[known], smallest))


def _pins_down(weights: Array, count: Array, smallest: int, most: Array) -> bool:
    highest = np.maximum(most, count)
    protected = np.flatnonzero((count > 0) & (count < smallest))
    values = weights @ count
    weights, values = weights[values > 0], values[values > 0]
    if not len(protected) or not len(values):
        return False
    half = 0.5 * 10.0 ** (np.floor(np.log10(values)) - FULL_DIGITS + 1)
    told = LinearConstraint(weights / half[:, None], values / half - 1, values / half + 1)
    return not all(_another(told, unit, count, highest, smallest) for unit in protected.tolist())


def _another(told: LinearConstraint, unit: int, count: Array, highest: Array, smallest: int) -> bool:
    """Say whether some other protected value of one count goes with what is told."""
    for low, high in ((1.0, count[unit] - 1), (count[unit] + 1, min(smallest - 1.0, highest[unit]))):
        lowest, most = np.zeros(len(count)), highest.copy()
        lowest[unit], most[unit] = low, high
        if low <= high and milp(
            np.zeros(len(count)), constraints=told, integrality=np.ones(len(count), int), bounds=Bounds(lowest, most),
            options={"node_limit": _NODES},
        ).x is not None:  # fmt: skip
            return True
    return False
