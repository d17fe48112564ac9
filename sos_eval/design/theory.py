"""The section `theory` of a design: read, held against the covariates, and asked which of them to take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sos_eval.design.sections import Path_, Reader
from sos_eval.errors import Faults, listed, nearest
from sos_eval.numerics import _dowhy
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.spec import OutcomeSpec
from sos_eval.results.check import Check
from sos_eval.results.method import registered
from sos_eval.theory.controls import bad_controls, contradicted_split
from sos_eval.theory.discovery import Discovery
from sos_eval.theory.identify import identified
from sos_eval.theory.implementation import MeasuredFidelity
from sos_eval.theory.instrument import cited
from sos_eval.theory.moderators import Moderator
from sos_eval.theory.programme import ProgrammeTheory
from sos_eval.theory.read import read_theory

__all__ = [
    "FROM_THEORY",
    "read_discoveries",
    "read_implementation",
    "read_moderators",
    "read_theory_section",
    "refuse_bad_controls",
    "refuse_contradicted_splits",
    "refuse_doses",
    "refuse_moved_controls",
    "refuse_own_outcome",
    "refuse_own_outcomes_looked_for",
    "take_covariates",
]

#: What stands in place of the covariates' names where the theory chooses them.
FROM_THEORY = {"from": "theory"}


def read_theory_section(reader: Reader) -> ProgrammeTheory | None:
    """Read `theory`; None where there is none, or where it has faults, which are noted."""
    given = reader.document.data.get("theory")
    if isinstance(given, dict) and given.get("columns") and _guarded(reader):
        what = "theory.columns: not in this version under a disclosure profile, because a mediator is an outcome too"
        reader.add(("theory", "columns"), what, "take the columns out; the graph stays")
    return read_theory(reader.document, given, reader.faults)


def read_moderators(reader: Reader, theory: ProgrammeTheory | None) -> tuple[Moderator, ...]:
    """Read the declared `moderators`; refuse too many, and those that the theory says the intervention moves."""
    given = reader.document.data.get("moderators", [])
    if not isinstance(given, list):
        reader.add(("moderators",), "moderators: must be a list", "write [{by: COLUMN}]")
        return ()
    places = [i for i, one in enumerate(given) if not _looks(one)]
    if len(places) > Moderator.most:
        what = f"moderators: {len(places)} are declared; more than {Moderator.most} find differences by chance"
        reader.add(("moderators", places[Moderator.most]), what, "keep the two that the theory puts first")
    made = {i: reader.build(Moderator, given[i], ("moderators", i)) for i in places}
    named: list[str] = []
    for i, one in made.items():
        if one is not None and one.by in named:
            reader.add(("moderators", i, "by"), f"moderators.{i}.by: {one.by} stands twice", "keep one")
        named += [one.by] if one is not None else []
        if one is not None:  # halves and thirds are of means before the first start, which nothing has moved yet
            _refuse_moved(reader, theory, one.by, ("moderators", i, "by"))
    _refuse_guarded(reader, "moderators")
    return tuple(one for one in made.values() if one is not None)


def read_discoveries(reader: Reader, theory: ProgrammeTheory | None) -> tuple[tuple[int, Discovery], ...]:
    """Read entries of `moderators` that look for differences (`discover`), each with its place in the list."""
    given = reader.document.data.get("moderators", [])
    made: dict[int, Discovery] = {}
    for i, one in enumerate(given if isinstance(given, list) else ()):
        path = ("moderators", i)
        learners, name = registered("discovery"), str(one["discover"]) if _looks(one) else ""
        if name and name not in learners:
            what = f"moderators.{i}.discover: no learner is called {name!r}"
            reader.add((*path, "discover"), what, nearest(name, learners))
        elif any(name == known.name for known in made.values()):
            what = f"moderators.{i}.discover: {name} is declared twice"
            reader.add((*path, "discover"), what, "write its columns in one list")
        elif name:
            options = {key: value for key, value in one.items() if key != "discover"}
            made |= {i: learner} if (learner := reader.build(learners[name], options, path)) is not None else {}
    for i, learner in made.items():
        for column in learner.among:
            _refuse_moved(reader, theory, column, ("moderators", i, "among"))
    return tuple(made.items())


def _looks(entry: object) -> bool:
    """Say whether an entry of `moderators` looks for differences rather than declares one."""
    return isinstance(entry, dict) and "discover" in entry


def read_implementation(reader: Reader) -> MeasuredFidelity | None:
    """Read `implementation`; None where there is none, or where it has faults, which are noted."""
    given = reader.document.data.get("implementation")
    if given is None:
        return None
    _refuse_guarded(reader, "implementation")
    if isinstance(given, dict) and given.get("instrument") is not None:
        given = cited(reader.document, given, reader.faults)
    return None if given is None else reader.build(MeasuredFidelity, given, ("implementation",))


def refuse_doses(reader: Reader, methods: Sequence[str]) -> None:
    """Refuse a curve over doses under a disclosure profile: its rows are called after doses of single units."""
    for k, method in enumerate(methods):
        if method == "continuous_did" and _guarded(reader):
            what = (
                f"estimators.{k}.method: continuous_did tells doses of single units, which no disclosure profile allows"
            )
            reader.add(("estimators", k, "method"), what, "take the estimator out")


def _guarded(reader: Reader) -> bool:
    """Say whether the design declares a disclosure profile."""
    given = reader.document.data.get("disclosure", {})
    declared = Reader(reader.document, Faults()).build(Disclosure, given, ("disclosure",))
    return declared is not None and declared.guards


def _refuse_guarded(reader: Reader, section: str) -> None:
    """Refuse what tells of few units under a disclosure profile."""
    if reader.document.data.get(section) and _guarded(reader):
        what = f"{section}: not in this version under a disclosure profile, because it tells of few units"
        reader.add((section,), what, "take the section out")


def _refuse_moved(reader: Reader, theory: ProgrammeTheory | None, column: str, path: Path_) -> None:
    """Note a moderator that comes after the treatment, with the way from the one to the other."""
    node = theory.node_of.get(column) if theory is not None else None
    if theory is None or node is None:
        return
    if way := theory.graph.directed_path(theory.treatment, node):
        what = f"{'.'.join(map(str, path))}: the intervention moves {column}: {theory.graph.drawn(way)}"
        reader.add(path, what, "name what was there before the start")


def take_covariates(reader: Reader, theory: ProgrammeTheory | None) -> None:
    """Write the columns of the smallest back-door set where `panel.covariates` is ``{from: theory}``."""
    panel, path = reader.document.data.get("panel"), ("panel", "covariates")
    if not isinstance(panel, dict) or panel.get("covariates") != FROM_THEORY:
        return
    panel["covariates"] = []
    if theory is None:
        if "theory" not in reader.document.data:
            reader.add(path, "panel.covariates: from theory, and no theory is declared", "add the section theory")
        return
    if absent := _dowhy.absent():
        reader.add(("theory",), absent.what, absent.instead)
        return
    found = identified(theory.graph, theory.treatment, theory.outcome, theory.measured)
    if found.minimal:
        panel["covariates"] = [theory.columns[node] for node in theory.graph.nodes if node in found.minimal[0]]
    else:
        lacking = ", ".join(sorted(found.missing)) or "what no adjustment replaces"
        what = "panel.covariates: by the theory no set of measured nodes is enough"
        reader.add(path, what, f"measure {lacking} and name its column in theory.columns, or list covariates")


def refuse_bad_controls(
    reader: Reader, theory: ProgrammeTheory | None, used: Sequence[tuple[Sequence[str], bool]]
) -> None:
    """Refuse covariates that the theory says the intervention moves, or that open a path, with the path shown.

    Parameters
    ----------
    used
        Of each estimator entry, the columns that it adjusts for or is matched on, and whether these are its own.
    """
    if theory is None:
        return
    for i, (columns, own) in enumerate(used):
        for column, what, instead in bad_controls(theory, tuple(dict.fromkeys(columns))):
            path, key = (("estimators", i), f"estimators.{i}") if own else _place(reader.document.data, i, column)
            reader.add(path, f"{key}: {column} {what}", instead)


def refuse_own_outcome(reader: Reader, theory: ProgrammeTheory | None, outcome: OutcomeSpec | None) -> None:
    """Refuse a node that is measured by the outcome's own column."""
    if theory is None or outcome is None:
        return
    for node, column in theory.columns.items():
        if column in (outcome.count, outcome.value):
            what = f"theory.columns.{node}: {column} is what the outcome is made of"
            reader.add(("theory", "columns", node), what, "name a column that measures the node, or take it out")


