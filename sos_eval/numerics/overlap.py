"""How far two distributions overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["overlap_coefficient"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Points of the integral.
_POINTS = 2048


def overlap_coefficient(x: Array, treated: Bools, w: Array) -> float:
    """Area under the smaller of two densities: one where they agree, zero where they are apart.

    Two values: one less the difference of shares. Otherwise Gaussian kernels of the bandwidth ``1.06 min(sd, IQR/1.34)
    n^(-1/5)`` (Scott 1992) of the smaller group, unweighted, as cobalt takes it. NaN where that is zero, or a group
    has no weight.

    Parameters
    ----------
    x, treated, w : (n,)
        Values, groups and weights.
    """
    if not (w[treated].sum() > 0 and w[~treated].sum() > 0):
        return float("nan")
    if len(np.unique(x)) <= 2:
        high = (x == x.max()).astype(float)
        return 1.0 - abs(_mean(high, w, treated) - _mean(high, w, ~treated))
    smaller = treated if treated.sum() <= (~treated).sum() else ~treated
    width = _bandwidth(x[smaller])
    if not width > 0:
        return float("nan")
    grid = np.linspace(x.min() - 4 * width, x.max() + 4 * width, _POINTS)
    densities = [_density(grid, x[group], w[group], width) for group in (treated, ~treated)]
    return float(np.trapezoid(np.minimum(*densities), grid))


def _mean(x: Array, w: Array, group: Bools) -> float:
    return float(x[group] @ w[group] / w[group].sum())


def _bandwidth(x: Array) -> float:
    if len(x) < 2:
        return 0.0
    low, high = np.quantile(x, [0.25, 0.75])
    return float(1.06 * min(x.std(ddof=1), (high - low) / 1.34) * len(x) ** -0.2)


def _density(grid: Array, x: Array, w: Array, width: float) -> Array:
    """Weighted kernel density at the points of a grid."""
    values, place = np.unique(x, return_inverse=True)
    share = np.bincount(place, w / w.sum())
    total = np.zeros(len(grid))
    for first in range(0, len(values), 512):
        some = slice(first, first + 512)
        total += np.exp(-(((grid[:, None] - values[some]) / width) ** 2) / 2) @ share[some]
    return np.asarray(total / (width * np.sqrt(2 * np.pi)), float)
