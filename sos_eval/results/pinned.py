"""Whether sums of the same counts, weighed otherwise, leave a small one known: the smallest and largest that go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from sos_eval.errors import OurFault
from sos_eval.results.search import FULL_DIGITS

__all__ = ["adds_to", "pins_down"]

Array = NDArray[np.float64]

_ROUNDING = 1e-6


def adds_to(sums: Array) -> bool:
    """Say whether the first of some sums (n_sums, n_units) is none that the others give already."""
    size = np.linalg.norm(sums, axis=1, keepdims=True)
    return bool(np.linalg.matrix_rank(sums / size) > np.linalg.matrix_rank(sums[1:] / size[1:]))


def pins_down(sums: Array, counts: Array, smallest: int) -> bool:
    """Say whether sums to full digits leave some protected count fewer than two protected values.

    No count is below zero; nothing else is taken as known of them. A linear programme a bound.

    Parameters
    ----------
    sums : (n_sums, n_units)
        What one count adds to each sum, in one period.
    counts : (n_units,)
        NaN where nothing weighs.
    smallest
        Smallest count that is shown: those below it, and above zero, are protected.

    Examples
    --------
    >>> counts, equal = np.array([100.0, 120.0, 3.0]), np.array([1.0, 1.0, 1.0])
    >>> pins_down(np.array([equal, [0.01, 0.01, 0.5]]), counts, 6)
    True
    >>> pins_down(np.array([equal, [0.01, 0.02, 0.5]]), counts, 6), pins_down(equal[None], counts, 6)
    (False, False)
    """
    known = np.isfinite(counts) & np.isfinite(sums).all(axis=0)
    count, weights = counts[known], sums[:, known]
    protected = np.flatnonzero((count > 0) & (count < smallest))
    if not len(protected):
        return False
    weights = weights[(values := weights @ count) > 0]
    values = values[values > 0]
    half = 0.5 * 10.0 ** (np.floor(np.log10(values)) - FULL_DIGITS + 1)
    limits = np.concatenate([weights, -weights]), np.concatenate([values + half, half - values])
    return any(_known(limits, unit, len(count), smallest) for unit in protected.tolist())


def _known(limits: tuple[Array, Array], unit: int, n_units: int, smallest: int) -> bool:
    """Say whether fewer than two protected values of one count go with upper limits of sums."""
    ends = [_end(limits, unit, n_units, sign) for sign in (1.0, -1.0)]
    low, high = max(np.ceil(ends[0] - _ROUNDING), 1.0), min(np.floor(ends[1] + _ROUNDING), smallest - 1.0)
    return bool(high - low < 1)


def _end(limits: tuple[Array, Array], unit: int, n_units: int, sign: float) -> float:
    """Return the smallest (sign 1) or largest (sign -1) value of a count."""
    towards = np.zeros(n_units)
    towards[unit] = sign
    found = linprog(towards, A_ub=limits[0], b_ub=limits[1], bounds=(0, None), method="highs")
    if found.fun is None:
        raise OurFault(f"no count goes with its own sums: {found.message}")
    return sign * float(found.fun)