def refuse_moved_controls(
    reader: Reader,
    theory: ProgrammeTheory | None,
    checks: Sequence[Check],
    outcomes: Mapping[str, OutcomeSpec],
    answered: str,
) -> None:
    """Refuse outcomes that a check takes for unmoved where the graph says that the intervention moves them.

    An outcome is a node by its column in `theory.columns`, else by its own name or its column's. The headline's own
    (`answered`) is refused as such elsewhere.
    """
    for i, check in enumerate(checks if theory is not None else ()):
        for key, name in _taken_for_unmoved(check):
            way = _moved_by(theory, name, outcomes.get(name)) if theory is not None and name != answered else ()
            if theory is not None and way:
                drawn = theory.graph.drawn(way)
                what = f"{check.name}: {key}: by the theory the intervention moves {name}: {drawn}"
                instead = "name an outcome that no way leads to, or take the arrow out if it is none"
                reader.add(("checks", i, str(check.name), key), what, instead)


def _taken_for_unmoved(check: Check) -> Iterator[tuple[str, str]]:
    """Return the outcomes that a check says the intervention cannot have moved, each with its key."""
    if name := getattr(check, "negative_control", ""):
        yield "negative_control", name
    for name in getattr(check, "outcomes", ()) if check.name == "placebo_outcome" else ():
        yield "outcomes", name


