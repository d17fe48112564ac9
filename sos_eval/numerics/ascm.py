"""Weights of a synthetic control, and their ridge augmentation (Ben-Michael, Feller and Rothstein 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.simplex import simplex_weights

__all__ = ["Penalties", "augmented", "chosen_penalty", "cross_validated"]

Array = NDArray[np.float64]

#: Penalties that cross-validation tries: the largest, and so much smaller by steps.
STEPS, SMALLEST = 20, 1e-8
#: Donors differ along a direction where its sum of squares is more than this share of all.
ROUNDING = 1e-20


@dataclass(frozen=True, slots=True)
class Penalties:
    """Penalties tried, and the mean squared error of years left out at each with its standard error, (k,)."""

    tried: Array
    errors: Array
    spread: Array


def augmented(donors: Array, treated: Array, penalties: Array | None) -> Array:
    """Return weights of donors, (n,), or one set for each ridge penalty, (k, n); those sum to one, and may be negative.

    Parameters
    ----------
    donors : (n, t)
        Outcomes before the start.
    treated : (t,)
    penalties : (k,) or None
        None: no augmentation.
    """
    weights = simplex_weights(donors.T, treated, 0.0)
    if penalties is None:
        return weights
    centred = donors - donors.mean(0)
    left = treated - weights @ donors
    values, vectors = np.linalg.eigh(centred.T @ centred)
    differ = values > ROUNDING * (donors**2).sum()  # where donors are alike there is nothing to augment with
    along = left @ vectors[:, differ] / (values[differ] + penalties[:, None])
    return np.asarray(weights + along @ vectors[:, differ].T @ centred.T)


def cross_validated(donors: Array, treated: Array) -> Penalties:
    """Leave out one year at a time but the last, as the authors' package does, and predict it."""
    largest = np.linalg.norm(donors - donors.mean(0), 2) ** 2
    tried = largest * SMALLEST ** (np.arange(STEPS + 1) / STEPS)
    years = np.arange(donors.shape[1] - 1)
    errors = np.empty((len(years), len(tried)))
    for year in years:
        rest = np.arange(donors.shape[1]) != year
        weights = augmented(donors[:, rest], treated[rest], tried)
        errors[year] = (treated[year] - weights @ donors[:, year]) ** 2
    return Penalties(tried, errors.mean(0), errors.std(0, ddof=1) / np.sqrt(len(years)))


def chosen_penalty(found: Penalties) -> float:
    """Return the largest penalty whose error is within one standard error of the smallest."""
    best = int(found.errors.argmin())
    return float(found.tried[found.errors <= found.errors[best] + found.spread[best]].max())
