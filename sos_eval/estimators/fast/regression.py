"""Two-way regressions whose regressors depend on a unit's start alone: every number from sums by cohort.

On a balanced panel with weights that do not vary over time, regressors with unit and time effects taken out are the
same for all units of a cohort: ``X_k`` (t, p). Then ``b = (sum_k W_k X_k' X_k)^-1 sum_k X_k' S_k``, and a unit
contributes ``w_i bread X_k' (Y_i - d - X_k b)`` to its error, with d the time effects of the outcome alone: the form of
`Contributions`. Where the data are stacked, effects are those of a copy, and sums run over copies too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._regression import ABSORBED
from sos_eval.estimators.fast.cohort_means import Contributions
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import AggregationPlan, EventTimes, plan_aggregations

__all__ = [
    "RegressionPattern",
    "group_starts",
    "has_cohort_form",
    "has_unit_form",
    "inverse",
    "is_single",
    "plan_regression",
    "start_codes",
    "with_shared",
]


@dataclass(frozen=True, slots=True)
class RegressionPattern:
    """A regression planned for one set of starts (see `Pattern`).

    Attributes
    ----------
    cells
        Rows of the estimates, q of them: the m that the method states, then averages of group-time cells.
    starts : (k,)
        First treated periods that take part; ``inf`` last: untreated throughout.
    last : float
        Last observed period: later starts are untreated throughout.
    regressors : (b, k, t, p)
        By copy of the data and cohort; one copy unless a method stacks them.
    inside : (b, k, t)
        Which unit-periods a copy holds.
    contrast : (m, p)
        Rows as combinations of coefficients.
    shared : (m, p)
        Rows that average coefficients by the weight of the unit-periods behind each.
    aggregation
        How group-time cells are averaged; None where there are none.
    """

    cells: pd.DataFrame
    starts: Array
    last: float
    regressors: Array
    inside: NDArray[np.bool_]
    contrast: Array
    shared: NDArray[np.bool_]
    aggregation: AggregationPlan | None

    @property
    def n_cohorts(self) -> int:
        """How many groups of units."""
        return len(self.starts)

    @property
    def n_times(self) -> int:
        """How many periods take part: all."""
        return int(self.regressors.shape[2])

    @property
    def no_error(self) -> NDArray[np.bool_]:
        """Rows that are fixed by construction, (q,)."""
        return np.asarray(~(self.combinations(np.ones(self.n_cohorts)) != 0).any(-1))

    @property
    def singular(self) -> bool:
        """Whether unit and time effects absorb some combination of the regressors, whatever the cohorts' sizes."""
        weight = np.ones(len(self.starts))
        return bool(np.isnan(self._bread(weight, self._absorbed(weight, self._solver(weight)))).any())

    def codes(self, first_treated: Array) -> NDArray[np.intp]:
        """Return each unit's position in `starts`; -1 for units that take no part."""
        return start_codes(self.starts, self.last, first_treated)

    def contributions(self, weight: Array, sums: Array) -> Contributions:
        """Compute coefficients and rows from the groups' weights (k,) or (r, k) and sums of outcomes (r, k, t)."""
        solver = self._solver(weight)
        x = self._absorbed(weight, solver)
        cross = np.einsum("...bktp,...kt->...p", x, sums)
        bread = self._bread(weight, x)
        coef = (bread @ cross[..., None])[..., 0]
        contrast = self.combinations(weight)
        slope = x @ (bread @ np.swapaxes(contrast, -1, -2))[..., None, None, :, :]
        fitted = (x @ coef[..., None, None, :, None])[..., 0]
        by_time = (solver @ np.einsum("bkts,...ks->...bt", self._within, sums)[..., None])[..., 0]
        constant = -((fitted + by_time[..., None, :])[..., None] * slope).sum((-4, -2))
        values = (contrast @ coef[..., None])[..., 0]
        return Contributions(values, slope.sum(-4), constant)

    @property
    def _within(self) -> Array:
        """What takes unit means out of what a copy holds of a cohort, (b, k, t, t)."""
        held = self.inside.astype(float)
        share = held / np.maximum(held.sum(-1, keepdims=True), 1.0)
        return np.asarray(np.eye(self.n_times) * held[..., None] - held[..., :, None] * share[..., None, :])

    def _solver(self, weight: Array) -> Array:
        """Inverse of the system in the time effects of each copy, (..., b, t, t)."""
        if self.inside.all():
            return np.asarray(self._within[:, 0] / weight.sum(-1)[..., None, None, None])
        gram = np.einsum("...k,bkts->...bts", weight, self._within)
        return np.linalg.pinv(gram, rcond=1e-11, hermitian=True)

    def _absorbed(self, weight: Array, solver: Array) -> Array:
        """Take unit and time effects out of the regressors, (..., b, k, t, p)."""
        by_time = solver @ np.einsum("...k,bktp->...btp", weight, self._within @ self.regressors)
        return np.asarray(self._within @ (self.regressors - by_time[..., None, :, :]))

    def _bread(self, weight: Array, x: Array) -> Array:
        """Return the inverse of the weighted products of the absorbed regressors x, (..., p, p)."""
        gram = np.einsum("...k,...bktp,...bktq->...pq", weight, x, x, optimize=True)
        return inverse(gram, np.einsum("...k,bktp->...p", weight, self.regressors**2))

    def combinations(self, weight: Array, mass: Array | None = None) -> Array:
        """Return every row as a combination of coefficients, (..., q, p).

        Parameters
        ----------
        weight : (..., k)
            The cohorts' weights.
        mass : (..., p), optional
            Weight of the unit-periods behind each coefficient; where every cohort is seen in all periods unless given.
        """
        behind = weight @ (self.regressors != 0).sum((0, 2)) if mass is None else mass
        contrast = with_shared(self.contrast, self.shared, behind)
        if self.aggregation is None:
            return contrast
        cohorts = np.unique(self.cells["cohort"][: len(self.contrast)])
        mix = self.aggregation.weights(weight[..., np.searchsorted(self.starts, cohorts)])
        averages = mix @ contrast
        return np.concatenate([np.broadcast_to(contrast, (*averages.shape[:-2], *contrast.shape[-2:])), averages], -2)


