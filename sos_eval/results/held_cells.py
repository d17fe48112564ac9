"""The effects by cohort and period that an estimate averages, held where it is made again on fewer units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate

if TYPE_CHECKING:
    from sos_eval.results.estimator import Estimator

__all__ = ["HeldCells"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldCells:
    """What an estimate is of, so that the same is asked of fewer units.

    A cohort that has left goes with its cells: the average is over who is there. A cohort that is there without one of
    its cells has lost whom it was compared with, and an average of the others would be another estimand.

    Attributes
    ----------
    estimator
        The method.
    cells : (c, 2)
        Start and period of every effect that the whole estimate has; none where the method tells none.
    units
        Who is in the whole estimate: those that the method leaves out keep no cohort there.
    """

    estimator: Estimator
    cells: Array
    units: NDArray[np.object_]

    @classmethod
    def of(cls, estimator: Estimator, whole: Estimate) -> HeldCells:
        """Return what an estimate of all units is of."""
        return cls(estimator, _cells(estimator, whole), whole.panel.units)

    def kept(self, part: Estimate, given: Panel) -> Estimate:
        """Empty what would average other effects on fewer units, with the reason.

        Parameters
        ----------
        part
            The estimate on fewer units.
        given
            The panel that it was made on, units that the method leaves out among them.
        """
        gone = self.cells[~_among(self.cells, _cells(self.estimator, part))]
        lost = gone[_among(gone, _treated_rows(self.estimator, given, self.units))] if len(gone) else gone
        if not len(lost):
            return part
        touched = _touched(part.cells, lost)
        influence, deviations = (
            None if one is None else np.where(touched, np.nan, one) for one in (part.influence, part.deviations)
        )
        table = part.cells.assign(reason=np.where(touched, _why(given, lost), part.cells["reason"]))
        values = np.where(touched, np.nan, part.values)
        return replace(part, cells=table, values=values, influence=influence, deviations=deviations)

    def kept_batch(self, batch: Batch, starts: Array, seen: Bools, times: Array) -> Batch:
        """Empty draws that average other effects, of a method that lays its effects out by cohort and period.

        Parameters
        ----------
        batch
            Estimates under other starts.
        starts : (draws, n_units)
            Those starts.
        seen : (n_units, n_times)
            Whether a unit has an outcome.
        times : (n_times,)
            Periods.
        """
        own = np.flatnonzero(batch.cells["aggregation"] == "group_time")
        keys = batch.cells[["cohort", "time"]].to_numpy(float)[own]
        lost = np.zeros((len(starts), len(own)), bool)
        for k, (start, time) in enumerate(keys):
            empty = np.isnan(batch.values[:, own[k]])
            if empty.any():
                at = seen[:, times == time].any(1)
                lost[empty, k] = ((starts[empty] == start) & at).any(1)
        if not lost.any():
            return batch
        touched = np.array([_touched(batch.cells, keys[one]) for one in lost])
        values = np.where(touched, np.nan, batch.values)
        errors = None if batch.std_error is None else np.where(touched, np.nan, batch.std_error)
        return replace(batch, values=values, std_error=errors)


def _cells(estimator: Estimator, estimate: Estimate) -> Array:
    """Return start and period of the effects that an estimate has, (c, 2)."""
    table = estimate.cells
    own = (table["aggregation"] == "group_time").to_numpy()
    if own.any():
        return np.unique(table[["cohort", "time"]].to_numpy(float)[own & np.isfinite(estimate.values)], axis=0)
    found = estimator.averaged_cells(estimate)
    return np.empty((0, 2)) if found is None else found


def _treated_rows(estimator: Estimator, panel: Panel, units: NDArray[np.object_]) -> Array:
    """Return start and period of the rows of those of some units that ever start, (r, 2): of the kind of effects."""
    frame = panel.frame
    seen = (frame["outcome"].notna() & (frame["weight"] > 0)).to_numpy() & np.isin(panel.units, units)[panel.unit_codes]
    if estimator.kind_column:
        seen = seen & (estimator.kinds(panel)[panel.unit_codes] == 1)
    return np.asarray(frame.loc[seen, ["first_treated", "time"]].drop_duplicates().to_numpy(float))


def _among(cells: Array, others: Array) -> Bools:
    """Say which cells (c, 2) are among others."""
    one, other = (pd.MultiIndex.from_arrays([pairs[:, 0], pairs[:, 1]]) for pairs in (cells, others))
    return np.asarray(one.isin(other))


def _touched(table: pd.DataFrame, lost: Array) -> Bools:
    """Say which rows of an estimate average one of the cells that are lost, (l, 2); all where it lays out none."""
    kind = table["aggregation"].to_numpy()
    if not (kind == "group_time").any():
        return np.ones(len(table), bool)
    cohort, time, event = (table[name].to_numpy(float) for name in ("cohort", "time", "event_time"))
    since = lost[:, 1] - lost[:, 0]
    after = lost[since >= 0]
    each = np.select(
        [kind == "group_time", kind == "cohort", kind == "calendar", kind == "event_time"],
        [
            _among(np.column_stack([cohort, time]), lost), np.isin(cohort, after[:, 0]),
            np.isin(time, after[:, 1]) | (np.isnan(time) & (len(after) > 0)),
            np.isin(event, since) | (np.isnan(event) & (len(after) > 0)),
        ],
        len(after) > 0,
    )  # fmt: skip
    return np.asarray(each, bool)


def _why(panel: Panel, lost: Array) -> str:
    """Say which effects cannot be told any more."""
    after = lost[lost[:, 1] >= lost[:, 0]]
    told = after if len(after) else lost
    starts, periods = (listed([panel.periods.name(one) for one in np.unique(told[:, k])]) for k in (0, 1))
    return (
        f"nothing is left to tell the effects of those that start in {starts} in {periods} by, and an average of the "
        "others would be another estimate"
    )
