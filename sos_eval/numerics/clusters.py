"""Means over draws that come in clusters: their error, how far apart the clusters are, and how far intervals reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

__all__ = ["error_of_mean", "reach", "spread_between"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
INSIDE = 0.975


def error_of_mean(values: Array, clusters: Codes | None = None) -> float:
    """Return the error of a mean over the draws that have a value.

    Draws of K clusters: ``sqrt(K / (K - 1) sum_k (sum_i (v_ki - v))^2) / n``. With as many in each that is the
    standard deviation of the clusters' means over the root of K, whose expected square is B / K + W / n, with B the
    variance between clusters and W that within one. Few clusters can by chance vary less than their draws do; B is not
    negative, so the error of as many independent draws is the least that is returned.

    Parameters
    ----------
    values : (n,)
        NaN: none.
    clusters : (n,) or None
        None: the draws are independent.
    """
    there = np.isfinite(values)
    n, some = int(there.sum()), values[there]
    if clusters is None:
        return float(some.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    if not n:
        return np.nan
    sums = _by_cluster(some - some.mean(), clusters[there])[0]
    k = len(sums)
    if k < 2:
        return np.nan
    return max(float(np.sqrt(k / (k - 1) * (sums**2).sum()) / n), float(some.std(ddof=1) / np.sqrt(n)))


def spread_between(values: Array, clusters: Codes) -> float:
    """Return the standard deviation between clusters of a mean over draws, without the draws' own noise.

    That of the analysis of variance: (mean square between - within) / n0, n0 the draws of a cluster, where these are
    unequal ``(n - sum n_k^2 / n) / (K - 1)``. 0 where clusters differ no more than their draws do; NaN where every
    draw is a cluster or all are one.
    """
    sums, n = _by_cluster(values, clusters)
    whole, k = float(n.sum()), len(n)
    if k < 2 or whole <= k:
        return np.nan
    between = float((n * (sums / n - values.mean()) ** 2).sum()) / (k - 1)
    within = float((values**2).sum() - (sums**2 / n).sum()) / (whole - k)
    usual = (whole - float((n**2).sum()) / whole) / (k - 1)
    return float(np.sqrt(max((between - within) / usual, 0.0)))


def _by_cluster(values: Array, clusters: Codes) -> tuple[Array, Array]:
    """Return the sum of the values of each cluster, and how many it has."""
    _, member = np.unique(clusters, return_inverse=True)
    return np.bincount(member, values).astype(float), np.bincount(member).astype(float)


def reach(clusters: int, n: int) -> float:
    """Return how many errors a 95% interval reaches to either side: t of K - 1 where n draws share K clusters."""
    return float(stdtrit(clusters - 1, INSIDE) if 1 < clusters < n else ndtri(INSIDE))
