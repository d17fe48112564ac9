"""Weights that give comparisons the covariate means of their treated, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import gram
from sos_eval.numerics.newton import Lanes, maximise

__all__ = ["OUT_OF_REACH", "of_all", "tilting"]

Array = NDArray[np.float64]

OUT_OF_REACH = "no weights of the comparison units reach the covariate means of the treated"


def of_all(why: str, arm: str) -> str:
    """Say that it is the means of all units which an arm cannot reach, where both are weighed towards these."""
    return f"no weights of the {arm} units reach the covariate means of all units" if why == OUT_OF_REACH else why


def tilting(treated: Array, compared: Array, x: Array, start: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return x b with ``sum over comparison of w exp(x b) x = sum over treated of w x``, and where there is such a b.

    Inverse probability tilting for the treated (Graham, Pinto and Egel 2012; Sant'Anna and Zhao 2020, section 3.1):
    the maximum of the concave ``sum w (D x b - (1 - D) exp(x b))``, by Newton's method.

    Parameters
    ----------
    treated, compared : (b, n)
        Weights w of the treated and of the comparison; zero for the others.
    x : (n, k)
        Covariates, the constant among them, of full rank.
    start : (b, k)
        Coefficients of a logistic regression of treatment on `x`, to begin from.

    Returns
    -------
    linear : (b, n)
    reached : (b,)
        False where no weights of the comparison reach the covariate means of the treated.
    """
    scale = np.sqrt((x**2).mean(0))
    scaled = x / np.where(scale > 0, scale, 1.0)
    aim = treated @ scaled

    def tilted(coef: Array, lanes: Lanes) -> Array:
        with np.errstate(over="ignore"):
            weight = compared[lanes]
            return np.where(weight > 0, weight * np.exp(np.where(weight > 0, coef @ scaled.T, 0.0)), 0.0)

    def value(coef: Array, lanes: Lanes) -> Array:
        return np.asarray((aim[lanes] * coef).sum(1) - tilted(coef, lanes).sum(1))

    def slopes(coef: Array, lanes: Lanes) -> tuple[Array, Array]:
        weight = tilted(coef, lanes)
        return aim[lanes] - weight @ scaled, gram(weight, scaled)

    size = (treated + compared).sum(1)
    coef, converged = maximise(start * scale, value, slopes, size)
    gap = np.abs(slopes(coef, np.arange(len(coef)))[0]).max(1)
    return coef @ scaled.T, converged & (gap <= 1e-8 * size)
