"""Columns by declared rule: durations, events within days of others, what came next or before, codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed, nearest, numeral
from sos_eval.numerics.working_days import working_days
from sos_eval.panel.events.dates import Days, days_of
from sos_eval.panel.events.spec import EventRule, EventsSpec
from sos_eval.panel.one_order import row_keys
from sos_eval.panel.panel import Array, FlowRow
from sos_eval.panel.read.columns import many, texts
from sos_eval.panel.read.reading import Reading

__all__ = ["derived"]

Bools = NDArray[np.bool_]
_DAYS_A_YEAR = 365.25


def derived(reading: Reading, spec: EventsSpec, day: Days, until: Days, unit: str) -> Reading:
    """Add the declared columns, one after another.

    Parameters
    ----------
    day
        Of each row's event, (n_rows,).
    until
        The last day on record, (1,); NaT where none is declared.
    unit
        The panel's column of units.
    """
    lots = row_keys(reading.frame, list(dict.fromkeys((unit, *(name for name, _ in spec.read())))))
    for name, rule in spec.derive.items():
        made = _Made(reading, name, rule, day, until, unit, lots)
        values = made.column()
        header = (*(reading.header or tuple(map(str, reading.frame.columns))), name)
        reading = replace(reading, frame=reading.frame.assign(**{name: values}), header=header)
    return reading


class _Made:
    """One rule on one table."""

    def __init__(
        self, reading: Reading, name: str, rule: EventRule, day: Days, until: Days, unit: str, lots: NDArray[np.uint64]
    ) -> None:
        self.reading, self.name, self.rule, self.day, self.until = reading, name, rule, day, until
        self.unit, self.lots = unit, lots
        self.inside = self._among()

    def column(self) -> pd.Series:
        """Return the new column, empty outside `among`."""
        kinds: dict[str, Callable[[], pd.Series]] = {
            "working_days": self._working_days, "years": self._years, "within": self._within,
            "first_of": self._first_of, "next": self._neighbour, "previous": self._neighbour, "code": self._code,
        }  # fmt: skip
        made = kinds[self.rule.kinds[0]]()
        made.index = self.reading.frame.index
        return made.where(self.inside)

    def _among(self) -> Bools:
        """Say which rows can have it, (n_rows,); a value that no row has is a fault."""
        inside = np.ones(len(self.reading.frame), bool)
        for column, values in self.rule.among.items():
            codes, words = texts(self.reading.frame[column])
            for value in values:
                if value not in words:
                    self._fault("among", f'{column} holds no "{value}"', nearest(value, words))
            inside &= np.isin(codes, [i for i, word in enumerate(words) if word in values])
        return inside

    def _fault(self, key: str, what: str, instead: str) -> None:
        self.reading.fault_of(("events", "derive", self.name, key), what, instead)

    def _days(self, name: str) -> Days:
        return days_of(self.reading, name)

    def _working_days(self) -> pd.Series:
        first, last = (self._days(name) for name in self.rule.working_days or ())
        return pd.Series(self._numbers(working_days(first, last), self.rule.working_days))

    def _years(self) -> pd.Series:
        first, last = (self._days(name) for name in self.rule.years or ())
        return pd.Series(self._numbers(_apart(first, last) / _DAYS_A_YEAR, self.rule.years))

    def _numbers(self, values: Array, names: tuple[str, str] | None) -> Array:
        """Return durations without those that run backward, and without outliers."""
        values = self._in_order(values, names or ("", ""))
        if self.rule.outliers is None:
            return values
        low, high = np.nanquantile(values[self.inside], [0.25, 0.75]) if self.inside.any() else (np.nan, np.nan)
        bound = high + self.rule.outliers * (high - low)
        far = self.inside & (values > bound)
        if far.any():
            reason = f"{self.name}: above {numeral(bound, 4)}, the third quartile and {self.rule.outliers:g} times the"
            self._note("outlier", far, f"{reason} distance between the quartiles of all rows, later ones too")
        return np.where(far, np.nan, values)

    def _in_order(self, gap: Array, names: tuple[str, str]) -> Array:
        """Refuse pairs of dates out of order, or leave them empty, as declared."""
        wrong = self.inside & (gap < 0)
        if wrong.any() and self.rule.out_of_order == "fault":
            what = f"{self.name}: {names[1]} comes before {names[0]} in {many(int(wrong.sum()), 'row')}"
            self.reading.add(f"{what}, {self.reading.lines(wrong)}", "mend the dates, or out_of_order: missing")
        elif wrong.any():
            self._note("dates out of order", wrong, f"{self.name}: {names[1]} comes before {names[0]}")
        return np.where(wrong, np.nan, gap)

    def _note(self, step: str, rows: Bools, reason: str) -> None:
        self.reading.notes.append(FlowRow(step, "noted", 0, int(rows.sum()), "", f"{reason}; the value is left empty"))

    def _within(self) -> pd.Series:
        """Say whether an event came in time; where it did not and may still come, nobody knows."""
        after, event = self._days(str(self.rule.after)), self._days(str(self.rule.event))
        gap = _apart(after, event)
        came = np.isfinite(gap)
        kept = self._in_order(gap, (str(self.rule.after), str(self.rule.event)))
        days = float(self.rule.within or 0)
        known = _apart(after, np.broadcast_to(self.until, after.shape)) >= days
        value = np.where(kept <= days, 1.0, 0.0)
        empty = ~known | np.isnat(after) | (came & np.isnan(kept))
        open_ = self.inside & ~known & ~np.isnat(after)
        if open_.any():
            self._note("follow-up not over", open_, f"{self.name}: fewer than {days:g} days from {self.rule.after} on")
        return pd.Series(np.where(empty, np.nan, value))

    def _first_of(self) -> pd.Series:
        days = np.array([self._days(name) for name in self.rule.first_of])
        return pd.Series(np.fmin.reduce(days))

    def _code(self) -> pd.Series:
        """Say whether a column holds one of the codes, or none of those of `is_not`; one that no row has is a fault."""
        codes, words = texts(self.reading.frame[str(self.rule.code)])
        key, named = ("is_in", self.rule.is_in) if self.rule.is_in else ("is_not", self.rule.is_not)
        for code in named:
            if code not in words:
                self._fault(key, f'{self.rule.code} holds no "{code}"', nearest(code, words))
        held = np.isin(codes, [i for i, word in enumerate(words) if word in named]) == (key == "is_in")
        return pd.Series(np.where(codes < 0, np.nan, held.astype(float)))

    def _neighbour(self) -> pd.Series:
        """Return a column's value in the same person's next row, or in the one before, among the rows that count.

        Rows of a day stand in an order that their values decide, whatever that of the file.
        """
        column = str(self.rule.next or self.rule.previous)
        keys = [pd.factorize(self.reading.frame[name])[0] for name in self.rule.by]
        rows = np.flatnonzero(self.inside & ~np.isnat(self.day) & (np.min(keys, axis=0) >= 0))
        order = rows[np.lexsort((self.lots[rows], self.day[rows], *(key[rows] for key in keys)))]
        same = np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0)
        place = np.full(len(self.inside), -1)
        here, there = (order[:-1], order[1:]) if self.rule.next else (order[1:], order[:-1])
        place[here[same]] = there[same]
        self._note_shared(order[:-1][same], order[1:][same])
        self._note_of_a_day(column, order[:-1][same], order[1:][same])
        return (
            self.reading.frame[column]
            .reset_index(drop=True)
            .take(np.maximum(place, 0))
            .reset_index(drop=True)
            .where(place >= 0)
        )

    def _note_of_a_day(self, column: str, one: NDArray[np.intp], other: NDArray[np.intp]) -> None:
        """Note persons who have several rows of a day that differ in the column: nothing says which comes first."""
        codes = pd.factorize(self.reading.frame[column], use_na_sentinel=False)[0]
        tied = (self.day[one] == self.day[other]) & (codes[one] != codes[other])
        if tied.any():
            reason = f"{self.name}: rows of a person and day differ in {column}; which comes first is settled by lot"
            self.reading.notes.append(FlowRow("events of a day", "noted", 0, int(tied.sum()), "", reason))

    def _note_shared(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> None:
        """Note persons whose rows lie in several units."""
        codes = pd.factorize(self.reading.frame[self.unit])[0]
        apart = codes[one] != codes[other]
        if apart.any():
            reason = f"{self.name}: {listed(self.rule.by)} is the same in several units, taken for the same person"
            self.reading.notes.append(FlowRow("person in several units", "noted", 0, int(apart.sum()), "", reason))


def _apart(first: Days, last: Days) -> Array:
    """Count the days from one date to another, (n,); NaN where either is missing."""
    missing = np.isnat(first) | np.isnat(last)
    return np.where(missing, np.nan, (last - first).astype("timedelta64[D]").astype(float))
