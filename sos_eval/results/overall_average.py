"""What an overall effect averages: which treated unit-periods, and what each counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import cohort_shares
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.estimate import Estimate

if TYPE_CHECKING:
    from sos_eval.results.estimator import Estimator

__all__ = ["AS_ESTIMATED", "AS_SEEN", "PLAIN", "OverallAverage", "averaged_rows", "overall_average"]

#: How a true effect is averaged: as the estimate averages; plainly beside one that mixes; over the treated rows that
#: are seen, beside an estimate that with gaps or weights that vary in time may compare others.
AS_ESTIMATED, PLAIN, AS_SEEN = "as the estimate averages", "plain mean of treated rows", "treated rows that are seen"


@dataclass(frozen=True, slots=True)
class OverallAverage:
    """How an estimate's overall effect averages the effects of cohorts and periods.

    Attributes
    ----------
    cells : (c, 2) or None
        Cohort and period of those that it averages; None: of all treated rows.
    cohorts_first
        A cohort's periods first, then cohorts by the weight of their units; else every treated row by its weight.
    by_exposure
        Whether a row counts by its exposure as well.
    """

    cells: Array | None = None
    cohorts_first: bool = True
    by_exposure: bool = False

    def holds(self, cohort: Array, time: Array) -> NDArray[np.bool_]:
        """Say which cohorts and periods (m,) take part."""
        if self.cells is None:
            return np.ones(len(cohort), bool)
        pairs = pd.MultiIndex.from_arrays([cohort, time])
        return np.asarray(pairs.isin(pd.MultiIndex.from_arrays([self.cells[:, 0], self.cells[:, 1]])))


def overall_average(estimator: Estimator, estimate: Estimate) -> OverallAverage:
    """Return how an estimator averages into the overall effect of an estimate that it has made."""
    by_exposure = estimator.weighs_exposure and estimate.panel.outcome.counted
    return OverallAverage(estimator.averaged_cells(estimate), estimator.averages_cohorts_first(estimate), by_exposure)


def averaged_rows(estimator: Estimator, estimate: Estimate, event_time: float | None = None) -> pd.DataFrame:
    """Return the treated rows that an overall effect averages: ``unit, time, weight``, weights summing to one.

    Of an estimator that mixes (`Estimator.mixes`) these are all treated rows, each by its weight.

    Parameters
    ----------
    event_time
        Of the effect so many periods since the start; None: of the overall one.
    """
    panel, average = estimate.panel, overall_average(estimator, estimate)
    cohort, time = (panel.frame[name].to_numpy(float) for name in ("first_treated", "time"))
    inside = _treated(panel, estimator) & average.holds(cohort, time)
    if event_time is not None:
        inside &= (time - cohort == event_time) & _by_event_time(estimator, estimate, cohort, time)
    own = panel.frame[inside]
    weight = own["weight"].to_numpy(float)
    if average.cohorts_first and panel.layout == "panel":  # a unit counts alike in all its periods
        weight = panel.weights[panel.unit_codes[inside]]
    if average.by_exposure:
        weight = weight * own["exposure"].to_numpy(float)
    if average.cohorts_first and MATCHED_ROWS not in own:
        weight = weight * _share_of_cell(own, weight, estimate)
    return pd.DataFrame({
        "unit": own["unit"].astype(str).to_numpy(), "time": own["time"].to_numpy(), "weight": weight / weight.sum()
    })  # fmt: skip


def _treated(panel: Panel, estimator: Estimator) -> NDArray[np.bool_]:
    """Say which rows count as treated: of the kind that is meant, in full unless the method gives parts a row each."""
    frame = panel.frame
    seen = np.array(frame["outcome"].notna() & (frame["weight"] > 0))
    if MATCHED_ROWS in frame:  # rows of pilots after the window
        return np.asarray(seen & (frame["arm"] * frame["post"] > 0).to_numpy())
    exposed = frame["treated"].to_numpy(float)
    seen &= exposed > 0 if estimator.partly_exposed == "whole" else exposed == 1
    return seen & (estimator.kinds(panel)[panel.unit_codes] == 1) if estimator.kind_column else seen


def _by_event_time(estimator: Estimator, estimate: Estimate, cohort: Array, time: Array) -> NDArray[np.bool_]:
    """Say which rows' cohorts and periods the averages by event time are made of, (m,)."""
    own = estimate.cells.loc[estimate.cells["aggregation"] == "group_time", ["cohort", "time"]].to_numpy(float)
    if not len(own):
        return np.ones(len(cohort), bool)
    return OverallAverage(own[estimator.event_times.inside(own[:, 0], own[:, 1])]).holds(cohort, time)


def _share_of_cell(own: pd.DataFrame, weight: Array, estimate: Estimate) -> Array:
    """Return, for each row, its cohort's share over the cohort's number of periods and the weight in its cell."""
    start, time = own["first_treated"].to_numpy(float), own["time"].to_numpy(float)
    cells, cell = np.unique(np.column_stack([start, time]), axis=0, return_inverse=True)
    cohorts, cohort, periods = np.unique(cells[:, 0], return_inverse=True, return_counts=True)
    share = _cohort_shares(estimate, cohorts) / periods
    return np.asarray((share[cohort] / np.bincount(cell.ravel(), weight, len(cells)))[cell.ravel()])


def _cohort_shares(estimate: Estimate, cohorts: Array) -> Array:
    """Return the shares of some cohorts (k,), as the estimate's own aggregations take them."""
    grouped = (estimate.cells["aggregation"] == "group_time").to_numpy()
    every = np.unique(estimate.cells["cohort"].to_numpy(float)[grouped]) if grouped.any() else cohorts
    return np.asarray(cohort_shares(estimate, every)[1][np.searchsorted(every, cohorts)])
