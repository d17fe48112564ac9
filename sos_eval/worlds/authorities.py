"""Authorities: who they are, how many children live there, how deprived they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Interval, MinLen
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sos_eval.declare import Declared
from sos_eval.errors import numeral
from sos_eval.worlds.problems import Problem

__all__ = [
    "Authorities",
    "Covariate",
    "Deprivation",
    "Inspection",
    "Population",
    "RealAuthorities",
    "Region",
    "draw_authorities",
    "region_sizes",
    "spread_evenly",
    "standard",
]

Array = NDArray[np.float64]
#: Standard deviations beyond which no authority of a million is drawn.
FAR = 6.0
JUDGEMENTS = ("outstanding", "good", "requires_improvement", "inadequate")


@dataclass(frozen=True)
class Population(Declared):
    """Children aged 0 to 17: lognormal over authorities between two bounds, growing at one rate."""

    median: Annotated[float, Gt(0)] = 63000.0
    """Median of the lognormal in the first period."""
    sd_log: Annotated[float, Ge(0)] = 0.62
    """Standard deviation of its logarithm."""
    minimum: Annotated[float, Gt(0)] = 8000.0
    """Smallest authority."""
    maximum: Annotated[float, Gt(0)] = 360000.0
    """Largest authority."""
    growth: Annotated[float, Gt(-1)] = 0.0
    """Growth a period: 0.004 is 0.4%."""
    growth_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation over authorities of that growth."""
    deprivation: Annotated[float, Interval(ge=-1, le=1)] = 0.0
    """Correlation with deprivation (of the normal scores behind both)."""
    level: float = 0.0
    """What one standard deviation of its logarithm adds to the outcome's level, on the scale of `outcome.link`."""


@dataclass(frozen=True)
class Deprivation(Declared):
    """A deprivation score: normal over authorities between two bounds, ranked as the regions say."""

    name: str = "idaci"
    """Its column."""
    mean: float = 0.18
    """Mean before truncation."""
    sd: Annotated[float, Gt(0)] = 0.059
    """Standard deviation before truncation."""
    minimum: float = 0.05
    """Lower bound."""
    maximum: float = 0.33
    """Upper bound."""


@dataclass(frozen=True)
class Region(Declared):
    """A region's share of the authorities, and how deprived they are."""

    authorities: Annotated[float, Gt(0)]
    """Its number of authorities; read as a share where `authorities.n` is another number."""
    deprivation: float = 0.0
    """Mean of its authorities' deprivation, in standard deviations."""


@dataclass(frozen=True)
class Covariate(Declared):
    """A covariate measured before anything starts, constant over time."""

    mean: float = 0.0
    """Mean over authorities."""
    sd: Annotated[float, Gt(0)] = 1.0
    """Standard deviation over authorities."""
    distribution: Literal["normal", "lognormal"] = "normal"
    """Its shape."""
    deprivation: Annotated[float, Interval(ge=-1, le=1)] = 0.0
    """Correlation with deprivation (of the normal scores behind both)."""
    level: float = 0.0
    """What one standard deviation adds to the outcome's level, on the scale of `outcome.link`."""
    trend: float = 0.0
    """What one standard deviation adds a period: makes parallel trends hold only given the covariate."""


@dataclass(frozen=True)
class Inspection(Declared):
    """Inspection judgements before the start, 1 (outstanding) to 4 (inadequate), in column ``inspection``."""

    outstanding: Annotated[float, Ge(0)] = 0.23
    """Share judged outstanding; the four shares are taken in proportion."""
    good: Annotated[float, Ge(0)] = 0.43
    """Share judged good."""
    requires_improvement: Annotated[float, Ge(0)] = 0.21
    """Share that requires improvement."""
    inadequate: Annotated[float, Ge(0)] = 0.13
    """Share judged inadequate."""
    deprivation: Annotated[float, Interval(ge=-1, le=1)] = 0.0
    """Correlation of worse judgements with deprivation."""


@dataclass(frozen=True)
class RealAuthorities(Declared):
    """A CSV file with a row per authority and period. Authorities with a gap in the world's times are left out."""

    path: Annotated[str, MinLen(1)]
    """The file, relative to the world's."""
    unit: str
    """Column of authorities."""
    time: str
    """Column of periods."""
    exposure: str
    """Column of children at risk."""
    region: str | None = None
    """Column of regions; without it, one region."""
    deprivation: str | None = None
    """Column of a deprivation score, that of an authority's first row; without it, zero for all."""
    exclude: tuple[str, ...] = ()
    """Authorities left out."""


