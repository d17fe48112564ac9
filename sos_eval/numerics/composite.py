"""Weights of rows that serve in several matched sets and are matched within strata."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["composite_weights"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


def composite_weights(stratum: Codes, treated: Bools, own: Array) -> Array:
    """Return a row's own weight times the weight of its stratum, counted with the rows' own weights, (n,).

    Coarsened exact matching (Iacus, King and Porro 2012) on weighted counts: with W_T and W_C the sums of the own
    weights of matched treated and comparison rows, and w_T and w_C those of a stratum, a treated row's factor is one, a
    comparison row's ``w_T / w_C * W_C / W_T``; a row without a row of the other group in its stratum has weight zero.
    The composite weights of each group sum to the own weights of its matched rows.

    Parameters
    ----------
    stratum : (n,)
        Counted from 0.
    treated : (n,)
        Which group a row is of.
    own : (n,)
        Positive; one over the number of sets that the row serves in.
    """
    size = int(stratum.max(initial=-1)) + 1
    ours, theirs = (np.bincount(stratum, own * group, size) for group in (treated, ~treated))
    both = ((ours > 0) & (theirs > 0))[stratum]
    if not both.any():
        return np.zeros(len(own))
    scale = theirs[(ours > 0) & (theirs > 0)].sum() / ours[(ours > 0) & (theirs > 0)].sum()
    ratio = np.divide(ours, theirs, out=np.zeros(size), where=theirs > 0)
    return np.asarray(np.where(both, own * np.where(treated, 1.0, ratio[stratum] * scale), 0.0))
