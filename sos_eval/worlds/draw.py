"""Drawing a world: one frame of authorities with their adoption, and batches of outcomes on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Outcome as PanelOutcome
from sos_eval.panel.panel import Panel
from sos_eval.worlds.adoption import draw_adoption
from sos_eval.worlds.authorities import draw_authorities
from sos_eval.worlds.effects import apply_dose, draw_doses
from sos_eval.worlds.missing import withhold
from sos_eval.worlds.outcomes import expected_untreated, observe
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
        Children.
    first_treated : (n,)
        ``inf`` = never.
    own, other : (n, n_times)
        Doses; see `effects.draw_doses`.
    fidelity : (n,)
        Zero for the never treated.
    """

    world: World
    table: pd.DataFrame
    exposure: Array
    first_treated: Array
    own: Array
    other: Array
    fidelity: Array

    @property
    def units(self) -> list[str]:
        """Codes of the authorities, all of one width, so that text and numbers sort alike."""
        width = len(str(FIRST_CODE + len(self.table) - 1))
        return [str(FIRST_CODE + i).zfill(width) for i in range(len(self.table))]

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are constant within an authority, region first."""
        own = self.world.authorities
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
    """

    frame: Frame
    untreated: Array
    expected: Array
    observed: Array

    @property
    def outcomes(self) -> Array:
        """What an estimator is given, (reps, n, n_times): rates per `per`, or values."""
        outcome = self.frame.world.outcome
        return self.observed / (self.frame.exposure / outcome.per) if outcome.counted else self.observed

    @cached_property
    def panel(self) -> Panel:
        """The first draw as a panel."""
        return _panel(self.frame, self.observed[0])

    @cached_property
    def true_effects(self) -> Truth:
        """True effects of every draw."""
        world, frame = self.frame.world, self.frame
        counted = world.outcome.counted
        exposure = frame.exposure if counted else np.full_like(frame.exposure, np.nan)
        scale = "rate_per" if counted else "value"
        return true_effects(self.untreated, self.expected, frame.first_treated, world.periods, exposure, scale)

    @property
    def truth(self) -> pd.DataFrame:
        """True effects in the key columns of an effect table, averaged over the draws."""
        return self.true_effects.table


def draw_frame(world: World, rng: np.random.Generator) -> Frame:
    """Draw the authorities of a world, their adoption and the doses that follow from it."""
    times = world.periods
    table, exposure = draw_authorities(world.authorities, len(times), rng)
    first_treated = draw_adoption(world.adoption, table, exposure, rng)
    own, other, fidelity = draw_doses(world.effect, table, first_treated, times, rng)
    return Frame(world, table, exposure, first_treated, own, other, fidelity)


def draw_outcomes(world: World, frame: Frame, rng: np.random.Generator, reps: int) -> Draws:
    """Draw a batch of outcomes on a frame.

    Raises
    ------
    DesignFault
        An effect takes too many rates below zero.
    """
    spec = world.outcome
    untreated = expected_untreated(
        spec, world.adoption.selection, frame.table, frame.first_treated, frame.slopes, world.periods, reps, rng
    )
    expected = apply_dose(world.effect, untreated, frame.own, positive=spec.counted)
    everything = apply_dose(world.effect, expected, frame.other, positive=spec.counted)
    observed = withhold(world.missing, observe(spec, everything, frame.exposure, rng), counted=spec.counted, rng=rng)
    return Draws(frame, untreated, expected, observed)


def _panel(frame: Frame, observed: Array) -> Panel:
    """Lay out one draw as a panel; covariates stand in its frame, and an estimator that adjusts names them."""
    world, times = frame.world, frame.world.periods
    n, n_times = observed.shape
    counted = world.outcome.counted
    exposure = frame.exposure.ravel() if counted else np.full(n * n_times, np.nan)
    count = observed.ravel() if counted else np.full(n * n_times, np.nan)
    starts = np.repeat(frame.first_treated, n_times)
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
        rows[name] = np.repeat(frame.table[name].to_numpy(), n_times)
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
