"""Several ways to say how uncertain one number is, side by side, and a sentence where they disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sos_eval.report.reading import inference_label
from sos_eval.report.verdict import HeadlineEffect, effect_of, verdict_of
from sos_eval.report.wording import listing, p_text, percent

__all__ = ["disagreement", "procedure_rows"]

#: Two p values this far apart are told to the reader even where both are on the same side of the line.
_FAR = 0.1


def procedure_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same quantity under other procedures, as plain values."""
    names = ("inference", "estimate", "std_error", "conf_low", "conf_high", "p_value", "reason")
    return [{name: row.get(name) for name in names} for row in rows]


def disagreement(effect: HeadlineEffect, others: Sequence[Mapping[str, Any]], units: tuple[str, str]) -> str:
    """Return a sentence that names the procedures where they do not say the same; else nothing."""
    effects = [effect, *(effect_of(row, {}) for row in others)]
    known = [one for one in effects if math.isfinite(one.p)]
    if len(known) < 2:
        return ""
    verdicts = {verdict_of(one) for one in known}
    spread = max(one.p for one in known) - min(one.p for one in known)
    if len(verdicts) == 1 and spread <= _FAR:
        return ""
    # conventional first: the reader meets the claim before the doubt
    known.sort(key=lambda one: (one.row["inference"] != "analytic", one.row["inference"] == "randomization"))
    said = listing([_said(one, units) for one in known])
    used = inference_label(str(effect.row["inference"]))
    return f"Ways of judging chance disagree: {said}. The headline uses the {used}, as the rule fixed beforehand."


def _said(effect: HeadlineEffect, units: tuple[str, str]) -> str:
    """Return what one procedure says, in plain words."""
    name = str(effect.row["inference"])
    if name == "analytic":
        return f"a conventional calculation says {p_text(effect.p)}"
    if name == "randomization":
        often = percent(effect.p) if effect.p >= 0.001 else "less than 0.1%"
        return f"shuffling which {units[1]} were treated gives a result at least this far from zero {often} of the time"
    return f"the {inference_label(name)} says {p_text(effect.p)}"
