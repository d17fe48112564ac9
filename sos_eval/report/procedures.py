"""Several ways to say how uncertain one number is, side by side, and a sentence where they disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sos_eval.report.verdict import HeadlineEffect, effect_of, verdict_of
from sos_eval.report.wording import listing, p_text, percent
from sos_eval.results.facts import MethodFacts, OutcomeFacts, RunFacts

__all__ = ["disagreement", "procedure_rows"]

#: Two p values this far apart are told to the reader even where both are on the same side of the line.
_FAR = 0.1


def procedure_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same quantity under other procedures, as plain values."""
    names = ("inference", "estimate", "std_error", "conf_low", "conf_high", "p_value", "reason")
    return [{name: row.get(name) for name in names} for row in rows]


def disagreement(
    effect: HeadlineEffect, others: Sequence[Mapping[str, Any]], facts: RunFacts, units: tuple[str, str]
) -> str:
    """Return a sentence that names the procedures where they do not say the same; else nothing."""
    effects = [effect, *(effect_of(row, OutcomeFacts()) for row in others)]
    effects = [procedure for procedure in effects if math.isfinite(procedure.p)]
    if len(effects) < 2:
        return ""
    verdicts = {verdict_of(procedure) for procedure in effects}
    spread = max(procedure.p for procedure in effects) - min(procedure.p for procedure in effects)
    if len(verdicts) == 1 and spread <= _FAR:
        return ""
    # what needs most clusters first: the reader meets the claim before the doubt
    effects.sort(key=lambda procedure: -facts.method(_name(procedure)).alone_from)
    said = listing([_said(procedure, facts.method(_name(procedure)), units) for procedure in effects])
    used = facts.method(_name(effect)).label
    return f"Ways of judging chance disagree: {said}. The headline uses the {used}, as the rule fixed beforehand."


def _name(effect: HeadlineEffect) -> str:
    return str(effect.row["inference"])


def _said(effect: HeadlineEffect, method: MethodFacts, units: tuple[str, str]) -> str:
    """Return what one procedure says, in its own words."""
    often = percent(effect.p) if effect.p >= 0.001 else "less than 0.1%"
    return method.says.format(label=method.label, p=p_text(effect.p), often=often, units=units[1])
