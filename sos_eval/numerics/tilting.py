"""Weights that give a comparison the covariate means of the treated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import LogisticFit
from sos_eval.numerics.newton import maximise

__all__ = ["tilting"]

Array = NDArray[np.float64]


def tilting(treated: NDArray[np.bool_], x: Array, weights: Array, start: LogisticFit) -> Array:
    """Return x b with ``sum over comparison of w exp(x b) x = sum over treated of w x``, (n,).

    Inverse probability tilting for the treated (Graham, Pinto and Egel 2012; Sant'Anna and Zhao 2020, section 3.1):
    the maximum of the concave ``sum w (D x b - (1 - D) exp(x b))``, by Newton's method.

    Parameters
    ----------
    treated : (n,)
        Who is treated; the others are the comparison.
    x : (n, k)
        Covariates, the constant among them, of full rank.
    weights : (n,)
        Observation weights.
    start
        A logistic regression of treatment on `x`, to begin from.

    Raises
    ------
    ArithmeticError
        No weights of the comparison reach the covariate means of the treated.
    """
    scale = np.sqrt((x**2).mean(0))
    scaled = x / scale
    aim = (weights * treated) @ scaled
    used = (weights > 0) & ~treated
    own, w = scaled[used], weights[used]

    def value(coef: Array) -> float:
        with np.errstate(over="ignore"):
            return float(aim @ coef - w @ np.exp(own @ coef))

    def slopes(coef: Array) -> tuple[Array, Array]:
        tilted = w * np.exp(own @ coef)
        return aim - own.T @ tilted, (own * tilted[:, None]).T @ own

    coef, converged = maximise(start.coef * scale, value, slopes, float(weights.sum()))
    if not converged or np.abs(slopes(coef)[0]).max() > 1e-8 * weights.sum():
        raise ArithmeticError("no weights of the comparison units reach the covariate means of the treated")
    return np.asarray(scaled @ coef)
