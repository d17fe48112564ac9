"""Effects: what adopting does to the expected outcome, and to the neighbours'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DesignFault, Fault, nearest
from sos_eval.worlds.adoption import Adoption
from sos_eval.worlds.authorities import Authorities, stratified
from sos_eval.worlds.problems import Problem

__all__ = ["Anticipation", "Contamination", "Effect", "Fidelity", "Spillover", "apply_dose", "draw_doses"]

Array = NDArray[np.float64]
AT_ZERO_AT_MOST = 1e-2


@dataclass(frozen=True)
class Fidelity(Declared):
    """How faithfully adopters practise: the effect is proportional to it. Column ``fidelity``, 0 if untreated."""

    mean: Annotated[float, Interval(gt=0, le=1)] = 0.7
    """Mean over adopters; an adopter of this fidelity has the declared effect."""
    sd: Annotated[float, Ge(0)] = 0.15
    """Standard deviation over adopters of the normal that is truncated to 0 and 1."""
    turnover: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    """Share of what was learnt that leaves with staff each period."""


@dataclass(frozen=True)
class Anticipation(Declared):
    """Practice that changes before the start."""

    periods: Annotated[int, Ge(1)] = 1
    """How many periods before."""
    share: float = 0.5
    """Share of the first period's effect."""


@dataclass(frozen=True)
class Spillover(Declared):
    """Practice that spreads to untreated authorities of the same region."""

    share: float = 0.25
    """Share of the effect, times the share of the region's authorities that have started."""


@dataclass(frozen=True)
class Contamination(Declared):
    """Untreated authorities that use the programme without anybody's record of it."""

    share: Annotated[float, Interval(ge=0, le=1)] = 0.2
    """Share of the never treated."""
    dose: float = 0.5
    """Share of the effect that they have, from `start`."""
    start: int | None = None
    """First period; without it, the first start of anyone."""


@dataclass(frozen=True)
class Effect(Declared):
    """What adopting does to the expected outcome."""

    size: float = 0.0
    """Full effect: in units of the rate (or value) with ``scale: rate``; -0.08 is an 8% fall with ``ratio``."""
    scale: Literal["rate", "ratio"] = "rate"
    """Added to the expected rate, or a proportion of it."""
    shape: Literal["constant", "growing", "fading"] = "constant"
    """growing: linearly to the full size in period `periods`; fading: linearly from full size to nothing after it."""
    periods: Annotated[int, Ge(1)] = 3
    """Periods until the effect is full (growing) or gone (fading)."""
    by_cohort: dict[int, float] = field(default_factory=dict)
    """First treated period to a multiple of the effect; 1 where not named."""
    moderator: dict[str, float] = field(default_factory=dict)
    """Column (the deprivation score or a covariate) to what a standard deviation adds to the multiple of the effect."""
    fidelity: Fidelity | None = None
    """How faithfully adopters practise."""
    anticipation: Anticipation | None = None
    """Change before the start."""
    spillover: Spillover | None = None
    """Spread to neighbours."""
    contamination: Contamination | None = None
    """Unrecorded use among the untreated."""

    def problems(self, authorities: Authorities, adoption: Adoption) -> Iterator[Problem]:
        """Say what contradicts what."""
        if self.scale == "ratio" and self.size <= -1:
            yield Problem(("size",), f"{self.size} with scale: ratio leaves no rate above zero", "write more than -1")
        if self.size and adoption.pattern == "none":
            yield Problem(("size",), "nobody adopts in this world", "write size: 0, or another adoption.pattern")
        starts = _declared_starts(adoption)
        for cohort in self.by_cohort:
            if cohort not in starts:
                yield Problem(
                    ("by_cohort", str(cohort)), "no cohort starts then", nearest(str(cohort), map(str, starts))
                )
        columns = (authorities.deprivation.name, *authorities.covariates)
        for name in self.moderator:
            if name not in columns:
                yield Problem(("moderator", name), "no such column", nearest(name, columns))
        if self.spillover and not authorities.regions:
            yield Problem(("spillover",), "neighbours are the authorities of a region", "add authorities.regions")


def _declared_starts(adoption: Adoption) -> list[int]:
    starts = {*adoption.cohorts, *adoption.steps}
    return sorted(starts if adoption.start is None else {*starts, adoption.start})


