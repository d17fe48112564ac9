"""What a graph implies, tested on units; what may move trends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.numerics.partial import partial_correlation
from sos_eval.panel.tabular import from_frame
from sos_eval.theory.implications import held_against, implications, values_of
from sos_eval.theory.programme import ProgrammeTheory, TheoryNode
from sos_eval.theory.trends import movers
from tests.theory import brute

CHAIN = ProgrammeTheory(
    edges=(("need", "practice"), ("need", "outcome"), ("practice", "trust"), ("trust", "outcome"), ("place", "need")),
    columns={"need": "need", "place": "place"},
    nodes={name: TheoryNode(constant=name == "place", needs="a survey of parents" if name == "trust" else "")
           for name in ("need", "trust", "place")},
)  # fmt: skip


def test_every_implication_holds_in_the_graph():
    rng = np.random.default_rng(3)
    for _ in range(60):
        edges, measured = brute.random_graph(rng)
        theory = ProgrammeTheory(edges=tuple(edges), columns={name: name for name in measured if name[0] == "x"})
        beside = {frozenset(edge) for edge in edges}
        found = implications(theory)
        assert len(found) == len(theory.graph.nodes) * (len(theory.graph.nodes) - 1) // 2 - len(beside)
        for one in found:
            assert brute.separated(edges, one.left, one.right, one.given)
            assert set(one.unmeasured) == {one.left, one.right, *one.given} - set(measured)


def test_measured_ones_stand_first_and_the_rest_say_what_they_need():
    found = [(one.left, one.right, one.given, one.unmeasured) for one in implications(CHAIN)]
    assert found[0] == ("practice", "place", ("need",), ())
    assert ("practice", "outcome", ("need", "trust"), ("trust",)) in found


def frame(seed, leak):
    """A hundred units over four periods; practice starts in the third, by need, and by place where it leaks."""
    rng = np.random.default_rng(seed)
    place = rng.standard_normal(100)
    need = place + rng.standard_normal(100)
    starts = np.where(need + leak * place + rng.standard_normal(100) > 0.5, 2002, 9999)
    rows = [
        {"unit": i, "time": 2000 + t, "start": starts[i] if starts[i] < 9999 else np.inf, "need": need[i],
         "place": place[i], "y": need[i] - (t >= 2) * (starts[i] == 2002) + rng.standard_normal()}
        for i in range(100) for t in range(4)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(seed=0, leak=0.0):
    columns = {"unit": "unit", "time": "time", "outcome": "y", "first_treated": "start"}
    return from_frame(frame(seed, leak), **columns, covariates=("need", "place"))


def test_values_are_means_before_the_start_and_after_it():
    one = panel()
    values, table = values_of(CHAIN, one), frame(0, 0.0)
    late = table[table["time"] >= 2002].groupby("unit")["y"].mean()
    order = [int(unit) for unit in one.units]
    np.testing.assert_allclose(values["outcome"], late.loc[order])
    np.testing.assert_allclose(values["need"], table.groupby("unit")["need"].first().loc[order])
    assert set(values["practice"]) == {0.0, 1.0}


def test_one_that_does_not_hold_is_contradicted_and_others_not():
    sound, broken = held_against(CHAIN, panel()), held_against(CHAIN, panel(leak=3.0))
    pair = (sound["left"] == "practice") & (sound["right"] == "place")
    assert sound.loc[pair, "p_adjusted"].item() > 0.05
    assert broken.loc[pair, "p_adjusted"].item() < 0.001
    assert "not measured: needs a survey of parents" in set(sound["reason"])


def test_adjusted_p_holds_the_rate_of_false_contradictions():
    """Of 200 panels that the theory is true of, at most about one in twenty is contradicted anywhere."""
    rng_hits = [float(np.nanmin(held_against(CHAIN, panel(seed))["p_adjusted"])) < 0.05 for seed in range(200)]
    assert sum(rng_hits) <= 19  # 10 expected, 3 errors


def test_words_and_people_are_not_tested():
    one = panel()
    words = one.with_columns(place=one.frame["place"].gt(0).map({True: "north", False: "south"}))
    assert "place holds words: needs numbers" in set(held_against(CHAIN, words)["reason"])
    people = replace(one, layout="cross_sections")
    assert set(held_against(CHAIN, people)["reason"].str[:5]) == {"rows ", "not m"}


def test_partial_correlation_is_that_of_the_inverse_covariance():
    rng = np.random.default_rng(1)
    data = rng.standard_normal((30, 4)) @ rng.standard_normal((4, 4))
    inverse = np.linalg.inv(np.cov(data.T))
    found = partial_correlation(data[:, 0], data[:, 1], data[:, 2:])
    assert found.r == pytest.approx(-inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1]), abs=1e-12)
    assert found.df == 26
    import statsmodels.api as sm

    fit = sm.OLS(data[:, 1], sm.add_constant(np.column_stack([data[:, 0], data[:, 2:]]))).fit()
    assert found.p == pytest.approx(fit.pvalues[1], abs=1e-12)


def test_a_column_of_which_nothing_is_left_has_no_correlation():
    rng = np.random.default_rng(2)
    x = rng.standard_normal(20)
    assert np.isnan(partial_correlation(x, rng.standard_normal(20), x[:, None]).r)
    assert partial_correlation(x, 2 * x, np.empty((20, 0))).p == 0.0


def test_what_may_move_trends():
    table = movers(CHAIN, ("need",)).set_index("node")
    assert list(table.index) == ["need", "place"]
    assert table.loc["need", "says"] == "changes over time and may move trends; adjusted for"
    assert table.loc["place", "says"].startswith("its level drops out of changes")
