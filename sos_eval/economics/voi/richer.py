"""Is the smoother rich enough? Its decisions out of fold beside those of gradient boosting.

A decision rule learnt on other draws has a value that needs no model to be estimated: the mean net benefit of what it
chooses, less that of the best choice without it. It cannot exceed the EVPPI in expectation, so a rule that finds more
shows what the smoother has missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.economics.voi.smooth import smooth

__all__ = ["Rules", "rules"]

Array = NDArray[np.float64]
_FOLDS = 3
_DRAWS = 10_000  # at most, evenly spaced


@dataclass(frozen=True, slots=True)
class Rules:
    """Value of deciding by boosted trees out of fold, and what it finds beyond the smoother out of fold.

    Attributes
    ----------
    value, error : (T,)
        Mean gain of the boosted rule over the best choice without it, and its standard error.
    excess, excess_error : (T,)
        What it finds beyond the smoother's rule, on the same draws.
    """

    value: Array
    error: Array
    excess: Array
    excess_error: Array


def rules(x: Array, effect: Array, cost: Array, lam: Array, rng: np.random.Generator) -> Rules:
    """Learn both rules on two thirds of the draws and apply them to the rest, three times.

    Parameters
    ----------
    x : (n, p)
        Parameters of the group.
    effect, cost : (n, K - 1)
        Increments of the strategies against the comparator.
    lam : (T,)
        Thresholds.
    rng
        Divides the draws.
    """
    rows = np.unique(np.linspace(0, len(x) - 1, min(_DRAWS, len(x))).astype(int))
    x, y = x[rows], np.column_stack([effect[rows], cost[rows]])
    fold = rng.permutation(np.arange(len(x)) % _FOLDS)
    spline, trees = np.empty_like(y), np.empty_like(y)
    for k in range(_FOLDS):
        out = fold == k
        spline[out] = smooth(x[~out], y[~out]).fitted(x[out])
        trees[out] = _boosted(x[~out], y[~out], x[out])
    return _valued(y, spline, trees, lam)


def _boosted(x: Array, y: Array, at: Array) -> Array:
    """Fit boosted trees to each outcome and predict, (m, M)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    made = {"max_iter": 150, "learning_rate": 0.1, "max_leaf_nodes": 15, "early_stopping": False, "random_state": 0}
    return np.column_stack([HistGradientBoostingRegressor(**made).fit(x, column).predict(at) for column in y.T])


def _valued(y: Array, spline: Array, trees: Array, lam: Array) -> Rules:
    """Value both rules at every threshold, on the increments themselves."""
    found = np.empty((4, len(lam)))
    root = np.sqrt(len(y))
    for t, price in enumerate(lam):
        gain = _net(y, price)
        richer, own = (gain[np.arange(len(y)), _net(fit, price).argmax(1)] for fit in (trees, spline))
        over = richer - gain[:, int(gain.mean(0).argmax())]
        found[:, t] = over.mean(), over.std() / root, (richer - own).mean(), (richer - own).std() / root
    return Rules(*found)


def _net(increments: Array, price: float) -> Array:
    """Return net benefit against the comparator, whose own stands first as zero, (n, K)."""
    effect, cost = np.split(increments, 2, axis=1)
    return np.column_stack([np.zeros(len(effect)), price * effect - cost])
