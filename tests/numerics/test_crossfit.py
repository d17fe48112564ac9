"""First stages from other folds: eight rows by hand, and econml and scikit-learn on the same folds."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.crossfit import Learnt, UnlearnableError, augmented_mean, cross_fitted

# two folds of four rows: treated and untreated with x = 0, then with x = 1
Y = np.array([5.0, 1.0, 7.0, 2.0, 6.0, 2.0, 10.0, 4.0])
ARM = np.array([True, False] * 4)
X = np.array([[0.0], [0.0], [1.0], [1.0]] * 2)
FOLDS = np.repeat([0, 1], 4)
ONES = np.ones(8)


def learnt(weights=ONES, both=True) -> Learnt:
    return cross_fitted(Y, ARM, X, weights, FOLDS, outcome="linear", chance="logistic", both=both)


def test_each_row_is_told_by_the_other_fold():
    found = learnt()
    np.testing.assert_allclose(found.chance, 0.5, rtol=1e-10)
    np.testing.assert_allclose(found.untreated, [2, 2, 4, 4, 1, 1, 2, 2], rtol=1e-10)
    np.testing.assert_allclose(found.treated, [6, 6, 10, 10, 5, 5, 7, 7], rtol=1e-10)
    assert np.isnan(learnt(both=False).treated).all()


def test_the_effect_on_the_treated_by_hand():
    # treated: 5-2, 7-4, 6-1, 10-2; untreated, odds 1: -(1-2), -(2-4), -(2-1), -(4-2); 19 over four treated
    value, influence = augmented_mean(Y, ARM, ONES, learnt(), "att")
    assert value == pytest.approx(4.75)
    np.testing.assert_allclose(influence, 2 * np.array([3 - 4.75, 1, 3 - 4.75, 2, 5 - 4.75, -1, 8 - 4.75, -2]))
    # treated rows of weight two: a chance of 2/3, odds of 2
    weights = np.where(ARM, 2.0, 1.0)
    value, influence = augmented_mean(Y, ARM, weights, learnt(weights), "att")
    assert value == pytest.approx(2 * 19 / 8)
    np.testing.assert_allclose(influence[:2], [2 * (3 - 4.75), 2])


def test_the_effect_on_all_by_hand():
    # m1 - m0: 4, 4, 6, 6, 4, 4, 5, 5; then 2(5-6), -2(1-2), 2(7-10), -2(2-4), 2(6-5), -2(2-1), 2(10-7), -2(4-2)
    scores = np.array([4 - 2, 4 + 2, 6 - 6, 6 + 4, 4 + 2, 4 - 2, 5 + 6, 5 - 4])
    value, influence = augmented_mean(Y, ARM, ONES, learnt(), "ate")
    assert value == pytest.approx(scores.mean())
    np.testing.assert_allclose(influence, scores - scores.mean(), atol=1e-9)


def drawn(seed: int = 1, n: int = 600):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    arm = rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0]))
    y = 1 + x @ [1.0, -0.5, 0.2] + arm * (1 + x[:, 1]) + rng.normal(size=n)
    return y, arm, x, rng.uniform(0.5, 2, n), rng.integers(0, 5, n)


def test_the_average_over_all_is_econmls_on_the_same_folds():
    from econml.dr import DRLearner
    from sklearn.base import BaseEstimator
    from sklearn.linear_model import LinearRegression, LogisticRegression

    class ByArm(BaseEstimator):
        """Least squares in each arm; econml puts the arm last."""

        def fit(self, x, y, sample_weight=None):
            self.of = [
                LinearRegression().fit(x[rows, :-1], y[rows], sample_weight=sample_weight[rows])
                for rows in (x[:, -1] == 0, x[:, -1] == 1)
            ]
            return self

        def predict(self, x):
            return np.where(x[:, -1] == 1, self.of[1].predict(x[:, :-1]), self.of[0].predict(x[:, :-1]))

    y, arm, x, weights, folds = drawn()
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(5)]
    learner = DRLearner(
        model_propensity=LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky"), model_regression=ByArm(),
        cv=splits, random_state=1,
    )  # fmt: skip
    learner.fit(y, arm.astype(int), X=None, W=x, sample_weight=weights, inference=None)
    ours = augmented_mean(
        y, arm, weights, cross_fitted(y, arm, x, weights, folds, outcome="linear", chance="logistic", both=True), "ate"
    )  # fmt: skip
    assert ours[0] == pytest.approx(float(np.ravel(learner.effect())[0]), rel=1e-8)


@pytest.mark.parametrize("name", ["boosting", pytest.param("forest", marks=pytest.mark.slow), "logistic"])
def test_learners_are_scikit_learns_by_name(name):
    from sklearn import ensemble
    from sklearn.linear_model import LogisticRegression

    y, arm, x, weights, folds = drawn()
    y = (y > 1).astype(float)
    found = cross_fitted(y, arm, x, weights, folds, outcome=name, chance=name, both=False)
    trees = {"n_estimators": 200, "min_samples_leaf": 20, "random_state": 0}
    chance, outcome = {
        "boosting": (ensemble.HistGradientBoostingClassifier(random_state=0),
                     ensemble.HistGradientBoostingRegressor(random_state=0)),
        "forest": (ensemble.RandomForestClassifier(**trees), ensemble.RandomForestRegressor(**trees)),
        "logistic": (LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky"),) * 2,
    }[name]  # fmt: skip
    for k in range(5):
        rest, own = folds != k, folds == k
        expected = chance.fit(x[rest], arm[rest], sample_weight=weights[rest]).predict_proba(x[own])[:, 1]
        np.testing.assert_allclose(found.chance[own], expected, atol=1e-8)
        model = outcome.fit(x[rest & ~arm], y[rest & ~arm], sample_weight=weights[rest & ~arm])
        expected = model.predict_proba(x[own])[:, 1] if name == "logistic" else model.predict(x[own])
        np.testing.assert_allclose(found.untreated[own], expected, atol=1e-8)


def test_combinations_of_others_change_no_prediction():
    y, arm, x, weights, folds = drawn()
    options = {"outcome": "linear", "chance": "logistic", "both": True}
    plain = cross_fitted(y, arm, x, weights, folds, **options)
    more = cross_fitted(y, arm, np.column_stack([x, x[:, 0] + x[:, 1], np.zeros(len(x))]), weights, folds, **options)
    for name in ("chance", "untreated", "treated"):
        np.testing.assert_allclose(getattr(more, name), getattr(plain, name), rtol=1e-8)


def test_what_cannot_be_learnt_is_said():
    y, arm, x, weights, folds = drawn()
    options = {"chance": "logistic", "both": False}
    with pytest.raises(UnlearnableError, match="without an error"):
        cross_fitted(y, x[:, 0] > 0, x, weights, folds, outcome="linear", **options)
    with pytest.raises(UnlearnableError, match="the same outcome"):
        cross_fitted(np.zeros(len(y)), arm, x, weights, folds, outcome="logistic", **options)
