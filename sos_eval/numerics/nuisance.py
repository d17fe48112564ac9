"""The nuisance models of comparisons adjusted for covariates: odds of treatment and outcome regressions.

Many comparisons are made at once (lanes, the first axis): they share observations and covariates, and differ in who is
treated, who is compared, and so in weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import COLLINEAR, LogisticFits, gram, logistics
from sos_eval.numerics.newton import solve
from sos_eval.numerics.tilting import OUT_OF_REACH, tilting

__all__ = ["NoEffectError", "Odds", "Regression", "cross", "odds_of_treatment", "regression"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TOO_MANY = "covariates are collinear within a group, or leave none of its observations over"


class NoEffectError(ArithmeticError):
    """The comparison cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Odds:
    """Weights of comparisons by their odds of treatment.

    Attributes
    ----------
    weights : (b, n)
        Observation weight times odds; zero where treated, trimmed or in neither group.
    trimmed : (b, n)
        Comparison observations left out for a propensity at or above the limit.
    leverage : (b, n, k)
        What each observation contributes to the model's coefficients.
    failures : (b,)
        Why there are none; else "".
    """

    weights: Array
    trimmed: Bools
    leverage: Array
    failures: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Regression:
    """Outcome regressions.

    Attributes
    ----------
    coef : (b, k, m)
        Of m outcomes.
    weights : (b, n)
        Zero outside the regressed group.
    bread : (b, k, k)
        ``(X' W X)^-1``.
    failures : (b,)
        Why there is none; else "".
    """

    coef: Array
    weights: Array
    bread: Array
    failures: NDArray[np.object_]


def odds_of_treatment(
    treated: Bools, compared: Bools, x: Array, weights: Array, trim: float, *, tilted: bool = False
) -> Odds:
    """Weight comparisons by their odds of treatment.

    Parameters
    ----------
    treated, compared, x, weights
        As in `sos_eval.numerics.two_by_two.compare_changes`.
    trim
        Comparison observations with a propensity at or above it are left out.
    tilted
        Odds by inverse probability tilting instead of a logistic regression.
    """
    w = weights * (treated | compared)
    fits = logistics(treated.astype(float), x, w)
    failures = np.array([_worded(why) for why in fits.failures], object)
    linear = fits.linear
    if tilted:
        fine = np.flatnonzero(failures == "")
        linear[fine], reached = tilting((w * treated)[fine], (w * compared)[fine], x, fits.coef[fine])
        failures[fine[~reached]] = f"propensity model: {OUT_OF_REACH}"
        linear[failures != ""] = 0.0
    with np.errstate(over="ignore"):
        trimmed = compared & (1 / (1 + np.exp(-linear)) >= trim)
    failures[(trimmed == compared).all(1) & (failures == "")] = (
        f"every comparison unit has a propensity of at least {trim:g}"
    )
    odds = np.where(compared, np.exp(np.where(compared, linear, 0.0)), 0.0)
    kept = w * np.where(trimmed | (failures != "")[:, None], 0.0, odds)
    leverage = _tilted_leverage(treated, x, w, odds, failures) if tilted else _leverage(treated, x, w, fits)
    return Odds(kept, trimmed & (failures == "")[:, None], leverage, failures)


def _worded(why: str) -> str:
    """Say why a propensity model failed."""
    if why == COLLINEAR:
        return "covariates are collinear among the units compared"
    return why and f"propensity model: {why}"


def _leverage(treated: Bools, x: Array, weights: Array, fits: LogisticFits) -> Array:
    """Return each observation's score times the inverse of the score's slope, (b, n, k)."""
    return np.asarray((weights * (treated - fits.probability))[:, :, None] * (x @ fits.bread))


def _tilted_leverage(treated: Bools, x: Array, weights: Array, odds: Array, failures: NDArray[np.object_]) -> Array:
    """Return the same for tilted odds."""
    k, scale = x.shape[1], np.sqrt((x**2).mean(0))
    scale[scale == 0] = 1.0
    scaled = x / scale
    slope = gram(weights * odds, scaled)
    slope[failures != ""] = np.eye(k)
    bread, solvable = solve(slope, np.broadcast_to(np.eye(k), slope.shape))
    failures[~solvable] = _worded(COLLINEAR)
    return np.asarray((weights * (treated - odds))[:, :, None] * (scaled @ (bread / scale)))


def regression(y: Array, x: Array, weights: Array) -> Regression:
    """Regress outcomes (n, m) on covariates (n, k) within the observations of positive weight, (b, n)."""
    k, used = x.shape[1], weights > 0
    count = used.sum(1)
    scale = np.sqrt((used @ x**2) / np.maximum(count, 1)[:, None])
    failed = ~(scale > 0).all(1) | (count - k < (k > 1))  # a constant alone may be the mean of one
    scale = np.where(scale > 0, scale, 1.0)
    outer = scale[:, :, None] * scale[:, None, :]
    crossed = gram(weights, x) / outer
    crossed[failed] = np.eye(k)
    failed |= np.linalg.matrix_rank(crossed, hermitian=True) < k
    crossed[failed] = np.eye(k)
    bread = np.linalg.inv(crossed) / outer
    failures = np.where(failed, _TOO_MANY, "").astype(object)
    return Regression(bread @ cross(weights, x, y), weights, bread, failures)


def cross(weights: Array, x: Array, y: Array) -> Array:
    """Return ``X' W y`` of weights (b, n): (b, k, m)."""
    weighted = weights[:, None, :] * x.T
    return np.asarray((weighted.reshape(-1, len(x)) @ y).reshape(*weighted.shape[:2], y.shape[1]))
