"""Two-way fixed effects by hand on eight units, and at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.estimators import TWFE, EventStudyTWFE
from sos_eval.results.estimate import clustered_error
from sos_eval.results.estimator import checked
from tests.estimators.panels import INF, panel, row

Y = [[1, 4], [2, 7], [0, 2], [3, 6], [1, 1], [2, 3], [4, 4], [5, 8]]
G = [2, 2, 2, 2, INF, INF, INF, INF]
STAGGERED = np.array([[1, 2, 7, 8], [2, 4, 5, 9], [0, 1, 5, 9], [3, 3, 6, 4], [1, 1, 2, 2], [2, 3, 3, 5]], float)
STARTS = [2, 2, 3, 4, INF, INF]


def _by_dummies(y, columns, weights=None):
    """Regress on every dummy; return coefficients of `columns` and errors clustered by unit, CR0."""
    n, t = y.shape
    unit, time = np.repeat(np.arange(n), t), np.tile(np.arange(t), n)
    x = np.column_stack([*columns, unit[:, None] == np.arange(n), time[:, None] == np.arange(1, t)]).astype(float)
    w = np.ones(n * t) if weights is None else np.repeat(weights, t)
    bread = np.linalg.pinv(x.T @ (x * w[:, None]))
    coef = bread @ x.T @ (w * y.ravel())
    scores = x * (w * (y.ravel() - x @ coef))[:, None]
    sums = np.array([scores[unit == i].sum(0) for i in range(n)])
    return coef[: len(columns)], np.sqrt(np.diag(bread @ sums.T @ sums @ bread))[: len(columns)]


def test_two_periods_are_a_difference_in_differences():
    estimate = TWFE().complete(panel(Y, G))
    # changes: treated 3, 5, 2, 3 (mean 3.25); untreated 0, 1, 0, 3 (mean 1)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(2.25)
    # squared deviations: 0.0625 + 3.0625 + 1.5625 + 0.0625 and 1 + 0 + 1 + 4, each over 4 squared
    assert row(estimate, aggregation="overall")["error"] == pytest.approx(np.sqrt((4.75 + 6) / 16))
    assert estimate.notes == ()


@pytest.mark.parametrize("weights", [None, np.array([1, 2, 3, 1, 2, 0.5])])
def test_staggered_is_the_regression_on_dummies(weights):
    estimate = TWFE().complete(panel(STAGGERED, STARTS, weights=weights))
    treated = np.arange(1, 5) >= np.array(STARTS)[:, None]
    coef, error = _by_dummies(STAGGERED, [treated.ravel()], weights)
    np.testing.assert_allclose(estimate.values, coef, rtol=1e-12)
    np.testing.assert_allclose(clustered_error(estimate), error, rtol=1e-12)


def test_event_study_is_the_regression_on_dummies():
    estimate = EventStudyTWFE().complete(panel(STAGGERED, STARTS))
    event = (np.arange(1, 5) - np.array(STARTS)[:, None]).ravel()
    coef, error = _by_dummies(STAGGERED, [event == e for e in (-3, -2, 0, 1, 2)])
    each = estimate.cells["event_time"].isin([-3, -2, 0, 1, 2]).to_numpy()
    np.testing.assert_allclose(estimate.values[each], coef, rtol=1e-11)
    np.testing.assert_allclose(clustered_error(estimate)[each], error, rtol=1e-11)
    assert row(estimate, event_time=-1)["value"] == 0
    assert np.isnan(row(estimate, event_time=-1)["error"])
    assert row(estimate, aggregation="event_time", event_time=None)["value"] == pytest.approx(coef[2:].mean())
    # treated unit-periods at event times 0, 1, 2: 4, 3, 2
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(coef[2:] @ [4, 3, 2] / 9)


def test_a_window_joins_distant_event_times():
    estimate = EventStudyTWFE(window=(-2, 1)).complete(panel(STAGGERED, STARTS))
    event = np.clip((np.arange(1, 5) - np.array(STARTS)[:, None]), -2, 1)
    event = np.where(np.isinf(np.array(STARTS))[:, None], -9, event).ravel()
    coef, _ = _by_dummies(STAGGERED, [event == e for e in (-2, 0, 1)])
    each = estimate.cells["event_time"].isin([-2, 0, 1]).to_numpy()
    np.testing.assert_allclose(estimate.values[each], coef, rtol=1e-11)
    assert "event times up to -2 are joined, and those from 1 on" in estimate.notes


def test_negative_weights_are_counted():
    """Everybody is treated at last: the early cohort's late periods weigh negatively (Goodman-Bacon 2021)."""
    estimate = TWFE().complete(panel(STAGGERED[:4], [2, 2, 4, 4]))
    # D without unit and time means is 0.25, 0.25, -0.25 in the early units' treated periods and 0.25 in the late
    # units': one in four is negative, and -0.25 of a sum of 0.5
    assert "25.0% of treated unit-periods carry negative weights that sum to -0.500" in estimate.notes[0]
    many = panel(np.vstack([STAGGERED, *[STAGGERED[4:]] * 9]), [*STARTS, *[INF] * 18])
    assert "no treated unit-period has a negative weight" in TWFE().complete(many).notes[0]


