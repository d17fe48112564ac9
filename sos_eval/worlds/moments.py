"""Moments by which a world is held against a real panel: levels, spread, persistence, trends, overdispersion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["MOMENTS", "moments"]

Array = NDArray[np.float64]


def moments(counts: Array, exposure: Array, deprivation: Array, times: Array, per: float = 10000.0) -> pd.DataFrame:
    """Compute the moments of one panel or of a batch of draws.

    Parameters
    ----------
    counts : (..., n, t)
        Counts above zero, balanced.
    exposure : (n, t)
        Children.
    deprivation : (n,)
        Score of each authority.
    times : (t,)
        Periods.

    Returns
    -------
    DataFrame
        Columns ``moment, what, value, sd`` (mean and standard deviation over draws).
    """
    batch = np.reshape(counts, (-1, *counts.shape[-2:]))
    rates = batch / exposure * per
    rows = []
    for name, (what, function) in MOMENTS.items():
        value = function(batch, rates, exposure, deprivation, times)
        spread = float(value.std(ddof=1)) if len(value) > 1 else np.nan
        rows.append((name, what, float(value.mean()), spread))
    for t, time in enumerate(times):
        value = rates[..., t].mean(-1)
        spread = float(value.std(ddof=1)) if len(value) > 1 else np.nan
        rows.append((f"mean_rate_{time:g}", f"mean rate over authorities, {time:g}", float(value.mean()), spread))
    return pd.DataFrame(rows, columns=["moment", "what", "value", "sd"])


def _residuals(values: Array) -> Array:
    """Take out authority and period means."""
    both = values - values.mean(-1, keepdims=True)
    return np.asarray(both - both.mean(-2, keepdims=True), float)


def _within_sd(values: Array) -> Array:
    """Return the standard deviation left after authority and period effects, per draw."""
    n, t = values.shape[-2:]
    return np.asarray(np.sqrt((_residuals(values) ** 2).sum((-1, -2)) / ((n - 1) * (t - 1))))


def _ar1(values: Array) -> Array:
    """Regress two-way residuals on the period before, per draw."""
    left = _residuals(values)
    return np.asarray((left[..., 1:] * left[..., :-1]).sum((-1, -2)) / (left[..., :-1] ** 2).sum((-1, -2)))


def _trend_sd(values: Array) -> Array:
    """Return the standard deviation of least-squares trends of authorities, per draw."""
    t = np.arange(values.shape[-1]) - (values.shape[-1] - 1) / 2
    return np.asarray(((values @ t) / (t @ t)).std(-1, ddof=1))


def _dispersion(counts: Array, exposure: Array) -> Array:
    """Return Pearson's chi-squared over degrees of freedom around authority and period effects, per draw.

    The Poisson fit is by iterative scaling of margins with the exposure as offset.
    """
    n, t = counts.shape[-2:]
    unit, time = counts.sum(-1) / exposure.sum(-1), np.ones((len(counts), t))
    for _ in range(60):
        time = counts.sum(-2) / np.einsum("rn,nt->rt", unit, exposure)
        unit = counts.sum(-1) / np.einsum("rt,nt->rn", time, exposure)
    fitted = unit[..., None] * time[:, None, :] * exposure
    return np.asarray(((counts - fitted) ** 2 / fitted).sum((-1, -2)) / ((n - 1) * (t - 1)))


def _correlation(values: Array, score: Array) -> Array:
    centred = values - values.mean(-1, keepdims=True)
    z = score - score.mean()
    return np.asarray(centred @ z / np.sqrt((centred**2).sum(-1) * (z @ z)))


def _slope(values: Array, score: Array) -> Array:
    z = score - score.mean()
    return np.asarray(values @ z / (z @ z))


def _span(values: Array, times: Array, first: float, last: float) -> Array:
    return values[..., (times >= first) & (times <= last)]


Function = Callable[[Array, Array, Array, Array, Array], Array]

#: Name -> what it is, and the function (counts, rates, exposure, deprivation, times) -> one number per draw.
MOMENTS: dict[str, tuple[str, Function]] = {
    "sd_rate": (
        "mean over periods of the standard deviation of rates",
        lambda c, r, e, d, t: r.std(-2, ddof=1).mean(-1),
    ),
    "between_sd": (
        "standard deviation over authorities of their mean rate",
        lambda c, r, e, d, t: r.mean(-1).std(-1, ddof=1),
    ),
    "between_sd_log": (
        "the same of mean log rates",
        lambda c, r, e, d, t: np.log(r).mean(-1).std(-1, ddof=1),
    ),
    "within_sd": (
        "standard deviation of rates after authority and period effects",
        lambda c, r, e, d, t: _within_sd(r),
    ),
    "within_sd_log": ("the same of log rates", lambda c, r, e, d, t: _within_sd(np.log(r))),
    "within_sd_log_short": (
        "the same, 2014 to 2019",
        lambda c, r, e, d, t: _within_sd(np.log(_span(r, t, 2014, 2019))),
    ),
    "ar1": ("autoregression of two-way residuals of rates", lambda c, r, e, d, t: _ar1(r)),
    "ar1_short": ("the same, 2014 to 2019", lambda c, r, e, d, t: _ar1(_span(r, t, 2014, 2019))),
    "trend_sd_log": (
        "standard deviation of authorities' trends in log rates",
        lambda c, r, e, d, t: _trend_sd(np.log(r)),
    ),
    "trend_sd_log_short": (
        "the same, 2014 to 2019",
        lambda c, r, e, d, t: _trend_sd(np.log(_span(r, t, 2014, 2019))),
    ),
    "dispersion": (
        "Pearson chi-squared over df, Poisson with authority and period effects",
        lambda c, r, e, d, t: _dispersion(c, e),
    ),
    "deprivation_correlation_first": (
        "correlation with deprivation, first period",
        lambda c, r, e, d, t: _correlation(r[..., 0], d),
    ),
    "deprivation_correlation_last": (
        "correlation with deprivation, last period",
        lambda c, r, e, d, t: _correlation(r[..., -1], d),
    ),
    "deprivation_slope_first": (
        "rate per 0.01 of deprivation, first period",
        lambda c, r, e, d, t: _slope(r[..., 0], d) / 100,
    ),
    "deprivation_slope_last": (
        "rate per 0.01 of deprivation, last period",
        lambda c, r, e, d, t: _slope(r[..., -1], d) / 100,
    ),
    "population_log_sd": (
        "standard deviation of log population, last period",
        lambda c, r, e, d, t: np.full(len(c), np.log(e[:, -1]).std(ddof=1)),
    ),
    "population_median": ("median population, last period", lambda c, r, e, d, t: np.full(len(c), np.median(e[:, -1]))),
    "deprivation_mean": ("mean deprivation", lambda c, r, e, d, t: np.full(len(c), d.mean())),
    "deprivation_sd": ("standard deviation of deprivation", lambda c, r, e, d, t: np.full(len(c), d.std(ddof=1))),
}
