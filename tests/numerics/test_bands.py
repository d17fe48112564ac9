"""Sup-t critical values: closed forms and their simulation error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri, stdtrit

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


@pytest.mark.parametrize(("m", "level"), [(2, 0.95), (30, 0.95), (30, 0.99), (10, 0.9)])
def test_vectors_of_the_tail_are_as_precise_as_plain_draws(m, level):
    """Independent estimates have a density in closed form: what 5,000 plain draws would err by, and no bias."""
    values = [sup_t(np.eye(m), level=level, draws=5_000, rng=np.random.default_rng(seed)) for seed in range(150)]
    quantiles, told = np.array([(one.value, one.monte_carlo_error) for one in values]).T
    sidak = ndtri((1 + level ** (1 / m)) / 2)
    density = m * (2 * ndtr(sidak) - 1) ** (m - 1) * 2 * np.exp(-(sidak**2) / 2) / np.sqrt(2 * np.pi)
    plain = np.sqrt(level * (1 - level) / 5_000) / density
    assert abs(quantiles.mean() - sidak) < 4 * plain / np.sqrt(150)
    assert quantiles.std() < 1.15 * plain
    assert told.mean() == pytest.approx(quantiles.std(), rel=0.25)


def test_fewer_vectors_of_a_t_give_its_quantile():
    """One correlation throughout and few degrees of freedom: many plain draws are the reference."""
    correlation = 0.6 + 0.4 * np.eye(12)
    few = [sup_t(correlation, level=0.95, draws=5_000, rng=np.random.default_rng(i), df=8.0) for i in range(60)]
    rng = np.random.default_rng(99)
    drawn = rng.standard_normal((400_000, 12)) @ np.linalg.cholesky(correlation).T
    drawn /= np.sqrt(rng.chisquare(8.0, (400_000, 1)) / 8)
    many = quantile_with_error(np.abs(drawn).max(1), 0.95)
    error = np.hypot(np.std([one.value for one in few]) / np.sqrt(60), many.monte_carlo_error)
    assert abs(np.mean([one.value for one in few]) - many.value) < 4 * error
