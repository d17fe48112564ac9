"""Sets under diverging paths: by hand, against linear programmes and against a search by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.stats import norm, truncnorm

from sos_eval.numerics.fixed_length import fixed_length, folded_quantile, lasso_path
from sos_eval.numerics.hybrid import moments, rejected
from sos_eval.numerics.path_sets import CUT, EMPTY, PathSets
from sos_eval.numerics.rays import extreme_rays
from sos_eval.numerics.restrictions import Timeline

#: Linear programmes are solved to about 1e-9.
SOLVED = 1e-7


def timeline(q: int, p: int) -> Timeline:
    return Timeline(np.arange(-q, 0) - 1.0, np.arange(p) + 0.0, -1.0)


def covariance(k: int, seed: int) -> np.ndarray:
    draws = np.random.default_rng(seed).standard_normal((4 * k, k))
    return draws.T @ draws / (4 * k)


def sets(q, p, seed=0, *, bound="relative_magnitudes", sign=None, monotone=None, estimates=None, grid=(-10, 10, 2001)):
    rng = np.random.default_rng(seed)
    v = covariance(q + p, seed)
    b = rng.multivariate_normal(np.zeros(q + p), v) if estimates is None else np.asarray(estimates, float)
    return PathSets(
        b, v, timeline(q, p), np.full(p, 1 / p), bound, sign, monotone, 0.05, np.linspace(*grid),
        rng.standard_normal((10_000, q + p)),
    )  # fmt: skip


def test_rays_by_hand():
    # v1 + v2 = v3 + v4, v >= 0: every pair of one from each side
    found = extreme_rays(np.array([[1.0], [1.0], [-1.0], [-1.0]]))
    assert sorted(map(tuple, found.tolist())) == [(0, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 1), (1, 0, 1, 0)]


def test_restrictions_by_hand():
    # two periods before the base (-3, -2), base -1, two after (0, 1): steps d2 - d1, -d2, d3, d4 - d3
    pieces = list(timeline(2, 2).pieces("relative_magnitudes", 0.5, None, None))
    assert len(pieces) == 4  # which earlier step is the largest, and its sign
    rows, limit = pieces[0]
    # d3 <= (d2 - d1) / 2, d4 - d3 <= the same, and both downwards
    expected = [[0.5, -0.5, 1, 0], [0.5, -0.5, -1, 1], [0.5, -0.5, -1, 0], [0.5, -0.5, 1, -1]]
    np.testing.assert_allclose(rows, expected)
    assert not limit.any()
    ((rows, limit),) = timeline(2, 2).pieces("smoothness", 0.1, "positive", None)
    # changes of step that touch periods after the base: d2 + d3 (base is zero) and d4 - 2 d3; then -d3, -d4 <= 0
    np.testing.assert_allclose(rows[:2], [[0, 1, 1, 0], [0, 0, -2, 1]])
    np.testing.assert_allclose(rows[4:], [[0, 0, -1, 0], [0, 0, 0, -1]])
    np.testing.assert_allclose(limit, [0.1] * 4 + [0, 0])


def test_a_missing_period_counts_as_two_steps():
    gap = Timeline(np.array([-3.0, -2.0]), np.array([1.0]), -1.0)
    rows, _ = next(iter(gap.pieces("relative_magnitudes", 1.0, None, None)))
    np.testing.assert_allclose(rows[0], [1, -1, 0.5])  # d(1) / 2 <= d(-2) - d(-3)


@pytest.mark.parametrize(
    ("bound", "sign", "monotone"),
    [("relative_magnitudes", None, None), ("relative_magnitudes", "positive", "increasing"),
     ("relative_trend", None, None), ("smoothness", "negative", None)],
)  # fmt: skip
def test_vertices_give_the_linear_programme_and_its_truncation(bound, sign, monotone):
    """The largest moment is the programme's value; between the ends, and only there, the same vertex stays the best."""
    q, p, seed = 3, 3, 5
    v = covariance(q + p, seed)
    rng = np.random.default_rng(seed)
    weights, theta = np.array([0.5, 0.3, 0.2]), 0.4
    pieces = list(timeline(q, p).pieces(bound, 0.7, sign, monotone))
    laid = moments(pieces, weights, v, rng.standard_normal((500, q + p)), 0.005)
    null = np.array([[-0.3 / 0.5, 1, 0], [-0.2 / 0.5, 0, 1]]).T  # effects that leave the weighted one as it is
    for (a, d), made in zip(pieces, laid, strict=True):
        b = rng.multivariate_normal(np.zeros(q + p), v)
        y = a @ b - d - a[:, q:] @ np.array([1 / 0.5, 0, 0]) * theta
        sd = np.sqrt(np.diag(a @ v @ a.T))
        x = a[:, q:] @ null
        solved = linprog([1, 0, 0], A_ub=-np.column_stack([sd, x]), b_ub=-y, bounds=[(None, None)] * 3)
        values = made.values(b, np.array(theta))
        assert values.max() == pytest.approx(solved.fun, abs=SOLVED)


def test_the_conditional_test_by_hand():
    # independent moments of variance one, values 2 and 1: the larger is normal beyond 1; first stage at 2.5
    critical = 2.5
    p = 1 - truncnorm.cdf(2.0, 1.0, critical)
    assert p == pytest.approx((norm.sf(2.0) - norm.sf(2.5)) / (norm.sf(1.0) - norm.sf(2.5)))
    size = 0.045 / 0.995
    assert rejected(np.array([[2.0, 1.0]]), np.eye(2), critical, alpha=0.05, kappa=0.005)[0] == (p < size)
    assert rejected(np.array([[2.0, -9.0]]), np.eye(2), critical, alpha=0.05, kappa=0.005)[0]
    assert rejected(np.array([[2.6, 2.59]]), np.eye(2), critical, alpha=0.05, kappa=0.005)[0]
    assert not rejected(np.array([[-0.1, -9.0]]), np.eye(2), critical, alpha=0.05, kappa=0.005)[0]


