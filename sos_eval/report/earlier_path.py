"""What page one says of the path before the start, from the rows of the check `path`."""

from __future__ import annotations

import math

from sos_eval.report.converted import detectable_change
from sos_eval.report.reading import period_word
from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import number
from sos_eval.results.check import of_hundred
from sos_eval.results.facts import CheckFacts, OutcomeFacts, RunFacts

__all__ = ["earlier_path"]


def earlier_path(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> str:
    """Quote slope, joint p, what the path would do to the answer and what would be missed; empty without `path`."""
    rows = {check.name.removeprefix("path."): check for check in facts.checks if _is_own(check, facts)}
    if not rows:
        return ""
    joint = rows["joint"]
    if not math.isfinite(joint.value):
        reason = joint.text.removeprefix("Not done: ").rstrip(".")
        return f"The path before the start says nothing about whether the comparison is fair: {reason}."
    outcome, every = facts.outcome or OutcomeFacts(), period_word(facts.panel)
    unit, slope = _unit(outcome), rows["slope"].value
    what = "the rate" if outcome.scale == "rate_per" else "the outcome"
    rose = f"rose {number(abs(slope), 2)}{unit} a {every} {'more' if slope > 0 else 'less'}"
    where = f"in the {units[1]} that began than in {units[1]} drawn alike"
    often = f"such a path or one as unlike comes up in {of_hundred(joint.value)} draws"
    seen = f"Before the start {what} {rose} {where}; {often}"
    onward = _onward(rows["gone_on"].value, rows["returned"].value, unit)
    return f"{seen}; {onward}{_blind(rows, _found(effect, facts), unit, every)}."


def _is_own(check: CheckFacts, facts: RunFacts) -> bool:
    key = facts.headline
    return check.name.startswith("path.") and (check.estimator, check.outcome) == (key.estimator, key.outcome)


def _unit(outcome: OutcomeFacts) -> str:
    if outcome.transform == "log":
        return " on the log scale"
    return f" per {outcome.per:,g}" if outcome.scale == "rate_per" else ""


def _onward(on: float, back: float, unit: str) -> str:
    """Say what the path would do to the answer if it went on, and if it returned to its earlier mean."""
    returned = f"had it returned to its earlier mean, it would {_shift(back, unit)}"
    return f"had it gone on, it alone would {_shift(on, unit)}; {returned}"


def _shift(value: float, unit: str) -> str:
    if abs(value) < 1e-12:
        return "not change the answer"
    return f"make the answer {number(abs(value), 2)}{unit} {'higher' if value > 0 else 'lower'}"


def _found(effect: HeadlineEffect, facts: RunFacts) -> float:
    """Return the smaller of the fall and the rise that the headline's test would find, as a difference."""
    changes = [abs(detectable_change(effect, facts, name)) for name in ("fall", "rise")]
    return min((change for change in changes if math.isfinite(change)), default=math.nan)


def _blind(rows: dict[str, CheckFacts], found: float, unit: str, every: str) -> str:
    """Say which divergence would be missed one time in five, and what that is worth beside what could be found."""
    slope, bias = rows["detectable_slope"].value, abs(rows["implied_bias"].value)
    if not math.isfinite(slope):
        return ""
    little = ", more than the effect that could be found, so this says little" if bias > found else ""
    worth = f"{number(slope, 2)} a {every}, {number(bias, 2)}{unit} on the answer"
    return f" (a divergence of {worth}, is missed one time in five{little})"
