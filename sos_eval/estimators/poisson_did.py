"""Difference-in-differences for counts: Poisson pseudo-likelihood with an exposure offset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault, NotIdentified, listed
from sos_eval.estimators._regression import (
    SINGLE,
    Rows,
    independent,
    influence_of,
    keep_rows,
    regression_rows,
    time_varying,
    without,
)
from sos_eval.estimators.fast.counts import batch_draws, grid_of, plan_counts
from sos_eval.numerics.poisson import PoissonFit, fit_poisson
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice, cells
from sos_eval.results.estimator import PlannedEstimator
from sos_eval.results.method import register

__all__ = ["PoissonDiD"]


PARTLY = "some periods count as a fraction of exposure: read the rate ratio, which is of full exposure"
NOT_CONVERGED = "the Poisson likelihood has no maximum that Newton steps reach"


@register("poisson_did")
@dataclass(frozen=True)
class PoissonDiD(PlannedEstimator):
    """Poisson difference-in-differences: counts on treatment, unit and time effects, with log exposure as offset."""

    covariates: tuple[str, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    label: ClassVar[str] = "Poisson"
    reference: ClassVar[str] = "Wooldridge (1999, 2023); Correia, Guimaraes and Zylkin (2020)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_switching: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True
    weighs_exposure: ClassVar[bool] = True

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the rate ratio and, from it, the change in the rate among the treated."""
        rows = self._rows(panel)
        self._refuse_collinear(rows)
        rows, fit = self._fit(rows)
        table = cells(
            estimand=["rate_ratio", "att"], scale=["ratio", "rate_per" if panel.outcome.counted else "value"],
            n_obs=len(rows.used), n_units=rows.effects.shape[0], n_treated_units=rows.n_treated_units,
        )  # fmt: skip
        return _two_cells(rows, fit, table, panel.outcome.per if panel.outcome.counted else 1.0)

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes, all draws at once where no covariate varies over time."""
        by_draw = self.unplanned(panel, choice)
        fast = self._on_grid(panel) and panel.outcome.transform == "none"
        table = self._tableof(panel) if fast else None
        return by_draw if table is None else plan_counts(panel, table, self.complete, choice, by_draw)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, all at once where no covariate varies over time."""
        first_treated = np.asarray(first_treated, float)
        table = self._tableof(panel.with_first_treated(first_treated[0])) if self._on_grid(panel) else None
        if table is None:
            return super().estimate_assignments(panel, first_treated)
        grid, counts = grid_of(panel)
        eventful = counts.sum(0) > 0
        grid = replace(grid, at_risk=grid.at_risk[:, eventful], weights=grid.weights[:, eventful])
        times = panel.times[eventful]
        return batch_draws(
            grid, counts[None][:, :, eventful], lambda rows: (times >= first_treated[rows, :, None]).astype(float),
            len(first_treated), table, lambda draw: panel.with_first_treated(first_treated[draw]), self.complete,
        )  # fmt: skip

    def _on_grid(self, panel: Panel) -> bool:
        """Whether rows are units by times, treated in full or not at all, and no covariate would enter."""
        names = panel.covariates if self.covariates is None else self.covariates
        return panel.layout == "panel" and not panel.partly_exposed and not time_varying(panel, names)

    def _tableof(self, panel: Panel) -> pd.DataFrame | None:
        """Return the table of cells; None where this panel is refused."""
        try:
            return self.complete(panel).cells.assign(reason="")
        except InputFault:
            return None

    def _rows(self, panel: Panel) -> Rows:
        """Choose the rows, without units and periods that have no event."""
        names = panel.covariates if self.covariates is None else self.covariates
        column, also = ("count", ("exposure",)) if panel.outcome.counted else ("outcome", ())
        counts = panel.frame[column].to_numpy(float)
        if (counts < 0).any():
            where = listed(list(dict.fromkeys(panel.frame["unit"][counts < 0])))
            raise NotIdentified(panel.fault(f"{self.name}: counts below zero: {where}", "choose another estimator"))
        events = np.bincount(panel.unit_codes, np.nan_to_num(counts), panel.n_units)
        panel = without(panel, events == 0, "no event in any period")
        counts = np.nan_to_num(panel.frame[column].to_numpy(float))
        quiet = np.bincount(panel.time_codes, counts, panel.n_times) == 0
        if quiet.any():
            panel = panel.keep_times(panel.times[~quiet], "estimate", "no event in any unit")
        return regression_rows(panel, names, outcome=column, also=also)

    def _refuse_collinear(self, rows: Rows) -> None:
        if not independent(rows, np.column_stack([rows.covariates, rows.treated]))[-1]:
            what = f"{self.name}: treatment is a combination of unit effects, time effects and covariates"
            raise NotIdentified(rows.panel.fault(what))

    def _fit(self, rows: Rows) -> tuple[Rows, PoissonFit]:
        """Fit; leave out rows that separation fits perfectly, and fit again."""
        fit = _fit_rows(rows)
        if not fit.separated.any():
            return rows, fit
        left = _leave_out(rows, fit.separated)
        if not 0 < left.treated.sum() < len(left.used) or not _still_identified(left):
            note = "there is no event among rows that alone identify the effect: the rate ratio has no finite estimate"
            return replace(rows, notes=(*rows.notes, note)), replace(fit, coef=np.full_like(fit.coef, np.nan))
        return left, _fit_rows(left)


