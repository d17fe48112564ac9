"""CSV in pieces: text as it stands, the line of every row, and only the needed columns."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, OurFault, listed
from sos_eval.panel.read.raw import MAX_ROWS, Needed, RawTable

__all__ = ["read_csv"]

_PIECE = 200_000


def read_csv(path: Path, needed: Needed, table: str | None, faults: Faults) -> RawTable:
    """Read in pieces, each column as categories of text, so that codes keep their zeros and memory stays small."""
    with _opened(path) as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            return _pieces(reader, path, needed, faults)
        except UnicodeDecodeError:
            faults.add(f"{path}:{_bad_line(path)}", "is not UTF-8 text", 'save it as "CSV UTF-8"')
        except csv.Error as error:
            line = _open_quote(path) or reader.line_num
            faults.add(f"{path}:{line}", f"is no csv ({error})", "check the quotation marks in that line")
        except (OSError, EOFError, zlib.error) as error:  # the last two: damaged compression
            faults.add(str(path), f"cannot be read ({error})", "check the file")
    faults.stop()
    raise OurFault("a csv file was neither read nor refused")


def _pieces(reader: Any, path: Path, needed: Needed, faults: Faults) -> RawTable:
    header = tuple(cell.strip() for cell in next(reader, []))
    if not any(header):
        faults.add(f"{path}:1", "the first line is empty", "the first line names the columns")
        faults.stop()
    _refuse_delimiter(header, path, faults)
    wanted = [i for i, name in enumerate(header) if needed(name)]
    pieces: list[list[Any]] = []
    places: list[Any] = []
    ragged: list[tuple[int, int]] = []
    for rows, lines in _chunks(reader):
        long = [i for i, row in enumerate(rows) if len(row) != len(header)] if _uneven(rows, header) else []
        ragged += [(int(lines[i]), len(rows[i])) for i in long if any(cell.strip() for cell in rows[i])]
        for i in long:
            rows[i] = [*rows[i], *[""] * len(header)]
        pieces.append([pd.Categorical([row[i] for row in rows]) for i in wanted])
        places.append(lines)
        if sum(map(len, places)) > MAX_ROWS:
            faults.add(str(path), f"more than {MAX_ROWS:,} rows", "aggregate to a row per unit and time first")
            faults.stop()
    _refuse_ragged(ragged, header, path, faults)
    columns = [_joined([piece[k] for piece in pieces]) for k in range(len(wanted))]
    return RawTable(header, columns, [header[i] for i in wanted], np.concatenate(places) if places else np.arange(0))


def _chunks(reader: Any) -> Iterator[tuple[list[list[str]], Any]]:
    """Yield rows in pieces with the line that each begins on."""
    before = reader.line_num
    while rows := list(islice(reader, _PIECE)):
        lines = np.arange(before + 1, before + 1 + len(rows))
        if reader.line_num - before != len(rows):  # cells with line breaks in them
            spans = [1 + sum(cell.count("\n") for cell in row) for row in rows]
            lines = before + 1 + np.cumsum([0, *spans[:-1]])
        before = reader.line_num
        yield rows, lines


def _uneven(rows: list[list[str]], header: tuple[str, ...]) -> bool:
    return set(map(len, rows)) != {len(header)}


def _refuse_ragged(ragged: list[tuple[int, int]], header: tuple[str, ...], path: Path, faults: Faults) -> None:
    if ragged:
        shown = listed([f"line {line} has {cells} cells" for line, cells in ragged], 4)
        what = f"{shown}, where the first line has {len(header)}"
        quoted = 'put cells with commas in quotation marks: "Bristol, City of"'
        titled = "the first line names the columns: remove titles and notes above it"
        faults.add(str(path), what, titled if len(header) == 1 else quoted)
        faults.stop()


def _refuse_delimiter(header: tuple[str, ...], path: Path, faults: Faults) -> None:
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            faults.add(str(path), f"columns are separated by {word}", "separate them by commas")
            faults.stop()


def _joined(pieces: Sequence[Any]) -> Any:
    if not pieces:
        return pd.Categorical([])
    joined: Any = pd.api.types.union_categoricals(list(pieces))
    return joined


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _open_quote(path: Path) -> int | None:
    """Return the first line with an odd number of quotation marks."""
    with _opened(path) as file:
        return next((number for number, line in enumerate(file, 1) if line.count(b'"') % 2), None)


def _bad_line(path: Path) -> int:
    """Return the first line that is not UTF-8."""
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