@dataclass(frozen=True)
class Authorities(Declared):
    """Who is observed. Values are drawn by strata, so that every frame of units looks like the distribution."""

    n: Annotated[int, Interval(ge=2, le=1_000_000)] = 148
    """How many authorities."""
    population: Population = field(default_factory=Population)
    """Children aged 0 to 17."""
    deprivation: Deprivation = field(default_factory=Deprivation)
    """The deprivation score."""
    regions: dict[str, Region] = field(default_factory=dict)
    """Regions by name; without any, one region."""
    covariates: dict[str, Covariate] = field(default_factory=dict)
    """Further covariates by column."""
    inspection: Inspection | None = None
    """Inspection judgements; without it the column is absent."""
    panel: RealAuthorities | None = None
    """A real panel's own number of authorities, regions, deprivation and children, in place of drawn ones; outcomes
    stay those that the world declares."""

    def problems(self) -> Iterator[Problem]:
        """Say what contradicts what."""
        population, deprivation = self.population, self.deprivation
        if self.panel is not None:
            if population != Population(level=population.level):
                yield Problem(("population",), "has no meaning with panel, but for level", "remove the rest")
            if deprivation != Deprivation(name=deprivation.name):
                yield Problem(("deprivation",), "has no meaning with panel, but for name", "remove the rest")
        if population.minimum >= population.maximum:
            yield Problem(("population", "minimum"), "is not below maximum", "exchange the two")
        elif not population.minimum <= population.median <= population.maximum:
            between = f"write {population.minimum:g} to {population.maximum:g}"
            yield Problem(("population", "median"), "is not between minimum and maximum", between)
        if population.growth - FAR * population.growth_sd <= -1:
            what = f"{population.growth_sd:g} leaves some authorities without children"
            yield Problem(
                ("population", "growth_sd"), what, f"write less than {numeral((1 + population.growth) / FAR, 2)}"
            )
        if deprivation.minimum >= deprivation.maximum:
            yield Problem(("deprivation", "minimum"), "is not below maximum", "exchange the two")
        elif not deprivation.minimum <= deprivation.mean <= deprivation.maximum:
            between = f"write {deprivation.minimum:g} to {deprivation.maximum:g}"
            yield Problem(("deprivation", "mean"), "is not between minimum and maximum", between)
        if len(self.regions) > self.n:
            yield Problem(("n",), f"{self.n} authorities cannot fill {len(self.regions)} regions", "name fewer regions")
        for name, one in self.covariates.items():
            if one.distribution == "lognormal" and one.mean <= 0:
                yield Problem(
                    ("covariates", name, "mean"), "a lognormal mean is positive", "write distribution: normal"
                )
        if self.inspection and sum(getattr(self.inspection, name) for name in JUDGEMENTS) == 0:
            yield Problem(("inspection",), "all shares are zero", "give at least one judgement a share")


def draw_authorities(
    spec: Authorities, n_times: int, rng: np.random.Generator, known: tuple[pd.DataFrame, Array] | None = None
) -> tuple[pd.DataFrame, Array]:
    """Draw the authorities of a world.

    Parameters
    ----------
    known
        Regions and deprivation by authority, and children (n, n_times), where a real panel has them.

    Returns
    -------
    table
        A row per authority: ``region``, the deprivation score under its name, ``deprivation_z``, covariates, their
        standard scores in ``z:<name>``, and ``inspection``.
        Those of the logarithm of the population are ``population_z``.
    exposure : (n, n_times)
        Whole numbers of children.
    """
    if known is None:
        regions = _regions(spec)
        values = _deprivation(spec.deprivation, _deprivation_score(spec, regions, rng), rng)
    else:
        regions, values = known[0]["region"].to_numpy(object), known[0]["deprivation"].to_numpy(float)
    table = pd.DataFrame({"region": regions, spec.deprivation.name: values})
    table["deprivation"] = values
    table["deprivation_z"] = standard(values)
    for name, one in spec.covariates.items():
        z = _correlated(table["deprivation_z"].to_numpy(float), one.deprivation, rng)
        table[f"z:{name}"] = z
        table[name] = _covariate(one, z)
    if spec.inspection:
        table["inspection"] = _judgements(spec.inspection, table["deprivation_z"].to_numpy(float), rng)
    if known is None:
        exposure = _population(spec.population, table["deprivation_z"].to_numpy(float), n_times, rng)
    else:
        exposure = known[1]
    table["population_z"] = standard(np.log(exposure[:, 0]))
    return table, exposure