def _fit_rows(rows: Rows) -> PoissonFit:
    """Fit the rows as they are."""
    x = np.column_stack([rows.treated, rows.covariates])
    return fit_poisson(rows.outcome, x, np.log(_exposure(rows)), rows.effects)


def _exposure(rows: Rows) -> Array:
    """Return the population at risk of each row; ones where the outcome has none."""
    if not rows.panel.outcome.counted:
        return np.ones(len(rows.used))
    return rows.frame["exposure"].to_numpy(float)


def _still_identified(rows: Rows) -> bool:
    return bool(independent(rows, np.column_stack([rows.covariates, rows.treated]))[-1])


def _leave_out(rows: Rows, gone: NDArray[np.bool_]) -> Rows:
    """Leave out rows and say whose they were."""
    names = list(dict.fromkeys(rows.frame["unit"][gone]))
    note = f"{int(gone.sum())} rows without events are fitted perfectly (separation) and left out: {listed(names)}"
    return keep_rows(replace(rows, notes=(*rows.notes, note)), ~gone)


def _two_cells(rows: Rows, fit: PoissonFit, table: pd.DataFrame, per: float) -> Estimate:
    """Lay out the log rate ratio b and the effect on the rate, with their influence.

    The effect on the rate is ``(1 - exp(-b)) R`` with R the rate per `per` observed among treated rows: their fitted
    and observed events agree (first-order condition of b). Its influence is ``R exp(-b) psi_b + (1 - exp(-b)) psi_R``
    (delta method), so that the sampling of the treated units' own rate counts too.
    """
    known = fit.converged and np.isfinite(fit.coef).all()
    linear = _linear(rows, fit)
    n = rows.panel.n_influence
    b = fit.coef[0] if known else np.nan
    at_risk = rows.weights * _exposure(rows) * rows.treated
    rate = per * (rows.weights * rows.outcome * rows.treated).sum() / at_risk.sum()
    own = (per * rows.outcome * rows.weights * rows.treated - rate * at_risk) / at_risk.sum()
    psi_b = influence_of(linear, n)[:, 0]
    psi_rate = n * np.bincount(rows.influence_codes, own, n)
    influence = np.column_stack([psi_b, rate * np.exp(-b) * psi_b + (1 - np.exp(-b)) * psi_rate])
    values = np.array([b, (1 - np.exp(-b)) * rate])
    if rows.panel.partly_exposed:
        values[1], influence[:, 1] = np.nan, np.nan
        table = table.assign(reason=["", PARTLY])
    if not known:
        influence[:] = np.nan
        table = table.assign(reason=rows.notes[-1] if fit.separated.any() else NOT_CONVERGED)
    elif rows.n_treated_units == 1:
        influence[:] = np.nan
        table = table.assign(reason=SINGLE)
    return Estimate(table, values, influence, rows.panel, linear=linear if known else None, notes=rows.notes)


def _linear(rows: Rows, fit: PoissonFit) -> LinearFit:
    """Return the last working regression. The effect on the rate is no combination of coefficients: NaN."""
    k = fit.x.shape[1]
    contrast = np.vstack([np.eye(1, k), np.full((1, k), np.nan)])
    return LinearFit(
        coef=fit.coef, x=fit.x, residuals=(rows.outcome - fit.mean) / fit.mean, weights=rows.weights * fit.mean,
        bread=fit.bread, unit_codes=rows.influence_codes, n_obs=len(rows.used),
        n_params=k + rows.effects.shape[1], contrast=contrast, family="poisson",
    )  # fmt: skip
