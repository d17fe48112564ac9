"""Two-way fixed effects: one coefficient on being treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from sos_eval.errors import NotIdentified
from sos_eval.estimators._regression import (
    Rows,
    fit_linear,
    independent,
    linear_estimate,
    regression_rows,
)
from sos_eval.estimators._two_way import TwoWayRegression
from sos_eval.estimators.fast.regression import RegressionPattern, group_starts
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, cells
from sos_eval.results.method import register

__all__ = ["TWFE"]


@register("twfe")
@dataclass(frozen=True)
class TWFE(TwoWayRegression):
    """Two-way fixed effects: outcome on treatment, unit and time effects."""

    covariates: tuple[str, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    label: ClassVar[str] = "two-way fixed effects"
    reference: ClassVar[str] = "Goodman-Bacon (2021); weights of de Chaisemartin and D'Haultfoeuille (2020)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_switching: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the one coefficient, as ``overall``."""
        rows = regression_rows(panel, self._names(panel))
        treated, contrast, table = self._design(rows)
        fit = fit_linear(rows, treated, contrast)
        return linear_estimate(rows, fit, table, _negative_weights(rows, fit.x[:, 0]))

    def _design(self, rows: Rows) -> tuple[Array, Array, pd.DataFrame]:
        """Return the treatment (n, 1), the one coefficient as it is, and its table."""
        self._refuse_collinear(rows)
        return rows.treated[:, None], np.ones((1, 1)), self._table(rows.panel, rows.n_treated_units)

    def _refuse_collinear(self, rows: Rows) -> None:
        if not independent(rows, np.column_stack([rows.covariates, rows.treated]))[-1]:
            what = f"{self.name}: treatment is a combination of unit effects, time effects and covariates"
            raise NotIdentified(rows.panel.fault(what))

    def _table(self, panel: Panel, n_treated: int) -> pd.DataFrame:
        return cells(estimand="att", scale=panel.outcome.scale, n_treated_units=n_treated)

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> RegressionPattern:
        """Plan the regression for an adoption."""
        groups = group_starts(starts, panel.times)
        treated = (panel.times >= groups[:, None]).astype(float)
        if not treated.any() or len(groups) < 2:
            raise NotIdentified(panel.fault(f"{self.name}: treatment does not differ between units"))
        n = int((adoption > panel.times[0]).sum())
        n_treated = int(((adoption > panel.times[0]) & (adoption <= panel.times[-1])).sum())
        table = self._table(panel, n_treated).assign(n_obs=n * panel.n_times, n_units=n)
        return RegressionPattern(
            table, groups, panel.times[-1], treated[:, :, None], np.ones((1, 1)), np.zeros(1, bool)
        )


def _negative_weights(rows: Rows, residual: Array) -> tuple[str, ...]:
    """Say how much of the coefficient rests on negative weights.

    The coefficient averages the effects of treated rows with weights ``w_i D~_i / sum w D~`` over them (de
    Chaisemartin and D'Haultfoeuille 2020, theorem 1), D~ being treatment with the effects taken out.
    """
    treated = rows.treated > 0
    weight = (rows.weights * residual)[treated]
    share = weight / weight.sum()
    starts = rows.panel.frame["first_treated"].to_numpy(float)[rows.used[treated]]
    negative = share < -1e-12
    if not negative.any():
        if len(np.unique(starts)) < 2:
            return ()
        return ("staggered adoption: no treated unit-period has a negative weight in this coefficient",)
    return (
        f"staggered adoption: {negative.mean():.1%} of treated unit-periods carry negative weights that sum to "
        f"{share[negative].sum():.3f}; where effects differ the coefficient need not be an average of them",
    )
