"""Segmented regression of a series, and its covariance under autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.regress import LinearFit

__all__ = ["newey_west", "segmented_fit", "segments"]

Array = NDArray[np.float64]


def segments(times: Array, start: float) -> Array:
    """Return an intercept, time, a step at the start and the time since it, (t, 4)."""
    after = times >= start
    since = np.where(after, times - start, 0.0)
    return np.column_stack([np.ones(len(times)), times - times[0], after.astype(float), since])


def segmented_fit(series: Array, times: Array, start: float, contrast: Array) -> LinearFit:
    """Regress a series on its segments by least squares.

    Parameters
    ----------
    series, times : (t,)
    start
        First period of the second segment.
    contrast : (m, 2)
        Effects as combinations of the step and the change of slope.
    """
    x = segments(times, start)
    bread: Array = np.linalg.inv(x.T @ x).astype(float)
    coef = bread @ (x.T @ series)
    return LinearFit(
        coef=coef, x=x, residuals=series - x @ coef, weights=np.ones(len(series)), bread=bread,
        unit_codes=np.arange(len(series)), n_obs=len(series), n_params=4,
        contrast=np.column_stack([np.zeros((len(contrast), 2)), contrast]),
    )  # fmt: skip


def newey_west(fit: LinearFit, lag: int, *, adjusted: bool) -> Array:
    """Return the covariance of the coefficients, (k, k): Newey and West (1987), Bartlett weights, no prewhitening.

    Parameters
    ----------
    fit
        Rows in order of time.
    lag
        Autocovariances up to it count, with weights ``1 - l / (lag + 1)``.
    adjusted
        Whether the covariance is multiplied by ``n / (n - k)``.
    """
    scores = fit.scores
    meat = scores.T @ scores
    for far in range(1, min(lag, len(scores) - 1) + 1):
        together = scores[far:].T @ scores[:-far]
        meat = meat + (1 - far / (lag + 1)) * (together + together.T)
    factor = fit.n_obs / (fit.n_obs - fit.n_params) if adjusted else 1.0
    return np.asarray(factor * fit.bread @ meat @ fit.bread)
