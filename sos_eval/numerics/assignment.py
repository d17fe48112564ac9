"""Who is matched with whom, from a matrix of distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["match_nearest", "match_weights"]

Array = NDArray[np.float64]

#: Distances closer than this share of the largest are ties: rounding does not decide who is matched.
TIE = 1e-12


def match_nearest(
    distance: Array, *, order: NDArray[np.intp], ratio: int = 1, replace: bool = False
) -> NDArray[np.intp]:
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
    allowed = np.isfinite(distance)
    largest = float(distance[allowed].max()) if allowed.any() else 0.0
    rounded = np.full(distance.shape, np.inf)
    rounded[allowed] = np.round(distance[allowed] / largest / TIE) if largest > 0 else 0.0
    return _with_replacement(rounded, ratio) if replace else _without_replacement(rounded, order, ratio)


def _with_replacement(distance: Array, ratio: int) -> NDArray[np.intp]:
    """Return the nearest donors of each treated unit, (n_treated, ratio)."""
    width = min(ratio, distance.shape[1])
    first = np.argsort(distance, axis=1, kind="stable")[:, :width]
    near = np.where(np.isfinite(np.take_along_axis(distance, first, axis=1)), first, -1)
    chosen = np.full((len(distance), ratio), -1, dtype=np.intp)
    chosen[:, :width] = near
    return chosen


def _without_replacement(distance: Array, order: NDArray[np.intp], ratio: int) -> NDArray[np.intp]:
    """Let the treated choose in turn; a donor that was chosen is gone."""
    free = distance.copy()
    chosen = np.full((len(free), ratio), -1, dtype=np.intp)
    if not free.shape[1]:
        return chosen
    for rank in range(ratio):
        for unit in order:
            donor = int(free[unit].argmin())
            if np.isfinite(free[unit, donor]):
                chosen[unit, rank] = donor
                free[:, donor] = np.inf
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
    found = chosen >= 0
    counts = found.sum(1)
    share = np.repeat(1.0 / np.maximum(counts, 1), counts)
    untreated = np.asarray(np.bincount(chosen[found], weights=share, minlength=n_untreated), float)
    used = untreated > 0
    if used.any():
        untreated *= used.sum() / untreated.sum()
    return (counts > 0).astype(float), untreated
