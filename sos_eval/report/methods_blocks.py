"""How it was estimated: the declared estimators with their options, the rule of the headline, how chance was judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Bullets, Table, Text
from sos_eval.report.reading import estimator_label, method_label, unit_words
from sos_eval.report.wording import count as many
from sos_eval.report.wording import in_units, listing, minus_signs, number

__all__ = ["methods", "notes", "together"]

_NOT_OPTIONS = {"id", "role", "method", "label", "outcome", "inference", "with"}
#: What an inference writes down for programs.
_FOR_PROGRAMS = frozenset({"tie_tolerance", "key", "errors_of_ends"})
_SHORTEST = 160
#: What an inference writes down, in words; other names stand as they are.
_WORDS = {
    "assignments": "Possible assignments", "complete": "Every possible assignment was made", "draws": "Draws made",
    "failed_draws": "Draws that could not be estimated", "observed": "The statistic as observed", "p_value": "p",
    "p_monte_carlo_error": "Monte Carlo error of p", "two_sided": "Two-sided", "interval": "How the interval was found",
    "low_error": "Monte Carlo error of the interval's lower end", "statistic": "Statistic",
    "high_error": "Monte Carlo error of the interval's upper end", "p_of_each": "p of each statistic alone",
}  # fmt: skip
_LOGS = " (in logs where the estimate is a ratio)"


def methods(bundle: ResultBundle) -> list[Block]:
    """Say what was estimated and how: words first, the declared options in a table after them."""
    entries = [entry for entry in bundle.design.get("estimators") or [] if isinstance(entry, dict)]
    blocks: list[Block] = [Text(_declared(bundle, entries))] if entries else []
    resolution = bundle.facts.inference
    if resolution.rule:
        blocks.append(Text(_sentence(f"What makes the headline was fixed by the design alone. {resolution.rule}")))
        blocks.append(Text(_sentence(f"Chosen here: {resolution.choice}")))
    if bundle.headline.get("verdict_rule"):
        blocks.append(Text(str(bundle.headline["verdict_rule"])))
    return [*blocks, *_chance(bundle), *_options(bundle, entries)]


def _declared(bundle: ResultBundle, entries: list[dict[str, Any]]) -> str:
    """Say which estimate answers the question, and how many were declared beside it."""
    key = bundle.facts.headline
    said = f"The answer is the estimate “{estimator_label(bundle, key.estimator)}”" if key.estimator else ""
    procedure = method_label(bundle, key.inference) if key.inference else ""
    said += f", judged by {'' if procedure.startswith('no ') else 'the '}{procedure}" if said and procedure else ""
    roles = [str(entry.get("role") or "secondary") for entry in entries if entry.get("id") != key.estimator]
    counted = listing([f"{roles.count(role)} {role}" for role in dict.fromkeys(roles)])
    more = f"{many(len(roles), 'further estimate')} {'was' if len(roles) == 1 else 'were'} declared beside it"
    return " ".join(text for text in (f"{said}." if said else "", f"{more}: {counted}." if roles else "") if text)


def _options(bundle: ResultBundle, entries: list[dict[str, Any]]) -> list[Block]:
    """Return the declared estimators with every option."""
    if not entries:
        return []
    names = ["Estimator", "Role", "Method", "Options", "Differs from the design in", "Paper"]
    frame = pd.DataFrame([_entry(bundle, entry) for entry in entries], columns=names, dtype=object)
    empty = [name for name in names if not any(frame[name])]
    return [Table(frame.drop(columns=empty), "Estimators as declared, with every default")]


def _entry(bundle: ResultBundle, entry: dict[str, Any]) -> list[str]:
    options = {name: value for name, value in entry.items() if name not in _NOT_OPTIONS and value not in (None, [], "")}
    return [
        estimator_label(bundle, str(entry.get("id"))), str(entry.get("role", "")),
        method_label(bundle, str(entry.get("method", ""))), _keys(options), _keys(entry.get("with") or {}),
        bundle.facts.references.get(str(entry.get("method")), ""),
    ]  # fmt: skip


def _keys(values: Any) -> str:
    """Return options under the design's own keys: ``control: never_treated, anticipation: 0``."""
    return ", ".join(f"{name}: {_option(value)}" for name, value in values.items())


def _option(value: Any) -> str:
    """Return a value as one writes it on one line of YAML."""
    if isinstance(value, dict):
        return f"{{{_keys(value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_option(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _worded(values: Any) -> str:
    """Return a mapping as ``name value, name value``."""
    if not isinstance(values, dict):
        return str(values)
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_worded(value)})" if value else "none"
    if isinstance(value, list):
        return "; ".join(_value(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ")


def _chance(bundle: ResultBundle) -> list[Block]:
    """Return what the headline's procedure wrote down of itself: draws, strata, simulation error."""
    key = bundle.facts.headline
    procedure = bundle.facts.procedure(key)
    details = dict(procedure.details) if procedure is not None else {}
    if "p_of_each" in details:  # the joint p is of no one statistic
        details.pop("observed", None)
    lines = [f"{_WORDS.get(name) or _capital(name)}: {text}{_unit(name)}." for name, text in _in_words(details)]
    title = Text(f"How chance was judged, {method_label(bundle, key.inference)}:")
    return [title, Bullets(tuple(lines))] if lines else []


def _capital(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _unit(name: str) -> str:
    return _LOGS if name in ("low_error", "high_error") else ""


def _in_words(details: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Return what is short enough to be read, as name and text; what only a program needs stays in the bundle."""
    for name, value in details.items():
        if name in _FOR_PROGRAMS:
            continue
        text = _fact(value)
        if value not in (None, "", []) and len(text) <= _SHORTEST:
            yield name, text


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return "; ".join(_worded(item) for item in value)
    return _worded(value)


def _sentence(text: str) -> str:
    """Return text as a sentence for the eye: a stop at its end, no marks of code."""
    bare = text.replace("`", "").strip()
    return bare if bare.endswith((".", "?", "!")) else f"{bare}."


def notes(bundle: ResultBundle) -> list[Block]:
    """Return what estimators and comparison groups had to say, each thing once."""
    by_estimator, units = bundle.facts.notes, unit_words(bundle)
    pairs = [
        (estimator_label(bundle, name), in_units(minus_signs(text), units))
        for name, texts in by_estimator.items()
        for text in texts
    ]
    said = together(pairs, everybody={estimator_label(bundle, name) for name in by_estimator})
    return [Bullets(tuple(said))] if said else []


def together(pairs: Iterable[tuple[str, str]], everybody: set[str] | None = None) -> list[str]:
    """Return ``a, b: text`` for who say the same; ``All: text`` where everybody of several does."""
    by_text: dict[str, list[str]] = {}
    for who, text in pairs:
        by_text.setdefault(text.rstrip("."), []).append(who)
    everyone = everybody if everybody and len(everybody) > 1 else None
    return [f"{'All' if set(names) == everyone else ', '.join(names)}: {text}." for text, names in by_text.items()]
