"""Two by two: influence as the derivative of reweighting, doubly robust as its simple cases, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.nuisance import NoEffectError, odds_of_treatment
from sos_eval.numerics.two_by_two import of_changes, of_levels

N = 60


@pytest.fixture
def sample():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 2))])
    treated = rng.random(N) < 1 / (1 + np.exp(-x[:, 1]))
    y = rng.normal(size=(N, 3)) + x[:, [1]] + treated[:, None]
    return y, treated, rng.random(N) < 0.5, x, rng.uniform(0.5, 2, N)


@pytest.mark.parametrize("adjust", ["none", "reg", "ipw", "dr", "dr_comparison", "dr_improved"])
@pytest.mark.parametrize("levels", [False, True])
def test_score_is_the_derivative_in_the_weight(sample, adjust, levels):
    """An observation's score is its weight times what the estimate gains per unit of its weight."""
    y, treated, post, x, weights = sample

    def value(w):
        return (of_levels(y, treated, post, x, w, adjust) if levels else of_changes(y, treated, x, w, adjust)).value

    effect = of_levels(y, treated, post, x, weights, adjust) if levels else of_changes(y, treated, x, weights, adjust)
    np.testing.assert_allclose(effect.score.sum(0), 0, atol=1e-9)
    for i in range(0, N, 7):
        step = 1e-5 * (np.arange(N) == i)
        slope = (value(weights + step) - value(weights - step)) / 2e-5
        np.testing.assert_allclose(effect.score[i], weights[i] * slope, atol=1e-7)


def test_a_constant_alone_is_no_adjustment(sample):
    y, treated, post, _, weights = sample
    ones = np.ones((N, 1))
    for adjust in ("reg", "ipw", "dr", "dr_improved", "dr_comparison"):
        one, two = of_changes(y, treated, ones, weights, adjust), of_changes(y, treated, ones, weights, "none")
        np.testing.assert_allclose(one.value, two.value, rtol=1e-10)
        np.testing.assert_allclose(one.score, two.score, atol=1e-12)
        one, two = (of_levels(y, treated, post, ones, weights, how) for how in (adjust, "none"))
        np.testing.assert_allclose(one.value, two.value, rtol=1e-10)
        np.testing.assert_allclose(one.score, two.score, atol=1e-12)


def test_trimmed_comparison_units_are_told(sample):
    y, treated, _, x, weights = sample
    effect = of_changes(y, treated, x, weights, "ipw", trim=0.5)
    assert effect.trimmed.any()
    assert not (effect.trimmed & treated).any()
    with pytest.raises(NoEffectError, match="every comparison unit has a propensity of at least 1e-09"):
        of_changes(y, treated, x, weights, "ipw", trim=1e-9)


def test_refusals(sample):
    y, treated, _, x, weights = sample
    with pytest.raises(NoEffectError, match="no observation: comparison"):
        of_changes(y, np.ones(N, bool), x, weights, "none")
    with pytest.raises(NoEffectError, match="no observation: treated, later period; comparison, later period"):
        of_levels(y, treated, np.zeros(N, bool), x, weights, "none")
    with pytest.raises(NoEffectError, match="collinear"):
        of_changes(y, treated, np.column_stack([x, x[:, 1]]), weights, "reg")
    with pytest.raises(NoEffectError, match="propensity model: the regressors separate"):
        of_changes(y, treated, np.column_stack([np.ones(N), treated]), weights, "ipw")


def test_tilted_odds_give_the_comparison_the_means_of_the_treated(sample):
    y, treated, _, x, weights = sample
    odds = odds_of_treatment(treated[None], ~treated[None], x, weights, 1.0, tilted=True)
    np.testing.assert_allclose(odds.weights[0] @ x, (weights * treated) @ x, rtol=1e-10)
    one = of_changes(y, treated, x, weights, "dr_improved", trim=1.0)
    # with equal means what the regression predicts cancels: the estimate weighs the comparison's changes alone
    share = odds.weights[0] / odds.weights.sum()
    np.testing.assert_allclose(one.value, np.average(y[treated], 0, weights[treated]) - share @ y, rtol=1e-9)


def test_means_out_of_reach_have_no_tilted_odds():
    """The treated's mean of x lies beyond every comparison unit's, although single treated units do not."""
    x = np.column_stack([np.ones(8), [0.0, 9, 9, 9, 1, 2, 3, 4]])
    treated = np.arange(8) < 4
    assert np.isfinite(of_changes(x[:, [1]], treated, x, np.ones(8), "dr").value).all()
    with pytest.raises(NoEffectError, match="no weights of the comparison units reach the covariate means"):
        of_changes(x[:, [1]], treated, x, np.ones(8), "dr_improved")


def test_small_treated_groups_need_no_regression_of_their_own(sample):
    """Two treated observations before and after: the efficient estimator regresses three covariates on them."""
    y, _, post, x, weights = sample
    treated = np.zeros(N, bool)
    treated[np.flatnonzero(post)[:2]] = treated[np.flatnonzero(~post)[:2]] = True
    with pytest.raises(NoEffectError, match="leave none of its observations over"):
        of_levels(y, treated, post, x, weights, "dr")
    assert np.isfinite(of_levels(y, treated, post, x, weights, "dr_comparison").value).all()


@pytest.mark.parametrize("adjust", ["reg", "dr"])
def test_a_regression_without_a_spare_observation_is_refused(adjust):
    """Two comparison units on a line are fitted perfectly: an error from their residuals would leave them out."""
    x = np.column_stack([np.ones(6), [0.1, 0.5, 0.2, 0.7, 0.3, 0.6]])
    treated = np.array([True] * 4 + [False] * 2)
    with pytest.raises(NoEffectError, match="leave none of its observations over"):
        of_changes(np.arange(6.0)[:, None], treated, x, np.ones(6), adjust)


def test_a_limit_that_trims_a_whole_period_is_said():
    """Later comparison rows have a propensity of 0.6, those of the base period of 0.2; the limit lies between."""
    high = np.array([1] * 6 + [0] * 2 + [1] * 4 + [0] * 8)
    treated = np.array([True] * 8 + [False] * 12)
    post = np.array([True, False] * 4 + [True] * 4 + [False] * 8)
    x, y = np.column_stack([np.ones(20), high]), np.arange(20.0)[:, None]
    assert np.isfinite(of_levels(y, treated, post, x, np.ones(20), "ipw").value).all()
    with pytest.raises(NoEffectError, match="leaves no comparison unit in one of the two periods"):
        of_levels(y, treated, post, x, np.ones(20), "ipw", trim=0.5)
