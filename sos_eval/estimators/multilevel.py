"""Multilevel model of rows of people: random intercepts of authorities, and of authorities by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed, numeral
from sos_eval.estimators._people import complete_rows
from sos_eval.numerics.multilevel import LevelRows, LevelsFit
from sos_eval.numerics.regress import LinearFit, told_apart
from sos_eval.panel.columns import covariate_columns
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import MATCHED_ROWS, WHY_FIXED
from sos_eval.results.estimate import Batch, Estimate, cells
from sos_eval.results.estimator import Estimator, PartlyExposed
from sos_eval.results.method import register

__all__ = ["Multilevel"]

Codes = NDArray[np.intp]


@register("multilevel")
@dataclass(frozen=True)
class Multilevel(Estimator):
    """Rows of people in authorities and periods, whose levels are random: a secondary look at children's outcomes."""

    mixes: ClassVar[bool] = True
    label: ClassVar[str] = "multilevel model"
    reference: ClassVar[str] = "Laird and Ware (1982); Mundlak (1978)"
    needs: ClassVar[dict[str, int]] = {"treated_units": 2, "untreated_units": 2}
    takes_cross_sections: ClassVar[bool] = True
    takes_unbalanced: ClassVar[bool] = True
    partly_exposed: ClassVar[PartlyExposed] = "weighed"
    takes_covariates: ClassVar[bool] = True

    levels: Literal["unit", "unit_and_period"] = "unit_and_period"
    """Which have random intercepts: units (authorities) alone, or units and, beside them, each of their periods."""
    covariates: tuple[Column, ...] | None = None
    """Of rows or of units by period; those of the panel unless named here."""

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the effect."""
        names = panel.covariates if self.covariates is None else self.covariates
        rows, notes = complete_rows(self._rows_of_people(panel), names)
        x, more = self._regressors(rows, names)
        fit = self._fitted(rows, x)
        linear = LinearFit(
            coef=fit.coef, x=fit.x, residuals=fit.residuals, weights=np.ones(rows.n_rows), bread=fit.bread,
            unit_codes=np.arange(rows.n_rows), n_obs=rows.n_rows, n_params=x.shape[1], contrast=np.eye(1, x.shape[1]),
        )  # fmt: skip
        influence = rows.n_rows * (fit.x * fit.residuals[:, None]) @ fit.bread[:, :1]
        treated = rows.frame["treated"].to_numpy(float) > 0
        people = rows.frame[MATCHED_ROWS].nunique() if MATCHED_ROWS in rows.frame else rows.n_rows
        table = cells(
            estimand="att", aggregation=["overall"], scale=rows.outcome.scale, n_obs=people, n_units=rows.n_units,
            n_treated_units=len(np.unique(rows.unit_codes[treated])),
        )  # fmt: skip
        return Estimate(table, fit.coef[:1], influence, rows, linear=linear, notes=(*notes, *more, _said(fit)))

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions; starts of matched rows are not swapped."""
        if MATCHED_ROWS in panel.frame:
            raise NotIdentified(panel.fault(f"{self.name}: {WHY_FIXED}"))
        return super().estimate_assignments(panel, first_treated)

    def _rows_of_people(self, panel: Panel) -> Panel:
        """Refuse what has no levels to tell apart, and clusters that cut a unit."""
        if panel.layout != "cross_sections":
            what = f"{self.name}: rows are units and periods, with no people below them"
            raise NotIdentified(panel.fault(what, "write layout: cross_sections, or method: twfe"))
        if (n := panel.frame.loc[panel.frame["treated"] > 0, "unit"].nunique()) < 2:
            what = f"{self.name}: {'one unit alone has' if n else 'no unit has'} treated rows, and levels need several"
            raise NotIdentified(panel.fault(what, "write method: twfe"))
        if panel.frame.groupby("unit")["cluster"].nunique().max() > 1:
            what = f"{self.name}: clusters cut units, whose rows the model takes together"
            raise NotIdentified(panel.fault(what, "let panel.cluster hold whole units"))
        return panel

    def _regressors(self, panel: Panel, names: tuple[str, ...]) -> tuple[Array, list[str]]:
        """Return treatment, constant, levels of the treated, periods and covariates that can be told apart, (n, k).

        Raises
        ------
        NotIdentified
            The others explain the treatment.
        """
        frame, time = panel.frame, panel.frame["time"].to_numpy(float)
        weights, treated = (frame[name].to_numpy(float) for name in ("weight", "treated"))
        if MATCHED_ROWS in frame:
            levels = frame[["arm", "post"]].to_numpy(float)
        else:
            unit = panel.unit_codes
            levels = (np.bincount(unit, weights * treated) / np.bincount(unit, weights))[unit][:, None]
        columns, labels = covariate_columns(frame, names)
        periods = np.column_stack([np.ones(len(time)), *(time == t for t in panel.times[1:])]).astype(float)
        others = np.column_stack([periods, levels, columns])
        kept = told_apart(np.column_stack([others, treated]), weights)
        if not kept[-1]:
            what = f"{self.name}: periods, levels and covariates explain the treatment"
            raise NotIdentified(
                panel.fault(what, "widen panel.window to periods before and after, or leave covariates out")
            )
        here = kept[len(kept) - 1 - len(labels) : -1]
        gone = [label for label, stays in zip(labels, here, strict=True) if not stays]
        note = [f"covariates that are combinations of others are left out: {listed(gone)}"] if gone else []
        return np.column_stack([treated, others[:, kept[:-1]]]), note

    def _fitted(self, panel: Panel, x: Array) -> LevelsFit:
        """Fit the model.

        Raises
        ------
        NotIdentified
            Rows do not tell a level from what is left of a row, or units are too few.
        """
        frame = panel.frame
        y, weights = (frame[name].to_numpy(float) for name in ("outcome", "weight"))
        rows = LevelRows(
            y, x, weights / weights.mean(), panel.unit_codes, panel.time_codes, self.levels == "unit_and_period"
        )
        repeated = len(y) - len(rows.cell_weight)
        if rows.by_period and (repeated < x.shape[1] or len(rows.cell_weight) <= panel.n_units):
            what = f"{self.name}: units have too few rows a period to tell those apart from what is left of a row"
            raise NotIdentified(panel.fault(what, "write levels: unit"))
        if len(y) - panel.n_units < x.shape[1]:
            raise NotIdentified(panel.fault(f"{self.name}: units have too few rows to tell them apart from people"))
        within = x - _unit_means(x, panel.unit_codes)[panel.unit_codes]
        fixed = x.shape[1] - int(told_apart(np.where(np.abs(within) > 1e-12, within, 0.0), np.ones(len(x))).sum())
        if panel.n_units <= fixed:
            what = f"{self.name}: {panel.n_units} units leave no variance beside {fixed} regressors between them"
            raise NotIdentified(panel.fault(what, "leave covariates out"))
        if not np.ptp(y - x @ np.linalg.lstsq(x, y)[0]) > 1e-10 * max(1.0, float(np.abs(y).max())):
            raise NotIdentified(panel.fault(f"{self.name}: regressors explain the outcome without an error"))
        return rows.fit()


def _unit_means(x: Array, unit: Codes) -> Array:
    """Return means of columns by unit, (units, k)."""
    return np.column_stack([np.bincount(unit, one) / np.bincount(unit) for one in x.T])


def _said(fit: LevelsFit) -> str:
    """Say the variances, and the error that the model itself would give."""
    whole = fit.unexplained + fit.of_unit + fit.of_period
    by_period = f", {numeral(fit.of_period / whole, 2)} between periods of a unit" if fit.of_period else ""
    return (
        f"of the variance beside the regressors {numeral(fit.of_unit / whole, 2)} lies between "
        f"units{by_period}; the model's "
        "own error of the effect, which takes levels for normal and units for many, is "
        f"{numeral(fit.own_error[0])}: it is "
        "not used"
    )
