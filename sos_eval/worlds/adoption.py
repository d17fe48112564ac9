"""Adoption: which authorities start, when, and what made them start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import nearest
from sos_eval.worlds.authorities import Authorities, largest_remainder, region_sizes, standard
from sos_eval.worlds.problems import Problem

__all__ = ["Selectivity", "WorldAdoption", "draw_adoption", "order_traits"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Selectivity(Declared):
    """What makes an authority adopt: log odds per standard deviation, in sequential sampling.

    Authorities adopt one after another; each time the next is drawn with probability proportional to the
    exponential of its score (Plackett and Luce), so that the keenest start earliest.
    """

    deprivation: float = 0.0
    """Log odds per standard deviation of deprivation."""
    inspection: float = 0.0
    """Log odds per grade of worse inspection judgement."""
    population: float = 0.0
    """Log odds per standard deviation of the log population."""
    covariates: dict[str, float] = field(default_factory=dict)
    """Log odds per standard deviation of a covariate."""
    level: float = 0.0
    """Log odds per standard deviation of the authority's own level, beyond what its covariates explain."""
    trend: float = 0.0
    """Log odds per standard deviation of its own trend: breaks parallel trends."""


@dataclass(frozen=True)
class WorldAdoption(Declared):
    """Who starts when."""

    pattern: Literal["none", "calendar", "staggered", "stepped_wedge"] = "staggered"
    """none; calendar: all at `start`; staggered: `cohorts`; stepped_wedge: everybody, equal numbers at `steps`."""
    treated: Annotated[int, Ge(0)] | None = None
    """How many authorities ever start (calendar, staggered)."""
    start: int | None = None
    """First treated period (calendar)."""
    cohorts: dict[int, Annotated[float, Gt(0)]] = field(default_factory=dict)
    """First treated period to its share of the treated, in proportion (staggered)."""
    steps: tuple[int, ...] = ()
    """Periods at which the next group crosses over (stepped_wedge)."""
    never: Annotated[int, Ge(0)] = 0
    """Authorities that stay untreated in a stepped wedge."""
    regions: tuple[str, ...] = ()
    """Only authorities of these regions start; empty: all regions."""
    selection: Selectivity = field(default_factory=Selectivity)
    """What makes an authority start."""

    def problems(self, authorities: Authorities, first: int, last: int) -> Iterator[Problem]:
        """Say what contradicts what."""
        yield from self._missing_keys()
        for key, starts in (("start", [self.start]), ("cohorts", self.cohorts), ("steps", self.steps)):
            for start in starts:
                if start is not None and not first <= start <= last:
                    yield Problem((key,), f"{start} is outside the world's times", f"write {first} to {last}")
        eligible = self._eligible(authorities)
        if self.treated is not None and self.treated > eligible:
            yield Problem(
                ("treated",), f"{self.treated} of {eligible} authorities cannot start", "write a smaller number"
            )
        if self.never >= authorities.n:
            yield Problem(
                ("never",), f"leaves nobody of {authorities.n} authorities to treat", "write a smaller number"
            )
        for name in self.regions:
            if name not in authorities.regions:
                yield Problem(("regions",), f"no region is called {name!r}", nearest(name, authorities.regions))
        for name in self.selection.covariates:
            if name not in authorities.covariates:
                near = (
                    nearest(name, authorities.covariates)
                    or "declare it under authorities.covariates, or in panel.covariates"
                )
                yield Problem(("selection", "covariates", name), "no such covariate", near)
        if self.selection.inspection and authorities.inspection is None:
            yield Problem(("selection", "inspection"), "the world has no inspections", "add authorities.inspection: {}")

    def _missing_keys(self) -> Iterator[Problem]:
        wanted = {"calendar": ("treated", "start"), "staggered": ("treated", "cohorts"), "stepped_wedge": ("steps",)}
        for key in wanted.get(self.pattern, ()):
            if not getattr(self, key) and getattr(self, key) != 0:
                yield Problem((key,), f"is missing for pattern: {self.pattern}", "add it")
        allowed = {*wanted.get(self.pattern, ()), *({"never"} if self.pattern == "stepped_wedge" else ())}
        for key in ("treated", "start", "cohorts", "steps", "never"):
            if key not in allowed and getattr(self, key):
                yield Problem((key,), f"has no meaning with pattern: {self.pattern}", "remove it")

    def _eligible(self, authorities: Authorities) -> int:
        """Count the authorities that can start."""
        if not self.regions or not authorities.regions:
            return authorities.n
        sizes = zip(authorities.regions, region_sizes(authorities), strict=True)
        return int(sum(size for name, size in sizes if name in self.regions))


