"""Synthetic difference in differences by hand on eight units, left-out units by refitting, and at its edges."""

from __future__ import annotations

from dataclasses import replace

import cvxpy
import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import SyntheticDiD
from sos_eval.estimators.synthetic_did import ALONE, synthetic_weights
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, panel, row

RNG = np.random.default_rng(11)
Y = RNG.normal(size=(8, 6)).cumsum(1)
G = np.array([5, 5, 5, INF, INF, INF, INF, INF])


def programme(y, treated, before):
    """Both programmes by a conic solver."""
    donors, own = y[~treated], y[treated].mean(0)
    noise = np.diff(donors[:, :before], axis=1).std(ddof=1)
    zeta = (treated.sum() * (y.shape[1] - before)) ** 0.25 * noise
    found = []
    for columns, target, size in (
        (donors[:, :before].T, own[:before], zeta), (donors[:, :before], donors[:, before:].mean(1), 1e-6 * noise),
    ):  # fmt: skip
        w, intercept = cvxpy.Variable(columns.shape[1]), cvxpy.Variable()
        loss = cvxpy.sum_squares(columns @ w + intercept - target) + len(columns) * size**2 * cvxpy.sum_squares(w)
        cvxpy.Problem(cvxpy.Minimize(loss), [w >= 0, cvxpy.sum(w) == 1]).solve(
            solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
        )
        found.append(w.value)
    return found


def test_is_both_programmes_and_the_double_difference():
    treated, before = np.isfinite(G), 4
    units, periods = programme(Y, treated, before)
    ours = synthetic_weights(Y[~treated], Y[treated].mean(0), before, 3)
    np.testing.assert_allclose(ours[0], units, atol=1e-6)
    np.testing.assert_allclose(ours[1], periods, atol=1e-5)
    change = Y[:, before:].mean(1) - Y[:, :before] @ ours[1]
    value = change[treated].mean() - ours[0] @ change[~treated]
    estimate = SyntheticDiD().complete(panel(Y, G))
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(value)
    # the jackknife at fixed weights: each unit left out, the other weights scaled up
    left = [np.delete(change[treated], i).mean() - ours[0] @ change[~treated] for i in range(3)]
    for i in range(5):
        rest = np.delete(ours[0], i)
        left.append(change[treated].mean() - rest @ np.delete(change[~treated], i) / rest.sum())
    error = np.sqrt(7 / 8 * ((np.array(left) - np.mean(left)) ** 2).sum())
    assert row(estimate, aggregation="overall")["error"] == pytest.approx(error)


def test_cohorts_are_averaged_by_treated_unit_periods():
    starts = np.array([4, 4, 5, INF, INF, INF, INF, INF])
    estimate = SyntheticDiD().complete(panel(Y, starts))
    early = SyntheticDiD().complete(panel(Y[[0, 1, 3, 4, 5, 6, 7]], starts[[0, 1, 3, 4, 5, 6, 7]]))
    late = SyntheticDiD().complete(panel(Y[2:], starts[2:]))
    one, two = (row(each, aggregation="overall")["value"] for each in (early, late))
    # two units in three periods, one unit in two
    assert row(estimate, aggregation="overall")["value"] == pytest.approx((6 * one + 2 * two) / 8)
    alone = row(estimate, aggregation="cohort", cohort=5)
    assert np.isnan(alone["error"])
    assert alone["reason"] == ALONE
    assert np.isfinite(row(estimate, aggregation="cohort", cohort=4)["error"])
    assert np.isnan(clustered_error(late)).all()


def test_what_it_does_not_take_is_refused_by_name():
    gappy = Y.copy()
    gappy[5, 2] = np.nan
    with pytest.raises(NotIdentified, match="units lack periods, and it compares whole paths; narrow"):
        SyntheticDiD().complete(panel(gappy, G))
    with pytest.raises(NotIdentified, match="units weigh differently, which the method does not know"):
        SyntheticDiD().complete(panel(Y, G, weights=RNG.uniform(1, 2, 8)))
    with pytest.raises(NotIdentified, match="1 units are untreated throughout, and at least 2 are needed as donors"):
        SyntheticDiD().complete(panel(Y[:4], G[:4]))
    with pytest.raises(NotIdentified, match="no cohort has 3 periods before its start"):
        SyntheticDiD().complete(panel(Y, np.where(G == 5, 3, G)))
    adjusted = replace(panel(Y, G).with_columns(z=np.tile(Y[0], 8)), covariates=("z",))
    assert "covariates are no part of this method" in " ".join(SyntheticDiD().complete(adjusted).notes)
    early = SyntheticDiD().complete(panel(Y, np.where(np.arange(8) == 1, 2, G)))
    assert [(line.names, line.reason) for line in early.panel.flow] == [
        ("u01", "fewer than 3 periods before the start")
    ]


def test_paths_without_noise_have_no_unique_weights_and_say_so():
    """Levels and one straight trend: what keeps weights apart is rounding."""
    levels = np.random.default_rng(0).normal(50, 9, (30, 1)) + 0.37 * np.arange(8.0)
    with pytest.raises(NotIdentified, match="synthetic_did: weights of donors are not unique and none were found"):
        SyntheticDiD().complete(panel(levels, [6] * 3 + [INF] * 27))
