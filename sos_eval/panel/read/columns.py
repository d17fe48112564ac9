"""Columns as they were read, turned strictly into ids, periods and numbers; every fault names its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.declare import Document
from sos_eval.errors import Faults, listed, nearest
from sos_eval.panel.panel import Array, FlowRow

__all__ = ["MISSING", "SUPPRESSION", "Reading", "as_text", "many", "numbers", "parsed", "suppressed", "texts"]

#: Written for "no value"; anything else that is no number is a fault.
MISSING = frozenset({"", "NA", "NaN", "nan", "NULL", "null", "None", "<NA>", "NaT"})

#: Symbols that English official statistics print in place of a number (GSS standard and older DfE releases).
SUPPRESSION = {
    "c": "confidential: a small number",
    "x": "not available",
    "z": "not applicable",
    "k": "rounds to zero but is not zero",
    "low": "rounds to zero but is not zero",
    "u": "low reliability",
    ":": "not available",
    "..": "not available",
    "-": "not available or zero, by publication",
    "*": "suppressed",
}


@dataclass(frozen=True)
class Reading:
    """A table as it was read, and where to send the reader for its faults.

    Attributes
    ----------
    frame
        Columns under the user's names; the index is the place of each row: the line of a csv file, the row of a
        sheet, the position (from 0) in a DataFrame.
    name
        The file, or "data" for a DataFrame.
    faults
        The collector.
    document
        The design; None for a DataFrame without one.
    place
        What the index counts: "line" or "row".
    header
        All columns of the file, read or not; the frame's own without it.
    flow
        What reading has left out.
    """

    frame: pd.DataFrame
    name: str
    faults: Faults
    document: Document | None = None
    place: str = "row"
    header: tuple[str, ...] = ()
    flow: tuple[FlowRow, ...] = ()

    def lines(self, rows: Any) -> str:
        """Name rows by their place: ``lines 3, 8 and 12 more``; `rows` is a mask or positions in `frame`."""
        places = np.asarray(self.frame.index)[rows]
        return f"{self.place}{'' if len(places) == 1 else 's'} {listed(list(places), 4)}"

    def add(self, what: str, instead: str = "") -> None:
        """Note a fault of the data."""
        self.faults.add(self.name, what, instead)

    def at(self, *keys: str) -> tuple[str, str]:
        """Return where a key of the `panel:` block stands, and its name."""
        if self.document is None:
            named = [key for key in keys if key not in {"count", "value"}]
            return self.name, str(named[-1])
        path = ("panel", *keys)
        return self.document.where(path), ".".join(path)

    def fault_of(self, keys: Sequence[str], what: str, instead: str = "") -> None:
        """Note a fault of the design's `panel:` block."""
        where, key = self.at(*keys)
        self.faults.add(where, f"{key}: {what}", instead)

    def column(self, name: str, *keys: str) -> bool:
        """Say whether a column is there, once; note a fault where it is not."""
        header = self.header or tuple(str(column) for column in self.frame.columns)
        found = header.count(name)
        if not found:
            hint = nearest(name, header)
            hint = hint if hint.startswith("did you mean") else f"its columns are {listed(header, 12)}"
            self.fault_of(keys, f'{self.name} has no column "{name}"', hint)
        if found > 1:
            self.add(f'{found} columns are called "{name}"', "give each column a name of its own")
        return found == 1

    def kept_at(self, places: Any) -> Reading:
        """Keep rows by position, in that order."""
        return replace(self, frame=self.frame.iloc[places])

    def kept(self, mask: Any) -> Reading:
        """Keep some rows; lines stay those of the file."""
        return replace(self, frame=self.frame[mask])


def many(count: int, word: str) -> str:
    """Count things: ``1 row``, ``2 rows``."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def as_text(value: Any) -> str:
    """Write one value as text: whole numbers without a point, nothing for a missing value.

    Examples
    --------
    >>> [as_text(value) for value in (886, 886.0, " E09 ", None, "NA", True)]
    ['886', '886', 'E09', '', '', '1']
    """
    if isinstance(value, str):
        stripped = value.strip()
        return "" if stripped in MISSING else stripped
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def texts(column: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return a column as text: codes (n_rows,), -1 where missing, and the sorted distinct texts."""
    codes, found = pd.factorize(column)
    if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        written = np.asarray(found).astype(str)  # what as_text writes; whole numbers that differ, differ as text
        order = np.argsort(written)
        place = np.empty(len(order), np.intp)
        place[order] = np.arange(len(order))
        return place[codes], written[order].tolist()
    words = np.array([as_text(value) for value in found], dtype=object)
    distinct = sorted({word for word in words if word})
    place = pd.Index(distinct, dtype=object).get_indexer(pd.Index(words, dtype=object))
    return np.append(place, -1)[codes], distinct


def parsed(column: pd.Series[Any]) -> tuple[Array, NDArray[np.bool_], NDArray[np.object_]]:
    """Parse a column strictly.

    Returns
    -------
    values : (n_rows,)
        NaN where missing or no number.
    bad : (n_rows,)
        Rows that hold something else than a finite number or a missing value.
    words : (n_rows,)
        What those rows hold; only filled where `bad`.
    """
    words = np.broadcast_to(np.array("", dtype=object), len(column))
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        bad = np.isinf(values)
        if bad.any():
            words = np.where(bad, "inf", words)
        return np.where(bad, np.nan, values), bad, words
    codes, distinct = texts(column)
    numeric = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce").to_numpy(float)
    finite = np.where(np.isfinite(numeric), numeric, np.nan)
    values = np.append(finite, np.nan)[codes]
    bad = np.isnan(values) & (codes >= 0)
    if bad.any():
        words = np.where(bad, np.array([*distinct, ""], dtype=object)[codes], words)
    return values, bad, words


def suppressed(words: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell suppression symbols, (n_rows,)."""
    return np.isin(words.astype(str), list(SUPPRESSION))


def numbers(reading: Reading, name: str, allowed: NDArray[np.bool_] | None = None) -> Array:
    """Return a column of numbers, (n_rows,), NaN where empty; anything else is a fault that names its lines.

    Rows that are `allowed` may hold something else and become NaN.
    """
    values, bad, words = parsed(reading.frame[name])
    bad = bad if allowed is None else bad & ~allowed
    if bad.any():
        _not_numbers(reading, name, bad, words)
    return values


def _not_numbers(reading: Reading, name: str, bad: NDArray[np.bool_], words: NDArray[np.object_]) -> None:
    """Say what stands in a number column: symbols and what they mean, or text."""
    symbols = bad & suppressed(words)
    if symbols.any():
        seen = list(dict.fromkeys(words[symbols]))
        meant = ", ".join(f'"{word}" ({SUPPRESSION[word]})' for word in seen)
        count = many(int(symbols.sum()), "suppression symbol")
        what = f"{name}: {count} in a number column, {meant}, {reading.lines(symbols)}"
        declared = "" if reading.document is None else "; for an outcome, panel.suppressed: missing does so"
        reading.add(what, f"leave the cells empty (missing, never 0){declared}")
    endless = bad & np.isin(words.astype(str), ("inf", "-inf"))
    if endless.any():
        reading.add(f"{name}: infinite, {reading.lines(endless)}", "write a number, or leave empty where it is missing")
    text = bad & ~symbols & ~endless
    if text.any():
        seen = [repr(word) for word in dict.fromkeys(words[text])]
        what = f"{name}: text in a number column, {listed(seen, 4)}, {reading.lines(text)}"
        commas = all("," in word for word in words[text])
        reading.add(what, "write numbers without separators: 1234.5" if commas else "write numbers, or leave empty")
