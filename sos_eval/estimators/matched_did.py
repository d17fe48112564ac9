"""Difference in differences on matched rows of people: treated arm, period after the window, and their product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._people import complete_rows
from sos_eval.estimators.event_study_twfe import REFERENCE_REASON
from sos_eval.numerics.logistic import SeparationError, logistic
from sos_eval.numerics.marginal import Averaged, average_change
from sos_eval.numerics.regress import LinearFit, least_squares, told_apart
from sos_eval.panel.columns import covariate_columns
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import MATCHED_ROWS, WHY_FIXED
from sos_eval.results.estimate import Batch, Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["LAGS_ONLY", "MatchedDiD"]

Bools = NDArray[np.bool_]

#: What a model without years before the window takes for granted.
LAGS_ONLY = "of lags only: all years before the window are the reference, and taken to be alike"
#: What the comparison puts on its panel.
_NEEDED = ("arm", "post", "matched_set", "since_window", MATCHED_ROWS)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A fitted regression.

    Attributes
    ----------
    x : (n, k)
        Regressors.
    residuals : (n,)
        Outcome less what is expected.
    bread : (k, k)
        Inverse of the (weighted) information.
    """

    coef: Array
    x: Array
    residuals: Array
    weights: Array
    bread: Array


@dataclass(frozen=True, slots=True)
class _Effect:
    """One row of the estimate: the effect is the part of the regressors that some rows would not have had.

    Attributes
    ----------
    terms
        Which of the first regressors are taken from the rows.
    rows : (n,)
        Rows over which their effect is averaged.
    """

    aggregation: str
    event_time: float
    terms: tuple[int, ...]
    rows: Bools


