"""Chained equations: values of donors, categories that follow their predictors, known values left as they are."""

from __future__ import annotations

import numpy as np

from sos_eval.numerics.chained import Gapped, _near, impute


def drawn(seed: int = 1, n: int = 4000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    number = 2 * x + rng.normal(size=n)
    kind = (rng.random(n)[:, None] > np.column_stack([1 / (1 + np.exp(2 * x)), np.full(n, 0.9)])).sum(1)
    hidden = rng.random((2, n)) < np.array([0.2, 0.1])[:, None]
    return x, number, kind.astype(float), hidden


def filled(seed: int = 1):
    x, number, kind, hidden = drawn()
    number, kind = np.where(hidden[0], np.nan, number), np.where(hidden[1], -1, kind)
    columns = [Gapped(number, hidden[0]), Gapped(kind, hidden[1], 3)]
    return impute(columns, x[:, None], np.random.default_rng(seed), iterations=3)


def test_known_values_stay_and_filled_ones_are_values_of_others():
    _, number, kind, hidden = drawn()
    numbers, kinds = filled()
    np.testing.assert_array_equal(numbers[~hidden[0]], number[~hidden[0]])
    np.testing.assert_array_equal(kinds[~hidden[1]], kind[~hidden[1]])
    assert np.isin(numbers[hidden[0]], number[~hidden[0]]).all()
    assert set(kinds) == {0.0, 1.0, 2.0}


def test_filled_values_follow_their_predictors():
    x, _, _, hidden = drawn()
    numbers, kinds = filled()
    slope = np.polyfit(x[hidden[0]], numbers[hidden[0]], 1)[0]
    assert abs(slope - 2) < 4 / np.sqrt(hidden[0].sum())  # four errors of a slope whose residuals have deviation one
    low, high = kinds[hidden[1] & (x < -1)], kinds[hidden[1] & (x > 1)]
    assert (low == 0).mean() > 0.8 > 0.2 > (high == 0).mean()  # P(0) = 1 / (1 + exp(2 x)): above 0.88, below 0.12


def test_the_spread_around_the_prediction_is_kept():
    x, _, _, hidden = drawn()
    rest = filled()[0][hidden[0]] - 2 * x[hidden[0]]
    assert 0.9 < rest.std() < 1.1


def test_the_same_stream_fills_alike_and_another_does_not():
    assert all(np.array_equal(a, b) for a, b in zip(filled(3), filled(3), strict=True))
    assert not np.array_equal(filled(3)[0], filled(4)[0])


def test_donors_at_the_ends_are_the_five_nearest_there():
    ranked = np.arange(40.0)
    rng = np.random.default_rng(5)
    high, low = (_near(ranked, np.full(2000, value), rng) for value in (99.0, -99.0))
    assert np.unique(high).tolist() == [35, 36, 37, 38, 39]
    assert np.unique(low).tolist() == [0, 1, 2, 3, 4]
    assert np.bincount(high)[35:].min() > 330  # 400 each, four errors of 18 below


def test_rows_with_the_same_prediction_all_lend():
    lent = _near(np.repeat([0.0, 1.0], 50), np.full(4000, 1.0), np.random.default_rng(6))
    assert set(lent) <= set(range(50, 100))
    assert len(set(lent)) > 40


def test_three_rows_are_enough_to_lend():
    assert set(_near(np.array([1.0, 2.0, 3.0]), np.full(200, 2.0), np.random.default_rng(7))) == {0, 1, 2}
