"""Regressions on unit and time effects: a method states its design once, and every form of it is derived.

A statement is a function of starts and periods. On the rows of a panel it gives the regressors of a single fit; on one
unit a cohort it gives those of the batches, by cohort where a panel is balanced and by sums over cohorts elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified
from sos_eval.estimators._regression import (
    Rows,
    complete_rows,
    fit_linear,
    independent,
    linear_estimate,
    regression_rows,
    stacked_rows,
    still_varying,
    time_varying,
)
from sos_eval.estimators.fast.adoptions import batch_adoptions, cell_sums
from sos_eval.estimators.fast.assignments import batch_assignments
from sos_eval.estimators.fast.groups import Grouped, batch_groups, has_own_clusters
from sos_eval.estimators.fast.outcomes import plan_outcomes
from sos_eval.estimators.fast.regression import (
    RegressionPattern,
    group_starts,
    has_cohort_form,
    is_single,
    plan_regression,
    with_shared,
)
from sos_eval.estimators.fast.rows import batch_row_outcomes
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, Planned, RowChoice, Unplanned, cells, same_rows
from sos_eval.results.estimator import PlannedEstimator

__all__ = ["StatedRegression", "Statement", "TwoWayRegression"]


@dataclass(frozen=True, slots=True)
class Statement:
    """The design of a regression, said of starts and periods of any shape: rows (n,), or cohorts by period (k, t).

    Attributes
    ----------
    terms : (..., p) or (b, ..., p)
        Regressors beside unit and time effects; by copy where data are stacked.
    contrast : (m, p)
        Rows of the estimate as combinations of coefficients; a row of zeros is fixed by construction.
    counted : (..., m)
        Whether a unit-period makes its unit count among the treated units of a row.
    cells
        What the rows are called: columns of `results.estimate.cells`.
    shared : (m, p)
        Rows that average coefficients by the weight of the unit-periods behind each, in place of `contrast`.
    inside : (b, ...) or None
        Which unit-periods each copy of stacked data holds, every copy with unit and time effects of its own; None where
        the data are taken as they are.
    """

    terms: Array
    contrast: Array
    counted: NDArray[np.bool_]
    cells: Mapping[str, Any]
    shared: NDArray[np.bool_]
    inside: NDArray[np.bool_] | None = None

    @property
    def fixed(self) -> NDArray[np.bool_]:
        """Rows that are what they are by construction, (m,)."""
        return np.asarray(~(self.shared | (self.contrast != 0)).any(1))


class StatedRegression(PlannedEstimator):
    """A regression beside unit and time effects that states its design once."""

    covariates: tuple[str, ...] | None

    remedy: ClassVar[str] = ""
    """What to write instead where effects and covariates explain a regressor."""

    def state(self, panel: Panel, start: Array, time: Array, treated: Array) -> Statement:
        """State the design; arrays of one shape.

        Parameters
        ----------
        panel
            For the words of a refusal alone.
        start
            First treated period; ``inf`` where it lies after the last one observed.
        time
            Period.
        treated
            Treatment in the period: zeros and ones, or the fraction of exposure that counts.
        """
        raise NotImplementedError

    def why_absorbed(self, rows: Rows) -> str:
        """Say that effects and covariates explain a regressor."""
        return "a regressor is a combination of unit effects, time effects and covariates"

    def _stated(self, rows: Rows) -> tuple[Rows, Statement]:
        """State the design of rows (n,), stacked as it says, where effects and covariates do not explain regressors."""
        start, last = rows.frame["first_treated"].to_numpy(float), rows.panel.times[-1]
        start = np.where(start > last, np.inf, start)
        stated = self.state(rows.panel, start, rows.frame["time"].to_numpy(float), rows.treated)
        if stated.inside is not None:
            copy, place = np.nonzero(stated.inside)
            rows = still_varying(stacked_rows(rows, copy, place))
            stated = replace(stated, terms=stated.terms[copy, place], counted=stated.counted[place])
        self._refuse_absorbed(rows, stated.terms, stated.terms)
        return rows, stated

    def _refuse_absorbed(self, rows: Rows, terms: Array, effects: Array) -> None:
        """Refuse regressors (n, p), those of effects (n, k) among them, that effects and covariates explain."""
        if not independent(rows, np.column_stack([rows.covariates, terms])).all():
            why, instead = self.uncompared(rows, effects) or (self.why_absorbed(rows), self.remedy)
            raise NotIdentified(rows.panel.fault(f"{self.name}: {why}", instead))

    def uncompared(self, rows: Rows, effects: Array) -> tuple[str, str] | None:
        """Say that effects (n, k) have nobody to be compared with, and what to write instead; None: it is not that.

        Where it is not known to be that, covariates or how the method states its effects may be why.
        """
        return None

    def _names(self, panel: Panel) -> tuple[str, ...]:
        return panel.covariates if self.covariates is None else self.covariates


class TwoWayRegression(StatedRegression):
    """A linear regression on unit and time effects: a subclass writes `state`, and has every form from it."""

    def remarks(self, rows: Rows, fit: LinearFit) -> tuple[str, ...]:
        """Return sentences on a fit for the report."""
        return ()

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the rows that the statement names."""
        rows, stated = self._stated(regression_rows(panel, self._names(panel)))
        fit = fit_linear(rows, stated.terms, _row_contrast(rows, stated))
        return linear_estimate(rows, fit, self._row_table(rows, stated), self.remarks(rows, fit))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes by cohort, or by row where weights or covariates vary over time."""
        by_rows = Unplanned(panel, self._by_rows, choice)
        if panel.layout != "panel" or not has_cohort_form(panel, time_varying(panel, self._names(panel))):
            return by_rows
        try:
            pattern = self._identified(panel, panel.first_treated, np.unique(panel.first_treated))
        except NotIdentified:
            return by_rows  # refuses in the words of a single fit
        alone = is_single(panel.first_treated, panel.times)
        return Planned(plan_outcomes(panel, pattern, choice, no_errors=alone), by_rows)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions at once; one at a time where clusters cut through a unit's rows."""
        first_treated = np.asarray(first_treated, float)
        names = self._names(panel)
        if panel.layout == "panel" and has_cohort_form(panel, time_varying(panel, names)):
            return batch_assignments(panel, first_treated, partial(self._identified, panel), self.complete)
        rows = complete_rows(panel, names)
        sums = cell_sums(rows)
        if sums is None:
            return super().estimate_assignments(panel, first_treated)
        plan = partial(self._pattern, rows.panel, sums.times)
        return batch_adoptions(panel, rows, sums, first_treated, plan, self.complete)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own; all at once where cohorts suffice."""
        if not has_cohort_form(panel, time_varying(panel, self._names(panel))) or not has_own_clusters(panel):
            return super().estimate_groups(panel, first_treated, weights, cells)
        grouped = Grouped(panel, first_treated, weights, cells)
        return batch_groups(grouped, partial(self._identified, panel), self.complete)

    def _by_rows(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes on the rows that they share; one at a time where gaps differ or hide rows."""
        by_draw = self.unplanned(panel, None)
        if panel.layout != "panel" or (np.isnan(outcomes) != np.isnan(outcomes[:1])).any():
            return by_draw.apply(outcomes)
        rows, stated = self._stated(regression_rows(panel.with_outcome(outcomes[0]), self._names(panel)))
        table = self._row_table(rows, stated)
        stands = self._own_cells(panel)
        if stated.inside is not None or stands is None or not same_rows(stands, table):
            return by_draw.apply(outcomes)
        place = pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units))
        contrast = _row_contrast(rows, stated)
        return batch_row_outcomes(rows, stated.terms, contrast, table, outcomes[:, place], stated.fixed)

    def _row_table(self, rows: Rows, stated: Statement) -> pd.DataFrame:
        """Lay out the rows of an estimate with the treated units that each counts."""
        unit = rows.panel.unit_codes[rows.used]
        treated = [int(np.count_nonzero(np.bincount(unit[counted]))) for counted in stated.counted.T]
        return cells(**stated.cells, scale=rows.panel.outcome.scale, n_treated_units=treated)

    def _pattern(self, panel: Panel, times: Array, adoption: Array, starts: Array) -> RegressionPattern:
        """Plan the regression for the starts of an adoption (n_units,), in the periods (t,) that have rows."""
        groups = group_starts(starts, panel.times)
        if not np.isfinite(groups).any():
            raise NotIdentified(panel.fault(f"{self.name}: no unit is treated within the periods observed"))
        start, time = np.broadcast_arrays(groups[:, None], times)
        stated = self.state(panel, start, time, (time >= start).astype(float))
        present = np.where(adoption > panel.times[-1], np.inf, adoption)[adoption > panel.times[0]]
        sizes = np.bincount(np.searchsorted(groups, present), minlength=len(groups))
        table = cells(
            **stated.cells, scale=panel.outcome.scale, n_treated_units=sizes @ stated.counted.any(1),
            n_obs=len(present) * panel.n_times, n_units=len(present),
        )  # fmt: skip
        terms, inside = stated.terms, stated.inside
        if inside is None:
            terms, inside = terms[None], np.ones((1, *start.shape), bool)
        return plan_regression(
            table, groups, panel.times[-1], terms, inside, stated.contrast, stated.shared, self.event_times
        )

    def _identified(self, panel: Panel, adoption: Array, starts: Array) -> RegressionPattern:
        """Plan the regression of a balanced panel, where its regressors can be told apart from the effects."""
        pattern = self._pattern(panel, panel.times, adoption, starts)
        if pattern.singular:
            raise NotIdentified(panel.fault(f"{self.name}: the unit and time effects absorb a regressor"))
        return pattern


def _row_contrast(rows: Rows, stated: Statement) -> Array:
    """Return the rows of the estimate as combinations of coefficients, (m, p)."""
    return with_shared(stated.contrast, stated.shared, rows.weights @ (stated.terms != 0))
