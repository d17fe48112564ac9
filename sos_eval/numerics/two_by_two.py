"""Two groups, two periods, covariates: regression, inverse probability weighting, doubly robust.

Sant'Anna and Zhao (2020). Every estimator there is a signed sum of weighted means ``sum w r / sum w`` whose weights may
hold the odds of treatment and whose residuals may hold fitted values; so is its influence, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import LogisticFit, logistic
from sos_eval.numerics.regress import least_squares

__all__ = ["Adjust", "Effect", "NoEffectError", "of_changes", "of_levels"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Adjust = Literal["none", "reg", "ipw", "dr"]

_TOO_MANY = "covariates are collinear within a group, or leave none of its observations over"


class NoEffectError(ArithmeticError):
    """The comparison cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect on the treated.

    Attributes
    ----------
    value : (m,)
        A value per column of outcomes.
    score : (n, m)
        What each observation contributes to the error: influence over n, nuisance models included.
    trimmed : (n,)
        Comparison observations left out for a propensity at or above the limit.
    """

    value: Array
    score: Array
    trimmed: Bools


@dataclass(frozen=True, slots=True)
class _Mean:
    """One weighted mean: ``sign * sum(weight * residual) / sum(weight)``.

    ``fitted`` holds how often each regression's fitted value stands in the residual; ``odds``: the weight holds the
    odds of treatment.
    """

    sign: float
    weight: Array
    residual: Array
    fitted: Mapping[str, float] = field(default_factory=dict)
    odds: bool = False


@dataclass(frozen=True, slots=True)
class _Regression:
    """An outcome regression: fitted values (n, m) and what each observation contributes to its coefficients."""

    fitted: Array
    residual: Array
    leverage: Array


def of_changes(change: Array, treated: Bools, x: Array, weights: Array, adjust: Adjust, trim: float = 0.995) -> Effect:
    """Compare changes of treated and comparison units (a panel of two periods).

    Sant'Anna and Zhao (2020): ``reg`` equation 2.2, ``ipw`` equation 2.3 with normalised (Hajek) weights, ``dr``
    equation 2.6 with logit and least squares as nuisance models (their "traditional" estimator).

    Parameters
    ----------
    change : (n, m)
        Changes of m outcomes.
    treated : (n,)
        Who is treated; the others are the comparison.
    x : (n, k)
        Covariates, the constant among them.
    weights : (n,)
        Observation weights.
    adjust
        ``none`` takes plain means.
    trim
        Comparison units with a propensity at or above it are left out.

    Raises
    ------
    NoEffectError
        Nobody to compare, collinear covariates, or covariates that separate the groups.
    """
    _refuse_empty({"treated": treated, "comparison": ~treated})
    own = weights * treated
    other, trimmed, odds_fit = _comparison_weights(treated, x, weights, adjust, trim)
    fits = {}
    if adjust in ("reg", "dr"):
        fits["comparison"] = _regress(change, x, weights * ~treated)
    zero = np.zeros_like(change)
    fitted = fits["comparison"].fitted if fits else zero
    means = {
        "none": [_Mean(1, own, change), _Mean(-1, other, change)],
        "reg": [_Mean(1, own, change), _Mean(-1, own, fitted, {"comparison": 1.0})],
        "ipw": [_Mean(1, own, change), _Mean(-1, other, change, odds=True)],
        "dr": [
            _Mean(1, own, change - fitted, {"comparison": -1.0}),
            _Mean(-1, other, change - fitted, {"comparison": -1.0}, odds=True),
        ],
    }[adjust]
    return _combine(means, fits, odds_fit, treated, x, weights, trimmed)


def of_levels(
    y: Array, treated: Bools, post: Bools, x: Array, weights: Array, adjust: Adjust, trim: float = 0.995,
    *, as_drdid: bool = False,
) -> Effect:  # fmt: skip
    """Compare levels before and after (repeated cross-sections, or a panel with gaps).

    Sant'Anna and Zhao (2020): ``dr`` is the locally efficient estimator, equation 3.4; ``ipw`` and ``reg`` their
    repeated cross-section forms.

    Parameters
    ----------
    y : (n, m)
        Outcomes.
    post : (n,)
        Which observations are of the later period.
    treated, x, weights, adjust, trim
        As in `of_changes`.
    as_drdid
        Repeat a sign in ``DRDID::drdid_rc``, versions up to 1.2.3 at least: there the base-period regression of the
        comparison enters the influence of ``dr`` with the sign of the later period's. The value is the same; the
        error differs where weighted covariate means of treated and comparison differ.
    """
    before = ~post
    groups = {
        "treated, later period": treated & post, "treated, base period": treated & before,
        "comparison, later period": ~treated & post, "comparison, base period": ~treated & before,
    }  # fmt: skip
    _refuse_empty(groups)
    other, trimmed, odds_fit = _comparison_weights(treated, x, weights, adjust, trim)
    own = weights * treated
    fits: dict[str, _Regression] = {}
    if adjust in ("reg", "dr"):
        fits = {"c1": _regress(y, x, weights * (~treated & post)), "c0": _regress(y, x, weights * (~treated & before))}
    if adjust == "dr":
        fits |= {"t1": _regress(y, x, weights * (treated & post)), "t0": _regress(y, x, weights * (treated & before))}
    means = {"none": _level_means, "ipw": _level_means, "reg": _level_regression, "dr": _level_robust}[adjust](
        y, own, other, post, fits, odds=adjust == "ipw"
    )
    if as_drdid and adjust == "dr":
        means[1], means[3] = (replace(one, fitted={"c0": 1.0}) for one in (means[1], means[3]))
    return _combine(means, fits, odds_fit, treated, x, weights, trimmed)


def _level_means(
    y: Array, own: Array, other: Array, post: Bools, fits: Mapping[str, _Regression], *, odds: bool
) -> list[_Mean]:
    """Four means."""
    return [
        _Mean(1, own * post, y), _Mean(-1, own * ~post, y),
        _Mean(-1, other * post, y, odds=odds), _Mean(1, other * ~post, y, odds=odds),
    ]  # fmt: skip


def _level_regression(
    y: Array, own: Array, other: Array, post: Bools, fits: Mapping[str, _Regression], *, odds: bool
) -> list[_Mean]:
    """Two means of the treated, and the change that the comparison's regressions predict for them."""
    predicted = fits["c1"].fitted - fits["c0"].fitted
    return [_Mean(1, own * post, y), _Mean(-1, own * ~post, y), _Mean(-1, own, predicted, {"c1": 1.0, "c0": -1.0})]