def test_missing_rows_are_named_and_left_out():
    y = STAGGERED.copy()
    y[2, 1] = np.nan
    estimate = TWFE().complete(panel(y, STARTS))
    assert estimate.notes[0] == "1 rows without outcome, covariate or weight are left out: u02"
    assert estimate.linear.n_obs == 23


def test_units_with_one_row_and_units_always_treated_are_named():
    y = np.vstack([STAGGERED, [[np.nan, np.nan, 3, np.nan], [1, 2, 3, 4]]])
    estimate = TWFE().complete(panel(y, [*STARTS, INF, 1]))
    assert [(line.names, line.reason) for line in estimate.panel.flow] == [
        ("u06", "fewer than two complete rows"), ("u07", "treated in every period observed"),
    ]  # fmt: skip
    np.testing.assert_allclose(estimate.values, TWFE().complete(panel(STAGGERED, STARTS)).values, rtol=1e-12)


def test_covariates_that_the_effects_absorb_are_named():
    base = panel(STAGGERED, STARTS)
    constant = np.repeat(np.arange(6.0), 4)
    changed = replace(base.with_columns(level=constant), covariates=("level",))
    estimate = TWFE().complete(changed)
    np.testing.assert_allclose(estimate.values, TWFE().complete(base).values, rtol=1e-12)
    assert "absorbed by the unit and time effects, left out: level" in estimate.notes


def test_what_is_not_identified_is_refused():
    with pytest.raises(NotIdentified, match="treatment is a combination of unit effects, time effects"):
        TWFE().complete(panel(Y, [2] * 8))
    with pytest.raises(NotIdentified, match="for no unit is never treated; write a `window`"):
        EventStudyTWFE().complete(panel(STAGGERED[:4], STARTS[:4]))
    with pytest.raises(NotIdentified, match="no treated unit is observed at event time -7, the reference"):
        EventStudyTWFE(reference_time=-7).complete(panel(STAGGERED, STARTS))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reference_time": 0}, "reference_time: 0 is no event time before the start"),
        ({"window": (-3, -1)}, "joins the reference or the start to something else"),
        ({"window": (0, 2)}, "joins the reference or the start"),
        ({"window": (-2, 2), "reference_time": -3}, "joins the reference"),
    ],
)
def test_windows_that_join_the_reference_or_the_start_are_refused(options, said):
    with pytest.raises(DesignFault, match=said):
        checked(EventStudyTWFE, options, "event_study_twfe")
    with pytest.raises(ValueError, match=said):
        EventStudyTWFE(**options)
