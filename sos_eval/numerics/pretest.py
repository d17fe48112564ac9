"""What a pre-trend test does to the estimate that is reported after it was passed (Roth 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, chndtr, ndtri

from sos_eval.numerics.box import box_mean, box_probability

__all__ = ["Passed", "likelihood_ratio", "pass_each", "pass_jointly"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Passed:
    """Normal estimates, given that a test of some of them was passed.

    Attributes
    ----------
    probability
        That it is passed.
    mean : (k,)
        Mean of all estimates then: Roth (2022), proposition 1.
    """

    probability: float
    mean: Array


def pass_each(mean: Array, covariance: Array, before: NDArray[np.bool_], *, level: float = 0.95) -> Passed:
    """Pass where no coefficient before the start is significant on its own: a normal vector within a box.

    Parameters
    ----------
    mean : (k,)
        Expected estimates, those before the start among them: what a violation makes of them.
    covariance : (k, k)
        Known.
    before : (k,)
        Which ones are tested.
    level
        One minus the size of each coefficient's own test.

    Raises
    ------
    numpy.linalg.LinAlgError
        The covariance of the tested is singular.
    """
    own, sd = covariance[np.ix_(before, before)], np.sqrt(np.diag(covariance)[before])
    correlation, limit = own / np.outer(sd, sd), np.full(len(sd), float(ndtri((1 + level) / 2)))
    box = mean[before] / sd, correlation, -limit, limit
    return Passed(box_probability(*box), _carried_on(mean, covariance, before, sd * box_mean(*box)))


def pass_jointly(mean: Array, covariance: Array, before: NDArray[np.bool_], *, level: float = 0.95) -> Passed:
    """Pass where the Wald test of the coefficients before the start does not reject: a normal vector in an ellipse.

    With m their mean, V their covariance and c the quantile of the chi-squared with q degrees of freedom:
    ``E[b | b' V^-1 b <= c] = m F(c; q + 2, m' V^-1 m) / F(c; q, m' V^-1 m)``, F that of the noncentral chi-squared.

    Parameters
    ----------
    mean, covariance, before
        As in `pass_each`.
    level
        One minus the size of the joint test.
    """
    m, own, q = mean[before], covariance[np.ix_(before, before)], int(before.sum())
    away, limit = float(m @ np.linalg.solve(own, m)), float(chdtri(q, 1 - level))
    probability = float(chndtr(limit, q, away))
    return Passed(probability, _carried_on(mean, covariance, before, m * chndtr(limit, q + 2, away) / probability))


def likelihood_ratio(values: Array, mean: Array, covariance: Array) -> float:
    """Return the normal density of values (q,) at a mean over that at zero (Roth 2022, section II)."""
    away = np.linalg.solve(covariance, mean)
    return float(np.exp(away @ values - away @ mean / 2))


def _carried_on(mean: Array, covariance: Array, before: NDArray[np.bool_], known: Array) -> Array:
    """Return the mean of all estimates from that of the tested: normal regression on them."""
    slopes = np.linalg.solve(covariance[np.ix_(before, before)], covariance[before])
    return np.asarray(mean + (known - mean[before]) @ slopes)
