"""Checks that estimate again: placebo in time, leave one out, robustness."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks import LeaveOneOut, PlaceboTime, Robustness, SpecificationCurve
from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.common_lots import Varied
from sos_eval.checks.leave_one_out import _outside
from sos_eval.checks.quantity import Quantity, overall
from sos_eval.comparison import Nearest, Rebuilding
from sos_eval.declare import Document
from sos_eval.declare import build as declared
from sos_eval.errors import DesignFault
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD, SyntheticControl
from sos_eval.inference import Randomization
from tests.fakes import RefitOnly, fit, noise_panel, panel_of

RNG = np.random.default_rng(0)


def value(method, panel):
    return overall(method.complete(panel)).estimate


# -- the number that is followed ------------------------------------------------------------------------------------


def test_the_quantity_is_the_overall_effect_with_its_interval():
    panel = noise_panel()
    found = overall(CallawaySantAnna().complete(panel))
    table = CallawaySantAnna().fit(
        panel.frame, unit="unit", time="time", outcome="outcome", first_treated="first_treated"
    )
    row = table[table["aggregation"] == "overall"].iloc[0]
    assert found.estimate == row["estimate"]
    assert (found.std_error, found.conf_low) == pytest.approx((row["std_error"], row["conf_low"]), rel=1e-12)
    assert found.p_value == pytest.approx(row["p_value"], rel=1e-9)


def test_a_ratio_is_followed_as_a_ratio():
    counts = np.array([[10.0, 10, 20], [20, 20, 40], [10, 10, 10], [30, 30, 30]])
    panel = panel_of(counts, [2003, 2003, np.inf, np.inf], exposure=np.ones((4, 3)))
    found = overall(PoissonDiD().complete(panel))
    assert (found.estimate, found.scale, found.neutral) == (pytest.approx(2.0), "ratio", 1.0)


# -- placebo in time ------------------------------------------------------------------------------------------------


def test_placebo_by_hand():
    """Start in 2004, placebo one year earlier: change from 2002 to 2003 of treated less untreated (two units each)."""
    y = np.array([[1.0, 2, 5, 90], [3, 3, 4, 80], [0, 1, 1, 0], [2, 2, 4, 0]])
    fitted = fit(CallawaySantAnna(), panel_of(y, [2004, 2004, np.inf, np.inf]))
    one, two, largest = PlaceboTime(shift=(1, 2)).check(fitted, RNG)
    assert np.isnan(largest.value)
    assert "6 possible adoptions are too few to compare with. The intervals" in largest.text
    assert one.value == pytest.approx((3 + 1) / 2 - (0 + 2) / 2)
    # two earlier: 2002 and 2003 against 2001, averaged
    assert two.value == pytest.approx(((1 + 4) / 2 + (0 + 1) / 2) / 2 - ((1 + 1) / 2 + (0 + 2) / 2) / 2)
    assert one.table["placebo_start"].tolist() == [2003]
    assert (one.name, one.passed) == ("placebo_time.1", None)


def test_placebo_reads_no_treated_period():
    panel = noise_panel(effect=3.0)
    wild = panel.matrix().copy()
    wild[:, 3:] = 1e9
    check = PlaceboTime(shift=(1, 2), draws=99)
    before, after = (
        [one.value for one in check.check(fit(TWFE(), made), np.random.default_rng(0))]
        for made in (panel, panel.with_outcome(wild))
    )
    assert before == after


def test_placebo_builds_the_comparison_group_again():
    panel = noise_panel()
    method = Nearest(on=("outcome_pre",), distance="outcome_pre")
    fitted = fit(TWFE(), panel, rebuild=Rebuilding(method))
    result, _ = PlaceboTime(shift=(1,), rebuilt_draws=19).check(fitted, RNG)
    earlier = panel.keep_times([2001, 2002, 2003])
    earlier = earlier.with_first_treated(np.where(earlier.ever_treated, 2003, np.inf))
    assert result.value == value(TWFE(), Rebuilding(method)(earlier))


def test_a_planted_earlier_effect_is_found_and_judged():
    panel = noise_panel(n_units=60, n_treated=30, seed=4)
    early = panel.matrix() + 10.0 * (panel.ever_treated[:, None] & (panel.times >= 2003))
    one, found = PlaceboTime(shift=(1,), min_p=0.05, draws=99).check(fit(TWFE(), panel.with_outcome(early)), RNG)
    assert one.value == pytest.approx(10, abs=1)
    assert one.passed is None
    assert (found.name, found.value, found.passed) == ("placebo_time.largest", 1 / 100, False)


def test_placebo_starts_have_one_p_among_all_adoptions():
    """Eight units, two of them treated: the largest statistic over both starts, in all 28 adoptions."""
    panel = panel_of(np.random.default_rng(3).normal(size=(8, 5)), [2005, 2005] + [np.inf] * 6)
    *each, found = PlaceboTime(shift=(1, 2)).check(fit(TWFE(), panel), RNG)
    early, sizes = panel.keep_times(panel.pre_times), []
    for pair in combinations(range(8), 2):
        size = []
        for start in (2004.0, 2003.0):
            made = TWFE().complete(early.with_first_treated(np.where(np.isin(range(8), pair), start, np.inf)))
            size.append(abs(overall(made).estimate) / overall(made).std_error)
        sizes.append(max(size))
    assert found.value == pytest.approx(sum(size >= sizes[0] * (1 - 1e-9) for size in sizes) / 28)
    assert found.table["placebo_start"].tolist() == [2004, 2003]
    assert found.table["statistic"].max() == pytest.approx(sizes[0])
    assert all("conventional interval" in one.text for one in each)


def test_placebo_starts_are_drawn_within_the_strata_of_the_headline():
    """Strata of four with one treated each: 16 adoptions, of which 20 would be needed."""
    made = panel_of(
        np.random.default_rng(4).normal(size=(8, 5)), [2005, *[np.inf] * 3] * 2, part=[0, 0, 0, 0, 1, 1, 1, 1]
    )
    found = PlaceboTime(shift=(1,)).check(replace(fit(TWFE(), made), strata=("part",)), RNG)[-1]
    assert "16 possible adoptions" in found.text


@pytest.mark.slow
@pytest.mark.parametrize("treated", [4, 10])
def test_placebo_starts_find_nothing_nineteen_times_in_twenty(treated):
    draws = 400
    fits = (fit(TWFE(), noise_panel(40, treated, 8, seed=seed)) for seed in range(draws))
    made = [PlaceboTime(draws=199).check(one, np.random.default_rng(k))[-1].value for k, one in enumerate(fits)]
    assert np.mean(np.array(made) <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / draws))


def test_placebo_that_cannot_be_done_says_why():
    late, judged = PlaceboTime(shift=(3,), min_p=0.1).check(fit(TWFE(), noise_panel()), RNG)
    assert np.isnan(late.value)
    assert judged.passed is None
    assert "Not done: no placebo start could be estimated." in judged.text
    assert late.text == "Not done: 3 periods lie before the first start, a placebo 3 earlier needs 4."
    bare, largest = PlaceboTime(shift=(1,), min_p=0.1, draws=99).check(fit(RefitOnly(), noise_panel()), RNG)
    assert 0.01 <= largest.value <= 1  # over the draws' own spread
    assert np.isfinite(bare.value)
    assert bare.passed is None
    assert "no interval exists" in bare.text


# -- leave one out --------------------------------------------------------------------------------------------------


def test_leave_one_out_is_the_estimate_without_each():
    panel = noise_panel(n_units=10, n_treated=4)
    result, *_ = LeaveOneOut().check(fit(CallawaySantAnna(), panel), RNG)
    expected = [
        value(CallawaySantAnna(), panel.keep([u for u in panel.units if u != gone])) for gone in panel.units[:4]
    ]
    assert result.table["unit"].tolist() == list(panel.units[:4])
    assert result.table["estimate"].tolist() == expected
    whole = value(CallawaySantAnna(), panel)
    assert result.table["change"].to_numpy() == pytest.approx(np.array(expected) - whole)
    assert result.value == pytest.approx(np.abs(np.array(expected) - whole).max())
    assert result.table[["conf_low", "conf_high", "p_value"]].isna().all(axis=None)  # three treated are left
    assert (result.table["std_error"] > 0).all()
    why = "no interval and no p: clustered errors of 3 treated clusters are not relied on"
    assert set(result.table["reason"]) == {why}


def test_leave_one_out_has_intervals_where_enough_treated_are_left():
    panel = noise_panel(n_units=60, n_treated=21)
    table = LeaveOneOut(draws=0).check(fit(CallawaySantAnna(), panel), RNG)[0].table
    assert (table["conf_low"] < table["estimate"]).all()
    assert table["p_value"].between(0, 1).all()
    assert set(table["reason"]) == {""}


def test_a_unit_that_carries_the_result_is_named():
    y = np.zeros((9, 4))
    y[2, 2:] = 40.0  # one treated unit of three has all of the effect
    y += 0.1 * np.random.default_rng(1).standard_normal(y.shape)
    panel = panel_of(y, [2003] * 3 + [np.inf] * 6)
    result, *_ = LeaveOneOut(max_change=5).check(fit(TWFE(), panel), RNG)
    assert result.text.startswith("Without u003 the estimate is")
    assert result.value == pytest.approx(40 / 3, abs=0.3)
    assert result.passed is False
    assert LeaveOneOut(max_change=50).check(fit(TWFE(), panel), RNG)[0].passed is True


def test_comparison_units_and_clusters_can_be_left_out_too():
    cluster = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    panel = noise_panel(n_units=10, n_treated=4, cluster=cluster)
    result, *_ = LeaveOneOut(drop=("comparison", "cluster")).check(fit(TWFE(), panel), RNG)
    assert result.table["left_out"].value_counts().to_dict() == {"comparison": 6, "cluster": 5}
    kept = panel.keep(panel.units[2:])
    row = result.table[(result.table["left_out"] == "cluster") & (result.table["unit"] == "a")].iloc[0]
    assert row["estimate"] == value(TWFE(), kept)


def test_a_unit_without_which_there_is_no_estimate_keeps_its_row_and_reason():
    panel = noise_panel(n_units=8, n_treated=1)
    result, *_ = LeaveOneOut(drop=("treated", "comparison"), max_change=1e9).check(fit(TWFE(), panel), RNG)
    alone = result.table.iloc[0]
    assert np.isnan(alone["estimate"])
    assert alone["reason"]
    assert result.passed is None
    assert result.text.endswith(f"; without {alone['unit']} it cannot be estimated.")


def test_the_largest_change_is_judged_among_all_adoptions():
    """Eight units, three treated: in each of the 56 adoptions the treated are left out in turn."""
    panel = panel_of(np.random.default_rng(11).normal(size=(8, 4)), [2003] * 3 + [np.inf] * 5)
    _, turned, unusual = LeaveOneOut().check(fit(TWFE(), panel), RNG)
    sizes, whole = [], 0.0
    for three in combinations(range(8), 3):
        chosen = panel.with_first_treated(np.where(np.isin(range(8), three), 2003.0, np.inf))
        each = [value(TWFE(), chosen.keep([u for u in panel.units if u != panel.units[k]])) for k in three]
        sizes.append(max(abs(one - value(TWFE(), chosen)) for one in each))
        if three == (0, 1, 2):
            whole = value(TWFE(), chosen)
            assert turned.value == sum(np.sign(one) != np.sign(whole) for one in each)
    assert unusual.value == pytest.approx(sum(size >= sizes[0] * (1 - 1e-9) for size in sizes) / 56)
    assert unusual.text.endswith("draws of random adoptions (56 were made).")
    none = LeaveOneOut(draws=0).check(fit(TWFE(), panel), RNG)[2]
    assert (np.isnan(none.value), none.text) == (True, "Not done: draws: 0 is declared.")


@pytest.mark.slow
def test_the_largest_change_is_judged_where_a_cohort_of_one_is_left_out():
    """Without the unit that starts in 2004 its cells are gone: all 168 adoptions by brute force."""
    starts = np.array([2003.0, 2003.0, 2004.0, *[np.inf] * 5])
    panel = panel_of(np.random.default_rng(11).normal(size=(8, 5)), starts)
    unusual = LeaveOneOut().check(fit(CallawaySantAnna(), panel), RNG)[2]
    sizes = {}
    for late in range(8):
        for early in combinations([k for k in range(8) if k != late], 2):
            own = np.where(np.arange(8) == late, 2004.0, np.where(np.isin(range(8), early), 2003.0, np.inf))
            chosen = panel.with_first_treated(own)
            gone = [panel.units != panel.units[k] for k in (*early, late)]
            each = [value(CallawaySantAnna(), chosen.keep(panel.units[left])) for left in gone]
            sizes[late, early] = max(abs(one - value(CallawaySantAnna(), chosen)) for one in each)
    seen = sizes[2, (0, 1)] * (1 - 1e-9)
    assert unusual.value == pytest.approx(sum(size >= seen for size in sizes.values()) / 168)


# -- robustness -----------------------------------------------------------------------------------------------------


def test_variants_are_the_estimator_on_changed_panels():
    panel = noise_panel(n_times=8, effect=1.0)
    method = CallawaySantAnna()
    check = Robustness(starts=(2003, 2005), windows=({"from": 2002, "to": 2006}, {"to": 2007}))
    (result,) = check.check(fit(method, panel), RNG)
    table = result.table.set_index("variant")["estimate"]
    assert list(table.index) == ["as declared", "first start 2003", "first start 2005", "2002 to 2006", "2001 to 2007"]
    assert table["as declared"] == value(method, panel)
    # starts are 2004 and 2005: everybody moves by the same
    moved = np.where(panel.ever_treated, panel.first_treated + 1, np.inf)
    assert table["first start 2005"] == value(method, panel.with_first_treated(moved))
    assert table["2002 to 2006"] == value(method, panel.keep_times([2002, 2003, 2004, 2005, 2006]))
    change = table.iloc[1:] - table.iloc[0]
    assert result.value == pytest.approx(change.abs().max())
    assert result.passed is None


def test_variants_that_cannot_be_done_stay_in_the_table():
    (result,) = Robustness(starts=(1990, 2005), windows=({"to": 2030},), max_change=1e9).check(
        fit(CallawaySantAnna(), noise_panel()), RNG
    )
    gone = result.table[result.table["estimate"].isna()]
    assert gone["reason"].tolist() == [
        "no start in 1990: the panel holds 2001 to 2006", "the panel holds 2001 to 2006 only",
    ]  # fmt: skip
    assert result.passed is None
    assert "2 could not be estimated" in result.text
    (none,) = Robustness(starts=(1990,)).check(fit(CallawaySantAnna(), noise_panel()), RNG)
    assert np.isnan(none.value)
    assert none.text.startswith("Not done: no start in 1990")


# -- declaration ----------------------------------------------------------------------------------------------------


def read(kind, **data):
    return declared(kind, data, Document(data, Path("x.yaml")))


def test_checks_read_from_a_design():
    check = read(Robustness, starts=[2014, 2015, 2016], windows=[{"from": 2011, "to": 2019}])
    assert check.windows == ({"from": 2011, "to": 2019},)
    assert read(PlaceboTime, shift=[2]).shift == (2,)
    assert read(LeaveOneOut, drop=["treated", "cluster"]).drop == ("treated", "cluster")


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (Robustness, {}, "write starts"),
        (Robustness, {"windows": [{"from": 2019, "to": 2011}]}, "which is before it"),
        (Robustness, {"windows": [{"form": 2011}]}, "form"),
        (PlaceboTime, {"shift": [0]}, "greater than or equal to 1"),
        (LeaveOneOut, {"max_chnge": 1}, 'did you mean "max_change"?'),
    ],
)
def test_faults_of_checks(kind, data, text):
    with pytest.raises(DesignFault) as fault:
        read(kind, **data)
    assert text in str(fault.value)


@pytest.mark.parametrize(
    "check", [PlaceboTime(), LeaveOneOut(drop=("treated", "comparison", "cluster")), Robustness(starts=(2005,))]
)
def test_checks_leave_the_fitted_panel_alone(check):
    fitted = fit(TWFE(), noise_panel())
    before = fitted.source.frame.copy(deep=True)
    check.check(fitted, RNG)
    pd.testing.assert_frame_equal(fitted.source.frame, before)


def test_an_estimate_outside_all_that_leave_one_out_is_told():
    """-0.187 with all, -1.20 to -3.47 without any one: told; with one omission on its other side: not."""
    without = np.array([-1.20, -2.0, -3.47, -1.5, -1.9])
    known = pd.DataFrame({"estimate": without, "change": without + 0.187})
    whole, made = Quantity(-0.187, *[np.nan] * 4, "identity"), noise_panel()
    [told] = _outside(known, whole, made)
    assert told.value == pytest.approx(1.013)
    assert told.text.startswith("The estimate, -0.187, lies outside all 5 that leave one out (-3.47 to -1.2)")
    assert _outside(known[:4], whole, made) == []
    assert _outside(known.assign(change=[1.0, -1, -1, -1, -1]), whole, made) == []


@pytest.mark.parametrize(("treated", "statistic"), [(3, "coefficient"), (5, "studentised")])
def test_what_is_only_divided_by_is_no_error_of_an_alternative(treated, statistic):
    """A synthetic control has ends and a p by the draws, of the headline's statistic, and no error of its own."""
    starts = [2005.0] * treated + [np.inf] * (7 - treated)
    panel = panel_of(np.random.default_rng(3).normal(size=(7, 6)).cumsum(1), starts, first_time=2001)
    own, level = {"augment": "none"}, {"level": "unit_means_out"}
    declared_one, other = (fit(SyntheticControl(**own, **more), panel) for more in ({}, level))
    curve = SpecificationCurve(vary={"level": (Alternative(estimator=level),)})
    for check in (Robustness(vary=(Alternative(estimator=level),)), curve):
        table = check.compare(declared_one, [Varied("level", other)], np.random.default_rng(1))[0].table
        assert np.isfinite(table[["conf_low", "p_value"]].to_numpy(float)).all()
        assert table["std_error"].isna().all()
        p = Randomization(statistic=statistic).infer(declared_one, np.random.default_rng(1)).table["p_value"]
        assert table["p_value"][0] == pytest.approx(p[declared_one.estimate.cells["aggregation"] == "overall"].iloc[0])
