"""Conley-Taber and Ferman-Pinto: residuals and sums by hand on eight units, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.inference import ConleyTaber, FermanPinto
from sos_eval.inference.control_residuals import OVERALL_ONLY, control_residuals, symmetric_test
from sos_eval.inference.ferman_pinto import size_variance
from tests.estimators.panels import INF, counts_panel, panel
from tests.fakes import fit, noise_panel

#: Mean changes after less before: treated 6, 3; untreated 0, 3, 1, -1, -2, 2 about a mean of one half.
CHANGE = np.array([6.0, 3.0, 0.0, 3.0, 1.0, -1.0, -2.0, 2.0])
RESIDUAL = CHANGE[2:] - 0.5


def eight(**more):
    y = np.outer(CHANGE, [0, 0, 1, 1]) + np.arange(8.0)[:, None] + np.array([[0, 1, 0, 1]])
    return panel(y, [3, 3, INF, INF, INF, INF, INF, INF], **more)


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna(), EventStudyTWFE()])
def test_residuals_by_hand(method):
    found = control_residuals(fit(method, eight()))
    np.testing.assert_allclose(found.residual, [RESIDUAL], atol=1e-12)
    np.testing.assert_allclose(found.share, [0.5, 0.5])
    assert found.lost == 0


def test_residuals_are_those_of_the_regression():
    """Of the fit with the effect in it, averaged after the start less before, as Conley and Taber take them."""
    made = noise_panel(30, 4, 6, seed=2)
    found = control_residuals(fit(TWFE(), made))
    y, d = made.matrix(), (made.times >= made.first_treated[:, None]).astype(float)
    within = lambda a: a - a.mean(1, keepdims=True) - a.mean(0) + a.mean()  # noqa: E731
    x = within(d)
    error = within(y) - x * (x * within(y)).sum() / (x**2).sum()
    after = made.times >= made.cohorts[0]
    by_hand = (error[:, after].mean(1) - error[:, ~after].mean(1))[4:]
    np.testing.assert_allclose(found.residual[0], by_hand, atol=1e-12)


def test_conley_taber_by_hand():
    # the estimate is 4.5 - .5 = 4; sums of two of the six residuals over two, all 15 of them
    table = ConleyTaber(draws=20_000, level=0.9).infer(fit(TWFE(), eight()), np.random.default_rng(0)).table
    sums = np.abs([np.mean(two) for two in combinations(RESIDUAL, 2)])
    assert table["estimate"].iloc[0] == pytest.approx(4.0)
    assert table["p_value"].iloc[0] == pytest.approx(1 / 20_001)  # none of the sums is as large
    # a tenth of the draws reaches the largest (1 and 3, 2 of 15 with -1.5 and -2.5), so that it is the interval's half
    assert sorted(sums)[-2:] == [2.0, 2.0]
    assert table["conf_low"].iloc[0] == pytest.approx(4 - 2)
    assert table["conf_high"].iloc[0] == pytest.approx(4 + 2)
    assert table["std_error"].iloc[0] == pytest.approx(np.sqrt((sums**2).mean()), rel=0.02)


def test_p_and_interval_are_one_test():
    drawn = np.random.default_rng(0).standard_normal(199)
    for value in np.linspace(0, 3, 200):
        p, half = symmetric_test(value, drawn, 0.95)
        assert (p <= 0.05) == (value > half)
    assert symmetric_test(9.0, drawn[:10], 0.95)[1] == np.inf


def test_variance_by_size():
    size = np.array([1.0, 2.0, 4.0, 8.0])
    a, b = size_variance(np.sqrt(0.5 + 3 / size), size)
    assert (a, b) == (pytest.approx(0.5), pytest.approx(3.0))
    # variance that rises with size: no negative b, and a is the mean
    a, b = size_variance(np.sqrt(size), size)  # weights are then equal
    assert (a, b) == (pytest.approx(size.mean()), 0.0)
    # variance that falls faster than that of one part: no negative a
    a, b = size_variance(1 / size, size)
    assert a == 0.0
    assert b == pytest.approx((1 / size).mean())  # one part: the mean of squares over 1 / size


def sized():
    rng = np.random.default_rng(3)
    exposure = np.geomspace(500, 50_000, 40)[rng.permutation(40), None] * np.ones(6)
    return counts_panel(rng.poisson(0.02 * exposure), exposure, [4] * 5 + [INF] * 35)


def test_ferman_pinto_draws_have_the_variance_that_is_fitted():
    fitted, method = fit(TWFE(), sized()), FermanPinto(draws=40_000)
    found, size = control_residuals(fitted), fitted.source.frame.groupby("unit")["exposure"].mean().to_numpy()
    a, b = size_variance(found.residual[0], size[5:])
    drawn = method.drawn(found, size, [(a, b)], np.random.default_rng(0))
    pool = found.residual[0] / np.sqrt(a + b / size[5:])
    expected = pool.var() * ((a + b / size[:5]).sum() / 25 + (a + b / size[5:]).sum() / 35**2)
    assert drawn.var() == pytest.approx(expected, rel=0.03)
    facts = method.infer(fitted, np.random.default_rng(0)).facts
    assert facts["variance"] == [{"a": a, "b": b}]
    assert facts["size"] == "exposure"


def test_small_treated_have_a_wider_interval_than_conley_taber_gives():
    made = sized()
    order = np.argsort(made.frame.groupby("unit")["exposure"].mean().to_numpy())
    starts = np.full(40, INF)
    starts[order[:5]] = 4
    fitted = fit(TWFE(), made.with_first_treated(starts))
    plain, rescaled = (m.infer(fitted, np.random.default_rng(0)).table["std_error"].iloc[0]
                       for m in (ConleyTaber(), FermanPinto()))  # fmt: skip
    assert rescaled > 1.5 * plain


def test_several_starts_take_each_cohort_at_its_own():
    found = control_residuals(fit(CallawaySantAnna(), noise_panel(30, 6, 8, seed=1)))
    assert found.residual.shape == (2, 24)
    assert found.start.tolist() == [1, 1, 1, 0, 0, 0]
    np.testing.assert_allclose(found.residual @ found.control_share, 0, atol=1e-12)


def test_one_treated_unit_has_a_test():
    table = ConleyTaber().infer(fit(TWFE(), noise_panel(40, 1, 6)), np.random.default_rng(0)).table
    assert np.isfinite(table["p_value"].iloc[0])


def test_other_rows_say_that_they_have_none():
    table = ConleyTaber().infer(fit(CallawaySantAnna(), noise_panel(30, 4, 6)), np.random.default_rng(0)).table
    rest = table[table["aggregation"] != "overall"]
    assert rest["p_value"].isna().all()
    assert rest["reason"].str.contains(OVERALL_ONLY).any()


@pytest.mark.parametrize(
    ("method", "fitted", "words"),
    [
        (ConleyTaber(), fit(TWFE(), noise_panel(30, 6, 8)), "several starts need an estimator"),
        (ConleyTaber(), fit(TWFE(), panel(np.sin(np.arange(20.0)).reshape(5, 4), [3, INF, INF, INF, INF])), "too few"),
        (ConleyTaber(), fit(TWFE(), noise_panel(20, 4, 6), rebuild=lambda p: p), "use randomization"),
        (ConleyTaber(), fit(TWFE(), noise_panel(30, 4, 6).with_outcome(np.ones(180))), "do not vary"),
        (FermanPinto(), fit(TWFE(), noise_panel(30, 4, 6)), "no size of the clusters"),
        (FermanPinto(size="people"), fit(TWFE(), noise_panel(30, 4, 6)), "no size of the clusters"),
        (FermanPinto(), fit(TWFE(), counts_panel(np.ones((8, 4)) + np.eye(8, 4), np.full((8, 4), 9.0),
                                                 [3, 3] + [INF] * 6)), "6 untreated clusters are too few"),
    ],
)  # fmt: skip
def test_what_is_not_defined_is_refused(method, fitted, words):
    made = method.infer(fitted, np.random.default_rng(0))
    assert words in made.facts["refused"]
    assert made.table["p_value"].isna().all()
    assert made.table["reason"].str.contains(words).any()


def test_ratios_have_intervals_about_them():
    table = FermanPinto().infer(fit(PoissonDiD(), sized()), np.random.default_rng(0)).table
    row = table[(table["aggregation"] == "overall") & (table["scale"] == "ratio")].iloc[0]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert row["conf_low"] * row["conf_high"] == pytest.approx(row["estimate"] ** 2)
