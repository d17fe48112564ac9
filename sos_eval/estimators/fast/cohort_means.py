"""Group-time effects without covariates on balanced panels: every number from weighted sums by cohort.

A cell is ``mean change of its cohort - mean change of its comparison cohorts``; an aggregate is a weighted mean of
cells. Both are linear in cohort means, so a unit of cohort k contributes ``w_i (Y_i . D_k + c_k)`` to the error of any
of them (Callaway and Sant'Anna 2021, theorem 2 and corollary 2, without covariates). D depends on the cohorts'
weights alone, c on the outcomes too: made once, applied to batches of outcomes or of adoptions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.results.aggregate import AggregationPlan

__all__ = ["Contributions", "Sums", "cohort_effects", "contributions", "errors", "symmetric", "upper"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contributions:
    """Values, and what a unit of each cohort contributes to their error.

    Attributes
    ----------
    values : (..., q)
        Cells, then aggregates.
    slope : (..., k, t, q)
        D: how the contribution moves with the unit's outcomes. Without leading axes where all draws share it.
    constant : (..., k, q)
        c.
    """

    values: Array
    slope: Array
    constant: Array


def contributions(plan: CellPlan, weight: Array, sums: Array, aggregation: AggregationPlan | None) -> Contributions:
    """Compute cells and aggregates from cohorts' sums.

    Parameters
    ----------
    plan
        The cells; k starts, t times, m cells.
    weight : (k,) or (..., k)
        Sum of the units' weights in each cohort; one vector where all draws share it.
    sums : (..., k, t)
        Weighted sum of outcomes.
    aggregation
        How cells are averaged; None for the cells alone.
    """
    treated = np.eye(len(plan.starts))[plan.group] / weight[..., plan.group, None]
    compared = plan.control / (weight @ plan.control.T)[..., None]
    change = sums[..., plan.time] - sums[..., plan.base]
    change = np.moveaxis(change, -1, -2)
    mean_treated = (treated * change).sum(-1)
    mean_compared = (compared * change).sum(-1)
    values = mean_treated - mean_compared
    constant = np.swapaxes(compared * mean_compared[..., None] - treated * mean_treated[..., None], -1, -2)
    contrast = (np.eye(len(plan.times))[plan.time] - np.eye(len(plan.times))[plan.base]).T
    per_cell = np.swapaxes(treated - compared, -1, -2)
    slope = contrast * per_cell[..., None, :]
    if aggregation is None:
        return Contributions(values, slope, constant)
    return _with_aggregates(plan, weight, Contributions(values, slope, constant), aggregation)


def cohort_effects(plan: CellPlan, codes: NDArray[np.intp], weights: Array, outcomes: Array) -> tuple[Array, Array]:
    """Compute the cells (m,) of one adoption and their influence (n, m).

    Parameters
    ----------
    codes, weights : (n,)
        Each unit's position among the starts, and its weight.
    outcomes : (n, t)
        Without gaps.
    """
    outcome = outcomes[:, : len(plan.times)]
    outcome = outcome - outcome.mean(1, keepdims=True)
    weighted = outcome * weights[:, None]
    k = len(plan.starts)
    sums = np.array([weighted[codes == cohort].sum(0) for cohort in range(k)])
    parts = contributions(plan, np.bincount(codes, weights, k).astype(float), sums, None)
    influence = np.empty((len(codes), len(plan.group)))
    for cohort in range(k):
        inside = codes == cohort
        influence[inside] = outcome[inside] @ parts.slope[cohort] + parts.constant[cohort]
    influence *= (weights * len(codes))[:, None]
    return parts.values, influence


def _with_aggregates(
    plan: CellPlan, weight: Array, cells: Contributions, aggregation: AggregationPlan
) -> Contributions:
    """Append the aggregates; estimated cohort shares enter through the constant."""
    own = plan.positions
    shares = weight[..., own]
    mix = np.swapaxes(aggregation.weights(shares), -1, -2)
    averages = aggregation.values(cells.values, shares)
    shared = np.broadcast_to(shares, (*cells.values.shape[:-1], len(own)))
    constant = cells.constant @ mix
    constant[..., own, :] += np.swapaxes(aggregation.slopes(cells.values, shared), -1, -2)
    slope = cells.slope @ (mix if mix.ndim == 2 else mix[..., None, :, :])
    return Contributions(
        np.concatenate([cells.values, averages], -1),
        np.concatenate([cells.slope, slope], -1),
        np.concatenate([cells.constant, constant], -1),
    )


@dataclass(frozen=True, slots=True)
class Sums:
    """Second moments of ``w_i (Y_i, 1)`` by cohort, for errors clustered by unit.

    Attributes
    ----------
    squares : (r, k, t * (t + 1) / 2)
        Sums of ``w_i^2 Y_it Y_is`` over the upper triangle, off-diagonal entries doubled.
    linear : (r, k, t)
        Sums of ``w_i^2 Y_it``.
    count : (r, k)
        Sums of ``w_i^2``.
    """

    squares: Array
    linear: Array
    count: Array


def upper(square: Array) -> Array:
    """Return the upper triangle of symmetric matrices, off-diagonal entries doubled, (..., t, t) -> (..., p)."""
    row, column = np.triu_indices(square.shape[-1])
    return np.asarray(square[..., row, column] * np.where(row == column, 1.0, 2.0))


def errors(parts: Contributions, sums: Sums) -> Array:
    """Return standard errors clustered by unit, (r, q): root of the sum of squared contributions.

    ``sum_i w_i^2 (Y_i . D + c)^2 = D' M D + 2 c s . D + N c^2``, with M, s, N from `Sums`.
    """
    if parts.slope.ndim == 3:
        row, column = np.triu_indices(parts.slope.shape[1])
        products = (parts.slope[:, row] * parts.slope[:, column]).reshape(-1, parts.slope.shape[2])
        square = sums.squares.reshape(-1, len(products)) @ products
        cross = (sums.linear.transpose(1, 0, 2) @ parts.slope).transpose(1, 0, 2)
    else:
        square = (parts.slope * (symmetric(sums.squares) @ parts.slope)).sum((-3, -2))
        cross = (sums.linear[..., None, :] @ parts.slope)[..., 0, :]
    variance = square + (parts.constant * (2 * cross + sums.count[..., None] * parts.constant)).sum(-2)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def symmetric(packed: Array) -> Array:
    """Undo `upper`: (..., p) -> (..., t, t)."""
    t = int((np.sqrt(8 * packed.shape[-1] + 1) - 1) / 2)
    row, column = np.triu_indices(t)
    place = np.empty((t, t), int)
    place[row, column] = place[column, row] = np.arange(len(row))
    return packed[..., place] * np.where(np.eye(t, dtype=bool), 1.0, 0.5)
