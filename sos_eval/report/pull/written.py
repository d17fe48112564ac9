"""Tables as files: which format a name asks for, and one or many tables in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.pull.publication import chosen, notes_on, side_by_side
from sos_eval.report.pull.shelf import Shelf
from sos_eval.report.tabulate import TABLE_FORMATS, numeric, shown, table_text

__all__ = ["FORMATS", "Pull", "form_of", "pulled", "tables_file"]

FORMATS = (*TABLE_FORMATS, "xlsx", "docx")


@dataclass(frozen=True)
class Pull:
    """A table as it is pulled: its rows, and the notes under it."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def form_of(out: Path, form: str | None, forms: Sequence[str] = FORMATS) -> str:
    """Return the format that a file's ending asks for.

    Raises
    ------
    InputFault
        The ending is none of them, or another format is asked for beside it.
    """
    ending = out.suffix.removeprefix(".").lower()
    if ending not in forms:
        what = f"--out: cannot write {ending!r}" if ending else "--out: has no ending that says the format"
        raise InputFault(Fault(str(out), what, f"end it in .{form}" if form else nearest(ending, forms)))
    if form is not None and form != ending:
        raise InputFault(Fault(str(out), f"--out ends in .{ending}, --format says {form}", "write one of the two"))
    return ending


def pulled(
    shelf: Shelf, name: str, *, columns: Sequence[str] = (), digits: int | None = None, models: bool = False
) -> Pull:
    """Return a table with its notes.

    Parameters
    ----------
    columns
        In this order; all unless given.
    digits
        Significant digits.
    models
        Whether models stand side by side.
    """
    table = shelf.table(name)
    notes = tuple(notes_on(table, _inferences(shelf, table)))
    if models:
        table = side_by_side(table, digits)
    if columns:
        table = chosen(table, columns)
    return Pull(table, notes)


def _inferences(shelf: Shelf, table: pd.DataFrame) -> dict[str, str]:
    """Return the words of each inference that a run's table names."""
    if not isinstance(shelf.folder, ResultBundle) or not {"inference", "estimate"} <= set(table.columns):
        return {}
    if not (shelf.path / "results.json").is_file():
        return {}
    methods = shelf.folder.facts.method
    return {name: methods(name).label for name in dict.fromkeys(table["inference"].astype(str)) if name}


def tables_file(pulls: Mapping[str, Pull], form: str, digits: int | None = None, *, page: bool = True) -> bytes:
    """Write one or many tables as the bytes of a file; html as a page of its own, or as a piece of one.

    Raises
    ------
    InputFault
        Many were asked for as csv, which holds one.
    """
    if form == "xlsx":
        from sos_eval.report.pull.workbook import workbook

        return workbook({name: (one.table, one.notes) for name, one in pulls.items()}, digits)
    if form == "docx":
        from sos_eval.report.pull.word_table import word_tables

        return word_tables({n: (shown(p.table, digits), numeric(p.table), p.notes) for n, p in pulls.items()})
    if form == "csv" and len(pulls) > 1:
        raise InputFault(Fault("--all", "a csv file holds one table", "name a folder, or a .xlsx, .docx or .html"))
    return _texts(pulls, form, digits, page=page).encode("utf-8")


def _texts(pulls: Mapping[str, Pull], form: str, digits: int | None, *, page: bool) -> str:
    texts = {name: table_text(one.table, form, notes=one.notes, digits=digits) for name, one in pulls.items()}
    if form == "html" and page:
        head = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Tables</title></head><body>\n'
        several = {name: f"<h2>{escape(name)}</h2>\n{text}" for name, text in texts.items()}
        return head + "".join((several if len(texts) > 1 else texts).values()) + "</body></html>\n"
    if form == "md" and len(texts) > 1:
        return "\n".join(f"## {name}\n\n{text}" for name, text in texts.items())
    if form == "tex" and len(texts) > 1:
        return "\n\\bigskip\n".join(f"% {name}\n{text}" for name, text in texts.items())
    return "".join(texts.values())
