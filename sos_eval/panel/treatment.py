"""From a column, a register or a status to one start per unit: who was treated from when, and who is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.dates import DAY_ALONE, is_date, is_moment, period_of
from sos_eval.panel.panel import NAMED, Array, FlowRow
from sos_eval.panel.periods import Periods
from sos_eval.panel.read.columns import texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows, check_constant
from sos_eval.terms import YearConvention

__all__ = [
    "EMPTY",
    "Adoption",
    "dated_starts",
    "from_column",
    "from_status",
    "refuse_far",
    "settled",
    "started",
    "starts",
]

NEVER_WORDS = frozenset({"0", "0.0", "never", "inf", "infinity"})
#: What `starts` returns for an empty cell, and for the word "unknown".
EMPTY, _UNKNOWN = -np.inf, -1.0
#: A start as many periods before the first or after the last is a slip.
FAR = 50


@dataclass(frozen=True, slots=True)
class Adoption:
    """Who was treated from when.

    Attributes
    ----------
    first_treated : (n_units,)
        ``inf`` for units that are never treated or unknown.
    known : (n_units,)
        False where nobody says whether the unit adopted.
    status : (n_rows,) or None
        Exposure in each period where it is not simply "from the start onward".
    register
        By unit: ``known``, and a register's further columns.
    caveats
        What page one of the report must say.
    flow
        What was noted.
    """

    first_treated: Array
    known: NDArray[np.bool_]
    status: Array | None = None
    register: pd.DataFrame = field(default_factory=pd.DataFrame)
    caveats: tuple[Caveat, ...] = ()
    flow: tuple[FlowRow, ...] = ()


def starts(reading: Reading, name: str, convention: YearConvention, periods: Periods) -> Array:
    """Read a column of starts, (n_rows,): a period, ``inf`` = never, ``-inf`` = empty, -1 = "unknown".

    A date (2014-10, 2014-10-01) counts as the period that it falls in.
    """
    column = reading.frame[name]
    if not periods.plain:
        return _worded(reading, name, periods)
    if pd.api.types.is_float_dtype(column) or pd.api.types.is_integer_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        values = np.where(values == 0, np.inf, values)
        bad = (values < 0) | (np.isfinite(values) & (values != np.floor(values)))
        words = np.array([f"{value:g}" for value in values[bad]], dtype=object)
        values = np.where(np.isnan(values), EMPTY, values)
    else:
        codes, distinct = texts(column)
        known = np.array([_start(word, convention) for word in distinct] + [EMPTY])
        values = known[codes]
        bad = np.isnan(values)
        words = np.array(distinct, dtype=object)[codes[bad]] if bad.any() else np.array([], dtype=object)
    if bad.any():
        _refuse_starts(reading, name, bad, words, "a whole number, or a date (2014-10)")
        values = np.where(bad, np.inf, values)
    return values


def refuse_far(reading: Reading, name: str, values: Array, rows: PlacedRows) -> None:
    """Refuse starts so far from every period that they are slips of the pen: 20144, 14, or 9999 for never."""
    first, last = float(rows.times.min()), float(rows.times.max())
    far = np.isfinite(values) & (values != _UNKNOWN) & ((values < first - FAR) | (values > last + FAR))
    if far.any():
        seen = listed(list(dict.fromkeys(rows.named(start) or f"{start:g}" for start in values[far])), 4)
        reading.add(
            f"{name}: starts more than {FAR} periods from the data ({rows.named(first)} to {rows.named(last)}), "
            f"{seen}, {reading.lines(far)}",
            'mend them; where a unit never starts write 0 or "never"',
        )


def _worded(reading: Reading, name: str, periods: Periods) -> Array:
    """Read starts that are written as the panel's periods are."""
    codes, distinct = texts(reading.frame[name])
    values = np.array([_start_on(word, periods) for word in distinct] + [EMPTY])[codes]
    bad = np.isnan(values)
    if bad.any():
        like = periods.name(periods.last_of_year(2014.0) or 1.0)
        dated = periods.unit == "year" and periods.convention == "calendar" and periods.notation != "day"
        further = "; a date needs year_convention" if dated else ", or a date"
        _refuse_starts(reading, name, bad, np.array(distinct, dtype=object)[codes[bad]], f"{like}{further}")
    return np.where(bad, np.inf, values)


