"""Dates as periods: which reporting year a day belongs to, by the declared year convention."""

from __future__ import annotations

import re
from datetime import date

from sos_eval.terms import YearConvention

__all__ = ["DAY_ALONE", "day_of", "is_date", "is_moment", "period_from", "period_of"]

#: What to write in place of a time of a day.
DAY_ALONE = "write the day alone, 2014-10-01, as it was where it happened (in a database CAST(… AS DATE))"

#: A day may be written as its midnight, with any zone: that is the day which it shows.
_MIDNIGHT = r"[ T]00:00(?::00(?:\.0+)?)?(?:Z|[-+]\d\d(?::?\d\d)?)?"
_DATE = re.compile(rf"(\d{{4}})-(\d{{2}})(?:-(\d{{2}})(?:{_MIDNIGHT})?)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


def is_date(word: str) -> bool:
    """Say whether a word is a date: 2014-10, 2014-10-01, 01/10/2014 (the day stands first).

    Examples
    --------
    >>> is_date("2014-10"), is_date("2014-10-31"), is_date("31/10/2014"), is_date("2014-13"), is_date("2014")
    (True, True, True, False, False)
    """
    return day_of(word) is not None


def day_of(word: str) -> date | None:
    """Return a date; a month stands for its first day."""
    first, last = _DATE.fullmatch(word), _DAY_FIRST.fullmatch(word)
    if first is not None:
        year, month, day = first.groups()
    elif last is not None:
        day, month, year = last.groups()
    else:
        return None
    try:
        return date(int(year), int(month), int(day or 1))
    except ValueError:
        return None


def is_moment(word: str) -> bool:
    """Say whether a word is a time of a day, which may be another day elsewhere; midnight is a date.

    Examples
    --------
    >>> is_moment("2014-03-31 23:30:00+00:00"), is_moment("2014-03-31T00:00:00Z"), is_moment("2014-03-31")
    (True, False, False)
    """
    return _MOMENT.fullmatch(word) is not None and day_of(word) is None


def period_of(word: str, convention: YearConvention) -> float:
    """Return the year that a date falls in.

    Examples
    --------
    >>> [period_of("2014-10", by) for by in ("calendar", "ends_march", "starts_april")]
    [2014.0, 2015.0, 2014.0]
    >>> [period_of("2015-03-31", by) for by in ("calendar", "ends_march", "starts_april")]
    [2015.0, 2015.0, 2014.0]
    """
    day = day_of(word)
    if day is None:
        return float("nan")
    april = day.month >= 4
    shift = {"calendar": 0, "ends_march": int(april), "starts_april": int(april) - 1}[convention]
    return float(day.year + shift)


def period_from(word: str, convention: YearConvention) -> float:
    """Return the first year that begins on a date or after it.

    Examples
    --------
    >>> period_from("2014-10", "ends_march"), period_from("2015-04-01", "ends_march")
    (2016.0, 2016.0)
    """
    day = day_of(word)
    if day is None:
        return float("nan")
    begins = (day.month, day.day) == ((1, 1) if convention == "calendar" else (4, 1))
    return period_of(word, convention) + (0.0 if begins else 1.0)
