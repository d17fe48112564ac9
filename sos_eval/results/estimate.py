"""What an estimator returns: cells, their values and each unit's influence on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.panel import Array, Panel
from sos_eval.terms import KEY_COLUMNS

__all__ = [
    "ABSENT", "CELL_COLUMNS", "INFINITE", "LEFT_OUT", "UNDECIDED", "Batch", "Columns", "Compiled", "Estimate",
    "Planned", "RowChoice", "Scored", "Unplanned", "aligned", "cell_columns", "cells", "finite", "in_rows",
    "joined_batches", "same_rows", "stacked",
]  # fmt: skip

#: How the note of a regression begins that says which covariates its fixed effects absorb.
LEFT_OUT = "absorbed by the unit and time effects, left out: "
#: How a note begins that says over what range an effect is open for want of a reason to choose.
UNDECIDED = "the periods before the start do not decide the answer: "
#: Returns the positions of the wanted rows in a table of cells, increasing.
RowChoice = Callable[[pd.DataFrame], NDArray[np.intp]]

#: A table of cells as arrays, each (m,) and never written to, under the names of `CELL_COLUMNS`; text as objects.
Columns = dict[str, NDArray[Any]]

#: Why a draw has nothing in a row that other draws have.
ABSENT = "no unit is left in a cohort, period or event time that other draws have"
#: Why there is no number where arithmetic ran out of them.
INFINITE = "larger than any number that can be held"
LARGEST_LOG = float(np.log(np.finfo(float).max))
#: Columns of `Estimate.cells`; the first seven are the keys of `estimates.csv`.
CELL_COLUMNS = (
    "estimand", "aggregation", "cohort", "time", "event_time", "subgroup", "scale",
    "n_obs", "n_units", "n_treated_units", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cells and their influence.

    Attributes
    ----------
    cells
        A row per number, columns `CELL_COLUMNS`. ``scale: ratio`` marks values that are logs here and are
        exponentiated when the table is written.
    values : (m,)
        NaN where not identified; ``reason`` in `cells` says why.
    influence : (n_influence, m) or None
        ``influence.mean(0)`` is zero and ``sum(influence**2, 0) / n**2`` is the variance of `values`, n being
        ``panel.n_influence``. None where the method has none (synthetic control). A column of NaN beside a finite
        value: the value is fixed by construction (a base period) or its error is not identified; `reason` says.
    linear
        The fitted regression where it is one: opens CR2, CR3 and the wild bootstrap.
    panel
        The panel it was estimated on.
    shares : (n_influence, n_cohorts) or None
        Which cohort (of those that have cells, increasing) each unit belongs to, times its weight over the mean
        weight: what `aggregate` needs for the influence of estimated cohort shares. None: the shares are taken
        as fixed, or the estimator has aggregated by itself.
    notes
        Sentences for the report: units left out, controls trimmed, and the like.
    series
        The regression of one averaged series on time where the method is one: opens errors over time.
    tables
        Further tables for the bundle, by what they hold.
    told
        Clauses of page one on what the overall effect rests on, beside whom and which periods.
    deviations : (n_influence, m) or None
        Where the method has no influence: how far each treated unit's part of `values` is from its share in them, in
        the form of an influence. No error to quote, for units' effects may vary together; a permutation test, which
        makes it anew in every draw, may divide by it. NaN in a row of one treated cluster.
    """

    cells: pd.DataFrame
    values: Array
    influence: Array | None
    panel: Panel
    linear: LinearFit | None = None
    shares: Array | None = None
    notes: tuple[str, ...] = ()
    series: LinearFit | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    deviations: Array | None = None

    @property
    def divides(self) -> bool:
        """Whether a statistic has an error, or the spread of treated units, to divide by."""
        return self.influence is not None or self.deviations is not None


