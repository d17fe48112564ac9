"""Group-time average effects (Callaway and Sant'Anna 2021)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._batch import batch_assignments, batch_outcomes, unit_data
from sos_eval.estimators._cells import BASE_REASON, BasePeriod, CellPlan, Control, plan_cells
from sos_eval.estimators._cohort_means import Contributions, contributions
from sos_eval.estimators._regression import SINGLE
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan, plan_aggregations
from sos_eval.results.estimate import Batch, Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["CallawaySantAnna"]

ALONE = "one treated unit in the cohort: the error holds the comparison units' variation only"


@register("callaway_santanna")
@dataclass(frozen=True)
class CallawaySantAnna(Estimator):
    """Group-time average effects, averaged to event time, cohort, calendar time and overall."""

    control: Control = "never_treated"
    """Which untreated units a cell is compared with."""
    adjust: Literal["none", "reg", "ipw", "dr"] = "none"
    """Covariate adjustment: outcome regression, inverse probability weighting, or doubly robust."""
    anticipation: Annotated[float, Ge(0)] = 0
    """Periods before the start in which units may already respond."""
    base_period: BasePeriod = "varying"
    """Compare earlier periods with the one before (varying), or everything with the last one before the start."""
    covariates: tuple[str, ...] | None = None
    """Covariates to adjust for; those of the panel unless named here."""

    reference: ClassVar[str] = "Callaway and Sant'Anna (2021)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1, "untreated_units": 1}

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every cohort's effect in every period that can be compared."""
        if self.adjust != "none" or not panel.is_balanced:
            what = "adjustment for covariates" if self.adjust != "none" else "an unbalanced panel"
            raise NotIdentified(panel.fault(f"{self.name}: {what} is not in this version"))
        plan = self._plan(panel, np.unique(panel.first_treated))
        kept = _taking_part(panel, plan, self.anticipation)
        codes = plan.codes(kept.first_treated)
        counts = np.bincount(codes, minlength=len(plan.starts))
        values, influence = _from_cohort_means(kept, plan, codes)
        table = group_time_cells(plan, counts, kept.outcome.scale)
        return _with_reasons(table, values, influence, kept, plan, codes)

    def estimate_many(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes, (draws, n_units, n_times), in matrix products where no covariates enter."""
        if self.adjust != "none" or not panel.is_balanced or np.isnan(outcomes).any():
            return super().estimate_many(panel, outcomes)
        pattern = self._pattern(panel, panel.first_treated, np.unique(panel.first_treated))
        batch = batch_outcomes(
            outcomes[:, :, : len(pattern.plan.times)], unit_data(panel), panel.first_treated, pattern
        )
        if (np.isfinite(panel.first_treated) & (pattern.codes(panel.first_treated) >= 0)).sum() == 1:
            return replace(batch, std_error=np.full_like(batch.values, np.nan))
        return batch

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, (draws, n_units), in matrix products where no covariates enter."""
        if self.adjust != "none" or not panel.is_balanced:
            return super().estimate_assignments(panel, first_treated)

        def plan(adoption: Array, starts: Array) -> GroupTimePattern:
            return self._pattern(panel, adoption, starts)

        return batch_assignments(panel.matrix(), unit_data(panel), first_treated, plan)

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> GroupTimePattern:
        """Plan cells and aggregations for an adoption."""
        plan = self._plan(panel, starts)
        counts = np.bincount(plan.codes(adoption)[plan.codes(adoption) >= 0], minlength=len(plan.starts))
        table = group_time_cells(plan, counts, panel.outcome.scale)
        aggregation = plan_aggregations(table, plan.cohorts)
        return GroupTimePattern(plan, aggregation, pd.concat([table, aggregation.cells], ignore_index=True))

    def _plan(self, panel: Panel, starts: Array) -> CellPlan:
        """Lay out the cells, or say why there are none."""
        plan = plan_cells(
            starts, panel.times, control=self.control, base_period=self.base_period, anticipation=self.anticipation
        )
        if isinstance(plan, str):
            raise NotIdentified(panel.fault(f"{self.name}: {plan}", _instead(plan)))
        return plan


@dataclass(frozen=True, slots=True)
class GroupTimePattern:
    """Cells and aggregations planned for one set of starts (see `Pattern`)."""

    plan: CellPlan
    aggregation: AggregationPlan
    cells: pd.DataFrame

    @property
    def n_cohorts(self) -> int:
        """How many groups of units."""
        return len(self.plan.starts)

    @property
    def no_error(self) -> NDArray[np.bool_]:
        """Rows that hold base periods alone."""
        base = self.plan.is_base
        uses = (self.aggregation.members.sum(1) > 0) & ~base
        return np.append(base, (self.aggregation.means @ uses).sum(1) == 0)

    def codes(self, first_treated: Array) -> NDArray[np.intp]:
        """Return each unit's group; -1 for units that take no part."""
        return self.plan.codes(first_treated)

    def contributions(self, weight: Array, sums: Array) -> Contributions:
        """Compute cells and aggregates from sums by group."""
        return contributions(self.plan, weight, sums[..., : len(self.plan.times)], self.aggregation)


def _instead(why: str) -> str:
    """Say what to write where nothing can be compared."""
    if "untreated throughout" in why:
        return "write control: not_yet_treated"
    return "widen panel.window, or choose other comparison units"


def _taking_part(panel: Panel, plan: CellPlan, anticipation: float) -> Panel:
    """Leave out units that have no period before their start."""
    early = plan.codes(panel.first_treated) < 0
    if not early.any():
        return panel
    ahead = f" (anticipation {anticipation:g})" if anticipation else ""
    return panel.keep(panel.units[~early], "estimate", f"no period observed before the start{ahead}")


def group_time_cells(plan: CellPlan, counts: NDArray[np.intp], scale: str) -> pd.DataFrame:
    """Lay out the table of cells with their counts of units, (m rows)."""
    treated = counts[plan.group]
    both = treated + plan.control @ counts
    group, time = plan.starts[plan.group], plan.times[plan.time]
    return cells(
        aggregation="group_time", cohort=group, time=time, event_time=time - group, scale=scale,
        n_obs=2 * both, n_units=both, n_treated_units=treated, reason=np.where(plan.is_base, BASE_REASON, ""),
    )  # fmt: skip


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
    return parts.values, influence * (weights * panel.n_units)[:, None]


def _with_reasons(
    table: pd.DataFrame, values: Array, influence: Array, panel: Panel, plan: CellPlan, codes: NDArray[np.intp]
) -> Estimate:
    """Put the estimate together and say what its errors leave out."""
    notes = [plan.note] if plan.note else []
    influence[:, plan.is_base] = np.nan
    n_treated = np.bincount(codes, minlength=len(plan.starts))[plan.positions]
    if n_treated.sum() == 1:
        influence[:] = np.nan
        table["reason"] = SINGLE
    elif (n_treated == 1).any():
        alone = (table["n_treated_units"] == 1) & (table["reason"] == "")
        table.loc[alone, "reason"] = ALONE
        notes.append(f"cohorts of one unit: {listed([f'{g:g}' for g in plan.cohorts[n_treated == 1]])}; {ALONE}")
    shares = (codes[:, None] == plan.positions) * (panel.weights / panel.weights.mean())[:, None]
    return Estimate(table, values, influence, panel, shares=shares, notes=tuple(notes))
