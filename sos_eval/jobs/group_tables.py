"""The comparison groups of a run as tables: weights of the headline's, and all that is known of every other one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from sos_eval.jobs.answers import Group, Key
from sos_eval.panel.disclosure import withholds_weights
from sos_eval.panel.flow import flow_table
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.comparison import Comparison

__all__ = ["own_groups", "row_groups", "weights_by_unit", "weights_table"]


def weights_table(group: Group) -> pd.DataFrame | None:
    """Return `weights.csv`; None where rows are people."""
    table = weights_by_unit(group)
    return None if table is None else group.source.periods.in_table(table)


def weights_by_unit(group: Group) -> pd.DataFrame | None:
    """Return the weight of every unit with its start as a number, and why it has none; None where rows are people."""
    panel, comparison = group.source, group.comparison
    if withholds_weights(panel):
        return None
    first = pd.Series(panel.first_treated)
    table = pd.DataFrame({
        "unit": panel.units, "first_treated": first.where(first.map(math.isfinite)), "weight": comparison.weights,
        "reason": [comparison.why_without(str(unit)) for unit in panel.units],
    })  # fmt: skip
    if comparison.sets is None:
        return table
    sets = comparison.sets.groupby("unit")["matched_set"].agg(lambda values: " ".join(map(str, values)))
    return table.assign(matched_set=table["unit"].map(sets).fillna(""))


def row_groups(groups: dict[Key, Group], first: Key) -> tuple[str, ...]:
    """Name the estimates beside the headline that are on matched rows of people, as their tables begin."""
    return tuple(".".join(key) for key, group in groups.items() if key != first and _of_rows(group))


def own_groups(groups: dict[Key, Group], first: Key) -> dict[str, pd.DataFrame]:
    """Return the tables of every comparison group that is not the headline's, ``<estimator>.<outcome>.<what>``.

    Of units: balance, balance_measures, weights, sets, overlap, calibration, calibration_line and flow, as far as there
    are any; of matched rows of people, weights apart. A group that another outcome of the entry has as well is told
    once, with the first of them; one that is everybody, as the headline's is, is not told again.
    """
    tables: dict[str, pd.DataFrame] = {}
    for key, group in _told(groups, first):
        found = dict(_tables_of(group))
        tables |= {f"{'.'.join(key)}.{name}": table for name, table in found.items()}
    return tables


def _told(groups: dict[Key, Group], first: Key) -> Iterator[tuple[Key, Group]]:
    """Yield the groups that have tables of their own."""
    head = groups[first]
    known: dict[str, list[Group]] = {}
    for key, group in groups.items():
        if key == first:
            continue
        if not _of_rows(group):
            others = [head, *known.get(key[0], [])]
            if group.entry.comparison == head.entry.comparison:  # an estimator on the headline's groups
                others += known.get(first[0], [])
            if any(_same(group, other) for other in others):
                continue
        known.setdefault(key[0], []).append(group)
        yield key, group


def _of_rows(group: Group) -> bool:
    return MATCHED_ROWS in group.comparison.panel.frame


def _same(group: Group, other: Group) -> bool:
    """Whether two groups of units are one: built alike, of the same units, which count alike."""
    one, two = group.comparison, other.comparison
    if one is two:
        return True
    return (
        group.entry.comparison == other.entry.comparison
        and np.array_equal(group.source.units, other.source.units)
        and np.array_equal(one.weights, two.weights)
        and one.balance.equals(two.balance)
    )


def _tables_of(group: Group) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the tables of one group."""
    comparison: Comparison = group.comparison
    rows = _of_rows(group)
    if rows or len(comparison.balance):
        yield "balance", comparison.balance
    if rows or len(comparison.measures):
        yield "balance_measures", comparison.measures
    if (weights := weights_by_unit(group)) is not None:
        yield "weights", weights
        if comparison.sets is not None:
            yield "sets", comparison.sets
        if comparison.overlap is not None:
            yield "overlap", comparison.overlap.astype({"treated": int})
    yield from comparison.calibration.items()
    yield "flow", flow_table(comparison.panel)
