"""Estimators that fit the untreated rows, and average what other rows differ from that fit by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._adjusted import ALONE
from sos_eval.estimators._averages import Averages, averages
from sos_eval.estimators._regression import SINGLE, Rows, complete_rows, time_varying, without
from sos_eval.estimators.fast.assignments import batch_assignments
from sos_eval.estimators.fast.groups import Grouped, batch_groups, has_own_clusters
from sos_eval.estimators.fast.imputed import Centre, ImputedPlan, Leads
from sos_eval.estimators.fast.imputed_pattern import ImputedPattern, within_periods
from sos_eval.estimators.fast.outcomes import OutcomePlan, plan_outcomes
from sos_eval.estimators.fast.regression import RegressionPattern, has_cohort_form, is_single
from sos_eval.numerics.untreated import UntreatedFit, fit_untreated
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, Planned, RowChoice
from sos_eval.results.estimator import PlannedEstimator

__all__ = ["ImputedEstimator", "ImputedRows"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]

NOBODY = "no unit is treated in a period in which another is untreated"
PARTLY = "some periods count as partly exposed: their effects are those of the exposure that they had"
LEFT_OUT = "one treated cluster in a cell: nothing is left to compare its effect with"
INSTEAD = "widen panel.window, or keep units that are never treated or start later"


@dataclass(frozen=True, slots=True)
class ImputedRows:
    """The rows of a panel, the fit of its untreated ones, and the cells that are averaged.

    Attributes
    ----------
    treated : (n,)
        Rows from their unit's start on.
    cohort, time : (m,)
        The cells.
    cell : (n,)
        Cell of each row; -1 where it is of none.
    notes
        What was left out.
    """

    rows: Rows
    treated: Bools
    fit: UntreatedFit
    cohort: Array
    time: Array
    cell: Codes
    notes: tuple[str, ...]

    @property
    def start(self) -> Array:
        """First treated period of each row's unit, (n,); ``inf`` where it lies after the last one observed."""
        return _starts(self.rows)

    @property
    def share(self) -> Array:
        """Each row's weight in its cell's mean, (n,); zero outside cells."""
        inside = self.cell >= 0
        return np.where(inside, self.rows.weights / self.mass[self.cell], 0.0)

    @property
    def mass(self) -> Array:
        """Weight of the rows of each cell, (m,)."""
        inside = self.cell >= 0
        return np.bincount(self.cell[inside], self.rows.weights[inside], len(self.cohort)).astype(float)

    def units_behind(self, inside: Bools) -> Codes:
        """Count the units with a row in the cells of each average (q, m), (q,)."""
        used = self.cell >= 0
        has = np.zeros((self.rows.effects.shape[0], len(self.cohort)))
        has[self.rows.effects.unit[used], self.cell[used]] = 1
        return np.asarray((has @ inside.T > 0).sum(0), np.intp)


