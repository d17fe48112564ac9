"""Two groups, two periods, covariates: regression, inverse probability weighting, doubly robust.

Sant'Anna and Zhao (2020). Every estimator there is a signed sum of weighted means ``sum w r / sum w`` whose weights may
hold the odds of treatment and whose residuals may hold fitted values; so is its influence, once. Many comparisons of
the same observations (lanes) are made at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.nuisance import NoEffectError, Odds, Regression, odds_of_treatment, regression
from sos_eval.numerics.weighted_means import Comparisons, Mean, combined

__all__ = ["Adjust", "TwoByTwo", "compare_changes", "compare_levels", "of_changes", "of_levels"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Words = NDArray[np.object_]
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
    return _single(compare_changes(change, treated[None], ~treated[None], x, weights, adjust, trim))


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
    return _single(compare_levels(y, treated[None], ~treated[None], post, x, weights, adjust, trim, as_drdid=as_drdid))


def _single(lanes: Comparisons) -> TwoByTwo:
    if why := lanes.failures[0]:
        raise NoEffectError(why)
    return TwoByTwo(lanes.value[0], lanes.score[0], lanes.trimmed[0])


def compare_changes(
    change: Array, treated: Bools, compared: Bools, x: Array, weights: Array, adjust: Adjust, trim: float = 0.995
) -> Comparisons:
    """Compare changes under many divisions of the same observations into treated (b, n) and compared (b, n).

    See `of_changes`; observations of neither group take no part.
    """
    failures = _refused({"treated": treated, "comparison": compared})
    lanes = np.flatnonzero(failures == "")
    treated, compared = treated[lanes], compared[lanes]
    of_treated, of_compared = weights * treated, weights * compared
    odds = _odds(treated, compared, x, weights, adjust, trim)
    fits, minus = {}, {"comparison": -1.0}
    if adjust == "reg" or _robust(adjust):
        fits["comparison"] = regression(change, x, odds.weights if adjust == "dr_improved" else of_compared)
    means = {
        "none": [Mean(1, of_treated), Mean(-1, of_compared)],
        "reg": [Mean(1, of_treated), Mean(-1, of_treated, 0, {"comparison": 1.0})],
        "ipw": [Mean(1, of_treated), Mean(-1, odds.weights, odds=True)],
        "dr": [Mean(1, of_treated, fitted=minus), Mean(-1, odds.weights, fitted=minus, odds=True)],
    }["dr" if _robust(adjust) else adjust]
    made = combined(means, fits, odds, x, change, tilted=["comparison"] if adjust == "dr_improved" else [])
    return _spread(made, lanes, failures)


def compare_levels(
    y: Array, treated: Bools, compared: Bools, post: Bools, x: Array, weights: Array, adjust: Adjust,
    trim: float = 0.995, *, as_drdid: bool = False,
) -> Comparisons:  # fmt: skip
    """Compare levels under many divisions of the same observations into treated (b, n) and compared (b, n).

    See `of_levels`; observations of neither group take no part.
    """
    before = ~post
    failures = _refused({
        "treated, later period": treated & post, "treated, base period": treated & before,
        "comparison, later period": compared & post, "comparison, base period": compared & before,
    })  # fmt: skip
    lanes = np.flatnonzero(failures == "")
    treated, compared = treated[lanes], compared[lanes]
    odds = _odds(treated, compared, x, weights, adjust, trim)
    of_treated, of_compared = weights * treated, weights * compared
    fits: dict[str, Regression] = {}
    if adjust == "reg" or _robust(adjust):
        by = odds.weights if adjust == "dr_improved" else of_compared
        fits = {"c1": regression(y, x, by * post), "c0": regression(y, x, by * before)}
    if adjust in ("dr", "dr_improved"):
        fits |= {"t1": regression(y, x, of_treated * post), "t0": regression(y, x, of_treated * before)}
    other = of_compared if adjust == "none" else odds.weights
    if adjust == "reg":
        means = _level_regression(of_treated, post)
    elif adjust in ("none", "ipw"):
        means = _level_means(of_treated, other, post, odds=adjust == "ipw")
    else:
        means = _level_robust(of_treated, other, post, efficient="t1" in fits, sign=1.0 if as_drdid else -1.0)
    if adjust == "dr_improved" and as_drdid:
        means = [replace(mean, moves={}, odds=False) for mean in means]
    made = combined(means, fits, odds, x, y, tilted=["c1", "c0"] if adjust == "dr_improved" else [])
    return _spread(made, lanes, failures)


def _robust(adjust: Adjust) -> bool:
    return adjust in ("dr", "dr_comparison", "dr_improved")


def _refused(groups: Mapping[str, Bools]) -> Words:
    """Say for each lane which of the groups are empty."""
    empty = np.stack([~np.any(members, axis=1) for members in groups.values()])
    failures = np.array([""] * empty.shape[1], object)
    for lane in np.flatnonzero(empty.any(0)):
        lacking = [name for name, none in zip(groups, empty[:, lane], strict=True) if none]
        failures[lane] = f"no observation: {'; '.join(lacking)}"
    return failures


def _odds(treated: Bools, compared: Bools, x: Array, weights: Array, adjust: Adjust, trim: float) -> Odds:
    """Return the odds that an adjustment weighs by; none for means and regressions."""
    if adjust in ("none", "reg"):
        nothing = np.zeros((*treated.shape, 0))
        return Odds(weights * compared, np.zeros(treated.shape, bool), nothing, np.full(len(treated), "", object))
    return odds_of_treatment(treated, compared, x, weights, trim, tilted=adjust == "dr_improved")


def _level_means(of_treated: Array, other: Array, post: Bools, *, odds: bool) -> list[Mean]:
    """Four means."""
    return [
        Mean(1, of_treated * post), Mean(-1, of_treated * ~post), Mean(-1, other * post, odds=odds),
        Mean(1, other * ~post, odds=odds),
    ]  # fmt: skip


def _level_regression(of_treated: Array, post: Bools) -> list[Mean]:
    """Two means of the treated, and the change that the comparison's regressions predict for them."""
    return [Mean(1, of_treated * post), Mean(-1, of_treated * ~post), Mean(-1, of_treated, 0, {"c1": 1.0, "c0": -1.0})]


