"""Pre-trends: did's Wald test, the companion of estimators with one coefficient, and what cannot be done."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks import Pretrends
from sos_eval.checks.pre_coefficients import pre_coefficients
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.numerics.pretrend import slope, wald
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted
from tests.fakes import RefitOnly, fit, noise_panel, panel_of
from tests.reference.stored import cases, data


def checked(fitted, **options):
    return {one.name.split(".")[1]: one for one in Pretrends(**options).check(fitted, np.random.default_rng(0))}


def one_cohort(seed=3, n=40, treated=12, times=7):
    rng = np.random.default_rng(seed)
    y = 20 + rng.standard_normal((n, times)).cumsum(1)
    starts = np.where(np.arange(n) < treated, 2005.0, np.inf)
    return panel_of(y, starts)


# -- by hand -------------------------------------------------------------------------------------------------------


def test_two_pre_coefficients_by_hand():
    """Eight units, start in 2004: changes to 2003 of treated less untreated, and their variance."""
    change = np.array([[1.0, 0.5], [2, -0.5], [3, 0], [0, 0.2], [1, 0], [0, -0.4], [1, 0.1], [0.5, 0.3]])
    y = np.column_stack([-change[:, 0], -change[:, 1], np.zeros(8), np.arange(8.0)])
    starts = [2004] * 3 + [np.inf] * 5
    fitted = fit(CallawaySantAnna(base_period="universal"), panel_of(y, starts))
    found = pre_coefficients(fitted, by="group_time", include_anticipation=False)
    treated, others = -change[:3], -change[3:]
    assert found.values == pytest.approx(treated.mean(0) - others.mean(0))
    expected = np.cov(treated.T, ddof=0) / 3 + np.cov(others.T, ddof=0) / 5
    assert found.covariance == pytest.approx(expected)
    assert found.distance.tolist() == [-2, -1]
    results = checked(fitted)
    b = found.values
    statistic = b @ np.linalg.inv(expected) @ b
    assert results["joint"].table["wald"].iloc[0] == pytest.approx(statistic)
    assert results["joint"].table["p_chi2"].iloc[0] == pytest.approx(np.exp(-statistic / 2))
    x = np.array([-2.0, -1.0])
    precision = np.linalg.inv(expected)
    assert results["slope"].value == pytest.approx(x @ precision @ b / (x @ precision @ x))
    assert results["slope"].table["std_error"].iloc[0] == pytest.approx((x @ precision @ x) ** -0.5)


def staggered():
    rng = np.random.default_rng(0)
    return panel_of(rng.standard_normal((60, 12)), [np.inf] * 30 + [2006, 2008] * 15)


@pytest.mark.parametrize(
    ("estimator", "events", "distance"),
    [
        (CallawaySantAnna(base_period="universal", window=(-3, 3)), [-3, -2], [-2, -1]),
        (CallawaySantAnna(base_period="varying", window=(-3, 3)), [-3, -2, -1], [1, 1, 1]),
        (EventStudyTWFE(window=(-3, 3)), [-3, -2], [np.nan, -1]),
        (EventStudyTWFE(window=(-4, 3), reference_time=-2), [-4, -3, -1], [np.nan, -1, 1]),
    ],
)
def test_the_method_says_what_its_window_does(estimator, events, distance):
    """Callaway and Sant'Anna show the event times of a window only; an event study joins those beyond to its ends."""
    found = pre_coefficients(fit(estimator, staggered()), by="event_time", include_anticipation=False)
    assert found.cells["event_time"].tolist() == events
    np.testing.assert_array_equal(found.distance, distance)


def test_a_moving_base_has_gaps_for_distances():
    """Years 2001, 2002, 2004, 2005 and a start in 2005: the change to 2004 is one over two years."""
    rng = np.random.default_rng(1)
    panel = panel_of(rng.standard_normal((12, 5)), [2005] * 4 + [np.inf] * 8).keep_times([2001, 2002, 2004, 2005])
    found = pre_coefficients(fit(CallawaySantAnna(), panel), by="event_time", include_anticipation=False)
    assert found.cells["event_time"].tolist() == [-3, -1]
    assert found.distance.tolist() == [1, 2]


