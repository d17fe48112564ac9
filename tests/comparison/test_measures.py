"""Balance beyond `balance.csv`: by hand, and beside the stored numbers of cobalt and cem."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks.balance import balance_results
from sos_eval.comparison import BalanceLimits, Nearest, build
from sos_eval.comparison.measures import MEASURE_COLUMNS, measures_table
from sos_eval.numerics.coarsen import bins_freedman_diaconis, bins_scott, bins_sturges, round_breaks
from sos_eval.numerics.overlap import overlap_coefficient
from sos_eval.numerics.strata import common_support, joint_distance, strata
from sos_eval.panel.pretreatment import outcome_pre
from tests.comparison.panels import NEVER, eight, panel_of
from tests.reference.stored import cases, data

TREATED = np.array([True, True, True, False, False, False, False, False])
ONE = np.ones(8)


def measured(panel, values, weights=ONE):
    table = measures_table(values, panel.ever_treated, panel.weights, weights, outcome_pre(panel.blinded()))
    assert tuple(table.columns) == MEASURE_COLUMNS
    return table.set_index(["measure", "covariate", "stage"])


def test_joint_distance_by_hand():
    cell = np.array([0, 0, 1, 0, 1, 1, 2, 2])
    # treated 2/3, 1/3, 0; comparison 1/5, 2/5, 2/5: half of 7/15 + 1/15 + 6/15
    assert joint_distance(cell, TREATED, ONE) == pytest.approx(7 / 15)
    assert common_support(cell, TREATED, ONE) == pytest.approx(2 / 3)
    # without g and h: comparison 1/3, 2/3, and both of two cells hold both
    weights = np.array([1, 1, 1, 1, 1, 1, 0, 0.0])
    assert joint_distance(cell, TREATED, weights) == pytest.approx(1 / 3)
    assert common_support(cell, TREATED, weights) == 1


def test_strata_number_the_combinations_that_occur():
    assert strata([np.array([0, 2, 0, 2]), np.array([1, 0, 1, 5])]).tolist() == [0, 1, 0, 2]
    wide = strata([np.array([0, 10**6, 7])] * 6)
    assert wide.tolist() == [0, 2, 1]


def test_overlap_of_two_values_is_one_less_the_difference_of_shares():
    x = np.array([1, 1, 0, 1, 0, 0, 0, 0.0])
    assert overlap_coefficient(x, TREATED, ONE) == pytest.approx(1 - (2 / 3 - 1 / 5))
    assert overlap_coefficient(x, TREATED, np.array([1, 1, 1, 2, 1, 0, 0, 0.0])) == pytest.approx(1)


def test_overlap_of_shifted_normals_is_the_one_of_the_formula():
    from scipy.stats import norm

    grid = norm.ppf((np.arange(4000) + 0.5) / 4000)
    x, treated = np.concatenate([grid, grid + 1]), np.repeat([True, False], 4000)
    width = 1.06 * 4000**-0.2  # the kernel widens both densities
    expected = 2 * norm.cdf(-0.5 / np.sqrt(1 + width**2))
    assert overlap_coefficient(x, treated, np.ones(8000)) == pytest.approx(expected, abs=2e-3)
    same = overlap_coefficient(np.concatenate([grid, grid]), treated, np.ones(8000))
    assert same == pytest.approx(1, abs=1e-6)


def test_no_density_where_most_values_are_one():
    x = np.array([0, 0, 0, 1, 2, 3, 4, 5.0])
    assert np.isnan(overlap_coefficient(x, TREATED, ONE))
    found = measured(eight(), pd.DataFrame({"x": x}))
    assert "one value" in found.loc[("overlap", "x", "before"), "reason"]


def test_round_breaks_are_those_of_pretty():
    np.testing.assert_allclose(round_breaks(17, 55, 10), [15, 20, 25, 30, 35, 40, 45, 50, 55])
    np.testing.assert_allclose(round_breaks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(round_breaks(-1, 1, 3), [-1, -0.5, 0, 0.5, 1])
    assert len(round_breaks(3, 3, 1)) >= 2


def test_bins_by_three_rules():
    x = np.arange(8.0)
    assert bins_sturges(x) == 4
    # 7 over 3.5 sd / 2, sd^2 = 6: 7 / 4.2866; 7 over 2 * 3.5 / 2
    assert bins_scott(x) == 2
    assert bins_freedman_diaconis(x) == 2
    assert bins_scott(np.ones(8)) == bins_freedman_diaconis(np.ones(8)) == 1


def test_prognostic_score_by_hand():
    """Untreated outcomes before are 3 + 2 x exactly, so the score is that line: its difference is x's own."""
    x = np.array([1.0, 2, 3, 0, 1, 2, 3, 4])
    outcome = np.repeat((3 + 2 * x)[:, None], 3, axis=1) + np.array([50, 60, 70, 0, 0, 0, 0, 0])[:, None]
    panel = panel_of(list("abcdefgh"), [1, 2, 3], [3, 3, 3, *[NEVER] * 5], outcome, x=x)
    weights = np.array([1, 1, 1, 0, 0, 2, 1, 0.0])
    found = measured(panel, pd.DataFrame({"x": x}), weights)
    assert found.loc[("prognostic", "", "before"), "value"] == pytest.approx(0, abs=1e-12)
    assert found.loc[("prognostic", "", "after"), "value"] == pytest.approx(-1 / 3)
    assert found.loc[("ess_comparison", "", "after"), "value"] == pytest.approx(9 / 5)
    own = measured(panel, pd.DataFrame({"outcome_pre": outcome[:, 0]}))
    assert own.loc[("prognostic", "", "after"), "reason"] == "no covariate but the earlier outcome itself"


