"""Estimators that state their cells as comparisons of two groups in two periods, adjusted for covariates or not."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._cells import CellPlan, instead_of, taking_part, without_transition
from sos_eval.estimators._involved import in_some_cell, involved
from sos_eval.estimators._regression import SINGLE, missing_note
from sos_eval.estimators.fast.adjusted import Shares, assigned, plan_adjusted
from sos_eval.estimators.fast.assignments import Part, batch_assignments, by_pattern
from sos_eval.estimators.fast.cells import GroupTimePattern, group_time_columns, group_time_pattern
from sos_eval.estimators.fast.cohort_means import cohort_effects
from sos_eval.estimators.fast.effects import Changes, Levels, Nuisance, cell_counts, cell_effects
from sos_eval.estimators.fast.groups import Grouped, batch_groups, has_own_clusters
from sos_eval.estimators.fast.outcomes import plan_outcomes
from sos_eval.panel.columns import covariate_columns
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Columns, Compiled, Estimate, Planned, RowChoice
from sos_eval.results.estimator import PlannedEstimator

__all__ = ["TwoByTwoEstimator", "baseline_covariates", "finished"]

Codes = NDArray[np.intp]

PAIRS = "the panel has gaps: each cell compares the changes of the units that are seen in both of its periods"
GAPS = (
    "the panel has gaps and gaps: levels is declared: each cell compares the levels of all rows in its two periods, as "
    "of cross-sections, and so of different units where a row is missing"
)
#: Propensity from which comparison units are left out unless another is declared.
TRIM = 0.995
DRDID_ERROR = "error of {} on levels as the reference package computes it; `levels_error: exact` gives the derivative"
ALONE = "one treated unit in the cohort: the error holds the comparison units' variation only"
LONELY = "one comparison unit: the error holds the treated units' variation only"


class TwoByTwoEstimator(PlannedEstimator):
    """An estimator of cells, each a comparison of two groups in two periods.

    A subclass states `cell_plan`, and `nuisance` where it adjusts for covariates; estimates, batches of outcomes and
    batches of adoptions it has for free.
    """

    anticipation: float = 0
    covariates: tuple[Column, ...] | None = None

    @property
    def nuisance(self) -> Nuisance:
        """How a comparison is adjusted: not at all, unless the method says otherwise."""
        return Nuisance("none", 1.0)

    @property
    def compares_levels(self) -> bool:
        """Whether a panel with gaps is compared by levels, as cross-sections are, and not by changes."""
        return False

    def cell_plan(self, starts: Array, times: Array) -> CellPlan | str:
        """Lay out the cells of starts (k,) over periods (t,), or say why there are none."""
        raise NotImplementedError

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every cohort's effect in every period that can be compared."""
        names = self._names(panel)
        panel, notes = _with_complete_rows(panel, names)
        kept, plan = self._taking_part(panel)
        notes = (*notes, *([plan.note] if plan.note else []), *self._adjust_note(names))
        if names or kept.layout != "panel" or not kept.is_balanced:
            return self._cell_by_cell(kept, names, plan, notes)
        codes = plan.codes(kept.first_treated)
        table = group_time_columns(plan, codes, kept.outcome.scale)
        values, influence = cohort_effects(plan, codes, kept.weights, kept.matrix())
        return finished(kept, plan, table, values, influence, notes)

    def _taking_part(self, panel: Panel) -> tuple[Panel, CellPlan]:
        """Lay out the cells, and leave out units that are in none: the cells are those of the others alone."""
        plan = self._laid_out(panel)
        kept = in_some_cell(taking_part(panel, plan, self.anticipation), plan, pairs=self._takes_pairs(panel))
        return (panel, plan) if kept.n_units == panel.n_units else self._taking_part(kept)

    def _takes_pairs(self, panel: Panel) -> bool:
        """Whether cells compare units seen in both periods."""
        return panel.layout == "panel" and (panel.is_balanced or not self.compares_levels)

    def _cell_by_cell(self, panel: Panel, names: tuple[str, ...], plan: CellPlan, notes: tuple[str, ...]) -> Estimate:
        """Estimate with covariates, of cross-sections, or on a panel with gaps."""
        data, codes = self._compared(panel, names), plan.codes(panel.first_treated)
        place = panel.unit_codes if isinstance(data, Levels) and panel.layout == "panel" else None
        effects = cell_effects(data, plan, codes[None], self._adjusted_for(names), place)
        if isinstance(data, Changes) and not data.gaps:
            table = group_time_columns(plan, codes, panel.outcome.scale)
        else:
            n_obs, n_units, n_treated = cell_counts(data, plan, codes)
            table = plan.columns(n_obs, n_units, n_treated, panel.outcome.scale)
        values, reasons = effects.values[0, :, 0], effects.reasons[0]
        table["reason"] = np.where(reasons == "", table["reason"], reasons)
        influence = effects.score[0, :, :, 0] * panel.n_influence
        influence[:, np.isnan(values)] = np.nan
        notes = (*notes, *self._data_notes(panel, names), *_trim_note(panel, data, effects.trimmed[0], self.nuisance))
        return finished(panel, plan, table, values, influence, notes, pairs=isinstance(data, Changes))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes; a loop where units are not seen throughout."""
        names, loop = self._names(panel), self.unplanned(panel, choice)
        complete, _ = _with_complete_rows(panel, names)
        if panel.layout != "panel" or not panel.is_balanced or complete is not panel:
            return loop
        pattern = self._pattern(panel, panel.first_treated, np.unique(panel.first_treated))
        alone = pattern.plan.n_treated(panel.first_treated) == 1
        if not names:
            return Planned(plan_outcomes(panel, pattern, choice, no_errors=alone), loop)
        x = baseline_covariates(panel, names)
        return Planned(plan_adjusted(panel, pattern, x, self._adjusted_for(names), choice, no_errors=alone), loop)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, (draws, n_units), those with the same cells together."""
        first_treated, names = np.asarray(first_treated, float), self._names(panel)
        complete, _ = _with_complete_rows(panel, names)
        if not names and complete is panel and panel.layout == "panel" and panel.is_balanced:
            return batch_assignments(panel, first_treated, partial(self._pattern, panel), self.complete)
        place = pd.Index(panel.units).get_indexer(pd.Index(complete.units))

        def estimated(adoption: Array, _: Array) -> Part:
            first = _with_complete_rows(panel.with_first_treated(adoption[0]), names)[0]
            return self._assigned(first, names, adoption[:, place])

        alike = self._alike(complete, first_treated[:, place])
        return by_pattern(panel, first_treated, estimated, self.complete, alike)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own; all at once without covariates."""
        plain = not self._names(panel) and panel.layout == "panel" and not panel.transition_dropped
        weighed = bool((panel.weights > 0).all())
        if not (plain and weighed and panel.is_balanced and has_own_clusters(panel)) or panel.late_starts:
            return super().estimate_groups(panel, first_treated, weights, cells)
        return batch_groups(Grouped(panel, first_treated, weights, cells), partial(self._pattern, panel), self.complete)

    def _assigned(self, panel: Panel, names: tuple[str, ...], first_treated: Array) -> Part:
        """Estimate draws, (r, n_units), that have the cells of the panel's own adoption."""
        plan = self._laid_out(panel)
        pattern = self._patterned(plan, plan.codes(panel.first_treated), panel)
        data, shares = self._compared(panel, names, anyone=_gappy(panel, plan)), _shares(panel)
        who = involved(panel, plan, pairs=isinstance(data, Changes))
        place = shares.place[data.unit] if panel.layout == "panel" or _nested(panel) else panel.clusters
        return assigned(data, shares, place, pattern, first_treated, self._adjusted_for(names), who)

    def _alike(self, panel: Panel, first_treated: Array) -> NDArray[np.bool_]:
        """Say what the cells of each draw depend on, (r, any): starts, rows left out, whether units with gaps count."""
        starts = np.unique(first_treated)
        members = [first_treated == start for start in starts]
        keys = [member.any(1)[:, None] for member in members]
        if panel.transition_dropped:
            seen = np.zeros((panel.n_units, panel.n_times))
            seen[panel.unit_codes, panel.time_codes] = 1
            keys += [
                (member @ seen > 0) & (panel.times >= start) for member, start in zip(members, starts, strict=True)
            ]
        if panel.layout == "panel" and self.compares_levels:
            gaps = np.bincount(panel.unit_codes, minlength=panel.n_units) < panel.n_times
            keys.append(((first_treated - self.anticipation > panel.times[0]) & gaps).any(1)[:, None])
        return np.concatenate(keys, 1)

    # -- what a panel gives ------------------------------------------------------------------------------------------

    def _names(self, panel: Panel) -> tuple[str, ...]:
        """Return the covariates that enter; with strata, to which of them a unit belongs."""
        strata = ("stratum",) if panel.stratified else ()
        if self.nuisance.adjust == "none":
            return strata
        return (*(panel.covariates if self.covariates is None else self.covariates), *strata)

    def _adjusted_for(self, names: tuple[str, ...]) -> Nuisance:
        """Return how comparisons are adjusted: by means alone where there is nothing, by strata's means with strata."""
        if not names:
            return replace(self.nuisance, adjust="none")
        return replace(self.nuisance, adjust="reg") if self.nuisance.adjust == "none" else self.nuisance

    def _compared(self, panel: Panel, names: tuple[str, ...], *, anyone: bool | None = None) -> Changes | Levels:
        """Return what cells compare; `anyone` says whether a unit with gaps takes part, where the panel does not."""
        gaps = not panel.is_balanced if anyone is None else anyone
        if panel.layout == "panel" and not (gaps and self.compares_levels):
            x = baseline_covariates(panel, names)
            return Changes(panel.matrix()[:, :, None], x, panel.weights, gaps=gaps)
        frame = panel.frame
        columns, _ = covariate_columns(frame, names)
        return Levels(
            frame["outcome"].to_numpy(float)[:, None], np.column_stack([np.ones(len(frame)), columns]),
            frame["weight"].to_numpy(float), panel.unit_codes, panel.time_codes,
        )  # fmt: skip

    def _adjust_note(self, names: tuple[str, ...]) -> tuple[str, ...]:
        adjust = self.nuisance.adjust
        lacking = adjust != "none" and not names
        return (f"adjust: {adjust} has no covariates to adjust for: the estimate is unadjusted",) if lacking else ()

    def _data_notes(self, panel: Panel, names: tuple[str, ...]) -> tuple[str, ...]:
        """Say how rows are compared."""
        if panel.layout == "panel" and panel.is_balanced:
            return ()
        if panel.layout == "panel" and not self.compares_levels:
            return (PAIRS,)
        notes = (GAPS,) if panel.layout == "panel" else ()
        adjust = self.nuisance.adjust
        return (
            (*notes, DRDID_ERROR.format(adjust)) if names and adjust[:2] == "dr" and self.nuisance.as_drdid else notes
        )

    # -- which cells -------------------------------------------------------------------------------------------------

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> GroupTimePattern:
        """Plan cells and aggregations for an adoption of a balanced panel."""
        plan = self._plan(panel, starts)
        return self._patterned(plan, plan.codes(adoption), panel)

    def _patterned(self, plan: CellPlan, codes: Codes, panel: Panel) -> GroupTimePattern:
        return group_time_pattern(plan, codes, panel.outcome.scale, self.event_times)

    def _laid_out(self, panel: Panel) -> CellPlan:
        """Lay out the cells of a panel's own adoption."""
        return without_transition(panel, self._plan(panel, np.unique(panel.first_treated)))

    def _plan(self, panel: Panel, starts: Array) -> CellPlan:
        """Lay out the cells, or say why there are none."""
        self._refuse_responding(panel)
        plan = self.cell_plan(starts, panel.times)
        if isinstance(plan, str):
            raise NotIdentified(panel.fault(f"{self.name}: {plan}", instead_of(plan)))
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
            named = " and ".join(key for key in ("balance_e", "window") if getattr(self, key, None) is not None)
            what = f"{self.name}: {named} leave{'' if ' and ' in named else 's'} no event time from the start on"
            raise NotIdentified(panel.fault(what, f"the cohorts are seen up to {longest:g} periods after their start"))