def standard(values: Array) -> Array:
    """Return standard scores; zeros where all values are the same."""
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


def spread_evenly(n: int, rng: np.random.Generator) -> Array:
    """Return n uniforms, one in each n-th of the unit interval, in random order."""
    return np.asarray((rng.permutation(n) + rng.random(n)) / n, float)


def largest_remainder(shares: Array, total: int) -> NDArray[np.intp]:
    """Share out whole numbers in proportion (Hamilton's method), (k,)."""
    exact = np.asarray(shares, float) / np.sum(shares) * total
    whole = np.floor(exact).astype(int)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def region_sizes(spec: Authorities) -> NDArray[np.intp]:
    """Return how many authorities each region has, (k,); without regions, all of them."""
    shares = [one.authorities for one in spec.regions.values()] or [1.0]
    return largest_remainder(np.array(shares), spec.n)


def _regions(spec: Authorities) -> NDArray[np.object_]:
    """Return each authority's region, (n,)."""
    return np.repeat(np.array(list(spec.regions) or ["all"], dtype=object), region_sizes(spec))


def _deprivation_score(spec: Authorities, regions: NDArray[np.object_], rng: np.random.Generator) -> Array:
    """Return normal scores with the regions' means and unit variance over all."""
    shift = np.array([spec.regions[name].deprivation if name in spec.regions else 0.0 for name in regions])
    within = max(1.0 - float(shift.var()), 0.0)
    return np.asarray(shift + np.sqrt(within) * rng.standard_normal(spec.n))


def _deprivation(spec: Deprivation, score: Array, rng: np.random.Generator) -> Array:
    """Give the ranks of a score the declared truncated normal distribution."""
    bounds = (np.array([spec.minimum, spec.maximum]) - spec.mean) / spec.sd
    return np.asarray(np.round(spec.mean + spec.sd * _truncated(score, bounds, rng), 3))


def _truncated(score: Array, bounds: Array, rng: np.random.Generator) -> Array:
    """Give the ranks of a score the standard normal distribution between two bounds, by strata."""
    uniform = (np.argsort(np.argsort(score)) + rng.random(len(score))) / len(score)
    low, high = ndtr(bounds)
    return np.asarray(ndtri(low + uniform * (high - low)))


def _correlated(z: Array, correlation: float, rng: np.random.Generator) -> Array:
    """Return standard scores correlated with others."""
    own = ndtri(spread_evenly(len(z), rng))
    return np.asarray(correlation * z + np.sqrt(1 - correlation**2) * own)


def _covariate(spec: Covariate, z: Array) -> Array:
    if spec.distribution == "normal":
        return np.asarray(np.round(spec.mean + spec.sd * z, 6))
    sd_log = np.sqrt(np.log1p((spec.sd / spec.mean) ** 2))
    return np.asarray(np.round(np.exp(np.log(spec.mean) - sd_log**2 / 2 + sd_log * z), 6))


def _judgements(spec: Inspection, deprivation: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    score = _correlated(deprivation, spec.deprivation, rng)
    sizes = largest_remainder(np.array([getattr(spec, name) for name in JUDGEMENTS]), len(score))
    judgement = np.empty(len(score), dtype=int)
    judgement[np.argsort(score, kind="stable")] = np.repeat(np.arange(1, 5), sizes)
    return judgement


def _population(spec: Population, deprivation: Array, n_times: int, rng: np.random.Generator) -> Array:
    """Draw children by authority and period, (n, n_times), from standard scores of deprivation."""
    first = np.full(len(deprivation), spec.median)
    if spec.sd_log:
        bounds = np.log(np.array([spec.minimum, spec.maximum]) / spec.median) / spec.sd_log
        first *= np.exp(spec.sd_log * _truncated(_correlated(deprivation, spec.deprivation, rng), bounds, rng))
    growth = spec.growth + spec.growth_sd * rng.standard_normal(len(first))
    return np.asarray(np.round(first[:, None] * (1 + growth)[:, None] ** np.arange(n_times)), float)
