"""Stratum-by-period effects: by hand on eight units, by dummies, and what they do to lots drawn by stratum."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import (
    AIPW,
    TWFE,
    CallawaySantAnna,
    EventStudyTWFE,
    InterruptedTimeSeries,
    Multilevel,
    PoissonDiD,
)
from sos_eval.results.assignments import assignment_space, stratified
from sos_eval.results.strata import NO_STRATA
from tests.estimators.panels import INF, counts_panel, panel, row
from tests.estimators.test_aipw import children

STARTS = [2, INF, INF, INF, 2, 2, INF, INF]
SIDE = ["a"] * 4 + ["b"] * 4


def with_side(made, side=SIDE):
    return stratified(made.with_columns(side=np.repeat(side, made.n_times)), ("side",))


def test_cells_compare_within_strata_by_hand():
    # changes: a: treated 5; others 1, 2, 3 (mean 2). b: treated 4, 8; others 1, 5 (mean 3). (3 + 1 + 5) / 3
    change = np.array([5.0, 1, 2, 3, 4, 8, 1, 5])
    made = with_side(panel(np.column_stack([np.arange(8), np.arange(8) + change]), STARTS))
    assert row(CallawaySantAnna().complete(made), aggregation="overall")["value"] == pytest.approx(3.0)


def test_regression_by_hand():
    # less each side's mean change (2.75 and 4.5), treatment less its mean (1/4, 1/2): sums 2.25 + 3 over .75 + 1
    change = np.array([5.0, 1, 2, 3, 4, 8, 1, 5])
    made = with_side(panel(np.column_stack([np.arange(8), np.arange(8) + change]), STARTS))
    assert row(TWFE().complete(made), aggregation="overall")["value"] == pytest.approx((2.25 + 3) / 1.75)


def by_dummies(frame):
    """Return the coefficient of treatment beside unit and stratum-by-period dummies."""
    cell = frame["side"] + " " + frame["time"].astype(str)
    dummies = [
        (values.to_numpy(object)[:, None] == values.unique().astype(object)).astype(float)
        for values in (frame["unit"], cell)
    ]
    root = np.sqrt(frame["weight"].to_numpy(float))
    x = np.column_stack([frame["treated"], *dummies]) * root[:, None]
    return np.linalg.lstsq(x, frame["outcome"].to_numpy(float) * root, rcond=None)[0][0]


def test_regression_equals_dummies_with_weights_and_gaps():
    rng = np.random.default_rng(1)
    starts = rng.choice([4.0, 5.0, INF], 30, p=[0.2, 0.2, 0.6])
    made = panel(rng.normal(size=(30, 7)), starts, weights=rng.uniform(1, 3, 30))
    side = np.array(["a", "b", "c"])[np.arange(30) % 3]
    made = with_side(made, side)
    assert row(TWFE().complete(made), aggregation="overall")["value"] == pytest.approx(by_dummies(made.frame))
    gappy = made.with_outcome(np.where(rng.uniform(size=210) < 0.1, np.nan, made.frame["outcome"]))
    seen = gappy.frame[gappy.frame["outcome"].notna()]
    assert row(TWFE().complete(gappy), aggregation="overall")["value"] == pytest.approx(by_dummies(seen))


@pytest.mark.parametrize("method", [TWFE(), EventStudyTWFE(), CallawaySantAnna(), CallawaySantAnna(adjust="dr")])
def test_common_shocks_of_a_stratum_move_nothing(method):
    rng = np.random.default_rng(2)
    made = with_side(panel(rng.normal(size=(24, 6)), np.repeat([4, INF], 12)), np.array(["a", "b"])[np.arange(24) % 2])
    shock = 5 * rng.normal(size=(2, 6))[np.arange(24) % 2]
    moved = made.with_outcome(made.frame["outcome"] + shock.ravel())
    np.testing.assert_allclose(method.complete(made).values, method.complete(moved).values, atol=1e-9)


def test_a_stratum_s_own_rate_moves_no_rate_ratio():
    rng = np.random.default_rng(3)
    counts, exposure = rng.poisson(60, (24, 6)) + 1.0, rng.uniform(900, 1100, (24, 6))
    side = np.arange(24) % 2
    factor = np.exp(rng.normal(size=(2, 6)))[side]
    starts = np.repeat([4, INF], 12)
    made, moved = (
        with_side(counts_panel(counts, exposure * one, starts), np.array(["a", "b"])[side]) for one in (1.0, factor)
    )
    ratio, other = (PoissonDiD().complete(one).values[0] for one in (made, moved))
    assert ratio == pytest.approx(other, abs=1e-9)


def test_draws_by_stratum_average_nothing_with_strata_and_something_without():
    """Large units grow and more of them start: lots by size alone are off centre, with their effects they are not."""
    rng = np.random.default_rng(4)
    large = np.arange(60) < 20
    y = rng.normal(size=(60, 6)) + np.outer(large, 2.0 * (np.arange(6) >= 3))
    starts = np.full(60, INF)
    starts[[*range(10), *range(20, 25)]] = 4
    made = with_side(panel(y, starts), np.where(large, "large", "small"))
    drawn = assignment_space(made, ("side",)).draw(2000, rng).first_treated
    means = {}
    for one in (made, made.changed(frame=made.frame.drop(columns="stratum"))):
        batch = TWFE().estimate_assignments(one, drawn)
        means[one.stratified] = batch.values[:, 0].mean(), batch.values[:, 0].std() / np.sqrt(2000)
    assert abs(means[True][0]) < 4 * means[True][1]
    assert means[False][0] > 20 * means[False][1]


def test_methods_on_panels_of_their_own_say_that_they_are_not_made_within_strata():
    rng = np.random.default_rng(4)
    made = with_side(panel(rng.normal(size=(8, 20)), [11, INF, INF, INF, 11, 11, INF, INF]))
    assert NO_STRATA in InterruptedTimeSeries().complete(made).notes
    rows = children(units=9, each=12)
    rows = rows.with_columns(stratum=np.where(rows.unit_codes % 2, "a", "b"))
    for method in (AIPW(folds=2), Multilevel()):
        assert NO_STRATA in method.complete(rows).notes


def test_a_stratum_without_comparison_gives_a_reason():
    made = with_side(panel(np.arange(16.0).reshape(8, 2) ** 2, [2, INF, INF, INF, 2, 2, 2, 2]))
    estimate = CallawaySantAnna().complete(made)
    cell = row(estimate, aggregation="group_time")
    assert np.isnan(cell["value"])
    assert cell["reason"]
