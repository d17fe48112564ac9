"""The true effects behind a line's rows, and the part of a draw that it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault
from sos_eval.montecarlo.line.rows import scalar_rows
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import OverallAverage, overall_average
from sos_eval.worlds.draws import Draws
from sos_eval.worlds.frame import Frame
from sos_eval.worlds.truth import TruthPlan, plan_truth

__all__ = ["NOTHING", "LineTruth", "boxed", "plan_line_truth"]

Codes = NDArray[np.intp]
#: True effects closer to zero than this are none: logs of ratios are rounded.
NOTHING = 1e-12
_KEYS = ["estimand", "aggregation", "scale"]


@dataclass(frozen=True, eq=False)
class LineTruth:
    """Where a line's true effects come from, planned for a frame.

    Attributes
    ----------
    plan
        Of all true effects of the kinds that the line has.
    places : (k,)
        Where each of its rows stands among them; -1: the world has no such quantity.
    units, times
        Positions in the world of the treated units and of the times that the line sees.
    per
        A rate of the line over a rate of the world.
    scale
        ``rate_per`` or ``value``: the scale of differences.
    ratio : (k,)
        Rows that are ratios, whose logs are returned.
    """

    plan: TruthPlan
    places: Codes
    units: Codes
    times: Codes
    per: float
    scale: str
    ratio: NDArray[np.bool_]

    def of(self, draws: Draws) -> Array:
        """Return each draw's true effect of every row, (reps, k); NaN where the world has no such quantity."""
        values = np.full((len(draws.observed), len(self.places)), np.nan)  # one truth for all draws spreads over them
        there = self.places >= 0
        if not there.any():
            return values
        some = slice(1) if self._is_the_same(draws) else slice(None)
        untreated, expected = (
            self.per * boxed(one[some], self.units, self.times) for one in (draws.untreated, draws.expected)
        )
        by_children = self.ratio.any() or self.plan.average.by_exposure
        children = boxed(draws.children if by_children else draws.frame.children, self.units, self.times)
        values[:, there] = self.plan.apply(untreated, expected, children)[:, self.places[there]]
        values[:, self.ratio] = np.log(values[:, self.ratio])
        return values

    def untreated(self, draws: Draws) -> float:
        """Return what is expected of the treated from their starts on without the intervention, on the line's scale."""
        frame = draws.frame
        after = frame.world.periods[self.times] >= frame.first_treated[self.units][:, None]
        values = self.per * boxed(draws.untreated, self.units, self.times)
        return float(values[:, after].mean()) if after.any() else np.nan

    def _is_the_same(self, draws: Draws) -> bool:
        """Whether all draws have one truth: an additive effect that nowhere met the floor at zero."""
        world = draws.frame.world
        additive = world.effect.scale == "rate" and self.plan.kinds == (("att", self.scale),)
        moves = draws.order is not None and (bool(world.effect.moderator) or self.plan.average.by_exposure)
        return additive and not moves and (not world.outcome.counted or bool(draws.expected.min(initial=1.0) > 0))


def plan_line_truth(
    frame: Frame,
    source: Panel,
    units: Codes,
    times: Codes,
    rows: pd.DataFrame,
    reference: Fitted,
    *,
    moved: bool,
) -> LineTruth:
    """Plan the true effects of a line's rows, over its source panel's units and times, as its estimate averages them.

    A world knows what starting does to those that start: rows about others as well (ate, ato) have a true effect only
    where it is none.

    Units treated from the panel's first period on have no effect that anybody could estimate and are left out. Where
    adoption moves and units have weights or kinds of their own, who counts for what changes with every draw: no truth.

    Parameters
    ----------
    units, times
        Positions in the world of the source panel's.
    rows
        Columns ``estimand``, ``aggregation``, ``scale``.
    reference
        The line's estimate on the first draw.
    moved
        Whether adoption is drawn anew in every draw, so that any unit can be treated.
    """
    method, average = reference.estimator, _of_all(reference, source)
    inside = np.arange(len(frame.table)) if moved else units
    periods, starts = frame.world.periods[times], frame.first_treated[inside]
    started = (starts > periods[0]) & np.isfinite(starts)
    of_units = np.ones(len(inside)) if moved else source.weights
    of_rows = of_units[:, None] if moved or average.cohorts_first else np.nan_to_num(source.matrix("weight"))
    weights = np.broadcast_to(of_rows, (len(inside), len(periods)))
    if method.kind_column and not moved:
        started &= method.kinds(source) == 1
    shares = np.array([of_units[starts == g].sum() for g in np.unique(starts[started])])  # of its units of every kind
    treated = inside[started]
    counted = source.outcome.counted
    scale, per = ("rate_per", source.outcome.per / frame.world.outcome.per) if counted else ("value", 1.0)
    if not frame.world.effect.size:  # no effect on anybody: of those that do not start more is not known
        rows = rows.assign(estimand=rows["estimand"].replace({"ate": "att", "ato": "att"}))
    exist = [("att", scale), ("att", "log"), *([("rate_ratio", "ratio")] if counted else [])]
    asked = set(zip(rows["estimand"], rows["scale"], strict=True))
    plan = plan_truth(
        frame.first_treated[treated], periods, [kind for kind in exist if kind in asked], method.event_times,
        average=average, weights=weights[started], shares=shares,
    )  # fmt: skip
    ratio = (rows["scale"] == "ratio").to_numpy()
    unknown = moved and (source.weighted or bool(method.kind_column))
    places = np.full(len(rows), -1, np.intp) if unknown else _places(plan.cells, rows)
    return LineTruth(plan, places, treated, times, per, scale, ratio)


def _of_all(reference: Fitted, source: Panel) -> OverallAverage:
    """Return how an estimate averages effects of all that start: whom a comparison group leaves out is in the truth."""
    estimate, kept = reference.estimate, reference.panel
    if reference.comparison is not None and int(kept.ever_treated.sum()) < int(source.ever_treated.sum()):
        try:
            estimate = reference.estimator.complete(source)
        except InputFault:  # without a group nothing can be estimated: of the cells of the matched
            estimate = reference.estimate
    return overall_average(reference.estimator, estimate)


def _places(cells: pd.DataFrame, rows: pd.DataFrame) -> Codes:
    """Return where rows stand among the scalar cells of a plan; -1 where nowhere."""
    scalars = scalar_rows(cells)
    if not len(scalars):
        return np.full(len(rows), -1, np.intp)
    found = pd.MultiIndex.from_frame(cells.iloc[scalars][_KEYS]).get_indexer(pd.MultiIndex.from_frame(rows[_KEYS]))
    return np.where(found < 0, -1, scalars[found])


def boxed(values: Array, units: Codes, times: Codes) -> Array:
    """Return values (..., n, n_times) at some units and times; as they are where those are all of them in order."""
    shape = len(units), len(times)
    whole = shape == values.shape[-2:] and (np.diff(units) == 1).all() and (np.diff(times) == 1).all()
    return values if whole else values[..., units[:, None], times]
