"""Difference-in-differences for counts: Poisson pseudo-likelihood with an exposure offset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault, NotIdentified, listed
from sos_eval.estimators._regression import (
    SINGLE,
    Rows,
    comparable,
    complete_rows,
    independent,
    influence_of,
    keep_units,
    regression_rows,
    without,
)
from sos_eval.estimators._two_way import StatedRegression, Statement
from sos_eval.estimators.fast.counts import CountGrid, CountPlan, batch_draws, count_grid
from sos_eval.estimators.fast.groups import Grouped
from sos_eval.numerics.poisson import PoissonFit, fit_poisson
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice, cells
from sos_eval.results.estimator import PartlyExposed
from sos_eval.results.method import register

__all__ = ["NOT_CONVERGED", "PoissonDiD", "count_columns", "eventful", "exposure_of"]


PARTLY = "some periods count as a fraction of exposure: read the rate ratio, which is of full exposure"
NOT_CONVERGED = "the Poisson likelihood has no maximum that Newton steps reach"


@register("poisson_did")
@dataclass(frozen=True)
class PoissonDiD(StatedRegression):
    """Poisson difference-in-differences: counts on treatment, unit and time effects, with log exposure as offset."""

    covariates: tuple[Column, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    mixes: ClassVar[bool] = True
    label: ClassVar[str] = "Poisson"
    reference: ClassVar[str] = "Wooldridge (1999, 2023); Correia, Guimaraes and Zylkin (2020)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    partly_exposed: ClassVar[PartlyExposed] = "weighed"
    takes_switching: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True
    weighs_exposure: ClassVar[bool] = True

    def state(self, panel: Panel, start: Array, time: Array, treated: Array) -> Statement:
        """State the one regressor, treatment; the change in the rate is no combination of coefficients."""
        scale = "rate_per" if panel.outcome.counted else "value"
        return Statement(
            terms=treated[..., None], contrast=np.array([[1.0], [np.nan]]), shared=np.zeros((2, 1), bool),
            counted=np.repeat((treated > 0)[..., None], 2, -1),
            cells={"estimand": ["rate_ratio", "att"], "scale": ["ratio", scale]},
        )  # fmt: skip

    def why_absorbed(self, rows: Rows) -> str:
        """Say so of treatment."""
        return "treatment is a combination of unit effects, time effects and covariates"

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return "without the intervention both groups would have changed by the same factor (parallel trends of rates)"

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the rate ratio and, from it, the change in the rate among the treated."""
        rows, stated = self._stated(regression_rows(self._eventful(panel), self._names(panel), **count_columns(panel)))
        rows, fit = self._fit(rows)
        table = cells(**stated.cells, n_obs=len(rows.used), n_units=rows.n_units, n_treated_units=rows.n_treated_units)
        return _two_cells(rows, fit, table, panel.outcome.per if panel.outcome.counted else 1.0)

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for batches of outcomes, all draws at once."""
        by_draw = self.unplanned(panel, choice)
        if panel.layout != "panel" or panel.partly_exposed or panel.outcome.transform != "none":
            return by_draw
        table = self._table_of(panel)
        grid = (
            None
            if table is None
            else self._grid(panel, complete_rows(panel, self._names(panel), **count_columns(panel)))
        )
        if table is None or grid is None:
            return by_draw
        treated = np.nan_to_num(panel.matrix("treated"))[grid[0].units][:, grid[0].times]
        return CountPlan(panel, grid[0], treated[None], table, self.complete, choice, by_draw)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, all at once unless covariates or clusters differ within a unit and period."""
        first_treated = np.asarray(first_treated, float)
        table = self._table_of(panel.with_first_treated(first_treated[0]))
        grid = None
        if table is not None:
            grid = self._grid(panel, complete_rows(self._eventful(panel), self._names(panel), **count_columns(panel)))
        if table is None or grid is None:
            return super().estimate_assignments(panel, first_treated)
        shared, counts = grid
        times = panel.times[shared.times]

        def treated(some: slice) -> Array:
            return (times >= first_treated[some, shared.units, None]).astype(float)

        return batch_draws(
            shared, counts[None], treated, len(first_treated), table,
            lambda draw: panel.with_first_treated(first_treated[draw]), self.complete,
        )  # fmt: skip

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own; all at once on a balanced panel."""
        grid = None
        if panel.layout == "panel" and panel.is_balanced and (panel.matrix("weight") > 0).all():
            grid = self._grid(panel, complete_rows(self._eventful(panel), self._names(panel), **count_columns(panel)))
        if grid is None or not (grid[0].weights > 0).all():
            return super().estimate_groups(panel, first_treated, weights, cells)
        shared, counts = grid
        grouped, times = Grouped(panel, first_treated, weights, cells), panel.times[shared.times]

        def treated(some: slice) -> Array:
            return (times >= first_treated[some, shared.units, None]).astype(float)

        return batch_draws(
            shared, counts[None], treated, len(first_treated), cells, grouped.panel_of, self.complete,
            weights[:, shared.units],
        )  # fmt: skip

    def _grid(self, panel: Panel, rows: Rows) -> tuple[CountGrid, Array] | None:
        return count_grid(panel, rows, exposure_of(rows))

    def _table_of(self, panel: Panel) -> pd.DataFrame | None:
        """Return the table of cells; None where this panel is refused."""
        try:
            return self.complete(panel).cells.assign(reason="")
        except InputFault:
            return None

    def _eventful(self, panel: Panel) -> Panel:
        return eventful(panel, self.name)

    def _fit(self, rows: Rows) -> tuple[Rows, PoissonFit]:
        """Fit; leave out rows that separation fits perfectly, and fit again until there are none."""
        fit = _fit_rows(rows)
        if not fit.separated.any():
            return rows, fit
        kept = comparable(rows, ~fit.separated)
        left = _leave_out(rows, fit.separated, kept) if kept.any() else rows
        if not 0 < (kept * rows.treated).sum() < kept.sum() or not _still_identified(left):
            note = "there is no event among rows that alone identify the effect: the rate ratio has no finite estimate"
            return replace(rows, notes=(*rows.notes, note)), replace(fit, coef=np.full_like(fit.coef, np.nan))
        return self._fit(left)


def eventful(panel: Panel, name: str) -> Panel:
    """Leave out units and periods that have no event; refuse counts below zero in the words of a method's name."""
    column = str(count_columns(panel)["outcome"])
    counts = panel.frame[column].to_numpy(float)
    if (counts < 0).any():
        where = listed(list(dict.fromkeys(panel.frame["unit"][counts < 0])))
        raise NotIdentified(panel.fault(f"{name}: counts below zero: {where}", "choose another estimator"))
    events = np.bincount(panel.unit_codes, np.nan_to_num(counts), panel.n_units)
    panel = without(panel, events == 0, "no event in any period")
    counts = np.nan_to_num(panel.frame[column].to_numpy(float))
    quiet = np.bincount(panel.time_codes, counts, panel.n_times) == 0
    if quiet.any():
        panel = panel.keep_times(panel.times[~quiet], "estimate", "no event in any unit")
    return panel


