"""Every number of page one in all its units, with how one is made from the other."""

from __future__ import annotations

import math
from typing import Any

from sos_eval.numerics.ratios import log_ratio_of
from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import number
from sos_eval.results.facts import OutcomeFacts, RunFacts

__all__ = ["PATH_ROWS", "conversions", "converted_rows", "detectable_change", "detectable_value"]

#: Rows of the check `path` that page one tells, and what they are called.
_PATH = {
    "path.gone_on": "the path before the start, gone on",
    "path.implied_bias": "shift of the answer by a divergence that the check of it would just find",
}
PATH_ROWS = tuple(_PATH.values())


def converted_rows(effect: HeadlineEffect, facts: RunFacts, outcome: OutcomeFacts) -> list[dict[str, Any]]:
    """Return a row per number of page one: on its own scale, in per cent, as a difference, as people a period.

    Returns
    -------
    list
        ``what, value, percent, difference, people``; NaN where a unit has no meaning for the outcome.
    """
    values = {"estimate": effect.estimate, "low": effect.low, "high": effect.high, "no difference": effect.nothing}
    size = outcome.mean_exposure / outcome.per if outcome.counted else math.nan
    rows = [_row(what, value, effect.share(value), effect.difference(value), size) for what, value in values.items()]
    rows += [_detectable_row(name, effect, facts, size) for name in ("fall", "rise")]
    rows += _path_rows(effect, facts, outcome, size)
    others = _furthest(effect, facts).items()
    return rows + [_row(what, value, effect.share(value), effect.difference(value), size) for what, value in others]


def _furthest(effect: HeadlineEffect, facts: RunFacts) -> dict[str, float]:
    """Return the other estimate that page one quotes as a value of the estimate's own scale; nothing without one."""
    parts = facts.disagreement
    if effect.scale == "ratio":
        difference = effect.difference(effect.estimate) + parts.difference
        value = math.exp(log_ratio_of(difference, effect.observed)) if math.isfinite(difference) else math.nan
    else:
        value = effect.estimate + parts.difference
    return {f"furthest other estimate, “{parts.label or parts.estimator}”": value} if math.isfinite(value) else {}


def _row(what: str, value: float, share: float, difference: float, size: float) -> dict[str, Any]:
    return {
        "what": what,
        "value": value,
        "percent": 100 * share,
        "difference": difference,
        "people": difference * size,
    }


def _detectable_row(name: str, effect: HeadlineEffect, facts: RunFacts, size: float) -> dict[str, Any]:
    """Return a detectable size: what would be seen were it true of the level without it, as the estimate has that.

    Unlike an end of the interval it holds that level, not what was observed: it is no value of what happened.
    """
    change = detectable_change(effect, facts, name)
    share = change / effect.without if effect.without > 0 else math.nan
    share = _change(facts, name) if facts.detectable.unit == "share" else share
    return _row(f"detectable {name}", detectable_value(effect, facts, name), share, change, size)


def _path_rows(effect: HeadlineEffect, facts: RunFacts, outcome: OutcomeFacts, size: float) -> list[dict[str, Any]]:
    """Return what the path before the start would do to the answer, as shares of the level without it."""
    key = facts.headline
    found = {
        check.name: check.value
        for check in facts.checks
        if (check.estimator, check.outcome) == (key.estimator, key.outcome) and math.isfinite(check.value)
    }
    rows = []
    for name, what in _PATH.items():
        if name not in found or outcome.transform != "none":
            continue
        logs = found.get(f"{name}_as_answered", math.nan)
        share = found[name] / effect.without if effect.without > 0 else math.nan
        share = share if math.isnan(logs) else math.expm1(logs)
        shift = found[name] if math.isnan(logs) else share * effect.without
        rows.append(_row(what, _of_scale(shift, share, effect), share, shift, size))
    return rows


def _of_scale(shift: float, share: float, effect: HeadlineEffect) -> float:
    """Return a shift as a value of the estimate's own scale; NaN for a ratio that would not be above zero."""
    if effect.scale == "ratio":
        return 1 + share if share > -1 else math.nan
    return (math.log1p(share) if share > -1 else math.nan) if effect.scale == "log" else shift


def detectable_change(effect: HeadlineEffect, facts: RunFacts, name: str) -> float:
    """Return the detectable fall or rise as a difference of the outcome; NaN where there is none."""
    change = _change(facts, name)
    return change * effect.without if facts.detectable.unit == "share" else change


def detectable_value(effect: HeadlineEffect, facts: RunFacts, name: str) -> float:
    """Return the detectable fall or rise as a value of the estimate's own scale; NaN where there is none."""
    change = _change(facts, name)
    if facts.detectable.unit != "share":
        return change
    return {"ratio": 1 + change, "log": math.log1p(change)}.get(effect.scale, change * effect.without)


def _change(facts: RunFacts, name: str) -> float:
    """Return the detectable fall or rise with its sign, in its own unit; NaN where there is none."""
    seen = facts.detectable
    if seen.reason or not facts.inference.reliable:
        return math.nan
    return -seen.fall if name == "fall" else seen.rise


def conversions(effect: HeadlineEffect, outcome: OutcomeFacts, units: tuple[str, str], every: str) -> str:
    """Say how the columns of `converted_rows` are made of one another."""
    unit = f" per {outcome.per:,.10g}" if outcome.scale == "rate_per" else ""
    without = f"{number(effect.without)}{unit}"
    said = []
    if effect.scale in ("ratio", "log"):
        share = "the ratio less one" if effect.scale == "ratio" else "the exponential of the log less one"
        said.append(f"Per cent: {share}.")
        if math.isfinite(effect.without):
            said.append(
                f"Difference: what was observed after the start, {number(effect.observed)}{unit}, less the level "
                f"without it that goes with the ratio (observed over ratio: {without} at the estimate). Detectable "
                "sizes, and what the path before the start would do, are shares of that level."
            )
    elif effect.without > 0:
        said.append(
            "Per cent: the difference over the level without it that goes with it (their mean after the start, "
            f"{number(effect.observed)}{unit}, less the difference: {without} at the estimate). Detectable sizes, and "
            "what the path before the start would do, are shares of that level."
        )
    if outcome.counted and math.isfinite(effect.difference(effect.estimate)):
        said.append(
            f"People: the difference times the mean exposure of {'an' if units[0][0] in 'aeiou' else 'a'} {units[0]} "
            f"and {every}, {outcome.mean_exposure:,.0f}, over {outcome.per:,.10g}. Levels are means of rates over "
            f"{units[1]} and {every}s; a difference that an estimator makes itself (estimates.csv) may weigh by people."
            f"{_own_size(outcome, units, alone=effect.row['n_treated_units'] == 1)}"
        )
    return " ".join(said)


def _own_size(outcome: OutcomeFacts, units: tuple[str, str], *, alone: bool) -> str:
    """Say what the treated's own mean exposure makes of the numbers of people, where it is another by a tenth."""
    own, mean = outcome.mean_exposure_treated, outcome.mean_exposure
    if not (own > 0 and mean > 0) or abs(own / mean - 1) < 0.1:
        return ""
    size = "larger" if own > mean else "smaller"
    who = (
        f"{units[0]} is {size} ({own:,.0f}): in one of its"
        if alone
        else f"{units[1]} are {size} ({own:,.0f} on average): in one of their"
    )
    return f" The treated {who} size every number of people is {own / mean:.2f} times as large."
