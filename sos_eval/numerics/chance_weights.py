"""Weights by the inverse of a chance of being treated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["chance_weights", "trimmed"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


def chance_weights(linear: Array, treated: Bools, *, average: str, stabilised: bool = False) -> Array:
    """Weights for an average over the treated (att), over all (ate) or where groups overlap (ato), (r, n).

    With the chance p: ``att`` 1 and p / (1 - p); ``ate`` 1 / p and 1 / (1 - p); ``ato`` 1 - p and p (Li, Morgan and
    Zaslavsky 2018). Stabilised weights are multiplied by their group's share.

    Parameters
    ----------
    linear : (r, n)
        Logit of the chance.
    treated : (r, n)
        Who is treated; units of NaN are out, with weight zero.
    """
    from scipy.special import expit

    out = np.isnan(linear)
    u = np.where(out, 0.0, linear)
    with np.errstate(over="ignore"):
        if average == "att":
            weights = np.where(treated, 1.0, np.exp(u))
        elif average == "ate":
            weights = np.where(treated, 1.0 + np.exp(-u), 1.0 + np.exp(u))
        else:
            weights = np.where(treated, expit(-u), expit(u))
    if stabilised:
        share = (treated & ~out).sum(1, keepdims=True) / np.maximum((~out).sum(1, keepdims=True), 1)
        weights = weights * np.where(treated, share, 1.0 - share)
    return np.asarray(np.where(out, 0.0, weights), float)


def trimmed(weights: Array, among: Bools, at: float, *, both: bool = False) -> Array:
    """Set weights above their quantile to it, (r, n); with `both` also those below the opposite quantile.

    The quantile is the nearest even order statistic (R's type 3).

    Parameters
    ----------
    weights, among : (r, n)
        Weights, and whose count.
    """
    out = weights.copy()
    for lane, own in enumerate(among):
        ends = np.quantile(weights[lane, own], [1 - at, at], method="closest_observation")
        out[lane, own] = np.clip(weights[lane, own], ends[0] if both else None, ends[1])
    return out
