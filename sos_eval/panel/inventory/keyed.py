"""`KeyedTable`: a table by unit and period as text, with what may leave of it under a disclosure profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DataFault, Fault, Faults, listed, nearest
from sos_eval.panel.disclosure import Disclosure, masked
from sos_eval.panel.panel import Array
from sos_eval.panel.periods import notations
from sos_eval.panel.read.columns import SUPPRESSION, parsed, texts
from sos_eval.panel.read.files import SUFFIXES, read_file, source_of
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.read.returns.layout import table_of

__all__ = ["UNITS", "KeyedTable", "Series", "keyed", "keyed_file", "series_of"]

#: What columns of units and of periods are called where nobody says it.
UNITS = ("la_code", "unit", "old_la_code", "new_la_code", "gss_code")
_PERIODS = ("year", "quarter", "month", "period", "time", "time_period")


@dataclass(frozen=True)
class Series:
    """A column of a table.

    Attributes
    ----------
    name
        The column.
    words : (n_rows,)
        As written; empty where missing.
    values : (n_rows,)
        Numbers, NaN where there is none.
    flags : (n_rows,)
        The suppression symbol of a cell, else empty; only of columns that hold numbers too.
    withheld
        Whether its values stay inside under the profile.
    """

    name: str
    words: NDArray[np.object_]
    values: Array
    flags: NDArray[np.object_]
    withheld: bool = False

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers, and beside them nothing but symbols."""
        return bool(np.isfinite(self.values).any())


@dataclass(frozen=True)
class KeyedTable:
    """A table with the unit and the period of every row.

    Attributes
    ----------
    name
        The file.
    key
        The columns of unit and period.
    units, periods : (n_rows,)
        As written.
    places
        Line or row of each, for faults.
    order
        The distinct periods, first to last.
    between
        Periods between the first and the last of which there is no row.
    series
        The other columns.
    masked
        Cells that the profile emptied.
    """

    name: str
    key: tuple[str, str]
    units: NDArray[np.object_]
    periods: NDArray[np.object_]
    places: Reading
    order: tuple[str, ...]
    between: tuple[str, ...]
    series: tuple[Series, ...]
    masked: int

    @property
    def doubled(self) -> NDArray[np.bool_]:
        """Rows whose unit and period stand in another row too, (n_rows,)."""
        pairs = pd.DataFrame({"unit": self.units, "period": self.periods})
        return pairs.duplicated(keep=False).to_numpy()


def keyed_file(path: Path, key: Sequence[str], disclosure: Disclosure) -> KeyedTable:
    """Read a file by unit and period; the columns are found by their usual names where none are given.

    Raises
    ------
    InputFault
        The file cannot be read, names no such columns, or is a table of a return, whose rows are children.
    """
    faults = Faults(DataFault)
    source = source_of(path)
    if source is None:
        raise DataFault(Fault(str(path), f"its name says no format; {listed(sorted(SUFFIXES))} are read", "rename it"))
    reading = read_file(path, source, faults, keys=tuple(key))
    if table_of(tuple(str(name).upper() for name in reading.frame.columns)) is not None:
        raise DataFault(Fault(str(path), "is a table of a return: its rows are children", "name the returns' folder"))
    return keyed(reading, key, disclosure)


