"""From a parsed file to a `Design`: defaults filled in, every fault collected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.compared import ComparedCheck, Place
from sos_eval.declare import Document, Seed, valid_keys
from sos_eval.design.design import SCHEMA, Design, Entry, EntryKeys, Question, Report
from sos_eval.design.sections import (
    SECTIONS,
    Reader,
    read_checks,
    read_comparison,
    read_economics,
    read_inference,
    read_method,
    refuse_idle_checks,
    refuse_other_outcome,
    refuse_without_ranges,
)
from sos_eval.design.theory import (
    read_discoveries,
    read_implementation,
    read_moderators,
    read_theory_section,
    refuse_bad_controls,
    refuse_contradicted_splits,
    refuse_doses,
    refuse_moved_controls,
    refuse_own_outcome,
    refuse_own_outcomes_looked_for,
    take_covariates,
)
from sos_eval.design.varied import refuse_idle_missing, refuse_own_outcomes, refuse_unknown_covariates, varied
from sos_eval.errors import Fault, Faults, OurFault, nearest
from sos_eval.inference.outcome_family import OutcomeFamily
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.spec import PanelSpec
from sos_eval.results.check import Check
from sos_eval.terms import SAFETY_ROLES

__all__ = ["plain", "resolve"]

#: Bytes of the name of an estimator or an outcome: tables are named after both, a check and its options.
_LONGEST_NAME = 90

#: Fields whose key is a word of the language.
_KEYS = {"changes": "with"}


def resolve(document: Document, *, panel: str | Path | None = None, seed: int | None = None) -> Design:
    """Turn a parsed file into a design; see `load_design`."""
    reader = Reader(document, Faults())
    _right_kind(reader)
    overrides = _override(document.data, panel, seed)
    _top_level(reader)
    data = document.data
    question = reader.build(Question, data.get("question", {}), ("question",)) or Question()
    theory = read_theory_section(reader)
    take_covariates(reader, theory)
    spec = reader.build(PanelSpec, data.get("panel"), ("panel",)) if "panel" in data else None
    for name in spec.outcomes if spec else ():
        _file_name(reader, name, ("panel", "outcomes", name))
    comparison = read_comparison(reader, data.get("comparison"), ("comparison",))
    inference = read_inference(reader, data.get("inference", "auto"), ("inference",))
    entries = _entries(reader, spec, comparison, inference)
    used = [((*entry.panel.covariates, *entry.comparison.columns), entry.is_variant) for entry in entries]
    refuse_bad_controls(reader, theory, used)
    headline = next((entry for entry in entries if entry.role == "primary"), None)
    refuse_contradicted_splits(reader, theory, headline.panel.covariates if headline is not None else ())
    moderators, discoveries = read_moderators(reader, theory), read_discoveries(reader, theory)
    implementation = read_implementation(reader)
    refuse_doses(reader, [entry.method.name for entry in entries])
    families = _families(reader, entries)
    checks = read_checks(reader, data.get("checks", []), ("checks",))
    alternatives = _alternatives(reader, checks, entries)
    economics = read_economics(reader, data.get("economics"), ("economics",))
    if headline is not None:
        answered = _headline_outcome(headline)
        spec_of = headline.panel.outcomes.get(answered, headline.panel.outcome)
        refuse_other_outcome(reader, economics, answered, spec_of)
        refuse_own_outcome(reader, theory, spec_of)
        named = headline.panel.named_outcomes
        refuse_own_outcomes_looked_for(reader, discoveries, named.values())
        refuse_moved_controls(reader, theory, checks, named, answered)
        refuse_idle_checks(reader, checks, answered, named, rebuilt=any(entry.comparison.rebuilds for entry in entries))
    disclosure = reader.build(Disclosure, data.get("disclosure", {}), ("disclosure",))
    refuse_without_ranges(reader, checks, disclosure)
    report = reader.build(Report, data.get("report", {}), ("report",))
    number = reader.build(Seed, data.get("seed", 20260101), ("seed",))
    reader.faults.found.sort(key=lambda fault: _line(fault.where))
    reader.faults.stop()
    if spec is None or disclosure is None or report is None or number is None:
        raise OurFault("a section was not read, and no fault says why")
    design = Design(
        name=str(data["name"]), title=str(data.get("title", data["name"])), question=question, panel=spec,
        comparison=comparison, estimators=entries, inference=inference, checks=checks, economics=economics,
        disclosure=disclosure, report=report, seed=number, resolved={}, document=document, overrides=overrides,
        alternatives=alternatives, theory=theory, moderators=moderators, discoveries=discoveries,
        implementation=implementation, families=families,
    )  # fmt: skip
    return replace(design, resolved=_resolved(design))


def _line(where: str) -> int:
    """Return the line in ``file:line``; 0 where there is none."""
    _, _, line = where.rpartition(":")
    return int(line) if line.isdigit() else 0


def _override(data: dict[str, Any], panel: str | Path | None, seed: int | None) -> dict[str, tuple[Any, Any]]:
    """Write what the command line says over the file's values, and note it."""
    changed: dict[str, tuple[Any, Any]] = {}
    if panel is not None and isinstance(data.get("panel"), dict):
        changed["panel.path"] = (data["panel"].get("path"), str(panel))
        data["panel"]["path"] = str(panel)
    if seed is not None:
        changed["seed"] = (data.get("seed"), seed)
        data["seed"] = seed
        _without_seeds(data.get("inference"))
        for entry in data["estimators"] if isinstance(data.get("estimators"), list) else []:
            _without_seeds(entry.get("inference") if isinstance(entry, dict) else None)
    return changed


