"""The effect by declared stage of implementation: averages of the event study, with the headline's own inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted

__all__ = ["ByStage", "before_stages", "by_stage", "in_stage", "spans"]


def spans(stages: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """Return the first and last period since the start of each stage; the last stage has no end.

    Examples
    --------
    >>> spans({"transition": 0, "embedded": 2})
    {'transition': (0.0, 1.0), 'embedded': (2.0, inf)}
    """
    first = [float(start) for start in stages.values()]
    last = [start - 1 for start in first[1:]] + [np.inf]
    return dict(zip(stages, zip(first, last, strict=True), strict=True))


def before_stages(first: float) -> str:
    """Say which periods from the start on no stage holds, by where the first stage begins; empty where it holds all.

    Examples
    --------
    >>> before_stages(0), before_stages(1), before_stages(2)
    ('', 'the first period from the start on is in no stage', 'the first 2 periods from the start on are in no stage')
    """
    if first < 1:
        return ""
    which = "first period from the start on is" if first == 1 else f"first {first:.0f} periods from the start on are"
    return f"the {which} in no stage"


def by_stage(fitted: Fitted, stages: Mapping[str, int]) -> Fitted:
    """Return an estimate of the effect in each stage in place of a fitted one's cells, for any inference.

    A stage's effect is the plain mean of the effects by event time in it, as the average of the whole event study is;
    its influence is the same mean of theirs. A cell a stage, `event_time` its first period.

    Parameters
    ----------
    stages
        Name to first period since the start; a stage lasts until the next.

    Raises
    ------
    NotIdentified
        The estimator gives no effects by event time, or none lies in any stage.
    """
    staged = ByStage(fitted.estimator, tuple(spans(stages).values()), fitted.estimate.cells)
    return replace(fitted, estimator=staged, estimate=staged.averaged(fitted.estimate))


@dataclass(frozen=True)
class ByStage(Estimator):
    """An estimator whose event study is averaged over stages. No design declares it."""

    name: ClassVar[str] = "by_stage"
    label: ClassVar[str] = "effect by stage"

    inner: Estimator
    """Whose event study it is."""
    stages: tuple[tuple[float, float], ...]
    """First and last event time of each stage."""
    whole: pd.DataFrame
    """Cells of the inner estimate."""

    def complete(self, panel: Panel) -> Estimate:
        """Estimate, and average by stage."""
        return self.averaged(self.inner.complete(panel))

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions the inner estimator's way, and average by stage.

        The error of a stage of several periods is that of the inner method averaged over them alone, if it can be.
        """
        return self._batch(
            self.inner.estimate_assignments(panel, first_treated),
            lambda inner: inner.estimate_assignments(panel, first_treated),
        )

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under adoptions that have a comparison group each, and average by stage."""
        return self._batch(
            self.inner.estimate_groups(panel, first_treated, weights, self.whole),
            lambda inner: inner.estimate_groups(panel, first_treated, weights, self.whole),
        )

    def averaged(self, estimate: Estimate) -> Estimate:
        """Return the cells of stages in which there is an effect, with their influence."""
        inside = self._inside(estimate.cells)
        weights = inside / inside.sum(axis=1, keepdims=True)
        values, missing = _mean(estimate.values[None], weights)
        influence = None if estimate.influence is None else _mean(estimate.influence, weights)[0]
        linear = None if estimate.linear is None else replace(
            estimate.linear, contrast=weights @ estimate.linear.contrast
        )  # fmt: skip
        why = np.where(missing[0], "averages effects that are not identified", "")
        return replace(
            estimate, cells=self._cells(estimate.cells, inside, why), values=values[0], influence=influence,
            linear=linear, series=None, shares=None, deviations=None,
        )  # fmt: skip

    def _batch(self, batch: Batch, again: Callable[[Estimator], Batch]) -> Batch:
        inside = self._inside(batch.cells)
        values, _ = _mean(batch.values, inside / inside.sum(axis=1, keepdims=True))
        errors = None if batch.quoted is None else self._errors(batch.cells, batch.quoted, inside, again)
        return replace(batch, cells=self._cells(batch.cells, inside, ""), values=values, std_error=errors)

    def _errors(
        self, table: pd.DataFrame, std_error: Array, inside: NDArray[np.bool_], again: Callable[[Estimator], Batch]
    ) -> Array:
        """Return the errors of stages, (draws, s); NaN of several periods where the inner method has none of those.

        Parameters
        ----------
        again
            Makes the same draws by another method.
        """
        errors = np.full((len(std_error), len(inside)), np.nan)
        for place, row in enumerate(inside):
            if row.sum() == 1:
                errors[:, place] = std_error[:, row].ravel()
                continue
            events = table["event_time"][row]
            if (inner := self.inner.over_event_times(events.min(), events.max())) is None:
                continue
            drawn = again(inner)
            whole = (drawn.cells["aggregation"] == "event_time") & drawn.cells["event_time"].isna()
            if drawn.std_error is not None and whole.sum() == 1:
                errors[:, place] = drawn.std_error[:, whole.to_numpy()].ravel()
        return errors

    def _cells(self, table: pd.DataFrame, inside: NDArray[np.bool_], why: NDArray[np.str_] | str) -> pd.DataFrame:
        """Lay out a cell a stage; units and rows are those of the event time that has most."""
        first = [stage[0] for stage in self.stages if in_stage(table, stage).any()]
        most = {
            name: [int(table[name].to_numpy(int)[row].max()) for row in inside]
            for name in ("n_obs", "n_units", "n_treated_units")
        }
        same = {name: table[name].to_numpy(object)[inside[0]][0] for name in ("scale", "estimand")}
        return cells(aggregation="event_time", event_time=first, reason=why, **most, **same)

    def _inside(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which cells each stage in which there is an effect averages, (s, m).

        Raises
        ------
        NotIdentified
            There is none in any.
        """
        inside = np.array([in_stage(table, stage) for stage in self.stages])
        inside = inside[inside.any(axis=1)]
        if not len(inside):
            what = f"{self.inner.name} gives no effect by periods since the start"
            if _events(table).any():
                raise NotIdentified("no treated unit is seen in any declared stage")
            raise NotIdentified(f"{what}: choose an estimator that has an event study, such as callaway_santanna")
        return inside


def in_stage(table: pd.DataFrame, stage: tuple[float, float]) -> NDArray[np.bool_]:
    """Say which cells are effects by event time within a stage, (m,); of the whole alone, ratios where there are."""
    return _events(table) & table["event_time"].between(*stage).to_numpy()


def _events(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which cells are effects by event time, (m,); of the whole alone, ratios where there are."""
    own = (table["aggregation"] == "event_time") & (table["subgroup"] == "") & table["event_time"].notna()
    scales = table["scale"][own]
    if (scales == "ratio").any():
        own &= table["scale"] == "ratio"
    return np.asarray(own)


def _mean(values: Array, weights: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Average values (..., m) over the cells of stages, (..., s), NaN where one of them is missing; and where it is."""
    missing = ~np.isfinite(values) @ (weights != 0).T.astype(float) > 0
    return np.where(missing, np.nan, np.nan_to_num(values) @ weights.T), missing