def draw_adoption(spec: WorldAdoption, table: pd.DataFrame, exposure: Array, rng: np.random.Generator) -> Array:
    """Draw the first treated period of each authority, (n,); ``inf`` = never.

    What depends on the authority's own level and trend is left to `order_traits`, which runs for every draw.
    """
    n = len(table)
    score = _score(spec.selection, table, exposure) + rng.gumbel(size=n)
    if spec.regions:
        score = np.where(table["region"].isin(spec.regions), score, -np.inf)
    if "eligible" in table:
        score = np.where(table["eligible"], score, -np.inf)
    starts, sizes = _cohort_sizes(spec, n)
    first_treated = np.full(n, np.inf)
    first_treated[np.argsort(-score, kind="stable")[: int(sizes.sum())]] = np.repeat(starts, sizes)
    return first_treated


def _cohort_sizes(spec: WorldAdoption, n: int) -> tuple[Array, NDArray[np.intp]]:
    """Return first treated periods in order, and how many authorities start in each."""
    match spec.pattern:
        case "calendar":
            return np.array([spec.start], float), np.array([spec.treated], int)
        case "staggered":
            starts = sorted(spec.cohorts)
            shares = np.array([spec.cohorts[start] for start in starts])
            return np.array(starts, float), largest_remainder(shares, int(spec.treated or 0))
        case "stepped_wedge":
            steps = sorted(spec.steps)
            return np.array(steps, float), largest_remainder(np.ones(len(steps)), n - spec.never)
    return np.zeros(0), np.zeros(0, int)


def _score(spec: Selectivity, table: pd.DataFrame, exposure: Array) -> Array:
    """Add up the log odds that observed characteristics give, (n,)."""
    score = spec.deprivation * table["deprivation_z"].to_numpy(float)
    score = score + spec.population * standard(np.log(exposure[:, 0]))
    if spec.inspection:
        score = score + spec.inspection * table["inspection"].to_numpy(float)
    for name, odds in spec.covariates.items():
        score = score + odds * table[f"z:{name}"].to_numpy(float)
    return np.asarray(score, float)


def order_traits(
    spec: Selectivity, level: Array, trend: Array, first_treated: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Hand out drawn levels and trends so that who adopts depends on them.

    Authorities are exchangeable before they adopt. So instead of drawing another adoption in every draw, n pairs
    of (level, trend) are drawn and the pairs of those who would adopt first go to those who do. Adoption itself stays
    fixed over draws. Where nothing observed selects, the joint law of traits and adoption is that of sequential
    sampling; beside observed characteristics traits select as if by themselves, independent of those, which is
    stronger than one score of both.

    Parameters
    ----------
    level, trend : (reps, n)
        Own level and trend, in standard deviations.
    first_treated : (n,)
        Who starts when.
    """
    if spec.level == 0 and spec.trend == 0:
        return level, trend
    keen = spec.level * level + spec.trend * trend + rng.gumbel(size=level.shape)
    cohort = np.sort(np.unique(first_treated, return_inverse=True)[1])
    within = np.argsort(cohort + rng.random(level.shape), axis=-1)  # the order within a cohort is left to chance
    donors = np.take_along_axis(np.argsort(-keen, axis=-1), within, axis=-1)
    slots = np.argsort(first_treated, kind="stable")
    ordered_level, ordered_trend = np.empty_like(level), np.empty_like(trend)
    ordered_level[:, slots] = np.take_along_axis(level, donors, axis=-1)
    ordered_trend[:, slots] = np.take_along_axis(trend, donors, axis=-1)
    return ordered_level, ordered_trend
