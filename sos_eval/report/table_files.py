"""A table as a file: csv, Markdown, LaTeX, HTML, a workbook, a Word document."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.files import csv_text
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.latex import latex_table
from sos_eval.report.published import headed
from sos_eval.report.tabulate import shown, table_text
from sos_eval.report.wording import in_word

__all__ = ["FORMATS", "FormattedTable", "columns_of"]

FORMATS = ("csv", "md", "tex", "html", "xlsx", "docx")
#: Times that a workbook's properties hold.
_TIMES = re.compile(rb"(?<=W3CDTF\">)[^<]*")
_SHEET = 31  # letters of a sheet's name
_CELL = 32_767  # letters of a cell


def columns_of(table: pd.DataFrame, wanted: Sequence[str], where: str) -> pd.DataFrame:
    """Return some columns of a table in the order asked for.

    Raises
    ------
    InputFault
        The table has no such column; every one that is missing is named with the nearest.
    """
    names = [str(name) for name in table.columns]
    faults = [
        Fault(where, f"--columns: no column {name!r}", nearest(name, names)) for name in wanted if name not in names
    ]
    if faults:
        raise InputFault(faults)
    return table[list(dict.fromkeys(wanted))]


@dataclass(frozen=True, slots=True)
class FormattedTable:
    """A table with its name, what is said under it, and how many significant digits its numbers have.

    Attributes
    ----------
    digits
        None: csv and workbooks hold full precision, all others three significant digits.
    """

    name: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    digits: int | None = None

    def written(self, form: str) -> str | bytes:
        """Return the file's content.

        Raises
        ------
        InputFault
            There is no such format; the nearest is named.
        """
        makers: dict[str, Callable[[], str | bytes]] = {
            "csv": self._csv, "md": self._markdown, "tex": self._tex, "html": self._html, "xlsx": self._workbook,
            "docx": self._document,
        }  # fmt: skip
        if form not in makers:
            raise InputFault(Fault("table", f"no format {form!r}", nearest(form, FORMATS)))
        return makers[form]()

    @property
    def _read(self) -> pd.DataFrame:
        """The table as a reader sees it, heads in words."""
        return headed(shown(self.frame, self.digits))

    @property
    def _numbers(self) -> pd.DataFrame:
        """The table with its numbers as numbers, rounded where digits were asked for."""
        if self.digits is None:
            return self.frame
        return self.frame.map(lambda value: _rounded(value, self.digits or 1))

    def _csv(self) -> str:
        return csv_text(self._numbers)

    def _markdown(self) -> str:
        said = "".join(f"\n{note}\n" for note in self.notes)
        return table_text(self._read, "md") + said

    def _html(self) -> str:
        said = "".join(f"<p><small>{_html_escaped(note)}</small></p>\n" for note in self.notes)
        return table_text(self._read, "html") + said

    def _tex(self) -> str:
        right = [self.frame.iloc[:, at].dtype.kind in "iuf" for at in range(self.frame.shape[1])]
        return latex_table(self._read, right, self.notes)

    def _workbook(self) -> bytes:
        from openpyxl import Workbook
        from openpyxl.styles import Font

        book = Workbook()
        sheet: Any = book.active
        sheet.title = _sheet_name(self.name)
        for k, name in enumerate(self.frame.columns, start=1):
            _put(sheet.cell(1, k), str(name))
            sheet.cell(1, k).font = Font(bold=True)
        for i, row in enumerate(self._numbers.itertuples(index=False), start=2):
            for k, value in enumerate(row, start=1):
                _put(sheet.cell(i, k), value)
        for i, note in enumerate(self.notes, start=len(self.frame) + 3):
            _put(sheet.cell(i, 1), note)
        sheet.freeze_panes = "A2"
        return _saved(book)

    def _document(self) -> bytes:
        from sos_eval.report.docx import table_document

        return table_document(self._read, self.name, self.notes)


def _rounded(value: Any, digits: int) -> Any:
    """Return a number with so many significant digits; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, float | np.floating) or not np.isfinite(value):
        return value
    return float(f"{value:.{digits}g}")


def _put(cell: Any, value: Any) -> None:
    """Fill a cell: numbers as numbers, words as words even where they begin as a formula does, nothing for nothing."""
    if isinstance(value, bool | np.bool_):
        cell.value = "yes" if value else "no"
    elif isinstance(value, int | np.integer):
        cell.value = int(value)
    elif isinstance(value, float | np.floating):
        if np.isfinite(value):
            cell.value = float(value)
        elif not np.isnan(value):
            _words(cell, "∞" if value > 0 else "−∞")
    elif value is not None and value is not pd.NA:
        _words(cell, in_word(str(value))[:_CELL])


def _words(cell: Any, text: str) -> None:
    cell.value = text
    cell.data_type = "s"


def _sheet_name(name: str) -> str:
    return "".join("_" if letter in "[]:*?/\\" else letter for letter in name)[:_SHEET] or "table"


def _saved(book: Any) -> bytes:
    """Return a workbook's bytes, the same for the same table: without the times at which it and its parts were made."""
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    made, out = BytesIO(), BytesIO()
    book.save(made)
    with ZipFile(made) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = ZipInfo(name, (2000, 1, 1, 0, 0, 0))
            part.compress_type = ZIP_DEFLATED
            new.writestr(part, _TIMES.sub(rb"2000-01-01T00:00:00Z", old.read(name)))
    return out.getvalue()


def _html_escaped(text: str) -> str:
    from html import escape

    return escape(text)
