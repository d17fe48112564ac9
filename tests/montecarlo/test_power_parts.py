"""Diagnosands, minimum detectable effects, sweeps and words, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

import sos_eval as se
from sos_eval.errors import Faults, InputFault
from sos_eval.estimators import TWFE
from sos_eval.montecarlo.diagnosands import DIAGNOSANDS, RowDraws, diagnose, jackknife_error
from sos_eval.montecarlo.mdes import _crossing, by_interpolation, by_shift, normal_mdes
from sos_eval.montecarlo.sweep import combinations, parse_sweeps, sound_sweeps, split_key, swept_text
from sos_eval.montecarlo.words import article, chances
from sos_eval.montecarlo.workers import _some
from tests.worlds.tiny import tiny


def _five() -> RowDraws:
    """Truth -2; estimates -1, -4, 1, -3 and a failure; intervals +-1.5; p says reject for the -4, 1 and -3."""
    estimate = np.array([-1.0, -4.0, 1.0, -3.0, np.nan])
    return RowDraws(
        estimate=estimate, std_error=np.array([1, 1, 1, 1, np.nan]), conf_low=estimate - 1.5, conf_high=estimate + 1.5,
        p_value=np.array([0.3, 0.01, 0.04, 0.05, np.nan]), true_effect=np.full(5, -2.0), level=0.95,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("true_effect", -2.0),
        ("mean_estimate", -7 / 4),
        ("bias", (1 - 2 + 3 - 1) / 4),
        ("rmse", np.sqrt((1 + 4 + 9 + 1) / 4)),
        ("sd_estimate", np.std([1, -2, 3, -1], ddof=1)),
        ("coverage", 2 / 4),  # -1 and -3 hold -2; -4 reaches -2.5, 1 reaches -0.5
        ("power", 3 / 5),  # the failure stays in the denominator
        ("type_s", 1 / 3),
        ("type_m", (2 + 0.5 + 1.5) / 3),
    ],
)
def test_diagnosands_by_hand(name, expected):
    assert DIAGNOSANDS[name](_five()) == pytest.approx(expected)


def test_monte_carlo_errors():
    found = diagnose(_five(), DIAGNOSANDS)
    assert found["power_mcse"] == pytest.approx(np.sqrt(0.6 * 0.4 / 5))
    assert found["coverage_mcse"] == pytest.approx(np.sqrt(0.25 / 4))
    assert found["bias_mcse"] == pytest.approx(np.std([1, -2, 3, -1], ddof=1) / 2)


def test_the_jackknife_is_the_formula_for_a_mean():
    """With one draw a group it is exactly SD over root n."""
    draws = _five().without(np.arange(5) == 4)
    assert jackknife_error(DIAGNOSANDS["bias"], draws) == pytest.approx(np.std([1, -2, 3, -1], ddof=1) / 2)


def test_interpolation_by_hand():
    """Power 0.5 at 1 and Phi(1) at 2: linear in the normal score, 80% is reached at 1 + 0.8416."""
    share = np.array([0.05, 0.5, 0.841344746])
    one = by_interpolation(np.array([0.0, -1, -2]), share, np.full(3, 1e6), 0.8, np.random.default_rng(1))
    assert one.mdes == pytest.approx(1.8416, abs=1e-4)
    assert one.low < one.mdes < one.high
    assert one.high - one.low < 0.02


@pytest.mark.parametrize(
    ("effects", "share", "said"),
    [
        ([-1.0, -2.0], [0.1, 0.3], "power is below 0.8 at every simulated effect: simulate larger ones"),
        ([-1.0, -2.0], [0.9, 0.95], "power is above 0.8 at every simulated effect: simulate smaller ones"),
        ([1.0, -2.0], [0.5, 0.95], "effects of both signs"),
    ],
)
def test_interpolation_says_why_it_cannot(effects, share, said):
    one = by_interpolation(np.array(effects), np.array(share), np.full(2, 100.0), 0.8, np.random.default_rng(1))
    assert np.isnan(one.mdes)
    assert said in one.reason


def test_an_end_of_the_interval_that_no_effect_reaches_is_empty_with_a_reason():
    """41 of 50 reject at the largest effect, so that many a study of 50 would have stayed below 80%."""
    share = np.array([0.3, 0.6, 0.82])
    one = by_interpolation(-np.arange(1.0, 4), share, np.full(3, 50.0), 0.8, np.random.default_rng(1))
    assert 2 < one.mdes < 3
    assert 1 < one.low < one.mdes
    assert np.isnan(one.high)
    assert one.reason == "interval: upper end above every simulated effect: simulate larger ones"
    one = by_interpolation(-np.arange(1.0, 3), np.array([0.78, 1]), np.full(2, 50.0), 0.8, np.random.default_rng(1))
    assert np.isnan(one.low)
    assert one.reason == "interval: lower end below every simulated effect: simulate smaller ones"


def test_draws_that_effects_share_are_drawn_again_together():
    """Two effects whose draws reject alike are one: the interval is as wide as that of their common share."""
    rng = np.random.default_rng(2)
    first = rng.random(1000) < 0.7
    second = first | (rng.random(1000) < 0.5)
    rejects = np.array([first, second])
    effects, n = np.array([-1.0, -1.1]), np.full(2, 1000.0)
    alone, together = (
        by_interpolation(effects, rejects.mean(1), n, 0.8, np.random.default_rng(1), one) for one in (None, rejects)
    )
    slope = np.diff(ndtri(rejects.mean(1)))[0] / 0.1
    score = ndtri(0.8)
    way = (score - ndtri(first.mean())) / np.diff(ndtri(rejects.mean(1)))[0]
    density = norm.pdf(ndtri(rejects.mean(1)))
    weights = np.array([1 - way, way]) / density / slope
    exact = np.sqrt(weights @ np.cov(rejects.astype(float)) @ weights / 1000)
    assert together.mdes == alone.mdes
    assert (together.high - together.low) / (2 * 1.96) == pytest.approx(exact, rel=0.08)
    assert (alone.high - alone.low) < 0.9 * (together.high - together.low)


def test_effects_without_a_power_are_left_out():
    effects, share = np.array([0.0, -1, np.nan, -2]), np.array([0.05, 0.5, np.nan, 0.841344746])
    one = by_interpolation(effects, share, np.full(4, 1e6), 0.8, np.random.default_rng(1))
    assert one.mdes == pytest.approx(1.8416, abs=1e-4)
    none = by_interpolation(np.full(2, np.nan), np.full(2, np.nan), np.ones(2), 0.8, np.random.default_rng(1))
    assert "simulate larger ones" in none.reason


def test_shift_is_the_formula_for_normal_estimates():
    rng = np.random.default_rng(1)
    error = rng.standard_normal(20_000)
    draws = RowDraws(
        error - 1,
        np.ones(20_000),
        error - 1 - 1.959964,
        error - 1 + 1.959964,
        np.ones(20_000),
        np.full(20_000, -1.0),
        0.95,
    )
    one = by_shift(draws, 0.8)
    assert one.low < normal_mdes(1.0, 0.8, 0.95) < one.high
    assert one.high - one.low < 0.08


def test_sweeps_are_read_as_yaml():
    given = ["world.effect.size=-1,-2.5", "design.comparison.method=none,nearest", "world.x={2013: 1, 2015: 2},null"]
    faults = Faults(InputFault)
    assert parse_sweeps(given, faults) == {
        "world.effect.size": [-1, -2.5],
        "design.comparison.method": ["none", "nearest"],
        "world.x": [{2013: 1, 2015: 2}, None],
    }
    assert not faults.found
    assert [swept_text(value) for value in (-1, "none", {2013: 1, 2015: 2}, ["a"], None)] == [
        -1, "none", "{2013: 1, 2015: 2}", "[a]", "left out",
    ]  # fmt: skip
    assert len(combinations({"world.a": [1, 2], "world.b": [1, 2, 3]})) == 6
    assert split_key({"world.effect.size": 1, "design.seed": 2}, "design") == {"seed": 2}


def test_wrong_sweeps_are_said_together():
    faults = Faults(InputFault)
    read = parse_sweeps(["effect.size=1", "world.effect.size", "world.a=1", "world.a=2", "world.b=[1"], faults)
    assert sound_sweeps(read, faults) == {"world.a": [1]}
    said = [str(fault) for fault in faults.found]
    assert "no values" in said[0]
    assert "is swept twice" in said[1]
    assert "'[1' is no list of values" in said[2]
    assert "effect.size: is a key of neither world nor design; write world.effect.size or design.effect.size" in said[3]


def test_a_mapping_is_swept_and_told_apart(tmp_path):
    """Values that are no numbers stand in the tables and sentences as text."""
    sweep = {"world.adoption.cohorts": [{2013: 1}, {2013: 1, 2015: 1}], "world.effect.fidelity": [None, {"mean": 0.5}]}
    done = se.power(TWFE(), tiny(), reps=4, sweep=sweep, out=tmp_path / "o")
    assert set(done.summary["world.effect.fidelity"]) == {"left out", "{mean: 0.5}"}
    assert len(done.sentences) == len(set(done.sentences)) == 4
    assert "(world.adoption.cohorts {2013: 1}, world.effect.fidelity left out)" in done.sentences[0]


@pytest.mark.parametrize(("size", "said"), [("11%", "an"), ("8%", "an"), ("80%", "an"), ("18%", "an"), ("1.1", "a"),
                                            ("8.25", "an"), ("110%", "a"), ("15%", "a"), ("800%", "a")])  # fmt: skip
def test_a_or_an(size, said):
    assert article(size) == said


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.76, "three times in four"),
        (0.52, "half of the time"),
        (0.001, "practically never"),
        (0.05, "one time in twenty"),
        (0.07, "one time in fourteen"),
        (0.93, "thirteen times in fourteen"),
        (0.98, "49 times in 50"),
        (0.3, "one time in three"),
        (0.999, "practically always"),
        (0.36, "one time in three"),
        (0.02, "one time in 50"),
        (0.8, "four times in five"),
    ],
)
def test_chances_in_words(share, words):
    assert chances(share) == words


def test_taking_some_tasks_loses_none():
    waiting = iter([1, 2, 3])
    assert _some(waiting, 2) == [1, 2]
    assert _some(waiting, 2) == [3]
    assert _some(waiting, 2) == []


def test_power_that_falls_with_the_effect_is_pooled_before_the_target_is_looked_for():
    # Pooled by hand: 0.5 of 100 draws and 0.2 of 200 become 90 of 300 rejections, 0.3; the rest rises already. The
    # target lies between the effects 3 and 4, on the straight line between the scores of 0.3 and 0.9.
    effects, power = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.5, 0.2, 0.9])
    got = _crossing(effects, power, np.array([100.0, 100, 200, 100]), 0.8)
    low, goal, high = ndtri((0.3, 0.8, 0.9))
    assert got == pytest.approx(3 + (goal - low) / (high - low), rel=1e-12)


ALL_UNITS = """\
schema: sos-eval/design/1
name: all-units
panel:
  {source: csv, path: none.csv, unit: la_code, time: year, year_convention: ends_march, covariates: [idaci],
   outcome: {count: care_entries, exposure: children_0_17, per: 10000}, measured: {idaci: 2010},
   treatment: {first_treated: first_treated, untreated_means: never}}
comparison: {method: ipw, on: [idaci], estimand: ate}
estimators: [{id: base, method: twfe, covariates: []}]
inference: [analytic]
"""


@pytest.mark.parametrize("size", [0.0, -2.0])
def test_of_effects_on_others_than_the_treated_the_truth_is_known_where_there_is_none(tmp_path, size):
    """A world knows what starting does to those that start; weights for all units (ate) ask for more."""
    world = se.load_world("synthetic/england.yaml")
    world = replace(world, effect=replace(world.effect, size=size))
    (tmp_path / "d.yaml").write_text(ALL_UNITS, encoding="utf-8")
    study = se.power(se.load_design(tmp_path / "d.yaml"), world, reps=20)
    row = study.summary.iloc[0]
    assert row["estimand"] == "ate"
    assert np.isfinite([row["mean_estimate"], row["power"]]).all()
    found = study.mdes.iloc[0]
    if size:
        assert np.isnan([row["true_effect"], row["bias"], row["coverage"], found["mdes"]]).all()
        assert "does not know the true effect" in found["reason"]
        assert any("how large it is is not known" in text for text in study.sentences)
    else:
        assert row["true_effect"] == 0
        assert row["bias"] == row["mean_estimate"]
        assert "true effect" not in found["reason"]
