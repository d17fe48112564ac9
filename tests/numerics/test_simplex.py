"""Weights on the simplex against a conic solver, and at corners."""

from __future__ import annotations

import cvxpy
import numpy as np
import pytest

from sos_eval.numerics.simplex import simplex_weights


@pytest.mark.parametrize(
    ("p", "n", "penalty"), [(10, 40, 5.0), (40, 10, 1e-6), (19, 30, 0.0), (30, 12, 0.0), (5, 20, 0.3)]
)
def test_is_the_optimum_of_the_programme(p, n, penalty):
    rng = np.random.default_rng(n)
    columns = rng.normal(size=(p, n)) + 3
    target = columns[:, :5].mean(1) + rng.normal(size=p)
    ours, w = simplex_weights(columns, target, penalty), cvxpy.Variable(n)
    loss = cvxpy.sum_squares(columns @ w - target) + penalty * cvxpy.sum_squares(w)
    cvxpy.Problem(cvxpy.Minimize(loss), [w >= 0, cvxpy.sum(w) == 1]).solve(
        solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    np.testing.assert_allclose(ours, w.value, atol=1e-7)
    assert ours.sum() == pytest.approx(1)
    assert (ours >= 0).all()


def test_by_hand():
    # between 0 and 4 lies 1; a third column at 9 is of no use; a target beyond them all takes the nearest
    np.testing.assert_allclose(simplex_weights(np.array([[0.0, 4, 9]]), np.array([1.0]), 1e-9)[2], 0, atol=1e-6)
    np.testing.assert_allclose(simplex_weights(np.array([[0.0, 4, 9]]), np.array([12.0]), 0.0), [0, 0, 1])
    # (4 w - 1)^2 + (1 - w)^2 + w^2 is least at w = 5 / 18
    np.testing.assert_allclose(simplex_weights(np.array([[0.0, 4]]), np.array([1.0]), 1.0), [13 / 18, 5 / 18])
