"""Whether valid tests of one number, and estimates of one effect on the same units, differ by more than chance.

Differences of p are no evidence by themselves (Gelman and Stern 2006): two valid tests are set against each other by
the draws that they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.lots import share_reached

__all__ = ["Apart", "disagree", "estimates_apart"]

#: Estimates whose differences spread less than this share of the widest spread are one estimate under two names.
_SAME = 1e-9

Array = NDArray[np.float64]


def disagree(p: Sequence[float], errors: Sequence[float], alpha: float) -> bool:
    """Say whether some valid tests of one number reject where another is far from it.

    Parameters
    ----------
    p, errors
        Of each test, with its Monte Carlo error.
    alpha
        Level.

    Examples
    --------
    >>> disagree([0.044, 0.22], [0.002, 0.004], 0.05), disagree([0.044, 0.08], [0.002, 0.004], 0.05)
    (True, False)
    """
    low, high = int(np.nanargmin(p)), int(np.nanargmax(p))
    gap = p[high] - p[low]
    combined = float(np.hypot(errors[low], errors[high]))
    return bool(p[low] <= alpha < p[high] and p[high] > 2 * alpha and gap > 3 * combined)


@dataclass(frozen=True, slots=True)
class Apart:
    """How far other estimates lie from the first, by the draws that they share.

    Attributes
    ----------
    difference : (k,)
        Each other estimate less the first.
    p
        Of the largest difference, in spreads of its own draws.
    largest
        Position of that estimate.
    """

    difference: Array
    p: float
    largest: int


def estimates_apart(first: Array, others: Array, *, complete: bool = False) -> Apart:
    """Test whether estimates of the same effect on the same units lie further apart than random adoptions make them.

    Parameters
    ----------
    first : (draws,)
        The headline's estimates, the observed adoption first.
    others : (draws, k)
        Other estimates in the same unit under the same adoptions; one that is the first itself is nowhere apart.
    complete
        Whether the draws are all adoptions there are, the observed one among them a second time.
    """
    apart = others - first[:, None]
    spread = np.nanstd(apart[1:], axis=0, ddof=1)
    widest = max(float(np.nanstd(first[1:], ddof=1)), float(spread.max()))
    from_middle = np.abs(apart - np.nanmedian(apart[1:], axis=0))
    size = np.where(np.isnan(apart), np.nan, 0.0)
    np.divide(from_middle, spread, out=size, where=(spread > _SAME * widest) & np.isfinite(apart))
    return Apart(apart[0], share_reached(size.max(1), complete=complete), int(np.argmax(size[0])))