def _refuse_starts(reading: Reading, name: str, bad: NDArray[np.bool_], words: Any, form: str) -> None:
    """Say which starts are no period, and how to write one."""
    seen = f"{listed([repr(word) for word in dict.fromkeys(words)], 4)}, {reading.lines(bad)}"
    if any(is_moment(word) for word in words):
        reading.add(f"{name}: times of a day, which are no start, {seen}", DAY_ALONE)
        return
    instead = f'write the first treated period as {form}; 0 or "never" where never treated{_recoding(name, words)}'
    reading.add(f"{name}: starts that are no period, {seen}", instead)


def _recoding(name: str, words: Iterable[str]) -> str:
    """Say how words that are no period at all are taken for never or unknown."""
    plain = [word for word in dict.fromkeys(words) if not any(char.isdigit() for char in word)]
    return f'; or recode: {{{name}: {{"{plain[0]}": never}}}} (or unknown)' if plain else ""


def started(word: str, periods: Periods) -> float:
    """Return the period of a start that a list names, as a start of the panel would be read; NaN where it is none."""
    number = _start(word, periods.convention) if periods.plain else _start_on(word, periods)
    return number if np.isfinite(number) and number != _UNKNOWN else float("nan")


def _start_on(word: str, periods: Periods) -> float:
    """Return one start on an axis of codes, quarters or the like; NaN where it is none."""
    if word.lower() in NEVER_WORDS:
        return np.inf
    if word.lower() == "unknown":
        return _UNKNOWN
    number = periods.number(word)
    return periods.around(word) if np.isnan(number) else number


def _start(word: str, convention: YearConvention) -> float:
    """Return one start; NaN where it is none."""
    if word.lower() in NEVER_WORDS:
        return np.inf
    if word.lower() == "unknown":
        return _UNKNOWN
    if is_date(word):
        return period_of(word, convention)
    value = pd.to_numeric(word, errors="coerce")
    return float(value) if np.isfinite(value) and value > 0 and float(value).is_integer() else np.nan


def dated_starts(reading: Reading, name: str, convention: YearConvention, periods: Periods) -> tuple[FlowRow, ...]:
    """Note starts that were given as dates, and the years they were taken for."""
    if pd.api.types.is_numeric_dtype(reading.frame[name]):
        return ()
    dates = [word for word in texts(reading.frame[name])[1] if is_date(word)]
    if not dates:
        return ()
    falls = [period_of(word, convention) if periods.plain else periods.around(word) for word in dates]
    shown = listed([f"{word} is {periods.name(time)}" for word, time in zip(dates, falls, strict=True)], NAMED)
    reason = f"{name}: dates, taken for the {periods.unit} they fall in (year_convention: {convention})"
    return (FlowRow("starts as dates", "noted", 0, 0, shown, reason),)


def _zeros(column: pd.Series[Any]) -> bool:
    """Whether a column of starts holds a zero."""
    return bool((pd.to_numeric(column, errors="coerce") == 0).any())


def from_column(
    reading: Reading, rows: PlacedRows, name: str, untreated_means: str, convention: YearConvention = "calendar"
) -> Adoption:
    """Take each unit's start from a column that repeats it in every row."""
    before = len(reading.faults.found)
    values = starts(reading, name, convention, rows.periods)
    if len(reading.faults.found) > before:
        return settled(rows, rows.first(values), untreated_means)
    if rows.times.min() < 0 <= rows.times.max() and _zeros(reading.frame[name]):
        reading.add(
            f"{name}: 0 means never treated, and 0 is a period here too",
            'write "never" where never treated, and number periods from 1 on',
        )
        return settled(rows, rows.first(values), untreated_means)
    if (values == 1).any() and np.isin(values, (1, np.inf, EMPTY)).all() and rows.times.min() > 1:
        reading.add(
            f"{name}: holds only 0 and 1, so it says who, not when; periods run from {rows.named(rows.times.min())}",
            "write each unit's first treated period, or treatment: {status: COLUMN} if it is 1 from the start onward",
        )
        return settled(rows, rows.first(values), untreated_means)
    refuse_far(reading, name, values, rows)
    if len(rows.changing(values)):
        labels = pd.Series(values).map(lambda start: {EMPTY: "nothing", _UNKNOWN: "unknown"}.get(start, start))
        if not rows.periods.plain:
            labels = labels.map(
                lambda start: rows.named(start) if isinstance(start, float) and start < np.inf else start
            )
        check_constant(
            reading, rows, name, labels.to_numpy(dtype=object), "a unit changes cohort",
            "a unit has one first treated period, the same in all its rows",
        )  # fmt: skip
    flow = dated_starts(reading, name, convention, rows.periods)
    return replace(settled(rows, rows.first(values), untreated_means), flow=flow)


