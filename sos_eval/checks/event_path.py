"""The path of an estimate by event time, every period against the same one, and how it varies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.checks.common_lots import overall_row
from sos_eval.checks.pairs import PairEffect, on_pair, pair
from sos_eval.checks.pre_coefficients import why_none_early
from sos_eval.errors import InputFault
from sos_eval.numerics.restrictions import Timeline
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import cluster_sums
from sos_eval.results.fitted import Fitted
from sos_eval.results.without_effect import without_effect

__all__ = ["FEW", "EventPath", "PathDraws", "PathSpread", "event_path", "path_spread", "pathless"]

#: Treated clusters below which the clustered covariance is too unsure of itself.
FEW = 40
FEWEST_LOTS, LEAST_FINITE = 20, 0.8
SINGULAR = (
    "the covariance of {k} effects by event time is singular: units and adoptions are too few for so many; with fewer "
    "periods (panel.window) or more units it is not"
)
NO_BASE = (
    "its earlier periods are not all compared with one period, so that they say nothing of a path through it; put an "
    "estimator first whose are, such as callaway_santanna (docs/choosing.md lists them)"
)
NO_EARLIER = "no period before the one that all are compared with says how paths diverge"
NO_LATER = "no event time from the start on has an effect"
NO_EVENT_TIMES = "the estimator has no effect by event time"
NO_ERROR = "the effects by event time have no joint covariance"


@dataclass(frozen=True, slots=True)
class PathDraws:
    """Paths under random adoptions, the effect taken out.

    Attributes
    ----------
    estimates : (draws, k)
        Those that can be estimated.
    covariance : (k, k)
        Of them.
    """

    estimates: Array
    covariance: Array


@dataclass(frozen=True, slots=True)
class EventPath:
    """Effects by event time.

    Attributes
    ----------
    fitted
        The estimate; of the method with one base where it has one.
    timeline
        Event times before and after the base.
    values : (k,)
        Effects at them on the working scale, the base apart.
    scores : (n_clusters, k) or None
        Influence summed within clusters, over n.
    scale
        That of the effects; values of a ratio are logs.
    source
        Where they come from, in words.
    estimates
        (panel, starts (draws, n_units)) -> values under other adoptions, (draws, k).
    """

    fitted: Fitted
    timeline: Timeline
    values: Array
    scores: Array | None
    scale: str
    source: str
    estimates: Callable[[Panel, Array], Array]

    @property
    def ratio(self) -> bool:
        """Whether values are logs of ratios."""
        return self.scale == "ratio"

    @property
    def clustered(self) -> Array | str:
        """Covariance by clusters; the reason where there is none."""
        if self.scores is None or not np.isfinite(self.scores).all():
            return NO_ERROR
        return self.scores.T @ self.scores

    def spread(self, draws: int, rebuilt_draws: int, rng: np.random.Generator) -> tuple[Array, PathDraws | None] | str:
        """Return the covariance to rely on, and the random adoptions behind it; the reason where there is none.

        From `FEW` treated clusters on it is the clustered one, else that of random adoptions within the headline's
        strata: `rebuilt_draws` at most where each builds its comparison group again.
        """
        if self.fitted.panel.n_treated_clusters >= FEW:
            clustered = self.clustered
            return clustered if isinstance(clustered, str) else _regular(clustered, None)
        number = draws if self.fitted.rebuild is None else min(draws, rebuilt_draws)
        made = self.drawn(self.fitted.strata, number, rng)
        return made if isinstance(made, str) else _regular(made.covariance, made)

    def drawn(self, strata: tuple[str, ...], draws: int, rng: np.random.Generator) -> PathDraws | str:
        """Estimate the path under random adoptions within strata, the effect taken out; the reason where that fails."""
        space = self.fitted.space(strata)
        if isinstance(space, str):
            return space
        if space.size < FEWEST_LOTS:
            return f"{space.size} possible adoptions are too few for a covariance"
        try:
            values = self.estimates(self._bare(), space.draw(draws, rng).first_treated)
        except InputFault as fault:
            return fault.faults[0].what
        finite = np.isfinite(values).all(1)
        if finite.mean() < LEAST_FINITE:
            return f"{(~finite).mean():.0%} of the random adoptions cannot be estimated"
        return PathDraws(values[finite], np.cov(values[finite].T))

    def _bare(self) -> Panel:
        """Return the source with the effect of each event time taken out of the treated."""
        source = self.fitted.source
        event = (source.frame["time"] - source.frame["first_treated"]).to_numpy(float)
        after = dict(zip(self.timeline.after.tolist(), self.values[len(self.timeline.before) :].tolist(), strict=True))
        return without_effect(source, np.array([after.get(one, 0.0) for one in event]), ratio=self.ratio)


@dataclass(frozen=True, slots=True)
class PathSpread:
    """A path with the covariance to rely on, (k, k), and the random adoptions behind it; None where it is clustered."""

    path: EventPath
    covariance: Array
    drawn: PathDraws | None

    @property
    def origin(self) -> str:
        """What the covariance is of, in words."""
        return "clustered" if self.drawn is None else f"{len(self.drawn.estimates)} random adoptions"


def path_spread(fitted: Fitted, draws: int, rebuilt_draws: int, rng: np.random.Generator) -> PathSpread | str:
    """Return an estimate's path with its covariance (`EventPath.spread`); the reason where there is none."""
    path = event_path(fitted)
    if isinstance(path, str):
        return path
    spread = path.spread(draws, rebuilt_draws, rng)
    return spread if isinstance(spread, str) else PathSpread(path, *spread)


