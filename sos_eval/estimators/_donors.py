"""What methods share that weigh untreated units so that they look like the treated ones did before the start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._averages import Averages, averages
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate, cluster_sums
from sos_eval.results.estimator import Estimator
from sos_eval.results.strata import without_strata

__all__ = [
    "Cohort",
    "DonorDesign",
    "DonorEstimator",
    "donor_design",
    "notes_on",
    "refuse_gaps_and_weights",
    "unsettled",
]

Bools = NDArray[np.bool_]

COVARIATES = "covariates are no part of this method: it balances earlier outcomes alone"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Units that start together.

    Attributes
    ----------
    start : float
    units : (n_units,)
        Which they are.
    before : int
        How many periods lie before the start.
    """

    start: float
    units: Bools
    before: int


@dataclass(frozen=True, slots=True)
class DonorDesign:
    """Cohorts, and the units that are untreated throughout.

    Attributes
    ----------
    outcomes : (n_units, n_times)
        Without gaps.
    donors : (n_units,)
        Which units are donors.
    cohorts
        Those with enough periods before their start.
    lay, cell_cohort
        Rows of the estimate; position in `cohorts` of each cell.
    """

    panel: Panel
    outcomes: Array
    donors: Bools
    cohorts: tuple[Cohort, ...]
    lay: Averages
    cell_cohort: NDArray[np.intp]

    @property
    def mass(self) -> Array:
        """Treated units behind each cell, (m,)."""
        return np.array([self.cohorts[k].units.sum() for k in self.cell_cohort], float)

    @property
    def sizes(self) -> Array:
        """Treated units of each cohort, (c,)."""
        return np.array([cohort.units.sum() for cohort in self.cohorts], float)

    def table(self) -> pd.DataFrame:
        """Lay out the rows with the treated units that each counts."""
        sizes = self.sizes.astype(int)
        behind = self.lay.inside.astype(float) @ (self.cell_cohort[:, None] == np.arange(len(sizes))) > 0
        columns = self.lay.columns(n_treated_units=behind @ sizes, scale=self.panel.outcome.scale)
        return pd.DataFrame(columns).assign(n_obs=self.outcomes.size, n_units=self.panel.n_units)


