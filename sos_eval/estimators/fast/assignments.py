"""Many adoptions at once for methods that are linear in cohort means.

What is compared with what depends only on which starts occur (the pattern) and on the cohorts' total weights; so it is
planned once per pattern, and draws enter through sums by cohort: matrix products, in chunks of bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault
from sos_eval.estimators.fast.cohort_means import Contributions, Sums, errors, upper
from sos_eval.numerics.scale import near_one
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import ABSENT, Batch, Estimate, aligned, same_rows
from sos_eval.terms import KEY_COLUMNS

__all__ = [
    "Part",
    "Pattern",
    "Units",
    "batch_assignments",
    "by_itself",
    "by_pattern",
    "chunks",
    "score_errors",
    "unit_data",
]

Codes = NDArray[np.intp]

#: Numbers that one chunk of draws may hold at a time (16 MB of doubles).
CHUNK = 2_000_000


class Pattern(Protocol):
    """A method planned for one set of starts."""

    @property
    def cells(self) -> pd.DataFrame:
        """Rows of the estimates, q of them."""

    @property
    def n_cohorts(self) -> int:
        """How many groups of units, k: the cohorts, and last those untreated throughout."""

    @property
    def n_times(self) -> int:
        """How many periods take part: the first ones, for later ones may have nobody left to compare with."""

    @property
    def no_error(self) -> NDArray[np.bool_]:
        """Rows that are fixed by construction, (q,)."""

    def codes(self, first_treated: Array) -> Codes:
        """Return each unit's group, any shape; -1 for units that take no part."""

    def contributions(self, weight: Array, sums: Array) -> Contributions:
        """Compute estimates from the groups' weights (k,) or (r, k) and sums of outcomes (r, k, t)."""


@dataclass(frozen=True, slots=True)
class Units:
    """What the draws share.

    Attributes
    ----------
    weights : (n,)
        Unit weights.
    clusters : (n,)
        Cluster of each unit.
    """

    weights: Array
    clusters: Codes

    @property
    def own_clusters(self) -> bool:
        """Whether every unit is a cluster of its own."""
        return len(np.unique(self.clusters)) == len(self.clusters)


def unit_data(panel: Panel) -> Units:
    """Return what the draws on a panel share; what weights are counted in decides nothing."""
    return Units(near_one(panel.weights), panel.clusters)


def batch_assignments(
    panel: Panel, first_treated: Array, plan: Callable[[Array, Array], Pattern], complete: Callable[[Panel], Estimate]
) -> Batch:
    """Estimate a balanced panel's outcome under many adoptions (r, n).

    Parameters
    ----------
    plan
        Makes a pattern from the adoption of one draw, (n,), and its distinct starts; raises `InputFault` where
        nothing is identified.
    complete
        Estimates one panel by itself.
    """
    outcome, units = panel.matrix(), unit_data(panel)

    def estimated(adoption: Array, starts: Array) -> Part:
        pattern = plan(adoption[0], starts)
        values, std_error = _assigned(outcome, units, adoption, pattern)
        return Part(pattern.cells, values, std_error, np.ones(len(adoption), bool))

    return by_pattern(panel, first_treated, estimated, complete)


@dataclass(frozen=True, slots=True)
class Part:
    """The draws that have the same starts.

    Attributes
    ----------
    cells
        Their rows, q of them.
    values, std_error : (r, q)
    usable : (r,)
        Draws for which they hold; others are estimated by themselves, as those with an empty value are.
    failures : (r,) or None
        Why a draw has an empty value, where that is said already: then none that holds is estimated by itself.
    """

    cells: pd.DataFrame
    values: Array
    std_error: Array
    usable: NDArray[np.bool_]
    failures: NDArray[np.object_] | None = None