def _regular(covariance: Array, drawn: PathDraws | None) -> tuple[Array, PathDraws | None] | str:
    scale = np.sqrt(np.diag(covariance))
    if not scale.all() or np.linalg.matrix_rank(covariance / np.outer(scale, scale), hermitian=True) < len(scale):
        return SINGULAR.format(k=len(scale))
    return covariance, drawn


def event_path(fitted: Fitted) -> EventPath | str:
    """Return the path of an estimator that has effects by event time, else that of the same model on pairs of periods.

    Returns
    -------
    EventPath or str
        The reason where there is none.
    """
    return _own(fitted) if len(_event_rows(fitted.estimate.cells)) else _of_pairs(fitted)


def pathless(fitted: Fitted) -> str:
    """Say why an estimate has no path by event time; empty where it has one."""
    found = event_path(fitted)
    return found if isinstance(found, str) else ""


def _own(fitted: Fitted) -> EventPath | str:
    """Take the cells by event time, of the method with one base."""
    method = fitted.estimator.on_one_base()
    estimate = fitted.estimate if method == fitted.estimator else method.complete(fitted.panel)
    again = replace(fitted, estimator=method, estimate=estimate)
    rows = _event_rows(estimate.cells)
    values, event = estimate.values[rows], estimate.cells["event_time"].to_numpy(float)[rows]
    scores, fixed = None, values == 0
    if estimate.influence is not None:
        influence = estimate.influence[:, rows]
        fixed &= ~(np.nan_to_num(influence) != 0).any(0)
        scores = cluster_sums(influence, estimate.panel.clusters) / estimate.panel.n_influence
    early = event < -float(method.anticipation)
    if not early.any():
        return why_none_early(again)
    base = np.unique(method.pre_base(estimate, rows[early], fixed[early]))
    if len(base) != 1 or not np.isfinite(base[0]):
        return NO_BASE
    kept = np.flatnonzero(np.isfinite(values) & (event != base[0]))
    kept = kept[np.argsort(event[kept])]
    keys = list(zip(estimate.cells["scale"].to_numpy()[rows[kept]], event[kept], strict=True))

    def estimates(panel: Panel, starts: Array) -> Array:
        batch = replace(again, source=panel).refit_assignments(starts)
        return batch.values[:, _places(batch.cells, keys)]

    return _made(
        again, event[kept], float(base[0]), values[kept], None if scores is None else scores[:, kept],
        str(estimate.cells["scale"].iloc[rows[0]]), "effects by event time", estimates,
    )  # fmt: skip


