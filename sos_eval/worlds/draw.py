"""Drawing a world: one frame of authorities with their adoption, and batches of outcomes on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DesignFault, Fault
from sos_eval.panel.panel import Outcome as PanelOutcome
from sos_eval.panel.panel import Panel
from sos_eval.worlds.adoption import draw_adoption
from sos_eval.worlds.authorities import draw_authorities
from sos_eval.worlds.effects import apply_dose, draw_doses
from sos_eval.worlds.mergers import Geography, draw_mergers
from sos_eval.worlds.missing import withhold
from sos_eval.worlds.outcomes import expected_untreated, observe
from sos_eval.worlds.real_panel import RealPanel, real_authorities
from sos_eval.worlds.residuals import read_residuals, resample
from sos_eval.worlds.revisions import publish, publish_children
from sos_eval.worlds.theory import OUTCOME, draw_mediators, measured, moved
from sos_eval.worlds.truth import Truth, true_effects
from sos_eval.worlds.world import World

__all__ = ["Draws", "Frame", "draw_frame", "draw_outcomes"]

Array = NDArray[np.float64]
FIRST_CODE = 201


@dataclass(frozen=True, eq=False)
class Frame:
    """What stays fixed over the draws of a study: authorities, their covariates, exposure and adoption.

    Attributes
    ----------
    world
        What it was drawn from.
    table
        A row per authority: region, deprivation, covariates.
    exposure : (n, n_times)
        Children, as published.
    children : (n, n_times)
        Children, as they are: the same where no population is revised.
    first_treated : (n,)
        ``inf`` = never.
    own, other : (n, n_times)
        Doses; see `effects.draw_doses`.
    fidelity : (n,)
        Zero for the never treated.
    rates : (n, n_times) or None
        A real panel's outcomes, in a semi-synthetic world.
    residuals : (real authorities, n_times) or None
        A real panel's, where they are the noise.
    geography, drawn
        Where authorities are merged: how they are, and the frame before that; else None.
    """

    world: World
    table: pd.DataFrame
    exposure: Array
    children: Array
    first_treated: Array
    own: Array
    other: Array
    fidelity: Array
    rates: Array | None = None
    residuals: Array | None = None
    geography: Geography | None = None
    drawn: Frame | None = None

    @property
    def units(self) -> list[str]:
        """Codes of the authorities, all of one width, so that text and numbers sort alike."""
        if self.rates is not None:
            return [str(unit) for unit in self.table["unit"]]
        codes = FIRST_CODE + (np.arange(len(self.table)) if self.geography is None else self.geography.codes)
        width = len(str(codes.max()))
        return [str(code).zfill(width) for code in codes]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Whether an authority is published in a period, (n, n_times)."""
        return np.ones(self.exposure.shape, bool) if self.geography is None else self.geography.shown

    @property
    def region_column(self) -> str:
        """Name of the column of regions: a real panel's own."""
        panel = self.world.panel
        return panel.region if panel is not None and panel.region else "region"

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are constant within an authority, region first."""
        own = self.world.authorities
        if self.rates is not None:
            return ["region", "deprivation"]
        names = ["region", own.deprivation.name, *own.covariates]
        return names + (["inspection"] if own.inspection else [])

    @cached_property
    def slopes(self) -> tuple[Array, Array]:
        """What covariates add to each authority's level and trend, (n,) each."""
        level, trend = np.zeros(len(self.table)), np.zeros(len(self.table))
        for name, one in self.world.authorities.covariates.items():
            z = self.table[f"z:{name}"].to_numpy(float)
            level, trend = level + one.level * z, trend + one.trend * z
        return level, trend