def _level_robust(
    y: Array, own: Array, other: Array, post: Bools, fits: Mapping[str, _Regression], *, odds: bool
) -> list[_Mean]:
    """Return the locally efficient doubly robust estimator's eight means."""
    after, before = y - fits["c1"].fitted, y - fits["c0"].fitted
    later, base = fits["t1"].fitted - fits["c1"].fitted, fits["t0"].fitted - fits["c0"].fitted
    one, zero = {"c1": -1.0}, {"c0": -1.0}
    both1, both0 = {"t1": 1.0, "c1": -1.0}, {"t0": 1.0, "c0": -1.0}
    return [
        _Mean(1, own * post, after, one), _Mean(-1, own * ~post, before, zero),
        _Mean(-1, other * post, after, one, odds=True), _Mean(1, other * ~post, before, zero, odds=True),
        _Mean(1, own, later, both1), _Mean(-1, own * post, later, both1),
        _Mean(-1, own, base, both0), _Mean(1, own * ~post, base, both0),
    ]  # fmt: skip


def _refuse_empty(groups: Mapping[str, Bools]) -> None:
    empty = [name for name, rows in groups.items() if not rows.any()]
    if empty:
        raise NoEffectError(f"no observation: {'; '.join(empty)}")


def _comparison_weights(
    treated: Bools, x: Array, weights: Array, adjust: Adjust, trim: float
) -> tuple[Array, Bools, LogisticFit | None]:
    """Weight the comparison by its odds of treatment where the adjustment asks for it."""
    plain = weights * ~treated
    nobody = np.zeros(len(treated), bool)
    if adjust in ("none", "reg"):
        return plain, nobody, None
    try:
        fit = logistic(treated.astype(float), x, weights)
    except np.linalg.LinAlgError:
        raise NoEffectError("covariates are collinear among the units compared") from None
    except ArithmeticError as error:
        raise NoEffectError(f"propensity model: {error}") from None
    trimmed = ~treated & (fit.probability >= trim)
    if trimmed.sum() == (~treated).sum():
        raise NoEffectError(f"every comparison unit has a propensity of at least {trim:g}")
    odds = np.where(trimmed | treated, 0.0, np.exp(np.where(trimmed | treated, 0.0, fit.linear)))
    return plain * odds, trimmed, fit


def _regress(y: Array, x: Array, weights: Array) -> _Regression:
    """Regress outcomes on covariates within one group."""
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
    return _Regression(fitted, y - fitted, leverage)


def _combine(
    means: list[_Mean], fits: Mapping[str, _Regression], odds_fit: LogisticFit | None,
    treated: Bools, x: Array, weights: Array, trimmed: Bools,
) -> Effect:  # fmt: skip
    """Add the means up, and each observation's contribution through means, regressions and propensity."""
    m = means[0].residual.shape[1]
    value, score = np.zeros(m), np.zeros((len(x), m))
    by_fit = {name: np.zeros(x.shape[1]) for name in fits}
    by_odds = np.zeros((x.shape[1], m))
    for one in means:
        share = one.weight / one.weight.sum()
        level = share @ one.residual
        value += one.sign * level
        centred = share[:, None] * (one.residual - level)
        score += one.sign * centred
        for name, times in one.fitted.items():
            by_fit[name] += one.sign * times * (share @ x)
        if one.odds:
            by_odds += one.sign * (x.T @ centred)
    for name, fit in fits.items():
        score += fit.residual * (fit.leverage @ by_fit[name])[:, None]
    if odds_fit is not None:
        score += (x * (weights * (treated - odds_fit.probability))[:, None]) @ (odds_fit.bread @ by_odds)
    return Effect(value, score, trimmed)
