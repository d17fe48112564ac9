"""Contrasts of earlier periods under adoptions: by hand on eight units, and against sums unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.lots import contrast_lots, path_weights, symmetric_ranks

INF = np.inf


def test_each_period_is_set_against_the_mean_of_the_others():
    weights = path_weights(np.array([1.0, 2.0, 3.0]))
    # 5 - (1 + 3) / 2, 1 - (5 + 3) / 2, 3 - (5 + 1) / 2; slope of 5, 1, 3 on 1, 2, 3
    np.testing.assert_allclose(np.array([5.0, 1.0, 3.0]) @ weights, [3.0, -3.0, 0.0, -1.0], atol=1e-12)


def eight(strata=None):
    """Three earlier periods of eight units; the first two start."""
    y = np.array([[1, 2, 6], [0, 1, 2], [2, 2, 2], [1, 1, 4], [0, 2, 1], [3, 3, 3], [2, 1, 0], [0, 0, 3]], float)
    starts = np.array([[5, 5, INF, INF, INF, INF, INF, INF]])
    strata = np.zeros(8, int) if strata is None else strata
    contrast = y @ path_weights(np.array([2.0, 3.0, 4.0]))
    return contrast_lots([(5.0, contrast)], starts, np.ones(8), strata, np.arange(8))


def test_slope_and_error_by_hand():
    lots = eight()
    # slopes (y3 - y1) / 2: treated 2.5, 1; comparison 0, 1.5, .5, 0, -1, 1.5: means 1.75 and 2.5 / 6
    assert lots.value[0, -1] == pytest.approx(1.75 - 2.5 / 6)
    # treated: (.75^2 + .75^2) / 4; comparison: sum of squares 5.75 less 6 (2.5 / 6)^2, over 36
    assert lots.error[0, -1] ** 2 == pytest.approx(2 * 0.75**2 / 4 + (5.75 - 2.5**2 / 6) / 36)


def test_strata_are_compared_within():
    lots = eight(np.array([0, 1, 0, 0, 0, 1, 1, 1]))
    # first unit against 0, 1.5, .5 (mean 2/3), second against 0, -1, 1.5 (mean 1/6): (11/6 + 5/6) / 2
    assert lots.value[0, -1] == pytest.approx((2.5 - 2 / 3 + 1 - 1 / 6) / 2)
    # treated: each 1/2 x half a unit from the mean of 4/3; each stratum's comparison weighs 1/2 x 1/3 a unit
    treated = 2 * (0.5 * 0.5) ** 2
    first, second = (np.array(v) for v in ([0, 1.5, 0.5], [0, -1, 1.5]))
    compared = sum((((v - v.mean()) / 6) ** 2).sum() for v in (first, second))
    assert lots.error[0, -1] ** 2 == pytest.approx(treated + compared)


def test_a_stratum_without_comparison_has_no_contrast():
    assert np.isnan(eight(np.array([0, 1, 0, 0, 0, 0, 0, 0])).value).all()


def test_draws_are_those_of_one_adoption_at_a_time_with_weights_clusters_and_cohorts():
    rng = np.random.default_rng(3)
    n, k = 30, 4
    y = rng.normal(size=(n, k + 2))
    strata, clusters = rng.integers(0, 2, n), np.arange(n) // 2
    base = np.repeat([7.0, 9.0, INF], 10)
    starts = np.array([rng.permutation(base) for _ in range(50)])
    w = rng.uniform(1, 3, n)
    weights = path_weights(np.arange(k, dtype=float))
    cohorts = [(7.0, y[:, :k] @ weights), (9.0, y[:, 2:] @ weights)]
    lots = contrast_lots(cohorts, starts, w, strata, clusters)
    for r in range(50):
        value, score = np.zeros(k + 1), np.zeros((n, k + 1))
        whole = sum(w[starts[r] == g].sum() for g, _ in cohorts)
        for g, c in cohorts:
            own, share = starts[r] == g, w[starts[r] == g].sum() / whole
            total = w[own].sum()
            mean = {}
            for s in (0, 1):
                there = (starts[r] > g) & (strata == s)
                mean[s] = np.average(c[there], axis=0, weights=w[there]) if there.any() else np.full(k + 1, np.nan)
            effect = sum(w[i] / total * (c[i] - mean[strata[i]]) for i in np.flatnonzero(own))
            value += share * effect
            for i in np.flatnonzero(own):
                score[i] += share * w[i] / total * (c[i] - mean[strata[i]] - effect)
            for s in (0, 1):
                there = (starts[r] > g) & (strata == s)
                of_treated = w[own & (strata == s)].sum() / total
                if of_treated == 0:
                    continue
                for i in np.flatnonzero(there):
                    score[i] -= share * of_treated * w[i] / w[there].sum() * (c[i] - mean[s])
        sums = np.array([score[clusters == j].sum(0) for j in range(n // 2)])
        np.testing.assert_allclose(lots.value[r], value, atol=1e-12)
        np.testing.assert_allclose(lots.error[r], np.sqrt((sums**2).sum(0)), atol=1e-12)


def test_ranks_count_ties_and_what_does_not_exist():
    np.testing.assert_allclose(symmetric_ranks(np.array([1.0, -3.0, 2.0, 3.0, np.nan])), [1, 0.6, 0.8, 0.6, 0.2])


def test_a_cohort_that_a_draw_leaves_without_units_adds_nothing():
    y = np.random.default_rng(1).normal(size=(6, 3))
    contrast = y @ path_weights(np.arange(3.0))
    starts = np.array([[9.0, 9, INF, INF, INF, INF]])
    alone = contrast_lots([(9.0, contrast)], starts, np.ones(6), np.zeros(6, int), np.arange(6))
    both = contrast_lots([(7.0, contrast), (9.0, contrast)], starts, np.ones(6), np.zeros(6, int), np.arange(6))
    np.testing.assert_allclose(both.value, alone.value)
    np.testing.assert_allclose(both.error, alone.error)
