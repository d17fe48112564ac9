"""Workbooks: the needed columns of one sheet, as the sheet shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.columns import many
from sos_eval.panel.read.damage import DAMAGE, refuse_damaged
from sos_eval.panel.read.formats import in_per_cent, shows_otherwise, zeros_shown
from sos_eval.panel.read.layout import DEEPEST, Header, header_of, trimmed
from sos_eval.panel.read.package import matches, refuse_disorder, refuse_package
from sos_eval.panel.read.reading import MAX_ROWS, Reading, Wanted, chosen, refuse_vast
from sos_eval.panel.read.runs import Runs, marked_runs

__all__ = ["read_xlsx"]

#: So many empty rows in a workbook's sheet are no table any more, and reading on takes minutes.
MOST_EMPTY = 100_000

_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^<>]*?ref="(\w+:\w+)"')
_ROW_OR_COLUMN = re.compile(rb"<(?:\w+:)?(row|col)\b([^<>]*)>")
_ATTRIBUTE = re.compile(rb'\b(r|min|max|hidden)="(\w+)"')
#: Fonts that set a text above or below the line.
_RAISED = frozenset({"superscript", "subscript"})

#: A merged range: first and last column, first and last row, counted from 1.
Range = tuple[int, int, int, int]


def read_xlsx(wanted: Wanted) -> Reading:
    """Read one sheet as it shows: formulas as their saved values, shares in per cent so, merged cells in every row."""
    try:
        with ZipFile(wanted.path) as packed:
            refuse_package(wanted, packed)
        with _book(wanted, data_only=True) as book:
            if not book.worksheets:
                wanted.refuse("holds no sheet with cells, only charts", "name a workbook with the table")
            name = chosen([sheet.title for sheet in book.worksheets], wanted, "sheets")
            sheet: Any = book[name]
            sheet.reset_dimensions()  # what the file says of its size may be wrong
            part = str(sheet._worksheet_path)
            with ZipFile(wanted.path) as packed:
                refuse_disorder(wanted, packed, part.lstrip("/"), name)
                cells = _ShownCells(marked_runs(packed, part.lstrip("/")))
            rows = _rows(sheet, cells, wanted)
            merged = _merged(wanted, part)
            hidden = _hidden(wanted, part)
    except DAMAGE as error:
        refuse_damaged(wanted, "a workbook", error)
        raise
    if not any(cell is not None for row in rows[:DEEPEST] for cell in row):
        wanted.refuse(f'sheet "{name}": the first row is empty', "the first row names the columns")
    header = header_of(rows[: max(DEEPEST, wanted.header_row or 0)], wanted, range(1, len(rows) + 1))
    if not any(header.names):
        wanted.refuse(f'sheet "{name}": the first row is empty', "the first row names the columns")
    places = [i for i, column in enumerate(header.names) if column and wanted.needed(column)]
    body = rows[header.rows :]
    columns = [
        pd.Series([row[i] if i < len(row) else None for row in body], dtype=object).to_numpy(copy=True) for i in places
    ]
    at = np.arange(header.rows + 1, len(rows) + 1)
    blank = {(row, place) for column, place in zip(columns, places, strict=True)
             for row in at[[cell is None for cell in column]].tolist()}  # fmt: skip
    if blank and (unsaved := _unsaved(wanted, name, blank)):
        what = f'sheet "{name}": {many(len(unsaved), "formula")} without a saved value, {listed(unsaved, 4)}'
        wanted.refuse(what, "open the workbook in a spreadsheet and save it, or write values in place of formulas")
    flow = _fill(merged, columns, places, header, wanted) if merged and columns else []
    names = [header.names[i] for i in places]
    read = trimmed(wanted.reading(header.names, columns, names, at, flow=(*header.flow, *flow)), wanted)
    told = *cells.told(read, header, places, wanted), *_told_hidden(read, hidden, places)
    return replace(read, flow=(*read.flow, *told))


@contextmanager
def _book(wanted: Wanted, *, data_only: bool) -> Iterator[Any]:
    """Open a workbook whatever its name is: the library refuses names that it does not know."""
    from openpyxl import load_workbook

    with wanted.path.open("rb") as file, closing(load_workbook(file, read_only=True, data_only=data_only)) as book:
        yield book


def _rows(sheet: Any, cells: _ShownCells, wanted: Wanted) -> list[list[Any]]:
    """Return the rows of a sheet down to the last that holds a cell; one that goes on without any is refused."""
    rows: list[list[Any]] = []
    empty = size = 0
    for row in islice(sheet.iter_rows(), MAX_ROWS):
        values = [cells.shown(cell) for cell in row]
        size += sum(len(value) for value in values if isinstance(value, str))
        refuse_vast(size, wanted)  # a workbook holds a long text once, however many cells show it
        if all(value is None for value in values):
            empty += 1
            if empty > MOST_EMPTY:
                what = f'sheet "{sheet.title}": more than {MOST_EMPTY:,} empty rows below row {len(rows):,}'
                wanted.refuse(what, "delete the rows below the table, or save the table alone as CSV")
            continue
        rows += [[] for _ in range(empty)]
        empty = 0
        rows.append(values)
    return rows


@dataclass(slots=True)
class _ShownCells:
    """Reads cells as they show, and keeps which do not show what they hold.

    Attributes
    ----------
    runs
        Cells with raised or struck-out parts, by row and column from 1.
    left_out
        Cells of which such parts were left out.
    nothing
        Cells all of whose text is raised or struck out.
    otherwise
        Cells that their number format hides or changes, and the format.
    styles
        Number format of each style, and whether its font is raised or struck out.
    """

    runs: dict[tuple[int, int], Runs]
    left_out: set[tuple[int, int]] = field(default_factory=set)
    nothing: set[tuple[int, int]] = field(default_factory=set)
    otherwise: dict[tuple[int, int], str] = field(default_factory=dict)
    styles: dict[int, tuple[str, bool]] = field(default_factory=dict)

    def shown(self, cell: Any) -> Any:
        """Return a cell's value; a number whose format shows it in per cent as the text that it shows, in all digits.

        So it is read like any text in per cent: 12% is 12, and beside plain numbers a fault. Zeros that a format sets
        before a number (007) belong to a code, parts of a text that are raised or struck out to nothing.
        """
        value = cell.value
        if value is None:
            return None
        if cell._style_id not in self.styles:
            font = cell.font
            self.styles[cell._style_id] = cell.number_format, bool(font.strike) or font.vertAlign in _RAISED
        form, out = self.styles[cell._style_id]
        if self.runs or out:
            value = self._standing(cell, value, out)
        if isinstance(value, bool) or not isinstance(value, float | int | str) or form == "General":
            return value
        if shows_otherwise(form, value):
            self.otherwise[cell.row, cell.column] = form
        elif not isinstance(value, str) and in_per_cent(form):
            return f"{(100 * Decimal(repr(value))).normalize():f}%"
        elif not isinstance(value, str) and (zeros := zeros_shown(form, value)):
            return zeros
        return value

    def _standing(self, cell: Any, value: Any, out: bool) -> Any:
        """Return what is left of a cell's text without its raised or struck-out parts; all of it where nothing is."""
        at = cell.row, cell.column
        if at not in self.runs:
            if out:
                self.nothing.add(at)
            return value
        stands = "".join(text for text, own in self.runs[at] if not (out if own is None else own)).strip()
        (self.left_out if stands else self.nothing).add(at)
        return stands or value

    def told(self, read: Reading, header: Header, places: Sequence[int], wanted: Wanted) -> Iterator[FlowRow]:
        """Refuse cells of the table that do not show what they hold, and say of which some part was left out."""
        rows = {header.rows, *np.asarray(read.frame.index).tolist()}

        def named(cells: Iterable[tuple[int, int]], place: int) -> list[str]:
            return [_place(row, column) for row, column in sorted(cells) if column == place + 1 and row in rows]

        for place, name in zip(places, read.frame.columns, strict=True):
            if gone := named(self.nothing, place):
                what = f"{name}: {listed(gone, 4)}: nothing stands there that is not struck out, raised or lowered"
                wanted.faults.add(str(wanted.path), what, "write what holds as plain text, or empty the cell")
            for form in dict.fromkeys(self.otherwise.values()):
                if other := named((at for at, own in self.otherwise.items() if own == form), place):
                    what = f"{name}: {listed(other, 4)}: shown otherwise than it is held, by the number format {form}"
                    instead = "write in the cell what it shows, or format it as a plain number (0, 0.00, General)"
                    wanted.faults.add(str(wanted.path), what, instead)
            if parts := named(self.left_out, place):
                why = f"{name}: raised, lowered or struck-out parts ({listed(parts, 4)}) are left out"
                yield FlowRow("parts of cells", "noted", 0, len(parts), "", why)
        wanted.faults.stop()


