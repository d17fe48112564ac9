"""Outcomes without the intervention: levels, gradients, trends, persistence, shocks; and counts around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.worlds.adoption import Selection, order_traits
from sos_eval.worlds.problems import Problem
from sos_eval.worlds.residuals import Residuals
from sos_eval.worlds.shocks import Shock, draw_shocks

__all__ = ["Outcome", "Persistence", "Traits", "expected_untreated", "observe"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Persistence(Declared):
    """Shocks that fade: AR(1), stationary, on the scale of `outcome.link`."""

    rho: Annotated[float, Interval(gt=-1, lt=1)] = 0.0
    """Correlation from one period to the next."""
    sd: Annotated[float, Ge(0)] = 0.0
    """Their standard deviation in any period."""


@dataclass(frozen=True)
class Outcome(Declared):
    """The outcome as it would be without the intervention."""

    name: str = "care_entries"
    """Column of the count, or of the value where `distribution` is normal or none."""
    label: str = "Children starting to be looked after per 10,000 children"
    """Its words for a reader."""
    per: Annotated[float, Gt(0)] = 10000.0
    """Scale of the rate."""
    link: Literal["log", "identity"] = "log"
    """log: authorities differ by factors; identity: by differences."""
    mean: dict[int, float] = field(default_factory=lambda: {2011: 28.0})
    """Mean over authorities by period, straight lines between the periods named."""
    deprivation: dict[int, float] = field(default_factory=dict)
    """Slope per unit of the deprivation score by period, straight lines between the periods named."""
    level_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of authorities' own levels, beyond deprivation and covariates."""
    trend_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of authorities' own linear trends, a period."""
    persistence: Persistence = field(default_factory=Persistence)
    """Shocks that fade."""
    shocks: tuple[Shock, ...] = ()
    """Events that hit everybody or a few."""
    distribution: Literal["negative_binomial", "poisson", "residuals", "normal", "none"] = "negative_binomial"
    """What is observed around the expected rate or value; residuals: counts with the noise of a real panel."""
    dispersion: Annotated[float, Ge(0)] = 0.0
    """Negative binomial: variance is mean + dispersion x mean squared."""
    noise_sd: Annotated[float, Ge(0)] = 0.0
    """Normal: standard deviation of the noise, independent over periods."""
    residuals: Residuals | None = None
    """Residuals: the real panel they are of."""

    @property
    def counted(self) -> bool:
        """Whether what is observed is a count of people."""
        return self.distribution in ("negative_binomial", "poisson", "residuals")

    def problems(self) -> Iterator[Problem]:
        """Say what contradicts what."""
        if not self.mean:
            yield Problem(("mean",), "names no period", "write {2011: 28}")
        if self.link == "log" and any(value <= 0 for value in self.mean.values()):
            yield Problem(("mean",), "a mean with link: log is positive", "write link: identity, or positive means")
        if self.counted and self.link == "identity":
            yield Problem(("link",), "a count needs an expected rate above zero", "write link: log")
        if self.distribution != "negative_binomial" and self.dispersion:
            yield Problem(("dispersion",), f"has no meaning with distribution: {self.distribution}", "remove it")
        if self.distribution != "normal" and self.noise_sd:
            yield Problem(("noise_sd",), f"has no meaning with distribution: {self.distribution}", "remove it")
        if self.distribution != "residuals" and self.residuals:
            yield Problem(("residuals",), f"has no meaning with distribution: {self.distribution}", "remove it")
        if self.distribution == "residuals" and not self.residuals:
            yield Problem(("residuals",), "is missing", "name the panel: {path: P.csv, unit: U, …}")


@dataclass(frozen=True, eq=False)
class Traits:
    """What is drawn of authorities before it is scaled: standard normal.

    Attributes
    ----------
    level, trend : (reps, n)
    innovations : (reps, n, n_times)
        Of shocks that fade; empty where there are none.
    """

    level: Array
    trend: Array
    innovations: Array