def test_a_linear_divergence_is_the_slope_whatever_the_base():
    """Treated units gain 0.7 a period: every way of estimating finds 0.7."""
    rng = np.random.default_rng(5)
    panel = one_cohort()
    noise = 1e-6 * rng.standard_normal((panel.n_units, panel.n_times))
    path = 0.7 * panel.ever_treated[:, None] * panel.times + noise
    steep = panel.with_outcome(path)
    for method in (CallawaySantAnna(), CallawaySantAnna(base_period="universal"), EventStudyTWFE(), TWFE()):
        assert checked(fit(method, steep))["slope"].value == pytest.approx(0.7, abs=1e-4), method


# -- references ----------------------------------------------------------------------------------------------------


@pytest.mark.reference
@pytest.mark.parametrize(
    ("case", "options"),
    [
        ("never_unc", {}),
        ("notyet_unc", {"control": "not_yet_treated"}),
        ("never_universal_unc", {"base_period": "universal"}),
        ("never_antic1_unc", {"anticipation": 1}),
        ("never_unc_clusterstate", {}),
        ("never_unc_balance1", {}),
    ],
)
def test_wald_is_the_did_package_s(case, options):
    """Statistic to 1e-8, the mathematics being the same; did rounds p to five digits."""
    values = cases("did_mpdta")[case]["values"]
    panel = from_frame(
        data("mpdta.csv"), unit="countyreal", time="year", outcome="lemp", first_treated="first.treat",
        cluster="state" if case.endswith("state") else None,
    )  # fmt: skip
    ours = {"include_anticipation": True, "distribution": "chi2", "of": "group_time"}
    result = checked(fit(CallawaySantAnna(**options), panel), **ours)["joint"]
    assert result.table["wald"].iloc[0] == pytest.approx(values["wald"], rel=1e-8)
    assert result.value == pytest.approx(values["wald_p"], abs=5e-6)


def test_anticipated_periods_are_no_pre_periods_unless_asked():
    fitted = fit(CallawaySantAnna(anticipation=1), one_cohort())
    ours, did = checked(fitted)["joint"], checked(fitted, include_anticipation=True)["joint"]
    assert ours.table["event_time"].tolist() == [-3, -2]
    assert did.table["event_time"].tolist() == [-3, -2, -1]


# -- estimators with one coefficient ---------------------------------------------------------------------------------


def test_the_companion_of_twfe_is_the_event_study():
    """One cohort, balanced: pairs of periods give the event study's coefficients and their covariance."""
    panel = one_cohort()
    pairs = pre_coefficients(fit(TWFE(), panel), by="group_time", include_anticipation=False)
    study = pre_coefficients(fit(EventStudyTWFE(), panel), by="group_time", include_anticipation=False)
    assert pairs.values == pytest.approx(study.values, rel=1e-10)
    assert pairs.covariance == pytest.approx(study.covariance, rel=1e-8, abs=1e-12)
    assert pairs.distance.tolist() == study.distance.tolist() == [-3, -2, -1]
    assert "same model on each earlier period with 2004" in pairs.source


def test_the_companion_of_poisson_is_a_ratio_of_ratios():
    """Exposure constant within units: the coefficient of two periods is a ratio of sums, in logs."""
    rng = np.random.default_rng(4)
    size = rng.uniform(1, 3, 20)
    counts = rng.poisson(30 * size[:, None], (20, 5)) + 1.0
    panel = panel_of(counts, [2004] * 6 + [np.inf] * 14, exposure=np.repeat(size[:, None], 5, axis=1))
    found = pre_coefficients(fit(PoissonDiD(), panel), by="group_time", include_anticipation=False)
    sums = np.array([counts[:6].sum(0), counts[6:].sum(0)])
    relative = np.log(sums[0] / sums[1])
    assert found.values == pytest.approx(relative[:2] - relative[2], rel=1e-7)
    assert "on the log scale" in checked(fit(PoissonDiD(), panel))["slope"].text


