"""Group-time average effects (Callaway and Sant'Anna 2021)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from sos_eval.estimators._adjusted import TRIM, TwoByTwoEstimator, refuse_idle
from sos_eval.estimators._cells import BasePeriod, CellPlan, Control, plan_cells
from sos_eval.estimators.fast.effects import Nuisance
from sos_eval.numerics.two_by_two import Adjust
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import EventTimes
from sos_eval.results.estimate import Estimate
from sos_eval.results.method import register

__all__ = ["CallawaySantAnna"]


#: Where an option on levels has nothing to do.
CHANGES = "levels_error has no effect here: units are compared by their changes, not by levels"


@register("callaway_santanna")
@dataclass(frozen=True)
class CallawaySantAnna(TwoByTwoEstimator):
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
    covariates: tuple[Column, ...] | None = None
    """Covariates to adjust for; those of the panel unless named here."""
    trim: Annotated[float, Gt(0), Le(1)] = TRIM
    """Comparison units with a propensity at or above it are left out of ipw and dr (as DRDID does), and named."""
    gaps: Literal["levels"] | None = None
    """levels: where units lack periods, levels of all rows, as did; unless given, changes of units seen in both."""
    levels_error: Literal["drdid", "exact"] = "drdid"
    """Error of the dr family on levels (cross-sections, gaps): as DRDID has it, or exact (docs/methods.md)."""

    balance_e: Annotated[float, Ge(0)] | None = None
    """Event-time averages of the same cohorts throughout: those seen so many periods after their start, up to there."""
    window: tuple[float, float] | None = None
    """First and last event time that is averaged and shown; unless given, all."""

    label: ClassVar[str] = "Callaway and Sant'Anna"
    reference: ClassVar[str] = "Callaway and Sant'Anna (2021)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True
    compares_with_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        refuse_idle(self.adjust, self.trim, self.covariates)
        if self.window and self.window[0] > self.window[1]:
            first, last = self.window
            raise ValueError(f"window: {first:g} to {last:g} ends before it begins; write [{last:g}, {first:g}]")
        if self.adjust == "none" and self.levels_error != "drdid":
            raise ValueError("levels_error: without adjust there is one error; leave it out, or write adjust: dr")

    @property
    def event_times(self) -> EventTimes:
        """Which cells averages by event time are made of."""
        first, last = self.window or (-np.inf, np.inf)
        return EventTimes(self.balance_e, first, last)

    def over_event_times(self, first: float, last: float) -> CallawaySantAnna:
        """Return the method with its event study averaged from one event time to another, within its own window."""
        begins, ends = self.window or (-np.inf, np.inf)
        return replace(self, window=(max(first, begins), min(last, ends)))

    def pre_base(self, estimate: Estimate, rows: NDArray[np.intp], zero: NDArray[np.bool_]) -> Array:
        """Say which event time each cell before the start is compared with: the period before where it varies."""
        if self.base_period == "universal":
            return super().pre_base(estimate, rows, zero)
        gaps = _gaps_before(estimate)
        event = estimate.cells["event_time"].to_numpy(float)[rows]
        return np.asarray(event - np.array([gaps.get(e, np.nan) for e in event]))

    def on_one_base(self) -> CallawaySantAnna:
        """Compare everything with the last period before the start."""
        return replace(self, base_period="universal")

    def _adjust_note(self, names: tuple[str, ...]) -> tuple[str, ...]:
        notes = super()._adjust_note(names)
        if self.anticipation < 2 or self.base_period == "universal":
            return notes
        return (
            *notes,
            f"anticipation of {self.anticipation:g} periods: cells within it keep the last base before it, as in the "
            "paper; did and diff-diff compare them with the period before (docs/methods.md)",
        )

    def _data_notes(self, panel: Panel, names: tuple[str, ...]) -> tuple[str, ...]:
        unused = self.levels_error != "drdid" and self._takes_pairs(panel)
        return (*super()._data_notes(panel, names), *([CHANGES] if unused else []))

    @property
    def nuisance(self) -> Nuisance:
        """How a comparison is adjusted."""
        return Nuisance(self.adjust, self.trim, self.levels_error == "drdid")

    @property
    def compares_levels(self) -> bool:
        """Whether a panel with gaps is compared by levels."""
        return self.gaps == "levels"

    def cell_plan(self, starts: Array, times: Array) -> CellPlan | str:
        """Lay out every cohort and period, or say why nothing can be compared."""
        return plan_cells(
            starts, times, control=self.control, base_period=self.base_period, anticipation=self.anticipation
        )


def _gaps_before(estimate: Estimate) -> dict[float, float]:
    """Return the time since the period before, by event time: averaged over cohorts by their treated units."""
    table = estimate.cells[estimate.cells["aggregation"] == "group_time"]
    times, time = estimate.panel.times, table["time"].to_numpy(float)
    gap = time - times[np.maximum(np.searchsorted(times, time) - 1, 0)]
    event, codes = np.unique(table["event_time"].to_numpy(float), return_inverse=True)
    treated = table["n_treated_units"].to_numpy(float)
    means = np.bincount(codes, gap * treated) / np.bincount(codes, treated)
    return dict(zip(event.tolist(), means.tolist(), strict=True))