def settled(rows: PlacedRows, values: Array, untreated_means: str) -> Adoption:
    """Turn read starts, (n_units,), into an adoption: unknown is not never."""
    unknown = (values == _UNKNOWN) | ((values == EMPTY) & (untreated_means == "unknown"))
    first = np.where((values == _UNKNOWN) | (values == EMPTY), np.inf, values)
    return Adoption(first, ~unknown, register=pd.DataFrame({"known": ~unknown}, index=pd.Index(rows.units)))


def from_status(reading: Reading, rows: PlacedRows, name: str, *, absorbing: bool) -> Adoption:
    """Take each unit's start from a column that is 1 in the periods it is treated in."""
    codes, distinct = texts(reading.frame[name])
    known = np.array([_STATUS.get(word.lower(), np.nan) for word in distinct] + [np.nan])
    status = known[codes]
    if (codes < 0).any():
        reading.add(f"{name}: no status in {reading.lines(codes < 0)}", "write 0 or 1 in every row")
    bad = np.isnan(status) & (codes >= 0)
    if bad.any():
        seen = listed([repr(word) for word in np.unique(np.array(distinct, dtype=object)[codes[bad]])], 4)
        reading.add(f"{name}: a status is 0 or 1, not {seen}, {reading.lines(bad)}", "write 0 or 1 in every row")
    known_units = np.ones(len(rows.units), bool)
    register = pd.DataFrame({"known": known_units}, index=pd.Index(rows.units))
    if np.isnan(status).any():
        return Adoption(np.full(len(rows.units), np.inf), known_units, register=register)
    steps = np.where(np.diff(rows.codes, prepend=-1) == 0, np.diff(status, prepend=0.0), 0.0)
    if status.any() and not steps.any():
        reading.add(
            f"{name}: never changes within a unit, so it says who, not when; a status is 0 before the start, 1 after",
            "treatment: {first_treated: COLUMN} or {adoption: REGISTER}",
        )
    if absorbing and (steps < 0).any():
        _refuse_stops(reading, rows, name, steps < 0)
    started = np.where(status == 1, rows.times, np.inf)
    first = np.minimum.reduceat(started, rows.starts)
    flow = _unseen_starts(rows, first)
    return Adoption(first, known_units, None if absorbing else status, register, flow=flow)


def _unseen_starts(rows: PlacedRows, first: Array) -> tuple[FlowRow, ...]:
    """Note units whose status became 1 while nobody was looking: their start may be earlier than it seems."""
    times = np.unique(rows.times)
    before = np.append(np.nan, times)[np.searchsorted(times, np.where(np.isfinite(first), first, times[0]))]
    seen = np.zeros(len(rows.units), bool)
    seen[rows.codes[rows.times == before[rows.codes]]] = True
    doubtful = np.isfinite(first) & (first > times[0]) & ~seen
    if not doubtful.any():
        return ()
    shown = [f"{unit} ({rows.named(start)})" for unit, start in zip(rows.units[doubtful], first[doubtful], strict=True)]
    reason = "no row in the period before the status became 1: the start may be earlier"
    return (FlowRow("start not seen", "noted", len(shown), 0, listed(shown, NAMED), reason),)


_STATUS = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "0.0": 0.0, "1.0": 1.0}


def _refuse_stops(reading: Reading, rows: PlacedRows, name: str, stops: NDArray[np.bool_]) -> None:
    shown = [
        f"{rows.units[rows.codes[i]]} in {rows.named(rows.times[i])} ({reading.lines([i])})"
        for i in np.flatnonzero(stops)
    ]
    reading.add(f"{name}: goes back to 0: {listed(shown, 4)}", "absorbing: false, or mend the rows")
