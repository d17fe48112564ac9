"""Two groups, two periods, covariates: regression, inverse probability weighting, doubly robust.

Sant'Anna and Zhao (2020). Every estimator there is a signed sum of weighted means ``sum w r / sum w`` whose weights may
hold the odds of treatment and whose residuals may hold fitted values; so is its influence, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.nuisance import NoEffectError, Odds, Regression, odds_of_treatment, regression

__all__ = ["Adjust", "TwoByTwo", "of_changes", "of_levels"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Adjust = Literal["none", "reg", "ipw", "dr", "dr_improved", "dr_comparison"]


@dataclass(frozen=True, slots=True)
class TwoByTwo:
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


def of_changes(
    change: Array, treated: Bools, x: Array, weights: Array, adjust: Adjust, trim: float = 0.995
) -> TwoByTwo:
    """Compare changes of treated and comparison units (a panel of two periods).

    Sant'Anna and Zhao (2020), section 2: ``reg`` is outcome regression, ``ipw`` has normalised (Hajek) weights; ``dr``
    is their equation 3.1 with logit and least squares as nuisance models (the "traditional" estimator), ``dr_improved``
    with tilted odds and least squares weighted by them (their section 3.1). ``dr_comparison`` is ``dr`` here.

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
    own, plain = weights * treated, weights * ~treated
    odds = _odds(treated, x, weights, adjust, trim)
    fits = {}
    if adjust == "reg" or _robust(adjust):
        fits["comparison"] = regression(change, x, odds.weights if adjust == "dr_improved" else plain)
    zero = np.zeros_like(change)
    fitted = fits["comparison"].fitted if fits else zero
    rest, minus = change - fitted, {"comparison": -1.0}
    means = {
        "none": [_Mean(1, own, change), _Mean(-1, plain, change)],
        "reg": [_Mean(1, own, change), _Mean(-1, own, fitted, {"comparison": 1.0})],
        "ipw": [_Mean(1, own, change), _Mean(-1, odds.weights, change, odds=True)],
        "dr": [_Mean(1, own, rest, minus), _Mean(-1, odds.weights, rest, minus, odds=True)],
    }["dr" if _robust(adjust) else adjust]
    return _combine(means, fits, odds, x, tilted=["comparison"] if adjust == "dr_improved" else [])


def of_levels(
    y: Array, treated: Bools, post: Bools, x: Array, weights: Array, adjust: Adjust, trim: float = 0.995,
    *, as_drdid: bool = False,
) -> TwoByTwo:  # fmt: skip
    """Compare levels before and after (repeated cross-sections, or a panel with gaps).

    Sant'Anna and Zhao (2020): ``dr`` is the locally efficient estimator, equation 3.4; ``dr_comparison`` the one of
    equation 3.3, which needs no regression of the treated; ``dr_improved`` as ``dr``, with tilted odds and least
    squares weighted by them; ``ipw`` and ``reg`` their repeated cross-section forms.

    Parameters
    ----------
    y : (n, m)
        Outcomes.
    post : (n,)
        Which observations are of the later period.
    treated, x, weights, adjust, trim
        As in `of_changes`.
    as_drdid
        The error as DRDID has it, versions up to 1.2.3 at least; the value is the same. In ``drdid_rc`` and
        ``drdid_rc1`` the base-period regression of the comparison enters the influence with the sign of the later
        period's, which shows where weighted covariate means of treated and comparison differ. In ``drdid_imp_rc`` the
        nuisance models add nothing, which holds where covariates are spread alike in both periods.
    """
    before = ~post
    groups = {
        "treated, later period": treated & post, "treated, base period": treated & before,
        "comparison, later period": ~treated & post, "comparison, base period": ~treated & before,
    }  # fmt: skip
    _refuse_empty(groups)
    odds = _odds(treated, x, weights, adjust, trim)
    own, plain = weights * treated, weights * ~treated
    fits: dict[str, Regression] = {}
    if adjust == "reg" or _robust(adjust):
        by = odds.weights if adjust == "dr_improved" else plain
        fits = {"c1": regression(y, x, by * post), "c0": regression(y, x, by * before)}
    if adjust in ("dr", "dr_improved"):
        fits |= {"t1": regression(y, x, own * post), "t0": regression(y, x, own * before)}
    other = plain if adjust == "none" else odds.weights
    if adjust == "reg":
        means = _level_regression(y, own, post, fits)
    elif adjust in ("none", "ipw"):
        means = _level_means(y, own, other, post, odds=adjust == "ipw")
    else:
        means = _level_robust(y, own, other, post, fits, sign=1.0 if as_drdid else -1.0)
    if adjust == "dr_improved" and as_drdid:
        means = [replace(one, fitted={}, odds=False) for one in means]
    return _combine(means, fits, odds, x, tilted=["c1", "c0"] if adjust == "dr_improved" else [])