def _without_seeds(inference: Any) -> None:
    """Take the seeds out of an `inference` section: the command line's goes before them."""
    for one in inference if isinstance(inference, list) else [inference]:
        if isinstance(one, dict):
            one.pop("seed", None)


def _right_kind(reader: Reader) -> None:
    """Stop at once where the file declares something else than a design."""
    other = {
        "sos-eval/economics/1": "sos-eval economics FILE",
        "sos-eval/world/1": "sos-eval simulate FILE --out P.csv",
        "sos-eval/theory/1": "theory: {file: FILE} in a design",
    }
    schema = reader.document.data.get("schema")
    if isinstance(schema, str) and schema in other:
        reader.add(("schema",), f"schema: {schema} is not a design", f"write: {other[schema]}")
        reader.faults.stop()


def _top_level(reader: Reader) -> None:
    """Check the schema line and the names of the sections."""
    data = reader.document.data
    schema = data.get("schema")
    if schema is None:
        reader.add((), "schema: is missing", f"write schema: {SCHEMA} as the first line")
    elif schema != SCHEMA:
        reader.add(("schema",), f"schema: {schema!r} is not a design that this version reads", f"write {SCHEMA}")
    for key in data:
        if key not in SECTIONS:
            reader.add((key,), f"{key}: no such key", nearest(key, SECTIONS))
        elif not SECTIONS[key]:
            reader.add((key,), f"{key}: not in this version", "take the section out")
    for key in ("name", "panel", "estimators"):
        if key not in data:
            reader.add((), f"{key}: is missing", "add it")
    if not isinstance(data.get("name", ""), str):
        reader.add(("name",), f"name: {data['name']!r} is not text", "write a name in letters")
    elif len(data.get("name", "")) > 100:
        reader.add(
            ("name",),
            f"name: {len(data['name']):,} letters, and folders bear it",
            "write at most 100; title may be longer",
        )


