"""Average marginal effects of a linear or logistic regression, with their gradient in the coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Averaged", "Link", "average_change", "average_slope"]

Array = NDArray[np.float64]
Link = Literal["identity", "logit"]


@dataclass(frozen=True, slots=True)
class Averaged:
    """An average over rows that are taken as given.

    Attributes
    ----------
    value
        The average.
    gradient : (k,)
        Its derivative in the coefficients: the delta method's variance is ``gradient' V gradient``.
    """

    value: float
    gradient: Array


def average_change(coef: Array, after: Array, before: Array, weights: Array, link: Link) -> Averaged:
    """Average the change of the expected outcome from one set of regressors to another.

    ``sum_i w_i (h(after_i b) - h(before_i b)) / sum_i w_i`` with h the inverse of the link.

    Parameters
    ----------
    coef : (k,)
        Coefficients b.
    after, before : (n, k)
        Regressors; all that moves with a variable has moved.
    weights : (n,)
        Weights of the average.
    """
    share = weights / weights.sum()
    high, low = _mean(after @ coef, link), _mean(before @ coef, link)
    gradient = (share * _slope(high, link)) @ after - (share * _slope(low, link)) @ before
    return Averaged(float(share @ (high - low)), np.asarray(gradient))


def average_slope(coef: Array, x: Array, moved: Array, weights: Array, link: Link) -> Averaged:
    """Average the derivative of the expected outcome in a variable.

    ``sum_i w_i h'(x_i b) (d_i b) / sum_i w_i``, d_i the derivative of row i's regressors in the variable.

    Parameters
    ----------
    coef : (k,)
        Coefficients b.
    x, moved : (n, k)
        Regressors, and their derivatives d.
    weights : (n,)
        Weights of the average.
    """
    share, along = weights / weights.sum(), moved @ coef
    mean = _mean(x @ coef, link)
    slope = _slope(mean, link)
    bend = slope * (1 - 2 * mean) if link == "logit" else np.zeros(len(x))
    gradient = (share * bend * along) @ x + (share * slope) @ moved
    return Averaged(float(share @ (slope * along)), np.asarray(gradient))


def _mean(linear: Array, link: Link) -> Array:
    """Return the expected outcome at a linear predictor, (n,)."""
    return linear if link == "identity" else np.asarray(1.0 / (1.0 + np.exp(-linear)))


def _slope(mean: Array, link: Link) -> Array:
    """Return its derivative in the linear predictor, (n,)."""
    return np.ones(len(mean)) if link == "identity" else mean * (1 - mean)
