"""Interaction-weighted event studies by hand on eight units, against all dummies, and at their edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import SunAbraham
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, panel, row

# Eight units, three periods; two start in period 2, two in period 3.
Y = np.array([[1, 4, 5], [2, 7, 9], [0, 2, 2], [3, 6, 8], [1, 1, 2], [2, 3, 3], [4, 4, 6], [5, 8, 9]], float)
G = np.array([2, 2, 3, 3, INF, INF, INF, INF])


def test_by_hand():
    estimate = SunAbraham().complete(panel(Y, G))
    # untreated: changes from 1 to 2 are 0, 1, 0, 3 (mean 1); from 2 to 3 are 1, 0, 2, 1 (mean 1)
    values = {(2, 2): (3 + 5) / 2 - 1, (2, 3): (4 + 7) / 2 - 2, (3, 1): -(2 + 3) / 2 + 1, (3, 3): (0 + 2) / 2 - 1}
    for (cohort, time), value in values.items():
        assert row(estimate, aggregation="group_time", cohort=cohort, time=time)["value"] == pytest.approx(value)
    assert row(estimate, aggregation="event_time", event_time=0)["value"] == pytest.approx((3.0 + 0.0) / 2)
    assert row(estimate, aggregation="event_time", event_time=1)["value"] == pytest.approx(3.5)
    assert row(estimate, aggregation="cohort", cohort=2)["value"] == pytest.approx((3.0 + 3.5) / 2)
    assert row(estimate, aggregation="calendar", time=3)["value"] == pytest.approx((3.5 + 0.0) / 2)
    # three treated cells of two units each
    assert row(estimate, aggregation="overall")["value"] == pytest.approx((3.0 + 3.5 + 0.0) / 3)
    base = row(estimate, aggregation="event_time", event_time=-1)
    assert base["value"] == 0
    assert np.isnan(base["error"])


def test_is_the_regression_on_every_cohort_and_period_with_weights_and_gaps():
    rng = np.random.default_rng(5)
    y, weights = rng.normal(size=(9, 5)), rng.uniform(0.5, 2, 9)
    starts = np.array([3, 3, 3, 4, 4, INF, INF, INF, INF])
    y[1, 4] = y[6, 0] = np.nan
    estimate = SunAbraham().complete(panel(y, starts, weights=weights))
    unit, time = np.repeat(np.arange(9), 5), np.tile(np.arange(1, 6), 9)
    seen, w = ~np.isnan(y.ravel()), np.repeat(weights, 5)
    cells = [(g, t) for g, base in ((3, 2), (4, 3)) for t in range(1, 6) if t != base]
    each = [(starts[unit] == g) & (time == t) for g, t in cells]
    x = np.column_stack([*each, unit[:, None] == np.arange(9), time[:, None] == np.arange(2, 6)])[seen].astype(float)
    bread = np.linalg.pinv(x.T @ (x * w[seen, None]))
    coef = bread @ x.T @ (w * np.nan_to_num(y.ravel()))[seen]
    scores = x * (w[seen] * (y.ravel()[seen] - x @ coef))[:, None]
    sums = np.array([scores[unit[seen] == i].sum(0) for i in range(9)])
    covariance = (bread @ sums.T @ sums @ bread)[: len(cells), : len(cells)]
    mass = np.array([w[seen & (starts[unit] == g) & (time == t)].sum() for g, t in cells])
    after = np.array([t >= g for g, t in cells])
    mix = mass * after / mass[after].sum()
    overall = row(estimate, aggregation="overall")
    assert overall["value"] == pytest.approx(mix @ coef[: len(cells)], rel=1e-10)
    assert overall["error"] == pytest.approx(np.sqrt(mix @ covariance @ mix), rel=1e-9)


def test_a_period_that_nobody_observed_moves_the_reference_to_the_one_before():
    made = panel(Y[:, [0, 1, 2, 2]], np.where(G == 3, 4, G), times=[1, 2, 3, 4])
    gone = replace(made, frame=made.frame[made.frame["time"] != 3].reset_index(drop=True))
    estimate = SunAbraham().complete(gone)
    assert row(estimate, aggregation="group_time", cohort=4, time=2)["value"] == 0
    assert row(estimate, aggregation="group_time", cohort=4, time=4)["value"] == pytest.approx(0.0)


def test_where_nobody_is_never_treated_the_last_cohort_stands_in():
    made = panel(Y[:4], G[:4])
    estimate = SunAbraham().complete(made)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx((3 + 5) / 2 - (2 + 3) / 2)
    assert estimate.cells["time"].max() == 2
    starts = np.array([[2, 2, 3, 3], [3, 2, 3, 2]], float)
    batch = SunAbraham().estimate_assignments(made, starts)
    again = SunAbraham().complete(made.with_first_treated(starts[1]))
    np.testing.assert_allclose(batch.values[1], again.values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(batch.std_error[1], clustered_error(again), rtol=1e-12, atol=1e-12)


def test_what_is_not_identified_is_refused():
    with pytest.raises(NotIdentified, match=r"no unit is untreated while another is treated; widen panel.window"):
        SunAbraham().complete(panel(Y[:2], [2, 2]))
    with pytest.raises(NotIdentified, match="no period at event time -2 or before for units that start in 2"):
        SunAbraham(reference_time=-2).complete(panel(Y, G))
    with pytest.raises(ValueError, match="reference_time: 0 is no event time before the start"):
        SunAbraham(reference_time=0)
