"""Sup-t critical values: closed forms and their simulation error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri, stdtrit

from sos_eval.numerics.bands import quantile_with_error, sup_t


def test_one_estimate_needs_no_simulation():
    found = sup_t(np.eye(1), level=0.9, draws=10, rng=np.random.default_rng(0))
    assert found.value == pytest.approx(ndtri(0.95), abs=1e-12)
    assert found.monte_carlo_error == 0
    assert sup_t(np.eye(1), level=0.9, draws=10, rng=np.random.default_rng(0), df=7).value == stdtrit(7, 0.95)


@pytest.mark.parametrize("m", [2, 5, 20])
def test_independent_estimates_give_the_sidak_value(m):
    found = sup_t(np.eye(m), level=0.95, draws=200_000, rng=np.random.default_rng(m))
    sidak = ndtri((1 + 0.95 ** (1 / m)) / 2)
    assert abs(found.value - sidak) < 4 * found.monte_carlo_error
    assert found.monte_carlo_error < 0.01


def test_copies_of_one_estimate_give_the_pointwise_value():
    found = sup_t(np.ones((4, 4)), level=0.95, draws=200_000, rng=np.random.default_rng(3))
    assert abs(found.value - ndtri(0.975)) < 4 * found.monte_carlo_error
    found = sup_t(np.ones((4, 4)), level=0.95, draws=200_000, rng=np.random.default_rng(3), df=6.0)
    assert abs(found.value - stdtrit(6, 0.975)) < 4 * found.monte_carlo_error


def test_quantile_is_an_order_statistic():
    values = np.arange(1.0, 101.0)
    np.random.default_rng(0).shuffle(values)
    found = quantile_with_error(values, 0.95)
    assert found.value == 95
    assert found.monte_carlo_error == 3  # sqrt(100 * .95 * .05) = 2.2, rounded up; (98 - 92) / 2