def _level_robust(of_treated: Array, other: Array, post: Bools, *, efficient: bool, sign: float) -> list[Mean]:
    """Return the doubly robust means; with the treated's own regressions the four that make it locally efficient.

    ``sign`` is that of the base-period regression in the derivative of the base-period means: -1, or 1 as DRDID has it.
    """
    after, before, moves = {"c1": -1.0}, {"c0": -1.0}, {"c0": sign}
    means = [
        Mean(1, of_treated * post, 1, after), Mean(-1, of_treated * ~post, 1, before, moves),
        Mean(-1, other * post, 1, after, odds=True), Mean(1, other * ~post, 1, before, moves, odds=True),
    ]  # fmt: skip
    if not efficient:
        return means
    later, base = {"t1": 1.0, "c1": -1.0}, {"t0": 1.0, "c0": -1.0}
    return [
        *means, Mean(1, of_treated, 0, later), Mean(-1, of_treated * post, 0, later),
        Mean(-1, of_treated, 0, base), Mean(1, of_treated * ~post, 0, base),
    ]  # fmt: skip


def _spread(made: Comparisons, lanes: NDArray[np.intp], failures: Words) -> Comparisons:
    """Put lanes back to their places among all, without a value where something failed."""
    failures[lanes] = made.failures
    failed = failures != ""
    if not failed.any():
        return made
    sizes = len(failures), *made.score.shape[1:]
    value, score = np.full((sizes[0], sizes[2]), np.nan), np.zeros(sizes)
    trimmed = np.zeros(sizes[:2], bool)
    there = failures[lanes] == ""
    fine = lanes[there]
    value[fine], score[fine], trimmed[fine] = made.value[there], made.score[there], made.trimmed[there]
    return Comparisons(value, score, trimmed, failures)
