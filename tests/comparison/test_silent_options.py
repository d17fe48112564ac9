"""Options that would change nothing are refused by name."""

from __future__ import annotations

import pytest

from sos_eval.comparison import CEM, DeclaredSets, Entropy, Nearest, NoComparison, build
from sos_eval.comparison.people import People
from sos_eval.errors import NotIdentified
from sos_eval.estimators import MatchedDiD
from tests.comparison.panels import eight

SETS = {"a": ("d", "e"), "b": ("d",), "c": ("d",)}
KINDS = ["u", "v", "u", "u", "v", "u", "v", "u"]


@pytest.mark.parametrize(("made", "said"), [
    (lambda: DeclaredSets(sets=SETS, people=People(on=("x",)), cohorts="apart"), "cohorts: declared is the same for "),
    (lambda: DeclaredSets(sets=SETS, people=People(on=("x",)), on=("x",)), "on: beside people nothing is compared on"),
    (lambda: DeclaredSets(sets=SETS, people=People(on=("x",)), missing="exclude"), "missing: no covariate of units is"),
    (lambda: NoComparison(missing="exclude"), "missing: no covariate of units is read that could be missing"),
    (lambda: Nearest(on=("x",), replace=True, order="smallest"), "order: with replace: true nobody waits for another"),
    (lambda: MatchedDiD(averaged_over="everyone"), "averaged_over goes with model: logit"),
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
    assert MatchedDiD(model="logit", averaged_over="everyone").averaged_over == "everyone"
    assert Nearest(on=("x",), distance="x", order="smallest").takes_turns == "smallest"
