"""Effects of cells under many adoptions or of many outcomes: who is compared, in which rows, adjusted for what.

Cells that share cohort, comparison units, rows and covariates share their nuisance models, and every adoption is a lane
of the same comparison. An estimate by itself is a batch of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.numerics.two_by_two import Adjust, compare_changes, compare_levels
from sos_eval.numerics.weighted_means import Comparisons
from sos_eval.panel.panel import Array

__all__ = ["CellEffects", "Changes", "Compared", "Levels", "Nuisance", "cell_counts", "cell_effects", "summed"]

Codes = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Nuisance:
    """How a comparison is adjusted."""

    adjust: Adjust
    trim: float
    as_drdid: bool = False


@dataclass(frozen=True, slots=True)
class CellEffects:
    """Effects of all cells: b adoptions, m cells, r outcomes.

    Attributes
    ----------
    values : (b, m, r)
        NaN where a cell cannot be compared.
    score : (b, c, m, r)
        What each unit, row or cluster contributes to the error: influence over its length. Zero where there is none.
    reasons : (b, m)
        Why a cell is NaN.
    trimmed : (b, n)
        Comparison rows that some cell left out for their propensity.
    """

    values: Array
    score: Array
    reasons: NDArray[np.object_]
    trimmed: Bools


@dataclass(frozen=True, slots=True)
class Taken:
    """What some cells compare: rows (n,), their outcomes (n, m * r), covariates (n, k), and which are later, or None.

    Without `later` the outcomes are changes.
    """

    rows: Codes
    outcomes: Array
    x: Array
    later: Bools | None = None


class Compared(Protocol):
    """Data that cells are compared in."""

    @property
    def weights(self) -> Array:
        """Weight of each row, (n,)."""

    @property
    def unit(self) -> Codes:
        """Unit of each row, (n,)."""

    @property
    def n_outcomes(self) -> int:
        """How many outcomes, r."""

    def alike(self, plan: CellPlan) -> NDArray[np.int_]:
        """Return what cells have to share, beside cohort and comparison units, to be compared together, (m, any)."""

    def taken(self, plan: CellPlan, members: Codes) -> Taken:
        """Return what some cells compare."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Units and their changes between two periods.

    Attributes
    ----------
    outcomes : (n, t, r)
        NaN where a unit has no row.
    x : (n, t, k) or (n, 1, k)
        Covariates with a constant; a cell takes those of the earlier of its two periods.
    weights : (n,)
    gaps
        Whether units lack periods: each cell then compares those that are seen in both of its own.
    """

    outcomes: Array
    x: Array
    weights: Array
    gaps: bool = False

    @property
    def unit(self) -> Codes:
        """Every unit is a row."""
        return np.arange(len(self.weights))

    @property
    def n_outcomes(self) -> int:
        """How many outcomes, r."""
        return int(self.outcomes.shape[2])

    def alike(self, plan: CellPlan) -> NDArray[np.int_]:
        """Cells share the period of their covariates; with gaps both periods."""
        early = np.minimum(plan.time, plan.base) if self.x.shape[1] > 1 else np.zeros(len(plan.time), int)
        return np.column_stack([early, plan.time, plan.base] if self.gaps else [early])

    def taken(self, plan: CellPlan, members: Codes) -> Taken:
        """Return the units' changes, all of them or those seen in both periods."""
        change = self.outcomes[:, plan.time[members]] - self.outcomes[:, plan.base[members]]
        change = change.reshape(len(change), -1)
        early = min(plan.time[members[0]], plan.base[members[0]]) if self.x.shape[1] > 1 else 0
        rows = np.arange(len(change))
        if self.gaps:
            rows = np.flatnonzero(np.isfinite(change[:, 0] * self.weights))
        return Taken(rows, change[rows], self.x[rows, early])


@dataclass(frozen=True, slots=True)
class Levels:
    """Rows of two periods, whoever they belong to.

    Attributes
    ----------
    outcomes : (n, r)
    x : (n, k)
        Covariates with a constant.
    weights : (n,)
    unit, time : (n,)
        Unit and position of the period of each row.
    """

    outcomes: Array
    x: Array
    weights: Array
    unit: Codes
    time: Codes

    @property
    def n_outcomes(self) -> int:
        """How many outcomes, r."""
        return int(self.outcomes.shape[1])

    def alike(self, plan: CellPlan) -> NDArray[np.int_]:
        """Cells share both periods."""
        return np.column_stack([plan.time, plan.base])

    def taken(self, plan: CellPlan, members: Codes) -> Taken:
        """Return the rows of both periods."""
        time, base = plan.time[members[0]], plan.base[members[0]]
        rows = np.flatnonzero((self.time == time) | (self.time == base))
        return Taken(rows, self.outcomes[rows], self.x[rows], self.time[rows] == time)


