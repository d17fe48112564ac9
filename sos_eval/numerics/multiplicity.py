"""P values adjusted for their number: by draws that they share, by Holm (1979), or by Benjamini and Hochberg (1995)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.inversion import TIES

__all__ = ["benjamini_hochberg", "holm", "westfall_young"]

Array = NDArray[np.float64]


def holm(p: Array) -> Array:
    """Return Holm's adjusted p-values of m tests, (m, reps).

    That of the k-th smallest is the largest ``(m - j + 1) p_(j)`` over j up to k, at most 1. Holds the chance of any
    false finding at the level, however the tests depend on each other (Holm 1979).
    """
    order = np.argsort(p, axis=0, kind="stable")
    factor = len(p) - np.arange(len(p))[:, None]
    stepped = np.minimum(np.maximum.accumulate(factor * np.take_along_axis(p, order, 0), axis=0), 1.0)
    out = np.empty_like(p)
    np.put_along_axis(out, order, stepped, axis=0)
    return out


def benjamini_hochberg(p: Array) -> Array:
    """Return Benjamini and Hochberg's adjusted p-values of m tests, (m, reps).

    That of the k-th smallest is the smallest ``m p_(j) / j`` over j from k on. Holds the expected share of findings
    that are none at the level, where tests are independent or positively dependent (Benjamini and Yekutieli 2001).

    Examples
    --------
    >>> benjamini_hochberg(np.array([[0.01], [0.04], [0.03], [0.5]]))[:, 0].round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = np.argsort(p, axis=0, kind="stable")
    factor = len(p) / np.arange(1.0, len(p) + 1)[:, None]
    largest_first = (factor * np.take_along_axis(p, order, 0))[::-1]
    out = np.empty_like(p)
    np.put_along_axis(out, order, np.minimum.accumulate(largest_first, axis=0)[::-1], axis=0)
    return out


def westfall_young(statistics: Array, *, complete: bool = False) -> Array:
    """Return step-down max-t adjusted p values, (k,).

    Algorithm 4.1 of Westfall and Young (1993), which on studentised statistics under permuted adoptions is also the
    step-down of Romano and Wolf (2005; adjusted p values: 2016): outcomes are taken from the largest statistic down,
    each is set against the largest among it and all smaller ones in every draw, and no p is smaller than that of an
    outcome before it.

    Parameters
    ----------
    statistics : (1 + draws, k)
        Without regard to sign; the observed adoption first, the same adoptions for every outcome. A statistic that does
        not exist counts as extreme.
    complete
        Whether the draws are all adoptions there are, the observed one among them: p is then a share of the draws.

    Examples
    --------
    >>> westfall_young(np.array([[3.0, 1.0], [1.0, 2.0], [2.5, 0.5], [0.1, 3.5]])).tolist()
    [0.5, 0.75]
    """
    size = np.where(np.isnan(statistics), np.inf, np.abs(statistics))
    order = np.argsort(-size[0], kind="stable")
    adjusted = np.empty(len(order))
    largest = 0.0
    for place, outcome in enumerate(order):
        left = size[:, order[place:]].max(1)
        left[0] = size[0, outcome]
        reached = left >= left[0] * (1 - TIES)
        largest = max(largest, float(reached[1:].mean() if complete else reached.mean()))
        adjusted[outcome] = largest
    return adjusted
