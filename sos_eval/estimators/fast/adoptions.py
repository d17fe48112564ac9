"""Many adoptions at once where rows are missing, weights move over time, or covariates enter: sums over cohorts.

Outcome and covariates do not depend on adoption: effects are taken out of both once, and the covariates out of the
outcome (Frisch and Waugh 1933; Lovell 1963). Regressors are the same for all units of a cohort, ``X_k`` (t, p), so a
draw enters through sums over its cohorts alone. With ``L_i = diag(w_i) - w_i w_i' / w_i.`` (weights of a unit less
their unit mean), ``T = sum_k L_k X_k``, Q the inverse of the system in the time effects, and z the covariates:

    gram = sum_k X_k' L_k X_k - T' Q T - C' (sum w z z')^-1 C,    C = sum_k (sum_{i in k} w z)' X_k.

Rows of one unit and period are added up first, so cross-sections are panels of their areas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._regression import Rows
from sos_eval.estimators.fast.assignments import Part, by_pattern, chunks, score_errors
from sos_eval.estimators.fast.cohort_means import symmetric, upper
from sos_eval.estimators.fast.regression import RegressionPattern, inverse
from sos_eval.estimators.fast.rows import unit_clusters
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate

__all__ = ["CellSums", "batch_adoptions", "cell_sums"]

#: A regressor of which effects and covariates leave less than this share of its squares is fitted by itself: sums of
#: squares less what is explained keep too few digits.
LITTLE = 1e-6


@dataclass(frozen=True, slots=True)
class CellSums:
    """What no draw changes, added up by unit and period.

    Attributes
    ----------
    times : (t,)
        Periods that have rows.
    weights : (n, t)
        Sums of row weights; zero where there is no row.
    outcome : (n, t)
        Weighted sums of the outcome with effects and covariates taken out.
    covariates : (n, t, c)
        Weighted sums of covariates with effects taken out.
    products : (n, c)
        Weighted sums over a unit's rows of covariates times the outcome.
    squares : (n, c, c)
        The same of covariates times covariates.
    solver : (t, t)
        Inverse of the system in the time effects.
    clusters : (n,)
        Cluster of each unit.
    sizes : (n,)
        Unit weights, by which cohorts are averaged.
    """

    times: Array
    weights: Array
    outcome: Array
    covariates: Array
    products: Array
    squares: Array
    solver: Array
    clusters: NDArray[np.intp]
    sizes: Array

    @property
    def covariate_bread(self) -> Array:
        """Inverse of the covariates' products, (c, c)."""
        return np.linalg.inv(self.squares.sum(0))

    def by_unit(self) -> Array:
        """Return what is summed over cohorts, side by side, (n, columns)."""
        w = self.weights
        products = upper(w[:, :, None] * (w / w.sum(1, keepdims=True))[:, None, :])
        return np.hstack([w, self.outcome, self.sizes[:, None], self.covariates.reshape(len(w), -1), products])


def cell_sums(rows: Rows) -> CellSums | None:
    """Add rows up by unit and period; None where clusters cut through the rows of a unit."""
    n, t = rows.effects.shape
    unit, place = rows.effects.unit, rows.effects.unit * t + rows.effects.time
    clusters = unit_clusters(rows)
    if clusters is None:
        return None
    w, z = rows.weights, rows.effects.residual(rows.covariates.T)
    z = z / np.sqrt((z**2).mean(1, keepdims=True))
    y = rows.effects.residual(rows.outcome)
    y = y - np.linalg.lstsq((z * w) @ z.T, (z * w) @ y, rcond=None)[0] @ z

    def added(values: Array, codes: NDArray[np.intp], size: int) -> Array:
        return np.bincount(codes, w * values, size).astype(float)

    crossed = [[added(first * second, unit, n) for second in z] for first in z]
    c = len(z)
    return CellSums(
        times=np.unique(rows.frame["time"].to_numpy(float)),
        weights=added(np.ones(len(w)), place, n * t).reshape(n, t),
        outcome=added(y, place, n * t).reshape(n, t),
        covariates=np.array([added(column, place, n * t) for column in z]).reshape(c, n, t).transpose(1, 2, 0),
        products=np.array([added(column * y, unit, n) for column in z]).reshape(c, n).T,
        squares=np.array(crossed).reshape(c, c, n).transpose(2, 0, 1),
        solver=rows.effects.solver, clusters=clusters, sizes=rows.panel.weights,
    )  # fmt: skip


