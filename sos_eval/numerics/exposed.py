"""What a comparison does to an estimate where a share of it is exposed too, and with that taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["difference_without_exposed", "extreme_units", "ratio_without_exposed"]

Array = NDArray[np.float64]


def difference_without_exposed(observed: Array, share: float) -> Array:
    """Return the effect behind a difference, where a share of the comparison took the same effect.

    The comparison's mean change holds ``share`` of the effect, so the difference is ``(1 - share)`` of it.
    """
    return np.asarray(observed / (1 - share))


def ratio_without_exposed(observed: Array, share: float) -> Array:
    """Return the ratio behind a ratio of means, where a share of the comparison took the same ratio.

    The comparison's mean is multiplied by ``1 - share + share * R``, so that ``R = r (1 - share) / (1 - share r)``; NaN
    where no ratio, however large, could look like that.

    Examples
    --------
    >>> ratio_without_exposed(np.array([0.9, 1.25, 4.0]), 0.25).round(4).tolist()
    [0.871, 1.3636, nan]
    """
    left = 1 - share * observed
    return np.asarray(np.where(left > 0, observed * (1 - share) / np.where(left > 0, left, 1.0), np.nan))


def extreme_units(influence: Array, among: NDArray[np.bool_], k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the k units without which an estimate is smallest, and those without which it is largest.

    By what each adds to it (the first-order change without a unit is minus its influence over n): exact for a
    difference of means, in which every unit of a group counts alike.

    Parameters
    ----------
    influence : (n,)
        On the estimate.
    among : (n,)
        Who may be left out.
    """
    places = np.flatnonzero(among)
    ordered = places[np.argsort(influence[places], kind="stable")]
    return ordered[len(ordered) - k :], ordered[:k]
