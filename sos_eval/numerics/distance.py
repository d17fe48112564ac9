"""Distances between treated and untreated units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["absolute", "euclidean", "mahalanobis", "pooled_covariance", "rank_mahalanobis"]

Array = NDArray[np.float64]


def absolute(score: Array, treated: NDArray[np.bool_]) -> Array:
    """Absolute difference in one number per unit.

    Parameters
    ----------
    score : (n,)
        A propensity, its logit, or a column.
    treated : (n,)
        Who is treated.

    Returns
    -------
    distance : (n_treated, n_untreated)
    """
    return np.abs(score[treated][:, None] - score[~treated][None, :])


def euclidean(x: Array, treated: NDArray[np.bool_]) -> Array:
    """Euclidean distance on the columns' own units, (n_treated, n_untreated).

    Parameters
    ----------
    x : (n, k)
        Covariates.
    treated : (n,)
        Who is treated.
    """
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(x[treated], x[~treated]), float)


def pooled_covariance(x: Array, treated: NDArray[np.bool_]) -> Array:
    """Covariance within groups, pooled over treated and untreated, (k, k); divisor n - 2.

    Parameters
    ----------
    x : (n, k)
        Covariates.
    treated : (n,)
        Who is treated.
    """
    centred = np.where(treated[:, None], x - x[treated].mean(0), x - x[~treated].mean(0))
    return np.asarray(centred.T @ centred / (len(x) - 2))


def mahalanobis(x: Array, treated: NDArray[np.bool_], ridge: float = 0.0) -> Array:
    """Mahalanobis distance with the pooled within-group covariance, (n_treated, n_untreated).

    Rosenbaum and Rubin (1985), as MatchIt computes it.

    Parameters
    ----------
    x : (n, k)
        Covariates.
    treated : (n,)
        Who is treated.
    ridge
        Added to every variance, as a share of it.

    Raises
    ------
    numpy.linalg.LinAlgError
        The covariates are collinear, or one does not vary within the groups.
    """
    scale = x.std(0)
    if not (scale > 0).all():
        raise np.linalg.LinAlgError("a covariate does not vary")
    scaled = x / scale
    covariance = pooled_covariance(scaled, treated)
    covariance = covariance + ridge * np.diag(np.diag(covariance))
    if np.linalg.matrix_rank(covariance, hermitian=True) < x.shape[1]:
        raise np.linalg.LinAlgError("collinear covariates")
    root = np.linalg.cholesky(covariance)
    return euclidean(np.linalg.solve(root, scaled.T).T, treated)


def rank_mahalanobis(x: Array, treated: NDArray[np.bool_], ridge: float = 0.0) -> Array:
    """Mahalanobis distance of ranks, their variances set to those of ranks without ties, (n_treated, n_untreated).

    Rosenbaum (2010, section 8.3), with a generalised inverse, as MatchIt computes it; see `mahalanobis`.
    """
    from scipy.stats import rankdata

    ranks = rankdata(x, axis=0)
    covariance = np.atleast_2d(np.cov(ranks.T))
    deviation = np.sqrt(np.diag(covariance))
    if not (deviation > 0).all():
        raise np.linalg.LinAlgError("a covariate does not vary")
    untied = np.arange(1.0, len(x) + 1).std(ddof=1) / deviation
    covariance = covariance * np.outer(untied, untied)
    covariance = covariance + ridge * np.diag(np.diag(covariance))
    size, direction = np.linalg.eigh(covariance)
    kept = size > 1e-10 * size[-1]
    return euclidean(ranks @ direction[:, kept] / np.sqrt(size[kept]), treated)
