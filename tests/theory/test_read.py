"""Reading a theory: inline, from a file, as DOT; every fault at once with its line."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import pytest

from sos_eval.declare import read_yaml
from sos_eval.errors import DesignFault, Faults
from sos_eval.theory.controls import bad_controls, contradicted_split
from sos_eval.theory.graph import Graph
from sos_eval.theory.programme import ProgrammeTheory, TheoryNode
from sos_eval.theory.read import read_theory, read_theory_file
from tests.theory.brute import after, blocked, paths, random_graph


def read(tmp_path, text, **files):
    for name, content in files.items():
        (tmp_path / name.replace("__", ".")).write_text(dedent(content))
    file = tmp_path / "d.yaml"
    file.write_text(dedent(text))
    document, faults = read_yaml(file), Faults()
    theory = read_theory(document, document.data.get("theory"), faults)
    return theory, [f"{fault.where.removeprefix(str(tmp_path) + '/')}: {fault.what}; {fault.instead}"
                    for fault in faults.found]  # fmt: skip


INLINE = """\
    theory:
      nodes:
        trust: {label: Parents' trust, needs: a survey of parents}
        need: {constant: true}
      edges:
        - [practice, trust]
        - [trust, outcome]
        - [need, practice]
        - [need, outcome]
      columns: {need: idaci}
      statements:
        - Plans made together are kept.
        - {context: where turnover is low, mechanism: parents trust their worker, outcome: fewer enter care}
"""


def test_inline(tmp_path):
    theory, faults = read(tmp_path, INLINE)
    assert faults == []
    assert theory.graph.nodes == ("practice", "trust", "outcome", "need")
    assert theory.measured == ("practice", "outcome", "need")
    assert [theory.role(node) for node in theory.graph.nodes] == ["treatment", "mediator", "outcome", "common cause"]
    assert theory.label("trust") == "Parents' trust"
    assert [one.words for one in theory.statements] == [
        "Plans made together are kept.",
        "where turnover is low: parents trust their worker → fewer enter care",
    ]


DOT = 'digraph sos {\n  // how\n  practice -> trust -> outcome;\n  trust [label="Parents\' trust", color=red];\n}\n'


def test_dot_inline_and_from_a_file(tmp_path):
    text = "theory:\n  dot: 'digraph { practice -> trust -> outcome }'\n"
    theory, faults = read(tmp_path, text)
    assert (faults, theory.edges) == ([], (("practice", "trust"), ("trust", "outcome")))
    theory, faults = read(tmp_path, "theory: {file: t.dot}\n", t__dot=DOT)
    assert (faults, theory.label("trust"), theory.file) == ([], "Parents' trust", None)


def test_file_with_columns_of_the_design(tmp_path):
    file = """\
        schema: sos-eval/theory/1
        name: t
        treatment: sos
        edges: [[sos, outcome], [need, sos], [need, outcome]]
    """
    theory, faults = read(tmp_path, "theory: {file: t.yaml, columns: {need: idaci}}\n", t__yaml=file)
    assert (faults, theory.treatment, theory.measured) == ([], "sos", ("sos", "outcome", "need"))
    assert read_theory_file(tmp_path / "t.yaml").edges == theory.edges


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("theory:\n  edges:\n    - [practice, a]\n    - [a, b]\n    - [b, a]\n    - [a, outcome]\n",
         ["d.yaml:5: theory: a circle: a -> b -> a; remove one of its arrows"]),
        ("theory: {edges: [[trust, shared]]}\n",
         ["d.yaml:1: theory.treatment: no arrow names 'practice'; write one of: trust, shared",
          "d.yaml:1: theory.outcome: no arrow names 'outcome'; write one of: trust, shared"]),
        ("theory:\n  edges: [[practice, a], [b, outcome]]\n",
         ["d.yaml:1: theory: no way leads from practice to outcome: it says that nothing happens; "
          "add the arrows that are missing"]),
        ("theory:\n  nodes: {trust: {}, plans: {}}\n  edges:\n    - [practice, trsut]\n    - [trust, outcome]\n"
         "    - [trust, outcome]\n    - [practice, outcome]\n  columns: {planz: x, outcome: y}\n",
         ["d.yaml:4: theory.edges: no node 'trsut'; did you mean \"trust\"?",
          "d.yaml:2: theory.nodes.plans: no arrow names it; add an arrow, or remove it",
          "d.yaml:8: theory.columns.planz: no such node; write one of: practice, trsut, trust, outcome",
          "d.yaml:8: theory.columns.outcome: the panel section says which column it is; remove it",
          "d.yaml:6: theory.edges: trust -> outcome stands twice; keep one"]),
        ("theory: {edges: [[practice, outcome]], dot: 'digraph {}'}\n",
         ["d.yaml:1: theory: dot and edges stand side by side; write one of edges, dot, file"]),
        ("theory: {}\n", ["d.yaml:1: theory: draws no arrows; write one of edges, dot, file"]),
        ("theory: {edges: [[practice, outcome]], treatmant: x}\n",
         ["d.yaml:1: theory.treatmant: no such key; did you mean \"treatment\"?"]),
        ("theory:\n  edges: [[a, outcome], [practice, outcome], [b, outcome]]\n  columns: {a: x, b: x}\n",
         ["d.yaml:3: theory.columns.a: x measures another node too; give each its own",
          "d.yaml:3: theory.columns.b: x measures another node too; give each its own"]),
        ("theory: {file: no.yaml}\n", ["d.yaml:1: theory.file: no.yaml: no such file; did you mean \"d.yaml\"?"]),
        ("theory:\n  outcome: care_rate\n  nodes: {a: {}}\n  edges: [[practice, a], [a, care_rte]]\n",
         ["d.yaml:2: theory.outcome: no arrow names 'care_rate'; did you mean \"care_rte\"?"]),
        ("theory:\n  outcome: entries\n  nodes: {a: {}}\n  edges: [[practice, a], [a, outcome]]\n",
         ["d.yaml:2: theory.outcome: no arrow names 'entries'; did you mean \"outcome\"?"]),
        ("theory: {file: d.yaml}\n", ["d.yaml: schema: None is no theory; write sos-eval/theory/1"]),
    ],
)  # fmt: skip
def test_faults_come_all_at_once_with_their_lines(tmp_path, text, faults):
    theory, found = read(tmp_path, text)
    assert theory is None
    assert found == faults


@pytest.mark.parametrize(
    ("dot", "fault"),
    [
        ("graph { a -- b }", "t.dot:1: theory: no directed graph; write digraph { practice -> trust; }"),
        ("digraph {\n practice -- outcome\n}", "t.dot:2: theory: -- has no direction; write ->"),
        ("digraph {\n practice -> ;\n}", "t.dot:2: theory: ';' stands where a node is meant; write cause -> effect;"),
        ("digraph {\n practice -> outcome", "t.dot:1: theory: the graph has no end; write }"),
        ("digraph { subgraph { a } }", "t.dot:1: theory: 'subgraph' is not read here; write cause -> effect;"),
    ],
)
def test_faults_of_dot_have_lines(tmp_path, dot, fault):
    theory, found = read(tmp_path, "theory: {file: t.dot}\n", t__dot=dot)
    assert theory is None
    assert fault in found


def test_a_file_is_read_with_its_own_lines(tmp_path):
    file = "schema: sos-eval/theory/1\nname: t\nedges:\n  - [practice, outcome]\n  - [outcome, practice]\n"
    text = "theory:\n  file: t.yaml\n  columns: {x: y}\n"
    _, found = read(tmp_path, text, t__yaml=file)
    assert found == [
        "d.yaml:3: theory.columns.x: no such node; write one of: practice, outcome",
        "t.yaml:5: theory: a circle: practice -> outcome -> practice; remove one of its arrows",
    ]
    with pytest.raises(DesignFault, match=r"t\.yaml:5: theory: a circle"):
        read_theory_file(tmp_path / "t.yaml")


CONTROLS = """\
    theory:
      edges: [[practice, trust], [trust, outcome], [practice, visits], [a, practice], [a, w], [b, w], [b, outcome],
              [w, d], [need, practice], [need, outcome]]
      columns: {trust: trust, visits: visits, w: w, d: d, need: idaci, a: a}
"""


@pytest.mark.parametrize(
    ("columns", "bad"),
    [
        (["idaci", "unknown"], []),
        (["trust"], [("trust", "carries part of the effect (a mediator): practice -> trust")]),
        (["visits"], [("visits", "is moved by the intervention (a descendant of it): practice -> visits")]),
        (["idaci", "w"],
         [("w", "opens a path that it is a collider on: practice <- a -> w <- b -> outcome")]),
        (["idaci", "d"],
         [("d", "follows a collider, and opens its path: practice <- a -> w <- b -> outcome")]),
        (["idaci", "w", "a"], []),
    ],
)  # fmt: skip
def test_bad_controls_are_shown_with_their_path(tmp_path, columns, bad):
    theory, faults = read(tmp_path, CONTROLS)
    assert faults == []
    found = list(bad_controls(theory, columns))
    assert [(column, what) for column, what, _ in found] == bad
    if columns == ["idaci", "w"]:
        assert found[0][2] == "take it out, or add a or b, which blocks it"


def test_a_collider_is_refused_beside_a_shorter_open_path():
    """By hand: practice <- u -> outcome is open whatever is adjusted for; col opens a second path."""
    edges = [("practice", "outcome"), ("a", "practice"), ("a", "col"), ("b", "col"), ("b", "outcome"),
             ("u", "practice"), ("u", "outcome")]  # fmt: skip
    theory = ProgrammeTheory(edges=tuple(edges), columns={"col": "c1"})
    path = "practice <- a -> col <- b -> outcome"
    assert list(bad_controls(theory, ["c1"])) == [
        ("c1", f"opens a path that it is a collider on: {path}", "take it out, or add a or b, which blocks it")
    ]


@pytest.mark.parametrize("seed", range(5))
def test_colliders_are_those_of_listing_all_paths(seed):
    """A covariate is refused where it is, or follows, a collider of any path that is open given all of them."""
    rng, refused = np.random.default_rng(seed), 0
    for _ in range(300):
        edges, _ = random_graph(rng)
        graph = Graph.of(edges)
        early = [node for node in graph.nodes if node not in after(edges, "practice")]
        given = [node for node in early if node != "outcome" and rng.random() < 0.5]
        cut = [edge for edge in edges if edge[0] != "practice"]
        on = {
            node
            for path in paths(cut, "practice", "outcome")
            if not blocked(cut, path, given)
            for left, node, right in zip(path, path[1:], path[2:], strict=False)
            if {(left, node), (right, node)} <= set(cut)
        }
        wrong = {node for node in given if any(node in after(cut, one) for one in on)}
        theory = ProgrammeTheory(edges=tuple(edges), columns={node: node for node in given})
        assert {column for column, _, _ in bad_controls(theory, given)} == wrong, (edges, given)
        refused += len(wrong)
    assert refused


def test_a_split_that_the_graph_contradicts_has_its_paths():
    """By hand: l is moved by practice and moves t and out; u moves both unseen; need is measured, area constant."""
    edges = (("practice", "l"), ("l", "t"), ("l", "out"), ("practice", "t"), ("t", "out"), ("u", "t"), ("u", "out"),
             ("need", "t"), ("need", "out"), ("area", "t"), ("area", "out"))  # fmt: skip
    theory = ProgrammeTheory(
        edges=edges, outcome="out", columns={"t": "trust", "need": "idaci"}, nodes={"area": TheoryNode(constant=True)}
    )
    assert set(contradicted_split(theory, "t", ["idaci"])) == {"t <- l -> out", "t <- u -> out"}
    assert "t <- need -> out" in contradicted_split(theory, "t", [])
    clean = ProgrammeTheory(edges=(("practice", "t"), ("t", "out"), ("practice", "out")), outcome="out")
    assert contradicted_split(clean, "t", []) == ()
