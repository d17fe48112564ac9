"""What page one says of the path before the start, from the rows of the check `path`."""

from __future__ import annotations

import math
import re

from sos_eval.report.converted import detectable_change, detectable_value
from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import number, percent
from sos_eval.results.check import of_hundred
from sos_eval.results.facts import CheckFacts, OutcomeFacts, RunFacts

__all__ = ["earlier_path"]

#: A shift below this is rounding.
_NOTHING = 1e-12
_LOGS = " on the log scale"


def earlier_path(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> str:
    """Say which way the path went, its joint p and what it would do to the answer; empty without `path`.

    Five numbers at most: slope, its interval and the detectable divergence stand among the checks.
    """
    rows = {check.name.removeprefix("path."): check for check in facts.checks if _is_own(check, facts)}
    if not rows:
        return ""
    joint = rows["joint"]
    if not math.isfinite(joint.value):
        reason = joint.text.removeprefix("Not done: ").rstrip(".")
        return f"The path before the start says nothing about whether the comparison is fair: {reason}."
    outcome = facts.outcome or OutcomeFacts()
    unit, slope = _unit(outcome), rows["slope"].value
    what = "the rate" if outcome.scale == "rate_per" else "the outcome"
    answered = rows.get("as_answered")
    what += f" ({units[1]} counted alike)" if answered else ""
    somewhat = "" if joint.value < 0.05 else "somewhat "
    rose = f"{what} rose {somewhat}{'more' if slope > 0 else 'less'} in the {units[1]} with a recorded start"
    often = f"a path as unlike that of {units[1]} drawn alike comes up in {of_hundred(joint.value)} draws"
    if answered is not None and math.isfinite(answered.value):
        often += f", and in {of_hundred(answered.value)} where larger ones count for more, as in the answer"
    onward = _onward(*(_shift(rows[name].value, effect, unit) for name in ("gone_on", "returned")))
    last = _last(rows, effect)
    return f"Before the start {rose}; {often}; {onward}{last}{_blind(rows, effect, facts, unit)}."


def _is_own(check: CheckFacts, facts: RunFacts) -> bool:
    key = facts.headline
    return check.name.startswith("path.") and (check.estimator, check.outcome) == (key.estimator, key.outcome)


def _unit(outcome: OutcomeFacts) -> str:
    if outcome.transform == "log":
        return _LOGS
    return f" per {outcome.per:,g}" if outcome.scale == "rate_per" else ""


def _told(value: float, effect: HeadlineEffect, unit: str) -> str:
    """Return a shift of the outcome in the unit that page one has the answer in: per cent of the level without it."""
    if unit == _LOGS:
        return f"about {percent(abs(math.expm1(value)))}"
    if effect.scale in ("ratio", "log") and effect.without > 0:
        return f"about {percent(abs(value) / effect.without)}"
    return f"{number(abs(value), 2)}{unit}"


def _onward(on: str, back: str) -> str:
    """Say what the path would do to the answer if it went on, and if it returned to its earlier mean."""
    gone = f"had it gone on, it alone would {on or 'not change the answer'}"
    if not back:
        return f"{gone}; a return to its earlier mean would add nothing, since the answer is measured from that"
    return f"{gone}, and had it returned to its earlier mean, it would {back}"


def _shift(value: float, effect: HeadlineEffect, unit: str) -> str:
    """Return what a shift does to the answer; nothing where it is none."""
    if abs(value) < _NOTHING:
        return ""
    return f"make the answer {_told(value, effect, unit)} {'higher' if value > 0 else 'lower'}"


def _missed(check: CheckFacts) -> str:
    """Return how often the check itself says that it misses such a divergence."""
    said = re.search(r"would miss (.+?) would shift", check.text)
    return said.group(1) if said else "often"


def _last(rows: dict[str, CheckFacts], effect: HeadlineEffect) -> str:
    """Say what the answer is from the last earlier period alone, and whether chance shifts it as far."""
    last = rows["last"].value if "last" in rows else math.nan
    if not math.isfinite(last):
        return ""
    share = effect.scale in ("ratio", "log")
    size = effect.share(last) if share else last
    told = percent(abs(size)) if share else number(abs(size), 2)
    p = rows["last_shift"].value
    often = f", a shift {'within' if p > 0.05 else 'beyond'} chance" if math.isfinite(p) else ""
    return f"; from the last earlier period alone it is {told} {'higher' if size > 0 else 'lower'}{often}"


def _found(effect: HeadlineEffect, facts: RunFacts) -> float:
    """Return the smaller of the fall and the rise that the headline's test would find, as a difference."""
    in_unit = detectable_value if _unit(facts.outcome or OutcomeFacts()) == _LOGS else detectable_change
    changes = [abs(in_unit(effect, facts, name)) for name in ("fall", "rise")]
    return min((change for change in changes if math.isfinite(change)), default=math.nan)


def _blind(rows: dict[str, CheckFacts], effect: HeadlineEffect, facts: RunFacts, unit: str) -> str:
    """Say so where only a divergence worth more than what could be found is seen four times in five."""
    shift = abs(rows["implied_bias"].value)
    if not shift > _found(effect, facts):
        return ""
    return (
        f"; a divergence that shifts the answer by {_told(shift, effect, unit)}, more than the effect that could be "
        f"found, is missed {_missed(rows['implied_bias'])}, so this says little"
    )
