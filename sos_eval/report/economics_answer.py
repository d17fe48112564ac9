"""What page one says of costs: the answer that the evidence gate lets through, or that there is none and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.economics.summary import to_pay
from sos_eval.errors import listed, numeral
from sos_eval.report.economics_words import criterion_words
from sos_eval.report.wording import minus_signs
from sos_eval.results.check import of_hundred

__all__ = ["economics_answer"]

_NONE = "Costs: this evaluation gives no verdict on value for money"
#: Criteria that are named where the gate holds a verdict back; the others are counted.
_NAMED = 3


def economics_answer(found: Mapping[str, Any]) -> str:
    """Say what was found of costs, in two or three sentences; nothing without an economic evaluation.

    Parameters
    ----------
    found
        The files of ``economics/`` by name.
    """
    gate, head = found.get("gate"), found.get("headline")
    if not isinstance(gate, Mapping):
        return ""
    if isinstance(head, Mapping) and head.get("sentence"):
        return minus_signs(_granted(head, found))
    if gate.get("watermark"):
        more = (
            f"What chapter Economics prints as {gate.get('printed_as')} was asked for against the gate and is no "
            "evidence of value."
        )
    elif gate.get("tier") == "E2":
        more = "What chapter Economics sets against costs holds only if the effect is causal."
    else:
        more = to_pay(found)
    return " ".join(part for part in (f"{_NONE}: {_reason(gate, head)}.", more) if part)


def _granted(head: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Say which strategy is best at the declared threshold, by how much, and how sure that is."""
    money, subject, best, benefit = head["currency"], head["strategy"], head["best"], head["inmb"]
    pairs = found.get("quadrants")
    usual = str(pairs["reference"].iloc[0]) if isinstance(pairs, pd.DataFrame) and len(pairs) else "the comparator"
    chance = of_hundred(float(head["probability_better_than_comparator"]))
    ends = (
        f"95% interval of {subject} over {usual}: {money} {numeral(benefit['low'], 2)} to "
        f"{numeral(benefit['high'], 2)}; {subject} does better in {chance} draws of the model"
    )
    if best == subject:
        result = f"{best} comes out best on average, by {money} {numeral(benefit['value'], 2)} over {usual}"
    else:
        way = "lower" if benefit["value"] < 0 else "no higher"
        amount = f"{money} {numeral(-benefit['value'], 2)} " if benefit["value"] < 0 else ""
        result = f"{best} comes out best on average; the net benefit of {subject} is {amount}{way}"
    return (
        f"Costs: at {money} {head['threshold']:,.10g} for {head['unit']}, {result} ({ends}). The evidence gate lets "
        "this be said (tier E3, the highest), by what was measured here and what the design declares of the evidence; "
        "it holds for the costs and years declared (chapter Economics)."
    )


def _reason(gate: Mapping[str, Any], head: Any) -> str:
    """Say what holds a verdict back: the criteria that bind, or what the declaration lacks."""
    tier, evidence = str(gate.get("tier", "none")), gate.get("evidence") or {}
    if tier == "E3":
        return str(head.get("reason") if isinstance(head, Mapping) else "").removesuffix(".") or "none was asked for"
    binding = listed([criterion_words(str(name), evidence) for name in gate.get("binding") or []], _NAMED)
    held = f", held back by {binding}" if binding else ""
    return f"the evidence gate grants tier {tier} of E0 to E3{held}"
