"""Which table of the return a file holds, by the names of its columns: `layout.csv`."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from sos_eval.errors import listed

__all__ = ["READ", "columns_of", "missing_columns", "table_of"]

#: Table -> the columns that are read. Other tables of the return are recognised, and left unread.
READ: dict[str, tuple[str, ...]] = {
    "episodes": ("CHILD", "DECOM", "RNE", "LS", "CIN", "PLACE", "DEC", "REC"),
    "header": ("CHILD", "SEX", "DOB", "UPN"),
    "uasc": ("CHILD", "DUC"),
}


@cache
def columns_of() -> dict[str, tuple[str, ...]]:
    """Return the columns of each table of the return, in its order."""
    text = files("sos_eval.panel.read.returns").joinpath("layout.csv").read_text(encoding="utf-8")
    return {row["table"]: tuple(row["columns"].split()) for row in csv.DictReader(text.splitlines())}


def table_of(header: tuple[str, ...]) -> str | None:
    """Return the table whose columns these are, or most nearly are; None where fewer than half of a table's are there.

    Examples
    --------
    >>> table_of(("CHILD", "SEX", "DOB", "DUC")), table_of(("la_code", "year"))
    ('uasc', None)
    """

    def likeness(table: str) -> float:
        named = set(columns_of()[table])
        return len(named & set(header)) / len(named | set(header))

    best = max(columns_of(), key=likeness)
    return best if likeness(best) >= 0.5 else None


def missing_columns(table: str, header: tuple[str, ...]) -> str:
    """Name the columns that are read and are not there."""
    return listed([name for name in READ.get(table, ()) if name not in header])