def by_pattern(
    panel: Panel, first_treated: Array, estimated: Callable[[Array, Array], Part],
    complete: Callable[[Panel], Estimate], alike: NDArray[np.bool_] | None = None,
) -> Batch:  # fmt: skip
    """Estimate many adoptions (r, n_units), those with the same starts together.

    Parameters
    ----------
    estimated
        Estimates draws with the same starts, (r, n_units) and (k,); raises `InputFault` where nothing is identified.
    complete
        Estimates one panel by itself: what it says of a draw is the reason that is counted.
    alike : (r, any), optional
        What draws have to share instead of starts.
    """
    parts: list[tuple[Codes, Part]] = []
    failures = np.full(len(first_treated), "", dtype=object)
    for draws, starts in _starts_in_common(first_treated, alike):
        try:
            part = estimated(first_treated[draws], starts)
        except InputFault as fault:
            failures[draws] = _said(panel.with_first_treated(first_treated[draws[0]]), complete, fault)
            continue
        again = ~part.usable
        if part.failures is None:
            again = again | np.isnan(part.values).any(1)
        else:
            failures[draws] = part.failures
        for i in np.flatnonzero(again):
            own = panel.with_first_treated(first_treated[draws[i]])
            part.values[i], part.std_error[i], failures[draws[i]] = by_itself(own, part.cells, complete)
        parts.append((draws, part))
    if not parts:
        raise InputFault(str(failures[0]))
    return _together(parts, len(first_treated), failures)


def _said(panel: Panel, complete: Callable[[Panel], Estimate], fault: InputFault) -> str:
    """Return what the estimator says of a panel that it refuses; the plan's own words where it does not."""
    try:
        complete(panel)
    except InputFault as own:
        return own.faults[0].what
    return fault.faults[0].what


def _centred(outcomes: Array, weights: Array) -> Array:
    """Take unit and time means out, (..., n, t): the estimates do not move, and squares stay small."""
    y = outcomes - outcomes.mean(-1, keepdims=True)
    y -= (np.swapaxes(y, -1, -2) @ (weights / weights.sum()))[..., None, :]
    return np.asarray(y)


def _cluster_score(parts: Contributions, sums: Array, count: Array) -> Array:
    """Return the contribution of one cluster, (r, q), from its sums by group (r, k, t) and weights (r, k)."""
    constant = (count[..., None] * parts.constant).sum(-2)
    if parts.slope.ndim == 3:
        k, t, q = parts.slope.shape
        return np.asarray(sums.reshape(-1, k * t) @ parts.slope.reshape(k * t, q) + constant)
    return np.asarray((sums[..., None, :] @ parts.slope)[..., 0, :].sum(-2) + constant)


def _starts_in_common(first_treated: Array, alike: NDArray[np.bool_] | None) -> Iterator[tuple[Codes, Array]]:
    """Yield draws that have the same starts, and the starts; the first draw's come first."""
    if alike is None:
        alike = np.stack([(first_treated == start).any(1) for start in np.unique(first_treated)], axis=1)
    _, first, pattern = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    for draw in np.sort(first):
        yield np.flatnonzero(pattern.ravel() == pattern.ravel()[draw]), np.unique(first_treated[draw])


def _assigned(outcome: Array, units: Units, first_treated: Array, pattern: Pattern) -> tuple[Array, Array]:
    """Return values and errors (r, q) of draws of one pattern."""
    y = _centred(outcome[:, : pattern.n_times], units.weights)
    n, t = y.shape
    k, q = pattern.n_cohorts, len(pattern.cells)
    columns = _columns(y, units)
    codes = pattern.codes(first_treated)
    fixed = _same_weights(units, codes, k)
    size = k * (n + columns.shape[1]) + q * k * (2 if fixed else 3 * t)
    values = np.empty((len(first_treated), q))
    std_error = np.empty_like(values)
    for rows in chunks(len(first_treated), size):
        member = (codes[rows, None, :] == np.arange(k)[:, None]).astype(float)
        values[rows], std_error[rows] = _chunk(member, y, columns, units, pattern, fixed)
    std_error[((codes >= 0) & (codes < k - 1)).sum(1) == 1] = np.nan
    std_error[:, pattern.no_error] = np.nan
    return values, std_error


