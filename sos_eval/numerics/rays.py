"""Extreme rays of a cone in the positive orthant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_RAYS", "extreme_rays"]

Array = NDArray[np.float64]
#: More rays than this are not listed.
MOST_RAYS = 4_000
_ZERO = 1e-10


def extreme_rays(x: Array) -> Array | None:
    """List the extreme rays of ``{v >= 0 : x'v = 0}``, each with a largest entry of one.

    The double description method (Motzkin, Raiffa, Thompson and Thrall 1953): one equation after another, a ray on
    its one side is joined with each ray on the other that it shares a face with.

    Parameters
    ----------
    x : (n, k)
        A column per equation; none leaves the orthant's own rays.

    Returns
    -------
    (r, n) or None
        None where there are more than `MOST_RAYS`.

    Examples
    --------
    >>> extreme_rays(np.array([[1.0], [-1.0], [-2.0]]))
    array([[1. , 1. , 0. ],
           [1. , 0. , 0.5]])
    """
    rays: Array = np.eye(len(x))
    for column in x.T:
        side = rays @ column
        side[np.abs(side) < _ZERO * max(float(np.abs(column).max()), 1.0)] = 0.0
        rays = np.vstack([rays[side == 0], _joined(rays, side)])
        if len(rays) > MOST_RAYS:
            return None
    return rays


def _joined(rays: Array, side: Array) -> Array:
    """Join rays on either side of a plane that share a face: no third ray lies within the entries that both use."""
    used = rays > _ZERO
    joined = [np.empty((0, rays.shape[1]))]
    for i in np.flatnonzero(side > 0):
        other = np.flatnonzero(side < 0)
        both = used[other] | used[i]
        within = (~both).astype(float) @ used.T.astype(float) == 0
        other = other[within.sum(1) == 2]
        new = side[i] * rays[other] - side[other, None] * rays[i]
        joined.append(new / new.max(1, keepdims=True))
    return np.vstack(joined)
