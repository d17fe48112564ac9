"""Event study by two-way fixed effects: a coefficient for each event time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
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

__all__ = ["EventStudyTWFE"]

REFERENCE_REASON = "reference period: zero by construction"
OVERALL_NOTE = "overall: event times from 0 on, each weighted by its treated unit-periods"


@register("event_study_twfe")
@dataclass(frozen=True)
class EventStudyTWFE(TwoWayRegression):
    """Event study by two-way fixed effects: outcome on event-time dummies, unit and time effects."""

    reference_time: float = -1
    """Event time that the others are compared with."""
    window: tuple[float, float] | None = None
    """First and last event time of their own; those beyond are joined to the ends."""
    covariates: tuple[str, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    label: ClassVar[str] = "event-study fixed effects"
    reference: ClassVar[str] = "Sun and Abraham (2021), section 3, on what its coefficients mix"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1, "untreated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.reference_time < 0:
            raise ValueError(f"reference_time: {self.reference_time:g} is no event time before the start; write -1")
        first, last = self.window or (-np.inf, np.inf)
        if not (first <= self.reference_time and last >= 0):
            what = f"window: {first:g} to {last:g} joins the reference or the start to something else"
            raise ValueError(f"{what}; write one that holds {self.reference_time:g} to 0")

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every event time, their mean after the start, and the mean over treated unit-periods."""
        rows = regression_rows(panel, self._names(panel))
        dummies, contrast, table = self._design(rows)
        estimate = linear_estimate(
            rows, fit_linear(rows, dummies, contrast), table, (OVERALL_NOTE, *self._binning_note())
        )
        return _without_reference_error(estimate)

    def pre_base(self, estimate: Estimate, rows: NDArray[np.intp], zero: NDArray[np.bool_]) -> Array:
        """Say which event time each cell before the start is compared with: none where a window joins several."""
        base = super().pre_base(estimate, rows, zero)
        if self.window is None:
            return base
        joined = estimate.cells["event_time"].to_numpy(float)[rows] == self.window[0]
        return np.asarray(np.where(joined, np.nan, base))

    def _design(self, rows: Rows) -> tuple[Array, Array, pd.DataFrame]:
        """Return the dummies (n, k), the rows of the estimate as combinations of them (m, k), and their table."""
        frame = rows.frame
        start = frame["first_treated"].to_numpy(float)
        start = np.where(start > rows.panel.times[-1], np.inf, start)  # later starts count as never, as for cohorts
        event = self._joined(frame["time"].to_numpy(float) - start)
        reported = self._reported(rows.panel, event)
        dummies = (event[:, None] == reported[reported != self.reference_time]).astype(float)
        self._refuse_collinear(rows, dummies)
        post = np.array([rows.weights[event == e].sum() if e >= 0 else 0.0 for e in reported])
        treated = [len(np.unique(rows.effects.unit[event == e])) for e in reported]
        table = self._table(rows.panel.outcome.scale, treated, rows.n_treated_units, reported)
        return dummies, contrasts(reported, self.reference_time, post), table

    def _pattern(self, panel: Panel, adoption: Array, starts: Array) -> RegressionPattern:
        """Plan the regression for an adoption."""
        groups = group_starts(starts, panel.times)
        event = self._joined(panel.times - groups[:, None])
        reported = self._reported(panel, event)
        estimated = reported[reported != self.reference_time]
        counted = np.array([[(own == e).sum() if e >= 0 else 0 for e in estimated] for own in event], float)
        codes = np.searchsorted(
            groups, np.where(adoption > panel.times[-1], np.inf, adoption)[adoption > panel.times[0]]
        )
        sizes = np.bincount(codes, minlength=len(groups))
        treated = [int(sizes[(event == e).any(1)].sum()) for e in reported]
        table = self._table(panel.outcome.scale, treated, int(sizes[np.isfinite(groups)].sum()), reported)
        table = table.assign(n_obs=len(codes) * panel.n_times, n_units=len(codes))
        return RegressionPattern(
            table, groups, panel.times[-1], (event[:, :, None] == estimated).astype(float),
            contrasts(reported, self.reference_time, (reported >= 0).astype(float)),
            (table["reason"] == REFERENCE_REASON).to_numpy(), counted,
        )  # fmt: skip

    def _joined(self, event: Array) -> Array:
        """Join event times beyond the window to its ends; -inf (never treated) stays."""
        if self.window is None:
            return event
        return np.asarray(np.where(np.isfinite(event), np.clip(event, *self.window), event))

    def _reported(self, panel: Panel, event: Array) -> Array:
        """Return the event times that occur, the reference among them."""
        reported = np.unique(event[np.isfinite(event)])
        if self.reference_time not in reported:
            what = f"{self.name}: no treated unit is observed at event time {self.reference_time:g}, the reference"
            seen = listed([f"{e:g}" for e in reported if e < 0])
            raise NotIdentified(panel.fault(what, f"write reference_time: one of {seen}"))
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

    def _table(self, scale: str, treated: list[int], all_treated: int, reported: Array) -> pd.DataFrame:
        """Lay out a row per event time, their mean, and the overall mean."""
        reasons = [REFERENCE_REASON if e == self.reference_time else "" for e in reported]
        return cells(
            aggregation=["event_time"] * (len(reported) + 1) + ["overall"], event_time=[*reported, np.nan, np.nan],
            n_treated_units=[*treated, all_treated, all_treated], reason=[*reasons, "", ""], scale=scale,
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
