"""Group-time average effects (Callaway and Sant'Anna 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._adjusted import Nuisance, baseline_covariates, by_changes, by_levels, by_pairs, complete_rows
from sos_eval.estimators._cells import BasePeriod, CellPlan, Control, plan_cells
from sos_eval.estimators._regression import SINGLE
from sos_eval.estimators.fast.adjusted import plan_adjusted
from sos_eval.estimators.fast.assignments import batch_assignments
from sos_eval.estimators.fast.cells import GroupTimePattern
from sos_eval.estimators.fast.cohort_means import contributions
from sos_eval.estimators.fast.gaps import batch_with_gaps, by_period, by_period_pair
from sos_eval.estimators.fast.outcomes import plan_outcomes
from sos_eval.numerics.two_by_two import Adjust
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan, EventTimes, plan_aggregations
from sos_eval.results.estimate import Batch, Columns, Compiled, Estimate, Planned, RowChoice, stacked
from sos_eval.results.estimator import PlannedEstimator
from sos_eval.results.method import register

__all__ = ["CallawaySantAnna"]

PAIRS = "the panel has gaps: each cell compares the changes of the units that are seen in both of its periods"
GAPS = (
    "the panel has gaps and gaps: levels is declared: each cell compares the levels of all rows in its two periods, as "
    "of cross-sections, and so of different units where a row is missing"
)
DRDID_ERROR = "error of {} on levels as the reference package computes it; `levels_error: exact` gives the derivative"
ALONE = "one treated unit in the cohort: the error holds the comparison units' variation only"
LONELY = "one comparison unit: the error holds the treated units' variation only"


@register("callaway_santanna")
@dataclass(frozen=True)
class CallawaySantAnna(PlannedEstimator):
    """Group-time average effects, averaged to event time, cohort, calendar time and overall."""

    control: Control = "never_treated"
    """Which untreated units a cell is compared with."""
    adjust: Adjust = "none"
    """Covariate adjustment: outcome regression (reg), inverse probability weighting (ipw), or doubly robust (dr).

    dr_improved: bias-reduced, with weights that balance covariate means exactly; dr_comparison: without regressions of
    the treated, for cohorts too small to have them (differs from dr on cross-sections and gaps only).
    """
    anticipation: Annotated[float, Ge(0)] = 0
    """Periods before the start in which units may already respond."""
    base_period: BasePeriod = "varying"
    """Compare earlier periods with the one before (varying), or everything with the last one before the start."""
    covariates: tuple[str, ...] | None = None
    """Covariates to adjust for; those of the panel unless named here."""
    trim: Annotated[float, Gt(0), Le(1)] = 0.995
    """Comparison units with a propensity at or above it are left out of ipw and dr (as DRDID does), and named."""
    gaps: Literal["levels"] | None = None
    """levels: where units lack periods, levels of all rows, as did; unless given, changes of units seen in both."""
    levels_error: Literal["drdid", "exact"] = "drdid"
    """Error of the dr family on levels (cross-sections, gaps): as DRDID has it, or exact (docs/methods.md)."""

    balance_e: Annotated[float, Ge(0)] | None = None
    """Event-time averages of the same cohorts throughout: those seen so many periods after their start, up to there."""
    window: tuple[float, float] | None = None
    """First and last event time that is averaged and shown; unless given, all."""

    reference: ClassVar[str] = "Callaway and Sant'Anna (2021)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    @property
    def event_times(self) -> EventTimes:
        """Which cells averages by event time are made of."""
        first, last = self.window or (-np.inf, np.inf)
        return EventTimes(self.balance_e, first, last)

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every cohort's effect in every period that can be compared."""
        names = self._names(panel)
        panel, notes = complete_rows(panel, names)
        plan = _without_transition(panel, self._plan(panel, np.unique(panel.first_treated)))
        kept = _taking_part(panel, plan, self.anticipation)
        notes = (*notes, *([plan.note] if plan.note else []), *self._adjust_note(names))
        if kept.layout == "panel" and kept.is_balanced:
            codes = plan.codes(kept.first_treated)
            counts = np.bincount(codes, minlength=len(plan.starts))
            table = _group_time_columns(plan, counts, kept.outcome.scale)
            if not names:
                values, influence = _from_cohort_means(kept, plan, codes)
                return _finished(kept, plan, table, values, influence, notes)
            x = baseline_covariates(kept, names)
            effects = by_changes(kept.matrix()[:, :, None], x, kept.weights, plan, codes, self._nuisance)
        elif kept.layout == "panel" and self.gaps is None:
            effects, table = by_pairs(kept, names, plan, self._nuisance)
            notes = (*notes, PAIRS)
        else:
            effects, table = by_levels(kept, names, plan, self._nuisance)
            notes = (*notes, GAPS) if kept.layout == "panel" else notes
            if names and self.adjust.startswith("dr") and self.levels_error == "drdid":
                notes = (*notes, DRDID_ERROR.format(self.adjust))
        table["reason"] = np.where(np.array(effects.reasons) == "", table["reason"], effects.reasons)
        influence = effects.score[:, :, 0] * kept.n_influence
        notes = (*notes, *_trim_note(kept, effects.trimmed, self.trim))
        return _finished(kept, plan, table, effects.values[:, 0], influence, notes)

    @property
    def _nuisance(self) -> Nuisance:
        return Nuisance(self.adjust, self.trim, self.levels_error == "drdid")

    def _names(self, panel: Panel) -> tuple[str, ...]:
        """Return the covariates that enter."""
        if self.adjust == "none":
            return ()
        return panel.covariates if self.covariates is None else self.covariates

    def _adjust_note(self, names: tuple[str, ...]) -> tuple[str, ...]:
        notes = []
        if self.adjust != "none" and not names:
            notes.append(f"adjust: {self.adjust} has no covariates to adjust for: the estimate is unadjusted")
        if self.anticipation >= 2 and self.base_period == "varying":
            notes.append(
                f"anticipation of {self.anticipation:g} periods: cells within it keep the last base before it, as in "
                "the paper; did and diff-diff compare them with the period before (docs/methods.md)"
            )
        return tuple(notes)

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes; a loop where units are not seen throughout."""
        names, loop = self._names(panel), self.unplanned(panel, choice)
        complete, _ = complete_rows(panel, names)
        if panel.layout != "panel" or not panel.is_balanced or complete is not panel:
            return loop
        pattern = self._pattern(panel, panel.first_treated, np.unique(panel.first_treated))
        alone = pattern.plan.n_treated(panel.first_treated) == 1
        if not names:
            return Planned(plan_outcomes(panel, pattern, choice, no_errors=alone), loop)
        x = baseline_covariates(panel, names)
        return Planned(plan_adjusted(panel, pattern, x, self._nuisance, choice, no_errors=alone), loop)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, (draws, n_units), in matrix products where no covariates enter."""
        if self._names(panel) or panel.layout != "panel" or panel.transition_dropped:
            return super().estimate_assignments(panel, first_treated)
        kept, _ = complete_rows(panel, ())
        if not kept.is_balanced:
            columned = by_period_pair if self.gaps is None else by_period
            parts = partial(self._parts, kept)
            return batch_with_gaps(panel, kept, np.asarray(first_treated, float), parts, columned, self.complete)

        if kept is not panel:
            return super().estimate_assignments(panel, first_treated)
        first_treated = np.asarray(first_treated, float)
        return batch_assignments(panel, first_treated, partial(self._pattern, panel), self.complete)

    def _parts(
        self, panel: Panel, adoption: Array, starts: Array
    ) -> tuple[CellPlan, AggregationPlan, pd.DataFrame, NDArray[np.bool_]]:
        pattern = self._pattern(panel, adoption, starts)
        return pattern.plan, pattern.aggregation, pattern.cells, pattern.no_error

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> GroupTimePattern:
        """Plan cells and aggregations for an adoption."""
        plan = self._plan(panel, starts)
        counts = np.bincount(plan.codes(adoption)[plan.codes(adoption) >= 0], minlength=len(plan.starts))
        table = _group_time_columns(plan, counts, panel.outcome.scale)
        aggregation = plan_aggregations(table, plan.cohorts, self.event_times)
        return GroupTimePattern(plan, aggregation, stacked(table, aggregation.columns))

    def _plan(self, panel: Panel, starts: Array) -> CellPlan:
        """Lay out the cells, or say why there are none."""
        self._refuse_responding(panel)
        plan = plan_cells(
            starts, panel.times, control=self.control, base_period=self.base_period, anticipation=self.anticipation
        )
        if isinstance(plan, str):
            raise NotIdentified(panel.fault(f"{self.name}: {plan}", _instead(plan)))
        self._refuse_nothing_averaged(panel, plan.starts[plan.group], plan.times[plan.time])
        return plan

    def _refuse_responding(self, panel: Panel) -> None:
        """Refuse comparison units that start after the last period and may respond within it."""
        last = panel.times[-1] + self.anticipation
        soon = [unit for unit, start in panel.late_starts.items() if start <= last]
        ahead = [str(unit) for unit in soon if unit in set(panel.units)] if soon else []
        if ahead:
            what = (
                f"{self.name}: start within the anticipation ({self.anticipation:g}) after the last period "
                f"({panel.periods.name(panel.times[-1])}), and so may respond in it: {listed(ahead)}"
            )
            raise NotIdentified(panel.fault(what, "leave them out with panel.exclude, or end panel.window earlier"))

    def _refuse_nothing_averaged(self, panel: Panel, group: Array, time: Array) -> None:
        """Refuse options that leave no event time from the start on."""
        post = time >= group
        if post.any() and not (self.event_times.inside(group, time) & post).any():
            longest = (time - group).max()
            what = f"{self.name}: balance_e and window leave no event time from the start on"
            raise NotIdentified(panel.fault(what, f"the cohorts are seen up to {longest:g} periods after their start"))


