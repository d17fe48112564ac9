"""Files of returns into typed tables, piece by piece: `load.sql` says what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, listed
from sos_eval.panel.care.doubtful import refuse_doubtful
from sos_eval.panel.read.returns.files import ReturnFile
from sos_eval.panel.read.returns.layout import READ
from sos_eval.panel.read.returns.tables import pieces_of, recognised
from sos_eval.panel.read.returns.xml import xml_pieces

__all__ = ["load", "run_sql"]

#: How the rows of a piece go into the tables; $authority and $year are whole numbers, $first the place of line 0.
_INTO = {
    "episodes": """insert into raw select $authority, $year, $first + line, trim(CHILD),
        code_of(RNE), code_of(LS), code_of(CIN), code_of(PLACE), code_of(REC),
        day_of(DECOM), odd_of(DECOM), day_of(DEC), odd_of(DEC) from piece
        where concat(CHILD, RNE, LS, CIN, PLACE, REC, DECOM, DEC) <> ''""",
    "header": """insert into header select $authority, $year, $first + line, trim(CHILD), trim(SEX),
        day_of(DOB), odd_of(DOB), trim(UPN) from piece where concat(CHILD, SEX, DOB) <> ''""",
    "uasc": """insert into uasc select $authority, $year, $first + line, trim(CHILD), day_of(DUC), odd_of(DUC)
        from piece where CHILD <> ''""",
}
_WHOSE = ("authority", "year")
#: Endings of files in which a table may lie that is not read.
_PACKED = frozenset({".zip", ".gz", ".7z", ".bz2", ".xz", ".xlsx", ".xls", ".xlsb", ".ods"})
#: Lines that one file may have: the place of a row is the file's number times this, and its line.
_LINES = 1 << 40


def run_sql(base: Any, room: str, name: str, values: Sequence[object] = ()) -> None:
    """Run the statements of a file of a room of `panel`; the one with a place for a value is given it."""
    text = files("sos_eval.panel").joinpath(room, name).read_text(encoding="utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            base.execute(statement, values if "?" in statement else [])


def load(base: Any, returns: Sequence[ReturnFile], faults: Faults) -> tuple[str, ...]:
    """Put what is read of every file into tables, and return the authorities: their number is their place."""
    run_sql(base, "care", "days.sql")
    run_sql(base, "care", "load.sql")
    authorities = tuple(sorted({file.authority for file in returns}))
    for number, file in enumerate(returns):
        place = {"authority": authorities.index(file.authority), "year": file.year, "first": number * _LINES}
        for table, piece in _pieces(file, faults):
            if table == "uasc":
                base.execute("insert into uasc_told values ($authority, $year)", {key: place[key] for key in _WHOSE})
            if not piece.num_rows:
                continue
            base.register("piece", piece)
            base.execute(_INTO[table], {key: value for key, value in place.items() if f"${key}" in _INTO[table]})
            base.unregister("piece")
    base.register("given_codes", _codes())
    base.execute("create temp table codes as select * from given_codes")
    base.unregister("given_codes")
    refuse_doubtful(base, returns, authorities, _LINES, faults)
    if not faults.found:
        _refuse_unread(base, returns, faults)
    return authorities


def _refuse_unread(base: Any, returns: Sequence[ReturnFile], faults: Faults) -> None:
    """Note returns without an episode, and files of which no first day can be read: zeros would look like counts."""
    days = base.execute(f"select spot // {_LINES}, count(decom) from raw group by all").fetchall()
    for number, n in days:
        if not n:
            what = "no first day of an episode can be read"
            faults.add(str(returns[number].path), what, "days are written 01/05/2018, as text")
    if faults.found:  # a file that cannot be read has no episode either
        return
    told = {(returns[number].authority, returns[number].year) for number, _ in days}
    for authority, year in sorted({(file.authority, file.year) for file in returns} - told):
        what = "the return holds no episode: there are no rows below the names of columns, or no table of episodes"
        packed = _packed(file.path.parent for file in returns if (file.authority, file.year) == (authority, year))
        instead = (
            f"unpack {listed(packed, 4)}, or save it as CSV"
            if packed
            else "give the whole return, or leave its year out"
        )
        faults.add(f"{authority}, {year}", what, instead)


def _packed(folders: Iterable[Path]) -> list[str]:
    """Return the names of archives and workbooks beside the files that are read."""
    beside = {other for folder in folders for other in folder.iterdir() if other.suffix.lower() in _PACKED}
    return sorted(other.name for other in beside)


def _pieces(file: ReturnFile, faults: Faults) -> Iterator[tuple[str, Any]]:
    """Yield the tables of a file in pieces with lines; an empty one first says that the table is there."""
    import pyarrow as pa

    empty = pa.RecordBatch.from_pylist([])
    if file.path.suffix.lower() == ".xml":
        yield from ((table, empty) for table in READ)
        yield from xml_pieces(file.path, faults)
        return
    table = recognised(file.path, faults)
    if table not in READ:
        return
    yield table, empty
    line = 2
    for piece in pieces_of(file.path, table, faults):
        yield table, piece.append_column("line", pa.array(np.arange(line, line + piece.num_rows)))
        line += piece.num_rows


def _codes() -> pd.DataFrame:
    """Return the lists of codes with the years in which each is valid."""
    codes = pd.read_csv(str(files("sos_eval.panel.care").joinpath("codes.csv")), dtype=str, keep_default_na=False)
    first, last = codes["first"].replace("", "0").astype(int), codes["last"].replace("", "9999").astype(int)
    return codes.assign(first=first, last=last)