@register("matched_did")
@dataclass(frozen=True)
class MatchedDiD(Estimator):
    """Difference in differences on rows of people that were matched within declared sets of authorities."""

    mixes: ClassVar[bool] = True
    label: ClassVar[str] = "difference in differences on matched children"
    reference: ClassVar[str] = "Imbens and Wooldridge (2009), section 6.5; Puhani (2012) for the logit"
    needs: ClassVar[dict[str, int]] = {"treated_units": 1, "untreated_units": 1}
    takes_cross_sections: ClassVar[bool] = True
    takes_unbalanced: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    model: Literal["linear", "logit"] = "linear"
    """linear, or logit for outcomes of 0 and 1: then the effect is the average marginal effect of the product."""
    covariates: tuple[Column, ...] | None = None
    """Of rows or of authorities by year; those of the panel unless named here."""
    averaged_over: Literal["treated", "everyone"] = "treated"
    """Of a logit: rows of pilots after the window, or all rows of that period."""
    event_study: tuple[int, int] | None = None
    """First and last year of an event study, [-9, 3]: years before the window opens and after it closes, each against
    the last one before; those beyond are joined to the ends. Of lags only, [-1, 3]: against all years before."""

    def __post_init__(self) -> None:
        first, last = self.event_study or (-2, 0)
        if not (first <= -1 and last >= 0):
            raise ValueError(f"event_study: {first} to {last} hold no year before the window, or none after it")
        if self.averaged_over == "everyone" and (self.model == "linear" or self.event_study is not None):
            raise ValueError(
                "averaged_over: everyone changes nothing of a linear model, nor of an event study (its rows are those "
                "of a year); write model: logit without event_study, or leave averaged_over out"
            )

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the effect, or one effect by event time."""
        self._refuse_unmatched(panel)
        names = panel.covariates if self.covariates is None else self.covariates
        panel, notes = complete_rows(panel, names)
        effects, terms, more = self._terms(panel)
        x, collinear = _regressors(panel, names, terms, len({j for one in effects for j in one.terms}))
        fit = self._fitted(panel, x, names)
        averaged = [self._averaged(fit, effect) for effect in effects]
        return self._laid_out(panel, fit, effects, averaged, (*notes, *more, *collinear))

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Refuse: starts of matched rows are not swapped."""
        raise NotIdentified(panel.fault(f"{self.name}: {WHY_FIXED}"))

    def _refuse_unmatched(self, panel: Panel) -> None:
        """Refuse rows that are in no set, and outcomes that a logit is not for."""
        if not set(_NEEDED) <= set(panel.frame):
            what = f"{self.name}: rows are not matched within declared sets"
            raise NotIdentified(panel.fault(what, "write comparison: {method: declared, sets: …, people: {on: […]}}"))
        values = panel.frame["outcome"].dropna()
        if self.model == "logit" and not values.isin((0.0, 1.0)).all():
            what = f"{self.name}: {panel.outcome.label} holds other values than 0 and 1"
            raise NotIdentified(panel.fault(what, "write model: linear"))

    def _terms(self, panel: Panel) -> tuple[list[_Effect], Array, list[str]]:
        """Return the rows of the estimate, and the regressors that they rest on, (n, p), those of effects first."""
        arm, post = (panel.frame[name].to_numpy(float) for name in ("arm", "post"))
        after = (arm * post > 0) if self.averaged_over == "treated" else post > 0
        if self.event_study is None:
            return [_Effect("overall", np.nan, (0,), after)], np.column_stack([arm * post, arm, post]), []
        first, last = self.event_study
        since = panel.frame["since_window"].to_numpy(float)
        event = np.clip(since, first, last)
        seen = np.unique(event[arm > 0])
        if -1 not in seen:
            raise NotIdentified(panel.fault(f"{self.name}: nobody is seen in the year before the window", "widen it"))
        estimated = [float(e) for e in seen if e != -1]
        each = np.column_stack([event == e for e in estimated]).astype(float)
        effects = [_Effect("event_time", e, (j,), (arm > 0) & (event == e)) for j, e in enumerate(estimated)]
        later = tuple(j for j, e in enumerate(estimated) if e >= 0)
        effects.append(_Effect("overall", np.nan, later, (arm > 0) & (event >= 0)))
        ends = (f"years before {first}", (since < first).any()), (f"years after {last}", (since > last).any())
        note = [f"{which} are joined to it" for which, there in ends if there]
        note += [LAGS_ONLY] if first == -1 else []
        return effects, np.column_stack([each * arm[:, None], arm, each]), note

    def _fitted(self, panel: Panel, x: Array, names: tuple[str, ...]) -> _Fit:
        """Fit the regression."""
        y, weights = (panel.frame[name].to_numpy(float) for name in ("outcome", "weight"))
        if self.model == "linear":
            coef, bread = least_squares(y, x, weights)
            return _Fit(coef, x, y - x @ coef, weights, bread)
        try:
            fit = logistic(y, x, weights)
        except SeparationError:
            alone = _separating(panel, names, y)
            what = (
                f"{self.name}: covariates tell ones from zeros without an error{': ' if alone else ''}{listed(alone)}"
            )
            raise NotIdentified(
                panel.fault(what, "recode: merge rare categories, or leave the covariate out")
            ) from None
        return _Fit(fit.coef, x, y - fit.probability, weights, fit.bread)

    def _averaged(self, fit: _Fit, effect: _Effect) -> Averaged:
        """Average the effect of a row's terms over its rows."""
        link: Literal["identity", "logit"] = "identity" if self.model == "linear" else "logit"
        after = fit.x[effect.rows].copy()
        if self.averaged_over == "everyone":
            after[:, 0] = 1.0
        before = after.copy()
        before[:, list(effect.terms)] = 0.0
        return average_change(fit.coef, after, before, fit.weights[effect.rows], link)

    def _laid_out(
        self, panel: Panel, fit: _Fit, effects: list[_Effect], averaged: list[Averaged], notes: tuple[str, ...]
    ) -> Estimate:
        """Lay out cells, values and each row's influence."""
        contrast = np.array([one.gradient for one in averaged])
        values = np.array([one.value for one in averaged])
        influence = panel.n_rows * (fit.x * (fit.residuals * fit.weights)[:, None]) @ (contrast @ fit.bread).T
        table = _cells(panel, effects)
        if self.event_study is not None:
            table, values, influence, contrast = _with_reference(
                table, values, influence, contrast, _seen_before(panel, self.event_study[0])
            )
        linear = None
        if self.model == "linear":
            linear = LinearFit(
                coef=fit.coef, x=fit.x, residuals=fit.residuals, weights=fit.weights, bread=fit.bread,
                unit_codes=np.arange(panel.n_rows), n_obs=panel.n_rows, n_params=fit.x.shape[1], contrast=contrast,
            )  # fmt: skip
        return Estimate(table, values, influence, panel, linear=linear, notes=notes)


