"""Whether an effect differs, and with what: doubly robust scores of the treated, projected on few regressors.

With ``w = T - (1 - T) e / (1 - e)`` and ``s = w (y - m)``, m the change expected without treatment and e the chance of
treatment, ``E[b s] = E[T b tau(x)]`` for any regressors b of x where either m or e is right (Sant'Anna and Zhao 2020;
Semenova and Chernozhukov 2021). Group averages, best linear projections and calibration are this with other b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from sos_eval.numerics.logistic import SeparationError, logistic
from sos_eval.numerics.regress import least_squares

__all__ = ["LARGEST_CHANCE", "NoOverlapError", "Projection", "Scores", "doubly_robust", "grouped", "projection"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: A comparison row whose chance of treatment is larger stands for too many of the treated (as in DRDID).
LARGEST_CHANCE = 0.995


class NoOverlapError(ArithmeticError):
    """Treated and comparison rows differ so much that none stands for the other."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Doubly robust scores.

    Attributes
    ----------
    gain : (n,)
        ``s`` above, times the row's weight.
    treated : (n,)
        Zero or the row's weight.
    clusters : (n,)
        Codes from zero.
    """

    gain: Array
    treated: Array
    clusters: Codes

    @property
    def n_clusters(self) -> int:
        """How many clusters."""
        return len(np.unique(self.clusters))


@dataclass(frozen=True, slots=True)
class Projection:
    """Coefficients of the treated's effects on regressors.

    Attributes
    ----------
    coef : (k,)
    covariance : (k, k)
        Clustered: ``G / (G - 1)`` times the sum over clusters of squared sums of influence.
    df
        Clusters less one.
    """

    coef: Array
    covariance: Array
    df: int

    def along(self, direction: Array) -> tuple[float, float]:
        """Return a combination of coefficients and its error."""
        return float(direction @ self.coef), float(np.sqrt(direction @ self.covariance @ direction))

    def reach(self, level: float) -> float:
        """Return how many errors an interval reaches to either side."""
        return float(stdtrit(self.df, 0.5 + level / 2))

    def p_value(self, t: float, *, one_sided: bool = False) -> float:
        """Return the p of a t: of more than zero where one-sided."""
        return float(stdtr(self.df, -t) if one_sided else 2 * stdtr(self.df, -abs(t)))


def doubly_robust(
    change: Array, treated: Array, x: Array, *, weights: Array, clusters: Codes, folds: Codes
) -> Scores:  # fmt: skip
    """Return scores whose first stages, least squares and logistic regression, are fitted on the other folds.

    Parameters
    ----------
    change, treated : (n,)
    x : (n, k)
        Regressors of both first stages; a constant is added.

    Raises
    ------
    NoOverlapError
        The regressors tell treated from comparison rows, all but or altogether.
    """
    with_constant = np.column_stack([np.ones(len(x)), x])
    gain = np.empty(len(change))
    for k in np.unique(folds):
        own, others = folds == k, folds != k
        untreated = others & (treated == 0)
        coef, _ = least_squares(change[untreated], with_constant[untreated], weights[untreated])
        chance = _chance(treated[others], with_constant[others], weights[others], with_constant[own])
        if (chance[treated[own] == 0] > LARGEST_CHANCE).any():
            raise NoOverlapError("among those not treated some are all but certain to be, by their covariates")
        share = np.where(treated[own] == 1, 1.0, -chance / (1 - chance))
        gain[own] = share * (change[own] - with_constant[own] @ coef)
    return Scores(weights * gain, weights * treated, np.unique(clusters, return_inverse=True)[1])


def _chance(treated: Array, x: Array, weights: Array, at: Array) -> Array:
    """Return the chance of treatment at other rows."""
    from scipy.special import expit

    try:
        return np.asarray(expit(at @ logistic(treated, x, weights).coef), float)
    except SeparationError as why:
        raise NoOverlapError(f"the chance of treatment cannot be told: {why}") from None


def projection(scores: Scores, basis: Array) -> Projection:
    """Return the best approximation of the treated's effects by regressors, (n, k).

    ``beta = (sum T b b')^-1 sum b s``, with the influence ``(sum T b b')^-1 b (s - T b' beta)`` of each row.
    """
    bread = np.linalg.inv((basis * scores.treated[:, None]).T @ basis)
    coef = bread @ (basis.T @ scores.gain)
    rows = basis * (scores.gain - scores.treated * (basis @ coef))[:, None]
    sums = np.column_stack([np.bincount(scores.clusters, column) for column in (rows @ bread).T])
    n = scores.n_clusters
    return Projection(coef, n / (n - 1) * sums.T @ sums, n - 1)


def grouped(predicted: Array, treated: NDArray[np.bool_], folds: Codes, groups: int) -> Codes | None:
    """Return the group of each row by its predicted effect, (n,), lowest first; None where predictions do not differ.

    Cut within each fold, whose predictions come from one learner, so that each group has as many treated rows.
    """
    place = np.empty(len(predicted), dtype=np.intp)
    for k in np.unique(folds):
        own = folds == k
        cuts = np.quantile(predicted[own & treated], np.arange(1, groups) / groups)
        place[own] = np.searchsorted(cuts, predicted[own], side="left")
        if len(np.unique(place[own & treated])) < groups:
            return None
    return place
