"""Synthetic controls by hand on eight units, against a conic solver and the ridge formula, and at their edges."""

from __future__ import annotations

import cvxpy
import numpy as np
import pytest

from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.estimators import SyntheticControl
from sos_eval.numerics.ascm import augmented
from sos_eval.results.estimator import checked
from tests.estimators.panels import INF, panel, row

RNG = np.random.default_rng(12)
Y = RNG.normal(size=(8, 7)).cumsum(1)
G = np.array([6, 6, *[INF] * 6])


def test_by_hand():
    """The treated unit is the mean of two donors before the start, and 3 and 5 above it after; the others are far."""
    one, two = np.array([1.0, 2, 4, 3, 5, 6]), np.array([3.0, 1, 2, 5, 1, 2])
    far = [np.full(6, 50.0 + 9 * k) + np.arange(6) * (-1) ** k for k in range(5)]
    own = (one + two) / 2 + np.array([0, 0, 0, 0, 3, 5])
    made = panel(np.vstack([own, one, two, *far]), [5, *[INF] * 7])
    estimate = SyntheticControl(augment="none").complete(made)
    assert row(estimate, aggregation="group_time", time=5)["value"] == pytest.approx(3)
    assert row(estimate, aggregation="group_time", time=6)["value"] == pytest.approx(5)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(4)
    assert estimate.influence is None


@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_weights_are_the_programme_and_the_ridge_formula(penalty):
    donors, treated = Y[2:, :5], Y[0, :5] + 3
    w = cvxpy.Variable(6)
    cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(donors.T @ w - treated)), [w >= 0, cvxpy.sum(w) == 1]).solve(
        solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    plain = augmented(donors, treated, None)
    np.testing.assert_allclose(plain, w.value, atol=1e-6)
    x = donors - donors.mean(0)
    ridge = plain + (treated - plain @ donors) @ np.linalg.inv(x.T @ x + penalty * np.eye(5)) @ x.T
    ours = augmented(donors, treated, np.array([penalty]))[0]
    np.testing.assert_allclose(ours, ridge, atol=1e-10)
    assert ours.sum() == pytest.approx(1)


def test_several_units_have_synthetic_controls_of_their_own():
    both = SyntheticControl(augment=1.0).complete(panel(Y, G))
    each = [SyntheticControl(augment=1.0).complete(panel(np.delete(Y, 1 - i, 0), np.delete(G, 0))) for i in (0, 1)]
    np.testing.assert_allclose(both.values, (each[0].values + each[1].values) / 2, rtol=1e-12)


def test_adoptions_are_placebos_built_anew():
    made = panel(Y, G)
    starts = np.array([np.roll(G, k) for k in range(3)])
    batch = SyntheticControl().estimate_assignments(made, starts)
    for k in range(3):
        one = SyntheticControl().complete(made.with_first_treated(starts[k]))
        np.testing.assert_allclose(batch.values[k], one.values, rtol=1e-12)
    assert batch.std_error is None


def test_what_it_does_not_take_is_refused_by_name():
    with pytest.raises(NotIdentified, match="no cohort has 4 periods before its start"):
        SyntheticControl().complete(panel(Y, np.where(G == 6, 4, G)))
    with pytest.raises(NotIdentified, match="0 units are untreated throughout, and at least 2 are needed as donors"):
        SyntheticControl().complete(panel(Y, [6] * 8))
    with pytest.raises(DesignFault, match="augment"):
        checked(SyntheticControl, {"augment": -1.0}, "synthetic_control")
    assert checked(SyntheticControl, {"augment": 2.5}, "synthetic_control").augment == 2.5
