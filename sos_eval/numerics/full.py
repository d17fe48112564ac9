"""Full matching: everybody in a set of one treated and some untreated units, or of one untreated and some treated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.assignment import TIE

__all__ = ["full_sets", "limited_sets"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


def full_sets(distance: Array) -> tuple[Codes, Codes]:
    """Return the sets whose distances within have the smallest sum (Rosenbaum 1991; Hansen and Klopfer 2006).

    A smallest edge cover: an assignment at the price of a pair less what each unit's nearest costs takes the pairs
    that pay, everybody else joins its nearest. Where several sets have that sum, as they do among units that are
    equally far, nobody is taken again while another is as near and stands alone: as many sets as can be, of sizes as
    even as can be, so that no one unit carries the comparison because it came first.

    Parameters
    ----------
    distance : (n_treated, n_untreated)
        Infinite where a pair is not allowed.

    Returns
    -------
    treated : (n_treated,)
        Number of each unit's set, -1 where no pair with it is allowed.
    untreated : (n_untreated,)
    """
    from scipy.optimize import linear_sum_assignment

    here = np.isfinite(distance)
    rows, columns = np.flatnonzero(here.any(1)), np.flatnonzero(here.any(0))
    cost = _rounded(distance[np.ix_(rows, columns)])
    gain = cost - cost.min(1)[:, None] - cost.min(0)[None]
    one, other = linear_sum_assignment(np.where(np.isfinite(gain), np.minimum(gain, 0.0), 0.0))
    pays = gain[one, other] < 0
    edges = np.zeros(cost.shape, bool)
    edges[one[pays], other[pays]] = True
    alone, free = np.flatnonzero(~edges.any(1)), np.flatnonzero(~edges.any(0))
    nearest = (cost == cost.min(1)[:, None], cost == cost.min(0)[None])
    costless = np.ix_(alone, free)
    one, other = linear_sum_assignment((nearest[0] & nearest[1])[costless], maximize=True)
    edges[alone[one], free[other]] = (nearest[0] & nearest[1])[alone[one], free[other]]
    alone, free = np.flatnonzero(~edges.any(1)), np.flatnonzero(~edges.any(0))
    edges[alone, _evenly(nearest[0][alone], cost[alone].argmin(1), edges.sum(0))] = True
    edges[_evenly(nearest[1].T[free], cost[:, free].argmin(0), edges.sum(1)), free] = True
    return _numbered(_stars(edges, cost), rows, columns, distance.shape)


def limited_sets(distance: Array, least: int, most: int) -> tuple[Codes, Codes] | None:
    """Return the sets of one treated and `least` to `most` untreated units with the smallest sum of distances.

    Everybody who has an allowed pair takes part. Equally far treated units share the untreated evenly. None where
    that cannot be.
    """
    from scipy.optimize import linear_sum_assignment

    here = np.isfinite(distance)
    rows, columns = np.flatnonzero(here.any(1)), np.flatnonzero(here.any(0))
    t, u = len(rows), len(columns)
    if not least * t <= u <= most * t:
        return None
    cost = _rounded(distance[np.ix_(rows, columns)])
    barred = 2.0 * (1 + u)
    places = np.repeat(np.where(np.isfinite(cost), cost, barred), most, axis=0)
    idle = np.full((most * t, most * t - u), barred)  # a place above the least may stay empty
    idle[np.arange(most * t) % most >= least] = 0.0
    row, column = linear_sum_assignment(np.hstack([places, idle]))
    edges = np.zeros((t, u), bool)
    taken = column < u
    chosen = np.empty(u, np.intp)
    chosen[column[taken]] = row[taken] // most
    as_far = cost[chosen, np.arange(u)][:, None] == cost.T
    edges[_evenly(as_far, chosen, np.zeros(t, np.intp)), np.arange(u)] = True
    if not np.isfinite(cost[edges]).all() or (edges.sum(1) < least).any():
        return None
    return _numbered(edges, rows, columns, distance.shape)


def _rounded(distance: Array) -> Array:
    """Return distances as shares of the largest, ties tied: rounding does not decide who is matched."""
    largest = float(distance[np.isfinite(distance)].max(initial=0.0)) or 1.0
    return np.asarray(np.round(distance / (largest * TIE)) * TIE, float)


def _evenly(as_far: Bools, chosen: Codes, held: Codes) -> Codes:
    """Return whom each joins of those as far as its choice, (n,), moved while another would hold fewer.

    Parameters
    ----------
    as_far : (n, k)
        Whom each may join at the same distance.
    chosen : (n,)
        Whom each joins at first.
    held : (k,)
        How many these hold already.
    """
    chosen, held = chosen.copy(), held + np.bincount(chosen, minlength=as_far.shape[1])
    several = np.flatnonzero(as_far.sum(1) > 1)
    moved = True
    while moved:
        moved = False
        for one in several:
            others = np.flatnonzero(as_far[one])
            best = others[held[others].argmin()]
            if held[best] + 1 < held[chosen[one]]:
                held[chosen[one]] -= 1
                held[best] += 1
                chosen[one], moved = best, True
    return chosen


def _stars(edges: Bools, cost: Array) -> Bools:
    """Take out the pairs that both units can do without, dearest first."""
    edges = edges.copy()
    row, column = np.nonzero(edges)
    for k in np.argsort(-cost[row, column], kind="stable"):
        i, j = row[k], column[k]
        if edges[i].sum() > 1 and edges[:, j].sum() > 1:
            edges[i, j] = False
    return edges


def _numbered(edges: Bools, rows: Codes, columns: Codes, shape: tuple[int, int]) -> tuple[Codes, Codes]:
    """Return numbers of the sets, by their first treated unit: (shape[0],) and (shape[1],)."""
    treated, untreated = np.full(shape[0], -1, np.intp), np.full(shape[1], -1, np.intp)
    first = edges.argmax(1)  # treated units that share an untreated one are in its set
    shared = edges.sum(0) > 1
    centre = np.where(shared[first], -1 - first, np.arange(len(rows)))
    number = _in_order(centre)
    treated[rows] = number
    untreated[columns] = number[edges.argmax(0)]
    return treated, untreated


def _in_order(keys: Codes) -> Codes:
    """Return numbers of keys in the order in which they first come."""
    _, at, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(at))[inverse], np.intp)
