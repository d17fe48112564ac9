"""Two-way fixed effects: one coefficient on being treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sos_eval.estimators._regression import Rows
from sos_eval.estimators._two_way import Statement, TwoWayRegression
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.panel import Array, Panel
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

    def state(self, panel: Panel, start: Array, time: Array, treated: Array) -> Statement:
        """State the one regressor, treatment, and its coefficient as ``overall``."""
        return Statement(
            terms=treated[..., None], contrast=np.ones((1, 1)), counted=(treated > 0)[..., None],
            cells={"estimand": "att"}, shared=np.zeros((1, 1), bool),
        )  # fmt: skip

    def remarks(self, rows: Rows, fit: LinearFit) -> tuple[str, ...]:
        """Say how much of the coefficient rests on negative weights."""
        return _negative_weights(rows, fit.x[:, 0])

    def why_absorbed(self, rows: Rows) -> str:
        """Say so of treatment."""
        return "treatment is a combination of unit effects, time effects and covariates"


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
