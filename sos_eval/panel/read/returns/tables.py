"""CSV tables of a return as streams of columns: in pieces, as text, with the line of every row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sos_eval.errors import Faults
from sos_eval.limits import limits
from sos_eval.panel.read.returns.layout import READ, columns_of, missing_columns, table_of

__all__ = ["encoding_of", "header_of", "pieces_of", "recognised", "refuse_encoding"]

_BLOCK = 1 << 24
#: Columns in which most rows differ.
_MANY = frozenset({"CHILD", "UPN"})


def encoding_of(path: Path) -> str | None:
    """Return utf-8, utf-16 (by its mark), or cp1252 where the bytes are no UTF-8; None where they are none."""
    with path.open("rb") as file:
        marked = file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
        return next((name for name in (("utf-16",) if marked else ("utf-8", "cp1252")) if _decodes(file, name)), None)


def refuse_encoding(path: Path, faults: Faults) -> None:
    """Note a file whose bytes are no text; none of them is told."""
    what = "holds bytes that are neither UTF-8 nor Windows-1252"
    faults.add(str(path), what, "save it again as CSV with commas, in UTF-8")


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def header_of(path: Path, encoding: str) -> tuple[str, ...]:
    """Return the names of the columns, in capitals, without a byte-order mark."""
    with path.open(encoding=encoding, newline="", errors="strict") as file:
        first = file.readline(100_000).lstrip("\ufeff")
    return tuple(name.strip().upper() for name in next(csv.reader([first]), []))


def recognised(path: Path, faults: Faults) -> str | None:
    """Return the table that a file holds; note why where it holds none, or where columns are missing."""
    size = path.stat().st_size
    if size > limits().table_bytes:
        faults.add(str(path), f"{size:,} bytes, more than {limits().table_bytes:,}", "give --limit-bytes")
        return None
    encoding = encoding_of(path)
    if encoding is None:
        refuse_encoding(path, faults)
        return None
    header = header_of(path, encoding)
    table = table_of(header)
    if table is None:
        what = "columns are separated by something else than commas" if len(header) == 1 else "no table of the return"
        named = ",".join(columns_of()["episodes"])
        faults.add(f"{path}:1", what, f"the first line names its columns, e.g. {named}")
        return None
    lacking = missing_columns(table, header)
    if lacking:
        faults.add(f"{path}:1", f"{table} without {lacking}", "give the columns the names of the return")
    doubled = sorted({name for name in header if name in READ.get(table, ()) and header.count(name) > 1})
    if doubled:
        faults.add(f"{path}:1", f"{table} names {', '.join(doubled)} twice", "keep one of them")
    return None if lacking or doubled else table


def pieces_of(path: Path, table: str, faults: Faults) -> Iterator[Any]:
    """Yield the columns that are read as record batches of text, in the order of the file."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    encoding = encoding_of(path)
    if encoding is None:
        refuse_encoding(path, faults)
        return
    header = header_of(path, encoding)
    if _no_rows(path, encoding):
        return
    ragged = False

    def refuse(row: Any) -> str:
        nonlocal ragged
        ragged = True
        return "skip"

    read = arrow.ReadOptions(
        use_threads=False, encoding=encoding, column_names=list(header), skip_rows=1, block_size=_BLOCK
    )
    parse = arrow.ParseOptions(ignore_empty_lines=False, invalid_row_handler=refuse)
    wanted = list(READ[table])
    few = pa.dictionary(pa.int32(), pa.string())  # codes and days: what is done to them is done to each once
    kinds = {name: pa.string() if name in _MANY else few for name in wanted}
    convert = arrow.ConvertOptions(column_types=kinds, include_columns=wanted, strings_can_be_null=False)
    try:
        with arrow.open_csv(path, read_options=read, parse_options=parse, convert_options=convert) as stream:
            yield from stream
        if ragged:
            _refuse_ragged(path, encoding, len(header), faults)
    except pa.ArrowException as error:  # its words hold cells, which must not leave
        if "Empty CSV" not in str(error):
            faults.add(str(path), "cannot be read as CSV", "save it again as CSV with commas, in UTF-8")


def _no_rows(path: Path, encoding: str) -> bool:
    """Whether there is nothing below the first line."""
    with path.open(encoding=encoding, newline="") as file:
        file.readline()
        return not any(line.strip() for line in islice(file, 2))


def _refuse_ragged(path: Path, encoding: str, width: int, faults: Faults) -> None:
    """Note the lines with more or fewer cells than the first; their cells are not told."""
    with path.open(encoding=encoding, newline="") as file:
        widths = [(n, len(next(csv.reader([line]), []))) for n, line in enumerate(file, 1)]
    uneven = [(n, cells) for n, cells in widths if cells != width]
    for number, cells in islice(uneven, 20):
        what = f"{cells} cells, where the first line has {width}"
        faults.add(f"{path}:{number}", what, 'put cells with commas in quotation marks: "a, b"')
    if not uneven:
        faults.add(str(path), "a cell opens with a quotation mark that never closes", "close it")
