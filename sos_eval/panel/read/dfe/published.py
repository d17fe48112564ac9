"""`cells_of`: what published files say, a row per authority, year and measure, with symbol, release and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sos_eval.errors import Faults, listed
from sos_eval.panel.read.columns import OF_RELEASES
from sos_eval.panel.read.dfe.inspections import in_force
from sos_eval.panel.read.dfe.lacking import refuse_without_counts
from sos_eval.panel.read.dfe.layout import (
    PublishedMeasure,
    code_at,
    codes_of_authorities,
    grades,
    last_years,
    measures_of,
    places_of,
    wholes_of_parts,
)
from sos_eval.panel.read.dfe.releases import ReleaseFile
from sos_eval.panel.read.dfe.tool import period_of
from sos_eval.panel.read.written import written

__all__ = ["CELLS", "PLACES", "cells_of", "latest", "places_by_year"]

#: Columns of the table of cells.
CELLS = (
    "la_code", "year", "measure", "group", "written", "value", "flag", "vintage", "release", "rank", "wide", "file",
    "line",
)  # fmt: skip
_SAID = tuple(name for name in CELLS if name != "value")
#: Columns of the table of authorities.
PLACES = ("la_code", "year", "gss_code", "la_name", "region", "release", "rank")
#: Symbols of these tables: those of official statistics, and a point where nothing could be computed.
_SYMBOLS = frozenset({*OF_RELEASES, "."})
#: What the tool writes behind a period that is still to be revised, and behind an authority that is there no more.
PROVISIONAL, _FORMER = "prov", " (Pre LG)"
#: Groups whose cells may lie below zero: spending less its income.
_SIGNED = frozenset({"finance"})


def cells_of(files: Sequence[ReleaseFile], faults: Faults) -> pd.DataFrame:
    """Return every published cell in `CELLS`; note cells that are neither numbers nor symbols.

    A file without the counts of its kind is a fault. A cell that two files of one release hold alike (a file given
    twice) is kept once; differing ones are a fault, and so is an ONS code that no authority has, where a table has no
    other.
    """
    for file in files:
        refuse_without_counts(file, faults)
    codes = codes_of_authorities() | _codes_told(files)
    table = pd.DataFrame([row for file in files for row in _cells(file, codes, faults)], columns=list(_SAID))
    symbol = table["written"].isin(_SYMBOLS)
    words = table["written"].where(~symbol, "")
    judged = table["group"] == "inspections"
    values = words.map(written(sorted(set(words[~judged]) - {""})).values).astype(float)
    values = values.where(~judged, words.str.lower().map(grades()))
    table = table.assign(value=values.astype(float), flag=table["written"].where(symbol, table["flag"]))[list(CELLS)]
    _refuse_odd(table, faults)
    if files and not faults.found and table["value"].isna().all() and (table["flag"] == "").all():
        what = "no table has a number of a measure that is known, in a year that is over"
        faults.add(listed([file.path for file in files], 3), what, "see docs/panel.md")
    key = ["la_code", "year", "measure", "release", "vintage"]
    table = table.drop_duplicates([*key, "written"])
    twice = table[table.duplicated(key, keep=False)]
    if len(twice):
        where = listed([f"{row.file}:{row.line}" for row in twice.itertuples()], 4)
        faults.add(where, f"two files of one release differ in {len(twice)} cells", "give one of them")
    return table.reset_index(drop=True)


def _cells(file: ReleaseFile, codes: dict[str, str], faults: Faults) -> Iterator[tuple[Any, ...]]:
    if not file.kind.area.code:
        gss = next(place for place, _ in places_of(file.kind.area.gss, file.header))
        unknown = {line: cells[gss] for line, cells in file.rows if cells[gss] not in codes}
        if unknown:
            where = f"line{'s' * (len(unknown) > 1)} {listed(list(unknown), 4)}"
            shown = listed([repr(code[:12]) for code in dict.fromkeys(unknown.values())], 4)
            faults.add(
                str(file.path), f"{shown} in {where}: no upper-tier authority's code", "mend or leave out the row"
            )
            return
    for measure in measures_of(file.kind.name, file.release):
        for column in measure.columns:
            for place, named in places_of(column, file.header):
                if file.kind.layout == "inspections":
                    yield from _judgements(file, measure, place, codes)
                else:
                    yield from _column(file, measure, place, named, codes)


def _column(
    file: ReleaseFile, measure: PublishedMeasure, place: int, named: int | None, codes: dict[str, str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of one column of the rows that it is meant for."""
    area = file.kind.area
    code = file.header.index(area.code) if area.code else next(at for at, _ in places_of(area.gss, file.header))
    only = file.header.index(measure.only[0]) if measure.only else None
    period = file.header.index(area.period) if area.period else None
    of_file = file.release if named is None or named == file.relabelled else named
    path, vintage = str(file.path), file.vintage
    for line, cells in file.rows:
        if only is not None and cells[only] != measure.only[1]:
            continue
        when = None if period is None else period_of(cells[period])
        yield (
            cells[code] if area.code else codes[cells[code]], (when.year if when else of_file) + measure.shift,
            measure.name, measure.group, cells[place], PROVISIONAL if when and when.provisional else "",
            vintage, file.release, file.kind.rank, file.kind.wide, path, line,
        )  # fmt: skip


