"""Every number of page one in all its units, with how one is made from the other."""

from __future__ import annotations

import math
from typing import Any

from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import number
from sos_eval.results.facts import OutcomeFacts, RunFacts

__all__ = ["conversions", "converted_rows", "detectable_value"]


def converted_rows(effect: HeadlineEffect, facts: RunFacts, outcome: OutcomeFacts) -> list[dict[str, Any]]:
    """Return a row per number of page one: on its own scale, in per cent, as a difference, as people a period.

    Returns
    -------
    list
        ``what, value, percent, difference, people``; NaN where a unit has no meaning for the outcome.
    """
    values = {"estimate": effect.estimate, "low": effect.low, "high": effect.high, "no difference": effect.nothing}
    values |= {f"detectable {name}": detectable_value(effect, facts, name) for name in ("fall", "rise")}
    size = outcome.mean_exposure / outcome.per if outcome.counted else math.nan
    return [_row(what, value, effect, size) for what, value in values.items()]


def _row(what: str, value: float, effect: HeadlineEffect, size: float) -> dict[str, Any]:
    difference = effect.difference(value)
    return {
        "what": what, "value": value, "percent": 100 * effect.share(value), "difference": difference,
        "people": difference * size,
    }  # fmt: skip


def detectable_value(effect: HeadlineEffect, facts: RunFacts, name: str) -> float:
    """Return the detectable fall or rise as a value of the estimate's own scale; NaN where there is none."""
    seen = facts.detectable
    if seen.reason or not facts.inference.reliable:
        return math.nan
    size = seen.fall if name == "fall" else seen.rise
    change = -size if name == "fall" else size
    if seen.unit != "share":
        return change
    return {"ratio": 1 + change, "log": math.log1p(change)}.get(effect.scale, change * effect.without)


def conversions(effect: HeadlineEffect, outcome: OutcomeFacts, units: tuple[str, str], every: str) -> str:
    """Say how the columns of `converted_rows` are made of one another."""
    unit = f" per {outcome.per:,g}" if outcome.scale == "rate_per" else ""
    without = f"the level of treated {units[1]} without it, {number(effect.without)}{unit}"
    said = []
    if effect.scale in ("ratio", "log"):
        share = "the ratio less one" if effect.scale == "ratio" else "the exponential of the log less one"
        said.append(f"Per cent: {share}.")
        if math.isfinite(effect.without):
            said.append(
                f"Difference: that share of {without} (their mean after the start over the estimated ratio, taken as "
                "known)."
            )
    elif effect.without > 0:
        said.append(f"Per cent: the difference over {without} (their mean after the start less the estimate).")
    if outcome.counted and math.isfinite(effect.difference(effect.estimate)):
        said.append(
            f"People: the difference times the mean exposure of {'an' if units[0][0] in 'aeiou' else 'a'} {units[0]} "
            f"and {every}, {outcome.mean_exposure:,.0f}, over {outcome.per:,g}."
        )
    return " ".join(said)