def keyed(reading: Reading, key: Sequence[str], disclosure: Disclosure) -> KeyedTable:
    """Lay a table out by unit and period; under a profile counts are masked, and other numbers stay inside."""
    names = _key_of(reading, key)
    units, periods = (_words(reading, name) for name in names)
    for name, words in zip(names, (units, periods), strict=True):
        if (empty := words == "").any():
            reading.add(f"{name}: empty in {reading.lines(empty)}", "every row names its unit and period")
    reading.faults.stop()
    order, between = _ordered(sorted(set(periods.tolist())))
    others = [str(name) for name in reading.frame.columns if name not in names]
    for name in sorted({name for name in others if others.count(name) > 1}):
        reading.add(f"several columns are called {name!r}", "give each a name of its own")
    reading.faults.stop()
    made = [_guarded(series_of(reading, name), disclosure) for name in others]
    hidden = sum(count for _, count in made)
    table = KeyedTable(
        reading.name, names, units, periods, reading, order, between, tuple(series for series, _ in made), hidden
    )
    if disclosure.guards and table.doubled.any():
        what = f"several rows of a unit and period, {reading.lines(table.doubled)}: they may be people"
        reading.add(what, "add them up to a row per unit and period, or give --profile open")
        reading.faults.stop()
    return table


def _key_of(reading: Reading, key: Sequence[str]) -> tuple[str, str]:
    """Return the columns of unit and period."""
    header = [str(name) for name in reading.frame.columns]
    if key and len(key) != 2:
        reading.add(f"--key: {len(key)} given", "give two: --key UNIT --key PERIOD")
    for name in key:
        if name not in header:
            reading.add(f'--key: no column "{name}"', nearest(name, header))
    chosen = list(key) or [next((n for n in names if n in header), "") for names in (UNITS, _PERIODS)]
    if "" in chosen:
        word = "units" if not chosen[0] else "periods"
        reading.add(f"which column names the {word} is not plain: {listed(header)}", "give --key UNIT --key PERIOD")
    reading.faults.stop()
    return chosen[0], chosen[1]


def _words(reading: Reading, name: str) -> NDArray[np.object_]:
    codes, distinct = texts(reading.frame[name])
    return np.array([*distinct, ""], dtype=object)[codes]


def _ordered(words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return periods in time's order and those between them that are missing; as text where they are no periods."""
    axis = next(iter(notations(words, None, "ends_march")), None)
    counts = {word: axis.count(word) for word in words} if axis else {}
    if axis is None or any(count is None for count in counts.values()):
        return tuple(words), ()
    held = {count for count in counts.values() if count is not None}
    span = np.arange(min(held), max(held) + 1) if max(held) - min(held) <= 10 * len(held) + 10 else np.array([])
    missing = [axis.name(count) for count in span if count not in held]
    return tuple(sorted(words, key=lambda word: (counts[word], word))), tuple(missing)


def series_of(reading: Reading, name: str) -> Series:
    """Read a column: numbers with their symbols where it holds numbers and nothing else, or words."""
    words = _words(reading, name)
    values, bad, odd = parsed(reading, name)
    symbols = bad & np.isin(odd.astype(str), list(SUPPRESSION))
    numeric = bool(np.isfinite(values).any()) and not (bad & ~symbols).any()
    nothing = np.full(len(words), np.nan)
    return Series(name, words, values if numeric else nothing, np.where(symbols & numeric, words, ""))


def _guarded(series: Series, disclosure: Disclosure) -> tuple[Series, int]:
    """Return what may leave of a column, and how many cells were emptied.

    Whole numbers from zero are taken for counts of people: small ones are emptied, others rounded. Other numbers may
    give counts back (a rate does), and words that begin with a digit may be counts: they stay inside.
    """
    if not disclosure.guards:
        return series, 0
    values = series.values[np.isfinite(series.values)]
    if not series.numeric:
        inside = any(word[:1].isdigit() for word in set(series.words.tolist()))
        return Series(series.name, series.words, series.values, series.flags, withheld=inside), 0
    if (values != np.floor(values)).any() or (values < 0).any():
        return Series(series.name, series.words, series.values, series.flags, withheld=True), 0
    table, hidden = masked(pd.DataFrame({series.name: series.values}), [series.name], disclosure)
    shown = table[series.name].to_numpy(float)
    written = [f"{value:.0f}" if np.isfinite(value) else flag for value, flag in zip(shown, series.flags, strict=True)]
    return Series(series.name, np.array(written, dtype=object), shown, series.flags), hidden
