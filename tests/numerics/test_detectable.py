"""Sizes that a permutation test finds: against the power of a normal test, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from sos_eval.numerics.detectable import FALL, RISE, Lots, findable


def test_a_normal_test_of_known_error_finds_what_the_formula_says():
    rng = np.random.default_rng(1)
    lots = Lots(2 * rng.normal(size=400_000), np.full(400_000, 2.0))
    for sign in (FALL, RISE):
        found = findable(lots, lambda size: [lots, lots], sign, alpha=0.05, power=0.8)
        assert found.size == pytest.approx(2 * (ndtri(0.975) + ndtri(0.8)), abs=4 * found.error + 0.01)
        assert found.power_at(found.size)[0] == pytest.approx(0.8, abs=1e-4)


def test_an_off_centre_test_finds_falls_and_rises_of_different_sizes():
    rng = np.random.default_rng(2)
    lots = Lots(rng.normal(-0.5, 1, 100_000), np.ones(100_000))
    fall, rise = (findable(lots, lambda size: [lots, lots], sign, alpha=0.05, power=0.8) for sign in (FALL, RISE))
    assert rise.size - fall.size == pytest.approx(1.0, abs=0.02)


def test_the_second_pass_uses_the_critical_value_with_the_effect_in_place():
    lots = Lots(np.linspace(-1, 1, 999), np.ones(999))
    wider = Lots(2 * np.linspace(-1, 1, 999), np.ones(999))
    found = findable(lots, lambda size: [wider, wider], RISE, alpha=0.05, power=0.8)
    # the 50th largest |b| of 999 is 1.9 (half of them negative); a draw needs 1.9 - b, and four in five need at most
    assert found.size == pytest.approx(1.902 + 0.6, abs=0.003)


def test_draws_without_an_error_are_left_out():
    lots = Lots(np.array([1.0, np.nan, 2.0]), np.array([1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(lots.usable.estimate, [1.0])
