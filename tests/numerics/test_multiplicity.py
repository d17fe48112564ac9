"""Adjusted p values by hand, and their size over families without any effect."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.multiplicity import westfall_young


def test_by_hand():
    # largest first: 3 against 3, 2, 2.5, 3.5: two of four; then 1 against 1, 2, .5, 3.5: three of four
    drawn = np.array([[3.0, 1.0], [1.0, 2.0], [2.5, 0.5], [0.1, 3.5]])
    np.testing.assert_allclose(westfall_young(drawn), [0.5, 0.75])
    np.testing.assert_allclose(westfall_young(drawn[:, ::-1]), [0.75, 0.5])


def test_one_outcome_keeps_its_p_and_copies_cost_nothing():
    drawn = np.random.default_rng(1).normal(size=(200, 1))
    p = (np.abs(drawn[:, 0]) >= abs(drawn[0, 0])).mean()
    assert westfall_young(drawn)[0] == pytest.approx(p)
    np.testing.assert_allclose(westfall_young(np.repeat(drawn, 5, axis=1)), p)


def test_families_without_effects_reject_once_in_twenty():
    rng = np.random.default_rng(2)
    drawn = rng.multivariate_normal(np.zeros(4), np.full((4, 4), 0.5) + 0.5 * np.eye(4), (1500, 200))
    rejected = np.mean([westfall_young(one).min() <= 0.05 for one in drawn])
    assert rejected == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1500))
