"""Means of treated and of comparison rows by event time, over sub-experiments: plain, and by cohort for adoptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators.fast.assignments import chunks, score_errors
from sos_eval.estimators.fast.cohort_means import Contributions
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Batch, Unplanned

__all__ = ["StackedPattern", "StackedPlan", "SubExperiments"]

Codes = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SubExperiments:
    """Which cohorts are compared, over which event times, and with whom.

    Its m cells are the event times of each cohort in turn.

    Attributes
    ----------
    cohorts : (c,)
        Cohorts that are seen in the whole window and have units to be compared with.
    events : (e,)
        Event times of the window.
    contrast : (e, q)
        Rows of the estimate as combinations of the differences at each event time.
    note
        What was left out; else empty.
    """

    cohorts: Array
    events: Array
    contrast: Array
    note: str = ""

    @property
    def window(self) -> str:
        """The window in words."""
        return f"window: event times {self.events[0]:g} to {self.events[-1]:g}"

    def clean(self, starts: Array, k: int) -> Bools:
        """Say which starts are compared with cohort k: those after its window."""
        return np.asarray(starts > self.cohorts[k] + self.events[-1])

    def mix(self, mass: Array) -> Array:
        """Return each cell's share at its event time, (..., m, e), from the treated weight of each cell (..., m)."""
        each = np.tile(np.eye(len(self.events)), (len(self.cohorts), 1))
        held = mass[..., None] * each
        return np.asarray(held / held.sum(-2, keepdims=True))


@dataclass(frozen=True, slots=True)
class StackedPlan:
    """What outcomes do not change: how far each row moves the mean of each side of each cell.

    Attributes
    ----------
    cells
        Rows of the estimates, q of them.
    place : (n,), (n,)
        Unit and period of each row in a batch of outcomes.
    missing : (n_units, n_times)
        Which outcomes are not there, so that the rows are these.
    first : (u,)
        Position of each unit's first row.
    sides : (2, n, m)
        Weight of each row in the means of treated and of comparison rows.
    mix : (m, q)
        Rows as combinations of the differences.
    clusters : (u,)
    no_error : (q,)
        Rows without an error.
    otherwise
        For outcomes that are missing elsewhere.
    """

    cells: pd.DataFrame
    place: tuple[Codes, Codes]
    missing: Bools
    first: Codes
    sides: Array
    mix: Array
    clusters: Codes
    no_error: Bools
    otherwise: Unplanned

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n_units, n_times)."""
        if (np.isnan(outcomes) != self.missing).any():
            return self.otherwise.apply(outcomes)
        values, std_error = np.empty((2, len(outcomes), len(self.cells)))
        for some in chunks(len(outcomes), self.sides[0].size):
            values[some], score = self.scored(outcomes[some][:, self.place[0], self.place[1]])
            std_error[some] = score_errors(score, self.clusters)
        std_error[:, self.no_error] = np.nan
        return Batch(self.cells, values, std_error, ("",) * len(outcomes))

    def scored(self, outcomes: Array) -> tuple[Array, Array]:
        """Return estimates (r, q) and units' contributions to their errors (r, u, q) from rows' outcomes (r, n)."""
        treated, compared = (outcomes @ side for side in self.sides)
        moved = np.add.reduceat(outcomes[..., None] * (self.sides[0] - self.sides[1]), self.first, axis=1)
        weight = np.add.reduceat(self.sides, self.first, axis=1)
        score = moved - weight[0] * treated[:, None] + weight[1] * compared[:, None]
        return (treated - compared) @ self.mix, score @ self.mix


@dataclass(frozen=True, slots=True)
class StackedPattern:
    """Sub-experiments of a balanced panel planned for one set of starts (see `Pattern`).

    Attributes
    ----------
    cells
        Rows of the estimates, q of them.
    starts : (k,)
        First treated periods that take part; ``inf`` last.
    times : (t,)
    design
        The sub-experiments.
    """

    cells: pd.DataFrame
    starts: Array
    times: Array
    design: SubExperiments

    @property
    def n_cohorts(self) -> int:
        """How many groups of units."""
        return len(self.starts)

    @property
    def n_times(self) -> int:
        """How many periods take part: all."""
        return len(self.times)

    @property
    def no_error(self) -> Bools:
        """Rows that are fixed by construction, (q,)."""
        return np.asarray(~(self.design.contrast != 0).any(0))

    def codes(self, first_treated: Array) -> Codes:
        """Return each unit's position in `starts`; -1 for units that take no part."""
        merged = np.where(first_treated > self.times[-1], np.inf, first_treated)
        place = np.minimum(np.searchsorted(self.starts, merged), len(self.starts) - 1)
        return np.where(self.starts[place] == merged, place, -1)

    def contributions(self, weight: Array, sums: Array) -> Contributions:
        """Compute rows from the groups' weights (k,) or (r, k) and sums of outcomes (r, k, t)."""
        sides = [self._side(weight, treated=yes) for yes in (True, False)]
        means = [np.einsum("...ktm,...kt->...m", side, sums) for side in sides]
        share = [side.sum(-2) for side in sides]
        constant = share[1] * means[1][..., None, :] - share[0] * means[0][..., None, :]
        own = np.searchsorted(self.starts, self.design.cohorts)
        mix = self.design.mix(np.repeat(weight[..., own], len(self.design.events), -1)) @ self.design.contrast
        mixed = mix if mix.ndim == 2 else mix[..., None, :, :]
        values = ((means[0] - means[1])[..., None, :] @ mix)[..., 0, :]
        return Contributions(values, (sides[0] - sides[1]) @ mixed, constant @ mix)

    def _side(self, weight: Array, *, treated: bool) -> Array:
        """Return how far a unit of weight one of each cohort moves a side's means, (..., k, t, m)."""
        design, own = self.design, np.searchsorted(self.starts, self.design.cohorts)
        n_events = len(design.events)
        side = np.zeros((*weight.shape, len(self.times), n_events * len(own)))
        for k, cohort in enumerate(design.cohorts):
            there = np.searchsorted(self.times, cohort + design.events)
            member = np.arange(len(self.starts)) == own[k] if treated else design.clean(self.starts, k)
            moves = member / (weight * member).sum(-1, keepdims=True)
            side[..., :, there, k * n_events + np.arange(n_events)] = moves[..., None]
        return side
