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
        rows.append(_row(name, what, function(batch, rates, exposure, deprivation, times)))
    for name, (whole, first, last) in SHORT.items():
        some = (times >= first) & (times <= last)
        if some.sum() >= FEWEST:
            what, function = MOMENTS[whole]
            found = function(batch[..., some], rates[..., some], exposure[:, some], deprivation, times[some])
            rows.append(_row(name, f"{what}, {first} to {last}", found))
    yearly = {"mean_rate": ("mean rate over authorities", rates.mean(-2))}
    yearly["sd_rate"] = ("standard deviation of rates over authorities", rates.std(-2, ddof=1))
    yearly["total"] = ("count of all authorities together", batch.sum(-2))
    for name, (what, values) in yearly.items():
        for t, time in enumerate(times):
            rows.append(_row(f"{name}_{time:g}", f"{what}, {time:g}", values[:, t]))
    return pd.DataFrame(rows, columns=["moment", "what", "value", "sd"])


def _row(name: str, what: str, values: Array) -> tuple[str, str, float, float]:
    """Summarise a moment over draws."""
    return name, what, float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else np.nan


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


def _pearson(counts: Array, exposure: Array) -> Array:
    """Return every authority's part of Pearson's chi-squared around authority and period effects, (r, n).

    The Poisson fit is by iterative scaling of margins with the exposure, (r, n, t), as offset.
    """
    unit, time = counts.sum(-1) / exposure.sum(-1), np.ones(counts[:, 0].shape)
    for _ in range(60):
        time = counts.sum(-2) / np.einsum("rn,rnt->rt", unit, exposure)
        unit = counts.sum(-1) / np.einsum("rt,rnt->rn", time, exposure)
    fitted = unit[..., None] * time[:, None, :] * exposure
    return np.asarray(((counts - fitted) ** 2 / fitted).sum(-1))


def _dispersion(counts: Array, exposure: Array, without: int = 0) -> Array:
    """Return Pearson's chi-squared over degrees of freedom, per draw.

    Parameters
    ----------
    without
        So many authorities, those that add most to it, are left out and the rest are fitted again.
    """
    exposure = np.broadcast_to(exposure, counts.shape)
    parts = _pearson(counts, exposure)
    n, t = counts.shape[-2] - without, counts.shape[-1]
    if without:
        rest = np.sort(np.argsort(parts, axis=-1)[:, :n], axis=-1)[..., None]
        parts = _pearson(np.take_along_axis(counts, rest, 1), np.take_along_axis(exposure, rest, 1))
    return np.asarray(parts.sum(-1) / ((n - 1) * (t - 1)))


def _correlation(values: Array, score: Array) -> Array:
    centred = values - values.mean(-1, keepdims=True)
    z = score - score.mean()
    return np.asarray(centred @ z / np.sqrt((centred**2).sum(-1) * (z @ z)))


def _slope(values: Array, score: Array) -> Array:
    z = score - score.mean()
    return np.asarray(values @ z / (z @ z))


def _icc(values: Array) -> Array:
    """Return the share of variance that lies between authorities, period effects taken out, per draw."""
    between = values.mean(-1).var(-1, ddof=1)
    return np.asarray(between / (between + _within_sd(values) ** 2))


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=-1), float)


def _fifth(values: Array, score: Array, number: int) -> Array:
    """Return the mean over one fifth of the authorities, 0 the least deprived, per draw (bounds belong below)."""
    fifths = np.searchsorted(np.quantile(score, [0.2, 0.4, 0.6, 0.8]), score)
    return np.asarray(values[..., fifths == number].mean(-1))


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
    "within_sd_log": (
        "standard deviation of log rates after both effects",
        lambda c, r, e, d, t: _within_sd(np.log(r)),
    ),
    "ar1": ("autoregression of two-way residuals of rates", lambda c, r, e, d, t: _ar1(r)),
    "trend_sd_log": (
        "standard deviation of authorities' trends in log rates",
        lambda c, r, e, d, t: _trend_sd(np.log(r)),
    ),
    "dispersion": (
        "Pearson chi-squared over df, Poisson with authority and period effects",
        lambda c, r, e, d, t: _dispersion(c, e),
    ),
    "dispersion_without_two": (
        "the same without the two authorities that add most to it",
        lambda c, r, e, d, t: _dispersion(c, e, without=2),
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
    "icc": (
        "share of the variance of rates between authorities, after period effects",
        lambda c, r, e, d, t: _icc(r),
    ),
    "icc_log": ("the same of log rates", lambda c, r, e, d, t: _icc(np.log(r))),
    "pooled_rate": (
        "rate of all authorities together, mean over periods",
        lambda c, r, e, d, t: ((r * e).sum(-2) / e.sum(-2)).mean(-1),
    ),
    "population_correlation": (
        "correlation of authorities' mean log rate with log population",
        lambda c, r, e, d, t: _correlation(np.log(r).mean(-1), np.log(e).mean(-1)),
    ),
    "rate_p10": (
        "mean over periods of the tenth percentile of rates",
        lambda c, r, e, d, t: np.quantile(r, 0.1, axis=-2).mean(-1),
    ),
    "rate_p90": (
        "mean over periods of the ninetieth percentile of rates",
        lambda c, r, e, d, t: np.quantile(r, 0.9, axis=-2).mean(-1),
    ),
    "deprivation_rank_correlation_first": (
        "rank correlation with deprivation, first period",
        lambda c, r, e, d, t: _correlation(_ranks(r[..., 0]), _ranks(d)),
    ),
    "deprivation_rank_correlation_last": (
        "rank correlation with deprivation, last period",
        lambda c, r, e, d, t: _correlation(_ranks(r[..., -1]), _ranks(d)),
    ),
}

#: Moments of a span of periods: name -> the one it is of, first and last period.
SHORT: dict[str, tuple[str, int, int]] = {
    "within_sd_log_short": ("within_sd_log", 2014, 2019),
    "ar1_short": ("ar1", 2014, 2019),
    "trend_sd_log_short": ("trend_sd_log", 2014, 2019),
    "dispersion_short": ("dispersion", 2014, 2020),
}
#: A span of fewer periods has no persistence and no trend to speak of.
FEWEST = 3


def _fifth_at(place: int, number: int) -> Function:
    return lambda c, r, e, d, t: _fifth(r[..., place], d, number)


def _count_at(share: float) -> Function:
    return lambda c, r, e, d, t: np.quantile(c, share, axis=(-2, -1))


def _population_at(share: float) -> Function:
    return lambda c, r, e, d, t: np.full(len(c), np.quantile(e[:, -1], share))


for _number in range(5):
    for _name, _place in (("first", 0), ("last", -1)):
        _what = f"mean rate of fifth {_number + 1} by deprivation, 1 the least deprived, {_name} period"
        MOMENTS[f"fifth_{_number + 1}_{_name}"] = (_what, _fifth_at(_place, _number))
for _percent in (0, 5, 25, 50, 75, 95, 100):
    _what = f"percentile {_percent} of counts over authorities and periods"
    MOMENTS[f"count_p{_percent}"] = (_what, _count_at(_percent / 100))
for _percent in (0, 5, 25, 75, 95, 100):
    _what = f"percentile {_percent} of population, last period"
    MOMENTS[f"population_p{_percent}"] = (_what, _population_at(_percent / 100))
