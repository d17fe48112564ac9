"""Variances that are robust to two ways of clustering at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pairs", "two_way"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def two_way(scores: Array, first: Codes, second: Codes) -> Array:
    """Return variances of sums of scores that are correlated within either clustering, (..., m).

    ``V_A + V_B - V_AB``, where AB are the clusters of both (Cameron, Gelbach and Miller 2011, equation 2.11). With few
    clusters the difference can be negative, and no variance: it is NaN then, and not set to something else.

    Parameters
    ----------
    scores : (..., n, m)
        Contributions to each of m estimates.
    first, second : (n,)
        Cluster codes from 0.
    """
    one, other, both = (_squares(scores, codes) for codes in (first, second, pairs(first, second)))
    variance = one + other - both
    return np.where(variance < 0, np.nan, variance)


def pairs(first: Codes, second: Codes) -> Codes:
    """Return codes of the clusters of both ways, (n,)."""
    return np.asarray(np.unique(np.column_stack([first, second]), axis=0, return_inverse=True)[1].ravel(), np.intp)


def _squares(scores: Array, codes: Codes) -> Array:
    """Square sums within clusters and add them up, (..., n, m) -> (..., m)."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sums = np.add.reduceat(scores[..., order, :], starts, axis=-2)
    return np.asarray((sums**2).sum(-2))
