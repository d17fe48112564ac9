"""Logistic regression: closed form, MatchIt's propensity scores, separation."""

import numpy as np
import pytest

from sos_eval.numerics.logistic import SeparationError, logistic
from tests.reference.stored import cases, data

# Eight units, a binary regressor: 1 of 4 ones where x = 0, 3 of 4 where x = 1.
Y = np.array([1.0, 0, 0, 0, 1, 1, 1, 0])
B = np.array([0.0, 0, 0, 0, 1, 1, 1, 1])
X = np.column_stack([np.ones(8), B])


def test_saturated_fit_is_the_share_in_each_group():
    fit = logistic(Y, X)
    assert fit.coef == pytest.approx([np.log(1 / 3), np.log(9)], rel=1e-12)
    assert fit.probability == pytest.approx([0.25] * 4 + [0.75] * 4, rel=1e-12)
    # variance of a log odds is 1/ones + 1/zeros; of a difference of two, their sum
    assert np.diag(fit.bread) == pytest.approx([4 / 3, 8 / 3], rel=1e-12)


def test_a_weight_of_two_is_a_unit_twice():
    twice = logistic(np.append(Y, Y[0]), np.vstack([X, X[0]]))
    assert logistic(Y, X, np.array([2.0, 1, 1, 1, 1, 1, 1, 1])).coef == pytest.approx(twice.coef, rel=1e-12)


def test_units_of_measurement_do_not_matter():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(60), rng.normal(size=60), rng.normal(size=60)])
    y = (rng.random(60) < 0.5).astype(float)
    scaled = logistic(y, x * [1, 1e7, 1e-7])
    assert scaled.probability == pytest.approx(logistic(y, x).probability, rel=1e-9)


@pytest.mark.parametrize("y", [B, np.array([0.0, 0, 0, 0, 1, 1, 1, 0])], ids=["complete", "quasi-complete"])
def test_separation_is_said_and_not_estimated(y):
    with pytest.raises(SeparationError):
        logistic(y, X)


def test_all_ones_are_separated_by_the_constant():
    with pytest.raises(SeparationError):
        logistic(np.ones(8), X)


def test_a_steep_but_finite_fit_is_no_separation():
    # One crossing at the middle: the likelihood has a finite maximum although the ends are fitted near 0 and 1.
    x = np.column_stack([np.ones(40), np.r_[np.arange(-20.0, 0), np.arange(1.0, 21)]])
    y = (x[:, 1] > 0).astype(float)
    y[[19, 20]] = y[[20, 19]]
    fit = logistic(y, x)
    assert fit.probability.min() < 1e-6
    assert x.T @ (y - fit.probability) == pytest.approx([0, 0], abs=1e-8)


def test_collinear_regressors_are_refused():
    with pytest.raises(np.linalg.LinAlgError):
        logistic(Y, np.column_stack([X, X[:, 1] * 2 + 1]))


@pytest.mark.reference
def test_propensity_scores_are_those_of_r_s_glm():
    case = cases("matchit_lalonde")["nn_ps_glm"]["values"]["distance_summary"]
    people = data("matchit_lalonde.csv")
    races = np.column_stack([people["race"] == race for race in ("hispan", "white")]).astype(float)
    numbers = people[["age", "educ", "married", "nodegree", "re74", "re75"]].to_numpy(float)
    fit = logistic(people["treat"].to_numpy(float), np.column_stack([np.ones(len(people)), numbers, races]))
    # R stops when the deviance moves by less than 1e-8 of itself: its scores are good to about 1e-7
    assert fit.probability[:5] == pytest.approx(case["first5"], abs=1e-7)
    assert fit.probability.min() == pytest.approx(case["min"], abs=1e-7)
    assert fit.probability.max() == pytest.approx(case["max"], abs=1e-7)


@pytest.mark.reference
def test_propensity_scores_of_simulated_authorities_are_those_of_r_s_glm():
    """Of data that are ours, so that it runs wherever the repository is; tolerance as above."""
    units = data("authority_134.csv")
    x = units[["x1", "x2", "log_pop", "y_pre", "y_change"]].to_numpy(float)
    fit = logistic(units["treat"].to_numpy(float), np.column_stack([np.ones(len(units)), x]))
    assert fit.probability == pytest.approx(cases("weighting")["auth_ipw_att"]["values"]["ps"], abs=1e-7)
