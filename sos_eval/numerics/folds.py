"""Folds in which clusters stay whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["cluster_folds"]

Codes = NDArray[np.intp]


def cluster_folds(clusters: Codes, treated: NDArray[np.bool_], folds: int, rng: np.random.Generator) -> Codes:
    """Deal clusters at random into folds, those that hold a treated row and the others each in turn.

    Every fold has as many treated clusters as any other, give or take one, and likewise of the others.

    Parameters
    ----------
    clusters : (n,)
        Codes from zero.
    treated : (n,)

    Returns
    -------
    (n,) fold of each row, from zero.
    """
    of_cluster = np.empty(int(clusters.max()) + 1, dtype=np.intp)
    holds = np.bincount(clusters, treated, len(of_cluster)) > 0
    for side in (holds, ~holds):
        members = rng.permutation(np.flatnonzero(side))
        of_cluster[members] = np.arange(len(members)) % folds
    return of_cluster[clusters]
