"""Several ways to say how uncertain one number is, and a sentence where valid ones part by more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sos_eval.errors import p_text
from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import alike, listing, number
from sos_eval.results.facts import DisagreementFacts, RunFacts

__all__ = ["disagreement", "procedure_rows"]


def procedure_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same quantity under other procedures, as plain values."""
    names = ("inference", "estimate", "std_error", "conf_low", "conf_high", "p_value", "reason")
    return [{name: row.get(name) for name in names} for row in rows]


def disagreement(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> dict[str, Any]:
    """Return what `headline.json` says of it: the facts, which kind they are of, and a text, empty where nothing parts.

    The verdict is not touched; ``badge`` is what stands beside it where valid tests of the number part.
    """
    parts = facts.disagreement
    kind = "tests" if parts.fires else "estimates" if parts.numbers_part else "none"
    text = (
        _tests(facts, units) if parts.fires else _estimates(effect, facts) if math.isfinite(parts.p_difference) else ""
    )
    badge = "not by every valid test" if parts.fires else ""
    return {"kind": kind, "badge": badge, **asdict(parts), "text": text}


def _tests(facts: RunFacts, units: tuple[str, str]) -> str:
    """Say which tests part, what they say together, and why they may."""
    parts, used = facts.disagreement, facts.headline.inference
    own = next((test for test in parts.tests if test.id == used), parts.tests[0])
    others = [f"{p_text(test.p)} by the {facts.method(test.id).label}" for test in parts.tests if test is not own]
    joint = f" Taking the two together {p_text(parts.p_joint)}." if math.isfinite(parts.p_joint) else ""
    return (
        f"Valid tests of this number part: by the declared one {p_text(own.p)}; {listing(others)}.{joint}"
        f"{_why(parts, units)} The verdict is that of the declared test, as fixed beforehand."
    )


def _why(parts: DisagreementFacts, units: tuple[str, str]) -> str:
    """Say what the treated units' changes look like beside the others' where that is unusual."""
    if not (parts.sd_treated > 0 and parts.sd_comparison > 0):
        return ""
    ratio = parts.sd_treated / parts.sd_comparison
    if 0.67 < ratio < 1.5:
        return ""
    how = "even" if ratio < 1 else "uneven"
    return (
        f" The treated {units[1]}' changes were unusually {how} (standard deviation {number(parts.sd_treated)} against "
        f"{number(parts.sd_comparison)}), which only the statistic over its own error takes into account."
    )


def _estimates(effect: HeadlineEffect, facts: RunFacts) -> str:
    """Say which other estimate on the same units lies furthest for its error, and whether chance does that."""
    parts = facts.disagreement
    per = facts.outcome.per if facts.outcome is not None else 1.0
    unit = " in logs" if effect.scale == "log" else f" per {per:,.10g}" if per != 1 else ""
    own = effect.estimate if effect.scale == "log" else effect.difference(effect.estimate)
    here, there = alike([own, own + parts.difference], 2)
    which = "the furthest" if parts.others > 1 else "it"
    who = f"Of {parts.others} other estimates on the same units" if parts.others > 1 else "On the same units"
    said = (
        f"{who}, “{parts.label or parts.estimator}” lies furthest from the answer for its error: {there}{unit} against "
        f"{here}{unit}"
    )
    if parts.numbers_part:
        return (
            f"{said}, further than chance makes {which} ({p_text(parts.p_difference)}): they may not estimate the same."
        )
    return f"{said}, no further than chance makes {which} ({p_text(parts.p_difference)})."
