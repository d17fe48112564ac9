"""Many Poisson models with an effect for each cohort and period at once, on a balanced panel without covariates.

Everything is said of cohorts by periods (`numerics.poisson_cells`): a fitted mean moves with the theta of its cohort by
the cohort's matrix of slopes, so that the delta method through all parameters, unit effects among them, is a product of
small matrices. Draws differ in who is of which cohort, in the counts, or in what units weigh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified
from sos_eval.estimators._poisson_cohorts import ratios_and_changes
from sos_eval.estimators._two_way import Statement
from sos_eval.estimators.fast.assignments import Part, by_itself, by_pattern, chunks, score_errors
from sos_eval.estimators.fast.counts import CountGrid
from sos_eval.estimators.fast.groups import Grouped, batch_found
from sos_eval.estimators.fast.regression import group_starts, start_codes
from sos_eval.numerics.poisson_cells import CellsFit, cell_places, fit_poisson_cells
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice

__all__ = [
    "LEAST",
    "CohortCounts",
    "CohortCountsPlan",
    "batch_cohort_adoptions",
    "batch_cohort_groups",
    "plan_cohort_counts",
]

Codes = NDArray[np.intp]
Bools = NDArray[np.bool_]
#: Starts and periods -> the design, as `StatedRegression.state` says it.
State = Callable[[Panel, Array, Array, Array], Statement]

#: Numbers that one chunk of draws may hold at a time in each of its arrays.
CHUNK = 200_000
#: Where untreated cells hold less of a period's or a group's weight or events, a single fit decides what is identified.
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class CohortCounts:
    """The model planned for one set of starts.

    Attributes
    ----------
    cells
        Rows of the estimates: q log rate ratios, then q changes of the rate.
    starts : (k,)
        First treated periods that take part; last the group that is untreated throughout.
    last : float
        Last observed period: later starts are untreated throughout.
    used : (n_times,)
        Periods that take part, t of them.
    treated : (k, t)
        Which cells are treated.
    inside : (k, t, q)
        Which cells a row averages.
    by_cohort : bool
        Whether an effect is a cohort's in place of a unit's.
    """

    cells: pd.DataFrame
    starts: Array
    last: float
    used: Bools
    treated: Bools
    inside: Bools
    by_cohort: bool

    def codes(self, first_treated: Array) -> Codes:
        """Return each unit's group, any shape; -1 for units that take no part."""
        return start_codes(self.starts, self.last, first_treated)


def plan_cohort_counts(panel: Panel, adoption: Array, state: State, *, by_cohort: bool) -> CohortCounts:
    """Plan the model for the starts of an adoption, (n_units,); NaN for units that take no part.

    Raises
    ------
    NotIdentified
        Nobody is treated within the periods observed, or nobody is untreated while another is treated.
    """
    times = panel.times
    groups = group_starts(adoption, times)
    if not np.isfinite(groups).any():
        raise NotIdentified(panel.fault("no unit is treated within the periods observed"))
    start, time = np.broadcast_arrays(groups[:, None], times)
    stated = state(panel, start, time, (time >= start).astype(float))
    used, terms = np.ones(len(times), bool), stated.terms
    if stated.inside is not None:  # nobody is never treated: periods from the last start on are left out
        used, terms = stated.inside[0, 0], stated.terms[0]
    codes = start_codes(groups, times[-1], adoption)
    sizes = np.bincount(codes[codes >= 0], minlength=len(groups))
    inside = stated.counted[:, used]
    table = ratios_and_changes(
        panel, stated.cells, sizes @ inside.any(1), int(sizes.sum() * used.sum()), int(sizes.sum())
    )
    return CohortCounts(table, groups, times[-1], used, np.asarray(terms[:, used].any(-1)), inside, by_cohort)


