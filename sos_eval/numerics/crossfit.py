"""Chances of treatment and expected outcomes of rows, each learnt from other folds, and their doubly robust mean.

scikit-learn learns. econml's ``DRLearner`` gives the same average over all rows from the same folds, but it moves
chances below 1e-6 without a word, has no average over the treated, and its ``groups`` cluster no error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ChanceModel",
    "Learnt",
    "OutcomeModel",
    "UnlearnableError",
    "augmented_mean",
    "cross_fitted",
    "from_other_folds",
]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]
ChanceModel = Literal["logistic", "boosting", "forest"]
OutcomeModel = Literal["linear", "logistic", "boosting", "forest"]
Predict = Callable[[Array], Array]

#: Directions of regressors shorter than this share of the longest are taken as combinations of others.
_COLLINEAR = 1e-7
_LEAF = 20
_TREES = 200


class UnlearnableError(ArithmeticError):
    """The rows do not let a model be learnt; the message says why."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What rows of other folds say of each row.

    Attributes
    ----------
    chance : (n,)
        Of being treated.
    untreated, treated : (n,)
        Expected outcome without treatment, and with it (NaN where nobody asked).
    """

    chance: Array
    untreated: Array
    treated: Array


def cross_fitted(
    y: Array, arm: Bools, x: Array, weights: Array, folds: Codes, *, outcome: OutcomeModel, chance: ChanceModel,
    both: bool,
) -> Learnt:  # fmt: skip
    """Learn from all folds but one, and predict that one.

    Parameters
    ----------
    y, arm, weights, folds : (n,)
        Outcomes, who is treated, row weights, and the fold of each row.
    x : (n, k)
        Covariates, standardised.
    both
        Whether outcomes with treatment are wanted too.

    Raises
    ------
    UnlearnableError
        A model has one outcome only to learn from, or does not settle.
    """
    nobody = np.full(len(y), np.nan)
    return Learnt(
        from_other_folds(arm.astype(float), np.ones(len(y), bool), x, weights, folds, model=chance, classes=True),
        *(
            from_other_folds(y, group, x, weights, folds, model=outcome, classes=outcome == "logistic")
            if both or group is not arm else nobody
            for group in (~arm, arm)
        ),
    )  # fmt: skip


def from_other_folds(
    target: Array, among: Bools, x: Array, weights: Array, folds: Codes, *, model: OutcomeModel, classes: bool
) -> Array:
    """Predict each row, (n,), by a model of those rows of the other folds that are among some, (n,).

    Parameters
    ----------
    classes
        Whether the target holds zeros and ones, of which chances are wanted.

    Raises
    ------
    UnlearnableError
        As `cross_fitted`.
    """
    out = np.full(len(target), np.nan)
    for fold in np.unique(folds):
        wanted, rows = folds == fold, (folds != fold) & among
        out[wanted] = _learnt(model, x[rows], target[rows], weights[rows], classes=classes)(x[wanted])
    return out


def augmented_mean(
    y: Array, arm: Bools, weights: Array, learnt: Learnt, estimand: Literal["att", "ate"]
) -> tuple[float, Array]:
    """Return the augmented inverse probability weighted mean, and each row's influence, (n,).

    ATE: ``m1 - m0 + D (y - m1) / e - (1 - D) (y - m0) / (1 - e)`` (Robins, Rotnitzky and Zhao 1994). ATT:
    ``D (y - m0) - (1 - D) e / (1 - e) (y - m0)`` over the share of the treated (Chernozhukov et al. 2018).
    """
    e, missed = learnt.chance, y - learnt.untreated
    if estimand == "ate":
        gain = learnt.treated - learnt.untreated
        score = gain + np.where(arm, (y - learnt.treated) / e, -missed / (1 - e))
        of = np.ones(len(y))
    else:
        score = np.where(arm, missed, -e / (1 - e) * missed)
        of = arm.astype(float)
    among = float(weights @ of)
    value = float(weights @ score) / among
    return value, np.asarray(len(y) * weights * (score - value * of) / among)


def _learnt(name: str, x: Array, y: Array, weights: Array, *, classes: bool) -> Predict:
    """Fit a model by name, and return what predicts means or chances of one."""
    if classes and len(np.unique(y)) < 2:
        raise UnlearnableError("all rows to learn from have the same outcome")
    if not np.ptp(x, axis=0).any():
        mean = float(weights @ y / weights.sum())
        return lambda rows: np.full(len(rows), mean)
    model, basis = _model(name, classes=classes), _basis(x) if name == "logistic" else (lambda rows: rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            model.fit(basis(x), y, sample_weight=weights)
        except Warning:
            raise UnlearnableError("covariates tell one arm, or one outcome, from the other without an error") from None
    if classes:
        return lambda rows: np.asarray(model.predict_proba(basis(rows))[:, 1], float)
    return lambda rows: np.asarray(model.predict(basis(rows)), float)


def _basis(x: Array) -> Predict:
    """Turn regressors (n, k) into as many orthogonal ones as are no combination of others."""
    centre = x.mean(0)
    _, length, axes = np.linalg.svd(x - centre, full_matrices=False)
    kept = length > _COLLINEAR * length.max(initial=0.0)
    turn = axes[kept].T / length[kept] * np.sqrt(len(x))
    return lambda rows: np.asarray((rows - centre) @ turn)


def _model(name: str, *, classes: bool) -> Any:
    """Return scikit-learn's model of a name; trees have a fixed seed."""
    if name == "linear":
        from sklearn.linear_model import LinearRegression

        return LinearRegression()
    if name == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200)
    from sklearn import ensemble

    if name == "boosting":
        kind = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
        return kind(random_state=0)
    kind = ensemble.RandomForestClassifier if classes else ensemble.RandomForestRegressor
    return kind(n_estimators=_TREES, min_samples_leaf=_LEAF, random_state=0, n_jobs=1)