def _regressors(panel: Panel, names: tuple[str, ...], terms: Array, first: int) -> tuple[Array, tuple[str, ...]]:
    """Return terms, constant, periods and covariates that are no combination of those before them, (n, k).

    Effects rest on the `first` terms.

    Raises
    ------
    NotIdentified
        A term that an effect rests on is such a combination.
    """
    time = panel.frame["time"].to_numpy(float)
    periods = np.column_stack([np.ones(len(time)), *(time == t for t in panel.times[1:])]).astype(float)
    columns, labels = covariate_columns(panel.frame, names)
    whole = np.column_stack([terms, periods, columns])
    weights = panel.frame["weight"].to_numpy(float)
    kept = told_apart(np.roll(whole, -first, axis=1), weights)
    kept = np.roll(kept, first)
    if not kept[:first].all():
        what = "matched_did: arm, period and covariates explain the effect: rows of both arms do not lie on both sides"
        raise NotIdentified(
            panel.fault(
                f"{what} of a window",
                "widen panel.window, match rows less closely (comparison.people), or leave covariates out",
            )
        )
    gone = [label for label, stays in zip(labels, kept[len(kept) - len(labels) :], strict=True) if not stays]
    note = (f"covariates that are combinations of others, of sets and periods are left out: {listed(gone)}",)
    return whole[:, kept], note if gone else ()


def _separating(panel: Panel, names: tuple[str, ...], y: Array) -> list[str]:
    """Name the categories in which the outcome is the same in every row."""
    columns, labels = covariate_columns(panel.frame, names)
    inside = [np.unique(column) for column in columns.T]
    return [
        label for column, values, label in zip(columns.T, inside, labels, strict=True)
        if len(values) == 2 and len(np.unique(y[column == values[1]])) == 1
    ]  # fmt: skip


def _cells(panel: Panel, effects: list[_Effect]) -> pd.DataFrame:
    """Name the rows of the estimate; children of several sets count once."""
    arm = panel.frame["arm"].to_numpy(float) > 0
    treated = [len(np.unique(panel.unit_codes[effect.rows & arm])) for effect in effects]
    return cells(
        estimand="att", aggregation=[effect.aggregation for effect in effects],
        event_time=[effect.event_time for effect in effects], scale=panel.outcome.scale, n_treated_units=treated,
        n_obs=panel.frame[MATCHED_ROWS].nunique(), n_units=panel.n_units,
    )  # fmt: skip


def _seen_before(panel: Panel, first: int) -> int:
    """Count the treated units with rows in the year before their window; in any where all are joined to it."""
    since = panel.frame["since_window"]
    there = (panel.frame["arm"] > 0) & ((since < 0) if first == -1 else (since == -1))
    return int(panel.frame["unit"][there].nunique())


def _with_reference(
    table: pd.DataFrame, values: Array, influence: Array, contrast: Array, seen: int
) -> tuple[pd.DataFrame, Array, Array, Array]:
    """Put the year before the window, in which so many treated units are seen, in its place: zero by construction."""
    at = int((table["event_time"] < -1).sum())
    row = table.iloc[[0]].assign(event_time=-1.0, n_treated_units=seen, reason=REFERENCE_REASON)
    table = pd.concat([table.iloc[:at], row, table.iloc[at:]], ignore_index=True)
    wider = (np.insert(values, at, 0.0), np.insert(influence, at, np.nan, axis=1), np.insert(contrast, at, 0.0, axis=0))
    return table, *wider
