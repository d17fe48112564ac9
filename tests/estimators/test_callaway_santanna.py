"""Group-time effects by hand on eight units, and at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import CallawaySantAnna
from sos_eval.estimators._adjusted import PAIRS
from sos_eval.results import aggregate
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, panel, row

Y = [
    [1, 2, 7], [2, 4, 5],                       # treated from 2: changes 1->2: 1, 2; 1->3: 6, 3
    [0, 1, 5], [3, 3, 6],                       # treated from 3: changes 1->2: 1, 0; 2->3: 4, 3
    [1, 1, 2], [2, 3, 3], [4, 4, 6], [5, 7, 7],  # never: 1->2: 0, 1, 0, 2; 1->3: 1, 1, 2, 2; 2->3: 1, 0, 2, 0
]  # fmt: skip
G = [2, 2, 3, 3, INF, INF, INF, INF]


def test_cells_by_hand_with_never_treated_comparison():
    estimate = CallawaySantAnna().complete(panel(Y, G))
    # (2, 2): mean(1, 2) - mean(0, 1, 0, 2) = 1.5 - 0.75; (2, 3): mean(6, 3) - mean(1, 1, 2, 2) = 4.5 - 1.5
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["value"] == pytest.approx(0.75)
    assert row(estimate, aggregation="group_time", cohort=2, time=3)["value"] == pytest.approx(3.0)
    # (3, 2) is before the start: mean(1, 0) - 0.75; (3, 3): mean(4, 3) - mean(1, 0, 2, 0) = 3.5 - 0.75
    assert row(estimate, aggregation="group_time", cohort=3, time=2)["value"] == pytest.approx(-0.25)
    assert row(estimate, aggregation="group_time", cohort=3, time=3)["value"] == pytest.approx(2.75)


def test_error_by_hand():
    estimate = CallawaySantAnna().complete(panel(Y, G))
    # (2, 2): squared deviations of the treated (0.5, 0.5) / 2^2 each, of the never treated around 0.75 / 4^2
    treated = 2 * 0.5**2 / 2**2
    never = (0.75**2 + 0.25**2 + 0.75**2 + 1.25**2) / 4**2
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["error"] == pytest.approx(np.sqrt(treated + never))


def test_not_yet_treated_units_join_the_comparison():
    estimate = CallawaySantAnna(control="not_yet_treated").complete(panel(Y, G))
    # (2, 2) is compared with cohort 3 as well: mean(1, 0, 0, 1, 0, 2) = 4 / 6
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["value"] == pytest.approx(1.5 - 4 / 6)
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["n_units"] == 8
    assert row(estimate, aggregation="group_time", cohort=2, time=3)["value"] == pytest.approx(3.0)


def test_aggregations_by_hand():
    estimate = CallawaySantAnna().complete(panel(Y, G))
    # cohorts are equally large: e = 0 averages (2, 2) and (3, 3); overall averages cohort means 1.875 and 2.75
    assert row(estimate, aggregation="event_time", event_time=0)["value"] == pytest.approx((0.75 + 2.75) / 2)
    assert row(estimate, aggregation="event_time", event_time=None)["value"] == pytest.approx((1.75 + 3.0) / 2)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx((1.875 + 2.75) / 2)
    assert row(estimate, aggregation="simple")["value"] == pytest.approx((0.75 + 3.0 + 2.75) / 3)
    assert row(estimate, aggregation="calendar", time=3)["value"] == pytest.approx((3.0 + 2.75) / 2)
    assert row(estimate, aggregation="calendar", time=None)["value"] == pytest.approx((0.75 + 2.875) / 2)


def test_weights_replace_copies():
    """A unit of weight two is two units; its error differs, for there is one draw and not two."""
    copied = panel([*Y, Y[0], Y[5]], [*G, 2, INF])
    weighted = panel(Y, G, weights=[2, 1, 1, 1, 1, 2, 1, 1])
    one, two = CallawaySantAnna().complete(copied), CallawaySantAnna().complete(weighted)
    np.testing.assert_allclose(one.values, two.values, rtol=1e-12)


def test_universal_base_is_zero_by_construction():
    estimate = CallawaySantAnna(base_period="universal").complete(panel(Y, G))
    base = row(estimate, aggregation="group_time", cohort=3, time=2)
    assert base["value"] == 0
    assert np.isnan(base["error"])
    assert base["reason"] == "base period: zero by construction"
    assert row(estimate, aggregation="event_time", event_time=-1)["reason"] == "base period: zero by construction"
    # (3, 1) against 2: -(mean(1, 0) - 0.75)
    assert row(estimate, aggregation="group_time", cohort=3, time=1)["value"] == pytest.approx(0.25)


def test_an_aggregate_counts_all_units_that_its_cells_rest_on():
    """Each cell compares two treated with four never treated; together they rest on eight units and 24 rows."""
    y = np.arange(24, dtype=float).reshape(8, 3) ** 1.5
    estimate = CallawaySantAnna(control="never_treated").complete(panel(y, [2, 2, 3, 3, INF, INF, INF, INF]))
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["n_units"] == 6
    overall = row(estimate, aggregation="overall")
    assert (overall["n_units"], overall["n_obs"], overall["n_treated_units"]) == (8, 24, 4)
    assert row(estimate, aggregation="cohort", cohort=2)["n_units"] == 6


@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_units_worked_on_a_few_at_a_time_give_the_same(monkeypatch, at_once):
    """Influence and counts of the aggregates do not depend on how many units are worked on at a time."""
    whole = CallawaySantAnna(base_period="universal").complete(panel(Y, G))
    monkeypatch.setattr(aggregate, "_UNITS_AT_ONCE", at_once)
    parts = CallawaySantAnna(base_period="universal").complete(panel(Y, G))
    np.testing.assert_allclose(parts.influence, whole.influence, rtol=1e-12, atol=1e-12)
    pd.testing.assert_frame_equal(parts.cells, whole.cells)


def test_a_start_in_an_omitted_period():
    """Units that start in 2015, which nobody observed, are compared with 2014 from 2016 on."""
    y = np.array([[1, 2, 6, 9], [1, 4, 6, 9], [0, 0, 1, 1], [0, 2, 1, 3]], float)
    estimate = CallawaySantAnna().complete(panel(y, [2015, 2015, INF, INF], times=[2013, 2014, 2016, 2017]))
    # 2014 -> 2016: mean(4, 2) - mean(1, -1); no cell at 2015, so no event time zero
    assert row(estimate, aggregation="group_time", time=2016)["value"] == pytest.approx(3.0)
    assert list(estimate.cells.loc[estimate.cells["aggregation"] == "event_time", "event_time"].dropna()) == [-1, 1, 2]


def test_a_start_just_after_the_last_period_is_no_comparison_where_units_anticipate():
    """The unit that starts in 2016 is declared to respond in 2015, the last period: refused by name, not compared."""
    rows = [
        {"unit": f"u{i}", "time": t, "g": g, "y": float(i + (t - 2010) * (i % 2))}
        for i, g in enumerate([2014, 2014, 2016, 2017, 0, 0])
        for t in range(2010, 2016)
    ]
    frame, names = pd.DataFrame(rows), {"unit": "unit", "time": "time", "outcome": "y", "first_treated": "g"}
    for control in ("never_treated", "not_yet_treated"):
        with pytest.raises(NotIdentified, match=r"start within the anticipation \(1\) after the last period .*: u2;"):
            CallawaySantAnna(anticipation=1, control=control).fit(frame, **names)
        CallawaySantAnna(anticipation=0, control=control).fit(frame, **names)
        CallawaySantAnna(anticipation=1, control=control).fit(frame[frame["unit"] != "u2"], **names)


def test_weights_that_vary_are_those_before_the_first_start_or_a_unit_s_own():
    """Unit 7 is seen from period 2 on, where the first start is: its weight is the mean of its own."""
    base = panel(Y, G)
    weight = np.array([[2, 8, 8]] * 3 + [[4, 8, 8]] * 4 + [[0, 3, 5]], float)
    made = replace(base.with_columns(weight=weight.ravel()), weighted=True)
    made = replace(made, frame=made.frame.iloc[np.r_[0:21, 22, 23]].reset_index(drop=True))
    np.testing.assert_array_equal(made.weights, [2, 2, 2, 4, 4, 4, 4, 4])
    estimate = CallawaySantAnna().complete(made)
    assert np.isfinite(estimate.values).all()
    np.testing.assert_array_equal(made.with_first_treated(np.roll(made.first_treated, 3)).weights, made.weights)


@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr", "dr_improved"])
def test_a_covariate_far_from_zero_gives_the_same(adjust):
    rng = np.random.default_rng(2)
    base = panel(rng.normal(size=(40, 3)), [2] * 9 + [3] * 9 + [INF] * 22)
    x = np.repeat(rng.normal(size=40), 3)
    near, far = (
        CallawaySantAnna(adjust=adjust).complete(replace(base.with_columns(x=x + shift), covariates=("x",)))
        for shift in (0.0, 1e7)
    )
    np.testing.assert_allclose(far.values, near.values, rtol=1e-6)
    np.testing.assert_allclose(far.influence, near.influence, rtol=1e-5, atol=1e-6)


def test_anticipation_moves_the_base_and_the_comparison():
    y = np.arange(24, dtype=float).reshape(6, 4) ** 1.5
    starts = [4, 4, 3, INF, INF, INF]
    estimate = CallawaySantAnna(anticipation=1, control="not_yet_treated").complete(panel(y, starts))
    change = y[:, 3] - y[:, 1]  # cohort 4, one period of anticipation: base is 2; cohort 3 is no comparison at 4
    assert row(estimate, aggregation="group_time", cohort=4, time=4)["value"] == pytest.approx(
        change[:2].mean() - change[3:].mean()
    )
    early = y[:, 2] - y[:, 1]  # an anticipated period is compared with the same base
    assert row(estimate, aggregation="group_time", cohort=4, time=3)["value"] == pytest.approx(
        early[:2].mean() - early[3:].mean()
    )


def test_units_treated_from_the_start_are_left_out_and_named():
    estimate = CallawaySantAnna().complete(panel([*Y, [1, 5, 9]], [*G, 1]))
    np.testing.assert_allclose(estimate.values, CallawaySantAnna().complete(panel(Y, G)).values)
    row = estimate.panel.flow[-1]
    assert (row.names, row.reason) == ("u08", "no period observed before the start")


def test_without_never_treated_units_the_last_cohort_stands_in():
    estimate = CallawaySantAnna(control="not_yet_treated").complete(panel(Y[:4], G[:4]))
    assert row(estimate, aggregation="group_time")["value"] == pytest.approx(1.5 - 0.5)
    assert estimate.notes == ("no unit is untreated from 3 on: those periods are left out",)
    with pytest.raises(NotIdentified, match=r"no unit is untreated throughout; write control: not_yet_treated"):
        CallawaySantAnna().complete(panel(Y[:4], G[:4]))


def test_one_treated_unit_has_an_effect_and_no_analytic_error():
    estimate = CallawaySantAnna().complete(panel([Y[0], *Y[4:]], [2, INF, INF, INF, INF]))
    assert row(estimate, aggregation="overall")["value"] == pytest.approx((0.25 + 4.5) / 2)
    assert np.isnan(clustered_error(estimate)).all()
    assert estimate.cells["reason"].str.startswith("one treated unit").all()


@pytest.mark.parametrize(
    ("starts", "what"),
    [
        ([2] * 8, "no unit is untreated while another is treated; .* keep units that start later or never"),
        ([INF] * 8, "no unit starts within"),
        ([1] * 4 + [INF] * 4, "no unit starts"),
    ],
)
def test_what_cannot_be_compared_is_refused(starts, what):
    with pytest.raises(NotIdentified, match=what):
        CallawaySantAnna().estimate(panel(Y, starts))


def _with_gaps():
    y = np.array(Y, float)
    y[0, 0], y[7, 2] = np.nan, np.nan
    return panel(y, G)


def test_gaps_compare_units_with_themselves_by_hand():
    """Unit 0 lacks period 1, unit 7 period 3: each is left out of the cells that need what it lacks."""
    estimate = CallawaySantAnna().complete(_with_gaps())
    # (2, 2): the treated unit 1 goes from 2 to 4; never treated 1->2 as before, 0.75
    cell = row(estimate, aggregation="group_time", cohort=2, time=2)
    assert cell["value"] == pytest.approx(2 - 0.75)
    assert [cell[name] for name in ("n_obs", "n_units", "n_treated_units")] == [10, 5, 1]
    # (2, 3): unit 1 goes from 2 to 5; never treated 4, 5, 6 from 1, 2, 4 to 2, 3, 6
    assert row(estimate, aggregation="group_time", cohort=2, time=3)["value"] == pytest.approx(3 - 4 / 3)
    assert estimate.notes[0] == "2 rows without outcome, covariate or weight are left out: u00, u07"
    assert estimate.notes[1] == PAIRS


def test_a_missing_row_makes_no_effect():
    """Every unit is on the common trend, at a level of its own: with pairs no missing row moves an effect off zero."""
    y = np.add.outer([0.0, 50, 3, 80, 1, 20, 40, 90], [0.0, 2, 5])
    y[1, 2], y[6, 0] = np.nan, np.nan
    pairs, levels = (CallawaySantAnna(gaps=gaps).complete(panel(y, G)).values for gaps in (None, "levels"))
    np.testing.assert_allclose(pairs, 0, atol=1e-12)
    assert np.abs(levels).max() > 10


def test_gaps_compare_levels_by_hand():
    estimate = CallawaySantAnna(gaps="levels").complete(_with_gaps())
    # (2, 2): treated mean(2, 4) - mean(2) = 1; never treated 1->2 as before, 0.75
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["value"] == pytest.approx(1 - 0.75)
    # (2, 3): treated mean(7, 5) - mean(2) = 4; never treated mean(2, 3, 6) - mean(1, 2, 4, 5)
    assert row(estimate, aggregation="group_time", cohort=2, time=3)["value"] == pytest.approx(4 - (11 / 3 - 3))
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["n_obs"] == 11
    assert estimate.notes[0] == "2 rows without outcome, covariate or weight are left out: u00, u07"
    assert "the panel has gaps" in estimate.notes[1]


def test_a_cell_with_nobody_to_compare_is_nan_and_says_so():
    y = np.array(Y, float)
    y[4:, 2] = np.nan  # no never treated unit is seen in period 3
    estimate = CallawaySantAnna().complete(panel(y, G))
    cell = row(estimate, aggregation="group_time", cohort=2, time=3)
    assert np.isnan(cell["value"])
    assert cell["reason"] == "no observation: comparison"
    overall = row(estimate, aggregation="overall")
    assert np.isnan(overall["value"])
    assert overall["reason"] == "averages cells that are not identified: (2, 3), (3, 3)"
    assert np.isfinite(row(estimate, aggregation="event_time", event_time=-1)["value"])


def test_covariates_of_the_base_period_by_regression():
    """With one binary covariate, regression adjustment reweights the never treated to the treated's mix."""
    base = panel(Y, G)
    z = np.repeat([1, 1, 0, 1, 0, 0, 1, 1], 3).astype(float)
    estimate = CallawaySantAnna(adjust="reg").complete(replace(base.with_columns(z=z), covariates=("z",)))
    # cohort 2 has z = 1 throughout: (2, 2) is compared with units 6 and 7, changes 0 and 2
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["value"] == pytest.approx(1.5 - 1)
    # cohort 3 has z = 0, 1: predicted changes 2->3 are mean(1, 0) and mean(2, 0)
    assert row(estimate, aggregation="group_time", cohort=3, time=3)["value"] == pytest.approx(3.5 - 0.75)


