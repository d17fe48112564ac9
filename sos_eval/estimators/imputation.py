"""Imputation of the untreated outcome (Borusyak, Jaravel and Spiess 2024)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.estimators._imputed import ImputedEstimator, ImputedRows
from sos_eval.estimators._regression import independent, keep_rows
from sos_eval.estimators.fast.assignments import unit_data
from sos_eval.estimators.fast.groups import has_own_clusters
from sos_eval.estimators.fast.imputed import Centre, Leads
from sos_eval.estimators.fast.regression import RegressionPattern, plan_regression
from sos_eval.numerics.regress import scaled_inverse
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import EVERY
from sos_eval.results.estimate import Estimate, cells
from sos_eval.results.estimator import PartlyExposed
from sos_eval.results.method import register

__all__ = ["Imputation"]

NOT_TOLD_APART = "this event time cannot be told apart from unit and time effects among untreated rows"


@register("imputation")
@dataclass(frozen=True)
class Imputation(ImputedEstimator):
    """Imputation: treated outcomes less what unit effects, time effects and covariates of untreated rows predict."""

    covariates: tuple[Column, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""
    leads_tested: Annotated[int, Ge(0)] | None = None
    """Event times before the start that are compared with the earlier ones; unless given, all but the earliest."""
    leave_out: bool = False
    """Leave each cluster out of the mean that its effects are compared with in the error (the paper's refinement)."""

    label: ClassVar[str] = "imputation"
    reference: ClassVar[str] = "Borusyak, Jaravel and Spiess (2024)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    partly_exposed: ClassVar[PartlyExposed] = "whole"
    takes_covariates: ClassVar[bool] = True
    by_cell: ClassVar[bool] = True

    def averaged(self, event: Array) -> NDArray[np.bool_]:
        """Average treated rows."""
        return np.asarray(event >= 0)

    def centre(self, design: ImputedRows) -> Centre:
        """Measure effects from their cell's mean, each row weighing by how far its cluster moves the cell."""
        inside = design.cell >= 0
        cluster = design.rows.panel.clusters[design.rows.effects.unit[inside]]
        cell, share = design.cell[inside], design.share[inside]
        place = np.unique(np.column_stack([cell, cluster]), axis=0, return_inverse=True)[1].ravel()
        together = np.bincount(place, share)[place]
        total = np.bincount(cell, together * share, len(design.cohort))[cell]
        weight, factor = np.zeros(len(design.cell)), np.ones(len(design.cell))
        weight[inside] = together * share / total
        if self.leave_out:
            rest = np.where(np.isclose(total, together**2, rtol=1e-12), 0.0, total - together**2)
            with np.errstate(divide="ignore"):
                factor[inside] = total / rest
        return Centre(weight, factor)

    def unit_left_out(self, panel: Panel) -> float:
        """Return the weight that all units have."""
        return float(unit_data(panel).weights[0]) if self.leave_out else 0.0

    def has_pattern(self, panel: Panel) -> bool:
        """Whether sums by cohort are enough: cells' means weigh by squared weights, and by clusters."""
        return super().has_pattern(panel) and has_own_clusters(panel) and len(np.unique(panel.weights)) == 1

    def leads(self, design: ImputedRows) -> tuple[pd.DataFrame, Leads] | None:
        """Regress untreated rows on event times before the start (the paper's test of pre-trends)."""
        event = (design.rows.frame["time"].to_numpy(float) - design.start)[~design.treated]
        tested = self._tested(np.unique(event[np.isfinite(event)]))
        if not len(tested):
            return None
        rows = keep_rows(design.rows, ~design.treated)
        each = event[:, None] == tested
        c = rows.covariates.shape[1]
        known = independent(rows, np.column_stack([rows.covariates, each.astype(float)]))[c:]
        x = rows.effects.residual(np.column_stack([each[:, known], rows.covariates]).T.astype(float)).T
        bread = scaled_inverse((x * rows.weights[:, None]).T @ x)
        direction = np.full((x.shape[1], len(tested)), np.nan)
        direction[:, known] = bread[:, : int(known.sum())]
        counts = [len(np.unique(rows.effects.unit[one])) for one in each.T]
        table = self._lead_table(tested, design.rows.panel, np.array(counts))
        table["reason"] = np.where(known, "", NOT_TOLD_APART)
        return table, Leads(rows.effects, np.flatnonzero(~design.treated), x, rows.weights, direction)

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate, and say where fewer leads can be tested than are declared."""
        found = super().estimate(panel)
        seen = int((found.cells["event_time"] < 0).sum())
        if self.leads_tested is None or self.leads_tested <= seen:
            return found
        return replace(
            found, notes=(*found.notes, f"leads_tested: {self.leads_tested} are declared, and {seen} can be")
        )

    def lead_pattern(self, panel: Panel, starts: Array, sizes: NDArray[np.intp]) -> RegressionPattern | None:
        """Return the same by cohort."""
        event = panel.times - starts[:, None]
        tested = self._tested(np.unique(event[np.isfinite(event) & (event < 0)]))
        if not len(tested):
            return None
        each = (event[..., None] == tested).astype(float)
        table = self._lead_table(tested, panel, sizes @ each.any(1))
        contrast, last = np.eye(len(tested)), panel.times[-1]
        shared = np.zeros(contrast.shape, bool)
        return plan_regression(table, starts, last, each[None], (event < 0)[None], contrast, shared, EVERY)

    def _tested(self, early: Array) -> Array:
        """Return the event times that are tested, of those seen among untreated rows."""
        before = early[1:]
        return before if self.leads_tested is None else before[max(len(before) - self.leads_tested, 0) :]

    def _lead_table(self, tested: Array, panel: Panel, counts: NDArray[np.intp]) -> pd.DataFrame:
        return cells(
            aggregation="event_time", event_time=tested, n_treated_units=counts, scale=panel.outcome.scale
        )  # fmt: skip