class DonorEstimator(Estimator):
    """An estimator that weighs donors: a subclass writes `designed` and `scored`, and has `estimate` and batches."""

    solves_anew: ClassVar[bool] = True

    def designed(self, panel: Panel) -> DonorDesign:
        """Find cohorts and donors; see `donor_design` for what is refused."""
        raise NotImplementedError

    def scored(self, design: DonorDesign) -> tuple[Array, Array]:
        """Return the rows (q,), and the influence of units on them or the treated's deviations, (n_units, q)."""
        raise NotImplementedError

    def estimate_many(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes, (draws, n_units, n_times): donors and cohorts are found once."""
        if panel.layout != "panel" or not panel.is_balanced or not np.isfinite(outcomes).all():
            return super().estimate_many(panel, outcomes)
        own = self.complete(panel.with_outcome(outcomes[0]))
        return self._batch(own, panel, ((one, panel.first_treated) for one in np.asarray(outcomes, float)))

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, (draws, n_units), that hand the same starts to other units."""
        starts = np.asarray(first_treated, float)
        same = (np.sort(starts, axis=1) == np.sort(panel.first_treated)).all()
        if not same or panel.layout != "panel" or not panel.is_balanced:
            return super().estimate_assignments(panel, first_treated)
        own, outcomes = self.complete(panel.with_first_treated(starts[0])), panel.matrix()
        return self._batch(own, panel, ((outcomes, one) for one in starts))

    def _batch(self, own: Estimate, panel: Panel, draws: Iterable[tuple[Array, Array]]) -> Batch:
        """Estimate draws of outcomes (n_units, n_times) and starts (n_units,) in the rows of the first of them."""
        design, clusters = self.designed(panel), panel.clusters
        values, errors, failures = [], [], []
        lost = np.full(len(own.values), np.nan)
        for outcomes, starts in draws:
            part, drawn = _redrawn(design, outcomes, starts)
            try:
                with unsettled(panel, self.name):
                    value, influence = self.scored(drawn)
            except NotIdentified as fault:  # counted: as a loop over single estimates does
                value, error, why = lost, lost, fault.faults[0].what
            else:
                error, why = np.sqrt((cluster_sums(influence, clusters[part]) ** 2).sum(0)) / len(influence), ""
            values.append(value)
            failures.append(why)
            errors.append(error)
        return Batch(own.cells, np.array(values), np.array(errors), tuple(failures), own.influence is None)


@contextmanager
def unsettled(panel: Panel, name: str) -> Iterator[None]:
    """Refuse, in the words of a method's name, where weights of donors are not found."""
    try:
        yield
    except np.linalg.LinAlgError as why:
        what = f"{name}: {why}"
        raise NotIdentified(panel.fault(what, "another estimator, or another panel.window")) from why


def _redrawn(design: DonorDesign, outcomes: Array, starts: Array) -> tuple[Bools, DonorDesign]:
    """Return which units take part, (n_units,), and the design with other outcomes and other units at its starts."""
    free = starts > design.panel.times[-1]
    part = free | np.isin(starts, [cohort.start for cohort in design.cohorts])
    cohorts = tuple(replace(cohort, units=starts[part] == cohort.start) for cohort in design.cohorts)
    return part, replace(design, outcomes=outcomes[part], donors=free[part], cohorts=cohorts)


def donor_design(panel: Panel, name: str, *, periods: int, donors: int) -> DonorDesign:
    """Find cohorts and donors.

    Parameters
    ----------
    periods, donors
        Fewest periods before a start, and fewest donors.

    Raises
    ------
    NotIdentified
        Gaps, weights, too few donors or periods: with what to declare instead.
    """
    refuse_gaps_and_weights(panel, name)
    free = panel.first_treated > panel.times[-1]
    if free.sum() < donors:
        what = f"{name}: {int(free.sum())} units are untreated throughout, and at least {donors} are needed as donors"
        raise NotIdentified(panel.fault(what, "widen the comparison group"))
    within = panel.cohorts[(panel.cohorts > panel.times[0]) & (panel.cohorts <= panel.times[-1])]
    every = [Cohort(one, panel.first_treated == one, int((panel.times < one).sum())) for one in within]
    kept = tuple(cohort for cohort in every if cohort.before >= periods)
    if not kept:
        what = f"{name}: no cohort has {periods} periods before its start, the fewest that weights can be found from"
        raise NotIdentified(panel.fault(what, "widen panel.window"))
    panel = _without(panel, free | np.logical_or.reduce([cohort.units for cohort in kept]), periods)
    return _laid_out(panel, tuple(cohort.start for cohort in kept))


def refuse_gaps_and_weights(panel: Panel, name: str) -> None:
    """Refuse panels with gaps, cross-sections, and units that weigh differently, in the words of a method's name."""
    if panel.layout != "panel" or not panel.is_balanced:
        raise NotIdentified(
            panel.fault(f"{name}: units lack periods, and it compares whole paths", "narrow panel.window")
        )
    if len(np.unique(panel.weights)) > 1 or not (panel.matrix("weight") == panel.weights[:, None]).all():
        what = f"{name}: units weigh differently, which the method does not know"
        raise NotIdentified(panel.fault(what, "leave out panel.weight, and weights of a comparison group"))


def _without(panel: Panel, part: Bools, periods: int) -> Panel:
    """Leave out units of cohorts that start too early, and say so."""
    if part.all():
        return panel
    return panel.keep(panel.units[part], "estimate", f"fewer than {periods} periods before the start")


def _laid_out(panel: Panel, starts: tuple[float, ...]) -> DonorDesign:
    times = panel.times
    cohorts = tuple(Cohort(one, panel.first_treated == one, int((times < one).sum())) for one in starts)
    cell = [(k, time) for k, cohort in enumerate(cohorts) for time in times[cohort.before :]]
    group = np.array([k for k, _ in cell], np.intp)
    lay = averages(np.array(starts)[group], np.array([time for _, time in cell]))
    return DonorDesign(panel, panel.matrix(), panel.first_treated > times[-1], cohorts, lay, group)


def notes_on(panel: Panel, alone: Array) -> tuple[str, ...]:
    """Say what of a panel the method does not use, and name cohorts of one unit (starts, any)."""
    names = [panel.periods.name(one) for one in alone]
    return (
        *([COVARIATES] if panel.covariates else []), *without_strata(panel),
        *([f"cohorts of one unit: {listed(names)}"] if names else []),
    )  # fmt: skip
