"""The JSON Schema of design files, read off the same typed fields that validate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sos_eval.declare import json_schema
from sos_eval.design.design import SCHEMA, EntryKeys, Question, Report
from sos_eval.design.sections import SECTIONS
from sos_eval.design.theory import FROM_THEORY
from sos_eval.inference.outcome_family import OutcomeFamily
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.spec import PanelSpec
from sos_eval.results.method import registered, summary
from sos_eval.theory.implementation import MeasuredFidelity
from sos_eval.theory.moderators import Moderator
from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["design_schema"]


def design_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a design, for editors and other programs."""
    definitions: dict[str, Any] = {}
    sections = {
        "schema": {"const": SCHEMA},
        "name": {"type": "string", "description": "Name of the evaluation; the file carries it too."},
        "title": {"type": "string", "description": "Title of the report."},
        "question": _placed(json_schema(Question), definitions),
        "panel": _placed(json_schema(PanelSpec), definitions),
        "comparison": _comparison(definitions),
        "estimators": {"type": "array", "minItems": 1, "items": _entries(definitions)},
        "inference": _one_or_more(_methods("inference", definitions)),
        "checks": {"type": "array", "items": _checks(definitions)},
        "disclosure": _placed(json_schema(Disclosure), definitions),
        "report": _placed(json_schema(Report), definitions),
        "seed": {"type": "integer", "minimum": 0, "description": "Seed of everything random."},
        "economics": _economics(definitions),
        "theory": _placed(json_schema(ProgrammeTheory), definitions),
        "families": {"type": "array", "items": _placed(json_schema(OutcomeFamily), definitions)},
        "moderators": {
            "type": "array",
            "items": {
                "anyOf": [
                    _placed(json_schema(Moderator), definitions),
                    *_methods("discovery", definitions, key="discover"),
                ]
            },
        },
    }
    sections["implementation"] = _placed(json_schema(MeasuredFidelity), definitions)
    _chosen_by_theory(sections["panel"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, "type": "object",
        "properties": {key: value for key, value in sections.items() if SECTIONS[key]},
        "required": ["schema", "name", "panel", "estimators"], "additionalProperties": False,
        "$defs": definitions,
    }  # fmt: skip


def _chosen_by_theory(panel: dict[str, Any]) -> None:
    """Let `covariates` say ``{from: theory}`` as well."""
    own = panel["properties"]["covariates"]
    words = {name: own.pop(name) for name in ("description", "default") if name in own}
    panel["properties"]["covariates"] = {"anyOf": [own, {"const": FROM_THEORY}], **words}


def _placed(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Move a schema's own definitions to the common place."""
    definitions.update(schema.pop("$defs", {}))
    return schema


def _methods(
    kind: str, definitions: dict[str, Any], more: Mapping[str, Any] | None = None, key: str = "method"
) -> list[dict[str, Any]]:
    """Return one schema per registered method of a kind, told apart by the key that names it."""
    made = []
    for name, cls in registered(kind).items():
        schema = _placed(json_schema(cls), definitions)
        schema["properties"] = {key: {"const": name}, **(more or {}), **schema.get("properties", {})}
        schema["description"] = summary(cls)
        schema["required"] = [*schema.get("required", []), key]
        made.append(schema)
    return made


def _comparison(definitions: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [*_methods("comparison", definitions), {"enum": list(registered("comparison"))}]}


def _one_or_more(methods: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"enum": [method["properties"]["method"]["const"] for method in methods]}
    return {"anyOf": [names, *methods, {"type": "array", "items": {"anyOf": [names, *methods]}}]}


def _entries(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one estimator entry: its own keys beside its method's."""
    own = _placed(json_schema(EntryKeys), definitions)["properties"]
    own["with"] = own.pop("changes")
    own["inference"] = _one_or_more(_methods("inference", definitions))
    return {"anyOf": _methods("estimator", definitions, own)}


def _checks(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one check: a name, or a name with options."""
    checks = registered("check")
    options = [
        {"type": "object", "properties": {name: _placed(json_schema(cls), definitions)}, "required": [name],
         "additionalProperties": False, "description": summary(cls)}
        for name, cls in checks.items()
    ]  # fmt: skip
    return {"anyOf": [{"enum": list(checks)}, *options]}


def _economics(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the economics section."""
    if not SECTIONS["economics"]:
        return {}
    from sos_eval.economics.section import EconomicsSection

    return _placed(json_schema(EconomicsSection), definitions)
