"""Effects: what adopting does to the expected outcome, and to the neighbours'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DesignFault, Fault, nearest
from sos_eval.worlds.adoption import WorldAdoption
from sos_eval.worlds.authorities import spread_evenly, standard
from sos_eval.worlds.neighbours import Contamination, Spillover, spilled, unrecorded
from sos_eval.worlds.problems import Problem

__all__ = [
    "AT_ZERO_AT_MOST",
    "Anticipation",
    "Effect",
    "Fidelity",
    "Size",
    "apply_dose",
    "draw_doses",
    "of_authorities",
    "share_left",
    "stop_at_zero",
]

Array = NDArray[np.float64]
AT_ZERO_AT_MOST = 1e-2


@dataclass(frozen=True)
class Fidelity(Declared):
    """How faithfully adopters practise: the effect is proportional to it. Column ``fidelity``, 0 if untreated.

    After the start the column falls as the effect does, with the turnover of staff.
    """

    mean: Annotated[float, Interval(gt=0, le=1)] = 0.7
    """Mean over adopters; an adopter of this fidelity has the declared effect."""
    sd: Annotated[float, Ge(0)] = 0.15
    """Standard deviation over adopters of the normal that is truncated to 0 and 1."""
    turnover: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    """Share of trained staff who leave each period, and what was learnt with them."""
    retrained: Annotated[float, Interval(ge=0, le=1)] = 0.0
    """Share of their successors who are trained: what practice settles at, as a share of its first fidelity."""


@dataclass(frozen=True)
class Anticipation(Declared):
    """Practice that changes before the start."""

    periods: Annotated[int, Ge(1)] = 1
    """How many periods before."""
    share: float = 0.5
    """Share of the first period's effect."""


@dataclass(frozen=True)
class Size(Declared):
    """How much a full dose does to the expected outcome."""

    size: float = 0.0
    """Full effect: in units of the rate (or value) with ``scale: rate``; -0.08 is an 8% fall with ``ratio``."""
    scale: Literal["rate", "ratio"] = "rate"
    """Added to the expected rate, or a proportion of it."""

    def size_problems(self, *, nobody: bool) -> Iterator[Problem]:
        """Say what contradicts what, in a world in which somebody adopts or nobody does."""
        if self.scale == "ratio" and self.size <= -1:
            yield Problem(("size",), f"{self.size} with scale: ratio leaves no rate above zero", "write more than -1")
        if self.size and nobody:
            yield Problem(("size",), "nobody adopts in this world", "write size: 0, or another adoption.pattern")


@dataclass(frozen=True)
class Effect(Size):
    """What adopting does to the expected outcome, and how that goes by period and authority."""

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

    def problems(self, adoption: WorldAdoption, columns: Sequence[str], last: int) -> Iterator[Problem]:
        """Say what contradicts what.

        Parameters
        ----------
        columns
            Columns that can moderate.
        last
            Last period of the world.
        """
        begins = self.contamination.start if self.contamination else None
        if begins is not None and begins > last:
            what = f"{begins} is after the last period: nobody would be contaminated"
            yield Problem(("contamination", "start"), what, f"write {last} or earlier")
        yield from self.size_problems(nobody=adoption.pattern == "none")
        starts = _declared_starts(adoption)
        for cohort in self.by_cohort:
            if cohort not in starts:
                yield Problem(
                    ("by_cohort", str(cohort)), "no cohort starts then", nearest(str(cohort), map(str, starts))
                )
        for name in self.moderator:
            if name not in columns:
                yield Problem(("moderator", name), "no such column", nearest(name, columns))


def _declared_starts(adoption: WorldAdoption) -> list[int]:
    starts = {*adoption.cohorts, *adoption.steps}
    return sorted(starts if adoption.start is None else {*starts, adoption.start})


