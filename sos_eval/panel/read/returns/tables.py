"""CSV tables of a return as streams of columns: in pieces, as text, with the line of every row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Container, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sos_eval.errors import Faults
from sos_eval.limits import limits
from sos_eval.panel.read.returns.layout import READ, columns_of, missing_columns, table_of

__all__ = ["encoding_of", "header_of", "pieces_of", "recognised", "refuse_encoding", "text_pieces"]

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
    """Return the names of the columns as written, without a byte-order mark."""
    with path.open(encoding=encoding, newline="", errors="strict") as file:
        first = file.readline(100_000).lstrip("\ufeff")
    return tuple(name.strip().lstrip("\ufeff") for name in next(csv.reader([first]), []))


def _in_capitals(path: Path, encoding: str) -> tuple[str, ...]:
    return tuple(name.upper() for name in header_of(path, encoding))


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
    header = _in_capitals(path, encoding)
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
    """Yield the columns that are read of a table as record batches of text, in the order of the file."""
    encoding = encoding_of(path)
    if encoding is None:
        refuse_encoding(path, faults)
    else:
        yield from text_pieces(path, encoding, _in_capitals(path, encoding), READ[table], _MANY, faults)


def text_pieces(
    path: Path, encoding: str, header: Sequence[str], wanted: Sequence[str], many: Container[str], faults: Faults
) -> Iterator[Any]:
    """Yield wanted columns as record batches of text, codes and days as dictionaries; `many` are plain text."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    if _no_rows(path, encoding):
        return
    ragged = rows = 0

    def refuse(row: Any) -> str:
        nonlocal ragged
        ragged += 1
        return "skip"

    read = arrow.ReadOptions(
        use_threads=False, encoding=encoding, column_names=list(header), skip_rows=1, block_size=_BLOCK
    )
    parse = arrow.ParseOptions(ignore_empty_lines=False, invalid_row_handler=refuse)
    few = pa.dictionary(pa.int32(), pa.string())  # codes and days: what is done to them is done to each once
    kinds = {name: pa.string() if name in many else few for name in wanted}
    convert = arrow.ConvertOptions(column_types=kinds, include_columns=list(wanted), strings_can_be_null=False)
    try:
        with arrow.open_csv(path, read_options=read, parse_options=parse, convert_options=convert) as stream:
            for piece in stream:
                rows += piece.num_rows
                yield piece
        if ragged or rows + 1 < _lines(path, encoding):  # in quotation marks that do not close rows would be lost
            _refuse_lines(path, encoding, len(header), faults)
    except pa.ArrowException as error:  # its words hold cells, which must not leave
        if "Empty CSV" not in str(error):
            faults.add(str(path), "cannot be read as CSV", "save it again as CSV with commas, in UTF-8")


def _no_rows(path: Path, encoding: str) -> bool:
    """Whether there is nothing below the first line."""
    with path.open(encoding=encoding, newline="") as file:
        file.readline()
        return not any(line.strip() for line in islice(file, 2))


def _lines(path: Path, encoding: str) -> int:
    """Count the lines of a file, whichever way they end."""
    lines, last = 0, ""
    with path.open(encoding="latin-1" if encoding != "utf-16" else encoding, newline="") as file:
        while block := file.read(_BLOCK):
            lines += block.count("\n") + block.count("\r") - block.count("\r\n") - (last == "\r" and block[0] == "\n")
            last = block[-1]
    return lines + (last not in "\r\n")


def _refuse_lines(path: Path, encoding: str, width: int, faults: Faults) -> None:
    """Note the lines that are no whole row of the table; their cells are not told."""
    unclosed = "a cell opens with a quotation mark that does not close on its line"
    uneven: list[tuple[int, str, str]] = []
    with path.open(encoding=encoding, newline="") as file:
        for number, line in enumerate(file, 1):
            cells = len(next(csv.reader([line]), []))
            if line.count('"') % 2:
                uneven.append((number, unclosed, "close it; a cell holds no end of a line"))
            elif cells != width:
                what = f"{cells} cells, where the first line has {width}"
                uneven.append((number, what, 'put cells with commas in quotation marks: "a, b"'))
    for number, what, remedy in islice(uneven, 20):
        faults.add(f"{path}:{number}", what, remedy)
