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
from sos_eval.worlds.adoption import Selectivity, order_traits
from sos_eval.worlds.authorities import Authorities
from sos_eval.worlds.problems import Problem, under
from sos_eval.worlds.residuals import Residuals
from sos_eval.worlds.shocks import Shock, add_shocks

__all__ = ["Persistence", "WorldOutcome", "draw_traits", "expected_untreated", "observe"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Persistence(Declared):
    """Shocks that fade: AR(1), stationary, on the scale of `outcome.link`."""

    rho: Annotated[float, Interval(gt=-1, lt=1)] = 0.0
    """Correlation from one period to the next."""
    sd: Annotated[float, Ge(0)] = 0.0
    """Their standard deviation in any period."""


@dataclass(frozen=True)
class WorldOutcome(Declared):
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

    def problems(self, authorities: Authorities, times: tuple[int, int]) -> Iterator[Problem]:
        """Say what contradicts what, in a world from the first to the last of its times."""
        yield from self._own_problems()
        regions = tuple(authorities.regions)
        for i, shock in enumerate(self.shocks):
            found = shock.problems(regions, authorities.n, times, log=self.link == "log")
            yield from under("shocks", under(i, found))

    def _own_problems(self) -> Iterator[Problem]:
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


def draw_traits(
    spec: WorldOutcome,
    selection: Selectivity,
    first_treated: Array,
    times: Array,
    reps: int,
    rng: np.random.Generator,
    like: tuple[Array, float] | None = None,
) -> Array:
    """Draw what makes authorities differ, before it is scaled: standard normals, (reps, n, 2 or 2 + n_times).

    The own level, the own trend, and where shocks fade their innovation in every period.

    Parameters
    ----------
    like
        Traits that these are correlated with, and how much; without it, traits make authorities adopt.
    """
    n_times = len(times) if spec.persistence.sd else 0
    traits = rng.standard_normal((reps, len(first_treated), 2 + n_times))
    if like is None:
        own = order_traits(selection, traits[..., 0], traits[..., 1], first_treated, rng)
        traits[..., 0], traits[..., 1] = own
        return traits
    others, correlation = like
    both = slice(min(traits.shape[-1], others.shape[-1]))
    traits[..., both] = correlation * others[..., both] + np.sqrt(1 - correlation**2) * traits[..., both]
    return traits


def expected_untreated(
    spec: WorldOutcome,
    table: pd.DataFrame,
    slopes: tuple[Array, Array],
    times: Array,
    traits: Array,
    rng: np.random.Generator,
) -> Array:
    """Draw expected rates (or values) without the intervention, (reps, n, n_times).

    ``eta = observed part + own level + own trend (t - mean t) + AR(1) + shocks``; with ``link: log`` the rate is
    ``mean_t exp(eta)`` over the expected mean of ``exp(eta - shocks)`` over these authorities, so that without
    shocks their mean follows `mean` in every period.

    Parameters
    ----------
    slopes
        What population and covariates add to each authority's level and to its trend, (n,) each.
    traits
        As `draw_traits` gives them.
    """
    log, loadings = spec.link == "log", _loadings(spec, times)[: traits.shape[-1]]
    fixed = _deprivation_part(spec, table, times) + slopes[0][:, None] + slopes[1][:, None] * (times - times.mean())
    if log:
        variance = (loadings**2).sum(0)
        fixed += np.log(path(spec.mean, times) / np.exp(fixed).mean(0)) - variance / 2
    else:
        fixed += path(spec.mean, times)
    eta = traits @ loadings
    eta += fixed
    add_shocks(eta, spec.shocks, table["region"].to_numpy(object), times, rng, log=log)
    return np.asarray(np.exp(eta, out=eta) if log else eta, float)


def _loadings(spec: WorldOutcome, times: Array) -> Array:
    """Return what a standard deviation of each trait adds in each period, (2 + n_times, n_times).

    Those of innovations make an AR(1) of them that is stationary from the first period on.
    """
    lag = np.arange(len(times)) - np.arange(len(times))[:, None]
    fading = np.where(lag >= 0, spec.persistence.rho ** np.abs(lag), 0.0)
    fading[1:] *= np.sqrt(1 - spec.persistence.rho**2)
    own = np.vstack([np.full(len(times), spec.level_sd), spec.trend_sd * (times - times.mean())])
    return np.vstack([own, spec.persistence.sd * fading])


def path(points: dict[int, float], times: Array) -> Array:
    """Draw straight lines through named periods, level outside them, (n_times,)."""
    named = sorted(points)
    return np.asarray(np.interp(times, named, [points[time] for time in named]))


def _deprivation_part(spec: WorldOutcome, table: pd.DataFrame, times: Array) -> Array:
    """Return what deprivation adds, (n, n_times)."""
    score = table["deprivation"].to_numpy(float)
    if not spec.deprivation:
        return np.zeros((len(score), len(times)))
    return np.outer(score - score.mean(), path(spec.deprivation, times))


def observe(spec: WorldOutcome, expected: Array, exposure: Array, rng: np.random.Generator) -> Array:
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
    children = exposure / spec.per
    if spec.distribution == "negative_binomial" and spec.dispersion:
        mean = rng.standard_gamma(1 / spec.dispersion, expected.shape)
        mean *= expected
        mean *= children * spec.dispersion
    else:
        mean = expected * children
    return rng.poisson(mean).astype(float)
