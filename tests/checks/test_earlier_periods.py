"""Power of earlier tests, equivalence and functional form: by hand, against pretrends 0.1.0, and where silent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from sos_eval.checks import Equivalence, FunctionalForm, Path, PretrendPower
from sos_eval.checks.event_path import event_path
from sos_eval.checks.pre_coefficients import NO_INFLUENCE, NO_PERIOD, pre_coefficients
from sos_eval.estimators import ETWFE, TWFE, CallawaySantAnna, EventStudyTWFE, Imputation, InterruptedTimeSeries
from sos_eval.numerics.pretest import likelihood_ratio, pass_each
from tests.conformance.test_estimators import every_estimator, frame, panel_of
from tests.estimators.panels import INF, panel
from tests.fakes import fit, noise_panel
from tests.reference.stored import cases

#: Normal box integrals are made on a lattice of points.
LATTICE = 1e-4


def checked(check, fitted, seed=0):
    return {one.name: one for one in check.check(fitted, np.random.default_rng(seed))}


@pytest.mark.reference
@pytest.mark.parametrize("name", ["hewang", "hewang_negative_slope"])
def test_numbers_of_pretrends(name):
    """Its threshold is 1.96 exactly and its integrals are good to about 1e-3, the file's tolerance."""
    case = cases("pretrends")[name]
    spec, values = case["spec"], case["values"].get("pretrends_slope50", case["values"])
    b, v, event = np.array(spec["betahat"]), np.array(spec["sigma"]), np.array(spec["tVec"])
    kept = np.array(values["t"]) != spec["referencePeriod"]
    delta, before = np.array(values["deltatrue"])[kept], event < spec["referencePeriod"]
    level = 2 * norm.cdf(1.96) - 1
    passed, chance = (pass_each(mean, v, before, level=level) for mean in (delta, 0 * delta))
    assert 1 - passed.probability == pytest.approx(values["power"], abs=1e-3)
    assert passed.probability / chance.probability == pytest.approx(values["bayes_factor"], abs=1e-3)
    found = likelihood_ratio(b[before], delta[before], v[np.ix_(before, before)])
    assert found == pytest.approx(values["likelihood_ratio"], abs=1e-3)
    np.testing.assert_allclose(passed.mean, np.array(values["mean_after_pretest"])[kept], atol=1e-3)


def test_power_is_told_against_what_would_explain_the_estimate():
    fitted = fit(CallawaySantAnna(), noise_panel(60, 12, 8, seed=1))
    told = checked(PretrendPower(draws=199), fitted)
    path, table = event_path(fitted), told["pretrend_power.power"].table
    after = path.timeline.after - path.timeline.base
    slope = path.values[len(path.timeline.before) :].mean() / after.mean()
    assert table["slope"].iloc[0] == pytest.approx(slope)
    np.testing.assert_allclose(table["expected"], slope * (table["event_time"] + 1))
    assert told["pretrend_power.bias"].value == pytest.approx(path.values[len(path.timeline.before) :].mean())
    steep = checked(PretrendPower(draws=199, slope=50.0), fitted)
    assert steep["pretrend_power.power"].value == pytest.approx(1.0)
    flat = checked(PretrendPower(draws=199, slope=0.0), fitted)
    assert flat["pretrend_power.bayes_factor"].value == pytest.approx(1.0)
    assert flat["pretrend_power.bias_after_passing"].value == pytest.approx(0.0, abs=LATTICE)


def test_the_bound_by_hand():
    fitted = fit(EventStudyTWFE(), noise_panel(120, 45, 8, seed=3))
    path = event_path(fitted)
    q = len(path.timeline.before)
    bounds = np.abs(path.values[:q]) + norm.ppf(0.95) * np.sqrt(np.diag(path.clustered))[:q]
    told = checked(Equivalence(), fitted)["equivalence.largest"]
    assert told.value == pytest.approx(bounds.max())
    assert told.passed is None
    for factor, passed in ((1.01, True), (0.99, False)):
        assert checked(Equivalence(margin=bounds.max() * factor), fitted)["equivalence.largest"].passed is passed


def test_equivalence_is_claimed_of_unlike_paths_once_in_twenty():
    """An earlier effect exactly at the margin, known variance: shown to lie within it at most as often as is meant."""
    draws, error, margin = np.random.default_rng(0).standard_normal(100_000), 0.2, 1.0
    within = np.abs(margin + error * draws) + norm.ppf(0.95) * error <= margin
    assert within.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 100_000))


