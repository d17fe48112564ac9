"""Random-effects meta-analysis and meta-regression: heterogeneity, pooled effects, prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Heterogeneity", "Interval", "Pooling", "between_limits", "between_variance", "leave_one_out", "pooled"]

Array = NDArray[np.float64]
Heterogeneity = Literal["reml", "paule_mandel", "dersimonian_laird"]
Interval = Literal["modified_hartung_knapp", "hartung_knapp", "normal"]

#: Largest variance between studies that is searched, over the largest squared error or spread of effects.
_FAR = 1e4
_GRID = 100
#: Hartung and Knapp's factor below which effects count as identical.
_IDENTICAL = 1e-12


@dataclass(frozen=True, slots=True)
class Pooling:
    """A random-effects model of k studies with p coefficients.

    Attributes
    ----------
    coef, std_error, statistic, p_value, low, high : (p,)
        Coefficients with their errors and intervals; the first is the pooled effect where there is no moderator.
    df
        Degrees of freedom of t; infinite for the normal.
    tau2
        Variance between studies.
    q, q_p
        Cochran's Q of what the moderators leave, and its p.
    i2, h2
        Share (in per cent) and size of the variance that is not error (Higgins and Thompson 2002, with `tau2`).
    predicted_low, predicted_high
        Where the true effect of a new study lies; NaN with moderators or fewer than three studies.
    weights : (k,)
        Of the studies, summing to one.
    covariance : (p, p)
        Of the coefficients.
    """

    coef: Array
    std_error: Array
    statistic: Array
    p_value: Array
    low: Array
    high: Array
    df: float
    tau2: float
    q: float
    q_p: float
    i2: float
    h2: float
    predicted_low: float
    predicted_high: float
    weights: Array
    covariance: Array


def pooled(
    effects: Array,
    variances: Array,
    design: Array | None = None,
    *,
    heterogeneity: Heterogeneity = "reml",
    interval: Interval = "modified_hartung_knapp",
    level: float = 0.95,
) -> Pooling:
    """Fit a random-effects model by weights ``1 / (variance + tau2)``.

    Hartung and Knapp (2001): the covariance is multiplied by ``q = sum w (y - Xb)^2 / (k - p)`` with t of ``k - p``
    degrees of freedom; modified, by ``max(1, q)``, so that it is never narrower than the normal one's error. The plain
    factor has no error where all effects are identical.

    Parameters
    ----------
    effects, variances : (k,)
        Of the studies; variances above zero.
    design : (k, p) or None
        Moderators with a constant; None: the constant alone.
    """
    from scipy.stats import chi2, norm, t

    x = np.ones((len(effects), 1)) if design is None else design
    k, p = x.shape
    tau2 = between_variance(effects, variances, x, heterogeneity)
    w = 1 / (variances + tau2)
    covariance = np.linalg.inv(x.T @ (w[:, None] * x))
    coef = covariance @ x.T @ (w * effects)
    df, factor = np.inf, 1.0
    if interval != "normal":
        df = float(k - p)
        factor = float((w * (effects - x @ coef) ** 2).sum() / df)
        identical = factor < _IDENTICAL  # studies that agree to the digit leave the plain factor nothing to measure
        factor = max(1.0, factor) if interval == "modified_hartung_knapp" else np.nan if identical else factor
    covariance = covariance * factor
    error = np.sqrt(np.diag(covariance))
    at = float(norm.ppf((1 + level) / 2) if np.isinf(df) else t.ppf((1 + level) / 2, df))
    statistic = coef / error
    p_value = 2 * (norm.sf(np.abs(statistic)) if np.isinf(df) else t.sf(np.abs(statistic), df))
    q = _residual(effects, variances, x, 0.0)
    typical = _typical(variances, x)
    spread = at * np.sqrt(covariance[0, 0] + tau2) if p == 1 and k > 2 else np.nan
    return Pooling(
        coef, error, statistic, np.asarray(p_value), coef - at * error, coef + at * error, df, tau2, q,
        float(chi2.sf(q, k - p)), 100 * tau2 / (tau2 + typical), (tau2 + typical) / typical,
        float(coef[0] - spread), float(coef[0] + spread), w / w.sum(), np.asarray(covariance, float),
    )  # fmt: skip


def between_variance(effects: Array, variances: Array, design: Array, how: Heterogeneity) -> float:
    """Return the variance between studies, at least zero.

    reml: restricted likelihood (Viechtbauer 2005); paule_mandel: ``Q(tau2) = k - p`` (Paule and Mandel 1982);
    dersimonian_laird: the moment of Q (DerSimonian and Laird 1986; with moderators Raudenbush 2009).
    """
    if how == "dersimonian_laird":
        projection = _projection(variances, design, 0.0)
        k, p = design.shape
        return max(0.0, float((effects @ projection @ effects - (k - p)) / np.trace(projection)))
    if how == "paule_mandel":
        return _paule_mandel(effects, variances, design)
    return _reml(effects, variances, design)


def between_limits(effects: Array, variances: Array, level: float = 0.95) -> tuple[float, float]:
    """Return limits of the variance between studies from the profile of Q (Viechtbauer 2007), without moderators.

    Both are zero where no variance is in it: the studies differ less than their errors make likely even without any.
    """
    from scipy.stats import chi2

    x = np.ones((len(effects), 1))
    ends = [chi2.ppf((1 + sign * level) / 2, len(effects) - 1) for sign in (1, -1)]
    low, high = (_root_of_q(effects, variances, x, float(end)) for end in ends)
    return low, high


def leave_one_out(effects: Array, variances: Array, **options: object) -> list[Pooling]:
    """Pool without each study in turn."""
    kept = ~np.eye(len(effects), dtype=bool)
    return [pooled(effects[one], variances[one], **options) for one in kept]  # type: ignore[arg-type]


def _projection(variances: Array, design: Array, tau2: float) -> Array:
    """Return P with ``y'Py`` the weighted residual sum of squares, (k, k)."""
    w = 1 / (variances + tau2)
    wx = w[:, None] * design
    return np.asarray(np.diag(w) - wx @ np.linalg.solve(design.T @ wx, wx.T))


