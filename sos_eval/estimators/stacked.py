"""Weighted stacked differences in differences (Wing, Freedman and Hollingsworth 2024)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._regression import SINGLE, Rows, complete_rows
from sos_eval.estimators.event_study_twfe import REFERENCE_REASON
from sos_eval.estimators.fast.assignments import batch_assignments
from sos_eval.estimators.fast.groups import Grouped, batch_groups, has_own_clusters
from sos_eval.estimators.fast.outcomes import plan_outcomes
from sos_eval.estimators.fast.regression import has_cohort_form, is_single
from sos_eval.estimators.fast.stacked import StackedPattern, StackedPlan, SubExperiments
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, Planned, RowChoice, cells
from sos_eval.results.estimator import PlannedEstimator
from sos_eval.results.method import register
from sos_eval.results.strata import without_strata

__all__ = ["Stacked"]

OVERALL = "overall: the mean of event times from 0 on, each over the same cohorts"
NO_COVARIATES = "covariates are no part of this method"


@register("stacked")
@dataclass(frozen=True)
class Stacked(PlannedEstimator):
    """Stacked difference-in-differences: a sub-experiment per cohort, weighted so that all compare alike."""

    window: tuple[int, int] | None = None
    """First and last event time of every sub-experiment; unless given, the widest that every cohort is seen in."""

    errors: Literal["within", "pooled"] = "within"
    """Deviations from the means of each sub-experiment, or from those of the whole stack at an event time, as the
    authors' regression has them: those hold what cohorts' calendar years differ by."""

    seen: Literal["whole_window", "any"] = "whole_window"
    """Units that take part in a sub-experiment: those seen in all of its periods, each with the mean of its weights
    there, or, as the authors' functions have it, every row by its own weight: with gaps or weights that vary in time
    means then move by who is seen."""

    label: ClassVar[str] = "weighted stacked"
    reference: ClassVar[str] = "Wing, Freedman and Hollingsworth (2024)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1, "untreated_units": 0}
    takes_unbalanced: ClassVar[bool] = True
    takes_dropped: ClassVar[bool | None] = False
    compares_with_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        first, last = self.window or (-1, 0)
        if not (first <= -1 and last >= 0):
            raise ValueError(f"window: {first:g} to {last:g} lacks -1, the reference, or 0, the start; write -3 to 2")

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the difference at every event time, and the mean of those from 0 on."""
        rows = complete_rows(panel, ())
        design = self._design(panel, *_seen(rows))
        plan = self._plan(panel, rows, design, None)
        values, score = plan.scored(rows.outcome[None])
        influence = score[0] * rows.panel.n_influence
        influence[:, plan.no_error] = np.nan
        unused = (*([NO_COVARIATES] if panel.covariates else []), *without_strata(panel))
        gaps = _gaps(rows, design) if self.seen == "whole_window" else ""
        notes = (*rows.notes, OVERALL, design.window, *filter(None, [design.note, gaps]), *unused)
        return Estimate(plan.cells, values[0], influence, rows.panel, notes=notes, told=_cut(rows.panel, design))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes; a loop where the panel itself is refused, in the words of a single fit."""
        loop = self.unplanned(panel, choice)
        try:
            if not self._has_pattern(panel):
                rows = complete_rows(panel, ())
                return self._plan(panel, rows, self._design(panel, *_seen(rows)), choice)
            pattern = self._pattern(panel, panel.first_treated, np.unique(panel.first_treated))
        except NotIdentified:
            return loop
        alone = is_single(panel.first_treated, panel.times)
        return Planned(plan_outcomes(panel, pattern, choice, no_errors=alone), loop)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions: at once where sums by cohort are enough, else one after another."""
        if not self._has_pattern(panel):
            return super().estimate_assignments(panel, first_treated)
        return batch_assignments(panel, np.asarray(first_treated, float), partial(self._pattern, panel), self.complete)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own."""
        if not self._has_pattern(panel) or not has_own_clusters(panel):
            return super().estimate_groups(panel, first_treated, weights, cells)
        return batch_groups(Grouped(panel, first_treated, weights, cells), partial(self._pattern, panel), self.complete)

    def averaged_cells(self, estimate: Estimate) -> Array:
        """Return cohort and period of the effects that the overall one averages: within the window, of cohorts kept."""
        design = self._design(estimate.panel, *_seen(complete_rows(estimate.panel, ())))
        after = design.events[design.events >= 0]
        return np.column_stack([np.repeat(design.cohorts, len(after)), np.add.outer(design.cohorts, after).ravel()])

    def held_to(self, panel: Panel) -> Stacked:
        """Return the method with the window that it finds."""
        if self.window is not None:
            return self
        events = self._design(panel, *_seen(complete_rows(panel, ()))).events
        return replace(self, window=(int(events[0]), int(events[-1])))

    def _has_pattern(self, panel: Panel) -> bool:
        return self.errors == "within" and not panel.stratified and has_cohort_form(panel, ())

    def _design(self, panel: Panel, unit: NDArray[np.intp], start: Array, time: Array) -> SubExperiments:
        """Choose the cohorts of which a unit is seen in the whole window, and one to be compared with in all of it.

        Parameters
        ----------
        unit, start, time : (s,)
            Units that have rows, their starts, and the periods of these rows.
        """
        times, starts = np.unique(time), np.unique(start)
        treated = starts[(starts > times[0]) & (starts <= times[-1])]
        if not len(treated):
            raise NotIdentified(
                panel.fault(f"{self.name}: no unit starts within the periods observed, with one before")
            )
        first, last = self.window or (times[0] - treated.min(), times[-1] - treated.max())
        events = np.arange(first, last + 1)
        units = unit if self.seen == "whole_window" else np.zeros(len(unit), np.intp)  # all count as one
        sides = [[(one, start == one) for one in treated], [(one, start > one + last) for one in treated]]
        whole, clean = (
            np.array([_in_all(units[who], time[who], one + events).any() for one, who in side]) for side in sides
        )
        kept = treated[whole & clean]
        if not len(kept):
            nearest = np.array([-1.0, 0.0])
            raise NotIdentified(panel.fault(*self._why_none(
                panel, treated, whole, (first, last), later=bool(starts.max() > treated.min()),
                near=any(_in_all(units[who], time[who], one + nearest).any() for one, who in sides[0]),
            )))  # fmt: skip
        note = "; ".join(filter(None, [
            _left(panel, treated[~whole], f"not seen in all of {first:g} to {last:g}"),
            _left(panel, treated[whole & ~clean], f"nobody untreated through event time {last:g}"),
        ]))  # fmt: skip
        return SubExperiments(kept, events, _contrast(events), note)

    def _why_none(
        self, panel: Panel, treated: Array, whole: NDArray[np.bool_], window: tuple[float, float], *, later: bool,
        near: bool,
    ) -> tuple[str, str]:  # fmt: skip
        """Say why no cohort is left, and what to write instead.

        Parameters
        ----------
        later, near
            Whether anyone starts later than another; whether anyone is seen in the two periods around its start.
        """
        named = listed([panel.periods.name(one) for one in treated])
        if whole.any():
            what = f"nobody is untreated through event time {window[1]:g} of any cohort that starts in {named}"
            shorter = window[1] > 0 and later
            kept = "keep units that start later or never"
            return f"{self.name}: {what}", f"write a window that ends earlier, or {kept}" if shorter else kept
        what = f"no cohort is seen in all of event times {window[0]:g} to {window[1]:g}: {named}"
        narrower = "write a narrower window" if near else "choose another estimator: nobody is seen around its start"
        return f"{self.name}: {what}", narrower

    def _plan(self, panel: Panel, rows: Rows, design: SubExperiments, choice: RowChoice | None) -> StackedPlan:
        """Plan for a panel's outcomes."""
        start, time = rows.frame["first_treated"].to_numpy(float), rows.frame["time"].to_numpy(float)
        unit = rows.effects.unit
        sides, mass = _sides(design, unit if self.seen == "whole_window" else None, start, time, rows.weights)
        mix = design.mix(mass)
        sides, mix = (sides, mix) if self.errors == "within" else (sides @ mix, np.eye(len(design.events)))
        mix = mix @ design.contrast
        behind = [len(np.unique(unit[(sides[0] != 0) @ (one != 0)])) for one in mix.T]
        part = (sides != 0).any((0, 2))
        table = _table(panel, design, behind).assign(n_obs=int(part.sum()), n_units=len(np.unique(unit[part])))
        single = len(np.unique(unit[(sides[0] != 0).any(1)])) == 1
        table["reason"] = np.where((table["reason"] == "") & single, SINGLE, table["reason"])
        chosen = np.arange(len(table)) if choice is None else choice(table)
        place = pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units))
        times = np.searchsorted(panel.times, rows.panel.times)
        return StackedPlan(
            table.iloc[chosen].reset_index(drop=True),
            (place[rows.panel.unit_codes[rows.used]], times[rows.panel.time_codes[rows.used]]),
            np.isnan(panel.matrix()), np.flatnonzero(np.diff(unit, prepend=-1)), sides, mix[:, chosen],
            rows.panel.clusters, single | ~(design.contrast[:, chosen] != 0).any(0), self.unplanned(panel, choice),
        )  # fmt: skip

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> StackedPattern:
        """Plan for the starts of an adoption (n_units,) of a balanced panel."""
        times = panel.times
        groups = np.append(np.unique(starts[(starts > times[0]) & (starts <= times[-1])]), np.inf)
        start, time = (grid.ravel() for grid in np.meshgrid(starts, times))
        design = self._design(panel, np.tile(np.arange(len(starts)), len(times)), start, time)
        sizes = [int((adoption == one).sum()) for one in design.cohorts]
        behind = [sum(sizes) * bool((one != 0).any()) for one in design.contrast.T]
        return StackedPattern(_table(panel, design, behind), groups, times, design)


