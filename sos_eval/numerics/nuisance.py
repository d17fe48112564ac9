"""The nuisance models of a comparison adjusted for covariates: odds of treatment and outcome regressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import LogisticFit, logistic
from sos_eval.numerics.regress import least_squares
from sos_eval.numerics.tilting import tilting

__all__ = ["NoEffectError", "Odds", "Regression", "odds_of_treatment", "regression"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TOO_MANY = "covariates are collinear within a group, or leave none of its observations over"


class NoEffectError(ArithmeticError):
    """The comparison cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Odds:
    """Weights of the comparison by its odds of treatment.

    Attributes
    ----------
    weights : (n,)
        Observation weight times odds; zero where treated or trimmed.
    trimmed : (n,)
        Comparison observations left out for a propensity at or above the limit.
    leverage : (n, k)
        What each observation contributes to the model's coefficients.
    """

    weights: Array
    trimmed: Bools
    leverage: Array


@dataclass(frozen=True, slots=True)
class Regression:
    """An outcome regression.

    Attributes
    ----------
    fitted, residual : (n, m)
        Of m outcomes, for every observation.
    leverage : (n, k)
        What each observation contributes to the coefficients, per unit of its residual.
    """

    fitted: Array
    residual: Array
    leverage: Array


def odds_of_treatment(treated: Bools, x: Array, weights: Array, trim: float, *, tilted: bool = False) -> Odds:
    """Weight the comparison by its odds of treatment.

    Parameters
    ----------
    treated, x, weights
        As in `sos_eval.numerics.two_by_two.of_changes`.
    trim
        Comparison observations with a propensity at or above it are left out.
    tilted
        Odds by inverse probability tilting instead of a logistic regression.
    """
    try:
        fit = logistic(treated.astype(float), x, weights)
        linear = tilting(treated, x, weights, fit) if tilted else fit.linear
    except np.linalg.LinAlgError:
        raise NoEffectError("covariates are collinear among the units compared") from None
    except ArithmeticError as error:
        raise NoEffectError(f"propensity model: {error}") from None
    with np.errstate(over="ignore"):
        trimmed = ~treated & (1 / (1 + np.exp(-linear)) >= trim)
    if trimmed.sum() == (~treated).sum():
        raise NoEffectError(f"every comparison unit has a propensity of at least {trim:g}")
    odds = np.where(treated, 0.0, np.exp(np.where(treated, 0.0, linear)))
    return Odds(weights * np.where(trimmed, 0.0, odds), trimmed, _leverage(treated, x, weights, odds, fit, tilted))


def _leverage(treated: Bools, x: Array, weights: Array, odds: Array, fit: LogisticFit, tilted: bool) -> Array:
    """Return each observation's score times the inverse of the score's slope, (n, k)."""
    if not tilted:
        return np.asarray((x * (weights * (treated - fit.probability))[:, None]) @ fit.bread)
    scale = np.sqrt((x**2).mean(0))
    scaled = x / scale
    bread = np.linalg.inv((scaled * (weights * odds)[:, None]).T @ scaled)
    return np.asarray((scaled * (weights * (treated - odds))[:, None]) @ bread / scale)


def regression(y: Array, x: Array, weights: Array) -> Regression:
    """Regress outcomes on covariates within the observations of positive weight."""
    used = weights > 0
    scale = np.sqrt((x[used] ** 2).mean(0))
    spare = used.sum() - x.shape[1]
    if not (scale > 0).all() or spare < (x.shape[1] > 1):  # a constant alone may be the mean of one
        raise NoEffectError(_TOO_MANY)
    scaled = x / scale
    try:
        coef, bread = least_squares(y[used].T, scaled[used], weights[used])
    except np.linalg.LinAlgError:
        raise NoEffectError(_TOO_MANY) from None
    fitted = scaled @ coef.T
    leverage = (scaled * weights[:, None]) @ bread / scale
    return Regression(fitted, y - fitted, leverage)
