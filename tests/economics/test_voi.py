"""EVPPI, EVSI and population values: against voi's gam, closed forms, and their own bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from sos_eval.economics.ceac import sweep
from sos_eval.economics.declared_analysis import ProposedStudy
from sos_eval.economics.model.discount import factors, flat, named_schedule, population_total
from sos_eval.economics.model.psa import Samples
from sos_eval.economics.voi.basis import plan
from sos_eval.economics.voi.evppi import Evppi, _in_errors, evppi, evppi_table
from sos_eval.economics.voi.evsi import evsi, study_problems
from sos_eval.economics.voi.smooth import smooth
from tests.economics.reference import case, expected


def made(nb, x, cost=0.0):
    """Two strategies; the second has the given net benefit at a threshold of one."""
    zero = np.zeros(len(nb))
    names = tuple(f"x{i}" for i in range(x.shape[1]))
    return Samples(
        ("usual", "new"), np.column_stack([zero, nb]), np.column_stack([zero, np.full_like(zero, cost)]), x, names
    )


@pytest.mark.reference
@pytest.mark.parametrize("name", ["smoking", "vaccine"])
def test_evppi_agrees_with_gam_of_voi(name):
    psa, ref = case(name), expected(f"{name}_cea")["ref"]
    for key, want in expected(f"{name}_evppi").items():
        if not key.endswith("|gam"):
            continue
        lam = np.array(want["k"], float)
        exact = sweep(psa.effects, psa.costs, lam, psa.position(ref))
        pars = [want["pars"]] if isinstance(want["pars"], str) else want["pars"]
        got = evppi(psa, pars, lam, psa.position(ref), np.random.default_rng(1))
        # the tolerance: two of voi's standard errors, or 3% of the EVPI
        tolerance = np.maximum(2 * np.array(want["se"]), 0.03 * exact.evpi)
        assert (np.abs(got.smoothed - want["evppi"]) <= tolerance).all(), key  # voi takes no noise floor off
        assert np.isfinite(got.std_error).all()


def test_a_linear_parameter_has_its_closed_form():
    # NB = 0.2 + x + noise, x standard normal: E max(0, 0.2 + x) - 0.2 = phi(0.2) + 0.2 Phi(0.2) - 0.2
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20_000, 2))
    psa = made(0.2 + x[:, 0] + rng.standard_normal(20_000), x)
    got = evppi(psa, ["x0"], np.array([1.0]), 0, rng)
    want = norm.pdf(0.2) + 0.2 * norm.cdf(0.2) - 0.2
    assert abs(got.evppi[0] - want) < 3 * got.std_error[0]
    assert got.std_error[0] < 0.01


def test_an_interaction_is_not_lost():
    # NB = x0 * x1: each alone is worth nothing, both E|x0 x1| / 2 = 1 / pi
    rng = np.random.default_rng(4)
    x = rng.standard_normal((10_000, 3))
    psa = made(x[:, 0] * x[:, 1] + 0.1 * rng.standard_normal(10_000), x)
    alone, both, all3 = (evppi(psa, g, np.array([1.0]), 0, rng) for g in (["x0"], ["x0", "x1"], ["x0", "x1", "x2"]))
    assert alone.evppi[0] < 0.03
    for joint in (both, all3):
        assert abs(joint.evppi[0] - 1 / np.pi) < 3 * joint.std_error[0]


def test_what_does_not_matter_is_worth_nothing_within_its_error():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((5000, 1))
    got = evppi(made(rng.standard_normal(5000), x), ["x0"], np.array([1.0]), 0, rng)
    assert got.evppi[0] < 2 * got.std_error[0] + 0.01


def test_a_parameter_that_does_not_vary_is_known_already():
    rng = np.random.default_rng(6)
    got = evppi(made(rng.standard_normal(500), np.ones((500, 1))), ["x0"], np.array([1.0, 2.0]), 0, rng)
    assert got.evppi.tolist() == [0, 0]
    assert "do not vary" in got.note


def test_collinear_parameters_do_not_break_the_fit():
    rng = np.random.default_rng(7)
    one = rng.standard_normal((4000, 1))
    psa = made(one[:, 0] + rng.standard_normal(4000), np.hstack([one, 3 * one + 1]))
    single, both = (evppi(psa, g, np.array([1.0]), 0, rng) for g in (["x0"], ["x0", "x1"]))
    assert abs(single.evppi[0] - both.evppi[0]) < 0.02


def test_a_binary_parameter_is_fitted_by_its_two_means():
    rng = np.random.default_rng(8)
    x = rng.integers(0, 2, (6000, 1)).astype(float)
    nb = np.where(x[:, 0] == 1, 1.0, -1.2) + 0.2 * rng.standard_normal(6000)
    got = evppi(made(nb, x), ["x0"], np.array([1.0]), 0, rng)
    share = x.mean()
    want = share * nb[x[:, 0] == 1].mean() - max(nb.mean(), 0)
    assert got.evppi[0] == pytest.approx(want, rel=1e-4)


def test_bases_are_nested():
    x = np.random.default_rng(9).gamma(2, 1, (300, 3))
    small, large = plan(x[:, :2]).columns(x[:, :2]), plan(x).columns(x)
    fitted = large @ np.linalg.lstsq(large, small, rcond=None)[0]
    np.testing.assert_allclose(fitted, small, atol=1e-6)


def test_a_smooth_curve_is_followed_and_a_cheap_error_is_right():
    rng = np.random.default_rng(10)
    x = rng.uniform(-2, 2, (4000, 1))
    y = np.sin(2 * x) + 0.3 * rng.standard_normal((4000, 1))
    fit = smooth(x, y)
    inner = np.abs(x[:, 0]) < 1.8
    assert np.abs(fit.fitted(x) - np.sin(2 * x))[inner].max() < 0.06
    assert fit.residual_covariance[0, 0] == pytest.approx(0.09, rel=0.08)


def test_broken_bounds_are_reported_with_their_error_and_not_clipped():
    psa = made(np.array([1.0, -1.0, 0.5, -0.2]), np.arange(8.0).reshape(4, 2))
    swept = sweep(psa.effects, psa.costs, np.array([1.0]), 0)  # EVPI 0.375 - 0.075 = 0.3
    rest = (np.zeros(1), np.zeros(1), np.zeros(1, bool))
    part = Evppi(("a",), np.array([0.5]), np.array([0.05]), *rest)
    whole = Evppi(("a", "b"), np.array([0.2]), np.array([0.05]), *rest)
    table = evppi_table([part, whole], swept)
    assert table["evppi"].tolist() == [0.5, 0.2]
    assert "above the EVPI by 0.2" in table["note"][0]
    assert "below its part a by 0.3 (4.2 standard errors: more than chance)" in table["note"][1]
    assert table["parameters"].tolist() == ["a", "a+b"]


def normal_case(n=40_000):
    rng = np.random.default_rng(11)
    x = 0.3 + rng.standard_normal((n, 1))
    return made(x[:, 0], x)


def unit_loss(mean, sd):
    return norm.pdf(mean / sd) * sd + mean * norm.cdf(mean / sd) - max(mean, 0)


def test_evsi_has_its_closed_form_and_grows_towards_evppi():
    # NB = theta ~ N(0.3, 1), observations N(theta, 2): preposterior sd 1 / sqrt(1 + 4 / n)
    study = ProposedStudy("trial", "x0", (1, 10, 1000), sd=2.0, fixed_cost=5.0, cost_per_observation=0.1)
    table = evsi(normal_case(), [study], np.array([1.0]), 0, 100.0, lambda name: np.random.default_rng(1))
    want = [unit_loss(0.3, 1 / np.sqrt(1 + 4 / n)) for n in study.sizes]
    assert (np.abs(table["evsi"] - want) < 3 * table["std_error"]).all()
    assert table["evsi"].is_monotonic_increasing
    np.testing.assert_allclose(table["enbs"], 100 * table["evsi"] - [5.1, 6, 105])


@pytest.mark.parametrize(("measure", "words"), [("proportion", "outside 0 to 1"), ("rate", "negative draws")])
def test_a_study_that_cannot_be_simulated_says_why(measure, words):
    assert words in study_problems(ProposedStudy("s", "x0", (10,), measure=measure), normal_case(50))[0]
    with pytest.raises(ValueError, match="needs sd"):
        ProposedStudy("s", "x0", (10,))
    assert "no parameter" in study_problems(ProposedStudy("s", "zz", (10,), sd=1.0), normal_case(50))[0]


def test_green_book_schedule_steps_without_a_jump():
    d = factors(named_schedule("green_book_2003"), 130)
    assert d[0] == 1
    assert d[30] == pytest.approx(1.035**-30)
    assert d[31] == pytest.approx(1.035**-30 / 1.03)
    assert d[76] == pytest.approx(1.035**-30 * 1.03**-45 / 1.025)


def test_population_value_by_hand():
    # 100 decisions a year for three years at 10%: 100 + 90.909 + 82.645
    assert population_total(100, 3, flat(0.10)) == pytest.approx(273.5537, abs=1e-4)


def test_a_moderate_interaction_is_kept_where_an_additive_fit_loses_it(monkeypatch):
    # NB = -0.8 + x0 + x1 + 1.2 x0 x1: the truth by brute force on the function itself
    def function(x):
        return -0.8 + x[:, 0] + x[:, 1] + 1.2 * x[:, 0] * x[:, 1]

    rng = np.random.default_rng(12)
    truth = np.maximum(function(rng.standard_normal((2_000_000, 2))), 0).mean()
    x = rng.standard_normal((10_000, 2))
    psa = made(function(x) + rng.standard_normal(10_000), x)
    full = evppi(psa, ["x0", "x1"], np.array([1.0]), 0, rng)
    assert abs(full.evppi[0] - truth) < 3 * full.std_error[0]
    monkeypatch.setattr("sos_eval.economics.voi.smooth.plan", lambda x: replace(plan(x), pairs=(), triples=()))
    additive = evppi(psa, ["x0", "x1"], np.array([1.0]), 0, rng)
    assert additive.smoothed[0] < 0.83 * truth
    assert additive.richer[0]  # and the trees notice
    assert additive.evppi[0] == pytest.approx(truth, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("group", [["x0"], ["x0", "x1"]])
def test_the_standard_error_is_the_spread_over_repeated_analyses(group):
    # 200 analyses of 1,500 draws; the spread of 200 estimates is known to 5%, so 20% is four errors
    rng = np.random.default_rng(13)
    found = []
    for _ in range(200):
        x = rng.standard_normal((1500, 2))
        nb = 0.2 + x[:, 0] + 0.5 * x[:, 0] * x[:, 1] + 2 * rng.standard_normal(1500)
        one = evppi(made(nb, x), group, np.array([1.0]), 0, rng)
        found.append((one.evppi[0], one.std_error[0]))
    estimates, errors = np.array(found).T
    assert errors.mean() == pytest.approx(estimates.std(), rel=0.2)
    truth = norm.pdf(0.2) + 0.2 * norm.cdf(0.2) - 0.2 if group == ["x0"] else 0.3145  # brute force, 4 million draws
    assert abs(estimates.mean() - truth) < 4 * estimates.std() / np.sqrt(200)


@pytest.mark.parametrize(("rule", "size"), [
    (lambda x: np.cos(2 * x[:, 0]) * x[:, 1], 8),
    pytest.param(lambda x: x[:, 0] * x[:, 1] * x[:, 2], 10, marks=pytest.mark.slow),
    pytest.param(lambda x: np.sign(x[:, 0] * x[:, 3]) * np.abs(x[:, 5]), 12, marks=pytest.mark.slow),
])  # fmt: skip
def test_what_the_splines_miss_in_a_large_group_is_found(rule, size):
    # the value of the group is the mean of max(0, f) with all of f known, by the draws themselves
    rng = np.random.default_rng(12)
    x = rng.standard_normal((10_000, size))
    truth = rule(x)
    psa = made(truth + 0.5 * rng.standard_normal(10_000), x)
    got = evppi(psa, [f"x{i}" for i in range(size)], np.array([1.0]), 0, rng)
    want = np.maximum(truth, 0).mean() - max(truth.mean(), 0)
    assert got.richer[0]
    assert got.smoothed[0] < 0.75 * want
    assert 0.77 * want < got.evppi[0] < want + 2 * got.std_error[0]
    assert "lower bound" in evppi_table([got], sweep(psa.effects, psa.costs, np.array([1.0]), 0))["note"][0]


@pytest.mark.slow
def test_many_parameters_that_do_not_matter_are_worth_nothing_even_with_few_draws():
    # 20 parameters, 1,000 draws: the regression alone finds 0.12 of noise; shuffled parameters give as much
    values, errors = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((1000, 20))
        got = evppi(made(2 * rng.standard_normal(1000), x), [f"x{i}" for i in range(20)], np.array([1.0]), 0, rng)
        assert got.floor[0] > 0.02
        values.append(got.evppi[0])
        errors.append(got.std_error[0])
    assert abs(np.mean(values)) < 2.5 * np.std(values, ddof=1) / np.sqrt(len(values)) + 0.01
    assert np.mean(np.abs(values) < 2 * np.array(errors) + 0.02) > 0.7


def test_a_group_that_is_smooth_keeps_the_splines():
    rng = np.random.default_rng(21)
    x = rng.standard_normal((10_000, 8))
    psa = made(0.2 + x[:, 0] + rng.standard_normal(10_000), x)
    got = evppi(psa, [f"x{i}" for i in range(8)], np.array([1.0]), 0, rng)
    assert not got.richer[0]
    want = norm.pdf(0.2) + 0.2 * norm.cdf(0.2) - 0.2
    assert abs(got.evppi[0] - want) < 3 * got.std_error[0]


def test_a_break_of_a_bound_by_less_than_its_error_is_said_in_words():
    assert _in_errors(3e-4, 0.1) == "less than a tenth of a standard error"
    assert _in_errors(0.006, 0.1) == "0.1 standard errors"
    assert _in_errors(0.26, 0.1) == "2.6 standard errors"
    assert _in_errors(1.0, 0.0) == "no standard error"
