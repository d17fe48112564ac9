"""`differences`: two tables cell by cell, and what came or went between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sos_eval.errors import DataFault, Fault
from sos_eval.panel.inventory.keyed import KeyedTable

__all__ = ["COLUMNS", "TableDifferences", "differences"]

#: The columns of the table of differences.
COLUMNS = ("what", "unit", "period", "column", "before", "after")


@dataclass(frozen=True)
class TableDifferences:
    """In what a table differs from an earlier one.

    Attributes
    ----------
    table
        A row per difference, in `COLUMNS`: changed cells; units, periods, rows and columns that came or went.
    compared
        Cells that both hold, whether they differ or not.
    withheld
        Columns that the profile keeps inside, which were not compared.
    """

    table: pd.DataFrame
    compared: int
    withheld: tuple[str, ...]

    def counted(self) -> dict[str, int]:
        """Return how many differences there are of each kind."""
        return {str(what): int(n) for what, n in self.table["what"].value_counts(sort=False).items()}


def differences(before: KeyedTable, after: KeyedTable) -> TableDifferences:
    """Compare two tables; numbers by value, other cells as written.

    Raises
    ------
    DataFault
        A unit and period stand twice in one of them, so that nobody knows which row is meant.
    """
    for table in (before, after):
        if (twice := table.doubled).any():
            where = table.places.lines(twice)
            raise DataFault(Fault(table.name, f"a unit and period stand twice, {where}", "keep one, or give --key"))
    rows = [pd.MultiIndex.from_arrays([table.units, table.periods]) for table in (before, after)]
    moved = [*_moved("unit", *(set(t.units) for t in (before, after))),
             *_moved("period", *(set(t.periods) for t in (before, after))), *_rows(before, after, rows)]  # fmt: skip
    names = [{series.name for series in table.series} for table in (before, after)]
    moved += [(f"column {how}", "", "", name, "", "") for how, name in _apart(*names)]
    common = rows[0].intersection(rows[1], sort=False)
    inside = {series.name for table in (before, after) for series in table.series if series.withheld}
    shared = [series.name for series in before.series if series.name in names[1] - inside]
    cells = [row for name in shared for row in _changed(before, after, rows, common, name)]
    listing = pd.DataFrame([*cells, *moved], columns=list(COLUMNS))
    return TableDifferences(listing, len(common) * len(shared), tuple(sorted(inside & names[0] & names[1])))


def _apart(before: set[str], after: set[str]) -> list[tuple[str, str]]:
    return [("came", name) for name in sorted(after - before)] + [("went", name) for name in sorted(before - after)]


def _moved(what: str, before: set[str], after: set[str]) -> Iterator[tuple[str, ...]]:
    for how, name in _apart(before, after):
        yield (f"{what} {how}", name if what == "unit" else "", name if what == "period" else "", "", "", "")


def _rows(before: KeyedTable, after: KeyedTable, rows: list[pd.MultiIndex]) -> Iterator[tuple[str, ...]]:
    """Yield rows that came or went, of units and periods that both tables know."""
    units, periods = (set(a) & set(b) for a, b in ((before.units, after.units), (before.periods, after.periods)))
    for how, these, others in (("came", rows[1], rows[0]), ("went", rows[0], rows[1])):
        for unit, period in these.difference(others, sort=False):
            if unit in units and period in periods:
                yield (f"row {how}", unit, period, "", "", "")


def _changed(
    before: KeyedTable, after: KeyedTable, rows: list[pd.MultiIndex], common: pd.MultiIndex, name: str
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    old, new = (next(series for series in table.series if series.name == name) for table in (before, after))
    at = [index.get_indexer(common) for index in rows]
    then, now = old.words[at[0]], new.words[at[1]]
    same_number = np.isfinite(old.values[at[0]]) & (old.values[at[0]] == new.values[at[1]])
    moved = (then != now) & ~same_number
    for (unit, period), was, becomes in zip(common[moved], then[moved], now[moved], strict=True):
        yield ("changed", unit, period, name, was, becomes)