def _robust(adjust: Adjust) -> bool:
    return adjust in ("dr", "dr_comparison", "dr_improved")


def _odds(treated: Bools, x: Array, weights: Array, adjust: Adjust, trim: float) -> Odds:
    """Return the odds that an adjustment weighs by; none for means and regressions."""
    if adjust in ("none", "reg"):
        return Odds(weights, np.zeros(len(treated), bool), np.zeros((len(treated), x.shape[1])))
    return odds_of_treatment(treated, x, weights, trim, tilted=adjust == "dr_improved")


def _level_means(y: Array, own: Array, other: Array, post: Bools, *, odds: bool) -> list[_Mean]:
    """Four means."""
    return [
        _Mean(1, own * post, y), _Mean(-1, own * ~post, y),
        _Mean(-1, other * post, y, odds=odds), _Mean(1, other * ~post, y, odds=odds),
    ]  # fmt: skip


def _level_regression(y: Array, own: Array, post: Bools, fits: Mapping[str, Regression]) -> list[_Mean]:
    """Two means of the treated, and the change that the comparison's regressions predict for them."""
    predicted = fits["c1"].fitted - fits["c0"].fitted
    return [_Mean(1, own * post, y), _Mean(-1, own * ~post, y), _Mean(-1, own, predicted, {"c1": 1.0, "c0": -1.0})]


def _level_robust(
    y: Array, own: Array, other: Array, post: Bools, fits: Mapping[str, Regression], *, sign: float
) -> list[_Mean]:
    """Return the doubly robust means; with the treated's own regressions the four that make it locally efficient.

    ``sign`` is that of the base-period regression in the base-period means: -1, or 1 as DRDID has it.
    """
    after, before = y - fits["c1"].fitted, y - fits["c0"].fitted
    one, zero = {"c1": -1.0}, {"c0": sign}
    means = [
        _Mean(1, own * post, after, one), _Mean(-1, own * ~post, before, zero),
        _Mean(-1, other * post, after, one, odds=True), _Mean(1, other * ~post, before, zero, odds=True),
    ]  # fmt: skip
    if "t1" not in fits:
        return means
    later, base = fits["t1"].fitted - fits["c1"].fitted, fits["t0"].fitted - fits["c0"].fitted
    both1, both0 = {"t1": 1.0, "c1": -1.0}, {"t0": 1.0, "c0": -1.0}
    return [
        *means, _Mean(1, own, later, both1), _Mean(-1, own * post, later, both1),
        _Mean(-1, own, base, both0), _Mean(1, own * ~post, base, both0),
    ]  # fmt: skip


def _refuse_empty(groups: Mapping[str, Bools]) -> None:
    empty = [name for name, rows in groups.items() if not rows.any()]
    if empty:
        raise NoEffectError(f"no observation: {'; '.join(empty)}")


def _combine(
    means: list[_Mean], fits: Mapping[str, Regression], odds: Odds, x: Array, *, tilted: Sequence[str] = ()
) -> TwoByTwo:
    """Add the means up, and each observation's contribution through means, regressions and odds.

    ``tilted`` names the regressions that are weighted by the odds, and so move with them.
    """
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
        through = fit.residual * (fit.leverage @ by_fit[name])[:, None]
        score += through
        if name in tilted:
            by_odds += x.T @ through
    return TwoByTwo(value, score + odds.leverage @ by_odds, odds.trimmed)
