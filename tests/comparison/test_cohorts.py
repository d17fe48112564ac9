"""Cohorts by themselves: by hand on eight units, each on values before its own start."""

import numpy as np
import pytest

from sos_eval.comparison import DeclaredSets, Exact, Nearest, NoComparison, build
from sos_eval.comparison.build import Rebuilding
from sos_eval.comparison.regroup import group_weights
from sos_eval.errors import NotIdentified
from tests.comparison.panels import NEVER, panel_of

STARTS = [2013, 2013, 2014, *[NEVER] * 5]
#         2011 2012 2013 2014
OUTCOME = np.array([
    [10.0, 10, 90, 90],  # a: mean before 2013 10
    [20, 20, 90, 90],    # b: 20
    [30, 30, 60, 90],    # c: mean before 2014 40; before 2013 30
    [11, 11, 0, 0],      # d: 11 before 2013, 7.33 before 2014
    [19, 19, 0, 0],      # e: 19
    [30, 30, 0, 0],      # f: 30 before 2013, 20 before 2014
    [39, 39, 42, 0],     # g: 39, 40
    [80, 80, 80, 80],    # h
])  # fmt: skip
APART = Nearest(on=("outcome_pre",), distance="outcome_pre", cohorts="apart")


def eight(outcome=OUTCOME, **columns):
    return panel_of(list("abcdefgh"), [2011, 2012, 2013, 2014], STARTS, outcome, **columns)


def sets_of(found):
    donors = found.sets[found.sets["unit"] != found.sets["matched_set"]]
    return {name: list(rows["unit"]) for name, rows in donors.groupby("matched_set")}


def test_each_cohort_on_values_before_its_own_start():
    together = build(Nearest(on=("outcome_pre",), distance="outcome_pre"), eight())
    assert sets_of(together) == {"a": ["d"], "b": ["e"], "c": ["f"]}
    found = build(APART, eight())
    assert sets_of(found) == {"a": ["d"], "b": ["e"], "c": ["g"]}
    assert found.weights.tolist() == [1, 1, 1, 1, 1, 0, 1, 0]
    assert "each cohort was compared by itself" in found.notes[-1]
    assert found.panel.flow[-1].names == "f, h"
    after = found.balance.set_index(["stage", "covariate"])
    # stacked: treated 10, 20, 40; their donors 11, 19, 40
    assert after.loc[("after", "outcome_pre"), "mean_treated"] == pytest.approx(70 / 3)
    assert after.loc[("after", "outcome_pre"), "mean_comparison"] == pytest.approx(70 / 3)
    assert after.loc[("before", "outcome_pre"), "n_comparison"] == 5  # each in two lines, of two cohorts


def test_a_donor_of_several_cohorts_has_the_sum():
    kind = np.array(list("NNNNSSSS"), dtype=object)
    found = build(Exact(on=("kind",), cohorts="apart"), eight(kind=kind))
    # d serves a and b (2) and c (1); it alone is in use: scaled to one
    assert found.weights.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    halves = build(Exact(on=("kind",), cohorts="apart"), eight(kind=np.array(list("NNSNSSSS"), dtype=object)))
    # d 2; e f g h 1/4: sum 3, five in use
    np.testing.assert_allclose(halves.weights, [1, 1, 1, 10 / 3, *[5 / 12] * 4])
    assert set(halves.sets["matched_set"]) == {"2013/1", "2014/1"}
    after = halves.balance[halves.balance["stage"] == "after"].iloc[0]
    assert (after["n_comparison"], after["ess_comparison"]) == (5, pytest.approx(9 / (4 + 4 / 16)))


def test_nothing_measured_after_a_start_enters():
    noise = np.random.default_rng(2).normal(size=OUTCOME.shape) * 1e6
    own = np.array(STARTS)[:, None] <= np.array([2011, 2012, 2013, 2014])
    own |= np.arange(4) == 3  # nobody's outcome from the last start on
    one, other = build(APART, eight()), build(APART, eight(np.where(own, noise, OUTCOME)))
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.balance.equals(other.balance)


def test_permutations_build_each_cohort_again():
    panel = eight()
    starts = np.random.default_rng(1).permuted(np.broadcast_to(panel.first_treated, (12, 8)), axis=1)
    groups = group_weights(APART, panel, np.vstack([panel.first_treated, starts]))
    np.testing.assert_array_equal(groups.weights[0], build(APART, panel).weights)
    for adoption, weights in zip(starts, groups.weights[1:], strict=True):
        np.testing.assert_array_equal(weights, build(APART, panel.with_first_treated(adoption)).weights)
    assert list(Rebuilding(APART)(panel).units) == list("abcdeg")


def test_a_cohort_that_cannot_be_matched_is_named():
    kind = np.array(list("NNWNNSSS"), dtype=object)
    with pytest.raises(NotIdentified, match=r"no cell of all covariates holds .* \(cohort 2014\)"):
        build(Exact(on=("kind",), cohorts="apart"), eight(kind=kind))


def test_methods_that_are_the_same_for_every_cohort_refuse_to_split():
    for method in (NoComparison(cohorts="apart"), DeclaredSets(sets={"a": ("d",)}, cohorts="apart")):
        with pytest.raises(NotIdentified, match="is the same for every cohort"):
            build(method, eight())