def _seen(rows: Rows) -> tuple[NDArray[np.intp], Array, Array]:
    """Return units, starts and periods of the rows."""
    start, time = (rows.frame[name].to_numpy(float) for name in ("first_treated", "time"))
    return rows.effects.unit, start, time


def _in_all(unit: NDArray[np.intp], time: Array, periods: Array) -> NDArray[np.bool_]:
    """Say of every unit whether it is seen in all of some periods, which increase."""
    within = np.isin(time, periods)
    seen = np.zeros((unit.max(initial=-1) + 1, len(periods)), bool)
    seen[unit[within], np.searchsorted(periods, time[within])] = True
    return np.asarray(seen.all(1))


def _gaps(rows: Rows, design: SubExperiments) -> str:
    """Count the units that are left out of a sub-experiment because they lack some of its periods; else empty."""
    unit, start, time = _seen(rows)
    lacking = np.zeros(unit.max() + 1, bool)
    for k, cohort in enumerate(design.cohorts):
        part = (start == cohort) | design.clean(start, k)
        lacking[unit[part & ~_in_all(unit, time, cohort + design.events)[unit]]] = True
    return f"{lacking.sum()} units lack periods of a window and take no part in it" if lacking.any() else ""


def _contrast(events: Array) -> Array:
    """Return event times less the reference, and the mean of those from 0 on, (e, q)."""
    each = np.eye(len(events)) - (events == -1)[:, None]
    return np.column_stack([each, each[:, events >= 0].mean(1)])


