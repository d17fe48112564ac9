"""Parquet and DuckDB: the needed columns of one table; DuckDB is opened locked down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import OurFault, listed
from sos_eval.limits import limits
from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.damage import DAMAGE, refuse_damaged
from sos_eval.panel.read.reading import Reading, Wanted, chosen, refuse_huge, refuse_vast

__all__ = ["read_duckdb", "read_parquet"]

#: Whole numbers beyond this are not exact as floats.
_EXACT = 2**53

#: Rows whose texts are in memory at once as the file holds them.
_PIECE = 16_384


def read_parquet(wanted: Wanted) -> Reading:
    """Read needed columns with the types that the file declares; whole numbers stay whole beside missing values."""
    import pyarrow as pa

    try:
        file = _opened(wanted.path, wanted)
        header = tuple(file.schema_arrow.names)
        refuse_huge(file.metadata.num_rows, wanted)
        names = [name for name in dict.fromkeys(header) if wanted.needed(name)]
        _refuse_twice(wanted, [name for name in names if header.count(name) > 1])
        kinds = {name: str(file.schema_arrow.field(name).type) for name in names
                 if pa.types.is_nested(file.schema_arrow.field(name).type)}  # fmt: skip
        _refuse_nested(wanted, kinds)
        given = _columns_of(file, names, wanted)
        decoded = {name: text for name in names if (text := _decoded(given[name], name, wanted)) is not None}
        columns = [_exact(decoded.get(name, given[name])) for name in names]
    except DAMAGE as error:
        refuse_damaged(wanted, "parquet", error)
        raise
    flow = tuple(
        FlowRow("bytes as text", "noted", 0, file.metadata.num_rows, "", f"{name}: bytes, read as UTF-8 text")
        for name in decoded
    )
    return wanted.reading(header, columns, names, np.arange(file.metadata.num_rows), flow=flow)


def _opened(path: Path, wanted: Wanted) -> Any:
    """Open a file that does not unpack to more than the limit."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    parts = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    columns = [part.column(k) for part in parts for k in range(part.num_columns)]
    refuse_vast(sum(one.total_uncompressed_size for one in columns if wanted.needed(one.path_in_schema)), wanted)
    return file


def _is_text(kind: Any) -> bool:
    """Whether an Arrow type is text, or bytes that may be text."""
    import pyarrow as pa

    of = pa.types
    kinds = (of.is_string, of.is_large_string, of.is_binary, of.is_large_binary, of.is_fixed_size_binary)
    return any(one(kind) for one in kinds)


def _columns_of(file: Any, names: list[str], wanted: Wanted) -> dict[str, Any]:
    """Return columns as Arrow holds them; texts piece by piece, each once: a file holds a long one in few bytes."""
    import pyarrow as pa

    kinds = {name: file.schema_arrow.field(name).type for name in names}
    words = [name for name, kind in kinds.items() if _is_text(kind)]
    table = file.read(columns=[name for name in names if name not in words])
    pieces: dict[str, list[Any]] = {name: [] for name in words}
    size = 0
    for batch in file.iter_batches(batch_size=_PIECE, columns=words) if words else ():
        size += batch.nbytes
        refuse_vast(size, wanted)
        for name in words:
            piece = batch.column(name)
            pieces[name].append(piece if pa.types.is_dictionary(piece.type) else piece.dictionary_encode())
    texts = {name: pa.chunked_array(found, pa.dictionary(pa.int32(), kinds[name])) for name, found in pieces.items()}
    return {name: texts[name] if name in texts else table.column(name) for name in names}


