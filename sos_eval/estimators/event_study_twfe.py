"""Event study by two-way fixed effects: a coefficient for each event time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._regression import Rows
from sos_eval.estimators._two_way import Statement, TwoWayRegression
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate
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
    covariates: tuple[Column, ...] | None = None
    """Time-varying regressors; those of the panel unless named here."""

    label: ClassVar[str] = "event-study fixed effects"
    reference: ClassVar[str] = "Sun and Abraham (2021), section 3, on what its coefficients mix"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1, "untreated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    takes_cross_sections: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True
    compares_with_last: ClassVar[bool] = True
    mixes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.reference_time < 0:
            raise ValueError(f"reference_time: {self.reference_time:g} is no event time before the start; write -1")
        first, last = self.window or (-np.inf, np.inf)
        if not (first <= self.reference_time and last >= 0):
            what = f"window: {first:g} to {last:g} joins the reference or the start to something else"
            raise ValueError(f"{what}; write one that holds {self.reference_time:g} to 0")

    remedy: ClassVar[str] = "write a `window`, so that distant event times are joined"

    def pre_base(self, estimate: Estimate, rows: NDArray[np.intp], zero: NDArray[np.bool_]) -> Array:
        """Say which event time each cell before the start is compared with: none where a window joins several."""
        base = super().pre_base(estimate, rows, zero)
        if self.window is None:
            return base
        joined = estimate.cells["event_time"].to_numpy(float)[rows] == self.window[0]
        return np.asarray(np.where(joined, np.nan, base))

    def state(self, panel: Panel, start: Array, time: Array, treated: Array) -> Statement:
        """State an indicator for each event time but the reference, their mean from 0 on, and that by unit-periods."""
        event = self._joined(time - start)
        reported = self._reported(panel, event)
        each, after, estimated = event[..., None] == reported, reported >= 0, reported != self.reference_time
        rows = np.vstack([np.eye(len(reported)), after / max(int(after.sum()), 1), np.zeros(len(reported))])
        shared = np.zeros(rows.shape, bool)
        shared[-1] = after
        return Statement(
            terms=each[..., estimated].astype(float), contrast=rows[:, estimated], shared=shared[:, estimated],
            counted=np.concatenate([each, np.repeat((treated > 0)[..., None], 2, -1)], -1), cells=self._cells(reported),
        )  # fmt: skip

    def remarks(self, rows: Rows, fit: LinearFit) -> tuple[str, ...]:
        """Say what is averaged, and what is joined."""
        if self.window is None:
            return (OVERALL_NOTE,)
        low, high = self.window
        return (OVERALL_NOTE, f"event times up to {low:g} are joined, and those from {high:g} on")

    def why_absorbed(self, rows: Rows) -> str:
        """Say so of event times, and where nobody is never treated."""
        what = "event times cannot be told apart from unit and time effects"
        if np.isinf(rows.frame["first_treated"].to_numpy(float)).any():
            return what
        return f"{what}, for no unit is never treated"

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

    def _cells(self, reported: Array) -> dict[str, Any]:
        """Name a row per event time, their mean, and the overall mean."""
        reasons = [REFERENCE_REASON if e == self.reference_time else "" for e in reported]
        return {
            "aggregation": ["event_time"] * (len(reported) + 1) + ["overall"],
            "event_time": [*reported, np.nan, np.nan], "reason": [*reasons, "", ""],
        }  # fmt: skip
