"""Group-time effects without covariates on panels with gaps, under many adoptions at once.

Every cell compares means of changes (or of levels), so a unit of cohort k contributes ``f_i . D_k`` to its error, with
features ``f_i = (w_ic Y_ic, w_ic, w_i)`` of columns c (pairs of periods, or periods) that are zero where a row is
missing: matrix products of sums by cohort again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.estimators.fast.assignments import Part, by_pattern, chunks
from sos_eval.estimators.fast.cohort_means import symmetric, upper
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan
from sos_eval.results.estimate import Batch, Estimate

__all__ = ["Columned", "batch_with_gaps", "by_period", "by_period_pair"]

Codes = NDArray[np.intp]
Planned = tuple[CellPlan, AggregationPlan, pd.DataFrame, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Columned:
    """What cells add up, column by column.

    Attributes
    ----------
    features : (n, 2 c + 1)
        ``w Y`` and ``w`` by column, zero where a row is missing, and the unit's weight.
    terms
        Sign and every cell's column, (m,): what a cell's means are added up from.
    """

    features: Array
    terms: tuple[tuple[float, Codes], ...]


def batch_with_gaps(
    panel: Panel, kept: Panel, first_treated: Array, planned: Callable[[Array, Array], Planned],
    columned: Callable[[Panel, CellPlan], Columned], complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate under many adoptions, (r, panel.n_units).

    A draw that leaves some mean without a row is estimated by itself.

    Parameters
    ----------
    panel, kept
        As given, and with the complete rows alone.
    planned
        Plans cells, aggregates, their table, and which rows have no error, for an adoption and its starts.
    columned
        `by_period_pair` or `by_period`.
    """
    place = pd.Index(panel.units).get_indexer(pd.Index(kept.units))

    def estimated(adoption: Array, starts: Array) -> Part:
        here = adoption[:, place]
        plan, aggregation, table, no_error = planned(here[0], starts)
        values, std_error = _estimated(columned(kept, plan), kept.clusters, here, plan, aggregation)
        std_error[:, no_error] = np.nan
        std_error[np.isin(here, plan.cohorts).sum(1) == 1] = np.nan
        return Part(table, values, std_error, np.ones(len(here), bool))

    return by_pattern(panel, first_treated, estimated, complete)


def by_period(panel: Panel, plan: CellPlan) -> Columned:
    """Compare levels: a column a period, with each row's own weight."""
    features = _features(np.nan_to_num(panel.matrix("weight")), panel.matrix(), panel.weights)
    return Columned(features, ((1.0, plan.time), (-1.0, plan.base)))


def by_period_pair(panel: Panel, plan: CellPlan) -> Columned:
    """Compare changes of the units that are seen in both periods: a column a pair of periods, with unit weights."""
    pairs, column = np.unique(np.column_stack([plan.time, plan.base]), axis=0, return_inverse=True)
    outcome = panel.matrix()
    change = outcome[:, pairs[:, 0]] - outcome[:, pairs[:, 1]]
    weights = np.where(np.isfinite(change), np.nan_to_num(panel.weights)[:, None], 0.0)
    return Columned(_features(weights, change, panel.weights), ((1.0, column.ravel()),))


def _features(weights: Array, values: Array, of_units: Array) -> Array:
    """Return ``(w Y, w, weight of the unit)``, (n, 2 c + 1); values less their column's mean, zero where missing."""
    known = np.nan_to_num(values)
    total = weights.sum(0)
    known = known - np.divide((weights * known).sum(0), total, out=np.zeros_like(total), where=total > 0)
    return np.column_stack([weights * known, weights, np.nan_to_num(of_units)])


def _estimated(
    columned: Columned, clusters: Codes, adoption: Array, plan: CellPlan, aggregation: AggregationPlan
) -> tuple[Array, Array]:
    """Return values and errors (r, q); NaN where a mean has no row."""
    features = columned.features
    n, f = features.shape
    k, q = len(plan.starts), len(plan.group) + len(aggregation.means)
    own_clusters = len(np.unique(clusters)) == n
    products = upper(features[:, :, None] * features[:, None, :]) if own_clusters else features
    codes = plan.codes(adoption)
    values, std_error = np.empty((len(adoption), q)), np.empty((len(adoption), q))
    for some in chunks(len(adoption), k * (n + products.shape[1] + 3 * f * q)):
        member = (codes[some, None, :] == np.arange(k)[:, None]).astype(float)
        values[some], slope = _slopes(member @ features, plan, columned.terms, aggregation)
        if own_clusters:
            square = symmetric((member.reshape(-1, n) @ products).reshape(-1, k, products.shape[1]))
            variance = (slope * (square @ slope)).sum((1, 2))
        else:
            variance = np.zeros_like(values[some])
            for cluster in np.unique(clusters):
                inside = clusters == cluster
                sums = member[:, :, inside] @ features[inside]
                variance += (sums[:, :, None, :] @ slope)[:, :, 0].sum(1) ** 2
        std_error[some] = np.sqrt(np.maximum(variance, 0.0))
    return values, std_error


def _slopes(
    sums: Array, plan: CellPlan, terms: tuple[tuple[float, Codes], ...], aggregation: AggregationPlan
) -> tuple[Array, Array]:
    """Return values (r, q) and D (r, k, 2 c + 1, q) from the cohorts' sums of features (r, k, 2 c + 1)."""
    r, k, f = sums.shape
    c, m = (f - 1) // 2, len(plan.group)
    total, weight = sums[:, :, :c], sums[:, :, c : 2 * c]
    sides = ((1.0, np.eye(k)[plan.group]), (-1.0, plan.control.astype(float)))
    values, slope = np.zeros((r, m)), np.zeros((r, k, f, m))
    every = np.arange(m)
    for side, who in sides:
        for sign, when in terms:
            rows = np.einsum("mk,rkm->rm", who, weight[:, :, when])
            inverse = np.divide(1.0, rows, out=np.full_like(rows, np.nan), where=rows > 0)
            level = np.einsum("mk,rkm->rm", who, total[:, :, when]) * inverse
            share = side * sign * who.T * np.nan_to_num(inverse)[:, None, :]
            values += side * sign * level
            slope[:, :, when, every] += share
            slope[:, :, c + when, every] -= share * np.nan_to_num(level)[:, None, :]
    sizes = sums[:, plan.positions, -1]
    known = np.nan_to_num(values)
    averages = np.where(np.isnan(values).any(1, keepdims=True), np.nan, aggregation.values(known, sizes))
    mixed = slope @ aggregation.weights(sizes).swapaxes(1, 2)[:, None]
    mixed[:, plan.positions, -1] += aggregation.slopes(known, sizes).swapaxes(1, 2)
    return np.concatenate([values, averages], 1), np.concatenate([slope, mixed], 3)
