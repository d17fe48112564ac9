"""A table as text: csv, md, tex or html."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from sos_eval.bundle.files import csv_text
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.pull.latex import latex_table
from sos_eval.report.pull.publication import digits_text, to_digits

__all__ = ["TABLE_FORMATS", "numeric", "shown", "table_text"]

TABLE_FORMATS = ("csv", "md", "tex", "html")


def shown(table: pd.DataFrame, digits: int | None = None) -> pd.DataFrame:
    """Return a table as a reader sees it: numbers rounded for the eye, flags as words, nothing for what is missing."""
    cells = {at: [_cell(value, digits) for value in table.iloc[:, at]] for at in range(table.shape[1])}
    return pd.DataFrame(cells, dtype=object).set_axis(table.columns, axis=1)


def _cell(value: object, digits: int | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return digits_text(value, digits)
    return "" if value is None or value is pd.NA else str(value)


def numeric(table: pd.DataFrame) -> list[bool]:
    """Return of each column whether it holds numbers."""
    return [table.iloc[:, at].dtype.kind in "iuf" for at in range(table.shape[1])]


def table_text(table: pd.DataFrame, form: str, *, notes: Sequence[str] = (), digits: int | None = None) -> str:
    """Write a table as csv (full precision unless digits are given, no notes), md, tex or html (for the eye, escaped).

    Raises
    ------
    InputFault
        Another format was asked for.
    """
    if form == "csv":
        return csv_text(table if digits is None else to_digits(table, digits))
    if form == "md":
        below = "\n".join(f"\n*{_escaped(note)}*" for note in notes)
        return _markdown(shown(table, digits)) + (f"{below}\n" if notes else "")
    if form == "tex":
        return latex_table(shown(table, digits), numeric(table), notes)
    if form == "html":
        return _html(shown(table, digits), numeric(table), notes)
    raise InputFault(Fault("table", f"no format {form!r}", nearest(form, TABLE_FORMATS)))


def _html(table: pd.DataFrame, right: Sequence[bool], notes: Sequence[str]) -> str:
    sides = [' style="text-align:right"' if one else "" for one in right]
    head = "".join(f'<th scope="col"{side}>{escape(str(n))}</th>' for n, side in zip(table.columns, sides, strict=True))
    rows = [
        "".join(f"<td{side}>{escape(str(cell))}</td>" for cell, side in zip(row, sides, strict=True))
        for row in table.itertuples(index=False, name=None)
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    below = "".join(f"<p><small>{escape(note)}</small></p>\n" for note in notes)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n{below}"


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(map(str, table.columns)), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows) + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