def test_further_limits_are_judged_only_where_they_are_declared():
    limits = BalanceLimits(max_ks=0.5, min_overlap=0.99, max_l1=1.0, max_prognostic=9.0, min_ess=3)
    method = Nearest(on=("poor",), distance="poor", balance=limits)
    panel = eight(poor=[1.6, 5, 9, 1.5, 4, 2, 8.25, 20])
    found = {one.name: one for one in balance_results(method, build(method, panel))}
    assert found["balance.max_ks"].value == pytest.approx(1 / 3)
    assert found["balance.max_ks"].passed is True
    assert found["balance.min_overlap"].passed is False
    assert found["balance.min_ess"].passed is True
    assert found["balance.min_ess"].text == (
        "The effective number of comparison units after the comparison group was built is 3.00; "
        "the declared limit is 3."
    )
    assert {"balance.max_l1", "balance.max_prognostic"} <= set(found)


def test_a_method_that_changes_nothing_says_so():
    panel = panel_of(list("abcd"), [1, 2, 3], [3, 3, NEVER, NEVER], np.arange(12.0).reshape(4, 3), x=[1.0, 2, 1.5, 3])
    made = build(Nearest(on=("x",), distance="x"), panel)
    assert "nearest-neighbour matching changed nothing: all 4 units" in made.notes[0]
    assert not any("changed nothing" in note for note in build(Nearest(on=("x",), distance="x"), eight(x=ONE)).notes)


def test_units_that_start_at_different_times_are_compared_together_and_that_is_said():
    note = build(Nearest(on=("x",), distance="x"), eight(x=np.arange(8.0))).notes[-1]
    assert note.startswith("units that start at 2 different times are compared together, on values before the first")
    assert "(2013)" in note
    once = panel_of(list("abcd"), [1, 2, 3], [3, 3, NEVER, NEVER], np.zeros((4, 3)), x=[1.0, 2, 1.5, 3])
    assert not any("different times" in one for one in build(Nearest(on=("x",), distance="x"), once).notes)


@pytest.mark.reference
@pytest.mark.parametrize("case", ["auth_cem_sturges", "auth_cem_scott", "auth_cem_fd", "auth_cem_q4", "auth_cem_bins3"])
def test_joint_distance_and_support_are_cem_s(case):
    """The weights of the case through our cells: L1 at 1e-8, as cem's ``L1.meas`` gives it."""
    units, values = data("authority_134.csv"), cases("full_matching")[case]["values"]
    treated, names = units["treat"].to_numpy() == 1, values["L1"]["variables"]
    outcome = np.zeros((134, 2))
    starts = np.where(treated, 2, np.inf)
    panel = panel_of([f"u{i:03}" for i in range(134)], [1, 2], starts, outcome)
    table = measured(panel, units[names].astype(float), np.array(values["weights"], float))
    for ours, theirs, scale in (("l1", "", 1), ("local_common_support", "LCS_", 100)):
        for stage in ("before", "after"):
            found = scale * table.loc[(ours, "", stage), "value"]
            assert found == pytest.approx(values["L1"][f"{theirs}{stage}"], abs=1e-8)


@pytest.mark.reference
def test_overlap_is_cobalt_s():
    """To 2e-3: cobalt's densities stand on a shifted grid of 512 points."""
    units, values = data("authority_134.csv"), cases("weighting")["auth_ipw_att"]["values"]
    treated, weights = units["treat"].to_numpy() == 1, np.array(values["weights"])
    for name, stored in values["balance"].items():
        x = units[name].to_numpy(float)
        assert 1 - overlap_coefficient(x, treated, weights) == pytest.approx(stored["one_minus_ovl"], abs=2e-3)
        assert 1 - overlap_coefficient(x, treated, np.ones(134)) == pytest.approx(stored["one_minus_ovl_un"], abs=2e-3)