def draw_doses(
    spec: Effect, first_treated: Array, times: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return how much of the full effect every authority has in every period.

    What depends on an authority's other characteristics comes in `of_authorities`.

    Returns
    -------
    own : (n, n_times)
        Dose from the authority's own recorded adoption: what the truth counts.
    other : (n, n_times)
        Dose of the untreated from contamination: in the data, not in the truth.
    fidelity : (n,)
        Zero for the never treated.
    """
    event = times - first_treated[:, None]
    own = _shape(spec, event)
    own *= np.array([spec.by_cohort.get(int(g), 1.0) if np.isfinite(g) else 1.0 for g in first_treated])[:, None]
    fidelity = np.zeros(len(first_treated))
    if spec.fidelity:
        fidelity = _fidelity(spec.fidelity, np.isfinite(first_treated), rng)
        since = np.where(np.isfinite(event), np.clip(event, 0, None), 0.0)
        own *= fidelity[:, None] / spec.fidelity.mean * share_left(spec.fidelity, since)
    if spec.contamination is None:
        return own, np.zeros_like(own), fidelity
    return own, unrecorded(spec.contamination, first_treated, times, rng), fidelity


def of_authorities(
    spec: Effect, doses: tuple[Array, Array], table: pd.DataFrame, starts: Array, times: Array
) -> tuple[Array, Array]:
    """Return doses moderated by who has them, and with what spills over to whom, (..., n, n_times) each.

    Parameters
    ----------
    doses : (n, n_times) or (reps, n, n_times)
        As `draw_doses` gives them, own and other.
    table
        A row per authority.
    starts : (n,) or (reps, n)
        First treated period of each authority.
    """
    own, other = doses
    if spec.moderator:
        own = own * _moderation(spec, table)[:, None]
    if spec.spillover is not None:
        started = (times >= starts[..., None]).astype(float)
        other = other + spilled(spec.spillover, table["region"].to_numpy(object), started)
    return own, other


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


def _moderation(spec: Effect, table: pd.DataFrame) -> Array:
    """Return each authority's multiple of the effect from its moderators, (n,)."""
    multiple = np.ones(len(table))
    for name, slope in spec.moderator.items():
        multiple += slope * standard(table[name].to_numpy(float))
    return multiple


def _fidelity(spec: Fidelity, treated: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Draw adopters' fidelity from a normal truncated to 0 and 1."""
    from scipy.special import ndtr, ndtri

    n = int(treated.sum())
    drawn = np.zeros(len(treated))
    uniform = spread_evenly(n, rng) if n else np.zeros(0)
    if spec.sd == 0:
        drawn[treated] = spec.mean
        return drawn
    low, high = ndtr((np.array([0.0, 1.0]) - spec.mean) / spec.sd)
    drawn[treated] = spec.mean + spec.sd * ndtri(low + uniform * (high - low))
    return drawn


def share_left(spec: Fidelity, since: Array) -> Array:
    """Return the share of the first fidelity that is left some periods after the start.

    Each period a share t of the staff leaves and a share r of their successors is trained: ``x' = (1 - t) x + t r``,
    so that ``x_e = r + (1 - r) (1 - t)^e``.
    """
    return np.asarray(spec.retrained + (1 - spec.retrained) * (1 - spec.turnover) ** since)


def apply_dose(
    spec: Effect, untreated: Array, dose: Array, *, positive: bool, mediated: float = 0.0,
    at_most: float = AT_ZERO_AT_MOST,
) -> Array:  # fmt: skip
    """Return expected outcomes under a dose, (reps, n, n_times).

    A rate cannot fall below zero: with ``scale: rate`` it stops there, and since the truth is computed from what
    this returns, the truth knows. A world in which that is more than an accident is refused.

    Parameters
    ----------
    dose : (n, n_times) or (reps, n, n_times)
        Shares of the full effect.
    mediated
        What a full dose does through mediators, beside `Effect.size`: in units of the rate, or of its logarithm
        with ``scale: ratio``.
    at_most
        Share of treated rates that may stop at zero.

    Raises
    ------
    DesignFault
        More of them would be below zero.
    """
    if (spec.size == 0 and mediated == 0) or not dose.any():
        return untreated
    if spec.scale == "ratio":
        through = np.exp(mediated * dose) if mediated else 1.0
        return np.asarray(untreated * (1 + spec.size * dose) * through)
    size = spec.size + mediated
    treated = untreated + size * dose
    if not positive:
        return np.asarray(treated)
    cells = int(np.count_nonzero(np.broadcast_to(dose, treated.shape)))
    instead = "write a smaller effect, or scale: ratio"
    return stop_at_zero(treated, cells, f"effect.size: {size:g}", instead, at_most=at_most)


def stop_at_zero(
    rates: Array, cells: int, who: str, instead: str, whose: str = "the treated rates",
    at_most: float = AT_ZERO_AT_MOST,
) -> Array:  # fmt: skip
    """Return rates of which none is below zero; changes them in place.

    Parameters
    ----------
    cells
        How many rates something was done to.
    who, instead, whose
        What did it, what to write instead where it does so too often, and whose rates they are.
    at_most
        Share of those that may stop at zero.

    Raises
    ------
    DesignFault
        More of them would be below zero.
    """
    if float(rates.min(initial=0.0)) < 0:
        share = (rates < 0).sum() / max(cells, 1)
        if share > at_most:
            what = f"{who} takes {share:.1%} of {whose} below zero"
            raise DesignFault(Fault("world", what, instead))
        np.maximum(rates, 0.0, out=rates)
    return np.asarray(rates)