def _instead(why: str) -> str:
    """Say what to write where nothing can be compared."""
    if "untreated throughout" in why:
        return "write control: not_yet_treated"
    return "widen panel.window, or choose other comparison units"


def _without_transition(panel: Panel, plan: CellPlan) -> CellPlan:
    """Leave out cells of a cohort in periods that its declared transition leaves no row of."""
    if not panel.transition_dropped:
        return plan
    seen = set(zip(panel.frame["first_treated"].to_numpy(float), panel.frame["time"].to_numpy(float), strict=True))
    cohort, time = plan.starts[plan.group], plan.times[plan.time]
    dropped = np.array([t >= g and (g, t) not in seen for g, t in zip(cohort, time, strict=True)])
    if not dropped.any():
        return plan
    named = listed([f"{t:g} (cohort {g:g})" for g, t in zip(cohort[dropped], time[dropped], strict=True)])
    note = f"no effects and no averages over periods of transition: {named}"
    return plan.only(~dropped, "; ".join(filter(None, (plan.note, note))))


def _taking_part(panel: Panel, plan: CellPlan, anticipation: float) -> Panel:
    """Leave out units that have no period before their start."""
    early = plan.codes(panel.first_treated) < 0
    if not early.any():
        return panel
    ahead = f" (anticipation {anticipation:g})" if anticipation else ""
    return panel.keep(panel.units[~early], "estimate", f"no period observed before the start{ahead}")