class ImputedEstimator(PlannedEstimator):
    """An estimator that takes from outcomes what the untreated rows say they would be, and averages what is left.

    A subclass says which event times it averages and how errors are made; batches it has for free.
    """

    covariates: tuple[str, ...] | None

    by_cell: ClassVar[bool]
    """Whether errors measure deviations from their cell's mean, and not from the mean of the row's cells."""

    def averaged(self, event: Array) -> Bools:
        """Say which event times are averaged, any shape; -inf is never treated."""
        raise NotImplementedError

    def centre(self, design: ImputedRows) -> Centre:
        """Say what deviations are measured from."""
        return Centre(None, np.ones(len(design.cell)))

    def unit_left_out(self, panel: Panel) -> float:
        """Return the common weight of units where each is left out of its own cell's mean; zero where none is."""
        return 0.0

    def leads(self, design: ImputedRows) -> tuple[pd.DataFrame, Leads] | None:
        """Return further rows that are fitted among the untreated."""
        return None

    def lead_pattern(self, panel: Panel, starts: Array, sizes: Codes) -> RegressionPattern | None:
        """Return the same for the starts (k,) of a balanced panel."""
        return None

    def has_pattern(self, panel: Panel) -> bool:
        """Whether sums by cohort are enough for many adoptions of a panel."""
        return has_cohort_form(panel, time_varying(panel, self._names(panel)))

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every cell, and their averages."""
        design = self._design(panel)
        plan = self._plan(panel, design, None)
        values, score = plan.scored(design.rows.outcome[None])
        influence = score[0] * design.rows.panel.n_influence
        influence[:, plan.no_error] = np.nan
        return Estimate(plan.cells, values[0], influence, design.rows.panel, notes=design.notes)

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes; a loop where the panel itself is refused, in the words of a single fit."""
        loop = self.unplanned(panel, choice)
        try:
            plan = self._by_cohort(panel, choice) if self.has_pattern(panel) else None
            return Planned(plan, loop) if plan else self._plan(panel, self._design(panel), choice)
        except NotIdentified:
            return loop

    def _by_cohort(self, panel: Panel, choice: RowChoice | None) -> OutcomePlan | None:
        """Plan by sums over cohorts; None where one of the rows is not identified."""
        pattern = self._pattern(panel, panel.first_treated, np.unique(panel.first_treated))
        plan = plan_outcomes(panel, pattern, choice, no_errors=is_single(panel.first_treated, panel.times))
        nothing = plan.apply(np.zeros((1, panel.n_units, panel.n_times))).values
        return plan if np.isfinite(nothing).all() else None

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions: at once where sums by cohort are enough, else one after another."""
        first_treated = np.asarray(first_treated, float)
        if not self.has_pattern(panel):
            return super().estimate_assignments(panel, first_treated)
        return batch_assignments(panel, first_treated, partial(self._pattern, panel), self.complete)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own."""
        treated = np.isfinite(first_treated) & (weights > 0)
        alike = (weights[treated] == 1).all() and not self.unit_left_out(panel)
        if not self.has_pattern(panel) or not has_own_clusters(panel) or not alike:
            return super().estimate_groups(panel, first_treated, weights, cells)
        grouped = Grouped(panel, first_treated, weights, cells)
        return batch_groups(grouped, partial(self._pattern, panel), self.complete)

    def _names(self, panel: Panel) -> tuple[str, ...]:
        return panel.covariates if self.covariates is None else self.covariates

    def _design(self, panel: Panel) -> ImputedRows:
        """Choose the rows, fit the untreated ones and lay out the cells.

        Raises
        ------
        NotIdentified
            Nothing treated is within reach of the untreated rows.
        """
        rows = _with_untreated_rows(panel, self._names(panel))
        start, time = _starts(rows), rows.frame["time"].to_numpy(float)
        treated = time >= start
        if not treated.any():
            raise NotIdentified(panel.fault(f"{self.name}: no unit is treated within the periods observed", INSTEAD))
        fit = fit_untreated(rows.effects.unit, rows.effects.time, rows.weights, rows.covariates, treated)
        wanted = self.averaged(time - start)
        used = wanted & fit.within_reach
        if not (used & treated).any():
            raise NotIdentified(panel.fault(f"{self.name}: {NOBODY}", INSTEAD))
        cells, cell = np.unique(np.column_stack([start, time])[used], axis=0, return_inverse=True)
        codes = np.full(len(used), -1)
        codes[used] = cell.ravel()
        notes = (*rows.notes, *_beyond(rows, wanted & ~fit.within_reach), *([PARTLY] if panel.partly_exposed else []))
        return ImputedRows(rows, treated, fit, cells[:, 0], cells[:, 1], codes, notes)

    def _plan(self, panel: Panel, design: ImputedRows, choice: RowChoice | None) -> ImputedPlan:
        """Plan for a panel's outcomes."""
        rows, lay = design.rows, averages(design.cohort, design.time)
        table = pd.DataFrame(lay.columns(n_treated_units=design.units_behind(lay.inside), scale=panel.outcome.scale))
        leads, centre = self.leads(design), self.centre(design)
        if leads is not None:
            table = pd.concat([leads[0], table], ignore_index=True)
        table = table.assign(n_obs=len(rows.used), n_units=rows.n_units)
        n_leads = len(table) - len(lay.inside)
        table["reason"], no_error = _one_sided(design, table, lay, centre, n_leads)
        chosen = np.arange(len(table)) if choice is None else choice(table)
        some = None if leads is None else replace(leads[1], direction=leads[1].direction[:, chosen[chosen < n_leads]])
        place = pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units))
        times = np.searchsorted(panel.times, rows.panel.times)
        return ImputedPlan(
            cells=table.iloc[chosen].reset_index(drop=True),
            place=(place[rows.panel.unit_codes[rows.used]], times[rows.panel.time_codes[rows.used]]),
            missing=np.isnan(panel.matrix()), fit=design.fit, cell=design.cell, share=design.share,
            mix=lay.mix(design.mass)[:, chosen[chosen >= n_leads] - n_leads],
            centre=replace(centre, factor=np.nan_to_num(centre.factor, posinf=0.0)), leads=some,
            clusters=rows.panel.clusters, no_error=no_error[chosen], otherwise=self.unplanned(panel, choice),
        )  # fmt: skip

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> ImputedPattern:
        """Plan for the starts of an adoption (n_units,) of a balanced panel."""
        times, last = panel.times, panel.times[-1]
        cohorts = np.unique(starts[(starts > times[0]) & (starts <= last)])
        groups = np.append(cohorts, np.inf)
        untreated = times < groups[:, None]
        present = np.append(np.ones(len(cohorts)), float((starts > last).any()))
        group, time = np.nonzero(self.averaged(times - groups[:, None]) & _in_reach(untreated, present))
        if not (times[time] >= groups[group]).any():
            raise NotIdentified(panel.fault(f"{self.name}: {NOBODY}", INSTEAD))
        part = adoption[adoption > times[0]]
        sizes = np.bincount(np.searchsorted(groups, np.where(part > last, np.inf, part)), minlength=len(groups))
        lay, leads = averages(groups[group], times[time]), self.lead_pattern(panel, groups, sizes)
        table = _pattern_table(lay, sizes, group, panel)
        if leads is not None:
            table = pd.concat([leads.cells, table], ignore_index=True)
        table = table.assign(n_obs=len(part) * panel.n_times, n_units=len(part))
        return ImputedPattern(
            table, groups, last, untreated, group, time, lay, self.by_cell, self.unit_left_out(panel), leads
        )  # fmt: skip