def test_categories_are_indicators():
    base = panel(Y, G)
    word = np.repeat(["b", "b", "a", "b", "a", "a", "b", "b"], 3)
    number = (word == "b").astype(float)
    one = CallawaySantAnna(adjust="reg").complete(replace(base.with_columns(z=word), covariates=("z",)))
    two = CallawaySantAnna(adjust="reg").complete(replace(base.with_columns(z=number), covariates=("z",)))
    np.testing.assert_allclose(one.values, two.values, rtol=1e-12)


def test_covariates_that_separate_are_a_reason_and_no_number():
    base = panel(Y, G)
    z = np.repeat([1, 1, 1, 1, 0, 0, 0, 0], 3).astype(float)
    changed = replace(base.with_columns(z=z), covariates=("z",))
    estimate = CallawaySantAnna(adjust="ipw").complete(changed)
    assert np.isnan(estimate.values).all()
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["reason"].startswith("propensity model: ")
    note = CallawaySantAnna(adjust="dr").complete(base).notes
    assert note == ("adjust: dr has no covariates to adjust for: the estimate is unadjusted",)


def test_balanced_and_windowed_event_times_by_hand():
    """Only the cohort of 2 is seen a period after its start: 0.75 and 3; at event time 0 both: (0.75 + 2.75) / 2."""
    whole, balanced, first = (
        CallawaySantAnna(**options).complete(panel(Y, G)) for options in ({}, {"balance_e": 1}, {"window": (0, 0)})
    )
    events = balanced.cells[balanced.cells["aggregation"] == "event_time"].assign(
        value=balanced.values[(balanced.cells["aggregation"] == "event_time").to_numpy()]
    )
    assert events["event_time"].tolist()[:2] == [0, 1]
    assert events["value"].tolist() == pytest.approx([0.75, 3.0, 1.875])
    assert events["n_treated_units"].tolist() == [2, 2, 2]
    shown = (first.cells["aggregation"] == "event_time").to_numpy()
    assert first.values[shown] == pytest.approx([1.75, 1.75])
    for one in (balanced, first):
        for aggregation in ("group_time", "cohort", "calendar", "overall", "simple"):
            rows = [(e.cells["aggregation"] == aggregation).to_numpy() for e in (one, whole)]
            assert np.array_equal(one.values[rows[0]], whole.values[rows[1]])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"balance_e": 5}, "balance_e leaves"), ({"window": (-3, -1)}, "window leaves"),
        ({"balance_e": 0, "window": (1, 2)}, "balance_e and window leave"),
    ],
)  # fmt: skip
def test_nothing_left_to_average_is_refused(options, named):
    with pytest.raises(NotIdentified, match=f"{named} no event time from the start on; the cohorts"):
        CallawaySantAnna(**options).complete(panel(Y, G))
