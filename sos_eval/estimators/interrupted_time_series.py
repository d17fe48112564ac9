"""Segmented regression: a step and a change of slope at the start, less those of the comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, numeral
from sos_eval.estimators._regression import SINGLE
from sos_eval.numerics.segmented import segmented_fit, segments
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, Planned, RowChoice, cells, clustered_error
from sos_eval.results.estimator import PlannedEstimator
from sos_eval.results.method import register
from sos_eval.results.strata import without_strata

__all__ = ["InterruptedTimeSeries"]

FEWEST = 8
ALONE = "no comparison: whatever else changed at the start, or bent the series since, is in these effects"


@register("interrupted_time_series")
@dataclass(frozen=True)
class InterruptedTimeSeries(PlannedEstimator):
    """Segmented regression of the treated's mean, less that of the comparison where there is one."""

    label: ClassVar[str] = "interrupted time series"
    reference: ClassVar[str] = "Wagner, Soumerai, Zhang and Ross-Degnan (2002); Linden (2015) with a comparison"
    needs: ClassVar[dict[str, int]] = {"pre_periods": FEWEST, "treated_units": 1, "untreated_units": 0}
    fewest_from_start: ClassVar[int] = FEWEST

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return (
            "without the intervention the line of the periods before the start (of the treated, less that of the "
            "comparison where there is one) would have gone on"
        )

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate by event time what step and change of slope make of the treated, and the mean over event times.

        Coefficients are linear in the series, so that a mean series has the mean of its units' coefficients: how they
        vary over units is the influence, and the averaged series is kept for errors over time.
        """
        start = self._start(panel)
        share, contrast = _shares(panel.first_treated, panel.weights), _contrast(panel.times, start)
        own = _effects(panel, start)
        series = segmented_fit(share @ panel.matrix(), panel.times, start, contrast)
        said = f"step {numeral(series.coef[2])} at the start, and {numeral(series.coef[3])} a period since"
        notes = (said, *without_strata(panel))
        return Estimate(
            self._cells(panel, start), share @ own, _influence(own, share, panel.ever_treated), panel, series=series,
            notes=(*notes, ALONE) if panel.ever_treated.all() else notes,
        )  # fmt: skip

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for a panel: effects are linear in outcomes, so that lines are fitted once for all of them."""
        loop = self.unplanned(panel, choice)
        if panel.layout != "panel" or not panel.is_balanced:
            return loop
        first = self.complete(panel)
        kept = np.arange(len(first.values)) if choice is None else choice(first.cells)
        table = first.cells.iloc[kept].reset_index(drop=True)
        share = _shares(panel.first_treated, panel.weights)
        return Planned(_SeriesPlan(first, table, share, _combinations(panel.times, self._start(panel))[:, kept]), loop)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions; at once where all have the same start."""
        treated = np.isfinite(first_treated)
        starts = np.unique(first_treated[treated])
        if len(starts) != 1 or len(np.unique(treated.sum(1))) != 1:
            return super().estimate_assignments(panel, first_treated)
        first = self.complete(panel.with_first_treated(first_treated[0]))
        own = _effects(panel, float(starts[0]))
        shares = np.array([_shares(one, panel.weights) for one in first_treated])
        influence = [_influence(own, share, who) for share, who in zip(shares, treated, strict=True)]
        errors = np.array([clustered_error(replace(first, influence=one)) for one in influence], float)
        return Batch(first.cells, shares @ own, errors)

    def _start(self, panel: Panel) -> float:
        """Return the one start, with periods enough on either side.

        Raises
        ------
        NotIdentified
            Several starts, or too few periods.
        """
        if len(panel.cohorts) != 1:
            what = f"{self.name}: {len(panel.cohorts)} starts, and a series has one"
            raise NotIdentified(panel.fault(what, "keep the units of one start, or declare an event study"))
        start = float(panel.cohorts[0])
        before, after = int((panel.times < start).sum()), int((panel.times >= start).sum())
        if min(before, after) < FEWEST:
            what = f"{self.name}: {before} periods before the start and {after} from it on; it needs {FEWEST} of each"
            raise NotIdentified(panel.fault(what, "use quarters or months, a wider panel.window, or another method"))
        return start

    def _cells(self, panel: Panel, start: float) -> pd.DataFrame:
        since, treated = panel.times[panel.times >= start] - start, int(panel.ever_treated.sum())
        return cells(
            aggregation=["event_time"] * len(since) + ["overall"], event_time=[*since, np.nan],
            reason=SINGLE if treated == 1 else "", n_units=panel.n_units, n_obs=panel.n_rows,
            n_treated_units=treated, scale=panel.outcome.scale,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _SeriesPlan:
    """One adoption, planned.

    Attributes
    ----------
    first
        An estimate of it.
    cells
        The rows that are kept, m of them.
    share : (n_units,)
    combinations : (n_times, m)
        What each row makes of a unit's outcomes.
    """

    first: Estimate
    cells: pd.DataFrame
    share: Array
    combinations: Array

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (draws, n_units, n_times)."""
        own = np.asarray(outcomes, float) @ self.combinations
        treated = self.first.panel.ever_treated
        influence = (_influence(one, self.share, treated) for one in own)
        errors = np.array([clustered_error(replace(self.first, influence=one)) for one in influence], float)
        return Batch(self.cells, self.share @ own, errors, ("",) * len(own))


def _contrast(times: Array, start: float) -> Array:
    """Return effects by event time, then their mean, as combinations of step and change of slope, (m, 2)."""
    since = times[times >= start] - start
    each = np.column_stack([np.ones(len(since)), since])
    return np.vstack([each, each.mean(0)])


def _effects(panel: Panel, start: float) -> Array:
    """Return each unit's own effects, (n_units, m): its step and change of slope in the same combinations."""
    return np.asarray(panel.matrix() @ _combinations(panel.times, start))


def _combinations(times: Array, start: float) -> Array:
    """Return what effects make of a unit's outcomes, (n_times, m): step and change of slope are linear in them."""
    x = segments(times, start)
    return np.asarray((np.linalg.inv(x.T @ x) @ x.T)[2:].T @ _contrast(times, start).T)


def _shares(first_treated: Array, weights: Array) -> Array:
    """Return what each unit counts: shares of the treated, less those of the comparison where there is one."""
    treated = np.isfinite(first_treated)
    own, other = np.where(treated, weights, 0.0), np.where(treated, 0.0, weights)
    return np.asarray(own / own.sum() - (other / other.sum() if other.any() else 0.0))


def _influence(own: Array, share: Array, treated: NDArray[np.bool_]) -> Array:
    """Return the influence of weighted means over the treated and over the others, (n_units, m)."""
    mean = np.where(treated[:, None], share[treated] @ own[treated], -share[~treated] @ own[~treated])
    influence = len(own) * share[:, None] * (own - mean)
    return influence if treated.sum() > 1 else np.full(influence.shape, np.nan)
