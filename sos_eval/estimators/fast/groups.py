"""Many adoptions at once, each with a comparison group of its own: unit weights differ from draw to draw.

A draw still enters through sums by cohort (`fast.assignments`), of which the weights are the draw's own; units of
weight zero take no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault
from sos_eval.estimators.fast.assignments import Pattern, by_itself, chunks
from sos_eval.estimators.fast.cohort_means import Sums, errors, upper
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import weighed
from sos_eval.results.estimate import ABSENT, Batch, Estimate, same_rows
from sos_eval.terms import KEY_COLUMNS

__all__ = ["Grouped", "batch_found", "batch_groups", "has_own_clusters"]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Adoptions, and the comparison group of each.

    Attributes
    ----------
    panel
        Whose units may take part.
    first_treated, weights : (r, n_units)
        Starts, and what each unit's weight is multiplied by; zero: left out.
    cells
        The rows that are wanted.
    """

    panel: Panel
    first_treated: Array
    weights: Array
    cells: pd.DataFrame

    def panel_of(self, draw: int) -> Panel:
        """Return the panel of one draw."""
        return weighed(self.panel.with_first_treated(self.first_treated[draw]), self.weights[draw])

    def by_pattern(self) -> Iterator[NDArray[np.intp]]:
        """Yield draws whose groups hold the same starts."""
        inside, starts = self.weights > 0, np.unique(self.first_treated)
        present = np.stack([((self.first_treated == start) & inside).any(1) for start in starts], axis=1)
        patterns, place = np.unique(present, axis=0, return_inverse=True)
        for pattern in range(len(patterns)):
            yield np.flatnonzero(place.ravel() == pattern)

    def place_of(self, cells: pd.DataFrame) -> NDArray[np.intp]:
        """Return the position in `cells` of every row that is wanted; -1 where it is not there."""
        if same_rows(self.cells, cells):
            return np.arange(len(cells))
        wanted, there = (pd.MultiIndex.from_frame(one[list(KEY_COLUMNS)]) for one in (self.cells, cells))
        return np.asarray(there.get_indexer(wanted), np.intp)


def has_own_clusters(panel: Panel) -> bool:
    """Whether every unit is a cluster of its own."""
    return panel.n_clusters == panel.n_units


def batch_groups(
    grouped: Grouped, plan: Callable[[Array, Array], Pattern], complete: Callable[[Panel], Estimate]
) -> Batch:
    """Estimate a balanced panel, every unit a cluster of its own, under many adoptions and groups.

    Parameters
    ----------
    plan
        Makes a pattern from the adoption of one draw, (n,), NaN for units that take no part, and its distinct starts.
    complete
        Estimates the panel of one draw by itself: what it says of a draw without an estimate is the reason counted.
    """
    outcome = _centred(grouped.panel.matrix())

    def found(some: NDArray[np.intp], starts: Array) -> tuple[pd.DataFrame, Array, Array]:
        pattern = plan(starts[0], np.unique(starts[0][~np.isnan(starts[0])]))
        return pattern.cells, *_of_pattern(outcome, starts, grouped.panel.weights * grouped.weights[some], pattern)

    return batch_found(grouped, found, complete)


def batch_found(
    grouped: Grouped, found: Callable[[NDArray[np.intp], Array], tuple[pd.DataFrame, Array, Array]],
    complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate many adoptions and groups, those whose groups hold the same starts together.

    Parameters
    ----------
    found
        Takes positions (r,) of draws that hold the same starts, and their adoptions (r, n), NaN for units that take no
        part; returns rows, values and errors (r, q). Where a value is NaN the draw is estimated by itself; so are all
        where it raises `InputFault`.
    complete
        Estimates the panel of one draw by itself: what it says of a draw without an estimate is the reason counted.
    """
    draws = len(grouped.weights)
    values, std_error = np.full((2, draws, len(grouped.cells)), np.nan)
    failures = np.full(draws, "", object)
    starts = np.where(grouped.weights > 0, grouped.first_treated, np.nan)
    for some in grouped.by_pattern():
        try:
            cells, *parts = found(some, starts[some])
        except InputFault:  # each says by itself why
            alone = some
        else:
            place = grouped.place_of(cells)
            values[some], std_error[some] = (np.where(place < 0, np.nan, part[:, place]) for part in parts)
            failures[some] = ABSENT if (place < 0).any() else ""
            alone = some[np.isnan(parts[0]).any(1)]
        for draw in alone:
            values[draw], std_error[draw], failures[draw] = by_itself(
                grouped.panel_of(int(draw)), grouped.cells, complete
            )
    return Batch(grouped.cells, values, std_error, tuple(failures))


def _centred(outcome: Array) -> Array:
    """Take unit and time means out, (n, t): the estimates do not move, and squares stay small."""
    centred = outcome - outcome.mean(1, keepdims=True)
    return np.asarray(centred - centred.mean(0))


def _of_pattern(outcome: Array, first_treated: Array, weights: Array, pattern: Pattern) -> tuple[Array, Array]:
    """Return values and errors (r, q) of draws of one pattern."""
    y = outcome[:, : pattern.n_times]
    n, t = y.shape
    k, q = pattern.n_cohorts, len(pattern.cells)
    columns = np.hstack([np.ones((n, 1)), y, upper(y[:, :, None] * y[:, None, :])])
    codes = np.where(np.isnan(first_treated), -1, pattern.codes(first_treated))
    values, std_error = np.empty((2, len(codes), q))
    for rows in chunks(len(codes), k * (2 * n + columns.shape[1] + 3 * t * q)):
        member = (codes[rows, None, :] == np.arange(k)[:, None]) * weights[rows, None, :]
        plain = member @ columns[:, : t + 1]
        squared = (member * weights[rows, None, :]) @ columns
        parts = pattern.contributions(plain[:, :, 0], plain[:, :, 1:])
        moments = Sums(squared[:, :, t + 1 :], squared[:, :, 1 : t + 1], squared[:, :, 0])
        values[rows], std_error[rows] = parts.values, errors(parts, moments)
    std_error[((codes >= 0) & (codes < k - 1)).sum(1) == 1] = np.nan
    std_error[:, pattern.no_error] = np.nan
    return values, std_error
