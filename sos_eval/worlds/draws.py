"""A batch of draws on one frame, and its first draw as a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Outcome as PanelOutcome
from sos_eval.panel.panel import Panel
from sos_eval.worlds.frame import Frame
from sos_eval.worlds.truth import Truth, true_effects

__all__ = ["ROUNDED", "Draws"]

Array = NDArray[np.float64]
#: Decimals of a real panel's counts, which have been rates in between.
ROUNDED = 9


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
    further
        Draws of further outcomes by their column, each on the same frame with its own world.
    """

    frame: Frame
    untreated: Array
    expected: Array
    observed: Array
    mediators: Mapping[str, Array] = field(default_factory=dict)
    order: NDArray[np.intp] | None = None
    further: Mapping[str, Draws] = field(default_factory=dict)

    def about(self, column: str) -> Draws:
        """Return the draws of the outcome in a column; the first outcome's where no further one is called so."""
        return self.further.get(column, self)

    def placed(self, rep: int) -> tuple[Array, Array]:
        """Return the first treated period (n,) and the observed outcomes (n, n_times) of the authorities themselves."""
        if self.order is None:
            return self.frame.first_treated, self.observed[rep]
        children = self.frame.exposure
        counts = self.by_authority(self.observed[rep] / children, rep) * children
        starts = self.by_authority(self.frame.first_treated, rep)
        return starts, np.round(counts, ROUNDED)  # a count that nothing moved is the real one

    def by_authority(self, by_place: Array, rep: int) -> Array:
        """Return what stands at each place, (n, …), for the authorities themselves."""
        if self.order is None:
            return by_place
        moved = np.empty_like(by_place)
        moved[self.order[rep]] = by_place
        return moved

    @property
    def children(self) -> Array:
        """Children of the authorities that stand at each place, (n, n_times) or (reps, n, n_times)."""
        return self.frame.children if self.order is None else self.frame.children[self.order]

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
        exposure = self.children if counted else np.full_like(frame.children, np.nan)
        scale = "rate_per" if counted else "value"
        return true_effects(self.untreated, self.expected, frame.first_treated, world.periods, exposure, scale)

    @property
    def truth(self) -> pd.DataFrame:
        """True effects in the key columns of an effect table, averaged over the draws.

        Where there are further outcomes the column ``outcome`` says whose they are.
        """
        if not self.further:
            return self.true_effects.table
        every = {self.frame.world.outcome.name: self, **self.further}
        return pd.concat(
            [one.true_effects.table.assign(outcome=name) for name, one in every.items()], ignore_index=True
        )


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