@dataclass(frozen=True, eq=False)
class Draws:
    """A batch of draws on one frame.

    Attributes
    ----------
    frame
        What is fixed over the draws.
    untreated, expected : (reps, n, n_times)
        Expected outcomes without anybody's intervention, and with each authority's own adoption.
    observed : (reps, n, n_times)
        Counts, or values where the outcome is no count; NaN where it is not seen.
    mediators
        Measured mediators of a programme theory, (reps, n, n_times) each.
    order : (reps, n) or None
        Semi-synthetic worlds: the authority whose outcomes stand at each place. Adoption is drawn anew in every draw,
        but the place of a cohort stays: it is the authorities that move. `placed` moves them back.
    """

    frame: Frame
    untreated: Array
    expected: Array
    observed: Array
    mediators: Mapping[str, Array] = field(default_factory=dict)
    order: NDArray[np.intp] | None = None

    def placed(self, rep: int) -> tuple[Array, Array]:
        """Return the first treated period (n,) and the observed outcomes (n, n_times) of the authorities themselves."""
        if self.order is None:
            return self.frame.first_treated, self.observed[rep]
        starts, observed = np.empty_like(self.frame.first_treated), np.empty_like(self.observed[rep])
        starts[self.order[rep]] = self.frame.first_treated
        children, own = self.frame.exposure, self.observed[rep] / self.frame.exposure
        observed[self.order[rep]] = own
        return starts, observed * children

    @property
    def outcomes(self) -> Array:
        """What an estimator is given, (reps, n, n_times): rates per `per`, or values."""
        outcome = self.frame.world.outcome
        return self.observed / (self.frame.exposure / outcome.per) if outcome.counted else self.observed

    @cached_property
    def panel(self) -> Panel:
        """The first draw as a panel."""
        starts, observed = self.placed(0)
        return _panel(self, starts, observed)

    @cached_property
    def true_effects(self) -> Truth:
        """True effects of every draw."""
        world, frame = self.frame.world, self.frame
        counted = world.outcome.counted
        exposure = frame.children if counted else np.full_like(frame.children, np.nan)
        scale = "rate_per" if counted else "value"
        return true_effects(self.untreated, self.expected, frame.first_treated, world.periods, exposure, scale)

    @property
    def truth(self) -> pd.DataFrame:
        """True effects in the key columns of an effect table, averaged over the draws."""
        return self.true_effects.table


def draw_frame(world: World, rng: np.random.Generator) -> Frame:
    """Draw the authorities of a world, their adoption and the doses that follow from it."""
    times = world.periods
    if world.panel is not None:
        return _real_frame(world, world.panel, rng)
    table, exposure = draw_authorities(world.authorities, len(times), rng)
    first_treated = draw_adoption(world.adoption, table, exposure, rng)
    own, other, fidelity = draw_doses(world.effect, table, first_treated, times, rng)
    frame = Frame(world, table, exposure, exposure, first_treated, own, other, fidelity)
    if world.outcome.residuals is not None:
        frame = replace(frame, residuals=read_residuals(world.outcome.residuals, times, world.outcome.per))
    if world.mergers:
        frame = _merged(frame, rng)
    if world.revisions is not None:
        published = publish_children(world.revisions, frame.children, times, rng)
        frame = replace(frame, exposure=published)
    return frame


def _merged(frame: Frame, rng: np.random.Generator) -> Frame:
    """Return the frame of the authorities that are published, with the drawn one behind it."""
    world, children, starts = frame.world, frame.children, frame.first_treated
    how = draw_mergers(world.mergers, frame.table["region"].to_numpy(object), starts, world.periods, rng)
    table = how.table(frame.table.assign(fidelity=frame.fidelity), children)
    merged = how.children(children)
    return Frame(
        world, table.drop(columns="fidelity"), merged, merged, how.starts(starts), how.doses(frame.own, children),
        how.doses(frame.other, children), table["fidelity"].to_numpy(float), geography=how, drawn=frame,
    )  # fmt: skip


def _real_frame(world: World, panel: RealPanel, rng: np.random.Generator) -> Frame:
    """Read a real panel and lay out the places of cohorts and their doses."""
    table, exposure, rates = real_authorities(panel, world.periods, world.outcome.per)
    treated = world.adoption.treated or 0
    inside = table["region"].isin(world.adoption.regions) if world.adoption.regions else True
    eligible = int((table["eligible"] & inside).sum())
    if treated > eligible:
        what = f"adoption.treated: {treated} of {eligible} authorities cannot start"
        raise DesignFault(Fault(f"world {world.name}", what, "write a smaller number"))
    first_treated = draw_adoption(world.adoption, table, exposure, rng)
    own, other, fidelity = draw_doses(world.effect, table, first_treated, world.periods, rng)
    return Frame(world, table, exposure, exposure, first_treated, own, other, fidelity, rates)


def _real_outcomes(world: World, frame: Frame, rates: Array, rng: np.random.Generator, reps: int) -> Draws:
    """Draw placebo adoptions on a real panel and add the effect.

    The count under the effect is the real count plus the effect on it, not a whole number.
    """
    places = np.argsort(frame.first_treated, kind="stable")
    order = np.empty((reps, len(rates)), np.intp)
    for rep in range(reps):
        starts = draw_adoption(world.adoption, frame.table, frame.exposure, rng)
        shuffled = rng.permutation(len(starts))
        order[rep, places] = shuffled[np.argsort(starts[shuffled], kind="stable")]
    untreated = rates[order]
    expected = apply_dose(world.effect, untreated, frame.own, positive=True)
    observed = expected * (frame.exposure / world.outcome.per)
    return Draws(frame, untreated, expected, observed, order=order)


