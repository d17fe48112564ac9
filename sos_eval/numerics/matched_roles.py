"""Weights of matched sets that are written by hand, under the adoption they were written for and under others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.random import stream

__all__ = ["joined_sets", "role_weights"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


def joined_sets(pairs: list[tuple[int, int]], n: int) -> Codes:
    """Return the number of the sets that each unit is in, sets that share a unit joined, (n,); -1 in none.

    Parameters
    ----------
    pairs
        Positions of a treated unit and one of its comparators.
    n
        Units.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.array(pairs, np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(n, n))
    label = np.asarray(connected_components(graph, directed=False)[1], np.intp)
    inside = np.zeros(n, bool)
    inside[one] = inside[other] = True
    codes = np.full(n, -1, np.intp)
    codes[inside] = np.unique(label[inside], return_inverse=True)[1]
    return codes


def role_weights(declared: Array, heads: Bools, joined: Codes, treated: Bools) -> Array:
    """Return the weights under another adoption: the roles of comparators are handed on with the starts, (n,).

    Within joined sets that have as many treated units as declared, those who are not treated take the declared weights
    of the comparators, by a lot that the adoption alone decides; all comparators alike, that is no lot at all. With
    another number of treated units each comparator counts treated over untreated units of its sets. Zero where a set
    has nobody of either kind.

    Parameters
    ----------
    declared : (n,)
        Weights under the declared adoption.
    heads : (n,)
        Who is treated under it.
    joined : (n,)
        From `joined_sets`.
    treated : (n,)
        Who is treated.
    """
    inside = joined >= 0
    if (treated[inside] == heads[inside]).all():
        return np.where(inside, declared, 0.0)
    lot = stream(0, "matched roles", ",".join(map(str, np.flatnonzero(treated & inside))))
    weights = np.where(inside & treated, 1.0, 0.0)
    for one in range(int(joined.max()) + 1):
        members = joined == one
        ours, others = members & treated, members & ~treated
        if not ours.any() or not others.any():
            weights[members] = 0.0
        elif ours.sum() == (members & heads).sum():
            weights[others] = lot.permutation(declared[members & ~heads])
        else:
            weights[others] = ours.sum() / others.sum()
    return weights
