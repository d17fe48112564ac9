"""Two-way fixed effects: one coefficient on being treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sos_eval.errors import NotIdentified
from sos_eval.estimators._regression import Rows, fit_linear, independent, linear_estimate, regression_rows
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["TWFE"]


@register("twfe")
@dataclass(frozen=True)
class TWFE(Estimator):
    """Two-way fixed effects: outcome on treatment, unit and time effects."""

    covariates: tuple[str, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    reference: ClassVar[str] = "Goodman-Bacon (2021); weights of de Chaisemartin and D'Haultfoeuille (2020)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_switching: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the one coefficient, as ``overall``."""
        names = panel.covariates if self.covariates is None else self.covariates
        rows = regression_rows(panel, names)
        if not independent(rows, np.column_stack([rows.covariates, rows.treated]))[-1]:
            raise NotIdentified(
                panel.fault(f"{self.name}: treatment is a combination of unit effects, time effects and covariates")
            )
        fit = fit_linear(rows, rows.treated[:, None], np.ones((1, 1)))
        table = cells(estimand="att", scale=panel.outcome.scale, n_treated_units=rows.n_treated_units)
        return linear_estimate(rows, fit, table, _negative_weights(rows, fit.x[:, 0]))


def _negative_weights(rows: Rows, residual: np.ndarray) -> tuple[str, ...]:
    """Say how much of the coefficient rests on negative weights.

    The coefficient averages the effects of treated rows with weights ``w_i D~_i / sum w D~`` over them (de
    Chaisemartin and D'Haultfoeuille 2020, theorem 1), D~ being treatment with the effects taken out.
    """
    treated = rows.treated > 0
    weight = (rows.weights * residual)[treated]
    share = weight / weight.sum()
    starts = rows.frame["first_treated"].to_numpy(float)[treated]
    negative = share < -1e-12
    if not negative.any():
        if len(np.unique(starts)) < 2:
            return ()
        return ("staggered adoption: no treated unit-period has a negative weight in this coefficient",)
    return (
        f"staggered adoption: {negative.mean():.1%} of treated unit-periods carry negative weights that sum to "
        f"{share[negative].sum():.3f}; where effects differ the coefficient need not be an average of them",
    )
