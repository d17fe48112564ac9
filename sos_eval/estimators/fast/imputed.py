"""Many outcomes of one panel where the untreated rows are fitted and the rest is averaged: planned once.

Gaps, weights that move, covariates and clusters are those of the panel; a batch only multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators.fast.assignments import chunks, score_errors
from sos_eval.numerics.absorb import TwoWayEffects
from sos_eval.numerics.untreated import UntreatedFit
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Batch, Unplanned

__all__ = ["Centre", "ImputedPlan", "Leads"]

Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Centre:
    """What a treated row's deviation is measured from, for errors.

    Attributes
    ----------
    share : (n,) or None
        Weight of each row in the mean of its cell, less which it counts; None where a row of the estimate is the mean.
    factor : (n,)
        What a row's deviation is multiplied by: one, unless each cluster is left out of its own mean.
    """

    share: Array | None
    factor: Array


@dataclass(frozen=True, slots=True)
class Leads:
    """A regression of the untreated rows on indicators of event times before the start.

    Attributes
    ----------
    effects
        Unit and time effects of the untreated rows (n0,).
    rows : (n0,)
        Their positions among all rows.
    x : (n0, p)
        Regressors with the effects taken out.
    weights : (n0,)
    direction : (p, l)
        Inverse of their products, by rows of the estimate; NaN where one is not identified.
    """

    effects: TwoWayEffects
    rows: Codes
    x: Array
    weights: Array
    direction: Array

    def scored(self, outcomes: Array) -> tuple[Array, Array]:
        """Return coefficients (r, l) and units' contributions (r, u, l) from all rows' outcomes (r, n)."""
        y = self.effects.residual(outcomes[:, self.rows])
        bread = np.linalg.pinv((self.x * self.weights[:, None]).T @ self.x, hermitian=True)
        coef = (y * self.weights) @ self.x @ bread
        rest = (y - coef @ self.x.T) * self.weights
        first = np.flatnonzero(np.diff(self.effects.unit, prepend=-1))
        score = np.add.reduceat(rest[..., None] * self.x, first, axis=1)
        return ((y * self.weights) @ self.x) @ self.direction, score @ self.direction


@dataclass(frozen=True, slots=True)
class ImputedPlan:
    """What outcomes do not change.

    Attributes
    ----------
    cells
        Rows of the estimates, q of them: leads, then averages.
    place : (n,), (n,)
        Unit and period of each row in a batch of outcomes.
    missing : (n_units, n_times)
        Which outcomes are not there, so that the rows are these.
    fit
        Of the untreated rows.
    cell, share : (n,)
        Cell of each row, of m, -1 for none; its weight in the cell's mean.
    mix : (m, s)
        Weight of every cell in every average.
    centre
        How errors are made.
    leads
        Rows that come first, or None.
    clusters : (u,)
        Cluster of each unit.
    no_error : (q,)
        Rows without an error.
    otherwise
        For outcomes that are missing elsewhere.
    """

    cells: pd.DataFrame
    place: tuple[Codes, Codes]
    missing: NDArray[np.bool_]
    fit: UntreatedFit
    cell: Codes
    share: Array
    mix: Array
    centre: Centre
    leads: Leads | None
    clusters: Codes
    no_error: NDArray[np.bool_]
    otherwise: Unplanned

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n_units, n_times)."""
        if (np.isnan(outcomes) != self.missing).any():
            return self.otherwise.apply(outcomes)
        values, std_error = np.empty((2, len(outcomes), len(self.cells)))
        n, u = len(self.cell), len(self.fit.first)
        for some in chunks(len(outcomes), n * self.fit.columns.shape[1] + u * (len(self.mix) + len(self.cells))):
            values[some], score = self.scored(outcomes[some][:, self.place[0], self.place[1]])
            std_error[some] = score_errors(score, self.clusters)
        std_error[:, self.no_error] = np.nan
        reasons = self.cells["reason"].to_numpy()[np.isnan(values).any(0)]
        return Batch(self.cells, values, std_error, (str(reasons[0]) if len(reasons) else "",) * len(outcomes))

    def scored(self, outcomes: Array) -> tuple[Array, Array]:
        """Return estimates (r, q) and units' contributions to their errors (r, u, q) from rows' outcomes (r, n).

        A unit contributes ``sum_treated v (residual - centre) + sum_untreated v residual``, v being how far the row
        moves the estimate: on untreated rows ``-w z' solver sum share z`` beside what sums to zero within the unit.
        """
        residuals = self.fit.residual(outcomes)
        used = self.cell >= 0
        share, cell, unit = self.share[used], self.cell[used], self.fit.unit[used]
        moved = residuals[:, used] * share
        means = np.zeros((len(outcomes), len(self.mix)))
        np.add.at(means.T, cell, moved.T)
        values = means @ self.mix
        held = np.zeros((len(outcomes), len(self.fit.first), len(self.mix)))
        held[:, unit, cell] = self._deviations(residuals[:, used], cell, used) * share
        score = held @ self.mix - self.fit.scores(residuals) @ self._reach
        if self.centre.share is None:
            weight = np.zeros(held.shape[1:])
            weight[unit, cell] = share
            score -= values[:, None, :] * (weight @ self.mix)
        return self._with_leads(outcomes, values, score)

    @property
    def _reach(self) -> Array:
        """How far the untreated rows' scores move each average, (p, s)."""
        used = self.cell >= 0
        target = np.zeros((len(self.mix), self.fit.columns.shape[1]))
        np.add.at(target, self.cell[used], self.share[used, None] * self.fit.columns[used])
        return np.asarray(self.fit.solver @ target.T @ self.mix)

    def _deviations(self, residuals: Array, cell: Codes, used: NDArray[np.bool_]) -> Array:
        """Return residuals (r, n') less their cell's centre, each with its factor."""
        if self.centre.share is None:
            return residuals
        centres = np.zeros((len(residuals), len(self.mix)))
        np.add.at(centres.T, cell, (residuals * self.centre.share[used]).T)
        return np.asarray((residuals - centres[:, cell]) * self.centre.factor[used])

    def _with_leads(self, outcomes: Array, values: Array, score: Array) -> tuple[Array, Array]:
        if self.leads is None:
            return values, score
        first, own = self.leads.scored(outcomes)
        return np.concatenate([first, values], 1), np.concatenate([own, score], 2)
