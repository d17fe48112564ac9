"""Options that would change nothing are refused by name."""

from __future__ import annotations

import pytest

from sos_eval.comparison import CEM, DeclaredSets, Entropy, Nearest, NoComparison, build
from sos_eval.comparison.people import People
from sos_eval.errors import NotIdentified
from tests.comparison.panels import eight
from tests.comparison.people_panel import SETS as TWO
from tests.comparison.people_panel import people_of

SETS = {"a": ("d", "e"), "b": ("d",), "c": ("d",)}
KINDS = ["u", "v", "u", "u", "v", "u", "v", "u"]


@pytest.mark.parametrize(("made", "said"), [
    (lambda: DeclaredSets(sets=SETS, people=People(on=("x",)), cohorts="apart"), "cohorts: declared is the same for "),
    (lambda: DeclaredSets(sets=SETS, people=People(on=("x",)), on=("x",)), "on: beside people nothing is compared on"),
    (lambda: DeclaredSets(sets=SETS, people=People(on=("x",)), missing="exclude"), "missing: no covariate of units is"),
    (lambda: NoComparison(missing="exclude"), "missing: no covariate of units is read that could be missing"),
    (lambda: Nearest(on=("x",), replace=True, order="smallest"), "order: with replace: true nobody waits for another"),
])  # fmt: skip
def test_an_option_that_nothing_reads_is_refused(made, said):
    with pytest.raises(ValueError, match=said):
        made()


@pytest.mark.parametrize(("method", "said"), [
    (CEM(on=("kind",), rule="scott"), "comparison.rule: scott cuts nothing: each covariate is text, or has cut-points"),
    (CEM(on=("kind", "x"), cutpoints={"x": (3.0,)}, rule="fd"), "comparison.rule: fd cuts nothing"),
    (Entropy(on=("kind",), moments=3), "comparison.moments: 3 changes nothing: every covariate is text"),
])  # fmt: skip
def test_an_option_that_the_data_leave_nothing_to_do_is_refused(method, said):
    panel = eight(kind=KINDS, x=[1, 2, 3, 4, 1, 2, 3, 4])
    with pytest.raises(NotIdentified, match=said):
        build(method, panel)


def test_the_same_options_stand_where_they_do_something():
    panel = eight(kind=KINDS, x=[1, 2, 3, 4, 1, 2, 3, 4])
    assert build(CEM(on=("kind", "x"), rule="scott"), panel).weights.any()
    assert build(Entropy(on=("kind", "x"), moments=1), panel).weights.any()
    assert Nearest(on=("x",), distance="x", order="smallest").takes_turns == "smallest"


@pytest.mark.parametrize("cuts", [(1.0, 1.0), (2.0, 1.0)])
def test_cut_points_rise(cuts):
    for made in (lambda: CEM(on=("x",), cutpoints={"x": cuts}), lambda: People(on=("x",), cutpoints={"x": cuts})):
        with pytest.raises(ValueError, match=r"cutpoints.x: \[.*\] do not rise; write each once, from the lowest"):
            made()


def test_cut_points_that_cut_nothing_are_said_to():
    """Ages 1 to 4 lie below 45: all in one interval; at 3 they part."""
    panel = eight(kind=KINDS, x=[1, 2, 3, 4, 1, 2, 3, 4])
    told = "cut-points of x (45, 125) cut nothing: its values lie from 1 to 4, all in one interval, so it is not "
    idle, cutting = (build(CEM(on=("kind", "x"), cutpoints={"x": cuts}), panel) for cuts in ((45.0, 125.0), (3.0,)))
    assert any(note.startswith(told) for note in idle.notes)
    assert not any("cut nothing" in note for note in cutting.notes)
    rows = [
        ("A", 5, 1.0, 0),
        ("A", 25, 2.0, 4),
        ("C", 6, 1.0, 0),
        ("C", 26, 2.0, 4),
        ("D", 7, 1.0, 3),
        ("B", 5, 1.0, 0),
    ]
    people = DeclaredSets(sets=TWO, people=People(on=("x",), cutpoints={"x": (45.0, 125.0)}))
    made = build(people, people.restricted(people_of(rows, ("x",))))
    assert any("cut-points of x (45, 125) cut nothing: its values lie from 0 to 4" in note for note in made.notes)