@dataclass(frozen=True, slots=True)
class Batch:
    """Many estimates of the same cells: draws of outcomes, or permuted adoptions.

    Attributes
    ----------
    cells
        As in `Estimate`, after aggregation.
    values : (draws, m)
        Estimates on the working scale.
    std_error : (draws, m) or None
        Analytic standard errors clustered as the panel says, without small-sample factors; None where the
        estimator has nothing to divide by.
    failures : (draws,)
        Why a draw has an empty value: the estimator's refusal, or the reason of the first row that is empty. "" where
        every value is there.
    spread
        Whether ``std_error`` is the spread of treated units (`Estimate.deviations`): to divide by, not to quote.
    """

    cells: pd.DataFrame
    values: Array
    std_error: Array | None
    failures: tuple[str, ...] = field(default=())
    spread: bool = False

    @property
    def quoted(self) -> Array | None:
        """Errors that may be quoted, (draws, m)."""
        return None if self.spread else self.std_error

    def rows(self, choice: RowChoice | None) -> Batch:
        """Keep some of the rows; None keeps all."""
        if choice is None:
            return self
        kept = choice(self.cells)
        std_error = None if self.std_error is None else self.std_error[:, kept]
        return replace(
            self, cells=self.cells.iloc[kept].reset_index(drop=True), values=self.values[:, kept], std_error=std_error
        )


def overall_place(cells: pd.DataFrame, usable: NDArray[np.bool_] | None = None) -> int | None:
    """Return the position of the overall effect, the ratio where there is one; None where there is none.

    Parameters
    ----------
    cells
        As in `Estimate`.
    usable : (m,) or None
        Rows that count; None: all.
    """
    overall = (cells["aggregation"] == "overall").to_numpy() & (True if usable is None else usable)
    ratio = overall & (cells["scale"] == "ratio").to_numpy()
    places = np.flatnonzero(ratio if ratio.any() else overall)
    return int(places[0]) if len(places) else None


class Compiled(Protocol):
    """An estimator planned for a panel: what outcomes do not change is done once, and applied to any number."""

    def apply(self, outcomes: Array) -> Batch:
        """Estimate outcomes, (draws, n_units, n_times), on the panel's adoption and weights."""


@runtime_checkable
class Scored(Compiled, Protocol):
    """A plan that says as well what every cluster contributes, and so how the estimates vary together."""

    @property
    def inside(self) -> slice | NDArray[np.bool_]:
        """Which units take part, n of them."""

    @property
    def clusters(self) -> Array | None:
        """Which of them are of each cluster, (c, n); None where every unit is its own."""

    def scores(self, outcomes: Array) -> tuple[Array, Array]:
        """Return estimates (draws, m) and contributions to their errors (draws, c, m)."""