def _entries(reader: Reader, spec: PanelSpec | None, comparison: Any, inference: Any) -> tuple[Entry, ...]:
    """Read `estimators`."""
    declared = reader.document.data.get("estimators")
    if "estimators" not in reader.document.data:
        return ()
    if not isinstance(declared, list) or not declared:
        reader.add(("estimators",), "estimators: must be a list with at least one entry", "write - {id: …, method: …}")
        return ()
    entries: list[Entry] = []
    for i, given in enumerate(declared):
        entry = _entry(reader, i, given, spec, comparison, inference)
        if entry is not None and any(entry.id == other.id for other in entries):
            reader.add(("estimators", i), f"estimators.{i}.id: {entry.id!r} stands twice", "give each its own id")
        if entry is not None:
            entries.append(entry)
    if len(entries) == len(declared) and not any(entry.role == "primary" for entry in entries):
        reader.add(("estimators",), "estimators: none is primary", "give one entry role: primary")
    if len(entries) == len(declared):
        _unestimated_safety(reader, spec, entries)
    return tuple(entries)


def _run_on(entries: Sequence[Entry]) -> set[str]:
    """Return the outcomes that some estimator is run on."""
    return {name for entry in entries for name in entry.outcomes or tuple(entry.panel.outcomes) or ("outcome",)}


def _unestimated_safety(reader: Reader, spec: PanelSpec | None, entries: Sequence[Entry]) -> None:
    """Refuse an outcome that should not get worse and that no estimator is run on: it would not be assessed."""
    run_on = _run_on(entries)
    for name, outcome in spec.outcomes.items() if spec else ():
        if outcome.role in SAFETY_ROLES and name not in run_on:
            what = f"panel.outcomes.{name}: has role {outcome.role}, and no estimator is run on it"
            reader.add(("panel", "outcomes", name), what, f"add {name} to an estimator's outcomes")


def _entry(reader: Reader, i: int, given: Any, spec: PanelSpec | None, comparison: Any, inference: Any) -> Entry | None:
    """Read one estimator entry: its own keys, its method's keys, and what differs for it."""
    path = ("estimators", i)
    given = {"method": given} if isinstance(given, str) else given
    if not isinstance(given, dict):
        reader.add(path, f"estimators.{i}: must be a mapping", "write {id: …, method: …}")
        return None
    renamed = {"changes" if key == "with" else key: value for key, value in given.items()}
    own = {key: renamed.pop(key) for key in valid_keys(EntryKeys) if key in renamed}
    own_inference = renamed.pop("inference", None)
    keys = reader.build(EntryKeys, own, path)
    method = read_method(reader, "estimator", renamed, path, also=[*valid_keys(EntryKeys), "inference", "with"])
    infer = inference if own_inference is None else read_inference(reader, own_inference, (*path, "inference"))
    if keys is None or method is None:
        return None
    _file_name(reader, keys.id or "", (*path, "id"))
    spec, comparison = varied(reader, keys.changes, (*path, "with"), spec, comparison)
    if spec is None:
        return None
    outcomes = (keys.outcome,) if isinstance(keys.outcome, str) else tuple(keys.outcome or ())
    _known_outcomes(reader, outcomes, spec, path)
    refuse_unknown_covariates(reader, method, spec, path)
    refuse_own_outcomes(reader, method, spec, comparison, outcomes, path)
    refuse_idle_missing(reader, spec, comparison, path)
    return Entry(
        id=keys.id or str(method.name), role=keys.role or ("primary" if i == 0 else "secondary"), method=method,
        panel=spec, comparison=comparison, outcomes=outcomes, inference=infer, label=keys.label, changes=keys.changes,
    )  # fmt: skip


def _alternatives(
    reader: Reader, checks: Sequence[Check], entries: Sequence[Entry]
) -> tuple[tuple[Entry | str, ...], ...]:
    """Resolve every alternative of every check, in the order of the checks; none for checks without any.

    Each is the primary entry with its changes; faults stand at the alternative's line.
    """
    primary = next((entry for entry in entries if entry.role == "primary"), None)
    if primary is None:
        return tuple(() for _ in checks)
    return tuple(_resolved_alternatives(reader, check, i, primary) for i, check in enumerate(checks))


