"""Workbooks, parquet and DuckDB: the needed columns of one table or sheet; DuckDB is opened read-only."""

from __future__ import annotations

import zlib
from contextlib import closing
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from sos_eval.errors import Faults
from sos_eval.panel.read.columns import as_text
from sos_eval.panel.read.raw import MAX_ROWS, Needed, RawTable, chosen, refuse_huge

__all__ = ["read_duckdb", "read_parquet", "read_xlsx"]

#: What the libraries raise on a damaged file: parse errors of XML are SyntaxErrors, Arrow's are ValueErrors or
#: OSErrors, a locked or strange zip is a RuntimeError. Only calls of those libraries stand where it is caught.
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, SyntaxError, RuntimeError, BadZipFile, zlib.error,
)  # fmt: skip


def read_xlsx(path: Path, needed: Needed, table: str | None, faults: Faults) -> RawTable:
    """Read one sheet; a cell's formula counts as the value that was saved with it."""
    from openpyxl import load_workbook

    try:
        with closing(load_workbook(path, read_only=True, data_only=True)) as book:
            name = chosen(list(book.sheetnames), table, path, "sheets", faults)
            rows = book[name].iter_rows(values_only=True)
            header = tuple(as_text(cell) for cell in next(rows, ()))
            wanted = [i for i, column in enumerate(header) if column and needed(column)]
            cells = [[row[i] if i < len(row) else None for i in wanted] for row in islice(rows, MAX_ROWS)]
    except _DAMAGE as error:
        _refuse_damaged(path, "a workbook", error, faults)
        raise
    if not any(header):
        faults.add(str(path), f'sheet "{name}": the first row is empty', "the first row names the columns")
        faults.stop()
    columns = [pd.Series([row[k] for row in cells], dtype=object).to_numpy() for k in range(len(wanted))]
    return RawTable(header, columns, [header[i] for i in wanted], np.arange(2, 2 + len(cells)))


def _refuse_damaged(path: Path, kind: str, error: Exception, faults: Faults) -> None:
    faults.add(str(path), f"cannot be read as {kind} ({' '.join(str(error).split())[:200]})", "write the file again")
    faults.stop()


def read_parquet(path: Path, needed: Needed, table: str | None, faults: Faults) -> RawTable:
    """Read needed columns with the types that the file declares."""
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        header = tuple(file.schema_arrow.names)
        refuse_huge(file.metadata.num_rows, path, faults)
        names = [name for name in dict.fromkeys(header) if needed(name)]
        frame = file.read(columns=names).to_pandas(ignore_metadata=True)
    except _DAMAGE as error:
        _refuse_damaged(path, "parquet", error, faults)
        raise
    return RawTable(header, [frame[name].array for name in names], names, np.arange(len(frame)))


def read_duckdb(path: Path, needed: Needed, table: str | None, faults: Faults) -> RawTable:
    """Read one table of a DuckDB file, which is never written to."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            listing = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1"
            tables = [str(row[0]) for row in connection.execute(listing).fetchall()]
            name = _quoted(chosen(tables, table, path, "tables", faults))
            header = tuple(str(row[0]) for row in connection.execute(f"DESCRIBE {name}").fetchall())
            rows = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            refuse_huge(int(rows[0]) if rows else 0, path, faults)
            names = [column for column in header if needed(column)]
            wanted = ", ".join(map(_quoted, names)) or "1"
            frame = connection.execute(f"SELECT {wanted} FROM {name}").df()
    except duckdb.Error as error:
        _refuse_damaged(path, "DuckDB", error, faults)
        raise
    return RawTable(header, [frame[column].array for column in names], names, np.arange(len(frame)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