def _judgements(
    file: ReleaseFile, measure: PublishedMeasure, place: int, codes: dict[str, str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the judgement in force at the end of each year, of authorities that were still there; it was known then."""
    for gss, year, words, published, line in in_force(file.header, file.rows, place, file.release):
        if year <= last_years().get(codes[gss], year):
            yield (
                codes[gss], year, measure.name, measure.group, words, "", f"{file.vintage} {published}", year,
                file.kind.rank, False, str(file.path), line,
            )  # fmt: skip


def _codes_told(files: Sequence[ReleaseFile]) -> dict[str, str]:
    """Return the DfE's number of every ONS code that the files themselves name beside it."""
    told: dict[str, str] = {}
    for file in files:
        area = file.kind.area
        if area.code in file.header and area.gss in file.header:
            gss, code = file.header.index(area.gss), file.header.index(area.code)
            told |= {cells[gss]: cells[code] for _, cells in file.rows if cells[gss]}
    return told


def _refuse_odd(table: pd.DataFrame, faults: Faults) -> None:
    short = table[table["written"].str.contains(r"\d[eE][+-]?\d", regex=True)]
    for file, rows in short.groupby("file", sort=False):
        where = listed([f"line {line}" for line in rows["line"]], 4)
        faults.add(
            str(file), f"numbers in {where} that a spreadsheet shortened, as 3.8E+04", "take the file as published"
        )
    odd = table[table["value"].isna() & table["flag"].isin(["", PROVISIONAL]) & (table["written"] != "")]
    for file, rows in odd.groupby("file", sort=False):
        shown = listed([repr(word[:40]) for word in dict.fromkeys(rows["written"])], 3)
        where = listed([f"line {line}" for line in rows["line"]], 4)
        meant = " ".join(sorted(OF_RELEASES))
        faults.add(str(file), f"{shown} in {where}: no number and no symbol", f"symbols are {meant}")
    counted = table["measure"].isin(list(wholes_of_parts()))
    parted = table[counted & (table["value"] != table["value"].round()) & table["value"].notna()]
    for file, rows in parted.groupby("file", sort=False):
        faults.add(
            str(file), f"a count that is not whole in {listed([f'line {n}' for n in rows['line']], 4)}", "mend it"
        )
    below = table[(table["value"] < 0) & ~table["group"].isin(_SIGNED)]
    for file, rows in below.groupby("file", sort=False):
        faults.add(str(file), f"a negative count in {listed([f'line {n}' for n in rows['line']], 4)}", "mend it")


def latest(cells: pd.DataFrame, as_of: int | None) -> pd.DataFrame:
    """Keep each cell's last release, up to a year's; what that suppresses is not filled from an earlier one."""
    counting = cells if as_of is None else cells[cells["release"] <= as_of]
    ordered = counting.sort_values(["release", "rank", "vintage"], kind="stable")
    return ordered.drop_duplicates(["la_code", "year", "measure"], keep="last")


def places_by_year(files: Sequence[ReleaseFile]) -> pd.DataFrame:
    """Return code, name and region of every authority and year that a file names, in `PLACES`.

    What a table says in the ONS's code or the DfE's number alone has the other from `codes.csv`.
    """
    codes = codes_of_authorities() | _codes_told(files)
    rows = []
    for file in files:
        area, header = file.kind.area, file.header
        at = [next((i for i, _ in places_of(name, header)), None) if name else None for name in
              (area.code, area.gss, area.name, area.region)]  # fmt: skip
        period = header.index(area.period) if area.period else None
        shift = max((measure.shift for measure in measures_of(file.kind.name, file.release)), default=0)
        if file.kind.layout == "tool":  # most of its measures are of the year that it writes
            shift = 0
        for _, cells in file.rows:
            code, gss, name, region = ("" if i is None else cells[i] for i in at)
            when = None if period is None else period_of(cells[period])
            year = when.year + shift if when else file.release
            code = code or codes[gss]
            gss = gss or (code_at(code, year) if file.kind.layout == "tool" else "")
            rows.append((code, year, gss, name.removesuffix(_FORMER), region, file.release, file.kind.rank))
    return pd.DataFrame(rows, columns=list(PLACES)).drop_duplicates(ignore_index=True)
