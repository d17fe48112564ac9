"""An economic evaluation's tables and evidence in words: heads, parameters, what the gate measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from sos_eval.economics.gate.dossier import gate_rule
from sos_eval.errors import numeral
from sos_eval.report.wording import plain_words

__all__ = ["criterion_words", "fact_words", "needed_words", "parameter_words", "parameters_in_words", "table_words"]

_HEADS = {
    "inc": "incremental", "prob": "probability", "icer": "ICER", "enbs": "net benefit of sampling", "evsi": "EVSI",
    "evpi": "EVPI", "evppi": "EVPPI", "inmb": "net benefit", "breakeven": "break-even", "eib": "expected net benefit",
}  # fmt: skip
_STATUS = {"ND": "not dominated", "ED": "dominated by a mix of two others", "D": "dominated"}
_PARAMETERS = {
    "effect": "effect", "baseline": "entries without the programme", "per_entry": "units of effect per averted entry",
    "weeks": "weeks of an averted stay", "mix": "share placed", "cost": "cost", "weekly": "weekly cost",
}  # fmt: skip
#: Columns that name parameters.
_NAMING = ("parameter", "parameters", "first", "second")
_RELATIONS = {">=": "at least", "<=": "at most", "needed when treated <": "needed with fewer treated than"}


def table_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose cells are text, (rows, columns), with parameters, standing and heads in words."""
    return parameters_in_words(table).rename(columns=_head)


def parameters_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with parameters, standing and dimensions in words; its columns keep their names."""
    words = {name: table[name].map(parameter_words) for name in _NAMING if name in table}
    words |= {"status": table["status"].replace(_STATUS)} if "status" in table else {}
    words |= {"dimension": table["dimension"].map(plain_words)} if "dimension" in table else {}
    return table.assign(**words)


def _head(name: object) -> str:
    return " ".join(_HEADS.get(word, word) for word in str(name).split("_"))


def parameter_words(name: object) -> str:
    """Return a parameter, or several that are taken together, in words.

    Examples
    --------
    >>> parameter_words("mix[foster]"), parameter_words("effect+weeks"), parameter_words("cost[team + training]")
    ('share placed: foster', 'effect and weeks of an averted stay', 'cost: team + training')
    """
    parts = re.split(r"\+(?=[a-z_]+(?:\[|\+|$))", str(name)) if " + " not in str(name) else [str(name)]
    said = []
    for part in parts:
        kind, _, of = part.partition("[")
        known = _PARAMETERS.get(kind)
        said.append(part if known is None else f"{known}: {of.removesuffix(']')}" if of else known)
    return " and ".join(said)


def criterion_words(name: str, evidence: Mapping[str, Any]) -> str:
    """Return a criterion of the gate with its name: ``G9 cost quality``."""
    return f"{name} {plain_words(str((evidence.get(name) or {}).get('name', '')))}".strip()


@cache
def _says() -> Mapping[str, str]:
    return {name: str(field["says"]) for name, field in gate_rule()["fields"].items()}


def fact_words(name: str, value: Any) -> str:
    """Return what the gate measured: ``treated authorities: 10``, and of what is so or not ``…: yes``."""
    if value is None:
        told = "not measured"
    elif isinstance(value, bool):
        told = "yes" if value else "no"
    else:
        told = numeral(value) if isinstance(value, float) else str(value)
    return f"{_says().get(name, plain_words(name))}: {told}"


def needed_words(thresholds: Mapping[str, str]) -> str:
    """Return what the two highest tiers need, as the gate's file holds it, in words.

    Examples
    --------
    >>> needed_words({"E1": "any", "E2": "treated >= 3", "E3": "treated >= 8"})
    'E2: treated authorities at least 3. E3: treated authorities at least 8'
    >>> needed_words({"E2": "few_cluster needed when treated < 20", "E3": "few_cluster needed when treated < 20"})
    'E2: inference made for few clusters was used, needed with fewer treated than 20. E3: no more'
    """
    two, three = (thresholds.get(tier, "").split("; ") for tier in ("E2", "E3"))
    more = [part for part in three if part not in two]
    also = "E3, beside it" if len(more) < len(three) and more else "E3"
    return f"E2: {_conditions(two)}. {also}: {_conditions(more) if more else 'no more'}"


def _conditions(parts: Sequence[str]) -> str:
    return "; ".join(_condition(part) for part in parts)


def _condition(text: str) -> str:
    field, _, rest = text.partition(" ")
    if field not in _says():
        return text
    for sign, words in _RELATIONS.items():
        if rest.startswith(sign):
            bound = rest.removeprefix(sign).strip()
            return f"{_says()[field]}{',' if words.startswith('needed') else ''} {words} {bound}"
    return f"not: {_says()[field]}" if rest == "no" else _says()[field]
