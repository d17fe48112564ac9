"""From a section `theory:` to a programme theory: its file folded in, every fault with its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sos_eval.declare import Document, build, read_text, read_yaml
from sos_eval.errors import Faults, OurFault, nearest
from sos_eval.theory.beside import noted_beside
from sos_eval.theory.dot import read_dot
from sos_eval.theory.programme import SCHEMA, ProgrammeTheory, TheoryNode

__all__ = ["constant_at", "read_theory", "read_theory_file"]

_AT = ("theory",)
#: Files of arrows and labels alone.
_DRAWN = (".dot", ".gv")


@dataclass(frozen=True)
class _Sourced:
    """A theory, where each of its arrows stands, and where its keys do."""

    theory: ProgrammeTheory
    arrow: Callable[[int], str]
    key: Callable[..., str]


def read_theory(document: Document, given: Any, faults: Faults) -> ProgrammeTheory | None:
    """Read a design's section; None where there is none, or where it has faults.

    Parameters
    ----------
    document
        The design.
    given
        The section as plain values.
    faults
        Collector; every fault of the section and of its file is added, with its line.
    """
    if given is None:
        return None
    own = Faults()
    section = build(ProgrammeTheory, given, document, _AT, own)
    sourced = _sourced(section, document, own) if section is not None else None
    if sourced is not None and not own.found:
        _check(sourced, own)
    faults.found.extend(fault for fault in own.found if fault not in faults.found)
    return None if own.found or sourced is None else sourced.theory


def read_theory_file(path: str | Path) -> ProgrammeTheory:
    """Read a theory from its own file, YAML or DOT.

    Raises
    ------
    DesignFault
        Every fault of the file, each with its line.
    """
    faults, file = Faults(), Path(path)
    document = Document({"theory": {"file": file.name}}, file)
    theory = read_theory(document, {"file": file.name}, faults)
    faults.stop()
    if theory is None:
        raise OurFault("a theory was not read, and no fault says why")
    return theory


def constant_at(document: Document, node: str) -> str:
    """Return where a node is said to be constant: in the design, or in the theory's own file that it names."""
    file = (document.data.get("theory") or {}).get("file")
    if file is None or Path(file).suffix in _DRAWN:
        return document.where((*_AT, "nodes", node, "constant"))
    return read_yaml(document.path.parent / str(file)).where(("nodes", node, "constant"))


def _sourced(section: ProgrammeTheory, document: Document, faults: Faults) -> _Sourced | None:
    """Fold in the file or the DOT text, if the arrows stand there."""
    given = [name for name in ("file", "dot", "edges") if getattr(section, name)]
    if len(given) != 1:
        what = f"{' and '.join(given)} stand side by side" if given else "draws no arrows"
        faults.add(document.where(_AT), f"theory: {what}", "write one of edges, dot, file")
        return None
    if section.dot is not None:
        line = document.lines.get((*_AT, "dot"), 1)
        before = line if "\n" in section.dot else line - 1  # a text of several lines begins below its key
        return _of_dot(section, section.dot, str(document.path), document, faults, before)
    if section.file is None:
        return _Sourced(section, lambda i: document.where((*_AT, "edges", i)), _keys(document))
    file = document.path.parent / section.file
    if file.suffix in _DRAWN:
        text = noted_beside(document, (*_AT, "file"), section.file, faults, read_text)
        return None if text is None else _of_dot(section, text, str(file), document, faults)
    found = noted_beside(document, (*_AT, "file"), section.file, faults, read_yaml)
    return None if found is None else _of_yaml(section, found, document, faults)


def _keys(document: Document) -> Callable[..., str]:
    return lambda *key: document.where((*_AT, *key))


def _of_dot(
    section: ProgrammeTheory, text: str, where: str, document: Document, faults: Faults, before: int = 0
) -> _Sourced:
    """Return the section with the arrows and labels of a DOT text, which so many lines of its file stand before."""
    drawn = read_dot(text, where, faults, before=before)
    labels = {name: replace(section.node(name), label=label) for name, label in drawn.labels.items()}
    mentioned = {node: TheoryNode() for edge in drawn.edges for node in edge[:2]} if not section.nodes else {}
    edges = tuple((cause, moved) for cause, moved, _ in drawn.edges)
    theory = replace(section, file=None, dot=None, nodes={**mentioned, **section.nodes, **labels}, edges=edges)
    return _Sourced(theory, lambda i: f"{where}:{drawn.edges[i][2]}", _keys(document))


def _of_yaml(section: ProgrammeTheory, found: Document, document: Document, faults: Faults) -> _Sourced | None:
    """Return the theory of a YAML file, with the columns that the design names."""
    if found.data.get("schema") != SCHEMA:
        what = f"schema: {found.data.get('schema')!r} is no theory"
        faults.add(found.where(("schema",)), what, f"write {SCHEMA}")
        return None
    data = {key: value for key, value in found.data.items() if key not in ("schema", "name")}
    for beside in document.data.get("theory") or {}:
        if beside not in ("file", "columns", "differs", "mediation"):
            what = f"theory.{beside}: stands beside a file that says it"
            faults.add(document.where((*_AT, beside)), what, "write it in the file alone")
    theory = build(ProgrammeTheory, data, found, (), faults)
    if theory is None:
        return None
    if theory.file is not None or theory.dot is not None or not theory.edges:
        faults.add(found.where(), "draws no arrows", "write edges: [[practice, trust], [trust, outcome]]")
        return None
    keys = _keys(document)

    def key(*names: str) -> str:
        return keys(*names) if (*_AT, *names) in document.lines else found.where(names)

    whole = replace(
        theory, columns={**theory.columns, **section.columns}, differs={**theory.differs, **section.differs},
        mediation=section.mediation or theory.mediation,
    )  # fmt: skip
    return _Sourced(whole, lambda i: found.where(("edges", i)), key)


