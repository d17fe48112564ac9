"""Periods: the user's notation to consecutive whole numbers for computing, and back wherever something is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BeforeValidator

from sos_eval.panel.dates import day_of, period_from, period_of
from sos_eval.terms import PERIOD_COLUMNS, YearConvention

__all__ = ["Notation", "Period", "PeriodUnit", "Periods", "notations"]

PeriodUnit = Literal["year", "quarter", "month"]

#: How periods are written: 2015; 201415; 2014/15; 201506; 2015-06; 2015Q2; a day.
Notation = Literal["number", "span_code", "span", "month_code", "month", "quarter", "day"]

_NUMBER = re.compile(r"[-+]?\d+(?:\.0+)?")
_CODE = re.compile(r"((?:19|20|21)\d\d)(\d\d)")
_SPAN = re.compile(r"(\d{4})(\s?[/\-–]\s?)((?:\d\d)?\d\d)")
_MONTH = re.compile(r"(\d{4})-(\d\d)")
_QUARTER = re.compile(r"(\d{4})[ -]?Q([1-4])", re.IGNORECASE)


def _declared(value: Any) -> Any:
    """Take a whole number that is written as text for the number: the keys of a mapping are text."""
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else value


#: A period as a design names it: a number, or a word in the panel's own notation (2014/15, 2015Q2).
Period = Annotated[float | str, BeforeValidator(_declared, json_schema_input_type=float | str)]


@dataclass(frozen=True, slots=True)
class Periods:
    """The axis of time: how periods are written, and the consecutive whole numbers that stand for them.

    Attributes
    ----------
    notation, unit
        How periods are written, and what one of them is: a period where plain numbers can be no years and nobody says.
    step, first
        ``number = (count - first) / step``, where `count` counts years, quarters or months; of plain numbers one
        apart the number is the period itself.
    convention
        Which year a day and a span of two years belong to: 2014/15 is 2015 where years end in March, else 2014.
    mark
        What stands between the years of a span, and how many digits the second has: "/2".

    Examples
    --------
    >>> Periods().written(np.array([2015.0])).tolist(), Periods("span", convention="ends_march").number("2014/15")
    ([2015.0], 2015.0)
    >>> Periods("span_code").written(np.array([2014.0, np.inf])).tolist(), Periods("quarter", "quarter").name(8061.0)
    ([201415.0, inf], '2015Q2')
    """

    notation: Notation = "number"
    unit: PeriodUnit | Literal["period"] = "year"
    step: int = 1
    first: int = 0
    convention: YearConvention = "calendar"
    mark: str = "/2"

    @property
    def plain(self) -> bool:
        """Whether periods are whole numbers that stand for themselves."""
        return self.notation == "number" and self.step == 1

    def number(self, word: Any) -> float:
        """Return the number of a period; NaN where the word is none of this axis."""
        count = self.count(str(word))
        number = (count - self.first) / self.step if count is not None else np.nan
        return number if np.isfinite(number) and number == np.floor(number) else np.nan

    def count(self, word: str) -> float | None:
        """Return how many years, quarters or months stand before a period, whatever the step."""
        return _READERS[self.notation](word.strip(), self)

    def declared(self, time: float | str) -> float:
        """Return the number of a period that a design names, between two of the data if need be; NaN where none is."""
        if self.plain:
            return np.nan if isinstance(time, str) else float(time)
        word = f"{time:.0f}" if isinstance(time, float) and time.is_integer() else str(time)
        count = self.count(word)
        return np.nan if count is None else (count - self.first) / self.step

    def name(self, number: float) -> str:
        """Return a period as the user writes it; what lies between two periods, or never comes, as a number."""
        if self.plain or not np.isfinite(number) or number != np.floor(number):
            return f"{number:g}" if abs(number) < 1e6 else f"{number:.10g}"
        written = self._write(int(number) * self.step + self.first)
        return f"{written:.0f}" if isinstance(written, float) else written

    def written(self, numbers: Any) -> Any:
        """Return periods as the user writes them, (n,): numbers, or text where the notation is no number."""
        values = np.asarray(numbers, float)
        if self.plain:
            return values
        known = np.isfinite(values)
        texts = np.array([self._write(int(v) * self.step + self.first) if k else v for v, k in zip(values, known,
                                                                                                   strict=True)],
                         dtype=object)  # fmt: skip
        return texts.astype(float) if self.of_numbers else texts

    def in_table(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with its columns of periods as the user writes them."""
        there = [] if self.plain else [name for name in PERIOD_COLUMNS if name in table.columns]
        if not there:
            return table
        changed = {name: pd.array(self.written(table[name])) if self.of_numbers else self._texts(table[name])
                   for name in there}  # fmt: skip
        out: pd.DataFrame = table.assign(**changed)
        out.attrs = dict(table.attrs)
        return out

    def around(self, word: str, *, after: bool = False) -> float:
        """Return the period that a day falls in (the first that begins on it or `after`); NaN where none is known.

        A day says no year of an axis of spans (2014/15) unless a convention says which months they hold.
        """
        day = day_of(word)
        unsaid = self.unit == "year" and self.convention == "calendar" and self.notation in {"span", "span_code"}
        if day is None or unsaid or (self.notation == "number" and self.unit != "year"):
            return np.nan
        if self.unit == "year":
            count = (period_from if after else period_of)(word, self.convention)
        else:
            months = 12 * day.year + day.month - 1
            width = 3 if self.unit == "quarter" else 1
            begins = day.day == 1 and months % width == 0
            count = float(months // width + (after and not begins))
        number = (count - self.first) / self.step
        return float(np.ceil(number)) if after else number if number == np.floor(number) else np.nan

    @property
    def of_numbers(self) -> bool:
        """Whether periods are written as numbers."""
        return self.notation in {"number", "span_code", "month_code"} or (self.notation, self.unit) == ("day", "year")

    def last_of_year(self, year: float) -> float | None:
        """Return the last period of a calendar year as numbered here; None where periods say no year."""
        if self.unit == "period" or (self.notation == "number" and self.unit != "year"):
            return None
        per = {"year": 1, "quarter": 4, "month": 12}[self.unit]
        return float(np.floor((year * per + per - 1 - self.first) / self.step))

    def _texts(self, numbers: Any) -> Any:
        texts = self.written(numbers)
        return pd.Series([text if isinstance(text, str) else None for text in texts], dtype=object).to_numpy()

    def _write(self, count: int) -> float | str:
        """Write one count."""
        if self.notation == "number" or (self.notation == "day" and self.unit == "year"):
            return float(count)
        if self.unit == "year":
            start = count - (self.convention == "ends_march")
            if self.notation == "span_code":
                return float(f"{start}{(start + 1) % 100:02d}")
            end = f"{start + 1}"[-int(self.mark[-1]) :]
            return f"{start}{self.mark[:-1]}{end}"
        if self.unit == "quarter":
            return f"{count // 4}Q{count % 4 + 1}"
        year, month = count // 12, count % 12 + 1
        return float(f"{year}{month:02d}") if self.notation == "month_code" else f"{year}-{month:02d}"


def _number(word: str, periods: Periods) -> float | None:
    return float(word) if _NUMBER.fullmatch(word) else None


def _span_code(word: str, periods: Periods) -> float | None:
    return _span_of(_CODE.fullmatch(_whole(word)), 1, 2, periods)


def _span(word: str, periods: Periods) -> float | None:
    return _span_of(_SPAN.fullmatch(word), 1, 3, periods)


def _span_of(match: re.Match[str] | None, first: int, second: int, periods: Periods) -> float | None:
    """Return the year of a span of two years that follow each other."""
    if match is None:
        return None
    start, end = int(match.group(first)), match.group(second)
    follows = f"{start + 1}".endswith(end)
    return float(start + (periods.convention == "ends_march")) if follows else None


def _month_code(word: str, periods: Periods) -> float | None:
    return _month_of(_CODE.fullmatch(_whole(word)))


def _month(word: str, periods: Periods) -> float | None:
    return _month_of(_MONTH.fullmatch(word))


def _month_of(match: re.Match[str] | None) -> float | None:
    if match is None or not 1 <= int(match.group(2)) <= 12:
        return None
    return 12.0 * int(match.group(1)) + int(match.group(2)) - 1


def _quarter(word: str, periods: Periods) -> float | None:
    match = _QUARTER.fullmatch(word)
    return None if match is None else 4.0 * int(match.group(1)) + int(match.group(2)) - 1


def _day(word: str, periods: Periods) -> float | None:
    """Return the year, quarter or month that a day falls in; a year may be written as a number."""
    day = day_of(word)
    if day is None:
        return _number(word, periods) if periods.unit == "year" else _quarter(word, periods)
    if periods.unit == "year":
        return period_of(word, periods.convention)
    return 12.0 * day.year + day.month - 1 if periods.unit == "month" else 4.0 * day.year + (day.month - 1) // 3


def _whole(word: str) -> str:
    return word.removesuffix(".0")


_READERS: dict[Notation, Callable[[str, Periods], float | None]] = {
    "number": _number, "span_code": _span_code, "span": _span, "month_code": _month_code, "month": _month,
    "quarter": _quarter, "day": _day,
}  # fmt: skip

_UNITS: dict[Notation, PeriodUnit] = {
    "span_code": "year", "span": "year", "month_code": "month", "month": "month", "quarter": "quarter",
}  # fmt: skip


def notations(words: Iterable[str], unit: PeriodUnit | None, convention: YearConvention) -> list[Periods]:
    """List the axes that could be meant by some words: those in whose notation most of them are written.

    Plain numbers are meant only where the words are no codes of years or months; days only where they are no months.
    """
    distinct = list(words)
    named = [Periods(form, of, convention=convention) for form, of in _UNITS.items() if unit in {None, of}]
    named = [_marked(axis, distinct) for axis in named]
    others = [Periods("number", unit or "year", convention=convention)]
    others += [Periods("day", of, convention=convention) for of in ([unit] if unit else _guessed(distinct))]
    for candidates in (named, others):
        counts = [sum(axis.count(word) is not None for word in distinct) for axis in candidates]
        best = max(counts, default=0)
        if 2 * best > len(distinct) or (best and candidates is others):
            return [axis for axis, n in zip(candidates, counts, strict=True) if n == best]
    return []


def _marked(axis: Periods, words: list[str]) -> Periods:
    """Keep how the first span is written."""
    match = next((m for m in map(_SPAN.fullmatch, words) if m is not None), None)
    if axis.notation != "span" or match is None:
        return axis
    return Periods("span", "year", convention=axis.convention, mark=f"{match.group(2)}{len(match.group(3))}")


def _guessed(words: list[str]) -> list[PeriodUnit]:
    """Return what a column of days counts where it is plain: one day a year, one a quarter, one a month."""
    days = [day for day in map(day_of, words) if day is not None]
    months = np.array(sorted({12 * day.year + day.month - 1 for day in days}))
    if len(months) < len(days) or not len(days):
        return []
    gaps: NDArray[np.int64] = np.diff(months)
    if (gaps == 12).all():
        return ["year"]
    return ["quarter"] if (gaps == 3).all() else ["month"] if (gaps == 1).all() else []
