"""Extended two-way fixed effects (Wooldridge 2025)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault
from sos_eval.estimators._cells import Control
from sos_eval.estimators._cohorts import CohortCells, CohortRegression, cohort_cells
from sos_eval.estimators._poisson_cohorts import by_cohort_effects, poisson_effects
from sos_eval.estimators._regression import (
    Rows,
    complete_rows,
    independent,
    regression_rows,
    time_varying,
)
from sos_eval.estimators._slopes import without_slope
from sos_eval.estimators._two_way import Statement
from sos_eval.estimators.fast.cohort_counts import (
    LEAST,
    CohortCounts,
    CohortCountsPlan,
    batch_cohort_adoptions,
    batch_cohort_groups,
    plan_cohort_counts,
)
from sos_eval.estimators.fast.counts import CountGrid, count_grid
from sos_eval.estimators.fast.groups import Grouped
from sos_eval.estimators.poisson_did import count_columns, eventful, exposure_of
from sos_eval.panel.columns import IN_PERIOD, column_labels, covariate_columns
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice, same_rows
from sos_eval.results.estimator import PlannedEstimator
from sos_eval.results.method import register

__all__ = ["ETWFE"]


@register("etwfe")
@dataclass(frozen=True)
class ETWFE(CohortRegression):
    """Extended two-way fixed effects: an effect per cohort and period, covariates with effects of their own in each."""

    control: Control = "not_yet_treated"
    """Compare with all untreated rows (not_yet_treated), or give periods before the start coefficients too, so that
    every cohort is compared with units that are never treated, since the last period before its start."""
    covariates: tuple[Column, ...] | None = None
    """Covariates, each with slopes by period, by cohort and by effect; those of the panel unless named here."""

    family: Literal["linear", "poisson"] = "linear"
    """Linear in the outcome, or Poisson in counts with an exposure offset: rate ratios, and changes of the rate."""
    effects: Literal["unit", "cohort"] = "unit"
    """Of the Poisson model: an effect for each unit, or for each cohort (the paper's pooled model)."""

    label: ClassVar[str] = "extended two-way fixed effects"
    reference: ClassVar[str] = "Wooldridge (2025)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True
    remedy: ClassVar[str] = "leave out a covariate: a cohort needs more units than covariates"

    @property
    def compares_with_last(self) -> bool:  # type: ignore[override]
        """Whether effects are changes since the last period before the start."""
        return self.control == "never_treated"

    @property
    def why_no_earlier(self) -> str:
        """With units not yet treated all earlier periods are compared with at once."""
        if self.family == "poisson":
            return super().why_no_earlier
        return f"with control: {self.control} etwfe gives no coefficient before the start; write control: never_treated"

    @property
    def weighs_exposure(self) -> bool:  # type: ignore[override]
        """Whether units count by their exposure."""
        return self.family == "poisson"

    def __post_init__(self) -> None:
        if self.family == "poisson" and self.control == "never_treated":
            raise ValueError("control: never_treated is of the linear family; leave it out")
        if self.family == "linear" and self.effects == "cohort":
            raise ValueError("effects: cohort is of the Poisson family: in a linear model both give the same effects")

    def cells_of(self, panel: Panel, start: Array, time: Array) -> CohortCells:
        """Lay out cohorts by period: treated ones, or all but the last before the start."""
        return cohort_cells(panel, start, time, None if self.control == "not_yet_treated" else -1.0, self.name)

    def uncompared(self, rows: Rows, effects: Array) -> tuple[str, str] | None:
        """Say that effects have nobody to be compared with, or that a covariate lacks values where it has slopes."""
        return super().uncompared(rows, effects) or without_slope(rows, self._own(rows.panel), effects)

    def why_absorbed(self, rows: Rows) -> str:
        """Say so of slopes."""
        return "slopes of covariates by cohort, period or effect cannot be told apart"

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        if self.family == "poisson":
            return (
                "without the intervention both groups would have changed by the same factor (parallel trends of rates)"
            )
        return super().assumes

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every effect, and averages over the treated rows."""
        panel = self._with_slopes(panel)
        if self.family == "linear":
            return super().estimate(panel)
        rows = regression_rows(eventful(panel, self.name), self._names(panel), **count_columns(panel))
        return poisson_effects(*self._stated(by_cohort_effects(rows) if self.effects == "cohort" else rows))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes; of counts one at a time where there are covariates or gaps."""
        if self.family == "poisson":
            return self._compiled_counts(panel, choice)
        return super().compile(self._with_slopes(panel), choice)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions; one at a time with covariates, whose slopes go with the cohorts."""
        first_treated = np.asarray(first_treated, float)
        counts = self._counts(panel)
        if counts is not None:
            grid, events, kept = counts
            plan = partial(self._planned, kept)
            return batch_cohort_adoptions(panel, grid, events, first_treated, plan, self.complete)
        if self._own(panel) or self.family == "poisson":
            return PlannedEstimator.estimate_assignments(self, panel, first_treated)
        return super().estimate_assignments(panel, first_treated)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own."""
        counts = self._counts(panel)
        if counts is not None:
            grid, events, kept = counts
            grouped = Grouped(panel, first_treated, weights, cells)
            return batch_cohort_groups(grouped, grid, events, partial(self._planned, kept), self.complete)
        if self._own(panel) or self.family == "poisson":
            return PlannedEstimator.estimate_groups(self, panel, first_treated, weights, cells)
        return super().estimate_groups(panel, first_treated, weights, cells)

    def _compiled_counts(self, panel: Panel, choice: RowChoice | None) -> Compiled:
        """Plan for batches of counts; one at a time where they have no batch form, or the panel itself is refused.

        Units and periods without an event in the panel's own counts may have one in a draw; but they must not decide
        which rows there are.
        """
        by_draw, counts = self.unplanned(panel, choice), self._counts(panel)
        if counts is None:
            return by_draw
        kept = counts[2]
        whole = counts if kept is panel else self._grid(panel)
        if whole is None:
            return by_draw
        try:
            own = self._planned(kept, kept.first_treated)
            pattern = own if kept is panel else self._planned(panel, panel.first_treated)
        except InputFault:
            return by_draw  # refuses in the words of a single fit
        if not same_rows(own.cells, pattern.cells):
            return by_draw
        return CohortCountsPlan(panel, whole[0], replace(pattern, cells=own.cells), self.complete, choice, by_draw)

    def _counts(self, panel: Panel) -> tuple[CountGrid, Array, Panel] | None:
        """Return the grid of counts, weighted counts on it, and the panel of units and periods with an event.

        None where counts have no batch form: of the linear model, with covariates, gaps, strata or transformed
        outcomes, or where they are refused.
        """
        if self.family == "linear" or self._own(panel) or panel.stratified or panel.layout != "panel":
            return None
        if not (panel.is_balanced and panel.absorbing) or panel.partly_exposed or panel.outcome.transform != "none":
            return None
        try:
            kept = eventful(panel, self.name)
            found = self._grid(kept)
        except InputFault:
            return None
        if found is None:
            return None
        grid = replace(found[0], units=np.flatnonzero(np.isin(panel.units, kept.units)))
        return grid, found[1], kept

    def _grid(self, panel: Panel) -> tuple[CountGrid, Array] | None:
        """Return the grid of counts, and weighted counts on it; None where a row lacks or weighs next to nothing."""
        rows = complete_rows(panel, (), **count_columns(panel))
        found = count_grid(panel, rows, exposure_of(rows))
        if found is None or found[0].at_risk.shape != (panel.n_units, panel.n_times):
            return None
        weights = found[0].weights
        return found if (found[0].at_risk > 0).all() and weights.min() >= LEAST * weights.max() else None

    def _planned(self, panel: Panel, adoption: Array) -> CohortCounts:
        return plan_cohort_counts(panel, adoption, self.state, by_cohort=self.effects == "cohort")

    def _own(self, panel: Panel) -> tuple[str, ...]:
        return panel.covariates if self.covariates is None else self.covariates

    def _names(self, panel: Panel) -> tuple[str, ...]:
        """Return the covariates that vary within units, and all of them by period where those are columns already."""
        own = self._own(panel)
        labels = {label for name in own for label in column_labels(panel.frame[name], name)}
        slopes = [
            str(name) for name in panel.frame if IN_PERIOD in str(name) and str(name).rsplit(IN_PERIOD, 1)[0] in labels
        ]
        return (*time_varying(panel, own), *slopes)

    def _with_slopes(self, panel: Panel) -> Panel:
        """Add each covariate by period: but for the first, and those in which everybody has started."""
        time, last = panel.frame["time"].to_numpy(float), panel.first_treated.max()
        x, labels = covariate_columns(panel.frame, self._own(panel))
        columns = {
            f"{label}{IN_PERIOD}{panel.periods.name(one)}": np.where(time == one, column, 0.0)
            for label, column in zip(labels, x.T, strict=True)
            for one in panel.times[1:]
            if one < last
        }
        return panel.with_columns(**columns) if columns else panel

    def _stated(self, rows: Rows) -> tuple[Rows, Statement]:
        """State the effects, and after them slopes by cohort and by effect, of covariates less their mean in its rows.

        So an effect is the mean over its own treated rows also where covariates vary in time.
        """
        rows, stated = super()._stated(rows)
        x, _ = covariate_columns(rows.frame, self._own(rows.panel))
        if not x.shape[1]:
            return rows, stated
        start = rows.frame["first_treated"].to_numpy(float)
        cohort = np.unique(start, return_inverse=True)[1]
        effects = stated.terms[:, :, None] * (x[:, None, :] - _means(x, rows.weights, stated.terms))
        rows = _with_slopes_by_cohort(rows, x, cohort)
        terms = np.concatenate([stated.terms, effects.reshape(len(x), -1)], 1)
        self._refuse_absorbed(rows, terms, stated.terms)
        more = terms.shape[1] - stated.terms.shape[1]
        none = np.zeros((len(stated.contrast), more))
        contrast, shared = np.hstack([stated.contrast, none]), np.hstack([stated.shared, none > 0])
        return rows, replace(stated, terms=terms, contrast=contrast, shared=shared)


def _means(x: Array, weights: Array, terms: Array) -> Array:
    """Return the weighted means of columns x (n, p) in the rows of each effect's term (n, k), (k, p)."""
    own = weights[:, None] * terms
    means: Array = own.T @ x / own.sum(0)[:, None]
    return means


def _with_slopes_by_cohort(rows: Rows, x: Array, cohort: NDArray[np.intp]) -> Rows:
    """Add slopes of columns x (n, p) by cohort, where they are no combination of what is there."""
    slopes = np.column_stack([x * (cohort == one)[:, None] for one in range(cohort.max() + 1)])
    kept = independent(rows, np.column_stack([rows.covariates, slopes]))[rows.covariates.shape[1] :]
    return replace(rows, covariates=np.column_stack([rows.covariates, slopes[:, kept]]))