def _resolved_alternatives(reader: Reader, check: Check, i: int, primary: Entry) -> tuple[Entry | str, ...]:
    """Resolve the alternatives of one check; a fault of an option is told once, not in every combination.

    Of a combination whose method lacks an option the reason; an option that no method takes is a fault.
    """
    if not isinstance(check, ComparedCheck):
        return ()
    made: list[Entry | str] = []
    found, seen = reader.faults.found, set()
    unfit: dict[Place, list[Fault]] = {}
    for one, parts, optional in zip(check.alternatives, check.parts, check.may_not_fit, strict=True):
        before, told = len(found), {fault.what for fault in found} if parts[0] in seen else set()
        entry = _alternative(reader, one, primary, ("checks", i, str(check.name), *parts[0]))
        new = [fault for fault in found[before:] if fault.what not in told]
        found[before:] = [] if optional else new
        made.append("; ".join(fault.what for fault in new) if optional and new else entry)
        if optional and len(parts) == 1:
            unfit[parts[0]] = new
        if not new:
            unfit = {part: faults for part, faults in unfit.items() if part not in parts}
        seen.add(parts[0])
    found += [fault for faults in unfit.values() for fault in faults]
    return tuple(made)


def _headline_outcome(entry: Entry) -> str:
    """Return the outcome that the primary entry answers with: the one marked primary, else its first."""
    own = entry.outcomes or tuple(entry.panel.outcomes) or ("outcome",)
    marked = [name for name in own if name in entry.panel.outcomes and entry.panel.outcomes[name].role == "primary"]
    return (marked or own)[0]


def _alternative(reader: Reader, alternative: Alternative, primary: Entry, path: tuple[str | int, ...]) -> Entry:
    """Return the entry that stands for an alternative; the primary one where it has a fault."""
    changes = {**primary.changes, **alternative.changes, **_exposure(alternative, primary)}
    spec, comparison = varied(reader, changes, (*path, "with"), primary.panel, primary.comparison)
    method = primary.method
    if alternative.estimator is not None:
        own = plain(primary.method) if alternative.leaves_method else {}
        method = read_method(reader, "estimator", {**own, **alternative.estimator}, (*path, "estimator"))
    if not isinstance(spec, PanelSpec) or method is None:
        return primary
    refuse_unknown_covariates(reader, method, spec, (*path, "estimator"))
    outcomes = (_headline_outcome(primary),)
    refuse_own_outcomes(reader, method, spec, comparison, outcomes, path)
    refuse_idle_missing(reader, spec, comparison, path)
    return replace(
        primary, id=f"{primary.id}: {alternative.words}", role="sensitivity", method=method, panel=spec,
        comparison=comparison, outcomes=outcomes, label=alternative.words, changes=changes,
    )  # fmt: skip


def _exposure(alternative: Alternative, primary: Entry) -> Mapping[str, Any]:
    """Return the key that another denominator stands at."""
    if alternative.exposure is None:
        return {}
    section = f"outcomes.{_headline_outcome(primary)}" if primary.panel.outcomes else "outcome"
    return {f"panel.{section}.exposure": alternative.exposure}


def _file_name(reader: Reader, name: str, path: tuple[str | int, ...]) -> None:
    """Refuse names that would make paths: tables in the bundle are named after estimators and outcomes."""
    if name and not re.fullmatch(r"\w[\w .-]*", name):
        reader.add(path, f"{_dotted(path)}: {name!r} cannot name a file", "write letters, digits, spaces, - and _")
    elif len(name.encode()) > _LONGEST_NAME:
        what = f"{_dotted(path)}: a name of {len(name)} letters is too long for files"
        reader.add(path, what, f"write {_LONGEST_NAME} at most")


def _known_outcomes(reader: Reader, outcomes: tuple[str, ...], spec: PanelSpec, path: tuple[str | int, ...]) -> None:
    """Check the outcomes that an entry chooses."""
    known = list(spec.outcomes) if spec.outcomes else ["outcome"]
    for name in outcomes:
        if name not in known:
            reader.add((*path, "outcome"), f"{_dotted(path)}.outcome: no outcome {name!r}", nearest(name, known))


