"""Files as tables: csv, xlsx, parquet, DuckDB. Only the needed columns are read, and csv in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, nearest
from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.columns import Reading, as_text
from sos_eval.panel.read.csv import read_csv
from sos_eval.panel.read.raw import Needed, RawTable
from sos_eval.panel.read.stores import read_duckdb, read_parquet, read_xlsx

__all__ = ["SUFFIXES", "read_file", "source_of"]

#: What a file's name says about its format.
SUFFIXES = {
    ".csv": "csv", ".csv.gz": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".parquet": "parquet", ".pq": "parquet",
    ".duckdb": "duckdb", ".ddb": "duckdb", ".db": "duckdb",
}  # fmt: skip
_MAGIC = {b"PK\x03\x04": "xlsx", b"PAR1": "parquet"}


def source_of(path: Path) -> str | None:
    """Return the format that a file's name says, None where it says none."""
    name = path.name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def read_file(
    path: Path, source: str, faults: Faults, *, needed: Needed = lambda name: True, table: str | None = None,
    where: str = "", key: str = "",
) -> Reading:  # fmt: skip
    """Read a file's needed columns.

    Parameters
    ----------
    path, source
        The file, and csv, xlsx, parquet or duckdb.
    faults
        The collector; a file that cannot be read stops there.
    needed
        Which columns to read.
    table
        A DuckDB table or a sheet.
    where, key
        Where the file is named, for a missing one.

    Raises
    ------
    DataFault
        The file is missing, a directory, empty, without rows, or not what its source says.
    """
    _refuse_unreadable(path, source, faults, where, key)
    readers = {"csv": read_csv, "xlsx": read_xlsx, "parquet": read_parquet, "duckdb": read_duckdb}
    try:
        read = readers[source](path, needed, table, faults)
    except MemoryError:
        faults.add(str(path), "too large for this machine's memory", "keep fewer columns or rows, or aggregate first")
        faults.stop()
        raise
    frame = pd.DataFrame(dict(enumerate(read.columns)), index=read.places)
    frame.columns = pd.Index(read.names)
    return _without_blank_rows(frame, read, path, source, faults)


def _without_blank_rows(frame: pd.DataFrame, read: RawTable, path: Path, source: str, faults: Faults) -> Reading:
    """Leave rows aside that are empty in every needed column, and say so."""
    flow: tuple[FlowRow, ...] = ()
    if source in {"csv", "xlsx"} and len(frame):
        blank = np.ones(len(frame), bool)
        for i in range(frame.shape[1]):
            blank &= _blank(frame.iloc[:, i])
        if blank.any():
            flow = (FlowRow("blank rows", "noted", 0, int(blank.sum()), "", "rows without any value were left aside"),)
            frame = frame[~blank]
    if not len(frame):
        faults.add(str(path), "the file has column names but no rows", "add a row per unit and time")
        faults.stop()
    return Reading(frame, str(path), faults, place="line" if source == "csv" else "row", header=read.header, flow=flow)


def _blank(column: pd.Series[Any]) -> Any:
    codes, found = pd.factorize(column)
    return np.append([not as_text(value) for value in found], True)[codes].astype(bool)


def _refuse_unreadable(path: Path, source: str, faults: Faults, where: str, key: str) -> None:
    """Say what is wrong with the file before it is opened."""
    named = f"{key}: " if key else ""
    try:
        size = path.stat().st_size
        if path.is_dir():
            faults.add(where or str(path), f"{named}{path} is a directory", "name a file in it")
        elif size == 0:
            faults.add(str(path), "the file is empty", "a first line names the columns, then a row per unit and time")
        else:
            _refuse_other_format(path, source, faults)
    except (FileNotFoundError, NotADirectoryError):
        near = nearest(path.name, [p.name for p in sorted(path.parent.iterdir())]) if path.parent.is_dir() else ""
        near = near if near.startswith("did you mean") else "paths are relative to the design file"
        faults.add(where or str(path), f"{named}no such file: {path}", near)
    except OSError as error:
        faults.add(str(path), f"cannot be read ({error.strerror})", "check the file's permissions")
    faults.stop()


def _refuse_other_format(path: Path, source: str, faults: Faults) -> None:
    with path.open("rb") as file:
        head = file.read(16)
    kind = "duckdb" if head[8:12] == b"DUCK" else _MAGIC.get(head[:4])
    if kind and kind != source:
        faults.add(str(path), f"holds {kind}, not {source}", f"write source: {kind}")
    elif source in {"xlsx", "parquet", "duckdb"} and kind is None:
        faults.add(str(path), f"is no {source} file", "check source: and the file")
    elif source == "csv" and head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        faults.add(str(path), "is UTF-16 text", 'save it as "CSV UTF-8"')