def expected_untreated(
    spec: Outcome,
    selection: Selection,
    table: pd.DataFrame,
    first_treated: Array,
    slopes: tuple[Array, Array],
    times: Array,
    reps: int,
    rng: np.random.Generator,
    like: tuple[Traits, float] | None = None,
) -> tuple[Array, Traits]:
    """Draw expected rates (or values) without the intervention, (reps, n, n_times), and the traits behind them.

    ``eta = observed part + own level + own trend (t - mean t) + AR(1) + shocks``; with ``link: log`` the rate is
    ``mean_t exp(eta)`` over the expected mean of ``exp(eta - shocks)`` over these authorities, so that without
    shocks their mean follows `mean` in every period.

    Parameters
    ----------
    slopes
        What covariates add to each authority's level and to its trend, (n,) each.
    like
        Traits that these are correlated with, and how much; without it, traits make authorities adopt.
    """
    centred = times - times.mean()
    fixed = _deprivation_part(spec, table, times) + slopes[0][:, None] + slopes[1][:, None] * centred
    n = len(fixed)
    level, trend = rng.standard_normal((reps, n)), rng.standard_normal((reps, n))
    innovations = np.empty(0)
    if like is None:
        level, trend = order_traits(selection, level, trend, first_treated, rng)
    else:
        level, trend = _mixed(level, like[0].level, like[1]), _mixed(trend, like[0].trend, like[1])
    eta = (spec.level_sd * level)[..., None] + fixed
    if spec.trend_sd:
        eta += (spec.trend_sd * trend)[..., None] * centred
    if spec.persistence.sd:
        innovations = rng.standard_normal((reps, n, len(times)))
        if like is not None and like[0].innovations.size:
            innovations = _mixed(innovations, like[0].innovations, like[1])
        eta += _persistent(spec.persistence, innovations)
    if spec.shocks:
        regions = table["region"].to_numpy(object)
        eta += draw_shocks(spec.shocks, regions, times, reps, rng, log=spec.link == "log")
    traits = Traits(level, trend, innovations)
    if spec.link == "identity":
        return np.asarray(eta + path(spec.mean, times)), traits
    variance = spec.level_sd**2 + (spec.trend_sd * centred) ** 2 + spec.persistence.sd**2
    expected = np.exp(fixed).mean(0) * np.exp(variance / 2)
    np.exp(eta, out=eta)
    eta *= path(spec.mean, times) / expected
    return np.asarray(eta, float), traits


def _mixed(own: Array, other: Array, correlation: float) -> Array:
    """Return standard normals that are correlated with others, from independent ones."""
    return np.asarray(correlation * other + np.sqrt(1 - correlation**2) * own)


def path(points: dict[int, float], times: Array) -> Array:
    """Draw straight lines through named periods, level outside them, (n_times,)."""
    named = sorted(points)
    return np.asarray(np.interp(times, named, [points[time] for time in named]))


def _deprivation_part(spec: Outcome, table: pd.DataFrame, times: Array) -> Array:
    """Return what deprivation adds, (n, n_times)."""
    score = table["deprivation"].to_numpy(float)
    if not spec.deprivation:
        return np.zeros((len(score), len(times)))
    return np.outer(score - score.mean(), path(spec.deprivation, times))


def _persistent(spec: Persistence, innovations: Array) -> Array:
    """Make a stationary AR(1) along the last axis of independent standard normals."""
    noise = innovations * spec.sd
    fresh = np.sqrt(1 - spec.rho**2)
    for t in range(1, noise.shape[-1]):
        noise[..., t] = spec.rho * noise[..., t - 1] + fresh * noise[..., t]
    return np.asarray(noise)


def observe(spec: Outcome, expected: Array, exposure: Array, rng: np.random.Generator) -> Array:
    """Draw what is observed: counts, (reps, n, n_times), or values where the outcome is none.

    Parameters
    ----------
    expected : (reps, n, n_times)
        Rates per `per`, or values.
    exposure : (n, n_times)
        Children.
    """
    if not spec.counted:
        return expected + spec.noise_sd * rng.standard_normal(expected.shape) if spec.noise_sd else expected.copy()
    mean = expected * (exposure / spec.per)
    if spec.distribution == "negative_binomial" and spec.dispersion:
        mean *= rng.standard_gamma(1 / spec.dispersion, mean.shape) * spec.dispersion
    return rng.poisson(mean).astype(float)
