"""Weights on the simplex against a conic solver, and at corners."""

from __future__ import annotations

from pathlib import Path

import cvxpy
import numpy as np
import pytest
from scipy.optimize import linprog

from sos_eval.numerics import simplex
from sos_eval.numerics.simplex import equally_good_range, simplex_weights

#: Seven years of a treated unit and of 29 donors on which an active set without a rule against it goes in a circle.
CYCLING = np.loadtxt(Path(__file__).with_name("cycling.txt"))


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


def solved(loss, w, *also):
    cvxpy.Problem(cvxpy.Minimize(loss), [w >= 0, cvxpy.sum(w) == 1, *also]).solve(
        solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    return w.value


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 1.0001])
def test_goes_in_no_circle(scale):
    target, columns = scale * CYCLING[:, 0], scale * CYCLING[:, 1:]
    ours, w = simplex_weights(columns, target, 0.0), cvxpy.Variable(29)
    np.testing.assert_allclose(ours, solved(cvxpy.sum_squares(columns @ w - target), w), atol=1e-6)
    assert (ours > 0).sum() == 7
    assert np.linalg.norm(columns @ ours - target) == pytest.approx(0.42567032 * scale, rel=1e-7)


@pytest.mark.parametrize("penalty", [0.0, 0.4])
def test_a_set_that_does_not_settle_is_solved_as_non_negative_least_squares(monkeypatch, penalty):
    target, columns = CYCLING[:, 0], CYCLING[:, 1:]
    settled = simplex_weights(columns, target, penalty)
    monkeypatch.setattr(simplex, "_active_set", lambda own: None)
    np.testing.assert_allclose(simplex_weights(columns, target, penalty), settled, atol=1e-9)


def test_of_many_that_fit_the_shortest_by_hand():
    # one year; donors 0, 2, 4 and 9 for a target of 3: v and 1 meet the two equations as w = max(a + b x, 0), where
    # all four stay positive: sum 4a + 15b = 1, mean 15a + 101b = 3, so that a = 56 / 179 and b = -3 / 179
    ours = simplex_weights(np.array([[0.0, 2, 4, 9]]), np.array([3.0]), 0.0)
    np.testing.assert_allclose(ours, np.array([56, 50, 44, 29]) / 179, atol=1e-12)
    # a target of 1: 4a + 15b = 1 and 15a + 101b = 1 make 9 negative; without it 3a + 6b = 1, 6a + 20b = 1
    ours = simplex_weights(np.array([[0.0, 2, 4, 9]]), np.array([1.0]), 0.0)
    np.testing.assert_allclose(ours, np.array([14, 8, 2, 0]) / 24, atol=1e-12)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("p", "n"), [(3, 30), (4, 76), (8, 40)])
def test_of_many_that_fit_the_shortest_are_the_programme_of_two_steps(seed, p, n):
    rng = np.random.default_rng(seed)
    columns = rng.normal(30, 8, n) + rng.normal(0, 3, (p, n))
    target, w = columns[:, :9].mean(1), cvxpy.Variable(n)
    ours = simplex_weights(columns, target, 0.0)
    np.testing.assert_allclose(columns @ ours, target, rtol=1e-9)
    np.testing.assert_allclose(ours, solved(cvxpy.sum_squares(w), w, columns @ w == target), atol=1e-6)
    order = rng.permutation(n)
    np.testing.assert_allclose(simplex_weights(columns[:, order], target, 0.0), ours[order], atol=1e-10)


def test_the_shortest_where_newtons_steps_do_not_settle(monkeypatch):
    columns = np.random.default_rng(3).normal(30, 8, (4, 50))
    target = columns[:, :9].mean(1)
    settled = simplex_weights(columns, target, 0.0)
    monkeypatch.setattr(simplex, "NEWTON_STEPS", 0)
    np.testing.assert_allclose(simplex_weights(columns, target, 0.0), settled, atol=1e-12)


def test_the_range_over_equally_good_weights():
    # donors 0, 2, 4, 9 for 1, effects 5, 0, 0, 9: most weight on 9 is 1/9 beside 8/9 on 0; least is half on 0 beside
    # half on 2 (2.5), or 3/4 on 0 beside 1/4 on 4 (3.75)
    columns, target, effect = np.array([[0.0, 2, 4, 9]]), np.array([1.0]), np.array([5.0, 0, 0, 9])
    weights = simplex_weights(columns, target, 0.0)
    np.testing.assert_allclose(equally_good_range(columns, target, weights, effect), (2.5, 49 / 9))
    # of weights that are unique nothing can move
    weights = simplex_weights(columns, np.array([12.0]), 0.0)
    assert equally_good_range(columns, np.array([12.0]), weights, effect) == (9.0, 9.0)


def test_the_range_is_that_of_linear_programmes_over_all_exact_weights():
    rng = np.random.default_rng(8)
    columns, effect = rng.normal(30, 8, (4, 40)), rng.normal(size=40)
    target = columns[:, :6].mean(1)
    both = {"A_eq": np.vstack([columns, np.ones(40)]), "b_eq": np.r_[target, 1], "bounds": (0, None)}
    ends = linprog(effect, **both).fun, -linprog(-effect, **both).fun
    found = equally_good_range(columns, target, simplex_weights(columns, target, 0.0), effect)
    np.testing.assert_allclose(found, ends, rtol=1e-8)
