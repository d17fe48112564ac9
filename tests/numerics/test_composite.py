"""Composite weights, worked out by hand on eight rows."""

from __future__ import annotations

import numpy as np

from sos_eval.numerics.composite import composite_weights


def test_eight_rows_by_hand():
    # stratum 0: treated 1, 1; comparison 1/2, 1    w_T = 2, w_C = 3/2
    # stratum 1: treated 1; comparison 1/2, 1/2     w_T = 1, w_C = 1
    # stratum 2: a comparison row alone             left out
    # W_T = 3, W_C = 5/2: factors 2/(3/2) * (5/2)/3 = 10/9 and 1 * 5/6
    stratum = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    treated = np.array([1, 1, 0, 0, 1, 0, 0, 0], bool)
    own = np.array([1, 1, 0.5, 1, 1, 0.5, 0.5, 1])
    weights = composite_weights(stratum, treated, own)
    np.testing.assert_allclose(weights, [1, 1, 5 / 9, 10 / 9, 1, 5 / 12, 5 / 12, 0], rtol=1e-12)


def test_composite_weights_sum_to_the_own_weights_of_matched_rows():
    rng = np.random.default_rng(3)
    stratum, treated = rng.integers(0, 40, 500), rng.random(500) < 0.3
    own = 1 / rng.integers(1, 4, 500)
    weights = composite_weights(stratum, treated, own)
    for group in (treated, ~treated):
        used = group & (weights > 0)
        np.testing.assert_allclose(weights[used].sum(), own[used].sum(), rtol=1e-12)


def test_without_a_common_stratum_every_weight_is_zero():
    assert (composite_weights(np.array([0, 1]), np.array([True, False]), np.ones(2)) == 0).all()


def test_rows_of_one_set_have_the_weights_of_plain_matching():
    from sos_eval.numerics.strata import stratum_weights

    rng = np.random.default_rng(4)
    stratum, treated = rng.integers(0, 20, 300), rng.random(300) < 0.4
    plain = stratum_weights(stratum, treated[None])[0]
    np.testing.assert_allclose(composite_weights(stratum, treated, np.ones(300)), plain, rtol=1e-12)