@dataclass(frozen=True, slots=True)
class _Draws:
    """Draws of one pattern, of which some may be the same throughout (r or 1).

    Attributes
    ----------
    codes : (r or 1, n)
        Group of each unit.
    counts, at_risk : (r or 1, n, n_times)
        Times weight.
    weights : (r or 1, n, n_times)
    """

    codes: Codes
    counts: Array
    at_risk: Array
    weights: Array

    def of(self, rows: slice, factor: Array | None) -> _Draws:
        """Return some of the draws; what units count is multiplied by a factor (r, n)."""
        counts, at_risk, weights = (
            one if len(one) == 1 else one[rows] for one in (self.counts, self.at_risk, self.weights)
        )
        codes = self.codes if len(self.codes) == 1 else self.codes[rows]
        if factor is None:
            return _Draws(codes, counts, at_risk, weights)
        own = factor[rows, :, None]
        return _Draws(codes, counts * own, at_risk * own, weights * own)


def _estimated(
    pattern: CohortCounts, grid: CountGrid, draws: _Draws, size: int, weights: Array | None = None,
    rows: Codes | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Return values and errors (size, q) of some of the pattern's rows; NaN throughout in draws that do not settle."""
    chosen = np.arange(len(pattern.cells)) if rows is None else rows
    values, std_error = np.empty((2, size, len(chosen)))
    n, t = grid.at_risk.shape
    parameters = t + np.count_nonzero(pattern.treated)
    held = max(n * t, parameters * parameters, (n + len(pattern.starts) * t) * len(chosen) // 4)
    for some in chunks(size, held, CHUNK):
        values[some], std_error[some] = _fitted(pattern, grid, draws.of(some, weights), chosen)
    return values, std_error


def _fitted(pattern: CohortCounts, grid: CountGrid, draws: _Draws, chosen: Codes) -> tuple[Array, Array]:
    """Fit a chunk of draws: values and errors (r, q)."""
    members = _members(draws.codes, len(pattern.starts))
    counts = _gathered(draws.counts[..., pattern.used], members)
    takes_part = [own.sum(-1) > 0 for own in counts]  # a unit without any event is left out, its exposure too
    at_risk = _gathered(draws.at_risk[..., pattern.used], members)
    if not all(own.all() for own in takes_part):
        at_risk = [exposed * own[..., None] for exposed, own in zip(at_risk, takes_part, strict=True)]
    fit = _fit(pattern, counts, at_risk)
    effects = _Effects.of(pattern, fit, np.stack([one.sum(1) for one in at_risk], axis=1), grid.per, chosen)
    score = [effects.score(k, own, exposed) for k, (own, exposed) in enumerate(zip(counts, at_risk, strict=True))]
    std_error = _errors(score, members, grid.clusters)
    treated = [own.sum(-1) for own, some in zip(takes_part, pattern.treated, strict=True) if some.any()]
    std_error[np.broadcast_to(np.sum(treated, axis=0) == 1, len(std_error))] = np.nan
    together = fit.converged & _within_used(pattern, draws)
    for sums in (np.stack([one.sum(1) for one in counts], axis=1), _by_cell(pattern, draws)):
        together &= _compared(pattern, sums)
    return np.where(together[:, None], effects.values, np.nan), np.where(together[:, None], std_error, np.nan)


def _fit(pattern: CohortCounts, counts: list[Array], at_risk: list[Array]) -> CellsFit:
    """Fit with effects of units; or of cohorts, each of which is then one unit."""
    if pattern.by_cohort:
        counts, at_risk = ([one.sum(1, keepdims=True) for one in part] for part in (counts, at_risk))
    return fit_poisson_cells(counts, at_risk, pattern.treated)


def _within_used(pattern: CohortCounts, draws: _Draws) -> Bools:
    """Say in which draws every unit with an event has one in the periods that take part: others have no maximum."""
    every, used = draws.counts.sum(-1), draws.counts[..., pattern.used].sum(-1)
    return np.asarray(((every == 0) | (used > 0)).all(-1))


def _by_cell(pattern: CohortCounts, draws: _Draws) -> Array:
    """Return the weight of each cell, (r or 1, k, t)."""
    member = draws.codes[:, None] == np.arange(len(pattern.starts))[:, None]
    return np.asarray(member @ draws.weights[..., pattern.used])


def _compared(pattern: CohortCounts, sums: Array) -> Bools:
    """Say in which draws untreated cells hold enough of every period's and every group's sum (r or 1, k, t)."""
    untreated = sums * ~pattern.treated
    enough = (untreated.sum(axis) >= LEAST * sums.sum(axis) for axis in (1, 2))
    return np.asarray(np.logical_and(*(one.all(-1) for one in enough)))


@dataclass(frozen=True, slots=True)
class _Effects:
    """Rows of the estimates of a chunk of draws, and what they move with.

    Attributes
    ----------
    fit
        The fitted models.
    values : (r, q)
    direction : (r, s, q)
        What the score of each parameter adds to each row.
    level : (r, k, q)
        How each row moves with the effect of a group, where groups have effects; None where units have.
    """

    pattern: CohortCounts
    fit: CellsFit
    values: Array
    direction: Array
    level: Array | None

    @classmethod
    def of(cls, pattern: CohortCounts, fit: CellsFit, at_risk: Array, per: float, chosen: Codes) -> _Effects:
        """Compare fitted sums of treated rows with those without treatment, as `poisson_effects` does.

        Parameters
        ----------
        at_risk : (r or 1, k, t)
            Exposure of each cell.
        """
        q = pattern.inside.shape[2]
        inside, is_ratio = pattern.inside[:, :, chosen % q].astype(float), chosen < q
        with np.errstate(all="ignore"):  # draws that did not settle are estimated again
            fitted, fade = np.stack([mean.sum(1) for mean in fit.means], axis=1), np.exp(-fit.effects)
            share = per / np.einsum("rkt,ktq->rq", at_risk, inside, optimize=True)
            seen = np.einsum("rkt,ktq->rq", fitted, inside, optimize=True) * share
            bare = np.einsum("rkt,ktq->rq", fitted * fade, inside, optimize=True) * share
            values = np.where(is_ratio, np.log(seen / bare), seen - bare)
            of_bare = np.where(is_ratio, share / bare, share)[:, None, None] * inside * fade[..., None]
            moved = np.where(is_ratio, share / seen, share)[:, None, None] * inside - of_bare
            gradient = cls._gradient(pattern, fit.slopes, moved, of_bare * fitted[..., None])
            level = (moved * fitted[..., None]).sum(2) if pattern.by_cohort else None
            return cls(pattern, fit, values, fit.inverse @ gradient, level)

    @staticmethod
    def _gradient(pattern: CohortCounts, slopes: Array, moved: Array, by_effect: Array) -> Array:
        """Return how rows move with each parameter, (r, s, q): through fitted means, and the effects taken off them."""
        places = cell_places(pattern.treated)
        gradient = np.zeros((len(slopes), int(places.max()) + 1, moved.shape[-1]))
        for k, place in enumerate(places):
            gradient[:, place] += slopes[:, k] @ moved[:, k] + by_effect[:, k]
        gradient[:, : places.shape[1]] -= by_effect.sum(1)
        return gradient

    def score(self, k: int, counts: Array, at_risk: Array) -> Array:
        """Return what each unit of a group contributes to the error of each row, (r, n_k, q)."""
        direction = self.direction[:, cell_places(self.pattern.treated)[k]]
        fitted = self.fit.means[k]
        with np.errstate(all="ignore"):
            if self.level is None:
                return np.asarray((counts - fitted) @ direction)
            mean = at_risk * (fitted[:, 0] / at_risk.sum(1))[:, None]
            rest = counts - mean
            of_level = rest.sum(-1, keepdims=True) / fitted.sum(-1, keepdims=True)
            return np.asarray((rest - of_level * fitted) @ direction + of_level * self.level[:, k, None])


def _members(codes: Codes, groups: int) -> list[Codes]:
    """List the units of each group in each draw, (r, n_k); n stands where a draw has fewer than others."""
    n = codes.shape[1]
    order = np.argsort(codes, axis=1, kind="stable")
    sizes = (codes[..., None] == np.arange(groups)).sum(1)
    first = n - sizes[:, ::-1].cumsum(1)[:, ::-1]
    found = []
    for k in range(groups):
        step = np.arange(sizes[:, k].max())
        place = np.take_along_axis(order, np.minimum(first[:, k, None] + step, n - 1), axis=1)
        found.append(np.where(step < sizes[:, k, None], place, n))
    return found


def _gathered(values: Array, members: list[Codes]) -> list[Array]:
    """Return the values (r or 1, n, t) of each group's units; zeros where a draw has fewer than others."""
    padded = np.concatenate([values, np.zeros_like(values[:, :1])], axis=1)
    draw = np.arange(len(values))[:, None]
    return [padded[draw, one] for one in members]


def _errors(score: list[Array], members: list[Codes], clusters: Codes) -> Array:
    """Root of the sum over clusters of squared contributions, (r, q)."""
    if len(np.unique(clusters)) == len(clusters):
        return np.asarray(np.sqrt(sum((one**2).sum(1) for one in score)))
    every = np.zeros((len(score[0]), len(clusters) + 1, score[0].shape[-1]))
    draw = np.arange(len(every))[:, None]
    for one, place in zip(score, members, strict=True):
        every[draw, place] = one
    return score_errors(every[:, :-1], clusters)


@dataclass(frozen=True, slots=True)
class CohortCountsPlan:
    """What outcomes do not change.

    Attributes
    ----------
    panel, grid, pattern
        Whose outcomes are replaced, what its draws share, and the model of its adoption.
    estimate
        Estimates a draw by itself.
    choice
        Which rows are kept; None keeps all.
    otherwise
        The way of outcomes with gaps or counts below zero.
    """

    panel: Panel
    grid: CountGrid
    pattern: CohortCounts
    estimate: Callable[[Panel], Estimate]
    choice: RowChoice | None
    otherwise: Compiled

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (r, n_units, n_times), rates where the outcome is one."""
        panel, grid, cells = self.panel, self.grid, self.pattern.cells
        if not (outcomes >= 0).all() or np.isinf(outcomes).any():
            return self.otherwise.apply(outcomes)
        counts = outcomes * panel.matrix("exposure") / panel.outcome.per if panel.outcome.counted else outcomes
        codes = self.pattern.codes(panel.first_treated)[None]
        draws = _Draws(codes, counts * grid.weights, grid.at_risk[None], grid.weights[None])
        rows = np.arange(len(cells)) if self.choice is None else self.choice(cells)
        values, std_error = _estimated(self.pattern, grid, draws, len(outcomes), rows=rows)
        failures = [""] * len(outcomes)
        for draw in np.flatnonzero(np.isnan(values).any(1)):
            one, error, failures[draw] = by_itself(panel.with_outcome(outcomes[draw]), cells, self.estimate)
            values[draw], std_error[draw] = one[rows], error[rows]
        return Batch(cells.iloc[rows].reset_index(drop=True), values, std_error, tuple(failures))


def batch_cohort_adoptions(
    panel: Panel, grid: CountGrid, counts: Array, first_treated: Array, plan: Callable[[Array], CohortCounts],
    complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate many adoptions, (r, n_units), of weighted counts (n, t) on the grid."""
    present = first_treated[:, grid.units]
    alike = np.stack([(present == start).any(1) for start in np.unique(present)], axis=1)

    def estimated(adoptions: Array, _: Array) -> Part:
        own = adoptions[:, grid.units]
        pattern = plan(own[0])
        draws = _Draws(pattern.codes(own), counts[None], grid.at_risk[None], grid.weights[None])
        values, std_error = _estimated(pattern, grid, draws, len(own))
        return Part(pattern.cells, values, std_error, np.ones(len(own), bool))

    return by_pattern(panel, first_treated, estimated, complete, alike)


def batch_cohort_groups(
    grouped: Grouped, grid: CountGrid, counts: Array, plan: Callable[[Array], CohortCounts],
    complete: Callable[[Panel], Estimate],
) -> Batch:  # fmt: skip
    """Estimate many adoptions, each with a comparison group of its own, of weighted counts (n, t) on the grid."""

    def found(some: Codes, starts: Array) -> tuple[pd.DataFrame, Array, Array]:
        own, weights = starts[:, grid.units], grouped.weights[some][:, grid.units]
        pattern = plan(own[0])
        draws = _Draws(pattern.codes(own), counts[None], grid.at_risk[None], grid.weights[None])
        return pattern.cells, *_estimated(pattern, grid, draws, len(own), weights)

    return batch_found(grouped, found, complete)