def plan_regression(
    cells: pd.DataFrame, starts: Array, last: float, regressors: Array, inside: NDArray[np.bool_], contrast: Array,
    shared: NDArray[np.bool_], event_times: EventTimes,
) -> RegressionPattern:  # fmt: skip
    """Plan a regression; group-time cells are followed by their averages, as `with_aggregations` adds them."""
    if not (cells["aggregation"] == "group_time").all():
        return RegressionPattern(cells, starts, last, regressors, inside, contrast, shared, None)
    averages = plan_aggregations(cells, np.unique(cells["cohort"]), event_times)
    table = pd.concat([cells, averages.cells], ignore_index=True)
    return RegressionPattern(table, starts, last, regressors, inside, contrast, shared, averages)


def with_shared(contrast: Array, shared: NDArray[np.bool_], mass: Array) -> Array:
    """Return rows as combinations of coefficients, (..., m, p): those that share by weight, at these weights.

    Parameters
    ----------
    contrast, shared : (m, p)
        Fixed combinations, and which coefficients a row averages by weight in place of them.
    mass : (..., p)
        Weight of the unit-periods behind each coefficient; a row that shares nothing but zeros is NaN.
    """
    if not shared.any():
        return contrast
    held = shared * mass[..., None, :]
    total = held.sum(-1, keepdims=True)
    share = held / np.where(total > 0, total, np.nan)
    return np.where(shared.any(1, keepdims=True), share, contrast)


def inverse(gram: Array, squares: Array) -> Array:
    """Invert; where regressors are collinear, or effects absorb one, the estimate does not exist: NaN.

    Parameters
    ----------
    gram : (..., p, p)
        Of the regressors with effects taken out.
    squares : (..., p)
        Weighted sums of squares of the regressors as they were: of what is absorbed rounding alone is left.
    """
    absorbed = (np.diagonal(gram, axis1=-2, axis2=-1) <= ABSORBED**2 * squares).any(-1)
    scale = np.sqrt(np.maximum(np.diagonal(gram, axis1=-2, axis2=-1), np.finfo(float).tiny))
    unit = gram / scale[..., :, None] / scale[..., None, :]
    singular = np.linalg.eigvalsh(unit)[..., 0] < 1e-10
    singular = singular | absorbed
    safe = np.where(singular[..., None, None], np.eye(gram.shape[-1]), unit)
    inverse = np.linalg.inv(safe) / scale[..., :, None] / scale[..., None, :]
    return np.asarray(np.where(singular[..., None, None], np.nan, inverse))


def group_starts(starts: Array, times: Array) -> Array:
    """Return the starts that a regression tells apart: within the window, ``inf`` for all later ones, (k,)."""
    return np.unique(np.where(starts > times[-1], np.inf, starts)[starts > times[0]])


def start_codes(starts: Array, last: float, first_treated: Array) -> NDArray[np.intp]:
    """Return each unit's position among starts (k,), ``inf`` of all after the last period, any shape; -1: not there."""
    merged = np.where(first_treated > last, np.inf, first_treated)
    place = np.minimum(np.searchsorted(starts, merged), len(starts) - 1)
    return np.where(starts[place] == merged, place, -1)


def is_single(first_treated: Array, times: Array) -> bool:
    """Whether one unit alone starts within the periods observed."""
    return int(((first_treated > times[0]) & (first_treated <= times[-1])).sum()) == 1


def has_cohort_form(panel: Panel, covariates: tuple[str, ...]) -> bool:
    """Whether a panel is balanced, treated in full from each start on, without covariates, strata or moving weights."""
    return not panel.stratified and has_unit_form(panel, covariates)


def has_unit_form(panel: Panel, covariates: tuple[str, ...]) -> bool:
    """Whether it is so but for strata: both effects then come out of a regressor in one pass."""
    if covariates or panel.layout != "panel" or not panel.is_balanced or not panel.absorbing or panel.partly_exposed:
        return False
    weights = panel.matrix("weight")
    return bool((weights == weights[:, :1]).all() and (weights > 0).all())
