"""The exact engine against BCEA and dampack, by hand, and by its own properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.economics.ceac import sweep, tail_quantile
from sos_eval.economics.icers import incremental, quadrant, versus
from sos_eval.economics.model.psa import samples
from sos_eval.economics.tables import exact_tables
from sos_eval.errors import DataFault
from tests.economics.reference import RTOL, case, data, dotted, expected, numbers

CASES = ("vaccine", "smoking", "psa_cdiff")


def swept(name):
    psa, want = case(name), expected(f"{name}_cea")
    ref = psa.position(want["ref"])
    return psa, want, ref, sweep(psa.effects, psa.costs, np.array(want["k"], float), ref)


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_net_benefit_curves_agree_with_bcea(name):
    psa, want, ref, got = swept(name)
    for j, strategy in enumerate(psa.strategies):
        np.testing.assert_allclose(got.expected_nb[:, j], want["expected_nb"][strategy], rtol=RTOL)
        np.testing.assert_allclose(got.probability[:, j], want["prob_best_multi"][strategy], rtol=RTOL)
        if j == ref:
            continue
        # the reference stores reference minus other; ours is other minus reference
        np.testing.assert_allclose(-got.eib[:, j], want["eib_ref_minus_other"][strategy], rtol=RTOL, atol=1e-11)
        np.testing.assert_allclose(got.ib_sd[:, j], want["sd_ib"][strategy], rtol=RTOL)
        np.testing.assert_allclose(-got.ib_high[:, j], want["ib_q025"][strategy], rtol=RTOL, atol=1e-9)
        np.testing.assert_allclose(-got.ib_low[:, j], want["ib_q975"][strategy], rtol=RTOL, atol=1e-9)
        np.testing.assert_allclose(1 - got.beats[:, j], want["ceac_pairwise_ref_better_than"][strategy], rtol=RTOL)


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_best_strategy_frontier_and_evpi_agree_with_bcea(name):
    psa, want, _, got = swept(name)
    assert [psa.strategies[j] for j in got.best] == want["best_by_expected_nb"]
    np.testing.assert_allclose(got.frontier, want["ceaf"], rtol=RTOL)
    np.testing.assert_allclose(got.evpi, want["evpi_bcea"], rtol=RTOL, atol=1e-12)
    np.testing.assert_allclose(got.loss.min(1), got.evpi, rtol=1e-12, atol=1e-12)


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_means_and_icers_against_the_reference_agree(name):
    psa, want = case(name), expected(f"{name}_cea")
    ref = psa.position(want["ref"])
    frontier = incremental(psa.strategies, psa.costs.mean(0), psa.effects.mean(0))
    table = versus(psa.strategies, psa.effects, psa.costs, ref, frontier).set_index("strategy")
    for strategy, icer in want["icer_ref_vs"].items():
        row = table.loc[strategy]
        np.testing.assert_allclose(row["inc_cost"] / row["inc_effect"], icer, rtol=RTOL)
        np.testing.assert_allclose(-row["inc_effect"], want["delta_e_mean"][strategy], rtol=RTOL)
    np.testing.assert_allclose(psa.effects.std(0, ddof=1), list(want["sd_effect"].values()), rtol=RTOL)


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_dominance_table_agrees_with_dampack(name):
    psa, want = case(name), expected(f"{name}_cea")["icer_table"]
    got = incremental(psa.strategies, psa.costs.mean(0), psa.effects.mean(0))
    names = list(got["strategy"])
    assert (dotted(names) if name != "psa_cdiff" else names) == want["Strategy"]
    assert list(got["status"]) == want["Status"]
    for ours, theirs in (("cost", "Cost"), ("inc_cost", "Inc_Cost"), ("inc_effect", "Inc_Effect"), ("icer", "ICER")):
        np.testing.assert_allclose(got[ours], numbers(want[theirs]), rtol=RTOL)


@pytest.mark.reference
def test_a_hundred_strategies_are_ranked_as_dampack_does():
    table, want = data("hund_strat.csv"), expected("hund_strat_icers")
    got = incremental([str(s) for s in table["Strategy"]], table["Cost"].to_numpy(), table["QALYs"].to_numpy())
    assert list(got["strategy"]) == want["Strategy"]
    assert list(got["status"]) == want["Status"]
    np.testing.assert_allclose(got["icer"], numbers(want["ICER"]), rtol=RTOL)


def test_dominance_by_hand():
    # A (0, 0), B (10, 1): 10 a unit; C (30, 2): 20 a unit; D (28, 1.5): 36 a unit, then C at 4: extendedly
    # dominated; E (11, 1): dearer than B, no better: dominated
    got = incremental(list("ABCDE"), np.array([0, 10, 30, 28, 11.0]), np.array([0, 1, 2, 1.5, 1]))
    assert list(got["strategy"]) == ["A", "B", "C", "D", "E"]
    assert list(got["status"]) == ["ND", "ND", "ND", "ED", "D"]
    assert list(got["icer"][1:3]) == [10, 20]
    assert got["icer"][[0, 3, 4]].isna().all()


def test_the_cheapest_can_be_dominated_only_by_an_equally_cheap_one():
    got = incremental(list("AB"), np.array([5.0, 5.0]), np.array([1.0, 2.0]))
    assert dict(zip(got["strategy"], got["status"], strict=True)) == {"A": "D", "B": "ND"}


def test_quadrants_are_words_and_a_negative_ratio_is_never_given():
    effects = np.array([[0, 1.0, -1.0, 0.0]] * 3)
    costs = np.array([[0, -5.0, 5.0, 2.0]] * 3)
    names = ["usual", "better", "worse", "same"]
    table = versus(names, effects, costs, 0, incremental(names, costs[0], effects[0])).set_index("strategy")
    assert table["icer"].isna().all()
    assert "dominates" in table.loc["better", "quadrant"]
    assert "dominated by" in table.loc["worse", "quadrant"]
    assert "zero" in table.loc["same", "reason"]
    assert quadrant(-3.0, -1.0) == "less effective and less costly"


def test_a_ratio_against_the_comparator_is_only_the_next_one_on_the_frontier():
    # As in the table by hand: B follows A; C follows B; D is extendedly dominated, E dominated
    names, cost, effect = list("ABCDE"), np.array([0, 10, 30, 28, 11.0]), np.array([0, 1, 2, 1.5, 1])
    table = versus(names, effect[None], cost[None], 0, incremental(names, cost, effect)).set_index("strategy")
    assert table.loc["B", "icer"] == 10
    assert table["icer"].drop("B").isna().all()
    assert table.loc["C", "reason"] == "it follows B on the frontier: incremental.csv has the ratio"
    assert table.loc["D", "reason"] == "extendedly dominated: no ratio"
    assert table.loc["E", "reason"] == "dominated: no ratio"


def test_sweep_by_hand():
    # four draws, two strategies; at 10 a unit the increments of B over A are 10*e - c = 5, -5, 15, 1
    effects = np.array([[0, 1.0], [0, 0.0], [0, 2.0], [0, 0.5]])
    costs = np.array([[0, 5.0], [0, 5.0], [0, 5.0], [0, 4.0]])
    got = sweep(effects, costs, np.array([10.0]), 0)
    assert got.eib[0, 1] == 4  # (5 - 5 + 15 + 1) / 4
    assert got.beats[0, 1] == got.frontier[0] == 0.75
    assert got.evpi[0] == 1.25  # mean of max(5, 0, 15, 1) is 5.25, less 4
    assert list(got.loss[0]) == [5.25, 1.25]


def test_ties_go_to_the_first_listed_and_probabilities_sum_to_one():
    effects, costs = np.zeros((5, 3)), np.array([[1.0, 1, 2]] * 5)
    got = sweep(effects, costs, np.array([0.0, 7.0]), 0)
    assert got.probability.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_tail_quantile_is_numpys_on_every_threshold():
    rng = np.random.default_rng(1)
    e, c = rng.standard_normal(3001), rng.gamma(2, 3, 3001)
    lam = np.sort(rng.uniform(0, 50, 77))
    for p in (0.0, 0.025, 0.05, 0.25):
        want = np.quantile(lam[:, None] * e - c, p, axis=1)
        np.testing.assert_allclose(tail_quantile(e, c, lam, p), want, rtol=1e-12)


def test_order_of_strategies_and_draws_changes_nothing():
    rng = np.random.default_rng(2)
    e, c = rng.normal(size=(400, 4)), rng.normal(size=(400, 4))
    lam, flip, rows = np.linspace(0, 3, 31), [2, 0, 3, 1], rng.permutation(400)
    one, two = sweep(e, c, lam, 0), sweep(e[rows][:, flip], c[rows][:, flip], lam, 1)
    np.testing.assert_allclose(one.evpi, two.evpi, rtol=1e-12)
    np.testing.assert_allclose(one.probability[:, flip], two.probability)
    np.testing.assert_allclose(one.ib_low[:, flip], two.ib_low, rtol=1e-9, atol=1e-12)


def test_inhb_is_empty_at_a_threshold_of_zero():
    psa = samples(pd.DataFrame({"a": [0.0, 0], "b": [1.0, 2]}), pd.DataFrame({"a": [0.0, 0], "b": [1.0, 1]}))
    tables = exact_tables(psa, sweep(psa.effects, psa.costs, np.array([0.0, 10.0]), 0), 0)
    assert np.isnan(tables["pairwise"]["inhb"][0])
    assert tables["pairwise"]["inhb"][1] == pytest.approx(1.4)
    assert list(tables["pairwise"].columns[:4]) == ["threshold", "strategy", "eib", "prob_cost_effective"]
    assert list(tables["ceac"].columns) == ["threshold", "strategy", "probability"]


def faults_of(effects, costs, params=None):
    with pytest.raises(DataFault) as caught:
        samples(pd.DataFrame(effects), pd.DataFrame(costs), None if params is None else pd.DataFrame(params))
    return str(caught.value)


def test_bad_draws_are_refused_all_at_once():
    text = faults_of({"a": [0.0, 1, np.nan], "b": [1, 2, 3]}, {"a": [0.0, 1], "b": ["x", 2]}, {"p": [1, 2, np.inf]})
    assert "effects 3, costs 2, params 3" in text
    assert '"a" has 1 draws that are empty or not finite numbers (draw 3)' in text
    assert '"b" has 1 draws' in text
    assert '"p" has 1 draws' in text


def test_other_or_identical_strategies_are_refused():
    assert "different strategies: b (effects only), c (costs only)" in faults_of(
        {"a": [0], "b": [1]}, {"a": [0], "c": [1]}
    )
    assert 'strategies "a" and "b" are identical' in faults_of({"a": [1, 2], "b": [1, 2]}, {"a": [3, 4], "b": [3, 4]})
    assert "one strategy is no comparison" in faults_of({"a": [1]}, {"a": [1]})


def test_costs_are_put_in_the_order_of_the_effects():
    psa = samples(pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"b": [20.0], "a": [10.0]}))
    assert psa.costs.tolist() == [[10, 20]]
