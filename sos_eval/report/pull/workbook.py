"""Tables as a workbook: number cells, text that no program runs, notes below."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Fault, InputFault
from sos_eval.report.wording import in_word

__all__ = ["workbook"]

_ROWS, _LETTERS = 1_048_576, 32_767


def workbook(tables: Mapping[str, tuple[pd.DataFrame, Sequence[str]]], digits: int | None = None) -> bytes:
    """Write a workbook of a sheet per table.

    Parameters
    ----------
    tables
        Name to table and notes. Cells keep every digit.
    digits
        Significant digits that are shown; all unless given.

    Raises
    ------
    InputFault
        A table has more rows than a sheet.
    """
    from openpyxl import Workbook

    book: Any = Workbook()
    book.remove(book.active)
    for name, (table, notes) in tables.items():
        if len(table) + len(notes) + 2 > _ROWS:
            raise InputFault(Fault(name, f"has {len(table):,} rows, more than a sheet", "write it as csv"))
        _fill(book.create_sheet(_title(name, book.sheetnames)), table, notes, digits)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _title(name: str, taken: Sequence[str]) -> str:
    """Return a sheet's name: 31 letters at most, none that Excel refuses, none twice."""
    title = re.sub(r"[\[\]:*?/\\']", "-", in_word(name))[:31] or "table"
    again = (f"{title[:27]}~{k}" for k in range(2, 1000))
    lower = [one.lower() for one in taken]
    return title if title.lower() not in lower else next(one for one in again if one.lower() not in lower)


def _fill(sheet: Any, table: pd.DataFrame, notes: Sequence[str], digits: int | None) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    rows = [list(map(str, table.columns)), *table.astype(object).itertuples(index=False, name=None)]
    for i, row in enumerate(rows, 1):
        for j, value in enumerate(row, 1):
            _put(sheet.cell(i, j), value, digits)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for j, name in enumerate(table.columns, 1):
        widest = max([len(str(name)), *(len(str(value)) for value in table.iloc[:200, j - 1])])
        sheet.column_dimensions[get_column_letter(j)].width = min(max(widest + 2, 8), 44)
    for k, note in enumerate(notes, len(rows) + 2):
        _put(sheet.cell(k, 1), note, None)


def _put(cell: Any, value: Any, digits: int | None) -> None:
    """Put a value: numbers as numbers, text as text also where it begins like a formula, or nothing."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        cell.value = value
        if isinstance(value, float) and digits is not None:
            cell.number_format = _format(value, digits)
        return
    cell.value = in_word(str(value))[:_LETTERS]
    cell.data_type = "s"


def _format(value: float, digits: int) -> str:
    """Return the format that shows a number with so many significant digits."""
    size = math.floor(math.log10(abs(value))) if value else 0
    decimals = max(digits - 1 - size, 0)
    return "0." + "0" * decimals if decimals else "0"
