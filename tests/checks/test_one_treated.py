"""What checks say of one treated unit: beside others by the list of adoptions, and alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks import LeaveOneOut, Path, PlaceboTime, PlaceboUnits, PretrendPower, Pretrends
from sos_eval.checks.quantity import a_period
from sos_eval.estimators import CallawaySantAnna, InterruptedTimeSeries, SyntheticControl
from sos_eval.panel.periods import Periods
from tests.fakes import fit, noise_panel, panel_of

RNG = np.random.default_rng(0)


def one_of(n: int, periods: int = 7, months: bool = False):
    first = 24190 if months else 2001
    made = panel_of(
        np.random.default_rng(1).normal(size=(n, periods)), [first + periods - 2.0] + [np.inf] * (n - 1),
        first_time=first,
    )  # fmt: skip
    return replace(made, periods=Periods("month", "month")) if months else made


def test_placebo_starts_without_an_error_are_ranked_over_their_spread():
    """25 adoptions are the list: rank of the first among |value| over one spread; one start, so no spread matters."""
    made = one_of(25)
    *each, found = PlaceboTime(shift=(1,)).check(fit(CallawaySantAnna(), made), RNG)
    y = made.matrix()[:, :5]
    change = y[:, -1] - y[:, -2]
    size = np.abs(change - (change.sum() - change) / 24)
    assert found.value == pytest.approx((size >= size[0] * (1 - 1e-9)).mean())
    assert "all 25 that are possible" in found.text
    assert "conventional" not in "".join(one.text for one in (*each, found))
    few = PlaceboTime(shift=(1,)).check(fit(CallawaySantAnna(), one_of(6)), RNG)[-1]
    assert few.text == "Not done: 6 possible adoptions are too few to compare with."


def test_the_one_treated_is_not_left_out_and_the_others_are_named():
    for method in (SyntheticControl(), CallawaySantAnna()):
        fitted = fit(method, one_of(25))
        [said] = LeaveOneOut().check(fitted, RNG)
        assert said.text.endswith("write drop: [comparison] to leave out each of the other 24 in turn.")
        assert "cohort" not in said.table["reason"].iloc[0]
    assert np.isfinite(LeaveOneOut(drop=("comparison",), draws=0).check(fitted, RNG)[0].value)


def test_a_series_alone_is_told_what_its_checks_need_before_they_are_done():
    fitted = fit(InterruptedTimeSeries(), panel_of(np.random.default_rng(2).normal(size=(1, 40)), [2031.0]))
    for check in (Pretrends(), PretrendPower()):
        assert "needs untreated units (19 or more" in check.unfit(fitted)
    assert all(check.unfit(fitted) for check in (Path(), PlaceboUnits()))
    assert PlaceboTime().unfit(fitted).endswith("write shift: [8, 22], or between")
    assert PlaceboTime(shift=(8, 22)).unfit(fitted) == ""
    done = PlaceboTime(shift=(8, 22)).check(fitted, RNG)
    assert all(np.isfinite(one.value) for one in done[:-1])
    assert "write shift: [8, 22]" in PlaceboTime().check(fitted, RNG)[0].text


def test_a_path_of_months_is_told_in_months():
    found = {one.name: one for one in Path(draws=99).check(fit(CallawaySantAnna(), one_of(25, months=True)), RNG)}
    assert "Of the earlier periods 201" in found["path.largest"].text
    assert "24" not in found["path.slope"].table["period"].dropna().str[:2].tolist()
    assert " a month against" in found["path.slope"].text
    assert " a month one time" in found["path.detectable_slope"].text
    assert a_period(one_of(3)) == "a year"


def test_few_clusters_are_told_of_the_detectable_slope_and_parallel_paths_of_the_power():
    fitted = fit(CallawaySantAnna(), noise_panel())
    seen = {one.name: one.text for check in (Pretrends(), PretrendPower(draws=99)) for one in check.check(fitted, RNG)}
    assert seen["pretrends.detectable_slope"].endswith(
        "; with 8 treated clusters of 24 this slope is too small, that of path.detectable_slope is not."
    )
    assert "times; parallel paths would be in " in seen["pretrend_power.power"]
    assert "as likely with this divergence as with parallel paths: an" in seen["pretrend_power.bayes_factor"]
