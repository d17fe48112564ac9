"""`Reading`: a table as it was read, what was done to read it, and where to send the reader for its faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.declare import Document
from sos_eval.errors import Faults, listed, nearest
from sos_eval.limits import limits
from sos_eval.panel.panel import FlowRow

__all__ = ["MAX_ROWS", "Needed", "Reading", "Wanted", "chosen", "refuse_huge", "refuse_vast"]

#: More rows than this are refused: a panel has one row per unit and time.
MAX_ROWS = 30_000_000

#: Says of a column whether it is needed.
Needed = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a file.

    Attributes
    ----------
    path
        The file.
    faults
        The collector; a file that cannot be read stops there.
    needed
        Which columns to read.
    keys
        Columns that must be there: unit and time. The line that names them all is the header.
    table
        A DuckDB table or a sheet.
    header_row
        Where the names of the columns stand, counted from 1; None finds it.
    of_one_row
        Which columns hold something of their row alone (counts), so that a cell merged over several is refused.
    """

    path: Path
    faults: Faults
    needed: Needed = lambda name: True
    keys: tuple[str, ...] = ()
    table: str | None = None
    header_row: int | None = None
    of_one_row: Needed = lambda name: False

    def refuse(self, what: str, instead: str = "", line: int | None = None) -> None:
        """Stop with a fault of the file."""
        self.faults.add(f"{self.path}:{line}" if line else str(self.path), what, instead)
        self.faults.stop()

    def reading(
        self, header: Sequence[str], columns: Sequence[Any], names: Sequence[str], places: Any, *, place: str = "row",
        flow: tuple[FlowRow, ...] = (),
    ) -> Reading:  # fmt: skip
        """Return what was read."""
        frame = pd.DataFrame(dict(enumerate(columns)), index=places)
        frame.columns = pd.Index(names)
        return Reading(frame, str(self.path), self.faults, place=place, header=tuple(header), flow=flow)


@dataclass(frozen=True)
class Reading:
    """A table as it was read, and where to send the reader for its faults.

    Attributes
    ----------
    frame
        Columns under the user's names; the index is the place of each row: the line of a csv file, the row of a
        sheet, the position (from 0) in a DataFrame.
    name
        The file, or "data" for a DataFrame.
    faults
        The collector.
    document
        The design; None for a DataFrame without one.
    place
        What the index counts: "line" or "row".
    header
        All columns of the file, read or not; the frame's own without it.
    flow
        What reading has left out.
    notes
        What was done to read single columns, noted as they are read.
    """

    frame: pd.DataFrame
    name: str
    faults: Faults
    document: Document | None = None
    place: str = "row"
    header: tuple[str, ...] = ()
    flow: tuple[FlowRow, ...] = ()
    notes: list[FlowRow] = field(default_factory=list)

    def lines(self, rows: Any) -> str:
        """Name rows by their place, each once: ``lines 3, 8 and 12 more``; `rows` is a mask or positions in `frame`."""
        places = pd.unique(np.asarray(self.frame.index)[rows])
        return f"{self.place}{'' if len(places) == 1 else 's'} {listed(list(places), 4)}"

    def add(self, what: str, instead: str = "") -> None:
        """Note a fault of the data."""
        self.faults.add(self.name, what, instead)

    def note(self, step: str, rows: int, reason: str) -> None:
        """Note, once, what was done to read a column."""
        row = FlowRow(step, "noted", 0, rows, "", reason)
        if row not in self.notes:
            self.notes.append(row)

    def at(self, *keys: str) -> tuple[str, str]:
        """Return where a key of the `panel:` block stands, and its name."""
        if self.document is None:
            named = [key for key in keys if key not in {"count", "value"}]
            return self.name, str(named[-1])
        path = ("panel", *keys)
        return self.document.where(path), ".".join(path)

    def fault_of(self, keys: Sequence[str], what: str, instead: str = "") -> None:
        """Note a fault of the design's `panel:` block."""
        where, key = self.at(*keys)
        self.faults.add(where, f"{key}: {what}", instead)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the file; of a DataFrame those that it has."""
        return self.header or tuple(str(column) for column in self.frame.columns)

    def column(self, name: str, *keys: str) -> bool:
        """Say whether a column is there, once; note a fault where it is not."""
        header = self.columns
        found = header.count(name)
        if not found:
            hint = nearest(name, header)
            hint = hint if hint.startswith("did you mean") else f"its columns are {listed(header, 12)}"
            self.fault_of(keys, f'{self.name} has no column "{name}"', hint)
        if found > 1:
            self.add(f'{found} columns are called "{name}"', "give each column a name of its own")
        return found == 1

    def kept_at(self, places: Any) -> Reading:
        """Keep rows by position, in that order."""
        return replace(self, frame=self.frame.iloc[places])

    def kept(self, mask: Any) -> Reading:
        """Keep some rows; lines stay those of the file."""
        return replace(self, frame=self.frame[mask])


def chosen(names: list[str], wanted: Wanted, word: str) -> str:
    """Return the declared table or sheet, or the only one."""
    table = wanted.table
    if table is None and len(names) == 1:
        return names[0]
    if table is None or table not in names:
        what = f"holds {len(names)} {word}: {listed(names)}" if table is None else f'has no {word[:-1]} "{table}"'
        wanted.refuse(what, "say which: panel.table" if table is None else nearest(table, names))
    return str(table)


def refuse_vast(size: int, wanted: Wanted) -> None:
    """Refuse what takes more bytes once it is unpacked than a table may."""
    if size > limits().table_bytes:
        wanted.refuse(f"unpacks to more than {limits().table_bytes:,} bytes", "raise it with --limit-bytes")


def refuse_huge(rows: int, wanted: Wanted) -> None:
    """Refuse a table that cannot be a panel."""
    if rows > MAX_ROWS:
        wanted.refuse(f"{rows:,} rows, more than {MAX_ROWS:,}", "aggregate to a row per unit and time first")
