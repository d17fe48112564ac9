"""Coefficients before treatment, from an estimate that has them or from a companion that does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.checks.pairs import PairEffect, pair
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Estimate, cluster_sums
from sos_eval.results.fitted import Fitted

__all__ = ["PreCoefficients", "pre_coefficients", "why_none_early"]

OWN = "cells of the estimate"
NO_INFLUENCE = "the estimator has no influence function, so its coefficients have no joint covariance"
NOBODY_UNTREATED = (
    "everybody starts at once, so no estimator gives a coefficient before the start: this check needs untreated units "
    "(19 or more beside one treated: docs/choosing.md)"
)
NO_PERIOD = "no period lies before the start, its comparison period apart"


@dataclass(frozen=True, slots=True)
class PreCoefficients:
    """Estimates for periods before the start.

    Attributes
    ----------
    cells
        Key columns cohort, time, event_time; q rows.
    values : (q,)
        On the working scale (logs for a ratio).
    scores : (n_clusters, q)
        Influence summed within the panel's clusters, over n: its cross product is the covariance.
    groups : (n_clusters,)
        Cohort of each cluster (of its first unit to start), from 0; treated or not for averages over cohorts.
    distance : (q,)
        How far in time each stands from what it is compared with, signed as a trend moves it; NaN where that is not
        one number.
    n_treated_clusters
        How many of the clusters are treated.
    source
        Where they come from, in words.
    reason
        Why there are none; else empty.
    """

    cells: pd.DataFrame
    values: Array
    scores: Array
    groups: NDArray[np.intp]
    distance: Array
    n_treated_clusters: int
    source: str
    reason: str = ""

    @property
    def covariance(self) -> Array:
        """Covariance of the coefficients, (q, q)."""
        return self.scores.T @ self.scores

    @property
    def n_clusters(self) -> int:
        """How many clusters stand behind it."""
        return len(self.groups)

    @property
    def is_own(self) -> bool:
        """Whether they are cells of the estimate itself, not a companion's."""
        return self.source.endswith(OWN)

    @property
    def is_supported(self) -> bool:
        """Whether every group has at least two clusters more than coefficients that it moves."""
        sizes = np.bincount(self.groups)
        moved = [int(self.scores[self.groups == g].any(0).sum()) for g in range(len(sizes))]
        return bool((sizes >= np.array(moved) + 2)[np.array(moved) > 0].all())

    def only(self, kept: NDArray[np.bool_]) -> PreCoefficients:
        """Return some of the coefficients."""
        return replace(
            self, cells=self.cells[kept], values=self.values[kept], scores=self.scores[:, kept],
            distance=self.distance[kept],
        )  # fmt: skip


def pre_coefficients(fitted: Fitted, *, by: str, include_anticipation: bool) -> PreCoefficients:
    """Collect the coefficients of periods before the start.

    An estimator with group-time or event-time cells gives its own. For one that has a single coefficient the same
    model is fitted again on pairs of periods before anyone starts: each period s with the last one, r, units that
    are ever treated taken as treated in r. Minus that coefficient is the treated-by-period interaction of s relative
    to r; their covariance comes from the stacked influence. The comparison group stays as it was built.

    Parameters
    ----------
    by
        ``group_time`` (as did's pre-test), ``event_time``, or ``auto``: the first where every cohort has at least two
        clusters more than coefficients that it moves, else the second. An estimator without cohorts has the second.
    include_anticipation
        Whether cells within the estimator's declared anticipation count as before the start.
    """
    estimate = fitted.estimate
    if estimate.influence is None:
        return _none(estimate, NO_INFLUENCE)
    early = _early(fitted, include_anticipation)
    for aggregation in ("event_time",) if by == "event_time" else ("group_time", "event_time"):
        rows = np.flatnonzero(early & (estimate.cells["aggregation"] == aggregation).to_numpy())
        if not len(rows):
            continue
        found = _own(fitted, rows, estimate.influence[:, rows], aggregation)
        if by != "auto" or aggregation == "event_time" or found.reason or found.is_supported:
            return found
    if (estimate.cells["aggregation"] == "event_time").any():
        return _none(estimate, why_none_early(fitted))
    return _companion(fitted)


