"""Scenarios with draws of their own, against closed forms."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from sos_eval.economics.scenario_draws import scenario_draws
from sos_eval.economics.scenarios import scenario_models
from sos_eval.numerics.random import stream
from tests.economics.test_model import SHORTER, prepared


def table(**changes):
    ready = prepared(psa={"draws": 40_000, "seed": 1}, **changes)
    found = scenario_draws(ready, scenario_models(ready), partial(stream, 1))
    return found.set_index(["scenario", "strategy"])


def test_each_scenario_has_the_mean_interval_and_probability_of_its_own_normal():
    # Entries averted a year are normal, 2 with error 0.5; each saves 11,200 (30 weeks: 2 x 30 x 100 = 6,000) and is two
    # units of effect at 1,000; the programme costs 60,000. Net benefit: averted x 13,200 - 60,000, or x 8,000.
    rows = table()
    for name, unit in (("base case", 13_200), ("shorter stay", 8_000)):
        row = rows.loc[(name, "Programme")]
        mean, error = 2 * unit - 60_000, 0.5 * unit
        mc = error / np.sqrt(40_000)
        assert row["incremental_net_benefit"] == pytest.approx(mean, abs=4 * mc)
        assert row["incremental_net_benefit_low"] == pytest.approx(mean - 1.96 * error, abs=12 * mc)
        assert row["incremental_net_benefit_high"] == pytest.approx(mean + 1.96 * error, abs=12 * mc)
        assert row["prob_best_of_all"] == pytest.approx(norm.cdf(mean / error), abs=0.002)
        assert row["best"] == "usual"
        assert rows.loc[(name, "usual"), "prob_best_of_all"] + row["prob_best_of_all"] == pytest.approx(1)
    # averted is 4.545 or more at break-even with the longer stay: the probability is that of a normal beyond 5.1 errors


def test_a_cheaper_programme_is_best_so_often_as_the_normal_says():
    cheap = {"name": "cheap", "change": {"implementation.licence.amount": 13_000}}
    row = table(scenarios=[SHORTER, cheap]).loc[("cheap", "Programme")]
    # 13,200 x averted - 26,000: 400 on average, with error 6,600
    assert row["prob_best_of_all"] == pytest.approx(norm.cdf(400 / 6_600), abs=0.01)
    assert row["best"] == "Programme"


def test_random_numbers_are_common_and_without_a_threshold_nothing_is_said_at_one():
    same = {"name": "same", "change": {"frame.perspective": "societal"}}
    rows = table(scenarios=[SHORTER, same], decision_threshold=None)
    assert rows.loc[("same", "Programme"), "inc_cost"] == rows.loc[("base case", "Programme"), "inc_cost"]
    assert rows[["incremental_net_benefit", "prob_best_of_all", "threshold"]].isna().all(axis=None)
    assert (rows["best"] == "").all()