def _group_time_columns(plan: CellPlan, counts: NDArray[np.intp], scale: str) -> Columns:
    """Lay out the cells with their counts of units, from those of each start, (m rows)."""
    treated = counts[plan.group]
    both = treated + plan.control @ counts
    return plan.columns(2 * both, both, treated, scale)


def _from_cohort_means(panel: Panel, plan: CellPlan, codes: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return values (m,) and influence (n, m) of the cells, without covariates."""
    weights = panel.weights
    outcome = panel.matrix()[:, : len(plan.times)]
    outcome = outcome - outcome.mean(1, keepdims=True)
    weighted = outcome * weights[:, None]
    k = len(plan.starts)
    sums = np.array([weighted[codes == one].sum(0) for one in range(k)])
    parts = contributions(plan, np.bincount(codes, weights, k).astype(float), sums, None)
    influence = np.empty((panel.n_units, len(plan.group)))
    for one in range(k):
        inside = codes == one
        influence[inside] = outcome[inside] @ parts.slope[one] + parts.constant[one]
    influence *= (weights * panel.n_units)[:, None]
    return parts.values, influence


def _finished(
    panel: Panel, plan: CellPlan, table: Columns, values: Array, influence: Array, notes: tuple[str, ...]
) -> Estimate:
    """Put the estimate together and say what its errors leave out."""
    influence[:, plan.is_base] = np.nan
    if plan.n_treated(panel.first_treated) == 1:
        influence[:] = np.nan
        reasons = np.where(np.isnan(values) & (table["reason"] != ""), table["reason"], SINGLE)
    else:
        reasons, more = _one_sided(table)
        notes = (*notes, *more)
    weights = panel.weights if panel.layout == "panel" else panel.frame["weight"].to_numpy(float)
    starts = panel.first_treated if panel.layout == "panel" else panel.frame["first_treated"].to_numpy(float)
    shares = (plan.codes(starts)[:, None] == plan.positions) * (weights / weights.mean())[:, None]
    table["reason"] = reasons
    return Estimate(pd.DataFrame(table), values, influence, panel, shares=shares, notes=notes)


def _one_sided(table: Columns) -> tuple[NDArray[np.object_], list[str]]:
    """Return the cells' reasons, with those of cells that have one unit on a side, and notes that say so."""
    silent = table["reason"] == ""
    alone = silent & (table["n_treated_units"] == 1)
    lonely = silent & ~alone & (table["n_units"] - table["n_treated_units"] == 1)
    notes = []
    if alone.any():
        cohorts = [f"{g:g}" for g in np.unique(table["cohort"][alone])]
        notes.append(f"cohorts of one unit: {listed(cohorts)}; {ALONE}")
    if lonely.any():
        notes.append(f"{int(lonely.sum())} of {len(alone)} cells: {LONELY}")
    return np.where(alone, ALONE, np.where(lonely, LONELY, table["reason"])), notes


def _trim_note(panel: Panel, trimmed: NDArray[np.bool_], limit: float) -> tuple[str, ...]:
    """Say which comparison units were left out for their propensity; people are counted, never named."""
    if not trimmed.any():
        return ()
    who = listed(list(panel.units[trimmed])) if panel.layout == "panel" else f"{int(trimmed.sum())} rows"
    return (f"propensity of {limit:g} or more: left out of the comparison in some cell: {who}",)