def why_none_early(fitted: Fitted) -> str:
    """Say why an estimate with effects by event time has none before the start: no periods, or no such method."""
    panel, ahead = fitted.panel, float(fitted.estimator.anticipation)
    periods = int((panel.times < panel.cohorts.max() - ahead).sum()) if len(panel.cohorts) else 0
    if periods >= 2 and len(panel.cohorts) == 1 and fitted.source.ever_treated.all():
        return NOBODY_UNTREATED
    return NO_PERIOD if periods < 2 else fitted.estimator.why_no_earlier


def _early(fitted: Fitted, include_anticipation: bool) -> NDArray[np.bool_]:
    """Return which cells lie before the start, (m,)."""
    ahead = 0.0 if include_anticipation else float(fitted.estimator.anticipation)
    return np.asarray(fitted.estimate.cells["event_time"].to_numpy(float) < -ahead)


def _own(fitted: Fitted, rows: NDArray[np.intp], influence: Array, aggregation: str) -> PreCoefficients:
    """Take an estimate's own cells, without those that are zero by construction or not identified."""
    estimate = fitted.estimate
    table, values = estimate.cells.iloc[rows], estimate.values[rows]
    fixed = (values == 0) & ~(np.nan_to_num(influence) != 0).any(0)
    known = np.isfinite(values) & ~fixed & np.isfinite(influence).all(0)
    if not known.any():
        why = [reason for reason in table.loc[~fixed, "reason"].unique() if reason]
        return _none(estimate, "; ".join(why) or NO_PERIOD)
    distance = (table["event_time"].to_numpy(float) - fitted.estimator.pre_base(estimate, rows, fixed))[known]
    source = f"{aggregation} {OWN}"
    return _from(estimate, table[known], values[known], influence[:, known], distance, source)


def _companion(fitted: Fitted) -> PreCoefficients:
    """Fit the same model on pairs of periods before anyone starts."""
    estimate = fitted.estimate
    panel = estimate.panel
    if panel.layout != "panel":
        return _none(estimate, "the estimator has no coefficient per period, and pairs of periods need layout: panel")
    if len(panel.pre_times) < 2:
        return _none(estimate, "fewer than two periods lie before the first start")
    *earlier, last = panel.pre_times
    pairs = [pair(fitted, time, last) for time in earlier]
    refused = [made if isinstance(made, str) else made.reason for made in pairs]
    if any(refused):
        return _none(estimate, next(filter(None, refused)))
    known = [made for made in pairs if isinstance(made, PairEffect)]
    table = pd.DataFrame({"cohort": np.nan, "time": earlier, "event_time": np.array(earlier) - panel.cohorts.min()})
    source = f"the same model on each earlier period with {panel.periods.name(last)}, comparison group as built"
    return _from(
        estimate, table, -np.array([made.value for made in known]),
        -np.column_stack([made.influence for made in known]), np.array(earlier) - last, source,
    )  # fmt: skip


def _from(
    estimate: Estimate, table: pd.DataFrame, values: Array, influence: Array, distance: Array, source: str
) -> PreCoefficients:
    """Put coefficients together with what their covariance is made of."""
    panel = estimate.panel
    starts = panel.first_treated if panel.layout == "panel" else panel.frame["first_treated"].to_numpy(float)
    first = np.full(panel.n_clusters, np.inf)
    np.minimum.at(first, panel.clusters, starts)
    cohort = first if source.startswith("group_time") else np.isfinite(first)
    return PreCoefficients(
        cells=table[["cohort", "time", "event_time"]].reset_index(drop=True), values=values,
        scores=cluster_sums(influence, panel.clusters) / panel.n_influence,
        groups=np.unique(cohort, return_inverse=True)[1], distance=np.asarray(distance, float),
        n_treated_clusters=panel.n_treated_clusters, source=source,
    )  # fmt: skip


def _none(estimate: Estimate, reason: str) -> PreCoefficients:
    table = pd.DataFrame(columns=["cohort", "time", "event_time"])
    empty, nobody = np.empty(0), np.empty(0, dtype=np.intp)
    return PreCoefficients(
        table, empty, np.empty((0, 0)), nobody, empty, estimate.panel.n_treated_clusters, "", reason
    )  # fmt: skip