def batch_adoptions(
    panel: Panel, rows: Rows, sums: CellSums, first_treated: Array,
    plan: Callable[[Array, Array], RegressionPattern], complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate under many adoptions, (r, panel.n_units), on the rows that are complete.

    A draw in which some unit is treated in all of its rows, or some regressor has no row, is estimated by itself: its
    rows or its cells are others. So is every draw where data are stacked: which rows a copy holds then moves.
    """
    place = pd.Index(panel.units).get_indexer(pd.Index(rows.panel.units))
    seen = sums.times[np.argmax(sums.weights > 0, axis=1)]

    def estimated(adoption: Array, starts: Array) -> Part:
        here = adoption[:, place]
        pattern = plan(here[0], starts)
        if len(pattern.inside) > 1 or not pattern.inside.all():
            values, std_error = np.full((2, len(here), len(pattern.cells)), np.nan)
            return Part(pattern.cells, values, std_error, np.zeros(len(here), bool))
        values, std_error, usable = _adopted(sums, here, pattern)
        usable &= ~(here <= seen).any(1)
        return Part(pattern.cells.assign(n_obs=len(rows.used)), values, std_error, usable)

    return by_pattern(panel, first_treated, estimated, complete)


def _adopted(sums: CellSums, adoption: Array, pattern: RegressionPattern) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return values and errors (r, q), and the draws that they hold for."""
    n, t = sums.weights.shape
    q, (_, k, _, p) = len(pattern.cells), pattern.regressors.shape
    columns = sums.by_unit()
    values, std_error = np.empty((2, len(adoption), q))
    usable = np.empty(len(adoption), bool)
    codes = pattern.codes(adoption)
    held = k * (n + columns.shape[1] + t * (t + p + q) + n * q) + 3 * n * t
    for some in chunks(len(adoption), held):
        member = (codes[some, None, :] == np.arange(k)[:, None]).astype(float)
        regressed = _regressed(sums, member, member @ columns, pattern)
        values[some], std_error[some] = regressed.values, _cluster_errors(sums, regressed, codes[some], member)
        usable[some] = regressed.usable & (codes[some] >= 0).all(1)
    single = ((codes >= 0) & np.isfinite(pattern.starts)[codes]).sum(1) == 1
    std_error[single] = np.nan
    std_error[:, pattern.no_error] = np.nan
    return values, std_error, usable


@dataclass(frozen=True, slots=True)
class _Regressed:
    """A chunk of draws.

    Attributes
    ----------
    values : (r, q)
    usable : (r,)
        Draws whose regressors all have rows, of which effects and covariates leave enough.
    fitted : (r, k, t)
        What the coefficients say of a cohort in a period, less its period effect.
    direction : (r, k, t, q)
        How far an outcome of a cohort in a period moves each row, less its period effect.
    slope : (r, c)
        What the covariates explain of `fitted`.
    turn : (r, c, q)
        What they explain of `direction`.
    """

    values: Array
    usable: NDArray[np.bool_]
    fitted: Array
    direction: Array
    slope: Array
    turn: Array


def _regressed(sums: CellSums, member: Array, added: Array, pattern: RegressionPattern) -> _Regressed:
    """Regress from sums over cohorts, (r, k, columns)."""
    r, k, _ = member.shape
    t, c = sums.weights.shape[1], sums.covariates.shape[2]
    p = pattern.regressors.shape[3]
    ends = np.cumsum([t, t, 1, t * c])
    weight, outcome, size, covariate, product = np.split(added, ends, axis=2)
    share = added[0, :, :t].sum(1) / added[0, :, :t].sum()
    x = pattern.regressors[0] - pattern.regressors[0].mean(1, keepdims=True)
    x = x - np.einsum("k,ktp->tp", share, x)  # effects are taken out anyway: sums of squares stay small
    flat = x.reshape(k * t, p)
    centred = -symmetric(product)
    centred[..., np.arange(t), np.arange(t)] += weight
    moved = centred @ x
    by_time = moved.sum(1)
    shift = sums.solver @ by_time
    crossed = covariate.reshape(r, k * t, c).swapaxes(1, 2) @ flat
    turn = sums.covariate_bread @ crossed
    gram = flat.T @ moved.reshape(r, k * t, p) - by_time.swapaxes(1, 2) @ shift - crossed.swapaxes(1, 2) @ turn
    gram = (gram + gram.swapaxes(1, 2)) / 2
    present = weight.reshape(r, k * t) @ (pattern.regressors != 0).reshape(k * t, p)
    usable = (present > 0).all(1) & _enough(gram, weight.reshape(r, k * t) @ flat**2)
    bread = inverse(np.where(usable[:, None, None], gram, np.eye(p)), np.ones((r, p)))
    coef = bread @ (outcome.reshape(r, k * t) @ flat)[..., None]
    contrast = pattern.combinations(size[..., 0], present)
    direction = bread @ np.broadcast_to(contrast, (r, *contrast.shape[-2:])).swapaxes(1, 2)
    return _Regressed(
        values=(contrast @ coef)[..., 0], usable=usable,
        fitted=(flat @ coef).reshape(r, k, t) - (shift @ coef).reshape(r, 1, t),
        direction=(flat @ direction).reshape(r, k, t, -1) - (shift @ direction)[:, None],
        slope=(turn @ coef)[..., 0], turn=turn @ direction,
    )  # fmt: skip


def _enough(gram: Array, squares: Array) -> NDArray[np.bool_]:
    """Say of which draws effects, covariates and other regressors leave enough of every regressor, (r,)."""
    left = np.diagonal(gram, axis1=1, axis2=2)
    enough = np.asarray((left > LITTLE * squares).all(1))
    scale = np.sqrt(np.where(enough[:, None], left, 1.0))
    unit = np.where(enough[:, None, None], gram / scale[:, :, None] / scale[:, None, :], np.eye(gram.shape[1]))
    return np.asarray(enough & (np.linalg.eigvalsh(unit)[:, 0] > LITTLE))


def _cluster_errors(sums: CellSums, regressed: _Regressed, codes: NDArray[np.intp], member: Array) -> Array:
    """Return errors (r, q): root of the sum over clusters of squared scores.

    A unit's score is ``sum_t u_it d_kt - sum_rows w e z turn`` with e the residuals of its rows, u their weighted sums
    by period and d the direction; unit effects drop out, for residuals sum to zero within units.
    """
    fitted = np.take_along_axis(regressed.fitted, np.maximum(codes, 0)[..., None], 1)
    mean = (sums.weights * fitted).sum(-1, keepdims=True) / sums.weights.sum(1, keepdims=True)
    rest = sums.outcome - sums.weights * (fitted - mean)
    rest += np.einsum("ntc,rc->rnt", sums.covariates, regressed.slope)
    score = sum((rest * member[:, k, :, None]) @ regressed.direction[:, k] for k in range(member.shape[1]))
    explained = sums.products - np.einsum("ntc,rnt->rnc", sums.covariates, fitted)
    explained += np.einsum("ncd,rd->rnc", sums.squares, regressed.slope)
    return score_errors(score - explained @ regressed.turn, sums.clusters)
