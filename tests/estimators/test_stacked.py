"""Weighted stacked differences in differences by hand on eight units, against the stack itself, and at their edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks import LeaveOneOut
from sos_eval.errors import NotIdentified
from sos_eval.estimators import Stacked
from sos_eval.estimators.stacked import NO_COVARIATES
from sos_eval.inference.jackknife import leave_one_out
from sos_eval.results.estimate import clustered_error
from sos_eval.results.strata import NO_STRATA
from sos_eval.theory.moderators import Moderator, moderation
from tests.estimators.panels import INF, panel, row
from tests.fakes import fit

Y = [[1, 4], [2, 7], [0, 2], [3, 6], [1, 1], [2, 3], [4, 4], [5, 8]]
G = [2, 2, 2, 2, INF, INF, INF, INF]
RNG = np.random.default_rng(8)
LONG = RNG.normal(size=(12, 7)).cumsum(1)
STARTS = np.array([3, 3, 3, 5, 5, 7, INF, INF, INF, INF, INF, INF])


def test_two_periods_are_a_difference_in_differences():
    estimate = Stacked().complete(panel(Y, G))
    # changes: treated 3, 5, 2, 3 (mean 3.25); untreated 0, 1, 0, 3 (mean 1)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(2.25)
    # squared deviations: 4.75 among the treated, 6 among the untreated, each over 4 squared
    assert row(estimate, aggregation="overall")["error"] == pytest.approx(np.sqrt((4.75 + 6) / 16))
    assert row(estimate, event_time=-1)["value"] == 0


@pytest.mark.parametrize("weights", [np.ones(12), RNG.uniform(0.5, 2, 12)], ids=["plain", "weighted"])
def test_is_the_weighted_regression_on_the_stack(weights):
    """Cohorts 3 and 5 are seen from -2 to 1; 7 is a clean comparison of both, and no cohort itself."""
    estimate = Stacked(window=(-2, 1), errors="pooled").complete(panel(LONG, STARTS, weights=weights))
    lines = []
    for g in (3, 5):
        own, clean = g == STARTS, g + 1 < STARTS
        share = weights[own].sum() / weights[STARTS < 7].sum() / (weights[clean].sum())
        for i in np.flatnonzero(own | clean):
            lines += [(i, own[i], e, LONG[i, g + e - 1], weights[i] * (1 if own[i] else share)) for e in range(-2, 2)]
    unit, treated, event, y, w = map(np.array, zip(*lines, strict=True))
    events = [-2, 0, 1]
    x = np.column_stack([treated, event[:, None] == [-2, -1, 0, 1], (event[:, None] == events) & treated[:, None]])
    x = x.astype(float)
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    coef = bread @ x.T @ (w * y)
    scores = x * (w * (y - x @ coef))[:, None]
    sums = np.array([scores[unit == i].sum(0) for i in range(12)])
    error = np.sqrt(np.diag(bread @ sums.T @ sums @ bread))[-3:]
    for k, e in enumerate(events):
        found = row(estimate, event_time=e)
        assert found["value"] == pytest.approx(coef[-3 + k], rel=1e-9)
        assert found["error"] == pytest.approx(error[k], rel=1e-9)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(coef[-2:].mean(), rel=1e-9)
    assert any("units that start in 7 are left out: not seen in all of -2 to 1" in note for note in estimate.notes)
    assert row(estimate, aggregation="overall")["n_treated_units"] == 5


@pytest.mark.parametrize("lost", ["rows", "weights"])
def test_who_is_seen_moves_nothing(lost):
    """Levels differ and paths are parallel: without an effect there is none, whoever lacks a period."""
    levels = np.arange(12.0)[:, None] ** 2 + np.arange(7.0)
    if lost == "rows":
        levels[[0, 3, 8, 10], [3, 4, 1, 6]] = np.nan
    weights = np.random.default_rng(2).uniform(1, 9, 84) if lost == "weights" else np.ones(84)
    made = panel(levels, STARTS).with_columns(weight=weights)
    own, any_row = (Stacked(window=(-2, 1), seen=seen).complete(made) for seen in ("whole_window", "any"))
    np.testing.assert_allclose(own.values, 0.0, atol=1e-10)
    assert abs(row(any_row, aggregation="overall")["value"]) > 0.05
    lacking = [note for note in own.notes if "lack periods of a window" in note]
    assert lacking == (["3 units lack periods of a window and take no part in it"] if lost == "rows" else [])


WITHOUT = {
    "jackknife": lambda one, rng: leave_one_out(one)[0],
    "check": lambda one, rng: LeaveOneOut(draws=19).check(one, rng)[0].table["estimate"],
    "groups": lambda one, rng: moderation(one, Moderator("side", draws=19), rng).difference,
}


@pytest.mark.parametrize("way", WITHOUT)
def test_on_part_of_the_units_the_window_stays(way):
    """Without the cohort of one a wider window would be found, and the average were one of other effects."""
    after = np.maximum(np.arange(1, 8) - STARTS[:, None] + 1, 0)
    made = panel(LONG - after, STARTS).with_columns(side=np.repeat(list("aabbabaabbab"), 7))
    free, written = (
        WITHOUT[way](fit(Stacked(window=window), made), np.random.default_rng(1)) for window in (None, (-2, 0))
    )
    np.testing.assert_allclose(free, written, rtol=1e-12)


def test_edges():
    with pytest.raises(NotIdentified, match=r"nobody is untreated through event time 0 .*; keep units that start"):
        Stacked().complete(panel(Y, [2] * 8))
    with pytest.raises(NotIdentified, match="no cohort is seen in all of event times -3 to 2: 3, 5; write a narrower"):
        Stacked(window=(-3, 2)).complete(panel(LONG[:, 1:6], STARTS, times=np.arange(2, 7)))
    with pytest.raises(NotIdentified, match="no unit starts within the periods observed"):
        Stacked().complete(panel(Y, [INF] * 8))
    with pytest.raises(ValueError, match="lacks -1, the reference, or 0, the start"):
        Stacked(window=(0, 2))
    single = Stacked().complete(panel(Y, [INF] * 7 + [2]))
    assert np.isnan(clustered_error(single)).all()
    within = panel(Y, G).with_columns(stratum=np.repeat(["a", "b"] * 4, 2))
    assert NO_STRATA in Stacked().complete(within).notes
    adjusted = replace(panel(Y, G).with_columns(z=np.tile([1.0, 2], 8)), covariates=("z",))
    assert NO_COVARIATES in Stacked().complete(adjusted).notes


def test_errors_within_are_free_of_calendar_years_and_pooled_ones_are_not():
    years = np.array([0.0, 1, 9, 2, 8, 3, 7])
    for errors, same in (("within", True), ("pooled", False)):
        one, two = (
            Stacked(window=(-2, 1), errors=errors).complete(panel(y, STARTS)) for y in (LONG, LONG + years)
        )  # fmt: skip
        np.testing.assert_allclose(one.values, two.values, rtol=1e-9, atol=1e-12)
        a, b = (row(each, aggregation="overall")["error"] for each in (one, two))
        assert np.isclose(a, b, rtol=1e-12) == same