def _check(sourced: _Sourced, faults: Faults) -> None:
    """Note what is wrong with the graph: names, circles, no way from treatment to outcome."""
    if meant := _meant_outcome(sourced.theory):
        theory = sourced.theory
        what = f"no arrow names {theory.outcome!r}"
        if theory.outcome in theory.graph.nodes:
            what = f"{theory.outcome!r} stands before other nodes, and arrows end at {meant!r}, which is not declared"
        faults.add(sourced.key("outcome"), f"theory.outcome: {what}", f'did you mean "{meant}"?')
        sourced = replace(sourced, theory=replace(theory, outcome=meant))  # the rest is told as if it were written
    theory, graph = sourced.theory, sourced.theory.graph
    _check_names(sourced, faults)
    for i, edge in enumerate(theory.edges):
        if edge in theory.edges[:i]:
            faults.add(sourced.arrow(i), f"theory.edges: {edge[0]} -> {edge[1]} stands twice", "keep one")
    if cycle := graph.cycle():
        last = theory.edges.index((cycle[-2], cycle[-1]))
        faults.add(sourced.arrow(last), f"theory: a circle: {' -> '.join(cycle)}", "remove one of its arrows")
    absent = _absent(theory)
    for key in absent:
        what = f"theory.{key}: no arrow names {getattr(theory, key)!r}"
        faults.add(sourced.key(key), what, nearest(getattr(theory, key), graph.nodes))
    if not absent and not graph.directed_path(theory.treatment, theory.outcome):
        what = f"theory: no way leads from {theory.treatment} to {theory.outcome}: it says that nothing happens"
        faults.add(sourced.key(), what, "add the arrows that are missing")
    elif not cycle:
        _check_paths(sourced, faults)


def _meant_outcome(theory: ProgrammeTheory) -> str:
    """Return the one undeclared end of the arrows where the declared outcome is no end of them; empty elsewhere."""
    graph, known = theory.graph, [*theory.nodes, theory.treatment, theory.outcome]
    ends = [node for node in graph.nodes if node not in known and not graph.children[node]]
    another = theory.outcome in theory.nodes and bool(graph.children.get(theory.outcome))
    wrong = theory.outcome not in graph.nodes or another
    slip = len(ends) == 1 and "did you mean" in nearest(ends[0], list(theory.nodes))
    return ends[0] if theory.nodes and wrong and len(ends) == 1 and not slip else ""


def _absent(theory: ProgrammeTheory) -> list[str]:
    """Return the keys, of treatment and outcome, whose nodes no arrow names."""
    return [key for key in ("treatment", "outcome") if getattr(theory, key) not in theory.graph.nodes]


def _meant(theory: ProgrammeTheory) -> set[str]:
    """Return the nodes that arrows name in place of an absent treatment or outcome: one fault tells of both."""
    usual = ProgrammeTheory()
    places = [(str(getattr(usual, key)), nearest(getattr(theory, key), theory.graph.nodes)) for key in _absent(theory)]
    return {name for name in theory.graph.nodes for usually, near in places if name == usually or f'"{name}"' in near}


def _check_paths(sourced: _Sourced, faults: Faults) -> None:
    """Note ways through what is no mediator, or is not measured."""
    theory = sourced.theory
    for i, path in enumerate(theory.mediation):
        place, what = sourced.key("mediation"), f"theory.mediation.{i}.through: {path.through}"
        if path.through in [other.through for other in theory.mediation[:i]]:
            faults.add(place, f"{what} stands twice", "keep one")
        elif path.through not in theory.graph.nodes:
            faults.add(place, f"{what}: no such node", nearest(path.through, theory.graph.nodes))
        elif theory.treatment not in theory.graph.nodes or theory.outcome not in theory.graph.nodes:
            continue  # told of the theory itself
        elif theory.role(path.through) != "mediator":
            faults.add(place, f"{what} is no mediator but {theory.role(path.through)}", "name a node on the way")
        elif path.through not in theory.columns:
            faults.add(place, f"{what} is not measured", "name its column in theory.columns, or take the path out")


def _check_names(sourced: _Sourced, faults: Faults) -> None:
    """Note arrows to undeclared nodes, nodes without an arrow, and columns of unknown nodes."""
    theory, nodes = sourced.theory, sourced.theory.graph.nodes
    declared, meant = [*theory.nodes, theory.treatment, theory.outcome], _meant(theory)
    for i, edge in enumerate(theory.edges):
        for name in edge:
            if theory.nodes and name not in declared and name not in meant:
                faults.add(sourced.arrow(i), f"theory.edges: no node {name!r}", nearest(name, declared))
    for name in theory.nodes:
        if name not in nodes:
            what = f"theory.nodes.{name}: no arrow names it"
            faults.add(sourced.key("nodes", name), what, "add an arrow, or remove it")
    for name, column in theory.columns.items():
        place, what = sourced.key("columns", name), f"theory.columns.{name}"
        if name not in nodes:
            faults.add(place, f"{what}: no such node", nearest(name, nodes))
        elif name in (theory.treatment, theory.outcome):
            faults.add(place, f"{what}: the panel section says which column it is", "remove it")
        elif list(theory.columns.values()).count(column) > 1:
            faults.add(place, f"{what}: {column} measures another node too", "give each its own")
    for name, words in theory.differs.items():
        if name not in theory.columns or not words.strip():
            what = "says nothing" if name in theory.columns else "no column measures it"
            instead = "say what its column holds, or take it out"
            faults.add(sourced.key("differs", name), f"theory.differs.{name}: {what}", instead)