def _columns(y: Array, units: Units) -> Array:
    """Return what is summed by group: w, w y, and for errors by unit w^2, w^2 y and the products of w y."""
    w = units.weights[:, None]
    plain = np.hstack([w, w * y])
    if not units.own_clusters:
        return plain
    products = upper((y * w)[:, :, None] * (y * w)[:, None, :])
    return np.hstack([plain, w**2, w**2 * y, products])


def _same_weights(units: Units, codes: Codes, k: int) -> bool:
    """Whether every draw gives each group the same total weight, as permutations of equal weights do."""
    if len(np.unique(units.weights)) > 1:
        return False
    counts = np.stack([(codes == one).sum(1) for one in range(k)], axis=1)
    return bool((counts == counts[0]).all())


def _chunk(member: Array, y: Array, columns: Array, units: Units, pattern: Pattern, fixed: bool) -> tuple[Array, Array]:
    """Estimate one chunk from its membership (r, k, n)."""
    r, k, n = member.shape
    t = y.shape[1]
    sums = (member.reshape(r * k, n) @ columns).reshape(r, k, -1)
    weight = sums[0, :, 0] if fixed else sums[:, :, 0]
    parts = pattern.contributions(weight, sums[:, :, 1 : t + 1])
    if units.own_clusters:
        moments = Sums(sums[:, :, 2 * t + 2 :], sums[:, :, t + 2 : 2 * t + 2], sums[:, :, t + 1])
        return parts.values, errors(parts, moments)
    variance = np.zeros_like(parts.values)
    for cluster in np.unique(units.clusters):
        inside = units.clusters == cluster
        own = member[:, :, inside] @ columns[inside]
        variance += _cluster_score(parts, own[:, :, 1:], own[:, :, 0]) ** 2
    return parts.values, np.sqrt(variance)


def chunks(draws: int, numbers: int, hold: int | None = None) -> Iterator[slice]:
    """Yield slices of draws that keep to `hold` numbers (`CHUNK` unless given), each draw holding `numbers`."""
    step = max(1, (hold or CHUNK) // max(numbers, 1))
    for first in range(0, draws, step):
        yield slice(first, min(first + step, draws))


def score_errors(score: Array, clusters: Codes) -> Array:
    """Root of the sum over clusters of squared scores, (r, n, q) -> (r, q)."""
    if len(np.unique(clusters)) < len(clusters):
        member = (np.unique(clusters)[:, None] == clusters).astype(float)
        score = member @ score
    return np.asarray(np.sqrt((score**2).sum(1)))


def _together(parts: list[tuple[Codes, Part]], draws: int, failures: NDArray[np.object_]) -> Batch:
    """Put patterns side by side: rows that a draw does not have are NaN in it."""
    keys = list(KEY_COLUMNS)
    table = parts[0][1].cells
    if len(parts) > 1:
        table = pd.concat([part.cells for _, part in parts]).drop_duplicates(keys, ignore_index=True)
    values = np.full((draws, len(table)), np.nan)
    std_error = np.full_like(values, np.nan)
    for rows, part in parts:
        place = _places(part.cells, table)
        values[np.ix_(rows, place)], std_error[np.ix_(rows, place)] = part.values, part.std_error
    failures[np.isnan(values).any(1) & (failures == "")] = ABSENT
    return Batch(table, values, std_error, tuple(failures))


def _places(cells: pd.DataFrame, table: pd.DataFrame) -> NDArray[np.intp]:
    """Return where a table has the rows of some cells, all of which it has."""
    if same_rows(cells, table):
        return np.arange(len(cells))
    there, wanted = (pd.MultiIndex.from_frame(some[list(KEY_COLUMNS)]) for some in (table, cells))
    return np.asarray(there.get_indexer(wanted), np.intp)


def by_itself(panel: Panel, table: pd.DataFrame, complete: Callable[[Panel], Estimate]) -> tuple[Array, Array, str]:
    """Estimate one draw: its values and errors where the table has its rows, and why the first empty value is so."""
    nothing = np.full(len(table), np.nan)
    try:
        values, errors, why = aligned(complete(panel), table)
    except InputFault as fault:
        return nothing, nothing, fault.faults[0].what
    return values, nothing if errors is None else errors, why
