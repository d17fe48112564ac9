"""Many outcomes under one adoption, or many adoptions, where cells are compared one by one.

For outcomes every nuisance model is shared by all draws; for adoptions they are fitted for all draws at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.estimators._involved import Involved
from sos_eval.estimators.fast.assignments import Part, chunks, score_errors
from sos_eval.estimators.fast.cells import GroupTimePattern
from sos_eval.estimators.fast.effects import CellEffects, Changes, Compared, Nuisance, cell_effects, summed
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan
from sos_eval.results.estimate import Batch, RowChoice

__all__ = ["AdjustedPlan", "Shares", "assigned", "plan_adjusted"]

Codes = NDArray[np.intp]

#: Numbers that a chunk of adoptions may hold at a time (48 MB of doubles): below it, calls cost more than arithmetic.
_HOLD = 6_000_000


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
    chosen: Codes
    plan: CellPlan
    aggregation: AggregationPlan
    inside: NDArray[np.bool_]
    codes: Codes
    weights: Array
    clusters: Codes
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
            data = Changes(np.moveaxis(y, 0, 2), self.x, self.weights)
            effects = cell_effects(data, self.plan, self.codes[None], self.nuisance)
            values[rows], std_error[rows] = self._estimated(effects)
            why = next(filter(None, effects.reasons[0]), "")
        std_error[np.isnan(values)] = np.nan
        std_error[:, self.no_error] = np.nan
        return Batch(self.cells, values, std_error, (why,) * len(outcomes))

    def _estimated(self, effects: CellEffects) -> tuple[Array, Array]:
        """Return values and errors (r, q)."""
        cell_values, m = effects.values[0].T, effects.values.shape[1]
        cells, averages = self.chosen[self.chosen < m], self.chosen[self.chosen >= m] - m
        members = self.weights[:, None] * (self.codes[:, None] == self.plan.positions)
        sizes = members.sum(0)
        mix = self.aggregation.weights(sizes)[averages]
        averaged = _averaged(cell_values, mix)
        slopes = self.aggregation.slopes(
            np.nan_to_num(cell_values), np.broadcast_to(sizes, (len(cell_values), len(sizes)))
        )
        score = np.moveaxis(effects.score[0], 2, 0)
        through = members @ np.swapaxes(slopes[:, averages], 1, 2)
        score = np.concatenate([score[:, :, cells], score @ mix.T + through], 2)
        return np.concatenate([cell_values[:, cells], averaged], 1), score_errors(score, self.clusters)


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


def _averaged(values: Array, mix: Array) -> Array:
    """Average cells (r, m) by weights (q, m) or (r, q, m); NaN where one that counts is NaN."""
    weights = np.swapaxes(mix, -1, -2)
    missing = (np.isnan(values).astype(float)[:, None] @ (weights != 0))[:, 0] > 0
    return np.where(missing, np.nan, (np.nan_to_num(values)[:, None] @ weights)[:, 0])


@dataclass(frozen=True, slots=True)
class Shares:
    """What cohorts' shares are estimated from: weights of units, or of rows (cross-sections).

    Attributes
    ----------
    weights : (s,)
    unit, place : (s,)
        Unit of each, and where its contribution is summed.
    """

    weights: Array
    unit: Codes
    place: Codes


def assigned(
    data: Compared, shares: Shares, place: Codes, pattern: GroupTimePattern, first_treated: Array, nuisance: Nuisance,
    who: Involved,
) -> Part:  # fmt: skip
    """Estimate draws of one pattern, (r, n_units).

    Draws that lose a start or a period with the units in no cell have other cells: they are estimated by themselves.

    Parameters
    ----------
    place : (n,)
        Where the contribution of each row of the data is summed: one place a cluster.
    who
        Whom the cells involve.
    """
    codes = pattern.codes(first_treated)
    m, q, c = len(pattern.plan.group), len(pattern.cells), int(place.max(initial=-1)) + 1
    where = None if np.array_equal(place, np.arange(len(data.weights))) else place
    values, std_error = np.full((2, len(codes), q), np.nan)
    failures, holds = np.full(len(codes), "", object), who.same_plan(codes)
    held = np.flatnonzero(holds)
    size = c * 2 * (m + q) + len(shares.unit) * len(pattern.plan.cohorts) + 12 * len(place)
    for rows in chunks(len(held), size, _HOLD):
        some = held[rows]
        effects = cell_effects(data, pattern.plan, codes[some], nuisance, where)
        values[some], std_error[some] = _assigned(effects, shares, codes[some], pattern, who)
        empty = effects.reasons != ""
        failures[some] = np.where(empty.any(1), effects.reasons[np.arange(len(empty)), empty.argmax(1)], "")
    std_error[np.isnan(values)] = np.nan
    std_error[(np.isin(first_treated, pattern.plan.cohorts) & who.members(codes)).sum(1) == 1] = np.nan
    std_error[:, pattern.no_error] = np.nan
    return Part(pattern.cells, values, std_error, holds, failures)


def _assigned(
    effects: CellEffects, shares: Shares, codes: Codes, pattern: GroupTimePattern, who: Involved
) -> tuple[Array, Array]:
    """Return values and errors (r, q) of one chunk."""
    cell_values, score = effects.values[:, :, 0], effects.score[..., 0]
    positions = pattern.plan.positions
    own = codes[..., None] == positions if who.everyone else who.weighing(codes, positions)
    members = own[:, shares.unit] * shares.weights[:, None]
    sizes = members.sum(1)
    same = bool((sizes == sizes[0]).all())
    mix = pattern.aggregation.weights(sizes[0] if same else sizes)
    slopes = pattern.aggregation.slopes(np.nan_to_num(cell_values), sizes)
    _, by_place = summed(members, shares.place)
    r, c, m = score.shape
    averages = (score.reshape(-1, m) @ mix.T).reshape(r, c, -1) if same else score @ np.swapaxes(mix, 1, 2)
    averages += by_place @ np.swapaxes(slopes, 1, 2)
    variance = [np.einsum("rcm,rcm->rm", part, part) for part in (score, averages)]
    return np.concatenate([cell_values, _averaged(cell_values, mix)], 1), np.sqrt(np.concatenate(variance, 1))
