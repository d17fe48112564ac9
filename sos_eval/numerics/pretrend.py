"""Tests of coefficients before treatment, and what they could have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtri

from sos_eval.numerics.box import box_probability

__all__ = ["Slope", "Wald", "Walds", "detectable_slope", "pretest_power", "slope", "wald", "walds"]

Array = NDArray[np.float64]


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
class Walds:
    """`Wald` of many draws: (r,) each but `df`."""

    statistic: Array
    df: int
    p_chi2: Array
    p_f: Array
    df_f: Array


@dataclass(frozen=True, slots=True)
class Slope:
    """A linear trend through coefficients, with its standard error."""

    value: float
    std_error: float


def wald(values: Array, scores: Array, groups: NDArray[np.intp]) -> Wald:
    """Test jointly that coefficients are zero; see `walds`, of which this is one draw.

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
    found = walds(values[None], scores[None], groups)
    if not np.isfinite(found.statistic[0]):
        raise np.linalg.LinAlgError("singular covariance")
    return Wald(float(found.statistic[0]), found.df, float(found.p_chi2[0]), float(found.p_f[0]), float(found.df_f[0]))


def walds(values: Array, scores: Array, groups: NDArray[np.intp]) -> Walds:
    """Test jointly that coefficients are zero, in every draw: W = b' V^-1 b with V = scores' scores.

    ``p_chi2`` refers W to the chi-squared with q degrees of freedom, as the did package does. ``p_f`` is Hotelling's
    form for a covariance that is a sum over groups of clusters of unequal size and spread, the multivariate
    Behrens-Fisher problem (Krishnamoorthy and Yu 2004, modified Nel and van der Merwe): with S_g the group's part of V
    times n_g / (n_g - 1) and S their sum, nu = (q + q^2) / sum_g [tr (S_g S^-1)^2 + (tr S_g S^-1)^2] / (n_g - 1), and
    b' S^-1 b (nu - q + 1) / (q nu) is referred to F(q, nu - q + 1). With one group this is Hotelling's own. It is NaN
    where a group has fewer than two clusters more than coefficients that it moves: below that the approximation fails
    (three coefficients, ten treated clusters of 150: rejects 6% at 5%; five: 8%; four: 13%; three: 28%).

    Parameters
    ----------
    values : (r, q)
        Coefficients of every draw.
    scores : (r, n_clusters, q)
        Each cluster's contribution to the estimates.
    groups : (n_clusters,)
        Which cohort a cluster belongs to, from 0.

    Returns
    -------
    Walds
        All NaN in draws whose covariance is singular.
    """
    (r, q), sizes = values.shape, np.bincount(groups)
    own = [scores[:, groups == g] for g in range(len(sizes))]
    parts = np.stack([one.swapaxes(1, 2) @ one for one in own], axis=1)
    regular = _regular(parts.sum(1))
    statistic, p_f, nu = np.full((3, r), np.nan)
    statistic[regular] = _squared(values[regular], parts[regular].sum(1))
    moved = parts.any(2).sum(2)
    telling = moved > 0
    supported = regular & ((sizes >= moved + 2) | ~telling).all(1)
    for which in np.unique(telling[supported], axis=0):
        rows = np.flatnonzero(supported & (telling == which).all(1))
        spare = sizes[which] - 1
        scaled = parts[np.ix_(rows, which)] * (sizes[which] / spare)[:, None, None]
        df = _degrees_of_freedom(scaled, spare)
        rows, scaled, df = rows[df > q - 1], scaled[df > q - 1], df[df > q - 1]
        squared = _squared(values[rows], scaled.sum(1))
        p_f[rows] = fdtrc(q, df - q + 1, squared * (df - q + 1) / (q * df))
        nu[rows] = df
    return Walds(statistic, q, chdtrc(q, statistic), p_f, nu)


def _degrees_of_freedom(parts: Array, spare: Array | NDArray[np.intp]) -> Array:
    """Degrees of freedom of covariances that are sums of independent parts, (r, groups, q, q)."""
    scale = np.sqrt(np.einsum("rgii->ri", parts))
    parts = parts / (scale[:, :, None] * scale[:, None, :])[:, None]
    share = parts @ np.linalg.inv(parts.sum(1))[:, None]
    trace = np.trace(share, axis1=2, axis2=3)
    square = np.trace(share @ share, axis1=2, axis2=3)
    q = parts.shape[-1]
    return np.asarray((q + q**2) / ((square + trace**2) / spare).sum(1))


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


def _solve(covariance: Array, values: Array) -> Array:
    """Solve one system that is scaled to correlations first."""
    if not _regular(covariance[None])[0]:
        raise np.linalg.LinAlgError("singular covariance")
    scale = np.sqrt(np.diag(covariance))
    return np.asarray(np.linalg.solve(covariance / np.outer(scale, scale), values / scale) / scale, float)


def _squared(values: Array, covariance: Array) -> Array:
    """Return b' V^-1 b of regular covariances, (r, q) and (r, q, q) -> (r,)."""
    scale = np.sqrt(np.einsum("rii->ri", covariance))
    scaled = values / scale
    solved = np.linalg.solve(covariance / (scale[:, :, None] * scale[:, None, :]), scaled[..., None])[..., 0]
    return np.asarray((scaled * solved).sum(-1))


def _regular(covariance: Array) -> NDArray[np.bool_]:
    """Say which covariances are of full rank with no variance of zero, (r, q, q) -> (r,)."""
    variance = np.einsum("rii->ri", covariance)
    out: NDArray[np.bool_] = (variance > 0).all(1)
    scale = np.sqrt(variance[out])
    correlation = covariance[out] / (scale[:, :, None] * scale[:, None, :])
    out[out] = np.linalg.matrix_rank(correlation, hermitian=True) == covariance.shape[-1]
    return out
