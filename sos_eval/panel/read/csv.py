"""CSV in pieces: text as it stands, the line of every row, and only the needed columns."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader, RawIOBase, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import OurFault, listed
from sos_eval.limits import limits
from sos_eval.panel.read.kinds import HEAD, kind_in
from sos_eval.panel.read.layout import DEEPEST, Header, header_of, trimmed
from sos_eval.panel.read.reading import MAX_ROWS, Reading, Wanted

__all__ = ["TooLarge", "opened", "read_csv"]

_PIECE = 200_000
_LONGEST = 4_000_000

#: What separates columns in place of commas.
_SEPARATORS = {
    ";": "semicolons", "\t": "tabs", "|": "upright lines (|)", ":": "colons", " ": "blanks", "^": "carets (^)",
    "~": "tildes (~)",
}  # fmt: skip

#: A row, and the line that it begins on.
Placed = tuple[list[str], int]


class TooLarge(Exception):
    """A file that unpacks to more than the limit."""


class _Counted(RawIOBase):
    """A packed file that stops where it has unpacked to more than the limit."""

    def __init__(self, file: Any) -> None:
        self.file, self.left = file, limits().table_bytes

    def readable(self) -> bool:
        """Return True: that is all it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes, as long as there are not too many."""
        data = self.file.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise TooLarge
        buffer[: len(data)] = data
        return len(data)


def read_csv(wanted: Wanted) -> Reading:
    """Read in pieces, each column as categories of text, so that codes keep their zeros and memory stays small."""
    path, faults = wanted.path, wanted.faults
    with opened(path) as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(_lines(text, wanted), strict=True)
        try:
            if kind := kind_in(raw.peek(HEAD)[:HEAD]):
                wanted.refuse(f"what is in it is {kind}", "unpack it, and save the table as CSV UTF-8")
            return _pieces(reader, wanted)
        except UnicodeDecodeError:
            faults.add(f"{path}:{_bad_line(path)}", "is not UTF-8 text", 'save it as "CSV UTF-8"')
        except csv.Error as error:
            _refuse_delimiter(_first_lines(path), wanted)  # a quoted name before another mark is no csv either
            line = _open_quote(path) or reader.line_num
            faults.add(f"{path}:{line}", f"is no csv ({error})", "check the quotation marks in that line")
        except TooLarge:
            faults.add(str(path), f"unpacks to more than {limits().table_bytes:,} bytes", "raise it with --limit-bytes")
        except (OSError, EOFError, zlib.error) as error:  # the last two: damaged compression
            faults.add(str(path), f"cannot be read ({error})", "check the file")
    faults.stop()
    raise OurFault("a csv file was neither read nor refused")


def _lines(text: TextIOWrapper, wanted: Wanted) -> Iterator[str]:
    """Yield lines; one that is longer than any row of a panel ends the reading before it fills the memory."""
    number = 0
    while line := text.readline(_LONGEST):
        number += 1
        if len(line) >= _LONGEST:
            wanted.refuse(f"the line holds more than {_LONGEST:,} characters", "check the file", line=number)
        yield line


def _pieces(reader: Any, wanted: Wanted) -> Reading:
    head, header = _head(reader, wanted)
    chosen = [i for i, name in enumerate(header.names) if wanted.needed(name)]
    width = len(header.names)
    pieces: list[list[Any]] = []
    places: list[Any] = []
    ragged: list[tuple[int, int]] = []
    for rows, lines in _chunks(reader, head[header.rows :]):
        uneven = [i for i, row in enumerate(rows) if len(row) != width] if set(map(len, rows)) != {width} else []
        ragged += [(int(lines[i]), len(rows[i])) for i in uneven if any(cell.strip() for cell in rows[i])]
        for i in uneven:
            rows[i] = [*rows[i], *[""] * width]
        pieces.append([pd.Categorical([row[i] for row in rows]) for i in chosen])
        places.append(lines)
        if sum(map(len, places)) > MAX_ROWS:
            wanted.refuse(f"more than {MAX_ROWS:,} rows", "aggregate to a row per unit and time first")
    columns = [_joined([piece[k] for piece in pieces]) for k in range(len(chosen))]
    lines = np.concatenate(places) if places else np.arange(0)
    names = [header.names[i] for i in chosen]
    read = trimmed(wanted.reading(header.names, columns, names, lines, place="line", flow=header.flow), wanted)
    kept = set(read.frame.index.tolist()) if ragged else set()
    _refuse_ragged([one for one in ragged if one[0] in kept], header.names, wanted)
    return read


def _head(reader: Any, wanted: Wanted) -> tuple[list[Placed], Header]:
    """Read the first rows, and find the names of the columns among them."""
    head: list[Placed] = []
    before = 0
    for row in islice(reader, max(DEEPEST, wanted.header_row or 0)):
        head.append((row, before + 1))
        before = reader.line_num
    if not head or (not any(cell.strip() for cell in head[0][0]) and not wanted.keys):
        wanted.refuse("the first line is empty", "the first line names the columns", line=1)
    _refuse_delimiter([row for row, _ in head], wanted)
    header = header_of([row for row, _ in head], wanted, [line for _, line in head])
    if not any(header.names):
        wanted.refuse("the first line is empty", "the first line names the columns", line=1)
    return head, header


def _chunks(reader: Any, head: list[Placed]) -> Iterator[tuple[list[list[str]], Any]]:
    """Yield rows in pieces with the line that each begins on; first those that were read already."""
    if head:
        yield [row for row, _ in head], np.array([line for _, line in head])
    before = reader.line_num
    while rows := list(islice(reader, _PIECE)):
        lines = np.arange(before + 1, before + 1 + len(rows))
        if reader.line_num - before != len(rows):  # cells with line breaks in them
            spans = [1 + sum(cell.count("\n") for cell in row) for row in rows]
            lines = before + 1 + np.cumsum([0, *spans[:-1]])
        before = reader.line_num
        yield rows, lines


def _refuse_ragged(ragged: list[tuple[int, int]], header: tuple[str, ...], wanted: Wanted) -> None:
    if ragged:
        shown = listed([f"line {line} has {cells} cells" for line, cells in ragged], 4)
        what = f"{shown}, where the first line has {len(header)}"
        quoted = 'put cells with commas in quotation marks: "Bristol, City of"'
        titled = "the first line names the columns: remove titles and notes above it, or say header_row"
        wanted.refuse(what, titled if len(header) == 1 else quoted)


def _refuse_delimiter(rows: Sequence[Sequence[str]], wanted: Wanted) -> None:
    """Refuse columns that something else than commas separates: the needed names appear where it parts a row.

    Of a file without needed names it is the usual mark that parts the first line.
    """
    if wanted.keys and any(set(wanted.keys) <= {cell.strip(" \ufeff") for cell in row} for row in rows):
        return
    for line in map(",".join, rows if wanted.keys else rows[:1]):
        for mark in dict.fromkeys(re.findall(r"[^\w,\"'.]", line)):
            names = [name.strip(" \"'\ufeff") for name in line.split(mark)]
            if _are_names(names, mark, wanted.keys):
                word = _SEPARATORS.get(mark, f'"{mark}"' if mark.isprintable() else f"U+{ord(mark):04X}")
                wanted.refuse(f"columns are separated by {word}", "separate them by commas")


def _are_names(names: Sequence[str], mark: str, keys: Sequence[str]) -> bool:
    if keys:
        return set(keys) <= set(names)
    return len(names) > 1 and mark in {";", "\t", "|"} and "," not in "".join(names)


def _joined(pieces: Sequence[Any]) -> Any:
    if not pieces:
        return pd.Categorical([])
    joined: Any = pd.api.types.union_categoricals(list(pieces))
    return joined


def opened(path: Path) -> Any:
    """Open a file as bytes; what is packed (``.gz``) raises `TooLarge` where it unpacks to more than the limit."""
    if path.name.lower().endswith(".gz"):
        return BufferedReader(_Counted(gzip.open(path, "rb")))
    return path.open("rb")


def _open_quote(path: Path) -> int | None:
    """Return the first line with an odd number of quotation marks."""
    with opened(path) as file:
        return next((number for number, line in enumerate(file, 1) if line.count(b'"') % 2), None)


def _first_lines(path: Path) -> list[list[str]]:
    """Return the lines among which the names of the columns are looked for, each as one cell."""
    with opened(path) as file:
        return [[line.decode("utf-8", "replace").rstrip("\r\n")] for line in islice(file, DEEPEST)]


def _bad_line(path: Path) -> int:
    """Return the first line that is not UTF-8."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
