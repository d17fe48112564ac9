"""Event study by two-way fixed effects: a coefficient for each event time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._regression import Rows, fit_linear, independent, linear_estimate, regression_rows
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["EventStudyTWFE"]

REFERENCE_REASON = "reference period: zero by construction"
OVERALL_NOTE = "overall: event times from 0 on, each weighted by its treated unit-periods"


@register("event_study_twfe")
@dataclass(frozen=True)
class EventStudyTWFE(Estimator):
    """Event study by two-way fixed effects: outcome on event-time dummies, unit and time effects."""

    reference_time: float = -1
    """Event time that the others are compared with."""
    window: tuple[float, float] | None = None
    """First and last event time of their own; those beyond are joined to the ends."""
    covariates: tuple[str, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    reference: ClassVar[str] = "Sun and Abraham (2021), section 3, on what its coefficients mix"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1, "untreated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every event time, their mean after the start, and the mean over treated unit-periods."""
        rows = regression_rows(panel, panel.covariates if self.covariates is None else self.covariates)
        event = self.event_times(rows)
        reported = self._reported(rows, event)
        dummies = (event[:, None] == reported[reported != self.reference_time]).astype(float)
        self._refuse_collinear(rows, dummies)
        post = np.array([rows.weights[event == e].sum() if e >= 0 else 0.0 for e in reported])
        fit = fit_linear(rows, dummies, contrasts(reported, self.reference_time, post))
        table = self._table(rows, event, reported)
        estimate = linear_estimate(rows, fit, table, (OVERALL_NOTE, *self._binning_note()))
        return _without_reference_error(estimate)

    def event_times(self, rows: Rows) -> Array:
        """Return the event time of each row, joined to the ends of the window; -inf where never treated."""
        frame = rows.frame
        event: Array = frame["time"].to_numpy(float) - frame["first_treated"].to_numpy(float)
        if self.window is None:
            return event
        return np.asarray(np.where(np.isfinite(event), np.clip(event, *self.window), event))

    def _reported(self, rows: Rows, event: Array) -> Array:
        """Return the event times that occur, the reference among them."""
        reported = np.unique(event[np.isfinite(event)])
        if self.reference_time not in reported:
            what = f"{self.name}: no treated unit is observed at event time {self.reference_time:g}, the reference"
            seen = listed([f"{e:g}" for e in reported if e < 0])
            raise NotIdentified(rows.panel.fault(what, f"write reference_time: one of {seen}"))
        return np.asarray(reported)

    def _refuse_collinear(self, rows: Rows, dummies: Array) -> None:
        """Refuse event times that cannot be told from unit and time effects."""
        kept = independent(rows, np.column_stack([rows.covariates, dummies]))[rows.covariates.shape[1] :]
        if kept.all():
            return
        what = f"{self.name}: event times cannot be told apart from unit and time effects"
        if not np.isinf(rows.frame["first_treated"].to_numpy(float)).any():
            what += ", for no unit is never treated"
        raise NotIdentified(rows.panel.fault(what, "write a `window`, so that distant event times are joined"))

    def _table(self, rows: Rows, event: Array, reported: Array) -> pd.DataFrame:
        """Lay out a row per event time, their mean, and the overall mean."""
        unit = rows.effects.unit
        treated = [len(np.unique(unit[event == e])) for e in reported]
        reasons = [REFERENCE_REASON if e == self.reference_time else "" for e in reported]
        return cells(
            aggregation=["event_time"] * (len(reported) + 1) + ["overall"], event_time=[*reported, np.nan, np.nan],
            n_treated_units=[*treated, rows.n_treated_units, rows.n_treated_units], reason=[*reasons, "", ""],
            estimand="att", scale=rows.panel.outcome.scale,
        )  # fmt: skip

    def _binning_note(self) -> tuple[str, ...]:
        if self.window is None:
            return ()
        low, high = self.window
        return (f"event times up to {low:g} are joined, and those from {high:g} on",)


def contrasts(reported: Array, reference_time: float, post: Array) -> Array:
    """Return rows for each event time, their plain mean from 0 on, and their mean weighted by `post`, (m, k).

    Parameters
    ----------
    reported : (e,)
        Event times, the reference among them.
    reference_time
        Its row is zero.
    post : (e,)
        Weight of each event time in the overall mean; zero before the start.
    """
    each = np.eye(len(reported))
    plain = (reported >= 0) / max(int((reported >= 0).sum()), 1)
    rows = np.vstack([each, plain, post / post.sum()])
    return rows[:, reported != reference_time]


def _without_reference_error(estimate: Estimate) -> Estimate:
    """Leave the reference period without an error: it is zero by construction."""
    fixed = (estimate.cells["reason"] == REFERENCE_REASON).to_numpy()
    influence = np.where(fixed, np.nan, estimate.influence) if estimate.influence is not None else None
    return replace(estimate, influence=influence)