def _pattern_table(lay: Averages, sizes: Codes, group: Codes, panel: Panel) -> pd.DataFrame:
    """Lay out the rows of a balanced panel, with the treated units that each counts."""
    behind = (lay.inside[:, :, None] & (group[:, None] == np.arange(len(sizes)))).any(1)
    return pd.DataFrame(lay.columns(n_treated_units=behind @ sizes, scale=panel.outcome.scale))


def _in_reach(untreated: Bools, present: Array) -> Bools:
    """Say in which periods a cohort's outcomes are within reach of the untreated ones, (k, t)."""
    gram = np.einsum("k,kts->ts", present, within_periods(untreated))
    mean = untreated / np.maximum(untreated.sum(1, keepdims=True), 1)
    target = np.eye(untreated.shape[1]) - mean[:, None, :]
    beyond = target - target @ gram @ np.linalg.pinv(gram, rcond=1e-11, hermitian=True)
    return np.asarray(np.linalg.norm(beyond, axis=-1) < 1e-7)


def _one_sided(
    design: ImputedRows, table: pd.DataFrame, lay: Averages, centre: Centre, n_leads: int
) -> tuple[NDArray[np.object_], Bools]:
    """Return the reasons of rows (q,) whose error is not or only half identified, and which have none."""
    reason = table["reason"].to_numpy(object).copy()
    if design.rows.n_treated_units == 1:
        return np.where(reason == "", SINGLE, reason), np.ones(len(reason), bool)
    lost = np.isin(np.arange(len(design.cohort)), design.cell[~np.isfinite(centre.factor)])
    alone = design.units_behind(np.eye(len(design.cohort), dtype=bool)) == 1
    no_error = np.concatenate([np.zeros(n_leads, bool), (lay.inside & lost).any(1)])
    half = np.concatenate([np.zeros(n_leads, bool), ~(lay.inside & ~alone).any(1)])
    reason[half & (reason == "")] = ALONE
    reason[no_error] = LEFT_OUT
    return reason, no_error


def _starts(rows: Rows) -> Array:
    start = rows.frame["first_treated"].to_numpy(float)
    return np.where(start > rows.panel.times[-1], np.inf, start)


def _with_untreated_rows(panel: Panel, names: tuple[str, ...]) -> Rows:
    """Choose complete rows of units that have an untreated one."""
    rows = complete_rows(panel, names)
    notes = rows.notes
    while True:
        untreated = rows.frame["time"].to_numpy(float) < _starts(rows)
        none = np.bincount(rows.panel.unit_codes[rows.used[untreated]], minlength=rows.panel.n_units) == 0
        if not none.any():
            return replace(rows, notes=notes)
        rows = complete_rows(without(rows.panel, none, "no untreated period observed"), names)


def _beyond(rows: Rows, gone: Bools) -> tuple[str, ...]:
    """Say which treated rows no untreated row speaks for."""
    if not gone.any():
        return ()
    periods = [rows.panel.periods.name(time) for time in np.unique(rows.frame["time"].to_numpy(float)[gone])]
    return (f"{int(gone.sum())} treated rows, of {listed(periods)}, cannot be imputed from untreated ones: left out",)