def _moved_by(theory: ProgrammeTheory, name: str, outcome: OutcomeSpec | None) -> tuple[str, ...]:
    """Return the way from the treatment to an outcome; empty where there is none, or it is no node."""
    columns = [column for column in (outcome.count, outcome.value) if column] if outcome is not None else []
    nodes = [theory.node_of[column] for column in columns if column in theory.node_of]
    nodes += [node for node in (name, *columns) if node in theory.graph.nodes]
    return theory.graph.directed_path(theory.treatment, nodes[0]) if nodes else ()


def refuse_own_outcomes_looked_for(
    reader: Reader, discoveries: Sequence[tuple[int, Discovery]], outcomes: Collection[OutcomeSpec]
) -> None:
    """Refuse to look for differences by what an outcome is made of: it is the outcome."""
    made_of = {column for one in outcomes for column in (one.count, one.value)}
    for i, learner in discoveries:
        for column in learner.among:
            if column in made_of:
                what = f"moderators.{i}.among: {column} is what the outcome is made of"
                instead = "name columns that are there before the start, or take it out"
                reader.add(("moderators", i, "among"), what, instead)


def refuse_contradicted_splits(reader: Reader, theory: ProgrammeTheory | None, columns: Sequence[str]) -> None:
    """Refuse to split an effect through a mediator that the graph joins with the outcome otherwise, with the paths.

    Parameters
    ----------
    columns
        Covariates of the headline.
    """
    for i, path in enumerate(theory.mediation if theory is not None else ()):
        open_ways = contradicted_split(theory, path.through, columns) if theory is not None else ()
        if open_ways:
            what = (
                f"theory.mediation.{i}: the graph says otherwise than its ignorability: something moves {path.through} "
                f"and the outcome, given practice and covariates: {listed(open_ways, 3)}"
            )
            reader.add(("theory", "mediation", i), what, "take the path out; both links are tested without it")


def _place(data: dict[str, Any], i: int, column: str) -> tuple[Path_, str]:
    """Return where a column is named: in the panel, in the comparison, else the entry's own line."""
    for path, names in _named(data):
        if column in names:
            return (*path, names.index(column)), ".".join(path)
    return ("estimators", i), f"estimators.{i}"


def _named(data: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for section, key in (("panel", "covariates"), ("comparison", "on"), ("comparison", "exact")):
        names = (data.get(section) or {}).get(key) if isinstance(data.get(section), dict) else None
        yield (section, key), names if isinstance(names, list) else []