def draw_doses(
    spec: Effect, table: pd.DataFrame, first_treated: Array, times: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return how much of the full effect every authority has in every period.

    Returns
    -------
    own : (n, n_times)
        Dose from the authority's own recorded adoption: what the truth counts.
    other : (n, n_times)
        Dose of the untreated from spillover and contamination: in the data, not in the truth.
    fidelity : (n,)
        Zero for the never treated.
    """
    event = times - first_treated[:, None]
    own = _shape(spec, event)
    own *= _multiple(spec, table, first_treated)[:, None]
    fidelity = np.zeros(len(first_treated))
    if spec.fidelity:
        fidelity = _fidelity(spec.fidelity, np.isfinite(first_treated), rng)
        since = np.where(np.isfinite(event), np.clip(event, 0, None), 0.0)
        own *= fidelity[:, None] / spec.fidelity.mean * (1 - spec.fidelity.turnover) ** since
    other = _spillover(spec, table, first_treated, times) + _contamination(spec, first_treated, times, rng)
    return own, other, fidelity


def _shape(spec: Effect, event: Array) -> Array:
    """Return the share of the full effect by event time, zero before the start unless anticipated."""
    since = np.where(np.isfinite(event), event, -1.0)
    match spec.shape:
        case "constant":
            share = np.ones_like(since)
        case "growing":
            share = np.minimum((since + 1) / spec.periods, 1.0)
        case "fading":
            share = np.maximum(1 - since / spec.periods, 0.0)
    share = np.where(np.isfinite(event) & (event >= 0), share, 0.0)
    if spec.anticipation:
        early = np.isfinite(event) & (event < 0) & (event >= -spec.anticipation.periods)
        first = 1 / spec.periods if spec.shape == "growing" else 1.0
        share = np.where(early, spec.anticipation.share * first, share)
    return share


def _multiple(spec: Effect, table: pd.DataFrame, first_treated: Array) -> Array:
    """Return each authority's multiple of the effect from its cohort and moderators, (n,)."""
    multiple = np.array([spec.by_cohort.get(int(g), 1.0) if np.isfinite(g) else 1.0 for g in first_treated])
    added = np.ones(len(multiple))
    for name, slope in spec.moderator.items():
        values = table[name].to_numpy(float)
        added += slope * (values - values.mean()) / values.std()
    return multiple * added


def _fidelity(spec: Fidelity, treated: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Draw adopters' fidelity from a normal truncated to 0 and 1."""
    from scipy.special import ndtr, ndtri

    n = int(treated.sum())
    drawn = np.zeros(len(treated))
    uniform = stratified(n, rng) if n else np.zeros(0)
    if spec.sd == 0:
        drawn[treated] = spec.mean
        return drawn
    low, high = ndtr((np.array([0.0, 1.0]) - spec.mean) / spec.sd)
    drawn[treated] = spec.mean + spec.sd * ndtri(low + uniform * (high - low))
    return drawn


def _spillover(spec: Effect, table: pd.DataFrame, first_treated: Array, times: Array) -> Array:
    """Return the dose that the not yet treated have from their region, (n, n_times)."""
    if spec.spillover is None:
        return np.zeros((len(first_treated), len(times)))
    started = pd.DataFrame(times >= first_treated[:, None]).astype(float)
    around = started.groupby(table["region"].to_numpy(object)).transform("mean").to_numpy(float)
    return np.asarray(spec.spillover.share * around * (1 - started.to_numpy(float)))


def _contamination(spec: Effect, first_treated: Array, times: Array, rng: np.random.Generator) -> Array:
    """Return the dose that unrecorded users have, (n, n_times)."""
    dose = np.zeros((len(first_treated), len(times)))
    if spec.contamination is None:
        return dose
    never = np.flatnonzero(~np.isfinite(first_treated))
    users = rng.permutation(never)[: round(spec.contamination.share * len(never))]
    start = spec.contamination.start if spec.contamination.start is not None else float(first_treated.min())
    dose[users] = np.where(times >= start, spec.contamination.dose, 0.0)
    return dose


def apply_dose(spec: Effect, untreated: Array, dose: Array, *, positive: bool) -> Array:
    """Return expected outcomes under a dose, (reps, n, n_times).

    A rate cannot fall below zero: with ``scale: rate`` it stops there, and since the truth is computed from what
    this returns, the truth knows. A world in which that is more than an accident is refused.

    Raises
    ------
    DesignFault
        More than one treated rate in a hundred would be below zero.
    """
    if spec.size == 0 or not dose.any():
        return untreated
    if spec.scale == "ratio":
        return np.asarray(untreated * (1 + spec.size * dose))
    treated = untreated + spec.size * dose
    if positive and float(treated.min(initial=0.0)) < 0:
        share = (treated < 0).sum() / max(int((dose != 0).sum()) * len(treated), 1)
        if share > AT_ZERO_AT_MOST:
            what = f"effect.size: {spec.size:g} takes {share:.1%} of the treated rates below zero"
            raise DesignFault(Fault("world", what, "write a smaller effect, or scale: ratio"))
        np.maximum(treated, 0.0, out=treated)
    return np.asarray(treated)
