"""econml's learners of conditional effects behind one door: arrays in, effects out. Nothing else imports econml."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import Fault, InputFault
from sos_eval.numerics._installed import is_installed

__all__ = ["Training", "absent", "causal_forest", "double_ml", "dr_learner"]

Array = NDArray[np.float64]

_ABSENT = Fault(
    "",
    "the design asks where the effect differs (discover), and econml, which learns that, is not installed",
    "install econml, or take the entry with discover out",
)


@dataclass(frozen=True, slots=True)
class Training:
    """Rows to learn from.

    Attributes
    ----------
    change : (n,)
        Outcome.
    treated : (n,)
        Zero or one.
    among : (n, k)
        What the effect may depend on, standardised.
    controls : (n, m)
        Further regressors of both first stages; no columns for none.
    weights : (n,)
    folds : (n,)
        Fold of each row: the first stages are fitted on the others.
    seed
        Of what is random in the learner.
    """

    change: Array
    treated: Array
    among: Array
    controls: Array
    weights: Array
    folds: NDArray[np.intp]
    seed: int

    @property
    def splits(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows to fit on and rows to predict, a pair a fold."""
        return [(np.flatnonzero(self.folds != k), np.flatnonzero(self.folds == k)) for k in np.unique(self.folds)]


def double_ml(rows: Training, at: Array) -> Array:
    """Return effects at `at`, (m, k), by econml's ``LinearDML``: linear in what they depend on.

    First stages: least squares of the outcome, penalised logistic regression (C = 1) of treatment.
    """
    learner = _module("econml.dml").LinearDML(
        model_y=_line(), model_t=_odds(), discrete_treatment=True, cv=rows.splits, random_state=rows.seed
    )
    return _fitted(learner, rows, at, inference=None)


def causal_forest(rows: Training, at: Array, *, trees: int, subsample: float, least_leaf: int) -> Array:
    """Return effects at `at`, (m, k), by econml's ``CausalForestDML``: honest trees on the same first stages."""
    learner = _module("econml.dml").CausalForestDML(
        model_y=_line(), model_t=_odds(), discrete_treatment=True, cv=rows.splits, random_state=rows.seed,
        n_estimators=trees, max_samples=subsample, min_samples_leaf=least_leaf, honest=True, inference=False, n_jobs=1,
    )  # fmt: skip
    return _fitted(learner, rows, at)


def dr_learner(rows: Training, at: Array) -> Array:
    """Return effects at `at`, (m, k), by econml's ``DRLearner``: least squares of doubly robust scores."""
    learner = _module("econml.dr").DRLearner(
        model_propensity=_odds(), model_regression=_line(), cv=rows.splits, random_state=rows.seed
    )
    return _fitted(learner, rows, at, inference=None)


def _fitted(learner: Any, rows: Training, at: Array, **options: Any) -> Array:
    """Fit a learner and ask it for effects; controls are part of its first stages alone."""
    controls = rows.controls if rows.controls.shape[1] else None
    weights = None if (rows.weights == rows.weights[0]).all() else rows.weights
    learner.fit(rows.change, rows.treated, X=rows.among, W=controls, sample_weight=weights, **options)
    return np.asarray(learner.effect(at), float).ravel()


def _module(name: str) -> Any:
    """Return a module of econml.

    Raises
    ------
    InputFault
        econml is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputFault(_ABSENT) from None


def absent() -> Fault | None:
    """Say that econml is not there, without importing it, which takes seconds; None where it is."""
    return None if is_installed("econml") else _ABSENT


def _line() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def _odds() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=1000)