def test_parallel_paths_are_rejected_as_often_as_is_meant():
    """At M = 0 every effect is its estimate: two-sided tests of a normal, whatever lies before."""
    made = sets(3, 2, seed=1)
    draws = np.random.default_rng(2).multivariate_normal(np.zeros(5), made.covariance, 20_000)
    share = made.rejects_zero(0.0, draws).mean()
    assert share == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 20_000))
    smooth = sets(3, 2, seed=1, bound="smoothness")
    assert smooth.rejects_zero(0.0, draws).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 20_000))


def test_folded_quantile():
    for x in (0.0, 0.3, 2.0, 9.0):
        c = folded_quantile(x, 0.05)
        assert norm.cdf(c - x) - norm.cdf(-c - x) == pytest.approx(0.95, abs=1e-12)


def test_lasso_path_solves_every_penalty():
    """On and between knots the gradient is t times the sign where u is not zero, and no larger elsewhere."""
    for seed in range(20):
        h, rng = covariance(6, seed), np.random.default_rng(seed)
        g = rng.standard_normal(6)
        knots, path = lasso_path(h, g)
        assert knots[0] == 0
        np.testing.assert_allclose(path[0], np.linalg.solve(h, -g), rtol=1e-8, atol=1e-10)
        for t in [*knots, *rng.uniform(0, knots[-1], 20)]:
            u = np.array([np.interp(t, knots, one) for one in path.T])
            slope = h @ u + g
            assert (np.abs(slope) <= t + 1e-9).all()
            np.testing.assert_allclose(slope[np.abs(u) > 1e-9], -t * np.sign(u[np.abs(u) > 1e-9]), atol=1e-8)


@pytest.mark.parametrize("m", [0.0, 0.05, 0.3, 2.0])
def test_the_shortest_interval_against_brute_force(m):
    """Its bias is the largest of a linear programme over divergences, and no other estimator has a shorter one."""
    q, p = 4, 3
    v, weights, after = covariance(q + p, 3), np.array([0.2, 0.5, 0.3]), np.arange(1.0, p + 1)
    made = fixed_length(v, after, weights, m=m, alpha=0.05)

    def bias(before):
        own = np.concatenate([before, weights])
        turns = np.delete(np.diff(np.eye(q + p + 1), n=2, axis=0), q, axis=1)
        limits, free = np.full(2 * len(turns), m), [(None, None)] * (q + p)
        solved = linprog(-own, A_ub=np.vstack([turns, -turns]), b_ub=limits, bounds=free)
        return -solved.fun if solved.status == 0 else np.inf

    assert bias(made.weights[:q]) == pytest.approx(made.bias, abs=SOLVED)
    assert made.error == pytest.approx(np.sqrt(made.weights @ v @ made.weights))

    back = np.arange(q, 0, -1.0)

    def half(free):  # three weights; the fourth lets a straight line through
        before = np.append(free, after @ weights - back[:3] @ free)
        own = np.concatenate([before, weights])
        error = np.sqrt(own @ v @ own)
        return error * folded_quantile(bias(before) / error, 0.05)

    best = min(
        minimize(half, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 2000}).fun
        for start in (made.weights[:3], np.zeros(3))
    )
    assert made.half <= best * (1 + SOLVED)
    assert made.half == pytest.approx(best, abs=1e-4)


def test_breakdown_is_where_the_set_reaches_zero():
    made = sets(3, 2, estimates=[0.1, -0.1, 0.05, 6.0, 6.5])
    value = made.breakdown(1.0)
    assert made.interval(value * 0.98).excludes_zero
    assert not made.interval(value).excludes_zero
    assert np.isnan(sets(3, 2, estimates=[0.1, -0.1, 0.05, 0.3, 0.2]).breakdown(1.0))


def test_ends_that_are_not_known_say_why():
    cut = sets(3, 2, estimates=[3.0, -3.0, 2.0, 0.3, 0.2], grid=(-2, 9, 201)).interval(2.0)
    assert np.isnan(cut.low)
    assert cut.reason == CUT
    assert not cut.excludes_zero
    # a divergence that falls throughout cannot pass through estimates before the start that rise far beyond chance
    empty = sets(2, 2, bound="smoothness", monotone="decreasing", estimates=[-90.0, -45.0, 0.0, 0.0]).interval(0.1)
    assert np.isnan(empty.low)
    assert empty.reason in (EMPTY, CUT)


def test_missing_periods_are_named():
    made = sets(3, 2, bound="relative_trend")
    gap = Timeline(np.array([-4.0, -3.0, -2.0]), np.array([1.0, 2.0]), -1.0)
    assert made.why_not == ""
    from dataclasses import replace

    assert "one is missing between event times -1 and 1" in replace(made, timeline=gap).why_not
    smooth = replace(made, bound="smoothness")
    assert replace(smooth, timeline=gap).why_not == ""  # a missing later period has no weight
    early = Timeline(np.array([-5.0, -3.0, -2.0]), np.array([0.0, 1.0]), -1.0)
    assert "between event times -5 and -3" in replace(smooth, timeline=early).why_not