def _merged(wanted: Wanted, part: str) -> list[Range]:
    """Return the ranges of a sheet whose cells are merged."""
    from openpyxl.utils import range_boundaries

    with ZipFile(wanted.path) as packed:
        found = [range_boundaries(one.decode()) for one in matches(packed, part.lstrip("/"), _MERGED)]
    if any(None in one for one in found):
        raise ValueError("a merged range without a row or column")
    return [(left, right, top, bottom) for left, top, right, bottom in found]


def _hidden(wanted: Wanted, part: str) -> tuple[set[int], list[tuple[int, int]]]:
    """Return the rows of a sheet that do not show, and the first and last of each span of such columns, from 1."""
    rows: set[int] = set()
    columns: list[tuple[int, int]] = []
    at = 0
    with ZipFile(wanted.path) as packed:
        for tag, attributes in matches(packed, part.lstrip("/"), _ROW_OR_COLUMN):
            said = dict(_ATTRIBUTE.findall(attributes))
            at = int(said.get(b"r", at + 1)) if tag == b"row" else at
            if said.get(b"hidden") not in {b"1", b"true"}:
                continue
            if tag == b"row":
                rows.add(at)
            else:
                columns.append((int(said[b"min"]), int(said[b"max"])))
    return rows, columns


def _told_hidden(
    read: Reading, hidden: tuple[set[int], list[tuple[int, int]]], places: Sequence[int]
) -> Iterator[FlowRow]:
    """Say which rows and columns of a table were read though the sheet does not show them."""
    rows, spans = hidden
    of_table = np.isin(np.asarray(read.frame.index), list(rows))
    if of_table.any():
        why = f"{read.lines(of_table)}: hidden in the sheet, read as the others"
        yield FlowRow("hidden rows", "noted", 0, int(of_table.sum()), "", why)
    for place, name in zip(places, read.frame.columns, strict=True):
        if any(first <= place + 1 <= last for first, last in spans):
            why = f"{name}: hidden in the sheet, read as the others"
            yield FlowRow("hidden columns", "noted", 0, len(read.frame), "", why)


