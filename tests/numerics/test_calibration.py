"""Chances beside what happened: by hand, and statsmodels' logistic regressions to 1e-8."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.calibration import held_out, recalibrated, tenths
from sos_eval.numerics.logistic import logistic


def drawn(seed=1, n=400, sharper=1.0):
    """Draw covariates with a constant, who is treated, weights, and chances whose log odds are too far apart."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    linear = x @ [-0.5, 0.8, 0.4]
    treated = rng.random(n) < 1 / (1 + np.exp(-linear))
    return x, treated, rng.uniform(0.5, 2, n), 1 / (1 + np.exp(-sharper * linear))


def test_tenths_by_hand():
    """Eight rows of two chances stay together: four at .25, one of them treated, and four at .5; weights 1 to 4."""
    chance = np.array([0.25, 0.5] * 4)
    treated = np.array([True, False, False, True, False, True, False, False])
    weights = np.array([1.0, 1, 2, 2, 3, 3, 4, 4])
    found = tenths(chance, treated, weights)
    np.testing.assert_array_equal(found.n, [4, 4])
    np.testing.assert_array_equal(found.treated, [1, 2])
    np.testing.assert_allclose(found.expected, [0.25, 0.5])
    np.testing.assert_allclose(found.observed, [1 / 10, 5 / 10])
    many = tenths(np.linspace(0.1, 0.9, 50), np.arange(50) % 2 > 0, np.ones(50))
    np.testing.assert_array_equal(many.n, [5] * 10)


def test_the_line_of_two_chances_by_hand():
    """Chances 1/4 and 3/4 that come about in 1/3 and 2/3: log odds -+log 3 against -+log 2, slope log 2 / log 3."""
    chance = np.repeat([0.25, 0.75], 3)
    line = recalibrated(chance, np.array([1, 0, 0, 1, 1, 0]) > 0, np.ones(6))
    assert line.slope == pytest.approx(np.log(2) / np.log(3))
    assert line.intercept == pytest.approx(0, abs=1e-12)
    assert line.at_large == pytest.approx(0, abs=1e-10)


def test_the_line_is_statsmodels():
    import statsmodels.api as sm

    _, treated, weights, chance = drawn(sharper=1.7)
    odds, family = np.log(chance / (1 - chance)), sm.families.Binomial()
    found = recalibrated(chance, treated, weights)
    both = sm.GLM(treated + 0.0, sm.add_constant(odds), family=family, var_weights=weights).fit(tol=1e-14)
    np.testing.assert_allclose([found.intercept, found.slope], both.params, rtol=1e-8)
    alone = sm.GLM(treated + 0.0, np.ones(len(odds)), family=family, var_weights=weights, offset=odds).fit(tol=1e-14)
    assert found.at_large == pytest.approx(alone.params[0], rel=1e-8)
    assert found.slope < 0.9


def test_chances_that_were_fitted_here_lie_on_the_line():
    """Of a maximum of likelihood slope and intercept are 1 and 0: that says nothing, and other folds are asked."""
    x, treated, weights, _ = drawn()
    line = recalibrated(logistic(treated + 0.0, x, weights).probability, treated, weights)
    np.testing.assert_allclose([line.intercept, line.slope, line.at_large], [0, 1, 0], atol=1e-8)


def test_chances_of_other_folds_are_statsmodels():
    import statsmodels.api as sm

    x, treated, weights, _ = drawn()
    folds = np.arange(len(x)) % 4
    found = held_out(treated, x, folds, weights)
    for fold in range(4):
        seen = folds != fold
        told = sm.GLM(treated[seen] + 0.0, x[seen], family=sm.families.Binomial(), var_weights=weights[seen])
        np.testing.assert_allclose(found[~seen], told.fit(tol=1e-14).predict(x[~seen]), rtol=1e-8)


def test_a_fold_that_is_missed_has_no_chance():
    """Without the second fold x tells the treated from the others: its rows have none."""
    x = np.column_stack([np.ones(8), [1.0, 2, 3, 4, 1, 2, 3, 4]])
    treated = np.array([0, 0, 1, 1, 1, 0, 1, 0]) > 0
    found = held_out(treated, x, np.repeat([0, 1], 4))
    assert np.isnan(found[4:]).all()
    assert np.isfinite(found[:4]).all()


def test_what_has_no_line_says_why():
    same = recalibrated(np.full(6, 0.3), np.arange(6) < 3, np.ones(6))
    assert np.isnan(same.slope)
    assert same.failure == "chances do not vary"
    assert same.at_large == pytest.approx(np.log(7 / 3))
    apart = recalibrated(np.linspace(0.1, 0.6, 6), np.arange(6) > 2, np.ones(6))
    assert np.isnan(apart.slope)
    assert "separate" in apart.failure
    assert np.isnan(recalibrated(np.full(6, 0.3), np.zeros(6, bool), np.ones(6)).at_large)