def _families(reader: Reader, entries: Sequence[Entry]) -> tuple[OutcomeFamily, ...]:
    """Read `families`; an outcome stands in one at most, and some estimator is run on each."""
    given = reader.document.data.get("families", [])
    if not isinstance(given, list):
        reader.add(("families",), "families: must be a list", "write [{name: harms, outcomes: [a, b]}]")
        return ()
    run_on = _run_on(entries)
    made = [reader.build(OutcomeFamily, one, ("families", i)) for i, one in enumerate(given)]
    seen: set[str] = set()
    for i, family in enumerate(made):
        for name in family.outcomes if family is not None else ():
            if entries and name not in run_on:
                what = f"families.{i}.outcomes: no estimator is run on an outcome {name!r}"
                reader.add(("families", i, "outcomes"), what, nearest(name, sorted(run_on)))
            if name in seen:
                what = f"families.{i}.outcomes: {name!r} stands in another family as well"
                reader.add(("families", i, "outcomes"), what, "keep it in one")
            seen.add(name)
        if family is not None and run_on.issuperset(family.outcomes) and not _together(family, entries):
            what = f"families.{i}.outcomes: no estimator is run on more than one of them, so nothing is tested together"
            reader.add(("families", i, "outcomes"), what, "leave outcome out of an estimator: it is run on all of them")
    return tuple(one for one in made if one is not None)


def _together(family: OutcomeFamily, entries: Sequence[Entry]) -> bool:
    """Whether some estimator is run on several outcomes of a family, or it has one only."""
    members = {*family.outcomes}
    return len(members) < 2 or not entries or any(len(members & _run_on([one])) > 1 for one in entries)


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path)


def plain(value: Any) -> Any:
    """Return a declared object as plain values: what goes into design.yaml, hashes and JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        own = {"method": value.name} if hasattr(value, "kind") and hasattr(value, "name") else {}
        return {**own, **{_KEYS.get(f.name, f.name): plain(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _resolved(design: Design) -> dict[str, Any]:
    """Return the whole design with its defaults as plain values."""
    entries = [_entry_plain(entry) for entry in design.estimators]
    checks = [{"check" if k == "method" else k: v for k, v in plain(check).items()} for check in design.checks]
    out = {
        "schema": SCHEMA, "name": design.name, "title": design.title, "question": plain(design.question),
        "panel": plain(design.panel), "comparison": plain(design.comparison), "estimators": entries,
        "inference": plain(design.inference), "checks": checks, "disclosure": plain(design.disclosure),
        "report": plain(design.report), "seed": design.seed,
    }  # fmt: skip
    if design.economics is not None:
        out["economics"] = plain(design.economics)
    if design.theory is not None:
        out["theory"] = plain(design.theory)
    if design.moderators or design.discoveries:
        out["moderators"] = _moderators(design)
    if design.families:
        out["families"] = plain(design.families)
    if design.implementation is not None:
        out["implementation"] = plain(design.implementation)
    return out


def _moderators(design: Design) -> list[dict[str, Any]]:
    """Return the section as it was written: declared moderators and discoveries, each at its place."""
    looked = {place: plain(one) for place, one in design.discoveries}
    told = iter([plain(one) for one in design.moderators])
    return [_discovering(looked[i]) if i in looked else next(told)
            for i in range(len(looked) + len(design.moderators))]  # fmt: skip


def _discovering(options: dict[str, Any]) -> dict[str, Any]:
    return {"discover" if key == "method" else key: value for key, value in options.items()}


def _entry_plain(entry: Entry) -> dict[str, Any]:
    """Return one estimator entry as plain values; panel and comparison only where they differ."""
    own: dict[str, Any] = {"id": entry.id, "role": entry.role, **plain(entry.method)}
    own["outcome"] = list(entry.outcomes)
    own["inference"] = plain(entry.inference)
    if entry.label:
        own["label"] = entry.label
    if entry.changes:
        own["with"] = plain(entry.changes)
    return own
