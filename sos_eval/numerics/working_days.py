"""Working days: weekdays without the bank holidays of England and Wales."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_working_days", "bank_holidays", "working_days"]

Days = NDArray[np.datetime64]
Array = NDArray[np.float64]

#: Years for which holidays are laid out.
_YEARS = range(1995, 2041)
#: Days off by proclamation, and the usual days that they took the place of.
_PROCLAIMED = (
    date(1995, 5, 8), date(1999, 12, 31), date(2002, 6, 3), date(2002, 6, 4), date(2011, 4, 29), date(2012, 6, 4),
    date(2012, 6, 5), date(2020, 5, 8), date(2022, 6, 2), date(2022, 6, 3), date(2022, 9, 19), date(2023, 5, 8),
)  # fmt: skip
_MOVED = (date(1995, 5, 1), date(2002, 5, 27), date(2012, 5, 28), date(2020, 5, 4), date(2022, 5, 30))


@cache
def bank_holidays(year: int) -> tuple[date, ...]:
    """Return the bank holidays of a year, in order.

    Examples
    --------
    >>> [day.strftime("%d %b") for day in bank_holidays(2012)]
    ['02 Jan', '06 Apr', '09 Apr', '07 May', '04 Jun', '05 Jun', '27 Aug', '25 Dec', '26 Dec']
    """
    easter = _easter(year)
    usual = [
        *_substituted([date(year, 1, 1)]),
        easter - timedelta(2), easter + timedelta(1),
        _monday(date(year, 5, 1)), _monday(date(year, 5, 25)), _monday(date(year, 8, 25)),
        *_substituted([date(year, 12, 25), date(year, 12, 26)]),
    ]  # fmt: skip
    proclaimed = [day for day in _PROCLAIMED if day.year == year]
    return tuple(sorted({*usual, *proclaimed} - set(_MOVED)))


def _monday(day: date) -> date:
    """Return the first Monday on or after a day."""
    return day + timedelta(-day.weekday() % 7)


def _substituted(days: list[date]) -> list[date]:
    """Move days that fall on a weekend to the next weekdays that are free."""
    taken = [day for day in days if day.weekday() < 5]
    for day in (day for day in days if day.weekday() >= 5):
        while day.weekday() >= 5 or day in taken:
            day += timedelta(1)
        taken.append(day)
    return taken


def _easter(year: int) -> date:
    """Return Easter Sunday: the anonymous Gregorian computus, in Meeus (1991), chapter 8."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * i) // 451
    month, day = divmod(h + i - 7 * m + 114, 31)
    return date(year, month, day + 1)


@cache
def _calendar() -> np.busdaycalendar:
    holidays = [np.datetime64(day) for year in _YEARS for day in bank_holidays(year)]
    return np.busdaycalendar(holidays=holidays)


def working_days(first: Days, last: Days) -> Array:
    """Count the working days after the first day up to the last, (n,): the same day is 0; NaN where a date is missing.

    Negative where the last comes before the first.

    Examples
    --------
    >>> friday, tuesday = np.array(["2012-06-01"], "datetime64[D]"), np.array(["2012-06-06"], "datetime64[D]")
    >>> working_days(friday, tuesday)  # two days of the jubilee between them
    array([1.])
    """
    days = np.full(len(first), np.nan)
    known = ~(np.isnat(first) | np.isnat(last))
    ahead = known & (last >= first)
    back = known & (last < first)
    day = np.timedelta64(1, "D")
    days[ahead] = np.busday_count(first[ahead] + day, last[ahead] + day, busdaycal=_calendar())
    days[back] = -np.busday_count(last[back] + day, first[back] + day, busdaycal=_calendar())
    return days


def add_working_days(first: Days, days: NDArray[np.intp]) -> Days:
    """Return the day that lies so many working days after another, (n,)."""
    return np.asarray(np.busday_offset(first, days, roll="backward", busdaycal=_calendar()))
