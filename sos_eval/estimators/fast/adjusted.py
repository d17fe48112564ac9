"""Many outcomes under one adoption, adjusted for covariates: every nuisance model is shared by all draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._adjusted import CellEffects, Nuisance, by_changes
from sos_eval.estimators._cells import CellPlan
from sos_eval.estimators.fast.assignments import chunks, score_errors
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan
from sos_eval.results.estimate import Batch, RowChoice

if TYPE_CHECKING:
    from sos_eval.estimators.fast.cells import GroupTimePattern

__all__ = ["AdjustedPlan", "plan_adjusted"]


@dataclass(frozen=True, slots=True)
class AdjustedPlan:
    """What outcomes do not change.

    Attributes
    ----------
    cells
        Rows of the estimates, q of them: those at positions `chosen` of cells and aggregates.
    inside : (n_units,)
        Which units take part, n of them.
    codes, weights, clusters : (n,)
        Their position among the starts, weight and cluster.
    x : (n, t, k) or (n, 1, k)
        Covariates with a constant.
    no_error : (q,)
        Rows without an error.
    """

    cells: pd.DataFrame
    chosen: NDArray[np.intp]
    plan: CellPlan
    aggregation: AggregationPlan
    inside: NDArray[np.bool_]
    codes: NDArray[np.intp]
    weights: Array
    clusters: NDArray[np.intp]
    x: Array
    nuisance: Nuisance
    no_error: NDArray[np.bool_]

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n_units, n_times)."""
        values, std_error = np.empty((2, len(outcomes), len(self.cells)))
        why = ""
        numbers = len(self.codes) * (len(self.plan.group) + len(self.cells))
        for rows in chunks(len(outcomes), numbers):
            y = outcomes[rows][:, self.inside, : len(self.plan.times)]
            effects = by_changes(np.moveaxis(y, 0, 2), self.x, self.weights, self.plan, self.codes, self.nuisance)
            values[rows], std_error[rows] = self._estimated(effects)
            why = next(filter(None, effects.reasons), "")
        std_error[np.isnan(values)] = np.nan
        std_error[:, self.no_error] = np.nan
        return Batch(self.cells, values, std_error, (why,) * len(outcomes))

    def _estimated(self, effects: CellEffects) -> tuple[Array, Array]:
        """Return values and errors (r, q)."""
        m = len(effects.values)
        cells, averages = self.chosen[self.chosen < m], self.chosen[self.chosen >= m] - m
        own = self.weights[:, None] * (self.codes[:, None] == self.plan.positions)
        sizes = own.sum(0)
        mix = self.aggregation.weights(sizes)[averages]
        missing, known = np.isnan(effects.values.T), np.nan_to_num(effects.values.T)
        averaged = np.where(missing.astype(float) @ (mix != 0).T > 0, np.nan, known @ mix.T)
        slopes = self.aggregation.slopes(known, np.broadcast_to(sizes, (len(known), len(sizes))))[:, averages]
        score = np.moveaxis(np.nan_to_num(effects.score), 2, 0)
        score = np.concatenate([score[:, :, cells], score @ mix.T + own @ np.swapaxes(slopes, 1, 2)], 2)
        values = np.concatenate([effects.values.T[:, cells], averaged], 1)
        return values, score_errors(score, self.clusters)


def plan_adjusted(
    panel: Panel, pattern: GroupTimePattern, x: Array, nuisance: Nuisance, choice: RowChoice | None, *, no_errors: bool
) -> AdjustedPlan:
    """Plan for a panel's adoption, weights and covariates; see `plan_outcomes`."""
    codes = pattern.codes(panel.first_treated)
    part = codes >= 0
    chosen = np.arange(len(pattern.cells)) if choice is None else choice(pattern.cells)
    return AdjustedPlan(
        pattern.cells.iloc[chosen].reset_index(drop=True), chosen, pattern.plan, pattern.aggregation, part, codes[part],
        panel.weights[part], panel.clusters[part], x[part], nuisance, pattern.no_error[chosen] | no_errors,
    )  # fmt: skip
