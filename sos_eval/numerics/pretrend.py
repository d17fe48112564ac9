"""Tests of coefficients before treatment, and what they could have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtr, ndtri

__all__ = ["Slope", "Wald", "box_probability", "detectable_slope", "pretest_power", "slope", "wald"]

Array = NDArray[np.float64]

_POINTS = 1 << 14


@dataclass(frozen=True, slots=True)
class Wald:
    """A joint test that coefficients are zero.

    Attributes
    ----------
    statistic, df
        W and the number of coefficients.
    p_chi2
        From the chi-squared.
    p_f, df_f
        From F, and the degrees of freedom of the covariance; NaN where they do not reach the number of coefficients.
    """

    statistic: float
    df: int
    p_chi2: float
    p_f: float
    df_f: float


@dataclass(frozen=True, slots=True)
class Slope:
    """A linear trend through coefficients, with its standard error."""

    value: float
    std_error: float


def wald(values: Array, scores: Array, groups: NDArray[np.intp]) -> Wald:
    """Test jointly that coefficients are zero: W = b' V^-1 b with V = scores' scores.

    ``p_chi2`` refers W to the chi-squared with q degrees of freedom, as the did package does. ``p_f`` is Hotelling's
    form for a covariance that is a sum over groups of clusters of unequal size and spread, the multivariate
    Behrens-Fisher problem (Krishnamoorthy and Yu 2004, modified Nel and van der Merwe): with S_g the group's part of V
    times n_g / (n_g - 1) and S their sum, nu = (q + q^2) / sum_g [tr (S_g S^-1)^2 + (tr S_g S^-1)^2] / (n_g - 1), and
    b' S^-1 b (nu - q + 1) / (q nu) is referred to F(q, nu - q + 1). With one group this is Hotelling's own. It is NaN
    where a group has fewer than two clusters more than coefficients that it moves: below that the approximation fails
    (three coefficients, ten treated clusters of 150: rejects 6% at 5%; five: 8%; four: 13%; three: 28%).

    Parameters
    ----------
    values : (q,)
        Coefficients.
    scores : (n_clusters, q)
        Each cluster's contribution to the estimates.
    groups : (n_clusters,)
        Which cohort a cluster belongs to, from 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        The covariance is singular.
    """
    statistic, q = float(values @ _solve(scores.T @ scores, values)), len(values)
    sizes = np.bincount(groups)
    parts = np.array([scores[groups == g].T @ scores[groups == g] for g in range(len(sizes))])
    moved = parts.any(1).sum(1)
    telling = moved > 0
    p_f = nu = float("nan")
    if (sizes >= moved + 2)[telling].all():
        spare = sizes[telling] - 1
        parts = parts[telling] * (sizes[telling] / spare)[:, None, None]
        nu = _degrees_of_freedom(parts, spare)
        if nu > q - 1:
            squared = float(values @ _solve(parts.sum(0), values))
            p_f = float(fdtrc(q, nu - q + 1, squared * (nu - q + 1) / (q * nu)))
    return Wald(statistic, q, float(chdtrc(q, statistic)), p_f, nu)


def _degrees_of_freedom(parts: Array, spare: Array | NDArray[np.intp]) -> float:
    """Degrees of freedom of a covariance that is a sum of independent parts, (groups, q, q)."""
    scale = np.sqrt(np.diag(parts.sum(0)))
    parts = parts / np.outer(scale, scale)
    share = parts @ np.linalg.inv(parts.sum(0))
    trace = np.trace(share, axis1=1, axis2=2)
    square = np.trace(share @ share, axis1=1, axis2=2)
    q = parts.shape[1]
    return float((q + q**2) / ((square + trace**2) / spare).sum())


def slope(values: Array, covariance: Array, distance: Array) -> Slope:
    """Fit b = slope * distance by generalised least squares, without an intercept.

    Parameters
    ----------
    values, distance : (q,)
        Coefficients, and how far in time each stands from what it is compared with (negative before).
    covariance : (q, q)
        Of full rank.

    Raises
    ------
    numpy.linalg.LinAlgError
        The covariance is singular.
    """
    weighted = _solve(covariance, distance)
    information = float(distance @ weighted)
    return Slope(float(weighted @ values) / information, information**-0.5)


def pretest_power(trend: float, covariance: Array, distance: Array, level: float = 0.95) -> float:
    """Probability that some coefficient is significant on its own when the true path is linear.

    Roth (2022), section II: one minus the probability that every |t| stays below the normal quantile.

    Parameters
    ----------
    trend
        Slope of the true path.
    covariance : (q, q)
        Of the coefficients.
    distance : (q,)
        As in `slope`.
    level
        One minus the size of each coefficient's own test.
    """
    sd = np.sqrt(np.diag(covariance))
    limit = np.full(len(sd), float(ndtri((1 + level) / 2)))
    return 1 - box_probability(trend * distance / sd, covariance / np.outer(sd, sd), -limit, limit)


def detectable_slope(covariance: Array, distance: Array, *, power: float = 0.8, level: float = 0.95) -> float:
    """Slope of a linear divergence that the pre-test would flag with a given probability (Roth 2022).

    Positive; by symmetry the negative one has the same power.

    Parameters
    ----------
    covariance, distance, level
        As in `pretest_power`.
    power
        Probability wanted; NaN where chance alone reaches it.

    Raises
    ------
    numpy.linalg.LinAlgError
        The covariance is singular.
    """
    from scipy.optimize import brentq

    def short(trend: float) -> float:
        return pretest_power(trend, covariance, distance, level) - power

    if short(0.0) >= 0:
        return float("nan")
    sd = np.sqrt(np.diag(covariance))
    alone = float(ndtri((1 + level) / 2) + ndtri(power))  # enough for the most telling coefficient by itself
    top = alone * float((sd / np.maximum(np.abs(distance), 1e-300)).min()) * 1.01
    return float(brentq(short, 0.0, top, xtol=1e-10 * top))


def box_probability(mean: Array, covariance: Array, low: Array, high: Array) -> float:
    """Probability that a normal vector lies in a box, (q,) each.

    Genz (1992): the integral is turned into one over the unit cube by the Cholesky factor and evaluated on a fixed
    lattice of 16,384 points (square roots of primes, folded). Deterministic; error about 1e-5 for ten dimensions.

    Raises
    ------
    numpy.linalg.LinAlgError
        The covariance is singular.
    """
    root = np.linalg.cholesky(covariance)
    q = len(mean)
    points = np.arange(1, _POINTS + 1)[:, None] * np.sqrt(_primes(q - 1)) % 1.0
    cube = np.abs(2 * points - 1)
    drawn = np.empty((_POINTS, q))
    total = np.ones(_POINTS)
    for i in range(q):
        centre = mean[i] + drawn[:, :i] @ root[i, :i]
        below, above = ndtr((low[i] - centre) / root[i, i]), ndtr((high[i] - centre) / root[i, i])
        total *= above - below
        if i < q - 1:
            # the tails of double precision: keeps ndtri finite where the factor above is zero anyway
            inside = np.clip(below + cube[:, i] * (above - below), 1e-300, 1 - 1e-16)
            drawn[:, i] = ndtri(inside)
    return float(total.mean())


def _primes(count: int) -> Array:
    """Return the first primes, (count,)."""
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found, float)


def _solve(covariance: Array, values: Array) -> Array:
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        raise np.linalg.LinAlgError("a coefficient has no variance")
    correlation = covariance / np.outer(scale, scale)
    if np.linalg.matrix_rank(correlation, hermitian=True) < len(values):
        raise np.linalg.LinAlgError("singular covariance")
    return np.asarray(np.linalg.solve(correlation, values / scale) / scale, float)
