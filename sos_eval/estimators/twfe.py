"""Two-way fixed effects: one coefficient on being treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from sos_eval.errors import NotIdentified
from sos_eval.estimators._regression import Rows, time_varying
from sos_eval.estimators._two_way import Statement, TwoWayRegression
from sos_eval.estimators.fast.groups import Grouped, has_own_clusters
from sos_eval.estimators.fast.regression import has_unit_form
from sos_eval.estimators.fast.within_strata import batch_within_strata
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice
from sos_eval.results.estimator import PartlyExposed
from sos_eval.results.method import register

__all__ = ["TWFE"]


@register("twfe")
@dataclass(frozen=True)
class TWFE(TwoWayRegression):
    """Two-way fixed effects: outcome on treatment, unit and time effects."""

    covariates: tuple[Column, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""
    by: Literal["period"] | None = None
    """`period`: covariates that do not change over time enter with a coefficient of their own in every period."""

    label: ClassVar[str] = "two-way fixed effects"
    reference: ClassVar[str] = "Goodman-Bacon (2021); weights of de Chaisemartin and D'Haultfoeuille (2020)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    partly_exposed: ClassVar[PartlyExposed] = "weighed"
    takes_switching: ClassVar[bool] = True
    mixes: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.by is not None and not self.covariates:
            raise ValueError("by: period goes with covariates: name those that enter by period")

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate treatment's coefficient."""
        return super().estimate(self._by_period(panel))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes."""
        return super().compile(self._by_period(panel), choice)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions."""
        return super().estimate_assignments(self._by_period(panel), first_treated)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own."""
        made = self._by_period(panel)
        unit_form = made.stratified and has_unit_form(made, time_varying(made, self._names(made)))
        if not unit_form or not has_own_clusters(made) or len(cells) != 1:
            return super().estimate_groups(made, first_treated, weights, cells)
        return batch_within_strata(Grouped(made, first_treated, weights, cells), self.complete)

    def _by_period(self, panel: Panel) -> Panel:
        """Add each covariate times each period but the first, where covariates enter by period."""
        names = [name for name, _, _ in self._products(panel)]
        if self.by is None or set(names) <= set(panel.frame):
            return panel
        self._refuse_unknown(panel)
        self._refuse_varying(panel)
        time = panel.frame["time"].to_numpy(float)
        return panel.with_columns(
            **{name: panel.frame[own].to_numpy(float) * (time == at) for name, own, at in self._products(panel)}
        )

    def _products(self, panel: Panel) -> list[tuple[str, str, float]]:
        """List the regressors by period: their name, their covariate and their period."""
        own = self.covariates or ()
        return [
            (f"{name} in {panel.periods.name(time)}", name, float(time)) for name in own for time in panel.times[1:]
        ]

    def _names(self, panel: Panel) -> tuple[str, ...]:
        return super()._names(panel) if self.by is None else tuple(name for name, _, _ in self._products(panel))

    def _refuse_varying(self, panel: Panel) -> None:
        """Refuse covariates that change over time: after a start they may have changed with it."""
        for name in time_varying(panel, self.covariates or ()):
            what = f"twfe: {name} changes over time, and by: period is for covariates that do not"
            raise NotIdentified(panel.fault(what, "leave by out, or name one that is constant within units"))

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