def cell_effects(
    data: Compared, plan: CellPlan, codes: Codes, nuisance: Nuisance, place: Codes | None = None
) -> CellEffects:
    """Compare in every cell.

    Parameters
    ----------
    codes : (b, n_units)
        Position of each unit's start in ``plan.starts``; -1 for units that take no part.
    place : (n,)
        Where each row's contribution is summed: its unit, itself or its cluster, c of them; itself unless given.
    """
    b, n, m = len(codes), len(data.weights), len(plan.group)
    c = n if place is None else int(place.max(initial=-1)) + 1
    by_row = codes if np.array_equal(data.unit, np.arange(codes.shape[1])) else codes[:, data.unit]
    out = CellEffects(
        np.full((b, m, data.n_outcomes), np.nan), np.zeros((b, c, m, data.n_outcomes)),
        np.full((b, m), "", object), np.zeros((b, n), bool),
    )  # fmt: skip
    for members in _sharing(plan, data.alike(plan)):
        taken = data.taken(plan, members)
        rows, made = _compared(data.weights, plan, by_row, taken, members[0], nuisance)
        out.values[:, members] = made.value.reshape(b, len(members), -1)
        out.reasons[:, members] = made.failures[:, None]
        out.trimmed[:, rows] |= made.trimmed
        score = made.score.reshape(b, len(rows), len(members), -1)
        where, score = (rows, score) if place is None else summed(score, place[rows])
        out.score[:, where[:, None], members] = score
    out.values[:, plan.is_base] = 0.0
    return out


def _compared(
    weights: Array, plan: CellPlan, codes: Codes, taken: Taken, cell: int, nuisance: Nuisance
) -> tuple[Codes, Comparisons]:
    """Compare the rows of some cells that take part in any adoption; return these rows too."""
    here = codes[:, taken.rows]
    treated = here == plan.group[cell]
    compared = plan.control[cell][here] & (here >= 0)
    used = np.flatnonzero((treated | compared).any(0))
    rows, treated, compared = taken.rows[used], treated[:, used], compared[:, used]
    y, x = taken.outcomes[used], taken.x[used]
    how = nuisance.adjust, nuisance.trim
    if taken.later is None:
        return rows, compare_changes(y, treated, compared, x, weights[rows], *how)
    later = taken.later[used]
    return rows, compare_levels(
        y, treated, compared, later, x, weights[rows], *how, as_drdid=nuisance.as_drdid
    )  # fmt: skip


def _sharing(plan: CellPlan, alike: NDArray[np.int_]) -> Iterator[Codes]:
    """Yield the cells that share cohort, comparison units and what `alike` (m, any) holds; base cells are left out."""
    cells_left = np.flatnonzero(~plan.is_base)
    key = np.column_stack([plan.group, alike, plan.control])[cells_left]
    _, member = np.unique(key, axis=0, return_inverse=True)
    for group in range(int(member.max(initial=-1)) + 1):
        yield cells_left[member.ravel() == group]


def summed(score: Array, place: Codes) -> tuple[Codes, Array]:
    """Sum contributions (b, n, ...) by place (n,); return the places, increasing, and their sums."""
    order = np.argsort(place, kind="stable")
    where, first = np.unique(place[order], return_index=True)
    if len(where) == len(place):
        return where, score[:, order]
    return where, np.add.reduceat(score[:, order], first, axis=1) if len(where) else score


def cell_counts(data: Compared, plan: CellPlan, codes: Codes) -> NDArray[np.intp]:
    """Count each cell's rows, units and treated units under one adoption, (3, m)."""
    counts = np.zeros((3, len(plan.group)), int)
    by_row = codes[data.unit]
    for cell, group in enumerate(plan.group):
        taken = data.taken(plan, np.array([cell]))
        here = by_row[taken.rows]
        inside = taken.rows[((here == group) | plan.control[cell][here]) & (here >= 0)]
        units = np.unique(data.unit[inside])
        rows = len(inside) * (2 if taken.later is None else 1)
        counts[:, cell] = rows, len(units), int((codes[units] == group).sum())
    return counts
