"""Many adoptions at once where the untreated rows of a balanced panel are fitted and the rest is averaged.

With U_k the periods in which cohort k is untreated, u_k how many, ``L_k = diag(U_k) - U_k U_k' / u_k`` and
``Q = (sum_k N_k L_k)^+``, the period effects are ``b = Q sum_k L_k S_k`` (S sums of outcomes, N of weights), and the
cell of cohort g in period s is ``(S_gs - U_g' S_g / u_g) / N_g - m' b`` with ``m = e_s - U_g / u_g``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._averages import Averages
from sos_eval.estimators.fast.cohort_means import Contributions
from sos_eval.estimators.fast.regression import RegressionPattern
from sos_eval.panel.panel import Array

__all__ = ["ImputedPattern", "within_periods"]

Bools = NDArray[np.bool_]


def within_periods(untreated: Bools) -> Array:
    """Return L_k for each cohort, (k, t, t)."""
    held = untreated.astype(float)
    share = held / np.maximum(held.sum(1, keepdims=True), 1.0)
    return np.asarray(np.eye(held.shape[1]) * held[:, None, :] - held[:, :, None] * share[:, None, :])


@dataclass(frozen=True, slots=True)
class ImputedPattern:
    """An estimator of this kind planned for one set of starts (see `Pattern`).

    Attributes
    ----------
    cells
        Rows of the estimates, q of them: leads, then averages.
    starts : (k,)
        First treated periods that take part; ``inf`` last.
    last : float
        Last observed period: later starts are untreated throughout.
    untreated : (k, t)
        In which periods a cohort is untreated.
    group, time : (m,)
        Cohort and period of each cell.
    averages
        The rows.
    by_cell
        Whether deviations are measured from their cell's mean, and not from the row's.
    left_out
        The common weight of units where each is left out of its own cell's mean; zero where none is.
    leads
        Rows that come first, or None.
    """

    cells: pd.DataFrame
    starts: Array
    last: float
    untreated: Bools
    group: NDArray[np.intp]
    time: NDArray[np.intp]
    averages: Averages
    by_cell: bool
    left_out: float
    leads: RegressionPattern | None

    @property
    def n_cohorts(self) -> int:
        """How many groups of units."""
        return len(self.starts)

    @property
    def n_times(self) -> int:
        """How many periods take part: all."""
        return int(self.untreated.shape[1])

    @property
    def no_error(self) -> Bools:
        """Rows that are fixed by construction: none."""
        return np.zeros(len(self.cells), bool)

    def codes(self, first_treated: Array) -> NDArray[np.intp]:
        """Return each unit's position in `starts`; -1 for units that take no part."""
        merged = np.where(first_treated > self.last, np.inf, first_treated)
        place = np.minimum(np.searchsorted(self.starts, merged), len(self.starts) - 1)
        return np.where(self.starts[place] == merged, place, -1)

    def contributions(self, weight: Array, sums: Array) -> Contributions:
        """Compute rows from the groups' weights (k,) or (r, k) and sums of outcomes (r, k, t)."""
        within, reach = within_periods(self.untreated), self._reach
        solver = np.linalg.pinv(np.einsum("...k,kts->...ts", weight, within), rcond=1e-11, hermitian=True)
        effects = (solver @ np.einsum("kts,...ks->...t", within, sums)[..., None])[..., 0]
        own = np.eye(self.n_cohorts)[self.group] / weight[..., self.group, None]
        taken = within @ (solver @ reach.T)[..., None, :, :]
        plain = _own_slope(own, reach)
        cells = ((plain - taken) * sums[..., None]).sum((-3, -2))
        mix = self.averages.mix(weight[..., self.group])
        values = (cells[..., None, :] @ mix)[..., 0, :]
        factor, lost = self._factor(weight)
        slope = _own_slope(own * factor[..., None], reach) - taken
        by_period = (effects[..., None, None, :] @ taken)[..., 0, :]
        at_period = effects @ reach.T + (cells if self.by_cell else 0.0)
        constant = by_period - np.swapaxes(own * (factor * at_period)[..., None], -1, -2)
        mixed = mix if mix.ndim == 2 else mix[..., None, :, :]
        unknown = np.where((lost[..., None] & (mix != 0)).any(-2), np.nan, 0.0)
        parts = Contributions(values, slope @ mixed, constant @ mix + unknown[..., None, :])
        if not self.by_cell:
            held = np.swapaxes(own, -1, -2) @ mix
            parts = Contributions(parts.values, parts.slope, parts.constant - held * values[..., None, :])
        return self._with_leads(parts, weight, sums)

    @property
    def _reach(self) -> Array:
        """What a cell takes from the period effects, m, (m, t)."""
        return np.asarray(np.eye(self.n_times)[self.time] - _mean_untreated(self.untreated)[self.group])

    def _factor(self, weight: Array) -> tuple[Array, Bools]:
        """Return what a cell's deviations are multiplied by, and where nothing is left without the unit, (..., m)."""
        mass = weight[..., self.group]
        if not self.left_out:
            return np.ones_like(mass), np.zeros(mass.shape, bool)
        units = np.round(mass / self.left_out)
        return np.where(units > 1, units / np.maximum(units - 1, 1.0), 0.0), units <= 1

    def _with_leads(self, parts: Contributions, weight: Array, sums: Array) -> Contributions:
        if self.leads is None:
            return parts
        first = self.leads.contributions(weight, sums)
        return Contributions(*(
            np.concatenate([one, two], -1)
            for one, two in (
                (first.values, parts.values), (first.slope, parts.slope), (first.constant, parts.constant)
            )
        ))  # fmt: skip


def _mean_untreated(untreated: Bools) -> Array:
    held = untreated.astype(float)
    return np.asarray(held / np.maximum(held.sum(1, keepdims=True), 1.0))


def _own_slope(own: Array, reach: Array) -> Array:
    """Lay a cohort's own means out by cohort and period, (..., k, t, m); own (..., m, k), reach (m, t)."""
    return np.asarray(np.swapaxes(own, -1, -2)[..., :, None, :] * reach.T)