@dataclass(frozen=True, slots=True)
class Unplanned:
    """No plan: an estimator's own way with a batch of outcomes, a loop over draws unless it has another.

    Attributes
    ----------
    panel
        Whose outcomes are replaced.
    estimate_many
        (panel, outcomes) -> estimates of all rows.
    choice
        Which rows are kept; None keeps all.
    """

    panel: Panel
    estimate_many: Callable[[Panel, Array], Batch]
    choice: RowChoice | None = None

    def apply(self, outcomes: Array) -> Batch:
        """Estimate every row, and keep those that are wanted."""
        return self.estimate_many(self.panel, outcomes).rows(self.choice)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan for outcomes without gaps, and another way for those that have some: gaps change who is compared."""

    plan: Compiled
    otherwise: Unplanned

    def apply(self, outcomes: Array) -> Batch:
        """Apply the plan where nothing is missing."""
        return (self.otherwise if np.isnan(outcomes).any() else self.plan).apply(outcomes)


def cells(**given: Any) -> pd.DataFrame:
    """Lay out a table of cells; what is not given is empty.

    Examples
    --------
    >>> list(cells(estimand=["att"], aggregation=["overall"], scale=["value"]).loc[0, ["estimand", "reason"]])
    ['att', '']
    """
    return pd.DataFrame(cell_columns(**given))


def cell_columns(**given: Any) -> Columns:
    """Lay out cells as arrays, for what is worked on before it becomes a table; what is not given is empty."""
    empty: dict[str, Any] = {
       "cohort": np.nan, "time": np.nan, "event_time": np.nan, "subgroup": "", "reason": "", "estimand": "att",
             "scale": "value", "n_obs": 0, "n_units": 0, "n_treated_units": 0, "aggregation": "overall"}  # fmt: skip
    arrays = {name: np.asarray(given.get(name, empty[name])) for name in CELL_COLUMNS}
    size = max(np.size(value) for value in given.values())
    return {
        name: np.broadcast_to(array.astype(object) if array.dtype.kind == "U" else array, (size,))
        for name, array in arrays.items()
    }


def stacked(above: Columns, below: Columns) -> pd.DataFrame:
    """Return the cells of both as one table, in `CELL_COLUMNS`."""
    return pd.DataFrame({name: np.concatenate([above[name], below[name]]) for name in CELL_COLUMNS})


def finite(estimate: Estimate) -> Estimate:
    """Take out values that are infinite, or would be as ratios: no number, and the reason."""
    ratio = (estimate.cells["scale"] == "ratio").to_numpy()
    beyond = np.isinf(estimate.values) | (ratio & (estimate.values > LARGEST_LOG))
    if not beyond.any():
        return estimate
    influence, deviations = (
        None if part is None else np.where(beyond, np.nan, part) for part in (estimate.influence, estimate.deviations)
    )
    table = estimate.cells.assign(reason=np.where(beyond, INFINITE, estimate.cells["reason"]))
    values = np.where(beyond, np.nan, estimate.values)
    return replace(estimate, cells=table, values=values, influence=influence, deviations=deviations)


def loop_batch(
    panels: Iterable[Panel], estimate: Callable[[Panel], Estimate], cells: pd.DataFrame | None = None
) -> Batch:
    """Estimate panels one after another: what an estimator without a fast form inherits.

    A panel on which the estimator refuses (`InputFault`) becomes a row of NaN and a counted reason; any other
    exception is ours and passes through.

    Parameters
    ----------
    cells
        The cells that are wanted, `CELL_COLUMNS`; those that any of the estimates has unless given. A panel whose
        estimate lacks one of them (a cohort may lose all its units in matching) has NaN there.

    Raises
    ------
    InputFault
        Every panel is refused, and no cells are given to lay the refusals out in.
    """
    from sos_eval.errors import InputFault

    rows: list[tuple[Array, Array | None] | None] = []
    failures: list[str] = []
    table, spread = cells, False
    for panel in panels:
        try:
            one = estimate(panel)
        except InputFault as fault:
            rows.append(None)
            failures.append(fault.faults[0].what)
            continue
        table = _joined(table, one.cells) if cells is None else cells
        values, errors, why = aligned(one, table)
        rows.append((values, errors))
        failures.append(why)
        spread = one.influence is None
    if table is None:
        raise InputFault(next(iter(dict.fromkeys(failures))))
    size = len(table)
    every = np.array([_padded(None if row is None else row[0], size) for row in rows])
    has_error = all(row is None or row[1] is not None for row in rows)
    every_error = np.array([_padded(None if row is None else row[1], size) for row in rows]) if has_error else None
    lacking = (ABSENT if row is not None and len(row[0]) < size else "" for row in rows)
    why_empty = tuple(why or other for why, other in zip(failures, lacking, strict=True))
    return Batch(table, every, every_error, why_empty, spread)


def joined_batches(batches: Sequence[Batch | tuple[str, ...]]) -> Batch:
    """Put batches one after another; rows that one does not have are NaN in it.

    Parameters
    ----------
    batches
        Reasons, one per draw, stand for a batch that was refused as a whole.

    Raises
    ------
    InputFault
        All are refused.
    """
    from sos_eval.errors import InputFault

    table = None
    for batch in batches:
        table = _joined(table, batch.cells) if isinstance(batch, Batch) else table
    if table is None:
        raise InputFault(batches[0][0])  # type: ignore[index]
    aligned_parts = [in_rows(batch, table) for batch in batches]
    errors = [part.std_error for part in aligned_parts]
    return Batch(
        table, np.concatenate([part.values for part in aligned_parts]),
        None if any(error is None for error in errors) else np.concatenate(errors),  # type: ignore[arg-type]
        sum((part.failures for part in aligned_parts), ()), any(part.spread for part in aligned_parts),
    )  # fmt: skip


def in_rows(batch: Batch | tuple[str, ...], table: pd.DataFrame) -> Batch:
    """Lay a batch, or reasons in place of one, out in the rows of a table: NaN where it lacks one, others left out."""
    if not isinstance(batch, Batch):
        nothing = np.full((len(batch), len(table)), np.nan)
        return Batch(table, nothing, nothing, batch)
    failures = batch.failures or ("",) * len(batch.values)
    if same_rows(table, batch.cells):
        return replace(batch, failures=failures)
    place = _index(batch.cells).get_indexer(_index(table))
    both = (batch.values, batch.std_error)
    values, errors = (None if part is None else np.where(place < 0, np.nan, part[:, place]) for part in both)
    absent = ABSENT if (place < 0).any() else ""
    return Batch(table, np.asarray(values), errors, tuple(why or absent for why in failures), batch.spread)


def _joined(table: pd.DataFrame | None, cells: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the rows that it lacks put at its end."""
    if table is None or same_rows(table, cells):
        return cells if table is None else table
    return pd.concat([table, cells]).drop_duplicates(list(KEY_COLUMNS), ignore_index=True)


