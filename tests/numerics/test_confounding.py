"""Robustness values, bounds, E-values and Rosenbaum's bounds against stored results of R and by listing all lots."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from sos_eval.numerics.confounding import (
    adjusted_effect,
    benchmark_strength,
    coefficient,
    e_value,
    extreme_robustness_value,
    partial_r2,
    robustness_value,
)
from sos_eval.numerics.rosenbaum import MatchedTest, largest_gamma, m_scores, signed_rank
from tests.conftest import shared


def cases(*names):
    stored = json.loads(shared("reference", "sensitivity.json").read_text())
    found = {case["case_id"]: case for case in stored["cases"]}
    return [found[name] for name in names]


def regression(case):
    """Return outcome, regressors with the treatment first and the groups of columns by covariate."""
    left, right = case["spec"]["formula"].split(" ~ ")
    file = "darfur" if "darfur" in case["case_id"] else "matchit_lalonde"
    table = pd.read_csv(shared("reference", "data", f"{file}.csv"))
    names = right.split(" + ")
    parts, groups, at = [], {}, 0
    for name in names:
        column = table[name]
        text = not pd.api.types.is_numeric_dtype(column)
        part = pd.get_dummies(column, drop_first=True).to_numpy(float) if text else column.to_numpy(float)[:, None]
        groups[name] = list(range(at, at + part.shape[1]))
        at += part.shape[1]
        parts.append(part)
    x = np.column_stack([*parts, np.ones(len(table))])
    return table[left].to_numpy(float), x, groups


@pytest.mark.reference
@pytest.mark.parametrize("name", ["darfur_female", "darfur_q50_alpha10", "darfur_group", "lalonde_re75"])
def test_robustness_values_and_bounds_are_those_of_sensemakr(name):
    [case] = cases(name)
    spec, stored = case["spec"], case["values"]
    y, x, groups = regression(case)
    ones = np.ones(len(y))
    found = coefficient(y, x, ones)
    assert found.estimate == pytest.approx(stored["estimate"], rel=1e-8)
    assert found.std_error == pytest.approx(stored["se"], rel=1e-8)
    assert found.df == stored["dof"]
    assert found.partial_r2 == pytest.approx(stored["r2yd_x"], rel=1e-8)
    q, alpha = spec["q"], spec["alpha"]
    assert robustness_value(found.t, found.df, q) == pytest.approx(stored["rv_q"], rel=1e-8)
    assert robustness_value(found.t, found.df, q, alpha) == pytest.approx(stored["rv_qa"], rel=1e-8)
    if "xrv" in stored:
        assert extreme_robustness_value(found.t, found.df, q, alpha) == pytest.approx(stored["xrv"], rel=1e-8)
    benchmarks = spec["benchmark"]
    named = benchmarks if isinstance(benchmarks, dict) else {one: [one] for one in benchmarks}
    rows = [(members, times) for members in named.values() for times in spec["kd"]]
    for bound, (members, times) in zip(stored["bounds"], rows, strict=True):
        group = [at for member in members for at in groups[member]]
        without_treatment = [at - 1 for at in group]
        treated = partial_r2(x[:, 0], x[:, 1:], ones, without_treatment)
        outcome = partial_r2(y, x, ones, group)
        strength = benchmark_strength(treated, outcome, times)
        assert strength == pytest.approx((bound["r2dz_x"], bound["r2yz_dx"]), rel=1e-7)
        left = adjusted_effect(found, *strength, level=1 - alpha)
        assert left.estimate == pytest.approx(bound["adjusted_estimate"], rel=1e-7)
        assert left.std_error == pytest.approx(bound["adjusted_se"], rel=1e-7)
        assert (left.conf_low, left.conf_high) == pytest.approx((bound["ci_low"], bound["ci_high"]), rel=1e-6)


def test_published_example():
    """Cinelli and Hazlett (2020), section 5: 13.9% from the printed estimate and error."""
    assert robustness_value(0.0973158 / 0.0232565, 783) == pytest.approx(0.139, abs=5e-4)


def test_a_cause_as_strong_as_the_robustness_value_leaves_nothing():
    found = coefficient(*_eight())
    strength = robustness_value(found.t, found.df)
    assert adjusted_effect(found, strength, strength).estimate == pytest.approx(0, abs=1e-12)
    alpha = robustness_value(found.t, found.df, alpha=0.05)
    assert alpha < strength


def _eight():
    """Four treated of eight: means 6 and 2, residuals of plus and minus one; by hand the error is sqrt(8/6/2)."""
    y = np.array([7.0, 5, 7, 5, 3, 1, 3, 1])
    x = np.column_stack([[1.0] * 4 + [0.0] * 4, np.ones(8)])
    return y, x, np.ones(8)


def test_eight_units_by_hand():
    found = coefficient(*_eight())
    assert (found.estimate, found.df) == (pytest.approx(4), 6)
    assert found.std_error == pytest.approx(np.sqrt(8 / 6 / 2))
    f = 4 / np.sqrt(8 / 6 / 2) / np.sqrt(6)
    assert robustness_value(found.t, 6) == pytest.approx((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


def test_no_cause_is_stronger_than_can_be():
    assert np.isnan(benchmark_strength(0.4, 0.1, 2.0)[0])
    assert np.isnan(benchmark_strength(0.1, 0.6, 3.0)[1])
    assert robustness_value(1.0, 50, alpha=0.05) == 0.0


@pytest.mark.reference
@pytest.mark.parametrize("name", ["rr_2_ci", "rr_protective", "rr_protective_crosses", "rr_true_1.2"])
def test_e_values_are_those_of_the_package(name):
    [case] = cases(name)
    spec, stored = case["spec"], case["values"]["e_value"]
    true = spec.get("true", 1.0)
    assert e_value(spec["est"], true) == pytest.approx(stored["point"], rel=1e-10)
    side = "lower" if spec["est"] > true else "upper"
    limit = spec["lo"] if side == "lower" else spec["hi"]
    crosses = spec["lo"] <= true <= spec["hi"]
    assert (1.0 if crosses else e_value(limit, true)) == pytest.approx(stored[side], rel=1e-10)


@pytest.mark.reference
def test_signed_rank_bounds_are_those_of_rbounds():
    [case] = cases("lead_pairs")
    spec, stored = case["spec"], case["values"]
    test = signed_rank(np.array(spec["x"], float) - np.array(spec["y"], float))
    assert sum(one[0] for one in test.scores) == stored["statistic"]
    found = [test.p_value(gamma) for gamma in spec["gamma"]]
    assert found == pytest.approx(stored["p_upper"], abs=1e-8)
    assert test.p_value(largest_gamma(test, 0.05)) == pytest.approx(0.05, abs=1e-8)


def test_six_pairs_by_hand():
    """Six pairs that all speak for an effect: p is (gamma / (1 + gamma))^6, which is .05 at odds of 1.5439."""
    test = signed_rank(np.array([1.0, 2, 3, 4, 5, 6]))
    assert test.exact
    assert test.p_value(2.0) == pytest.approx((2 / 3) ** 6)
    chance = 0.05 ** (1 / 6)
    assert largest_gamma(test, 0.05) == pytest.approx(chance / (1 - chance))


@pytest.mark.parametrize("differences", [[3.0, 1, -2, 5, 4, 2, 2], [0.5, -0.5, 2, 2, 3, -1]])
def test_pairs_are_those_of_listing_every_way_to_fall(differences):
    test, gamma = signed_rank(np.array(differences)), 1.7
    observed = sum(one[0] for one in test.scores)
    p = 0.0
    for fell in itertools.product([True, False], repeat=len(test.scores)):
        reached = sum((max if high else min)(one) for high, one in zip(fell, test.scores, strict=True)) >= observed
        p += reached * gamma ** sum(fell) / (1 + gamma) ** len(fell)
    assert test.p_value(gamma) == pytest.approx(p)
    assert not signed_rank(np.arange(1.0, 22.0)).exact
    assert signed_rank(np.arange(1.0, 21.0)).exact


def test_worst_chances_of_a_set_are_the_worst_of_all_allotments():
    """Mean and variance of a set of four against every allotment of the higher odds."""
    scores, gamma = np.array([0.9, -0.4, 0.1, -0.6]), 2.0
    best = (-np.inf, 0.0)
    for high in itertools.product([0, 1], repeat=4):
        chance = np.where(high, gamma, 1.0) / np.where(high, gamma, 1.0).sum()
        mean = chance @ scores
        best = max(best, (float(mean), float(chance @ scores**2 - mean**2)))
    statistic = scores[0]
    from scipy.stats import norm

    expected = norm.sf((statistic - best[0]) / np.sqrt(best[1]))
    assert MatchedTest((tuple(scores),)).p_value(gamma) == pytest.approx(expected)


def test_m_scores_of_pairs_and_triples_by_hand():
    test = m_scores([np.array([3.0, 1.0]), np.array([5.0, 4.0, 2.0])])
    assert test.scores[0] == (1.0, -1.0)
    assert test.scores[1] == pytest.approx(((0.5 + 1.5) / 2, (-0.5 + 1) / 2, (-1.5 - 1) / 2))
    assert m_scores([np.array([1.0, 1.0])]).scores == ()


def test_at_equal_odds_the_m_test_is_that_of_permuting_within_sets():
    rng = np.random.default_rng(5)
    sets = [np.r_[rng.normal(1.0), rng.normal(size=2)] for _ in range(8)]
    test = m_scores(sets)
    lots = np.array([sum(chosen) for chosen in itertools.product(*test.scores)])
    statistic = sum(one[0] for one in test.scores)
    assert test.p_value(1.0) == pytest.approx(np.mean(lots >= statistic - 1e-12), abs=0.02)


def test_nothing_found_at_equal_odds_has_no_gamma():
    assert np.isnan(largest_gamma(signed_rank(np.array([1.0, -1.1, 0.9, -1.2])), 0.05))