def growing(ratio: bool):
    """Groups at 10 and at 30 that grow by a tenth a period, or by one."""
    rng, time = np.random.default_rng(0), np.arange(1, 9)
    level = np.where(np.arange(40) < 10, 30.0, 10.0)[:, None]
    y = level * 1.1**time if ratio else level + time
    return panel(y * np.exp(0.002 * rng.standard_normal((40, 8))), [6] * 10 + [INF] * 30)


@pytest.mark.parametrize(("ratio", "alike", "unlike"), [(True, "logs", "levels"), (False, "levels", "logs")])
def test_the_form_in_which_paths_are_parallel_is_seen(ratio, alike, unlike):
    fitted = fit(TWFE(), growing(ratio))
    told = checked(FunctionalForm(draws=199), fitted)
    assert told[f"functional_form.{alike}"].value > 0.05
    assert told[f"functional_form.{unlike}"].value == pytest.approx(1 / 200)
    assert told["functional_form.apart"].value == pytest.approx(3.0 if ratio else 2.54, abs=0.1)
    # in levels it is the path's own joint p, by the same draws
    path = Path(draws=199).check(fitted, np.random.default_rng(0))
    joint = next(one for one in path if one.name == "path.joint")
    assert told["functional_form.levels"].value == joint.value


@pytest.mark.parametrize(
    ("check", "fitted", "words"),
    [
        (PretrendPower(), fit(Imputation(), noise_panel()), "put an estimator first whose are, such as callaway"),
        (Equivalence(margin=1.0), fit(Imputation(), noise_panel()), "not all compared with one period"),
        (Equivalence(), fit(TWFE(), panel(np.ones((9, 4)), [3, 3] + [INF] * 7)), "singular"),
        (FunctionalForm(), fit(TWFE(), panel(np.sin(np.arange(48.0)).reshape(8, 6), [5, 5] + [INF] * 6)), "above zero"),
        (FunctionalForm(), fit(TWFE(), panel(np.arange(1.0, 25).reshape(8, 3), [3, 3] + [INF] * 6)), "2 periods"),
    ],
)
def test_it_says_why_it_is_silent(check, fitted, words):
    told = checked(check, fitted)
    assert all(np.isnan(one.value) and words in one.text and one.passed is None for one in told.values())


def later_starts():
    """Twenty-four units over seven periods, of which four and more lie before the start."""
    df = frame()
    return df.assign(start=df["start"] + (df["start"] > 0))


@every_estimator
def test_a_method_without_earlier_coefficients_is_the_reason_not_the_periods(name, estimator):
    """Periods are there: what is missing is named by the method, in the joint test and in the path alike."""
    fitted = fit(estimator, panel_of(later_starts()))
    cells = fitted.estimate.cells[fitted.estimate.cells["aggregation"] == "event_time"]
    found, path = pre_coefficients(fitted, by="auto", include_anticipation=False).reason, event_path(fitted)
    assert NO_PERIOD not in (found, path)
    if len(cells) and not (cells["event_time"] < 0).any():
        assert path == estimator.why_no_earlier
        assert found in (estimator.why_no_earlier, NO_INFLUENCE)
        assert estimator.name in path
        assert path.partition("; ")[2].startswith(("write control: never_treated", "choose one that does"))
    else:
        assert "gives no coefficient before the start" not in f"{found} {path}"


def test_the_remedy_helps():
    made = panel_of(later_starts(), covariates=())
    assert ETWFE().why_no_earlier.endswith("write control: never_treated")
    assert not isinstance(event_path(fit(ETWFE(control="never_treated"), made)), str)


def test_periods_are_the_reason_where_there_are_none():
    y = np.random.default_rng(0).normal(size=(12, 4))
    fitted = fit(ETWFE(), panel(y, [2, 2, 2, 2] + [np.inf] * 8))
    assert event_path(fitted) == NO_PERIOD
    assert pre_coefficients(fitted, by="auto", include_anticipation=False).reason == NO_PERIOD


def test_a_series_that_its_own_earlier_periods_are_a_line_of_says_so():
    y = np.random.default_rng(0).normal(size=(8, 20))
    fitted = fit(InterruptedTimeSeries(), panel(y, [11] * 3 + [np.inf] * 5))
    for reason in (event_path(fitted), pre_coefficients(fitted, by="auto", include_anticipation=False).reason):
        assert reason.startswith("interrupted_time_series gives no coefficient before the start; choose")
