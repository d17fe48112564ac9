"""Whether chances come about as often as they say: by tenths, and as a line on the scale of log odds (Cox 1958)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import SEPARATED, logistics

__all__ = ["Recalibration", "Tenths", "held_out", "recalibrated", "tenths"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Tenths:
    """Chances by tenths, (d,) each: rows of equal chance stay together, so that there may be fewer.

    Attributes
    ----------
    n, treated
        Rows, and those of them that are treated.
    expected, observed
        Weighted mean of the chance, and weighted share that is treated.
    """

    n: Array
    treated: Array
    expected: Array
    observed: Array


def tenths(chance: Array, treated: Bools, weights: Array) -> Tenths:
    """Compare chances, (n,), with who is treated, cut at nine quantiles of the chance."""
    rounded = np.round(chance, 12)
    cuts = np.unique(np.quantile(rounded, np.arange(1, 10) / 10))
    tenth = np.unique(np.searchsorted(cuts, rounded, side="left"), return_inverse=True)[1]
    weighed = np.bincount(tenth, weights)
    n = np.bincount(tenth).astype(float)
    expected, observed = (np.bincount(tenth, weights * one) / weighed for one in (chance, treated))
    return Tenths(n, np.bincount(tenth, treated.astype(float)).astype(float), expected, observed)


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A logistic regression of who is treated on the log odds of the chance.

    Attributes
    ----------
    intercept, slope
        0 and 1 where chances are right; a slope below one says that they are too far apart.
    at_large
        The intercept with slope one: above 0 where more are treated than expected.
    failure
        Why there is none; else "".
    """

    intercept: float
    slope: float
    at_large: float
    failure: str = ""


def recalibrated(chance: Array, treated: Bools, weights: Array) -> Recalibration:
    """Fit the line of chances, (n,), strictly between 0 and 1."""
    odds = np.log(chance) - np.log1p(-chance)
    y = treated.astype(float)[None]
    if np.ptp(odds) <= 1e-9 * max(1.0, float(np.abs(odds).max())):
        return Recalibration(np.nan, np.nan, _at_large(odds, treated, weights), "chances do not vary")
    fit = logistics(y, np.column_stack([np.ones(len(odds)), odds]), weights[None])
    if why := str(fit.failures[0]):
        words = "chances separate treated from untreated" if why == SEPARATED else why
        return Recalibration(np.nan, np.nan, _at_large(odds, treated, weights), words)
    return Recalibration(float(fit.coef[0, 0]), float(fit.coef[0, 1]), _at_large(odds, treated, weights))


def _at_large(odds: Array, treated: Bools, weights: Array) -> float:
    """Return the shift of log odds at which as many are expected as are treated; NaN where one arm is empty."""
    from scipy.optimize import brentq
    from scipy.special import expit

    share = float(weights @ treated / weights.sum())
    if not 0 < share < 1:
        return float("nan")
    reach = float(np.abs(odds).max()) + abs(float(np.log(share / (1 - share)))) + 1

    def excess(shift: float) -> float:
        return float(weights @ (expit(odds + shift) - treated) / weights.sum())

    return float(brentq(excess, -reach, reach, xtol=1e-12))


def held_out(treated: Bools, x: Array, folds: Codes, weights: Array | None = None) -> Array:
    """Return each row's chance by the logistic regression on the other folds, (n,); NaN where there is none.

    Parameters
    ----------
    treated, folds, weights : (n,)
        Who is treated, codes, and row weights, ones unless given.
    x : (n, k)
        With the constant.
    """
    names = np.unique(folds)
    used = folds[None] != names[:, None]
    fits = logistics(
        np.broadcast_to(treated.astype(float), used.shape), x, used * (1.0 if weights is None else weights)
    )
    chance = np.where((fits.failures == "")[:, None], fits.probability, np.nan)
    return np.asarray(chance[np.searchsorted(names, folds), np.arange(len(folds))])
