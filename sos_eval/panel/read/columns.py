"""Columns as they were read, turned strictly into ids, periods and numbers; every fault names its lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Array
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.read.written import ERRORS, Written, like, written

__all__ = [
    "LARGEST", "MISSING", "OF_RELEASES", "SUPPRESSION", "as_text", "many", "numbers", "parsed", "refuse_beyond",
    "refuse_errors", "suppressed", "texts",
]  # fmt: skip

#: Written for "no value"; anything else that is no number is a fault.
MISSING = frozenset({"", "NA", "NaN", "nan", "NULL", "null", "None", "<NA>", "NaT"})

#: Beyond this the powers that errors are made of leave what numbers can hold.
LARGEST = 1e60

#: Symbols that English official statistics print in place of a number (GSS standard and older DfE releases).
OF_RELEASES = {
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

#: Those, the same in brackets as spreadsheets of official statistics have them, and what others print.
SUPPRESSION = {
    **OF_RELEASES,
    **{f"[{symbol}]": OF_RELEASES[symbol] for symbol in ("c", "x", "z", "low", "u")},
    "~": "suppressed or not reliable, by publication",
    **{f"<{least}": f"a number under {least}" for least in (3, 5, 6, 10)},
}


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


def _flags_among(column: pd.Series[Any]) -> NDArray[np.bool_]:
    """Tell which cells hold true or false in a column where others hold something else; none where all do."""
    if column.dtype != object:
        return np.zeros(len(column), bool)
    flags = np.array([isinstance(value, bool | np.bool_) for value in column], bool)
    return flags if (~flags & column.notna().to_numpy()).any() else np.zeros(len(column), bool)


def parsed(reading: Reading, name: str) -> tuple[Array, NDArray[np.bool_], NDArray[np.object_]]:
    """Parse a column of numbers: as they are, or as people write them (1,234, £12, 12%), which is noted.

    Returns
    -------
    values : (n_rows,)
        NaN where missing or no number.
    bad : (n_rows,)
        Rows that hold something else than a finite number or a missing value.
    words : (n_rows,)
        What those rows hold; only filled where `bad`.
    """
    column = reading.frame[name]
    words = np.broadcast_to(np.array("", dtype=object), len(column))
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        bad = np.isinf(values)
        if bad.any():
            words = np.where(bad, "inf", words)
        return np.where(bad, np.nan, values), bad, words
    codes, distinct = texts(column)
    as_written = written([word for word in distinct if word not in SUPPRESSION])
    finite = np.array([as_written.values.get(word, np.nan) for word in distinct])
    _note_written(reading, name, as_written, codes, distinct)
    values = np.append(finite, np.nan)[codes]
    bad = np.isnan(values) & (codes >= 0)
    if bad.any():
        words = np.where(bad, np.array([*distinct, ""], dtype=object)[codes], words)
    flags = _flags_among(column)
    if flags.any():  # beside numbers true is no one
        said = np.array([str(value).upper() for value in column], dtype=object)
        return np.where(flags, np.nan, values), bad | flags, np.where(flags, said, words)
    return values, bad, words


def _note_written(
    reading: Reading, name: str, as_written: Written, codes: NDArray[np.intp], distinct: list[str]
) -> None:
    """Note numbers that were written with signs or separators, and how one of that form is read; no cell is quoted."""
    if as_written.signed:
        example = like(as_written.signed[0])
        marked = np.isin(distinct, as_written.signed)
        rows = int(np.append(marked, False)[codes].sum())
        reading.note(
            "numbers as text",
            rows,
            f'{name}: written like "{example}", which is read as {written([example]).values[example]:.10g}',
        )


def suppressed(words: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell suppression symbols, (n_rows,)."""
    return np.isin(words.astype(str), list(SUPPRESSION))


def numbers(reading: Reading, name: str, allowed: NDArray[np.bool_] | None = None) -> Array:
    """Return a column of numbers, (n_rows,), NaN where empty; anything else is a fault that names its lines.

    Rows that are `allowed` may hold something else and become NaN.
    """
    values, bad, words = parsed(reading, name)
    bad = bad if allowed is None else bad & ~allowed
    if bad.any():
        _not_numbers(reading, name, bad, words)
    return values


def refuse_beyond(reading: Reading, name: str, values: Array) -> None:
    """Note outcomes beyond what errors can be computed of; weights and covariates have no unit of their own."""
    if (far := np.abs(values) > LARGEST).any():
        what = f"{name}: beyond {LARGEST:g}, of which no error can be computed, {reading.lines(far)}"
        reading.add(what, "mend the cells, or write the column in a larger unit")


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
        why = written([word for word in texts(reading.frame[name])[1] if word not in SUPPRESSION]).why
        what = why or "text in a number column"
        instead = (
            "write numbers with a decimal point and without signs: 1234.5" if why else "write numbers, or leave empty"
        )
        if "%" in why:
            instead = "write, or format, all of them in per cent (12% is 12), or none"
        reading.add(f"{name}: {what}, {listed(seen, 4)}, {reading.lines(text)}", instead)


def refuse_errors(reading: Reading, name: str) -> None:
    """Refuse the errors of a spreadsheet (#REF!, #N/A) in a column of ids or categories."""
    codes, distinct = texts(reading.frame[name])
    wrong = [i for i, word in enumerate(distinct) if word.upper() in ERRORS]
    if wrong:
        rows = np.isin(codes, wrong)
        seen = listed([distinct[i] for i in wrong])
        reading.add(f"{name}: {seen}, an error of a spreadsheet, {reading.lines(rows)}", "mend the formula, or recode")