def _padded(row: Array | None, size: int) -> Array:
    """Return a row with NaN at its end, where later draws have rows that it has not."""
    out = np.full(size, np.nan)
    if row is not None:
        out[: len(row)] = row
    return out


def aligned(one: Estimate, cells: pd.DataFrame) -> tuple[Array, Array | None, str]:
    """Return values and divisors at the cells that are wanted, found by their keys, and why the first empty is so."""
    errors = _clustered(one, one.deviations if one.influence is None else one.influence)
    reasons = one.cells["reason"].to_numpy()
    values = one.values
    if not same_rows(one.cells, cells):
        position = _index(one.cells).get_indexer(_index(cells))
        missing = position < 0
        values, reasons = np.where(missing, np.nan, values[position]), np.where(missing, ABSENT, reasons[position])
        errors = None if errors is None else np.where(missing, np.nan, errors[position])
    empty = np.isnan(values)
    return values, errors, str(reasons[np.argmax(empty)]) if empty.any() else ""


def same_rows(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables of cells have the same keys in the same order; column by column, which copies neither."""
    return one is other or (len(one) == len(other) and all(one[key].equals(other[key]) for key in KEY_COLUMNS))


def _index(cells: pd.DataFrame) -> pd.Index:
    """Return the keys of cells as one index; an empty key is a key like any other."""
    return pd.MultiIndex.from_frame(cells[list(KEY_COLUMNS)].astype(str))


def clustered_error(estimate: Estimate) -> Array | None:
    """Return cluster-robust standard errors from the influence, (m,), without small-sample factors."""
    return _clustered(estimate, estimate.influence)


def _clustered(estimate: Estimate, influence: Array | None) -> Array | None:
    if influence is None:
        return None
    sums = cluster_sums(influence, estimate.panel.clusters)
    return np.asarray(np.sqrt((sums**2).sum(0)) / estimate.panel.n_influence)


def cluster_sums(influence: Array, codes: NDArray[np.intp]) -> Array:
    """Sum an influence function within clusters: (n, m) -> (n_clusters, m)."""
    if len(codes) and np.bincount(codes).max() == 1:
        return influence
    sums = np.zeros((int(codes.max()) + 1, influence.shape[1]))
    np.add.at(sums, codes, influence)
    return sums
