"""Group-time effects without covariates on panels with gaps, under many adoptions at once.

Every cell compares means of levels, so a unit of cohort k contributes ``f_i . D_k`` to its error, with features
``f_i = (w_it Y_it, w_it, w_i)`` that are zero where a row is missing: matrix products of sums by cohort again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._batch import Part, by_pattern, chunks
from sos_eval.estimators._cells import CellPlan
from sos_eval.estimators._cohort_means import symmetric, upper
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan
from sos_eval.results.estimate import Batch, Estimate

__all__ = ["batch_levels"]

Planned = tuple[CellPlan, AggregationPlan, pd.DataFrame, NDArray[np.bool_]]


def batch_levels(
    panel: Panel, kept: Panel, first_treated: Array, planned: Callable[[Array, Array], Planned],
    complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate under many adoptions, (r, panel.n_units).

    A draw that leaves some mean without a row is estimated by itself.

    Parameters
    ----------
    panel, kept
        As given, and with the complete rows alone.
    planned
        Plans cells, aggregates, their table, and which rows have no error, for an adoption and its starts.
    """
    place = pd.Index(panel.units).get_indexer(pd.Index(kept.units))
    features = _features(kept)

    def estimated(adoption: Array, starts: Array) -> Part:
        here = adoption[:, place]
        plan, aggregation, table, no_error = planned(here[0], starts)
        values, std_error = _estimated(features, kept.clusters, here, plan, aggregation)
        std_error[:, no_error] = np.nan
        std_error[np.isin(here, plan.cohorts).sum(1) == 1] = np.nan
        return Part(table, values, std_error, np.ones(len(here), bool))

    return by_pattern(panel, first_treated, estimated, complete)


def _features(panel: Panel) -> Array:
    """Return ``(w Y, w, mean weight)`` by unit, (n, 2 t + 1); outcomes less their period's mean, zero where missing."""
    weights = np.nan_to_num(panel.matrix("weight"))
    outcome = np.nan_to_num(panel.matrix())
    outcome = outcome - (weights * outcome).sum(0) / weights.sum(0)
    return np.column_stack([weights * outcome, weights, panel.weights])


def _estimated(
    features: Array, clusters: NDArray[np.intp], adoption: Array, plan: CellPlan, aggregation: AggregationPlan
) -> tuple[Array, Array]:
    """Return values and errors (r, q); NaN where a mean has no row."""
    n, f = features.shape
    k, q = len(plan.starts), len(plan.group) + len(aggregation.means)
    own_clusters = len(np.unique(clusters)) == n
    products = upper(features[:, :, None] * features[:, None, :]) if own_clusters else features
    codes = plan.codes(adoption)
    values, std_error = np.empty((len(adoption), q)), np.empty((len(adoption), q))
    for some in chunks(len(adoption), k * (n + products.shape[1] + 3 * f * q)):
        member = (codes[some, None, :] == np.arange(k)[:, None]).astype(float)
        values[some], slope = _slopes(member @ features, plan, aggregation)
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


def _slopes(sums: Array, plan: CellPlan, aggregation: AggregationPlan) -> tuple[Array, Array]:
    """Return values (r, q) and D (r, k, 2 t + 1, q) from the cohorts' sums of features (r, k, 2 t + 1)."""
    r, k, f = sums.shape
    t, m = (f - 1) // 2, len(plan.group)
    total, weight = sums[:, :, :t][:, :, : len(plan.times)], sums[:, :, t : 2 * t][:, :, : len(plan.times)]
    sides = ((1.0, np.eye(k)[plan.group]), (-1.0, plan.control.astype(float)))
    values, slope = np.zeros((r, m)), np.zeros((r, k, f, m))
    every = np.arange(m)
    for side, who in sides:
        for sign, when in ((1.0, plan.time), (-1.0, plan.base)):
            rows = np.einsum("mk,rkm->rm", who, weight[:, :, when])
            inverse = np.divide(1.0, rows, out=np.full_like(rows, np.nan), where=rows > 0)
            level = np.einsum("mk,rkm->rm", who, total[:, :, when]) * inverse
            share = side * sign * who.T * np.nan_to_num(inverse)[:, None, :]
            values += side * sign * level
            slope[:, :, when, every] += share
            slope[:, :, t + when, every] -= share * np.nan_to_num(level)[:, None, :]
    sizes = sums[:, plan.positions, -1]
    known = np.nan_to_num(values)
    averages = np.where(np.isnan(values).any(1, keepdims=True), np.nan, aggregation.values(known, sizes))
    mixed = slope @ aggregation.weights(sizes).swapaxes(1, 2)[:, None]
    mixed[:, plan.positions, -1] += aggregation.slopes(known, sizes).swapaxes(1, 2)
    return np.concatenate([values, averages], 1), np.concatenate([slope, mixed], 3)