def _fill(
    merged: Sequence[Range], columns: list[NDArray[np.object_]], places: list[int], header: Header, wanted: Wanted
) -> list[FlowRow]:
    """Write what a merged cell shows into every row of it that holds something else, and say so.

    A count merged over several rows, and cells merged over several columns, are of no row or column of their own: they
    are refused, all at once.
    """
    holds = np.array([[cell is not None for cell in column] for column in columns])  # (n_columns, n_rows)
    taken = np.zeros(holds.shape, bool)
    filled: dict[str, list[str]] = {}
    refused: dict[tuple[str, str], list[str]] = {}
    rows: dict[str, int] = {}
    for one in sorted(merged):
        left, right, top, bottom = one
        first, last = top - header.rows - 1, min(bottom - header.rows, holds.shape[1])
        within = [k for k, place in enumerate(places) if left <= place + 1 <= right]
        if not within or first < 0 or first >= last:
            continue
        if taken[within, first:last].any():
            wanted.refuse(f"the merged cells {_named(one)} overlap with others", "write the file again")
        taken[within, first:last] = True
        others: NDArray[np.bool_] = np.any(np.delete(holds, within, axis=0)[:, first:last], axis=0)
        if not others.any() or not holds[within, first].any():
            continue
        name = header.names[places[within[0]]]
        if len(within) > 1:
            refused.setdefault(("over several columns", "in each cell"), []).append(_named(one))
        elif last - first > 1 and wanted.of_one_row(name):
            refused.setdefault((f"in {name}", "in each row"), []).append(_named(one))
        elif last - first > 1:
            columns[within[0]][first:last][others] = columns[within[0]][first]
            filled.setdefault(name, []).append(_named(one))
            rows[name] = rows.get(name, 0) + int(others[1:].sum())
    for (where, each), ranges in refused.items():
        what = f"merged cells ({listed(ranges, 4)}) {where}"
        wanted.faults.add(str(wanted.path), what, f"unmerge them, and write {each} what it holds")
    wanted.faults.stop()
    why = {
        name: f"{name}: merged cells ({listed(ranges, 4)}) are read in each of their rows"
        for name, ranges in filled.items()
    }
    return [FlowRow("merged cells", "noted", 0, rows[name], "", one) for name, one in why.items()]


def _named(merged: Range) -> str:
    left, right, top, bottom = merged
    return f"{_place(top, left)}:{_place(bottom, right)}"


def _place(row: int, column: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column)}{row}"


def _unsaved(wanted: Wanted, name: str, blank: set[tuple[int, int]]) -> list[str]:
    """Return the blank cells, by row and column, that hold a formula whose value was never worked out (B7).

    One that was and is an empty text is marked as text.
    """
    with ZipFile(wanted.path) as packed:
        sheets = [entry for entry in packed.namelist() if entry.startswith("xl/worksheets/")]
        if not any(next(matches(packed, entry, _FORMULA), None) for entry in sheets):
            return []
    out = []
    with _book(wanted, data_only=True) as values, _book(wanted, data_only=False) as formulas:
        for book in (values, formulas):
            book[name].reset_dimensions()
        for both in islice(zip(values[name].iter_rows(), formulas[name].iter_rows(), strict=True), MAX_ROWS):
            out += [
                str(cell.coordinate)
                for saved, cell in zip(*both, strict=True)
                if cell.data_type == "f" and saved.data_type != "str" and (cell.row, cell.column - 1) in blank
            ]
    return out
