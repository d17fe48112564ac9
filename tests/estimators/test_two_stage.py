"""Two stages by hand on eight units, against stacked estimating equations, and at their edges."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import Imputation, TwoStage
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, panel, row

Y = [[1, 4], [2, 7], [0, 2], [3, 6], [1, 1], [2, 3], [4, 4], [5, 8]]
G = [2, 2, 2, 2, INF, INF, INF, INF]
RNG = np.random.default_rng(3)
STAGGERED = RNG.normal(size=(10, 6)).cumsum(1)
STARTS = np.array([3, 3, 3, 5, 5, 5, 6, INF, INF, INF])
WEIGHTS = RNG.uniform(0.5, 2, 10)


def test_two_periods_are_a_difference_in_differences():
    estimate = TwoStage().complete(panel(Y, G))
    # changes: treated 3, 5, 2, 3 (mean 3.25); untreated 0, 1, 0, 3 (mean 1)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(2.25)
    # squared deviations: 4.75 among the treated, 6 among the untreated, each over 4 squared
    assert row(estimate, aggregation="overall")["error"] == pytest.approx(np.sqrt((4.75 + 6) / 16))


@pytest.mark.parametrize("weights", [np.ones(10), WEIGHTS], ids=["plain", "weighted"])
def test_errors_are_the_sandwich_of_both_stages_together(weights):
    estimate = TwoStage().complete(panel(STAGGERED, STARTS, weights=weights))
    unit, time, w = np.repeat(np.arange(10), 6), np.tile(np.arange(1, 7), 10), np.repeat(weights, 6)
    event, y = time - STARTS[unit], STAGGERED.ravel()
    first = np.column_stack([unit[:, None] == np.arange(10), time[:, None] == np.arange(2, 7)]).astype(float)
    kinds = [e for e in np.unique(event[np.isfinite(event)]) if e != -1]
    second = (event[:, None] == kinds).astype(float)
    untreated = (event < 0).astype(float)
    ours = first * (untreated * w)[:, None]
    gamma = np.linalg.solve(ours.T @ first, ours.T @ y)
    beta = np.linalg.solve(second.T @ (second * w[:, None]), second.T @ (w * (y - first @ gamma)))
    left = y - first @ gamma
    moments = np.column_stack([ours * left[:, None], second * (w * (left - second @ beta))[:, None]])
    sums = np.array([moments[unit == i].sum(0) for i in range(10)])
    k, p = first.shape[1], len(kinds)
    weighed = second.T * w
    slope = np.block([[ours.T @ first, np.zeros((k, p))], [weighed @ first, weighed @ second]])
    bread = np.linalg.inv(slope)
    covariance = (bread @ sums.T @ sums @ bread.T)[k:, k:]
    rows = (estimate.cells["aggregation"] == "event_time").to_numpy()
    assert estimate.cells["event_time"][rows].tolist() == kinds
    np.testing.assert_allclose(estimate.values[rows], beta, rtol=1e-10)
    np.testing.assert_allclose(clustered_error(estimate)[rows], np.sqrt(np.diag(covariance)), rtol=1e-9)


def test_effects_are_those_of_imputation_and_errors_are_larger():
    two, one = (method().complete(panel(STAGGERED, STARTS)) for method in (TwoStage, Imputation))
    ours, theirs = row(two, aggregation="overall"), row(one, aggregation="overall")
    assert ours["value"] == pytest.approx(theirs["value"], rel=1e-12)
    assert ours["error"] > theirs["error"]


def test_nobody_untreated_is_refused():
    with pytest.raises(NotIdentified, match="two_stage: no unit is treated in a period in which another is untreated"):
        TwoStage().complete(panel(Y, [2] * 8))
