"""What is known of an authority in the year of an event: another table, with a year convention of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.errors import listed
from sos_eval.panel.events.spec import AuthorityTable
from sos_eval.panel.panel import Array, FlowRow
from sos_eval.panel.read.columns import numbers, texts
from sos_eval.panel.read.files import read_file, source_of
from sos_eval.panel.read.reading import Reading

__all__ = ["filled", "joined"]


def joined(reading: Reading, table: AuthorityTable, base: Path, unit: str, years: Array) -> Reading:
    """Add the columns of a table of authorities to the rows of their unit and year.

    Parameters
    ----------
    unit
        The panel's column of units.
    years
        Of each row, (n_rows,).
    """
    path, (where, key) = base / table.path, reading.at("events", "authorities", "path")
    source = source_of(path)
    if source not in {"csv", "xlsx"}:
        reading.faults.add(where, f"{key}: {path.name} is neither csv nor xlsx", "write the table as csv or xlsx")
        return _with(reading, {name: np.full(len(reading.frame), np.nan) for name in table.columns})
    own = read_file(path, source, reading.faults, where=where, key=key)
    own = replace(own, document=reading.document)
    name = table.unit or unit
    lacking = [
        column for column in (name, table.year, *table.columns) if not own.column(column, "events", "authorities")
    ]
    if lacking:
        reading.faults.stop()
    codes, units = texts(own.frame[name])
    year = numbers(own, table.year)
    grid = _grid(years, year, table)
    rows, words = texts(reading.frame[unit])
    place = pd.Index(units).get_indexer(pd.Index(words, dtype=object))
    _refuse_absent(own, [word for word, at in zip(words, place, strict=True) if at < 0])
    _refuse_twice(own, codes, year)
    at = np.where(np.isnan(years), -1, np.searchsorted(grid, np.nan_to_num(years, nan=grid[0])))
    columns = {}
    for column in table.columns:
        laid = np.full((len(units) + 1, len(grid) + 1), np.nan)
        belongs = year + table.belongs_to.get(column, 0)
        given = np.isin(belongs, grid) & (codes >= 0)
        laid[codes[given], np.searchsorted(grid, belongs[given])] = numbers(own, column)[given]
        used = np.unique(place[place >= 0])
        laid[used, :-1] = _complete(own, table, column, laid[used, :-1], np.array(units, object)[used], grid, years)
        columns[column] = laid[np.append(place, -1)[rows], at]
    return _with(reading, columns)


def _with(reading: Reading, columns: dict[str, Array]) -> Reading:
    header = (*(reading.header or tuple(map(str, reading.frame.columns))), *columns)
    return replace(reading, frame=reading.frame.assign(**columns), header=header)


def _grid(years: Array, written: Array, table: AuthorityTable) -> Array:
    """Return the years of events and of the table, one apart."""
    shifts = [0, *table.belongs_to.values()]
    ends = np.concatenate([years[~np.isnan(years)], written + min(shifts), written + max(shifts)])
    return np.arange(np.nanmin(ends), np.nanmax(ends) + 1)


def _refuse_absent(own: Reading, units: list[str]) -> None:
    if units:
        own.add(f"no row for {listed(units)}", "give a row per unit and year, or leave the units out of the events")


def _refuse_twice(own: Reading, codes: object, year: Array) -> None:
    twice = pd.DataFrame({"unit": codes, "year": year}).duplicated().to_numpy()
    if twice.any():
        own.add(f"a unit and year stand twice, {own.lines(twice)}", "a unit has one row per year")


def _complete(
    own: Reading, table: AuthorityTable, column: str, values: Array, units: np.ndarray, grid: Array, years: Array
) -> Array:
    """Fill the years without a value as declared, (n_units, n_years); a gap that is not declared is a fault."""
    asked = np.isin(grid, np.unique(years[~np.isnan(years)]))
    gaps = np.isnan(values) & asked
    how = table.fill.get(column)
    if not gaps.any():
        return values
    first = np.argwhere(gaps)[0]
    if how is None:
        what = f"{column}: no value for {units[first[0]]} in {grid[first[1]]:.0f}, and {int(gaps.sum()) - 1} more gaps"
        own.add(what, f"fill: {{{column}: linear}} or {{{column}: carry}} under events.authorities, or give the values")
        return values
    done = np.array([filled(grid, row, how) for row in values])
    empty = np.isnan(done).all(1)
    if empty.any():
        own.add(f"{column}: no value for {listed(list(units[empty]))} in any year", "give at least one value")
    words = {
        "linear": "filled in a line between years, and beyond them",
        "carry": "carried on, and back before the first",
    }
    own.notes.append(FlowRow("authority figures", "noted", int(gaps.any(1).sum()), int(gaps.sum()), "",
                             f"{column}: {words[how]}"))  # fmt: skip
    return done


def filled(grid: Array, values: Array, how: str) -> Array:
    """Fill a series of years, (t,): ``carry`` the last value on and the first back; ``linear`` between and beyond.

    Beyond the ends the line runs on through the nearest two values; a single value is carried.

    Examples
    --------
    >>> filled(np.arange(5.0), np.array([np.nan, 1, np.nan, 3, np.nan]), "linear").tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    >>> filled(np.arange(4.0), np.array([np.nan, 2, np.nan, 4]), "carry").tolist()
    [2.0, 2.0, 2.0, 4.0]
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return values
    if how == "carry" or len(known) == 1:
        last = known[np.maximum(np.searchsorted(known, np.arange(len(grid)), side="right") - 1, 0)]
        return np.asarray(values[last], float)
    done = np.interp(grid, grid[known], values[known])
    for a, b, beyond in ((known[0], known[1], grid < grid[known[0]]), (known[-2], known[-1], grid > grid[known[-1]])):
        slope = (values[b] - values[a]) / (grid[b] - grid[a])
        done[beyond] = values[a] + slope * (grid[beyond] - grid[a])
    return np.asarray(done)