def test_the_companion_reads_no_treated_period_and_keeps_the_comparison():
    panel = one_cohort()
    wild = panel.matrix().copy()
    wild[:, 4:] = 1e6 * np.random.default_rng(0).standard_normal(wild[:, 4:].shape)

    def never(_):
        raise AssertionError("the comparison group is not built again")

    one = fit(TWFE(), panel)
    other = replace(fit(TWFE(), panel.with_outcome(wild)), rebuild=never)
    assert checked(one)["joint"].value == pytest.approx(checked(other)["joint"].value, rel=1e-8)


# -- what cannot be done, and limits -----------------------------------------------------------------------------------


def noise(n_units, n_times, start, n_treated):
    y = np.random.default_rng(0).standard_normal((n_units, n_times))
    return panel_of(y, np.where(np.arange(n_units) < n_treated, start, np.inf))


CANNOT = {
    "no influence": (RefitOnly(), noise_panel(), "no influence function"),
    "one period": (CallawaySantAnna(), noise(8, 3, 2002, 3), "no period lies before the start"),
    "one pair too few": (TWFE(), noise(8, 3, 2002, 3), "fewer than two periods lie before the first start"),
    "singular": (CallawaySantAnna(), noise(6, 12, 2012, 3), "is singular"),
    "one treated unit": (CallawaySantAnna(), noise(9, 5, 2004, 1), "one treated unit"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_done_is_said(case):
    method, panel, text = CANNOT[case]
    for result in checked(fit(method, panel), min_p=0.1, max_slope=1, max_detectable_slope=1).values():
        assert np.isnan(result.value)
        assert result.passed is None
        assert text in result.text


def test_limits_are_judged_only_where_declared():
    fitted = fit(CallawaySantAnna(base_period="universal"), one_cohort())
    assert {one.passed for one in checked(fitted).values()} == {None}
    free = checked(fitted)
    values = {name: one.value for name, one in free.items()}
    tight = checked(
        fitted, min_p=min(values["joint"] + 0.01, 0.999), max_slope=abs(values["slope"]) / 2,
        max_detectable_slope=values["detectable_slope"] / 2,
    )  # fmt: skip
    assert {one.passed for one in tight.values()} == {False}
    loose = checked(fitted, min_p=0.0, max_slope=1e9, max_detectable_slope=1e9)
    assert {one.passed for one in loose.values()} == {True}


def test_joined_ends_of_a_window_have_no_place_on_the_line():
    found = pre_coefficients(
        fit(EventStudyTWFE(window=(-2, 2)), one_cohort()), by="event_time", include_anticipation=False
    )
    assert found.cells["event_time"].tolist() == [-2]
    assert np.isnan(found.distance).all()


def test_the_text_says_both_p_and_claims_nothing():
    text = checked(fit(CallawaySantAnna(), one_cohort()))["joint"].text
    assert "by F (" in text
    assert "by chi-squared)" in text
    assert "12 treated clusters of 40" in text
    assert "no evidence that trends were parallel" in text


def test_few_treated_clusters_get_f_and_many_chi_squared():
    few, many = one_cohort(treated=12), one_cohort(n=80, treated=40)
    for panel, column in ((few, "p_f"), (many, "p_chi2")):
        joint = checked(fit(CallawaySantAnna(), panel))["joint"]
        assert joint.value == joint.table[column].iloc[0]
    forced = checked(fit(CallawaySantAnna(), few), distribution="chi2")["joint"]
    assert forced.value == forced.table["p_chi2"].iloc[0]


def test_the_slope_s_interval_is_said_to_be_too_narrow_where_it_is():
    """On pure noise it leaves zero out in 64% of draws with four treated, in 5% with many."""
    words = "this interval is too narrow, that of path.slope is not"
    assert words in checked(fit(CallawaySantAnna(), one_cohort(treated=4)))["slope"].text
    assert words not in checked(fit(CallawaySantAnna(), one_cohort(n=200, treated=80)))["slope"].text


@pytest.mark.slow
@pytest.mark.parametrize(("treated", "share"), [(5, 0.49), (8, 0.31)])
def test_case_pretrend_slope_few_treated(treated, share):
    """Noise, one start after six periods: the interval leaves zero out in a half or a third of 400 draws, which is why
    its sentence says so. That of `path.slope` keeps its level (`test_path.py`)."""
    rng = np.random.default_rng(treated)
    starts = np.where(np.arange(12 * treated) < treated, 2007.0, np.inf)
    missed = []
    for _ in range(400):
        fitted = fit(CallawaySantAnna(), panel_of(rng.standard_normal((len(starts), 9)), starts))
        found = pre_coefficients(fitted, by="event_time", include_anticipation=False)
        line = slope(found.values, found.covariance, found.distance)
        missed.append(abs(line.value) > 1.96 * line.std_error)
    assert np.mean(missed) == pytest.approx(share, abs=0.1)


def test_too_many_coefficients_for_f_are_not_tested_by_chi_squared_instead():
    joint = checked(fit(CallawaySantAnna(), noise(14, 9, 2008, 3)), min_p=0.1)["joint"]
    assert np.isnan(joint.value)
    assert joint.passed is None
    assert "6 coefficients are too many for groups of 3 clusters and more" in joint.text


def test_event_times_can_be_tested_in_place_of_every_cohort_s_cells():
    starts = np.r_[np.full(6, 2006.0), np.full(6, 2007.0), np.full(20, np.inf)]
    fitted = fit(CallawaySantAnna(), panel_of(np.random.default_rng(2).standard_normal((32, 8)), starts))
    cells, events = (checked(fitted, of=of)["joint"].table for of in ("group_time", "event_time"))
    assert len(cells) == 4 + 5
    assert events["event_time"].tolist() == [-5, -4, -3, -2, -1]
    # six clusters a cohort, four and five coefficients of its own: too few for every cohort's cells
    assert checked(fitted)["joint"].table.equals(events)
    wide = fit(
        CallawaySantAnna(), panel_of(np.random.default_rng(2).standard_normal((60, 8)), np.repeat(starts, 2)[:60])
    )
    assert len(checked(wide)["joint"].table) == 9


@pytest.mark.slow
def test_size_of_the_joint_test():
    """40 units, 12 treated, three coefficients, no divergence: F keeps its level, chi-squared does not.

    2,000 draws, Monte Carlo error 0.005. Measured 0.0535 and 0.114; with 10 of 150 treated 0.0585 and 0.2005.
    """
    rng = np.random.default_rng(11)
    starts = np.where(np.arange(40) < 12, 2005.0, np.inf)
    p = []
    for _ in range(2000):
        fitted = fit(CallawaySantAnna(), panel_of(rng.standard_normal((40, 5)), starts))
        found = pre_coefficients(fitted, by="group_time", include_anticipation=False)
        test = wald(found.values, found.scores, found.groups)
        p.append((test.p_chi2, test.p_f))
    size = (np.array(p) < 0.05).mean(0)
    assert 0.035 < size[1] < 0.07
    assert size[0] > 0.09


def test_fitted_is_left_alone():
    fitted: Fitted = fit(TWFE(), one_cohort())
    before = fitted.source.frame.copy(deep=True)
    checked(fitted)
    pd.testing.assert_frame_equal(fitted.source.frame, before)


def test_where_everybody_starts_its_test_is_none():
    """Four cohorts of five start and nobody never does: the test rejects 11 to 21 true nulls in 100."""
    y = np.random.default_rng(3).standard_normal((20, 10))
    method = CallawaySantAnna(control="not_yet_treated")
    joint = checked(fit(method, panel_of(y, np.repeat([2003, 2005, 2007, 2009], 5))))["joint"]
    assert np.isnan(joint.value)
    assert "everybody starts in the end" in joint.text
    assert len(joint.table) > 2
    assert joint.table[["p_chi2", "p_f"]].isna().all(axis=None)
    asked = checked(fit(method, panel_of(y, np.repeat([2003, 2005, 2007, 2009], 5))), distribution="chi2")["joint"]
    assert np.isfinite(asked.value)
    assert "F has none" in asked.text
