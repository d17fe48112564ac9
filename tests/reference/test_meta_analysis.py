"""Random-effects meta-analysis beside metafor."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.synthesis.random_effects import between_limits, leave_one_out, pooled
from sos_eval.synthesis.robust import robust
from sos_eval.synthesis.small_studies import egger
from tests.reference.stored import cases

pytestmark = pytest.mark.reference

SAME, SAME_TAU2 = 1e-6, 1e-5  # metafor's own iterations stop at 1e-12 of tau2; its file states these tolerances
HETEROGENEITY = {"DL": "dersimonian_laird", "PM": "paule_mandel", "REML": "reml"}
INTERVAL = {"z": "normal", "knha": "hartung_knapp", "adhoc": "modified_hartung_knapp"}
SETS = ("bcg_log_rr", "bcg_log_or", "raudenbush_smd", "hackshaw_log_or", "four_inline", "homogeneous_inline",
        "two_inline")  # fmt: skip
MODERATED = ("bcg_ablat", "bcg_ablat_year", "raudenbush_weeks")
ALONE = {"two_inline"}


def models(name):
    """Yield those of a case's models that are ours."""
    case = cases("meta_analysis")[name]
    for model, told in case["values"].items():
        how, _, interval = model.partition("_")
        if how in HETEROGENEITY and interval in INTERVAL:
            yield case["spec"], HETEROGENEITY[how], INTERVAL[interval], told


def given(spec):
    return np.array(spec["yi"], float), np.array(spec["vi"], float)


@pytest.mark.parametrize("name", [*SETS, *MODERATED])
def test_models(name):
    met = 0
    for spec, how, interval, told in models(name):
        mods = [np.array(one, float) for one in spec.get("mods", {}).values()]
        design = np.column_stack([np.ones(len(spec["yi"])), *mods]) if mods else None
        agrees(pooled(*given(spec), design, heterogeneity=how, interval=interval), told, mods=bool(mods))
        met += 1
    assert met >= 6


def agrees(ours, told, *, mods):
    effect = list(told["coef"].values()) if mods else [told["estimate"]]
    np.testing.assert_allclose(ours.coef, effect, rtol=SAME, atol=1e-9)
    np.testing.assert_allclose(ours.std_error, np.atleast_1d(told["se"]), rtol=SAME)
    np.testing.assert_allclose(ours.statistic, np.atleast_1d(told["stat"]), rtol=SAME)
    np.testing.assert_allclose(ours.p_value, np.atleast_1d(told["p"]), rtol=1e-4)
    np.testing.assert_allclose(ours.low, np.atleast_1d(told["ci_low"]), atol=1e-6)
    np.testing.assert_allclose(ours.high, np.atleast_1d(told["ci_high"]), atol=1e-6)
    assert ours.tau2 == pytest.approx(told["tau2"], rel=SAME_TAU2, abs=1e-10)
    assert ours.i2 == pytest.approx(told["I2"], abs=1e-3)
    assert ours.q == pytest.approx(told["QE" if mods else "Q"], rel=SAME)
    assert ours.q_p == pytest.approx(told["QE_p" if mods else "Q_p"], rel=1e-4)
    if "pi_low" in told and len(ours.weights) > 2:
        assert (ours.predicted_low, ours.predicted_high) == pytest.approx((told["pi_low"], told["pi_high"]), abs=1e-6)


@pytest.mark.parametrize("name", SETS)
def test_limits_of_the_variance_between_studies(name):
    case = cases("meta_analysis")[name]
    told = case["values"]["Qprofile_at_REML"]
    limits = between_limits(*given(case["spec"]))
    assert limits == pytest.approx((told["tau2_low"], told["tau2_high"]), rel=SAME_TAU2, abs=1e-10)


@pytest.mark.parametrize("name", [name for name in SETS if name not in ALONE])
def test_leave_one_out(name):
    case = cases("meta_analysis")[name]
    told = case["values"]["leave_one_out_REML_knha"]
    ours = leave_one_out(*given(case["spec"]), interval="hartung_knapp")
    np.testing.assert_allclose([one.coef[0] for one in ours], told["estimate"], rtol=SAME)
    np.testing.assert_allclose([one.std_error[0] for one in ours], told["se"], rtol=SAME)


@pytest.mark.parametrize("name", [name for name in SETS if name not in {*ALONE, "four_inline"}])
def test_eggers_test(name):
    case = cases("meta_analysis")[name]
    if len(case["spec"]["yi"]) < 10:
        return
    told = case["values"]["egger_lm"]
    ours = egger(*given(case["spec"]))
    assert (ours.statistic, ours.df, ours.p_value) == pytest.approx((told["t"], told["df"], told["p"]), rel=1e-4)
    assert (ours.limit, ours.limit_low, ours.limit_high) == pytest.approx(
        (told["limit"], told["limit_low"], told["limit_high"]), abs=1e-6
    )


@pytest.mark.parametrize("name", ["konstantopoulos", "konstantopoulos_year"])
def test_errors_by_cluster(name):
    case = cases("meta_analysis")[name]
    spec, told = case["spec"], case["values"]["rma_REML"]
    mods = [np.array(one, float) for one in spec.get("mods", {}).values()]
    design = np.column_stack([np.ones(len(spec["yi"])), *mods])
    ours = robust(*given(spec), np.array(spec["cluster"]), design)
    np.testing.assert_allclose(ours.coef, np.atleast_1d(told["coef"]), rtol=SAME)
    cr2 = told["CR2"]
    np.testing.assert_allclose(ours.std_error, np.atleast_1d(cr2["se"]), rtol=SAME)
    np.testing.assert_allclose(ours.df, np.atleast_1d(cr2["df"]), rtol=1e-4)
    np.testing.assert_allclose(ours.p_value, np.atleast_1d(cr2["p"]), rtol=1e-4)
    np.testing.assert_allclose(ours.low, np.atleast_1d(cr2["ci_low"]), atol=1e-6)


def test_the_published_values_of_the_bcg_trials():
    ours = pooled(*given(cases("meta_analysis")["bcg_log_rr"]["spec"]), interval="hartung_knapp")
    assert (ours.tau2, ours.coef[0]) == pytest.approx((0.313243, -0.714532), abs=1e-6)
    assert (ours.low[0], ours.high[0]) == pytest.approx((-1.1084, -0.3206), abs=1e-4)
