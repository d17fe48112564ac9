"""Tables of the report: a frame by name, and its text as csv, md, tex or html."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import csv_text
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.wording import number, p_number
from sos_eval.results.method import registered
from sos_eval.terms import PERIOD_COLUMNS

__all__ = ["TABLE_FORMATS", "shown", "table_text", "tabulate", "with_p"]

TABLE_FORMATS = ("csv", "md", "tex", "html")


def tabulate(bundle: ResultBundle, name: str) -> pd.DataFrame:
    """Return a table of the report, or a file of ``tables/``, by name.

    Raises
    ------
    InputFault
        There is no such table; the nearest is named.
    """
    makers: dict[str, Callable[[ResultBundle], pd.DataFrame]] = registered("table")
    if name in makers:
        return makers[name](bundle)
    if name in bundle.table_names:
        return bundle.tables(name)
    known = (*makers, *bundle.table_names)
    raise InputFault(Fault(str(bundle.path), f"no table is called {name!r}", nearest(name, known)))


#: Columns that hold periods.
_PERIODS = frozenset({*PERIOD_COLUMNS, "year", "period"})
#: Columns that hold p.
_P = ("p_value", "p_adjusted", "first_p", "link_p", "joint_p")


def with_p(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its p values as columns headed p write them: ``<0.001`` for tiny ones."""
    told = {name: [p_number(float(p)) for p in table[name].astype(float)] for name in _P if name in table}
    return table.assign(**told)


def shown(table: pd.DataFrame, digits: int | None = None) -> pd.DataFrame:
    """Return a table as a reader sees it: numbers rounded for the eye, flags as words, nothing for what is missing.

    Years and other periods are written whole. With digits, each number has so many significant ones.
    """
    return pd.DataFrame(
        {name: [_cell(value, digits, period=name in _PERIODS) for value in table[name]] for name in table.columns},
        dtype=object,
    )


def _cell(value: object, digits: int | None, *, period: bool) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, str):
        return {"true": "yes", "false": "no"}.get(value, value)  # flags of a file that is read again
    if isinstance(value, float):
        if period and value.is_integer():
            return f"{value:.0f}"
        return number(value) if digits is None else number(value, digits, exact=True)
    return "" if value is None or value is pd.NA else str(value)


def table_text(table: pd.DataFrame, form: str) -> str:
    """Write a table as csv (full precision), md, tex or html (rounded for the eye, everything escaped).

    Raises
    ------
    InputFault
        Another format was asked for.
    """
    if form == "csv":
        return csv_text(table)
    if form == "md":
        return _markdown(shown(table))
    if form == "tex":
        return str(shown(table).to_latex(index=False, escape=True))
    if form == "html":
        return str(shown(table).to_html(index=False, escape=True, border=0)) + "\n"
    raise InputFault(Fault("table", f"no format {form!r}", nearest(form, TABLE_FORMATS)))


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(map(str, table.columns)), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows) + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