def finished(
    panel: Panel, plan: CellPlan, table: Columns, values: Array, influence: Array, notes: tuple[str, ...],
    *, pairs: bool = True,
) -> Estimate:  # fmt: skip
    """Put the estimate together and say what its errors leave out."""
    influence[:, plan.is_base] = np.nan
    if plan.n_treated(panel.first_treated) == 1:
        influence[:] = np.nan
        reasons = np.where(np.isnan(values) & (table["reason"] != ""), table["reason"], SINGLE)
    else:
        reasons, more = _one_sided(table)
        notes = (*notes, *more)
    weights = panel.weights if panel.layout == "panel" else panel.frame["weight"].to_numpy(float)
    members = involved(panel, plan, pairs=pairs).weighing(plan.codes(panel.first_treated), plan.positions)
    members = members if panel.layout == "panel" else members[panel.unit_codes]
    shares = members * (weights / weights.mean())[:, None]
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


def _with_complete_rows(panel: Panel, names: tuple[str, ...]) -> tuple[Panel, tuple[str, ...]]:
    """Leave out rows without outcome, covariate or weight, and say whose they are."""
    complete = panel.frame["weight"].to_numpy(float) > 0
    for name in ("outcome", *names):
        complete &= panel.frame[name].notna().to_numpy()
    if complete.all():
        return panel, ()
    kept = replace(panel, frame=panel.frame[complete].reset_index(drop=True))
    return kept, missing_note(panel, complete)


