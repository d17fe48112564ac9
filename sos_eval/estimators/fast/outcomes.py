"""Many outcomes under one adoption, for methods that are linear in cohort means: planned once, applied to any number.

With adoption and weights fixed, values and the constant part of each unit's contribution (`Contributions`) are linear
in the cohorts' sums of outcomes. So the definition is applied to unit vectors once, and what it gives are the maps
that every batch is multiplied with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators.fast.assignments import Pattern, Units, chunks, unit_data
from sos_eval.estimators.fast.cohort_means import Contributions, Sums, errors, upper
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, RowChoice

__all__ = ["OutcomePlan", "plan_outcomes"]


@dataclass(frozen=True, slots=True)
class OutcomePlan:
    """What outcomes do not change.

    Attributes
    ----------
    cells
        Rows of the estimates, q of them.
    n_times : int
        How many periods take part, the first ones.
    inside : (n_units,) or slice
        Which units take part, n of them.
    codes : (n,)
        Group of each of them, of k.
    member : (k, n)
        Their weights, each in its group.
    clusters : (c, n) or None
        Ones where a unit is of a cluster; None where every unit is its own.
    parts
        Sums by group (r, k, t) -> `Contributions` with a common slope (k, t, q).
    no_error : (q,)
        Rows without an error.
    """

    cells: pd.DataFrame
    n_times: int
    inside: slice | NDArray[np.bool_]
    codes: NDArray[np.intp]
    member: Array
    clusters: Array | None
    parts: Callable[[Array], Contributions]
    no_error: NDArray[np.bool_]

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n_units, n_times)."""
        values, std_error = np.empty((2, len(outcomes), len(self.cells)))
        n, t = len(self.codes), self.n_times
        for rows in chunks(len(outcomes), n * max(t, len(self.cells))):
            values[rows], std_error[rows] = self._estimated(self._taken(outcomes[rows]))
        std_error[:, self.no_error] = np.nan
        return Batch(self.cells, values, std_error, ("",) * len(outcomes))

    def _taken(self, outcomes: Array) -> Array:
        """Return the outcomes that take part (r, n, t), less a constant of each unit, which changes no effect."""
        y = outcomes[:, self.inside, : self.n_times]
        return np.asarray(y - y[:1].mean(-1, keepdims=True))

    def _estimated(self, y: Array) -> tuple[Array, Array]:
        """Return values and errors (r, q)."""
        parts = self.parts(self.member @ y)
        if self.clusters is None and self._many_rows:
            return parts.values, errors(parts, _moments(y, self.member))
        score = self._score(y, parts)
        return parts.values, np.sqrt(np.einsum("nrq,nrq->rq", score, score))

    def _score(self, y: Array, parts: Contributions) -> Array:
        """Return what each cluster contributes to each row's error, (c, r, q)."""
        score = y.swapaxes(0, 1) @ parts.slope[self.codes]
        score += parts.constant.swapaxes(0, 1)[self.codes]
        score *= self.member.sum(0)[:, None, None]
        if self.clusters is not None:
            score = (self.clusters @ score.reshape(len(score), -1)).reshape(-1, *score.shape[1:])
        return np.asarray(score)

    def scores(self, outcomes: Array) -> tuple[Array, Array]:
        """Return values (r, q), and every cluster's contribution to their errors, (r, c, q).

        Its cross product is their covariance. Clusters are those of the units that take part: in the order of their
        codes, or of the units where each is its own.
        """
        y = self._taken(outcomes)
        parts = self.parts(self.member @ y)
        return parts.values, self._score(y, parts).swapaxes(0, 1)

    @property
    def _many_rows(self) -> bool:
        """Whether second moments by group cost less than every unit's contribution to every row."""
        n, k, t = len(self.codes), len(self.member), self.n_times
        return len(self.cells) * (n * t - k * t * (t + 1) / 2) > float(n * t * t)


def _moments(y: Array, member: Array) -> Sums:
    """Sum squares and products of weighted outcomes (r, n, t) by group; member holds the weights, (k, n)."""
    centred = y - y.mean(-1, keepdims=True)
    squares = [upper(one.swapaxes(1, 2) @ one) for one in (centred[:, own > 0] * own[own > 0, None] for own in member)]
    count = np.broadcast_to((member**2).sum(1), (len(y), len(member)))
    return Sums(np.stack(squares, axis=1), member**2 @ centred, count)


def plan_outcomes(panel: Panel, pattern: Pattern, choice: RowChoice | None, *, no_errors: bool) -> OutcomePlan:
    """Plan for a panel's adoption and weights.

    Parameters
    ----------
    choice
        Which rows of ``pattern.cells``; None for all.
    no_errors
        Whether nothing tells a treated unit's own variation from its effect: then no row has an error.
    """
    units = unit_data(panel)
    codes = pattern.codes(panel.first_treated)
    part = codes >= 0
    member = (codes[part] == np.arange(pattern.n_cohorts)[:, None]) * units.weights[part]
    weight = member.sum(1)
    chosen = np.arange(len(pattern.cells)) if choice is None else choice(pattern.cells)

    def general(sums: Array) -> Contributions:
        return pattern.contributions(weight, sums)

    shape = pattern.n_cohorts, pattern.n_times
    parts = general if choice is None else _linear(general, shape, chosen)
    return OutcomePlan(
        pattern.cells.iloc[chosen].reset_index(drop=True), pattern.n_times, slice(None) if part.all() else part,
        codes[part], member, _cluster_members(units, part), parts, pattern.no_error[chosen] | no_errors,
    )  # fmt: skip


def _cluster_members(units: Units, part: NDArray[np.bool_]) -> Array | None:
    if units.own_clusters:
        return None
    own = units.clusters[part]
    return np.asarray((own == np.unique(own)[:, None]).astype(float))


def _linear(
    general: Callable[[Array], Contributions], shape: tuple[int, int], chosen: NDArray[np.intp]
) -> Callable[[Array], Contributions]:
    """Find the maps from sums by group, (r, k, t), to the chosen rows by applying the definition to unit vectors."""
    k, t = shape
    basis = np.eye(k * t).reshape(-1, k, t)
    values, constant = np.empty((k * t, len(chosen))), np.empty((k * t, k * len(chosen)))
    for some in chunks(k * t, k * k * t * t):
        found = general(basis[some])
        values[some] = found.values[:, chosen]
        constant[some] = found.constant[:, :, chosen].reshape(-1, k * len(chosen))
    slope = np.ascontiguousarray(found.slope[..., chosen])

    def parts(sums: Array) -> Contributions:
        flat = sums.reshape(len(sums), -1)
        return Contributions(flat @ values, slope, (flat @ constant).reshape(len(sums), k, -1))

    return parts
