"""Distances between treated and untreated units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["absolute", "euclidean", "mahalanobis", "pooled_covariance"]

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


def mahalanobis(x: Array, treated: NDArray[np.bool_]) -> Array:
    """Mahalanobis distance with the pooled within-group covariance, (n_treated, n_untreated).

    Rosenbaum and Rubin (1985), as MatchIt computes it.

    Parameters
    ----------
    x : (n, k)
        Covariates.
    treated : (n,)
        Who is treated.

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
    if np.linalg.matrix_rank(covariance, hermitian=True) < x.shape[1]:
        raise np.linalg.LinAlgError("collinear covariates")
    root = np.linalg.cholesky(covariance)
    return euclidean(np.linalg.solve(root, scaled.T).T, treated)
