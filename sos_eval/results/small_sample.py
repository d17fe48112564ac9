"""What multiplies cluster-robust variances, and the distribution that they are read by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sos_eval.numerics.regress import LinearFit
from sos_eval.results.estimate import Estimate

__all__ = ["Factor", "SmallSample", "regression_factor", "small_sample_factor"]

SmallSample = Literal["default", "none", "stata"]


@dataclass(frozen=True, slots=True)
class Factor:
    """What multiplies the variance, and the degrees of freedom of the reference distribution."""

    variance: float
    df: float


def small_sample_factor(estimate: Estimate, convention: SmallSample) -> Factor:
    """Small-sample factor and reference distribution of a cluster-robust variance.

    ``default``: influence-based estimators 1 and the normal (as the did package); regressions
    G/(G-1)·(N-1)/(N-K), fixed effects nested in the cluster uncounted, with t(G-1) for linear ones and the normal
    for Poisson (as fixest). ``stata``: the same for linear regressions; G/(G-1) and the normal for everything fitted
    by maximum likelihood or from an influence function. ``none``: 1, with the distribution of the default.
    """
    linear = estimate.linear
    if linear is None:
        n_clusters = estimate.panel.n_clusters
        return Factor(n_clusters / (n_clusters - 1) if convention == "stata" else 1.0, np.inf)
    n_clusters = int(np.count_nonzero(np.bincount(estimate.panel.clusters[linear.unit_codes])))
    return regression_factor(linear, n_clusters, convention)


def regression_factor(linear: LinearFit, n_clusters: int, convention: SmallSample, *, nested: int = 0) -> Factor:
    """Small-sample factor of a regression with some number of clusters; see `small_sample_factor`.

    Parameters
    ----------
    nested
        Parameters nested in clusters beside those that the fit leaves uncounted.
    """
    df = float(n_clusters - 1) if linear.family == "linear" else np.inf
    if convention == "none":
        return Factor(1.0, df)
    between = n_clusters / (n_clusters - 1)
    if convention == "stata" and linear.family != "linear":
        return Factor(between, df)
    return Factor(between * (linear.n_obs - 1) / (linear.n_obs - linear.n_params + nested), df)