def draw_outcomes(world: World, frame: Frame, rng: np.random.Generator, reps: int) -> Draws:
    """Draw a batch of outcomes on a frame.

    Raises
    ------
    DesignFault
        An effect takes too many rates below zero.
    """
    spec = world.outcome
    if frame.rates is not None:
        return _real_outcomes(world, frame, frame.rates, rng, reps)
    base = frame.drawn or frame
    untreated = expected_untreated(
        spec, world.adoption.selection, base.table, base.first_treated, base.slopes, world.periods, reps, rng
    )
    untreated, expected, everything, mediators = _with_effects(world, base, untreated, rng)
    if base.residuals is not None:
        counts = resample(base.residuals, everything, base.children / spec.per, rng)
    else:
        counts = observe(spec, everything, base.children, rng)
    if (how := frame.geography) is not None:
        counts = how.counts(counts, base.children, rng)
        untreated, expected = how.rates(untreated, base.children), how.rates(expected, base.children)
        mediators = {name: how.rates(values, base.children) for name, values in mediators.items()}
    if world.revisions is not None:
        counts = publish(world.revisions, counts, world.periods, rng)
    observed = withhold(world.missing, counts, counted=spec.counted, rng=rng)
    return Draws(frame, untreated, expected, observed, mediators)


def _with_effects(
    world: World, frame: Frame, untreated: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Return expected outcomes untreated, under own adoption, and under everything; and measured mediators."""
    effect, counted, theory = world.effect, world.outcome.counted, world.theory
    mediators, through = {}, 0.0
    if theory is not None:
        deviations = draw_mediators(theory, untreated.shape, rng)
        untreated = moved(theory, untreated, deviations, ratio=effect.scale == "ratio", positive=counted)
        mediators = measured(theory, deviations, frame.own + frame.other, rng)
        through = theory.by_practice(OUTCOME)
    expected = apply_dose(effect, untreated, frame.own, positive=counted, mediated=through)
    everything = apply_dose(effect, expected, frame.other, positive=counted, mediated=through)
    return untreated, expected, everything, mediators


def _panel(draws: Draws, first_treated: Array, observed: Array) -> Panel:
    """Lay out the first draw as a panel; covariates stand in its frame, and an estimator that adjusts names them."""
    frame = draws.frame
    world, times = frame.world, frame.world.periods
    n, n_times = observed.shape
    counted = world.outcome.counted
    exposure = frame.exposure.ravel() if counted else np.full(n * n_times, np.nan)
    count = observed.ravel() if counted else np.full(n * n_times, np.nan)
    starts = np.repeat(first_treated, n_times)
    time = np.tile(times, n)
    unit = np.repeat(np.array(frame.units, dtype=object), n_times)
    rows = pd.DataFrame(
        {
            "unit": unit, "time": time, "count": count,
            "outcome": count / exposure * world.outcome.per if counted else observed.ravel(),
            "exposure": exposure, "first_treated": starts, "cluster": unit, "weight": 1.0,
            "treated": (time >= starts).astype(float),
        }
    )  # fmt: skip
    for name in frame.columns:
        rows[frame.region_column if name == "region" else name] = np.repeat(frame.table[name].to_numpy(), n_times)
    for name, values in draws.mediators.items():
        rows[name] = values[0].ravel()
    if frame.geography is not None:
        rows = rows[frame.shown.ravel()].reset_index(drop=True)
    outcome = PanelOutcome(
        name=world.outcome.name, label=world.outcome.label, scale="rate_per" if counted else "value",
        per=world.outcome.per if counted else 1.0, counted=counted,
    )  # fmt: skip
    labels = {
        "unit": world.columns.unit, "time": world.columns.time, "outcome": world.outcome.name,
        "count": world.outcome.name, "exposure": world.columns.exposure, "first_treated": "first_treated",
        "cluster": world.columns.unit,
    }  # fmt: skip
    return Panel(
        frame=rows, labels=labels, outcomes=(outcome,), active=outcome.name,
        year_convention="ends_march", source=f"world {world.name}",
    )  # fmt: skip
