"""Placebos in space: enumeration by hand, what is read, spread against error, and what cannot be done."""

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks import PlaceboUnits
from sos_eval.checks.quantity import overall
from sos_eval.comparison import Nearest, Rebuilding
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from tests.fakes import RefitOnly, fit, noise_panel, panel_of


def checked(fitted, seed=0, **options):
    return {one.name: one for one in PlaceboUnits(**options).check(fitted, np.random.default_rng(seed))}


def test_one_treated_unit_is_set_against_every_untreated_one():
    """Changes after the start: treated 5; untreated 1, -2, 0, 4, -3. A placebo is a change less the others' mean."""
    change = np.array([5.0, 1, -2, 0, 4, -3])
    y = np.column_stack([np.zeros(6), np.zeros(6), change])
    found = checked(fit(TWFE(), panel_of(y, [2003] + [np.inf] * 5)))
    expected = [c - (0.0 - c) / 4 for c in change[1:]]  # the five sum to zero
    result = found["placebo_units"]
    assert result.table["estimate"].to_numpy() == pytest.approx(expected)
    assert (result.statistic, result.value) == ("spread", pytest.approx(np.sqrt(np.mean(np.square(expected)))))
    assert "Of 5 sets of 1 of the 5 untreated units, given the same starts, 95 in 100 lie between" in result.text
    assert "p =" not in result.text


def test_the_estimate_s_own_units_never_play():
    panel = noise_panel(n_units=16, n_treated=4)
    wild = panel.matrix().copy()
    wild[:4] += 1e9
    one, other = (checked(fit(TWFE(), p))["placebo_units"] for p in (panel, panel.with_outcome(wild)))
    assert other.table["estimate"].to_numpy() == pytest.approx(one.table["estimate"].to_numpy())


def test_placebos_keep_the_pattern_of_starts():
    panel = noise_panel()  # four units start in 2004, four in 2005
    found = checked(fit(CallawaySantAnna(), panel), draws=20)["placebo_units"]
    assert len(found.table) == 20
    assert found.table["std_error"].notna().all()
    assert checked(fit(CallawaySantAnna(), panel), draws=20)["placebo_units"].table.equals(found.table)
    assert not checked(fit(CallawaySantAnna(), panel), seed=1, draws=20)["placebo_units"].table.equals(found.table)


def test_the_comparison_group_is_built_again():
    panel = noise_panel(n_units=12, n_treated=1)
    method = Nearest(on=("outcome_pre",), distance="outcome_pre")
    found = checked(fit(TWFE(), panel, rebuild=Rebuilding(method)))["placebo_units"]
    rest = panel.keep(panel.units[1:])
    starts = np.full(11, np.inf)
    starts[4] = 2004
    fifth = TWFE().complete(Rebuilding(method)(rest.with_first_treated(starts)))
    assert found.table["estimate"].iloc[4] == pytest.approx(overall(fifth).estimate)


def test_a_ratio_is_compared_in_logs():
    rng = np.random.default_rng(2)
    counts = rng.poisson(40, (12, 5)) + 1.0
    counts[:2, 3:] *= 3
    panel = panel_of(counts, [2004] * 2 + [np.inf] * 10, exposure=np.ones((12, 5)))
    found = checked(fit(PoissonDiD(), panel))
    assert len(found["placebo_units"].table) == 45  # every pair of ten
    assert found["placebo_units"].table["estimate"].between(0.5, 2).all()
    spread = np.sqrt(np.mean(np.log(found["placebo_units"].table["estimate"]) ** 2))
    assert found["placebo_units"].value == pytest.approx(spread)
    assert "on the log scale" in found["placebo_units.error_ratio"].text


def test_spread_is_set_beside_the_error():
    found = checked(fit(TWFE(), noise_panel(n_units=30, n_treated=4)), draws=200, max_error_ratio=1e-3)
    ratio = found["placebo_units.error_ratio"]
    values = found["placebo_units"].table["estimate"]
    assert ratio.table["spread"].iloc[0] == pytest.approx(np.sqrt((values**2).mean()))
    assert ratio.value == pytest.approx(ratio.table["spread"].iloc[0] / ratio.table["std_error"].iloc[0])
    assert ratio.passed is False
    errors = found["placebo_units"].table["std_error"]
    own = np.sqrt((values**2).mean() / (errors**2).mean())
    assert found["placebo_units.own_error_ratio"].value == pytest.approx(own)


def test_what_cannot_be_done_is_said():
    found = checked(fit(TWFE(), noise_panel(n_units=10, n_treated=6)), max_error_ratio=2)
    for result in found.values():
        assert np.isnan(result.value)
        assert result.passed is None
        assert "4 untreated units cannot play 6 treated and a comparison" in result.text
    bare = checked(fit(RefitOnly(), noise_panel()), draws=30)
    assert np.isfinite(bare["placebo_units"].value)
    assert bare["placebo_units.error_ratio"].text == "Not done: the estimate has no standard error."


def test_placebos_whose_matching_loses_a_cohort_are_aligned_by_their_cells():
    """Seven units start in 2004 or 2005; nine donors for seven placebos, so some cohorts lose all their units."""
    panel = noise_panel(n_units=16, n_treated=7)
    method = Nearest(on=("outcome_pre",), distance="outcome_pre")
    fitted = fit(CallawaySantAnna(), panel, rebuild=Rebuilding(method))
    found = checked(fitted, draws=60)["placebo_units"]
    assert len(found.table) == 60
    assert found.table["estimate"].notna().any()


def test_sets_are_drawn_within_the_strata_of_the_headline_s_lots():
    """Small units are noisy and none of them is treated: sets that held some would lie too widely apart."""
    rng = np.random.default_rng(5)
    small = np.arange(40) >= 20
    y = rng.normal(size=(40, 6)) * np.where(small, 9.0, 1.0)[:, None]
    panel = panel_of(y, [2004] * 4 + [np.inf] * 36, side=np.where(small, "small", "large"))
    wide = checked(fit(TWFE(), panel))["placebo_units"]
    within = PlaceboUnits().check(replace(fit(TWFE(), panel), strata=("side",)), np.random.default_rng(0))[0]
    assert len(within.table) == 499
    assert within.value < 0.75 * wide.value


def test_a_stratum_without_enough_untreated_units_is_a_reason():
    panel = panel_of(
        np.random.default_rng(1).normal(size=(12, 6)), [2004] * 3 + [np.inf] * 9, side=list("aaaabbbbbbbb")
    )
    found = PlaceboUnits().check(replace(fit(TWFE(), panel), strata=("side",)), np.random.default_rng(0))
    assert all("1 untreated units cannot play 3 treated" in one.text for one in found)
