"""Files as tables: csv, xlsx, parquet, DuckDB. Only the needed columns are read, and csv in pieces."""

from __future__ import annotations

from pathlib import Path

from sos_eval.errors import Faults, nearest
from sos_eval.panel.read.csv import read_csv
from sos_eval.panel.read.kinds import SOURCES, WAYS_OUT, kind_of
from sos_eval.panel.read.reading import Needed, Reading, Wanted
from sos_eval.panel.read.stores import read_duckdb, read_parquet
from sos_eval.panel.read.workbook import read_xlsx

__all__ = ["SUFFIXES", "read_file", "source_of"]

#: What a file's name says about its format.
SUFFIXES = {
    ".csv": "csv", ".csv.gz": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".parquet": "parquet", ".pq": "parquet",
    ".duckdb": "duckdb", ".ddb": "duckdb", ".db": "duckdb",
}  # fmt: skip


def source_of(path: Path) -> str | None:
    """Return the format that a file's name says, None where it says none."""
    name = path.name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def read_file(
    path: Path, source: str, faults: Faults, *, needed: Needed = lambda name: True, keys: tuple[str, ...] = (),
    table: str | None = None, header_row: int | None = None, where: str = "", key: str = "",
    of_one_row: Needed = lambda name: False, rows: str = "a row per unit and time",
) -> Reading:  # fmt: skip
    """Read a file's needed columns.

    Parameters
    ----------
    path, source
        The file, and csv, xlsx, parquet or duckdb.
    faults
        The collector; a file that cannot be read stops there.
    needed, keys
        Which columns to read, and which must stand in the row that names the columns.
    table, header_row
        A DuckDB table or a sheet; the row that names the columns, where it is not found.
    where, key
        Where the file is named, for a missing one.
    of_one_row
        Which columns hold something of their row alone (counts), so that a cell merged over several is refused.
    rows
        What a row is, for a file without any.

    Raises
    ------
    DataFault
        The file is missing, a directory, empty, without rows, or not what its source says.
    """
    _refuse_unreadable(path, source, faults, where, key, rows)
    readers = {"csv": read_csv, "xlsx": read_xlsx, "parquet": read_parquet, "duckdb": read_duckdb}
    wanted = Wanted(path, faults, needed, keys, table, header_row, of_one_row)
    try:
        reading = readers[source](wanted)
    except MemoryError:
        faults.add(str(path), "too large for this machine's memory", "keep fewer columns or rows, or aggregate first")
        faults.stop()
        raise
    if not len(reading.frame):
        wanted.refuse("the file has column names but no rows", f"add {rows}")
    return reading


def _refuse_unreadable(path: Path, source: str, faults: Faults, where: str, key: str, rows: str) -> None:
    """Say what is wrong with the file before it is opened."""
    named = f"{key}: " if key else ""
    try:
        size = path.stat().st_size
        if path.is_dir():
            faults.add(where or str(path), f"{named}{path} is a directory", "name a file in it")
        elif not path.is_file():
            faults.add(where or str(path), f"{named}{path} is a device or a pipe, not a file", "name a file")
        elif size == 0:
            faults.add(str(path), "the file is empty", f"a first line names the columns, then {rows}")
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
    """Say what a file is that its source does not say; what is in a .csv.gz is looked at as it is read."""
    kind = kind_of(path)
    packed = source == "csv" and path.name.lower().endswith(".gz")
    if packed and kind != "packed with gzip":
        faults.add(str(path), "is not packed with gzip, as its name says", "take .gz off its name")
    elif kind in SOURCES and kind != source:
        faults.add(str(path), f"holds {kind}, not {source}", f"write source: {kind}")
    elif kind in WAYS_OUT and not packed:
        faults.add(str(path), f"is {kind}", WAYS_OUT[kind])
    elif not kind and source != "csv":
        faults.add(str(path), f"is no {source} file", "check source: and the file")