def baseline_covariates(panel: Panel, names: tuple[str, ...]) -> Array:
    """Return the covariates with a constant by unit and time, (n, t, 1 + p); one period where they do not vary."""
    columns, _ = covariate_columns(panel.frame, names)
    x = np.ones((panel.n_units, panel.n_times, 1 + columns.shape[1]))
    x[panel.unit_codes, panel.time_codes, 1:] = columns
    return x[:, :1] if (x == x[:, :1]).all() else x


def _gappy(panel: Panel, plan: CellPlan) -> bool:
    """Whether a unit with gaps takes part; always True of cross-sections."""
    lacking = np.bincount(panel.unit_codes, minlength=panel.n_units) < panel.n_times
    return panel.layout != "panel" or bool((plan.codes(panel.first_treated)[lacking] >= 0).any())


def _nested(panel: Panel) -> bool:
    """Whether each unit's rows are of one cluster (cross-sections)."""
    return len(np.unique(np.column_stack([panel.unit_codes, panel.clusters]), axis=0)) == panel.n_units


def _shares(panel: Panel) -> Shares:
    """Return what cohorts' shares are estimated from, and which clusters it belongs to."""
    if panel.layout == "panel":
        alone = len(np.unique(panel.clusters)) == panel.n_units
        place = np.arange(panel.n_units) if alone else panel.clusters
        return Shares(panel.weights, np.arange(panel.n_units), place)
    weights = panel.frame["weight"].to_numpy(float)
    if not _nested(panel):
        return Shares(weights, panel.unit_codes, panel.clusters)
    of_unit = np.zeros(panel.n_units, int)
    of_unit[panel.unit_codes] = panel.clusters
    return Shares(
        np.bincount(panel.unit_codes, weights, panel.n_units).astype(float), np.arange(panel.n_units), of_unit
    )


def _trim_note(panel: Panel, data: Changes | Levels, trimmed: NDArray[np.bool_], nuisance: Nuisance) -> tuple[str, ...]:
    """Say which comparison units were left out for their propensity; people are counted, never named."""
    if not trimmed.any():
        return ()
    units = listed(list(panel.units[np.unique(data.unit[trimmed])]))
    who = units if panel.layout == "panel" else f"{int(trimmed.sum())} rows"
    return (f"propensity of {nuisance.trim:g} or more: left out of the comparison in some cell: {who}",)


def refuse_idle(adjust: str, trim: float, covariates: tuple[str, ...] | None) -> None:
    """Refuse covariates that are named and a trim that is set where nothing is adjusted for.

    Raises
    ------
    ValueError
        With what to write instead.
    """
    if adjust == "none" and covariates:
        raise ValueError("covariates: without adjust none is adjusted for; leave them out, or write adjust: dr")
    if adjust == "none" and trim != TRIM:
        raise ValueError("trim: without adjust no propensity is estimated; leave it out, or write adjust: dr")
