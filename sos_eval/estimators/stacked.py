"""Weighted stacked differences in differences (Wing, Freedman and Hollingsworth 2024)."""

from __future__ import annotations

from dataclasses import dataclass
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
        design = self._design(panel, *_pairs(rows))
        plan = self._plan(panel, rows, design, None)
        values, score = plan.scored(rows.outcome[None])
        influence = score[0] * rows.panel.n_influence
        influence[:, plan.no_error] = np.nan
        unused = (*([NO_COVARIATES] if panel.covariates else []), *without_strata(panel))
        notes = (*rows.notes, OVERALL, design.window, *filter(None, [design.note]), *unused)
        return Estimate(plan.cells, values[0], influence, rows.panel, notes=notes, told=_cut(rows.panel, design))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes; a loop where the panel itself is refused, in the words of a single fit."""
        loop = self.unplanned(panel, choice)
        try:
            if not self._has_pattern(panel):
                rows = complete_rows(panel, ())
                return self._plan(panel, rows, self._design(panel, *_pairs(rows)), choice)
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
        design = self._design(estimate.panel, *_pairs(complete_rows(estimate.panel, ())))
        after = design.events[design.events >= 0]
        return np.column_stack([np.repeat(design.cohorts, len(after)), np.add.outer(design.cohorts, after).ravel()])

    def _has_pattern(self, panel: Panel) -> bool:
        return self.errors == "within" and not panel.stratified and has_cohort_form(panel, ())

    def _design(self, panel: Panel, start: Array, time: Array) -> SubExperiments:
        """Choose the cohorts that are seen in the whole window, and have somebody to be compared with in all of it.

        Parameters
        ----------
        start, time : (s,)
            Starts and periods that have rows, as pairs.
        """
        times, starts = np.unique(time), np.unique(start)
        treated = starts[(starts > times[0]) & (starts <= times[-1])]
        if not len(treated):
            raise NotIdentified(
                panel.fault(f"{self.name}: no unit starts within the periods observed, with one before")
            )
        first, last = self.window or (times[0] - treated.min(), times[-1] - treated.max())
        events = np.arange(first, last + 1)
        whole = np.array([np.isin(one + events, time[start == one]).all() for one in treated])
        clean = np.array([np.isin(one + events, time[start > one + last]).all() for one in treated])
        kept = treated[whole & clean]
        if not len(kept):
            raise NotIdentified(panel.fault(*self._why_none(
                panel, treated, whole, (first, last), later=bool(starts.max() > treated.min())
            )))  # fmt: skip
        note = "; ".join(filter(None, [
            _left(panel, treated[~whole], f"not seen in all of {first:g} to {last:g}"),
            _left(panel, treated[whole & ~clean], f"nobody untreated through event time {last:g}"),
        ]))  # fmt: skip
        return SubExperiments(kept, events, _contrast(events), note)

    def _why_none(
        self, panel: Panel, treated: Array, whole: NDArray[np.bool_], window: tuple[float, float], *, later: bool
    ) -> tuple[str, str]:
        """Say why no cohort is left, and what to write instead; `later`: whether anyone starts later than another."""
        named = listed([panel.periods.name(one) for one in treated])
        if whole.any():
            what = f"nobody is untreated through event time {window[1]:g} of any cohort that starts in {named}"
            shorter = window[1] > 0 and later
            kept = "keep units that start later or never"
            return f"{self.name}: {what}", f"write a window that ends earlier, or {kept}" if shorter else kept
        what = f"no cohort is seen in all of event times {window[0]:g} to {window[1]:g}: {named}"
        return f"{self.name}: {what}", "write a narrower window"

    def _plan(self, panel: Panel, rows: Rows, design: SubExperiments, choice: RowChoice | None) -> StackedPlan:
        """Plan for a panel's outcomes."""
        start, time = rows.frame["first_treated"].to_numpy(float), rows.frame["time"].to_numpy(float)
        sides, mass = _sides(design, start, time, rows.weights)
        unit, mix = rows.effects.unit, design.mix(mass)
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
        design = self._design(panel, *(grid.ravel() for grid in np.meshgrid(starts, times)))
        sizes = [int((adoption == one).sum()) for one in design.cohorts]
        behind = [sum(sizes) * bool((one != 0).any()) for one in design.contrast.T]
        return StackedPattern(_table(panel, design, behind), groups, times, design)


def _pairs(rows: Rows) -> tuple[Array, Array]:
    """Return the starts and periods that have rows."""
    pairs = np.unique(rows.frame[["first_treated", "time"]].to_numpy(float), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _contrast(events: Array) -> Array:
    """Return event times less the reference, and the mean of those from 0 on, (e, q)."""
    each = np.eye(len(events)) - (events == -1)[:, None]
    return np.column_stack([each, each[:, events >= 0].mean(1)])


def _sides(design: SubExperiments, start: Array, time: Array, weights: Array) -> tuple[Array, Array]:
    """Return the weight of each row in the means of both sides of each cell, (2, n, m), and treated weights (m,).

    At an event time a sub-experiment's comparison rows count together as much as its treated rows (the paper's
    corrective weights).
    """
    sides = np.zeros((2, len(start), len(design.cohorts) * len(design.events)))
    for k, cohort in enumerate(design.cohorts):
        for e, event in enumerate(design.events):
            now, cell = time == cohort + event, k * len(design.events) + e
            sides[0, :, cell] = weights * (now & (start == cohort))
            sides[1, :, cell] = weights * (now & design.clean(start, k))
    mass = sides.sum(1)
    return sides / mass[:, None], mass[0]


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
