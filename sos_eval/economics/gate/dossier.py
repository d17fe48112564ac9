"""The dossier: the facts that the gate judges, each checked for type and range, none assumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

from sos_eval.declare import read_json
from sos_eval.errors import Faults, nearest

__all__ = ["Dossier", "check_dossier", "gate_rule", "read_dossier"]

Value = bool | int | float


@dataclass(frozen=True, slots=True)
class Dossier:
    """Facts by field name, and where each comes from. What is absent has not been measured.

    Attributes
    ----------
    facts
        Field to value; only what is known.
    pointers
        Field to where its evidence stands, e.g. ``diagnostics.csv: pretrends.joint``.
    reasons
        Field to why it could not be measured.
    """

    facts: Mapping[str, Value]
    pointers: Mapping[str, str]
    reasons: Mapping[str, str]

    def get(self, field: str) -> Value | None:
        """Return a fact, or None where it has not been measured."""
        return self.facts.get(field)


@cache
def gate_rule() -> dict[str, Any]:
    """Return the rule: criteria with their conditions, tiers, and the fields of a dossier."""
    text = files("sos_eval.economics").joinpath("data/evidence_gate.json").read_text(encoding="utf-8")
    rule: dict[str, Any] = json.loads(text)
    return rule


def read_dossier(path: str | Path) -> Dossier:
    """Read a dossier from a JSON file.

    Raises
    ------
    DesignFault
        Every field that is unknown, of the wrong type or out of range, at once.
    """
    file = Path(path)
    loaded = read_json(file, partial(_once, str(file)))
    return check_dossier(loaded, str(file), f"declared in {file.name}")


def _once(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; refuse a field that stands twice, of which JSON would silently keep the last."""
    names = [name for name, _ in pairs]
    faults = Faults()
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.add(where, f"{name}: stands {names.count(name)} times", "keep one of them")
    faults.stop()
    return dict(pairs)


def check_dossier(given: Mapping[str, Any], where: str = "dossier", pointer: str = "declared") -> Dossier:
    """Check facts against the rule's fields; an empty (null) field has not been measured."""
    rule = gate_rule()
    known = rule["fields"] | rule["beyond_the_dossier"]
    faults = Faults()
    for name, value in given.items():
        if name not in known:
            faults.add(where, f"{name}: no such field", nearest(name, known))
        elif value is not None:
            problem = _problem(value, known[name])
            if problem:
                faults.add(where, f"{name}: {value!r} {problem}", f"write {_form(known[name])}: {known[name]['says']}")
    faults.stop()
    facts = {name: value for name, value in given.items() if value is not None}
    return Dossier(facts, dict.fromkeys(facts, pointer), {})


def _problem(value: Any, field: Mapping[str, Any]) -> str:
    """Say what is wrong with a value, or nothing."""
    kind = field["type"]
    if kind == "bool":
        return "" if isinstance(value, bool) else "is neither true nor false"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "is not a number"
    if not isfinite(value):
        return "is not a finite number"
    if kind == "int" and value != int(value):
        return "is not a whole number"
    if value < field["low"] or value > field.get("high", value):
        return "is out of range"
    return ""


def _form(field: Mapping[str, Any]) -> str:
    """Say what a field takes."""
    if field["type"] == "bool":
        return "true or false"
    noun = "a whole number" if field["type"] == "int" else "a number"
    return f"{noun} from {field['low']} to {field['high']}" if "high" in field else f"{noun} from {field['low']} up"