class _Sides(TypedDict):
    """Columns of a count regression: its left-hand side, and what must be known beside it."""

    outcome: str
    also: tuple[str, ...]


def count_columns(panel: Panel) -> _Sides:
    """Return the columns of a count regression on a panel."""
    counted = panel.outcome.counted
    return {"outcome": "count" if counted else "outcome", "also": ("exposure",) if counted else ()}


def _fit_rows(rows: Rows) -> PoissonFit:
    """Fit the rows as they are."""
    x = np.column_stack([rows.treated, rows.covariates])
    return fit_poisson(rows.outcome, x, np.log(exposure_of(rows)), rows.effects)


def exposure_of(rows: Rows) -> Array:
    """Return the population at risk of each row; ones where the outcome has none."""
    if not rows.panel.outcome.counted:
        return np.ones(len(rows.used))
    return rows.frame["exposure"].to_numpy(float)


def _still_identified(rows: Rows) -> bool:
    return bool(independent(rows, np.column_stack([rows.covariates, rows.treated]))[-1])


def _leave_out(rows: Rows, gone: NDArray[np.bool_], kept: NDArray[np.bool_]) -> Rows:
    """Leave out separated rows and those that then compare with nothing, and say whose the first were."""
    names = list(dict.fromkeys(rows.frame["unit"][gone]))
    note = f"{int(gone.sum())} rows without events are fitted perfectly (separation) and left out: {listed(names)}"
    return keep_units(replace(rows, notes=(*rows.notes, note)), kept, "nothing to compare with, once separated")


def _two_cells(rows: Rows, fit: PoissonFit, table: pd.DataFrame, per: float) -> Estimate:
    """Lay out the log rate ratio b and the effect on the rate, with their influence.

    The effect on the rate is ``(1 - exp(-b)) R`` with R the rate per `per` observed among treated rows: their fitted
    and observed events agree (first-order condition of b). Its influence is ``R exp(-b) psi_b + (1 - exp(-b)) psi_R``
    (delta method), so that the sampling of the treated units' own rate counts too.
    """
    settled = fit.converged and np.isfinite(fit.coef).all()
    linear = _working_regression(rows, fit)
    n = rows.panel.n_influence
    b = fit.coef[0] if settled else np.nan
    at_risk = rows.weights * exposure_of(rows) * rows.treated
    rate = per * (rows.weights * rows.outcome * rows.treated).sum() / at_risk.sum()
    rate_score = (per * rows.outcome * rows.weights * rows.treated - rate * at_risk) / at_risk.sum()
    psi_b = influence_of(linear, n)[:, 0]
    psi_rate = n * np.bincount(rows.influence_codes, rate_score, n)
    influence = np.column_stack([psi_b, rate * np.exp(-b) * psi_b + (1 - np.exp(-b)) * psi_rate])
    values = np.array([b, (1 - np.exp(-b)) * rate])
    if rows.panel.partly_exposed:
        values[1], influence[:, 1] = np.nan, np.nan
        table = table.assign(reason=["", PARTLY])
    if not settled:
        influence[:] = np.nan
        table = table.assign(reason=rows.notes[-1] if fit.separated.any() else NOT_CONVERGED)
    elif rows.n_treated_units == 1:
        influence[:] = np.nan
        table = table.assign(reason=SINGLE)
    return Estimate(table, values, influence, rows.panel, linear=linear if settled else None, notes=rows.notes)


def _working_regression(rows: Rows, fit: PoissonFit) -> LinearFit:
    """Return the last working regression. The effect on the rate is no combination of coefficients: NaN."""
    k = fit.x.shape[1]
    contrast = np.vstack([np.eye(1, k), np.full((1, k), np.nan)])
    return LinearFit(
        coef=fit.coef, x=fit.x, residuals=(rows.outcome - fit.mean) / fit.mean, weights=rows.weights * fit.mean,
        bread=fit.bread, unit_codes=rows.influence_codes, n_obs=len(rows.used),
        n_params=k + rows.effects.shape[1], contrast=contrast, family="poisson",
    )  # fmt: skip
