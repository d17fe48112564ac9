"""Units in strata: which stratum a unit is in, weights that make groups alike over strata, and how far they differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["common_support", "joint_distance", "strata", "stratum_weights"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


def strata(columns: list[Codes]) -> Codes:
    """Return numbers of the combinations of codes that occur, (n,), in the order of the codes.

    Parameters
    ----------
    columns
        Of (n,), each counted from 0; at least one.
    """
    joint = columns[0].astype(np.int64)
    for column in columns[1:]:
        joint = joint * (int(column.max(initial=0)) + 1) + column
        if joint.max(initial=0) > 2**31:  # renumbered before it can overflow
            joint = np.unique(joint, return_inverse=True)[1].astype(np.int64)
    return np.unique(joint, return_inverse=True)[1].astype(np.intp)


def stratum_weights(stratum: Codes, treated: Bools, *, average: str = "att") -> Array:
    """Weights under which the comparison is spread over strata as the treated are, under many adoptions, (r, n).

    ``att``: a treated unit counts one, an untreated one the treated over the untreated of its stratum; ``ate``: a
    unit counts all units of its stratum over those of its own group. Each group is then scaled to sum to its units in
    use. Zero in a stratum that lacks either group.

    Parameters
    ----------
    stratum : (n,) or (r, n)
        Stratum of each unit, counted from 0.
    treated : (r, n)
        Who is treated.
    """
    at = np.broadcast_to(stratum, treated.shape)
    n_treated, n_untreated = _counts(at, treated), _counts(at, ~treated)
    both = (n_treated > 0) & (n_untreated > 0)
    own = np.where(treated, n_treated, n_untreated)
    aim = n_treated if average == "att" else n_treated + n_untreated
    raw = np.where(both, aim / np.maximum(own, 1), 0.0)
    return np.where(treated, _scaled(raw, treated & both), _scaled(raw, ~treated & both))


def _counts(at: Codes, members: Bools) -> Array:
    """Count the members in each unit's stratum, (r, n), under every adoption."""
    width = int(at.max(initial=0)) + 1
    place = at + np.arange(len(at))[:, None] * width
    return np.asarray(np.bincount(place[members], minlength=len(at) * width)[place], float)


def _scaled(weights: Array, used: Bools) -> Array:
    """Scale weights to sum to the number of units used, (r, n)."""
    total = np.where(used, weights, 0.0).sum(1, keepdims=True)
    return np.asarray(weights * (used.sum(1, keepdims=True) / np.where(total > 0, total, 1.0)), float)


def joint_distance(stratum: Codes, treated: Bools, weights: Array) -> float:
    """Half the sum over strata of the difference of shares: L1 of Iacus, King and Porro (2011), equation (5).

    Parameters
    ----------
    stratum, treated, weights : (n,)
        Each group's weights are divided by their sum; units of weight zero are out.
    """
    sign = np.where(treated, 1.0, -1.0) * weights
    share = np.where(treated, sign / weights[treated].sum(), sign / weights[~treated].sum())
    return float(np.abs(np.bincount(stratum, share)).sum() / 2)


def common_support(stratum: Codes, treated: Bools, weights: Array) -> float:
    """Share of the strata in use that hold both groups (their local common support)."""
    used = weights > 0
    here = [np.bincount(stratum[used & group], minlength=int(stratum.max()) + 1) > 0 for group in (treated, ~treated)]
    return float((here[0] & here[1]).sum() / (here[0] | here[1]).sum())