def _decoded(column: Any, name: str, wanted: Wanted) -> Any:
    """Return an Arrow column of bytes as the text that they hold, None of others: some writers leave its mark out."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    of_bytes = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    if not any(one(kind) for one in of_bytes):
        return None
    try:
        if kind is column.type:
            return column.cast(pa.binary()).cast(pa.string())
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.binary()).cast(pa.string()))
            for chunk in column.chunks
        ]
        return pa.chunked_array(chunks, pa.dictionary(column.type.index_type, pa.string()))
    except pa.ArrowInvalid:
        return wanted.refuse(f'"{name}" ({kind}): bytes that are no UTF-8 text', "write the column as text or numbers")


def _exact(column: Any) -> Any:
    """Return an Arrow column for pandas; whole numbers beside missing ones do not become floats."""
    import pyarrow as pa

    if pa.types.is_integer(column.type) and column.null_count:
        return column.to_pandas(types_mapper={column.type: pd.Int64Dtype()}.get).array
    return column.to_pandas().array


def _refuse_twice(wanted: Wanted, names: list[str]) -> None:
    if names:
        wanted.refuse(f"several columns are called {listed([repr(name) for name in names])}", "give each its own name")


def _refuse_nested(wanted: Wanted, kinds: dict[str, str]) -> None:
    """Refuse columns whose cells hold lists or mappings."""
    if kinds:
        shown = listed([f'"{name}" ({kind})' for name, kind in kinds.items()])
        wanted.refuse(f"{shown}: cells that hold several values", "write a column with one value a row")


def _refuse_bytes(wanted: Wanted, names: list[str]) -> None:
    """Refuse columns of bytes."""
    if names:
        shown = listed([f'"{name}"' for name in names])
        wanted.refuse(f"{shown}: bytes (BLOB), not text", "write the column as text: decode(COLUMN)")


def read_duckdb(wanted: Wanted) -> Reading:
    """Read one table of a DuckDB file, or a view over its own tables; nothing else can be read or loaded from there."""
    import duckdb

    path = wanted.path
    if path.with_name(f"{path.name}.wal").exists():
        wanted.refuse(
            "has changes that are not in the file yet (a .wal beside it)", "close the database that writes it"
        )
    locked: dict[str, Any] = {
        "enable_external_access": False, "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        "allow_community_extensions": False, "lock_configuration": True,
    }  # fmt: skip
    try:
        with duckdb.connect(str(path), read_only=True, config=locked) as connection:
            name, table = _table_of(connection, wanted)
            _refuse_unsteady(connection, name, wanted)
            try:
                with _interrupted(connection):
                    return _of_duckdb(connection, table, wanted)
            except duckdb.InterruptException:
                what = f'the table or view "{name}" took more than {limits().seconds} seconds'
                wanted.refuse(what, "write its rows into a table, or raise the limit with --limit-seconds")
    except duckdb.PermissionException as error:
        reason = str(error).strip().split("\n")[0].split(" - ")[0]
        wanted.refuse(f"reads something outside the file ({reason})", "read a table, or a view over tables")
    except (duckdb.Error, UnicodeDecodeError) as error:
        refuse_damaged(wanted, "DuckDB", error)
    raise OurFault("a DuckDB file was neither read nor refused")


@contextmanager
def _interrupted(connection: Any) -> Iterator[None]:
    """Stop whatever a database computes once its time is over."""
    timer = Timer(limits().seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _table_of(connection: Any, wanted: Wanted) -> tuple[str, str]:
    """Return the declared table or the only one, by name and quoted; SCHEMA.TABLE outside the schema `main`."""
    listing = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2"
    found = [(str(schema), str(table)) for schema, table in connection.execute(listing).fetchall()]
    places = {table if schema == "main" else f"{schema}.{table}": (schema, table) for schema, table in found}
    own = [table for schema, table in found if schema == "main"]
    only = wanted.table is None and len(own) == 1
    name = own[0] if only else chosen(sorted(places, key=lambda name: (name not in own, name)), wanted, "tables")
    return name, ".".join(map(_quoted, places[name]))


def _refuse_unsteady(connection: Any, name: str, wanted: Wanted) -> None:
    """Refuse a view that gives other rows at every reading: one that draws at random, samples, asks for the time.

    Also where another view or a macro stands between.
    """
    listing = "SELECT view_name, lower(sql) FROM duckdb_views() WHERE NOT internal"
    found = connection.execute(listing).fetchall()
    bodies = {str(view).lower(): str(sql).partition(" as ")[2] or str(sql) for view, sql in found}
    listing = "SELECT function_name, lower(macro_definition) FROM duckdb_functions() WHERE NOT internal"
    bodies |= {str(macro).lower(): str(sql or "") for macro, sql in connection.execute(listing).fetchall()}
    asked = "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    unsteady = "|".join(re.escape(str(row[0])) for row in connection.execute(asked).fetchall())
    signs = re.compile(rf"\b(?:{unsteady})\s*\(|\bcurrent_(?:date|time|timestamp)\b|\b(?:using sample|tablesample)\b")
    left, seen = [name.split(".")[-1].lower()], set[str]()
    while left:
        view = left.pop()
        body = bodies.get(view, "")
        sign = signs.search(body)
        if sign is not None:
            what = f'the view "{name}" gives other rows at every reading ({sign[0].rstrip("( ")})'
            wanted.refuse(what, "write its rows into a table once, and read that")
        seen.add(view)
        left += [other for other in bodies if other not in seen and re.search(rf"\b{re.escape(other)}\b", body)]


def _of_duckdb(connection: Any, table: str, wanted: Wanted) -> Reading:
    described = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    refuse_huge(int(rows[0]) if rows else 0, wanted)
    kinds = {name: kind for name, kind in described.items() if wanted.needed(name)}
    _refuse_bytes(wanted, [name for name, kind in kinds.items() if kind == "BLOB"])
    nested = ("STRUCT", "MAP", "UNION")
    _refuse_nested(wanted, {n: k for n, k in kinds.items() if k.endswith("]") or k.startswith(nested)})
    _refuse_vast_texts(connection, table, kinds, wanted)
    wide = _wide(connection, table, kinds)
    columns = [f"CAST({_quoted(n)} AS VARCHAR) AS {_quoted(n)}" if n in wide else _quoted(n) for n in kinds]
    frame = connection.execute(f"SELECT {', '.join(columns) or '1'} FROM {table}").df()
    return wanted.reading(tuple(described), [frame[n].array for n in kinds], list(kinds), np.arange(len(frame)))


def _refuse_vast_texts(connection: Any, table: str, kinds: dict[str, str], wanted: Wanted) -> None:
    """Refuse texts that take more bytes, row by row, than a table may."""
    sizes = ", ".join(f"coalesce(sum(strlen({_quoted(n)})), 0)" for n, kind in kinds.items() if kind == "VARCHAR")
    if sizes:
        refuse_vast(int(sum(connection.execute(f"SELECT {sizes} FROM {table}").fetchone() or ())), wanted)


def _wide(connection: Any, table: str, kinds: dict[str, str]) -> set[str]:
    """Return the columns of whole numbers that a float would not hold exactly: they are read as text."""
    whole = [n for n, kind in kinds.items() if kind.endswith(("INT", "INTEGER")) or kind.startswith("DECIMAL")]
    if not whole:
        return set()
    ends = ", ".join(f"max({_quoted(n)}), min({_quoted(n)})" for n in whole)
    found = connection.execute(f"SELECT {ends} FROM {table}").fetchone() or ()
    pairs = zip(whole, found[::2], found[1::2], strict=True)
    return {n for n, high, low in pairs if high is not None and (high > _EXACT or low < -_EXACT)}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