def _sides(
    design: SubExperiments, unit: NDArray[np.intp] | None, start: Array, time: Array, weights: Array
) -> tuple[Array, Array]:
    """Return the weight of each row in the means of both sides of each cell, (2, n, m), and treated weights (m,).

    At an event time a sub-experiment's comparison rows count together as much as its treated rows (the paper's
    corrective weights). A unit takes part where it is seen in the whole window, with the mean of its weights there:
    means of other units, or at other weights, from one event time to the next would move by who they are of. Without
    units every row takes part by its own weight.
    """
    sides = np.zeros((2, len(start), len(design.cohorts) * len(design.events)))
    for k, cohort in enumerate(design.cohorts):
        own = weights if unit is None else _by_unit(unit, time, weights, cohort + design.events)
        for e, event in enumerate(design.events):
            now, cell = time == cohort + event, k * len(design.events) + e
            sides[0, :, cell] = own * (now & (start == cohort))
            sides[1, :, cell] = own * (now & design.clean(start, k))
    mass = sides.sum(1)
    return sides / mass[:, None], mass[0]


def _by_unit(unit: NDArray[np.intp], time: Array, weights: Array, periods: Array) -> Array:
    """Return for each row the mean weight of its unit over some periods; nought where the unit lacks one of them."""
    part = np.isin(time, periods) & _in_all(unit, time, periods)[unit]
    sums = np.bincount(unit[part], weights[part], unit.max() + 1)
    return np.asarray(part * sums[unit] / len(periods))


def _table(panel: Panel, design: SubExperiments, behind: list[int]) -> pd.DataFrame:
    """Lay out the rows, with the treated units that each counts."""
    reasons = [REFERENCE_REASON if e == -1 else "" for e in design.events]
    return cells(
        aggregation=["event_time"] * len(design.events) + ["overall"], event_time=[*design.events, np.nan],
        reason=[*reasons, ""], scale=panel.outcome.scale, n_treated_units=behind,
    )  # fmt: skip


def _cut(panel: Panel, design: SubExperiments) -> tuple[str, ...]:
    """Say how many periods since the start are averaged, where some cohort is seen for longer; else nothing."""
    last = design.events[-1]
    if panel.times[-1] - design.cohorts.min() <= last:
        return ()
    periods = "period" if last == 0 else f"{last + 1:g} periods"
    return (f"the answer averages only the first {periods} from each start on ({design.window})",)


def _left(panel: Panel, cohorts: Array, why: str) -> str:
    """Name cohorts that are left out."""
    if not len(cohorts):
        return ""
    return f"units that start in {listed([panel.periods.name(one) for one in cohorts])} are left out: {why}"
