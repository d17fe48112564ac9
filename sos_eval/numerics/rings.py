"""Who stands near to a treated unit, ring by ring, under any adoption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ranks_of", "rings_of", "starts_of_ring", "starts_without"]

Array = NDArray[np.float64]


def ranks_of(distance: Array) -> Array:
    """Return the place of every other unit by its distance, (n, n), from 1; ties by the units' order, itself infinite.

    Examples
    --------
    >>> ranks_of(np.abs(np.subtract.outer([0.0, 1, 3], [0.0, 1, 3]))).tolist()
    [[inf, 1.0, 2.0], [1.0, inf, 2.0], [2.0, 1.0, inf]]
    """
    apart = np.where(np.eye(len(distance), dtype=bool), np.inf, distance)
    rank = np.empty_like(apart)
    np.put_along_axis(rank, np.argsort(apart, axis=1, kind="stable"), np.arange(1.0, len(apart) + 1), axis=1)
    return np.where(np.isfinite(apart), rank, np.inf)


def rings_of(rank: Array, starts: Array, rings: Sequence[float]) -> tuple[NDArray[np.intp], Array]:
    """Return the ring of every untreated unit, and when its nearest treated unit starts.

    Parameters
    ----------
    rank : (n, n)
        Place of the unit of a column in the list of the unit of a row; infinite where it is not in it.
    starts : (n,)
        ``inf`` for the untreated.
    rings : (r,)
        Last place of each ring, the nearest first.

    Returns
    -------
    ring : (n,)
        From 0; -1 for the treated and for those near to nobody.
    start : (n,)
        The earliest of equally near ones; ``inf`` where there is no ring.
    """
    treated = np.isfinite(starts)
    order = np.flatnonzero(treated)[np.argsort(starts[treated], kind="stable")]
    if not len(order):
        return np.full(len(starts), -1, np.intp), np.full(len(starts), np.inf)
    nearest = rank[order].min(0)
    ring = np.searchsorted(np.asarray(rings, float), nearest, side="left")
    outside = treated | (ring == len(rings))
    own = np.where(outside, np.inf, starts[order[rank[order].argmin(0)]])
    return np.where(outside, -1, ring).astype(np.intp), own


def starts_of_ring(starts: Array, ring: NDArray[np.intp], near: Array, wanted: int, first: float) -> Array:
    """Return starts that make a ring the treated, (n,).

    Treated units and other rings start in the first period, and so take no part in any estimate.

    Parameters
    ----------
    starts, ring, near : (n,)
        An adoption, and what `rings_of` says of it.
    first
        The first period.
    """
    return np.where(ring == wanted, near, np.where(np.isfinite(starts) | (ring >= 0), first, np.inf))


def starts_without(starts: Array, ring: NDArray[np.intp], last: int, first: float) -> Array:
    """Return starts under which the rings up to the last take no part, (n,)."""
    return np.where((ring >= 0) & (ring <= last), first, starts)
