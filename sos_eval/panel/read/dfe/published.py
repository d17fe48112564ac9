"""`cells_of`: what published files say, a row per authority, year and measure, with symbol, release and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sos_eval.errors import Faults, listed
from sos_eval.panel.read.columns import OF_RELEASES
from sos_eval.panel.read.dfe.layout import PublishedMeasure, measures_of, places_of
from sos_eval.panel.read.dfe.releases import ReleaseFile
from sos_eval.panel.read.written import written

__all__ = ["CELLS", "PLACES", "cells_of", "latest", "places_by_year"]

#: Columns of the table of cells.
CELLS = (
    "la_code", "year", "measure", "group", "written", "value", "flag", "vintage", "release", "wide", "file", "line",
)  # fmt: skip
#: Columns of the table of authorities.
PLACES = ("la_code", "year", "gss_code", "la_name", "region", "release")
#: Symbols of these tables: those of official statistics, and a point where nothing could be computed.
#: Where code, GSS code, name and region of an authority stand, in tidy and in wide files.
_NAMES = {
    False: ("old_la_code", "new_la_code", "la_name", "region_name"),
    True: ("geog_c", "New_geog_code", "geog_n", "region"),
}
_SYMBOLS = frozenset({*OF_RELEASES, "."})


def cells_of(files: Sequence[ReleaseFile], faults: Faults) -> pd.DataFrame:
    """Return every published cell in `CELLS`; note cells that are neither numbers nor symbols.

    A cell that two files of one release hold alike (a file given twice) is kept once; differing ones are a fault.
    """
    table = pd.DataFrame([row for file in files for row in _cells(file)], columns=list(CELLS[:5]) + list(CELLS[7:]))
    words = table["written"].where(~table["written"].isin(_SYMBOLS), "")
    values = words.map(written(sorted(set(words) - {""})).values)
    table = table.assign(value=values.astype(float), flag=table["written"].where(table["written"].isin(_SYMBOLS), ""))
    table = table[list(CELLS)]
    _refuse_odd(table, faults)
    key = ["la_code", "year", "measure", "release", "vintage"]
    table = table.drop_duplicates([*key, "written"])
    twice = table[table.duplicated(key, keep=False)]
    if len(twice):
        where = listed([f"{row.file}:{row.line}" for row in twice.itertuples()], 4)
        faults.add(where, f"two files of one release differ in {len(twice)} cells", "give one of them")
    return table.reset_index(drop=True)


def _cells(file: ReleaseFile) -> Iterator[tuple[Any, ...]]:
    for measure in measures_of(file.kind.name, file.release):
        for column in measure.columns:
            for place, named in places_of(column, file.header):
                yield from _column(file, measure, place, named)


def _column(file: ReleaseFile, measure: PublishedMeasure, place: int, named: int | None) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of one column of the rows that it is meant for."""
    code = file.header.index("geog_c" if file.kind.wide else "old_la_code")
    only = file.header.index(measure.only[0]) if measure.only else None
    period = None if file.kind.wide else file.header.index("time_period")
    of_file = file.release if named is None or named == file.relabelled else named
    for line, cells in file.rows:
        if only is not None and cells[only] != measure.only[1]:
            continue
        year = of_file if period is None else int(cells[period])
        yield (
            cells[code], year + measure.shift, measure.name, measure.group, cells[place],
            file.vintage, file.release, file.kind.wide, str(file.path), line,
        )  # fmt: skip


def _refuse_odd(table: pd.DataFrame, faults: Faults) -> None:
    odd = table[table["value"].isna() & (table["flag"] == "") & (table["written"] != "")]
    for file, rows in odd.groupby("file", sort=False):
        shown = listed([repr(word) for word in dict.fromkeys(rows["written"])], 3)
        where = listed([f"line {line}" for line in rows["line"]], 4)
        meant = " ".join(sorted(OF_RELEASES))
        faults.add(str(file), f"{shown} in {where}: no number and no symbol", f"symbols are {meant}")
    below = table[table["value"] < 0]
    for file, rows in below.groupby("file", sort=False):
        faults.add(str(file), f"a negative count in {listed([f'line {n}' for n in rows['line']], 4)}", "mend it")


def latest(cells: pd.DataFrame, as_of: int | None) -> pd.DataFrame:
    """Keep each cell's last release, up to a year's; what that suppresses is not filled from an earlier one."""
    counting = cells if as_of is None else cells[cells["release"] <= as_of]
    ordered = counting.sort_values(["release", "vintage"], kind="stable")
    return ordered.drop_duplicates(["la_code", "year", "measure"], keep="last")


def places_by_year(files: Sequence[ReleaseFile]) -> pd.DataFrame:
    """Return code, name and region of every authority and year that a file names, in `PLACES`."""
    rows = []
    for file in files:
        at = [file.header.index(name) if name in file.header else None for name in _NAMES[file.kind.wide]]
        period = None if file.kind.wide else file.header.index("time_period")
        shift = max((measure.shift for measure in measures_of(file.kind.name, file.release)), default=0)
        for _, cells in file.rows:
            code, *named = ("" if i is None else cells[i] for i in at)
            year = file.release if period is None else int(cells[period]) + shift
            rows.append((code, year, *named, file.release))
    return pd.DataFrame(rows, columns=list(PLACES)).drop_duplicates(ignore_index=True)
