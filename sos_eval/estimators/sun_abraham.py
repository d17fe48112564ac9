"""Interaction-weighted event study (Sun and Abraham 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sos_eval.estimators._cohorts import CohortCells, CohortRegression, cohort_cells
from sos_eval.estimators._regression import Rows
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["SunAbraham"]

SHARES = "averages weigh cohorts by their rows, and take these shares as fixed"


@register("sun_abraham")
@dataclass(frozen=True)
class SunAbraham(CohortRegression):
    """Interaction-weighted event study: a coefficient per cohort and period, averaged by the cohorts' shares."""

    reference_time: float = -1
    """Event time that each cohort's others are compared with; the last one observed before it where it is not."""
    covariates: tuple[Column, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    label: ClassVar[str] = "Sun and Abraham"
    reference: ClassVar[str] = "Sun and Abraham (2021)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True
    compares_with_last: ClassVar[bool] = True
    remedy: ClassVar[str] = "leave out a covariate, or widen panel.window"

    def __post_init__(self) -> None:
        if not self.reference_time < 0:
            raise ValueError(f"reference_time: {self.reference_time:g} is no event time before the start; write -1")

    def cells_of(self, panel: Panel, start: Array, time: Array) -> CohortCells:
        """Lay out every cohort in every period but its reference."""
        return cohort_cells(panel, start, time, self.reference_time, self.name)

    def remarks(self, rows: Rows, fit: LinearFit) -> tuple[str, ...]:
        """Say what is averaged how."""
        return (SHARES, *super().remarks(rows, fit))
