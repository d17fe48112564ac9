"""Who is matched with whom, from a matrix of distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["match_weights", "match_weights_many", "nearest", "nearest_many", "optimal"]

Array = NDArray[np.float64]

#: Distances closer than this share of the largest are ties: rounding does not decide who is matched.
TIE = 1e-12


def nearest(distance: Array, *, order: NDArray[np.intp], ratio: int = 1, replace: bool = False) -> NDArray[np.intp]:
    """Greedy nearest-neighbour matching.

    Every treated unit chooses its first donor, in `order`; then every one its second, and so on, as in MatchIt's
    ``method = "nearest"``. Ties go to the donor that stands first.

    Parameters
    ----------
    distance : (n_treated, n_untreated)
        Infinite where a pair is not allowed.
    order : (n_treated,)
        Positions of the treated in the order in which they choose.
    ratio
        Donors per treated unit, at most.
    replace
        Whether a donor can serve several treated units (never one of them twice).

    Returns
    -------
    chosen : (n_treated, ratio)
        Positions of donors, -1 where there was none left.
    """
    chosen: NDArray[np.intp] = nearest_many(distance[None], order=order[None], ratio=ratio, replace=replace)[0]
    return chosen


def nearest_many(
    distance: Array, *, order: NDArray[np.intp], ratio: int = 1, replace: bool = False
) -> NDArray[np.intp]:
    """Match many times, each by itself: as `nearest`, with an axis of draws in front of every array."""
    allowed = np.isfinite(distance)
    largest = np.where(allowed, distance, 0.0).max((1, 2), initial=0.0)[:, None, None]
    scaled = np.divide(
        distance, np.where(largest > 0, largest, 1.0), where=allowed, out=np.full(distance.shape, np.inf)
    )
    rounded = np.round(scaled / TIE)
    return _with_replacement(rounded, ratio) if replace else _without_replacement(rounded, order, ratio)


def _with_replacement(distance: Array, ratio: int) -> NDArray[np.intp]:
    """Return the nearest donors of each treated unit, (draws, n_treated, ratio)."""
    width = min(ratio, distance.shape[2])
    first = np.argsort(distance, axis=2, kind="stable")[..., :width]
    near = np.where(np.isfinite(np.take_along_axis(distance, first, axis=2)), first, -1)
    chosen = np.full((*distance.shape[:2], ratio), -1, dtype=np.intp)
    chosen[..., :width] = near
    return chosen


def _without_replacement(distance: Array, order: NDArray[np.intp], ratio: int) -> NDArray[np.intp]:
    """Let the treated choose in turn, (draws, n_treated, ratio); a donor that was chosen is gone."""
    draws, n_treated, n_untreated = distance.shape
    chosen = np.full((draws, n_treated, ratio), -1, dtype=np.intp)
    if not n_untreated:
        return chosen
    every, taken = np.arange(draws), np.zeros((draws, n_untreated), bool)
    for rank in range(ratio):
        for unit in order.T:
            left = np.where(taken, np.inf, distance[every, unit])
            donor = left.argmin(1)
            served = np.flatnonzero(np.isfinite(left[every, donor]))
            chosen[served, unit[served], rank] = donor[served]
            taken[served, donor[served]] = True
    return chosen


def match_weights(chosen: NDArray[np.intp], n_untreated: int) -> tuple[Array, Array]:
    """Weights for the average effect on the treated that were matched.

    A treated unit counts one; each of its k donors gets 1/k, summed over the treated it serves; donors are then
    scaled to sum to the number of donors in use (MatchIt's ``get_weights_from_mm``).

    Parameters
    ----------
    chosen : (n_treated, ratio)
        From `nearest`.
    n_untreated
        How many donors there were.

    Returns
    -------
    treated : (n_treated,)
        One where matched, else zero.
    untreated : (n_untreated,)
    """
    treated, untreated = match_weights_many(chosen[None], n_untreated)
    return treated[0], untreated[0]


def match_weights_many(chosen: NDArray[np.intp], n_untreated: int) -> tuple[Array, Array]:
    """Return the weights of many matches, (draws, n_treated, ratio): as `match_weights`, with an axis of draws."""
    draws, served = len(chosen), chosen >= 0
    counts = served.sum(2)
    share = np.broadcast_to((1.0 / np.maximum(counts, 1))[..., None], chosen.shape)[served]
    place = (chosen + np.arange(draws)[:, None, None] * n_untreated)[served]
    untreated = np.bincount(place, share, draws * n_untreated).astype(float).reshape(draws, n_untreated)
    used, total = (untreated > 0).sum(1, keepdims=True), untreated.sum(1, keepdims=True)
    return (counts > 0).astype(float), untreated * (used / np.where(used > 0, total, 1.0))


def optimal(distance: Array, *, ratio: int = 1) -> NDArray[np.intp]:
    """Match without replacement so that the sum of distances is smallest among all largest matchings (Rosenbaum 1989).

    Where donors are too few for every treated unit to have `ratio` of them, nobody has a second while another that
    could have a first has none, and so on: of the largest matchings those that spread donors most evenly. Pairs are
    those of a linear assignment; of several that are equally near, the first that it finds.

    Parameters
    ----------
    distance : (n_treated, n_untreated)
        Infinite where a pair is not allowed.
    ratio
        Donors per treated unit, at most.

    Returns
    -------
    chosen : (n_treated, ratio)
        Positions of donors, nearest first, -1 where there was none left.
    """
    allowed = np.isfinite(distance)
    chosen = np.full((len(distance), ratio), -1, dtype=np.intp)
    if not allowed.any():
        return chosen
    largest = float(distance[allowed].max()) or 1.0
    # a barred pair costs more than every pair of a matching together, so that as many as can be are matched
    barred = 2.0 * (1 + min(ratio * len(distance), distance.shape[1]))
    near, may = (side.repeat(ratio, axis=0) for side in (np.round(distance / (largest * TIE)) * TIE, allowed))
    row, donor = _assigned(np.where(may, near, barred), allowed, ratio)
    if ratio > 1 and (np.bincount(row, minlength=len(distance)) < ratio).any():
        # a k-th donor costs more than a (k-1)-th and all distances together
        turn = np.tile(np.arange(ratio), len(distance))[:, None]
        row, donor = _assigned(np.where(may, near + turn * barred, ratio * barred**2), allowed, ratio)
    order = np.lexsort((donor, distance[row, donor], row))
    row, donor = row[order], donor[order]
    chosen[row, np.arange(len(row)) - np.searchsorted(row, row)] = donor
    return chosen


def _assigned(cost: Array, allowed: NDArray[np.bool_], ratio: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return treated units and their donors of the cheapest assignment, barred pairs left out."""
    from scipy.optimize import linear_sum_assignment

    place, donor = linear_sum_assignment(cost)
    row = place // ratio
    kept = allowed[row, donor]
    return row[kept], donor[kept]
