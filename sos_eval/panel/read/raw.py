"""A table as a file holds it, before anything is read into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sos_eval.errors import Faults, listed, nearest

__all__ = ["MAX_ROWS", "Needed", "RawTable", "chosen", "refuse_huge"]

#: More rows than this are refused: a panel has one row per unit and time.
MAX_ROWS = 30_000_000

#: Says of a column whether it is needed.
Needed = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class RawTable:
    """What a reader returns: all column names, the needed columns, and the place of each row."""

    header: tuple[str, ...]
    columns: list[Any]
    names: list[str]
    places: Any


def chosen(names: list[str], table: str | None, path: Path, word: str, faults: Faults) -> str:
    """Return the declared table or sheet, or the only one."""
    if table is None and len(names) == 1:
        return names[0]
    if table is None or table not in names:
        what = f"holds {len(names)} {word}: {listed(names)}" if table is None else f'has no {word[:-1]} "{table}"'
        hint = "say which: panel.table" if table is None else nearest(table, names)
        faults.add(str(path), what, hint)
        faults.stop()
    return str(table)


def refuse_huge(rows: int, path: Path, faults: Faults) -> None:
    """Refuse a table that cannot be a panel."""
    if rows > MAX_ROWS:
        faults.add(str(path), f"{rows:,} rows, more than {MAX_ROWS:,}", "aggregate to a row per unit and time first")
        faults.stop()