def _event_rows(cells: pd.DataFrame) -> NDArray[np.intp]:
    """Return the rows by event time; the ratios where there are some."""
    rows = np.flatnonzero((cells["aggregation"] == "event_time") & cells["event_time"].notna())
    ratio = (cells["scale"].to_numpy() == "ratio")[rows]
    return rows[ratio] if ratio.any() else rows


def _places(cells: pd.DataFrame, keys: list[tuple[str, float]]) -> list[int]:
    """Find event times in the rows of a batch."""
    rows = np.flatnonzero((cells["aggregation"] == "event_time") & cells["event_time"].notna())
    at = {(cells["scale"].iloc[row], cells["event_time"].iloc[row]): int(row) for row in rows}
    return [at[key] for key in keys]


def _of_pairs(fitted: Fitted) -> EventPath | str:
    """Estimate the same model on each period with the last one before the start."""
    why, row = _why_no_pairs(fitted), overall_row(fitted)
    if why or row is None:
        return why or "there is no overall effect"
    panel, start = fitted.panel, float(fitted.panel.cohorts[0])
    *_, base = panel.times[panel.times < start - float(fitted.estimator.anticipation)]
    times = panel.times[panel.times != base]
    pairs = [pair(fitted, time, base, row) for time in times]
    if refused := next((made for made in pairs if isinstance(made, str)), ""):
        return refused
    known = [made for made in pairs if isinstance(made, PairEffect)]
    sign = np.where(times > base, 1.0, -1.0)
    values, influence = np.array([made.value for made in known]), np.column_stack([made.influence for made in known])
    scores = cluster_sums(influence * sign, panel.clusters) / panel.n_influence

    def estimates(source: Panel, starts: Array) -> Array:
        return np.column_stack([_pair_draws(fitted, source, time, base, starts, row) for time in times]) * sign

    return _made(
        fitted, times - start, float(base - start), values * sign, scores,
        str(fitted.estimate.cells["scale"].iloc[row]),
        f"the same model on each period with {panel.periods.name(base)}", estimates,
    )  # fmt: skip


def _pair_draws(fitted: Fitted, source: Panel, time: float, base: float, starts: Array, row: int) -> Array:
    """Estimate two periods under other adoptions, (draws,)."""
    later = np.where(np.isfinite(starts), max(time, base), np.inf)
    return on_pair(fitted, source, time, base).refit_assignments(later).values[:, row]


def _why_no_pairs(fitted: Fitted) -> str:
    """Say why the model cannot be fitted period by period; empty where it can."""
    panel = fitted.panel
    if panel.layout != "panel":
        return f"{NO_EVENT_TIMES}, and pairs of periods need layout: panel"
    if len(panel.cohorts) != 1:
        return f"{NO_EVENT_TIMES}, and pairs of periods need one start for all: declare an event study"
    if fitted.rebuild is not None:
        return f"{NO_EVENT_TIMES}, and its comparison group is built again in every draw: declare an event study"
    early = panel.times < panel.cohorts[0] - float(fitted.estimator.anticipation)
    return "" if early.any() else NO_EARLIER


def _made(
    fitted: Fitted, event: Array, base: float, values: Array, scores: Array | None, scale: str, source: str,
    estimates: Callable[[Panel, Array], Array],
) -> EventPath | str:  # fmt: skip
    """Put a path together, or say what it lacks."""
    timeline = Timeline(event[event < base], event[event > base], base)
    if not len(timeline.before):
        return NO_EARLIER
    if not (timeline.after >= 0).any():
        return NO_LATER
    return EventPath(fitted, timeline, values, scores, scale, source, estimates)