def _residual(effects: Array, variances: Array, design: Array, tau2: float) -> float:
    """Return the weighted residual sum of squares, Q at ``tau2 = 0``."""
    w = 1 / (variances + tau2)
    root = np.sqrt(w)
    coef, *_ = np.linalg.lstsq(root[:, None] * design, root * effects, rcond=None)
    return float((w * (effects - design @ coef) ** 2).sum())


def _typical(variances: Array, design: Array) -> float:
    """Return the typical error variance of a study (Higgins and Thompson 2002, equation 9)."""
    k, p = design.shape
    return float((k - p) / np.trace(_projection(variances, design, 0.0)))


def _far(effects: Array, variances: Array) -> float:
    """Return a variance between studies beyond any that is looked for."""
    return _FAR * float(max(variances.max(), np.ptp(effects) ** 2))


def _root_of_q(effects: Array, variances: Array, design: Array, wanted: float) -> float:
    """Solve Q(tau2) = wanted, falling in tau2; zero where Q is below it from the start."""
    from scipy.optimize import brentq

    if _residual(effects, variances, design, 0.0) <= wanted:
        return 0.0
    far = _far(effects, variances)
    while _residual(effects, variances, design, far) > wanted:
        far *= 10
    return float(brentq(lambda t: _residual(effects, variances, design, t) - wanted, 0.0, far, xtol=1e-15, rtol=1e-14))


def _paule_mandel(effects: Array, variances: Array, design: Array) -> float:
    k, p = design.shape
    return _root_of_q(effects, variances, design, float(k - p))


def _reml(effects: Array, variances: Array, design: Array) -> float:
    """Return the largest restricted likelihood's variance: the best of a grid, then a root of the score beside it."""
    from scipy.optimize import brentq

    def likelihood(tau2: float) -> float:
        v = variances + tau2
        information = design.T @ (design / v[:, None])
        rest = np.linalg.slogdet(information)[1] + _residual(effects, variances, design, tau2)
        return float(-0.5 * (np.log(v).sum() + rest))

    def score(tau2: float) -> float:
        projection = _projection(variances, design, tau2)
        moved = projection @ effects
        return float(moved @ moved - np.trace(projection))

    small, far = 1e-8 * float(variances.min()), _far(effects, variances)
    grid = np.concatenate([[0.0], np.geomspace(small, far, _GRID)])
    best = int(np.argmax([likelihood(one) for one in grid]))
    if best == 0 or score(grid[best - 1]) <= 0:
        return 0.0
    return float(brentq(score, grid[best - 1], grid[min(best + 1, _GRID)], xtol=1e-15, rtol=1e-14))
