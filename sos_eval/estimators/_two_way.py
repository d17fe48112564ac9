"""The base of two-way fixed effects regressions: many outcomes or adoptions at once, by cohort or by row."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from sos_eval.errors import NotIdentified
from sos_eval.estimators._regression import Rows, complete_rows, regression_rows, time_varying
from sos_eval.estimators.fast.assignments import batch_assignments
from sos_eval.estimators.fast.outcomes import plan_outcomes
from sos_eval.estimators.fast.regression import RegressionPattern, has_cohort_form, is_single
from sos_eval.estimators.fast.rows import batch_adoptions, batch_row_outcomes
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Planned, RowChoice, Unplanned
from sos_eval.results.estimator import PlannedEstimator
from sos_eval.terms import KEY_COLUMNS

__all__ = ["TwoWayRegression"]

_KEYS = list(KEY_COLUMNS)


class TwoWayRegression(PlannedEstimator):
    """A regression on unit and time effects: a subclass says what its regressors are, for rows and for cohorts."""

    covariates: tuple[str, ...] | None

    def _design(self, rows: Rows) -> tuple[Array, Array, pd.DataFrame]:
        """Return the regressors (n, k), the rows of the estimate as combinations of them (m, k), and their table."""
        raise NotImplementedError

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> RegressionPattern:
        """Plan the regression for an adoption."""
        raise NotImplementedError

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

    def _by_rows(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes on the rows that they share; one at a time where gaps differ or hide rows."""
        if panel.layout != "panel" or (np.isnan(outcomes) != np.isnan(outcomes[:1])).any():
            return self.unplanned(panel, None).apply(outcomes)
        rows = regression_rows(panel.with_outcome(outcomes[0]), self._names(panel))
        regressors, contrast, table = self._design(rows)
        place = pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units))
        no_error = (table["reason"] != "").to_numpy()
        own = self._own_cells(panel)
        if own is None or not own[_KEYS].equals(table[_KEYS]):
            return self.unplanned(panel, None).apply(outcomes)
        return batch_row_outcomes(rows, regressors, contrast, table, outcomes[:, place], no_error)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions at once."""
        first_treated = np.asarray(first_treated, float)
        if panel.layout != "panel":
            return super().estimate_assignments(panel, first_treated)
        if has_cohort_form(panel, time_varying(panel, self._names(panel))):
            return batch_assignments(panel, first_treated, partial(self._identified, panel), self.complete)
        rows = complete_rows(panel, self._names(panel))
        return batch_adoptions(panel, rows, first_treated, partial(self._pattern, rows.panel), self.complete)

    def _identified(self, panel: Panel, adoption: Array, starts: Array) -> RegressionPattern:
        """Plan the regression of a balanced panel, where its regressors can be told apart from the effects."""
        pattern = self._pattern(panel, adoption, starts)
        if pattern.singular:
            raise NotIdentified(panel.fault(f"{self.name}: the unit and time effects absorb a regressor"))
        return pattern

    def _names(self, panel: Panel) -> tuple[str, ...]:
        return panel.covariates if self.covariates is None else self.covariates
