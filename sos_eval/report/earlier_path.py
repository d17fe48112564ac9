"""What page one says of the path before the start, from the rows of the check `path`."""

from __future__ import annotations

import math
import re

from sos_eval.report.converted import detectable_change, detectable_value
from sos_eval.report.reading import period_word
from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import in_units, number, percent
from sos_eval.results.check import EACH, of_hundred
from sos_eval.results.facts import CheckFacts, OutcomeFacts, RunFacts

__all__ = ["earlier_path"]

#: A shift below this is rounding.
_NOTHING = 1e-12
#: A path whose p is below this is unlike; the verdict does not turn on it.
_UNLIKE = 0.05
_LOGS = " on the log scale"
#: What `path.detectable_slope` says where the check rejects no slope.
_UNFOUND = "no slope is found so often"


def earlier_path(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> str:
    """Say which way the path went, its joint p and what it would do to the answer; empty without `path`.

    Slope, its interval and the detectable divergence stand among the checks.
    """
    rows = {check.name.removeprefix("path."): check for check in facts.checks if _is_own(check, facts)}
    if not rows:
        return ""
    joint = rows["joint"]
    if not math.isfinite(joint.value):
        reason = joint.text.removeprefix("Not done: ").rstrip(".")
        if reason.startswith("withheld"):
            return f"What the path before the start says of the comparison is {reason}."
        return f"The path before the start says nothing about whether the comparison is fair: {reason}."
    outcome = facts.outcome or OutcomeFacts()
    unit, slope = _unit(outcome), rows["slope"].value
    what = "the rate" if outcome.scale == "rate_per" else "the outcome"
    answered = rows.get("as_answered")
    seen = [one.value for one in (joint, answered) if one is not None and math.isfinite(one.value)]
    unlike = min(seen) < _UNLIKE
    moved = f"{what} moved {'' if unlike else 'somewhat '}{'up' if slope > 0 else 'down'}"
    often = f"so unlike a path comes up in {of_hundred(joint.value)} draws"
    if len(seen) > 1:
        alike = f"with {units[1]} counted alike, in {of_hundred(seen[1])} with larger ones counting for more"
        often += f" {alike}, as they do in the answer"
    on = _in_logs(rows, "gone_on")
    gone = _shift(rows["gone_on"].value, effect, unit) if math.isnan(on) else _shift(on, effect, _LOGS)
    counted = "" if math.isnan(on) else ", counted so,"
    if not math.isnan(on) and on * rows["gone_on"].value < 0:
        counted = f", counted so, which {'rises' if on > 0 else 'falls'},"
    told = math.isfinite(on) or math.isfinite(rows["gone_on"].value)  # else its row says why
    each = f", {in_units(EACH, units)}" if EACH in rows["gone_on"].text else ""
    onward = f"; {_onward(gone, _shift(rows['returned'].value, effect, unit), counted, each)}" if told else ""
    blind = _blind(rows, effect, facts, unit)
    blind += ", so this says little" if blind and not unlike else ""
    where = f"in the {units[1]} with a recorded start against {units[1]} drawn alike"
    last = _last(rows, effect, unit, testable=facts.inference.reliable)
    return f"Before the start {moved} {where}{_read(rows, facts)}; {often}{onward}{last}{blind}."


def _read(rows: dict[str, CheckFacts], facts: RunFacts) -> str:
    """Say which periods the path reads, where some have earlier ones that it does not."""
    if "read" not in rows:
        return ""
    period, read = period_word(facts.panel), rows["read"].value
    return (
        f", over the last {read:.0f} {period}s before each start (those that start later than the first have earlier "
        f"{period}s, which this does not read)"
    )


def _in_logs(rows: dict[str, CheckFacts], name: str) -> float:
    """Return a shift with units counted as a ratio counts them, in logs; NaN where the path is counted one way only."""
    return rows[f"{name}_as_answered"].value if f"{name}_as_answered" in rows else math.nan


def _is_own(check: CheckFacts, facts: RunFacts) -> bool:
    key = facts.headline
    return check.name.startswith("path.") and (check.estimator, check.outcome) == (key.estimator, key.outcome)


def _unit(outcome: OutcomeFacts) -> str:
    if outcome.transform == "log":
        return _LOGS
    return f" per {outcome.per:,.10g}" if outcome.scale == "rate_per" else ""


def _told(value: float, effect: HeadlineEffect, unit: str) -> str:
    """Return a shift of the outcome in the unit that page one has the answer in: per cent of the level without it."""
    if unit == _LOGS:
        return f"about {percent(abs(math.expm1(value)))}"
    if effect.scale in ("ratio", "log") and effect.without > 0:
        return f"about {percent(abs(value) / effect.without)}"
    return f"{number(abs(value), 2)}{unit}"


def _onward(on: str, back: str, counted: str, each: str) -> str:
    """Say what the path would do to the answer if it went on, and if it returned to its earlier mean."""
    gone = f"had it{counted} gone on{each}, it alone would {on or 'not change the answer'}"
    return f"{gone}, and had it returned to its earlier mean, it would {back or 'add nothing'}"


def _shift(value: float, effect: HeadlineEffect, unit: str) -> str:
    """Return what a shift does to the answer; nothing where it is none."""
    if abs(value) < _NOTHING:
        return ""
    return f"make the answer {_told(value, effect, unit)} {'higher' if value > 0 else 'lower'}"


def _missed(check: CheckFacts) -> str:
    """Return how often the check itself says that it misses such a divergence."""
    said = re.search(r"would miss (.+?) would shift", check.text)
    return said.group(1) if said else "often"


def _last(rows: dict[str, CheckFacts], effect: HeadlineEffect, unit: str, *, testable: bool) -> str:
    """Say what the answer is from the last earlier period alone, and whether chance shifts it as far, if it can say."""
    last = rows["last"].value if "last" in rows else math.nan
    if not math.isfinite(last):
        return ""
    share = effect.scale in ("ratio", "log")
    size = effect.share(last) if share else last
    told = percent(abs(size)) if share else f"{number(abs(size), 2)}{unit}"
    p = rows["last_shift"].value
    often = f", a shift {'within' if p > 0.05 else 'beyond'} chance" if testable and math.isfinite(p) else ""
    return f"; from the last earlier period alone it is {told} {'higher' if size > 0 else 'lower'}{often}"


def _found(effect: HeadlineEffect, facts: RunFacts) -> float:
    """Return the smaller of the fall and the rise that the headline's test would find, as a difference."""
    changes = [abs(detectable_change(effect, facts, name)) for name in ("fall", "rise")]
    return min((change for change in changes if math.isfinite(change)), default=math.nan)


def _found_in_logs(effect: HeadlineEffect, facts: RunFacts) -> float:
    """Return the smaller of the two in logs."""
    values = [detectable_value(effect, facts, name) for name in ("fall", "rise")]
    if effect.scale == "ratio":
        values = [math.log(value) if value > 0 else math.nan for value in values]
    return min((abs(value) for value in values if math.isfinite(value)), default=math.nan)


def _blind(rows: dict[str, CheckFacts], effect: HeadlineEffect, facts: RunFacts, unit: str) -> str:
    """Say so where only a divergence worth more than what could be found is seen four times in five."""
    own, logs = abs(rows["implied_bias"].value), _in_logs(rows, "implied_bias")
    logs = own if unit == _LOGS else logs
    shift, found = (own, _found(effect, facts)) if math.isnan(logs) else (logs, _found_in_logs(effect, facts))
    if _UNFOUND in rows["detectable_slope"].text:
        return "; this check could have found no divergence, however steep"
    if not shift > found:
        return ""
    told = _told(shift, effect, unit)
    if not math.isnan(logs):
        told = f"about {percent(math.expm1(shift))} up or {percent(-math.expm1(-shift))} down"
    return (
        f"; a divergence that shifts the answer by {told}, more than the effect that could be "
        f"found, is missed {_missed(rows['implied_bias'])}"
    )
