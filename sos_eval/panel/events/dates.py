"""Columns of dates, and the years that they fall in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.dates import DAY_ALONE, day_of, is_moment
from sos_eval.panel.panel import Array
from sos_eval.panel.read.columns import many, texts
from sos_eval.panel.read.reading import Reading
from sos_eval.terms import YearConvention

__all__ = ["Days", "days_of", "years_of"]

Days = NDArray[np.datetime64]


def days_of(reading: Reading, name: str) -> Days:
    """Return a column of dates, (n_rows,), NaT where empty; anything else is a fault that names its lines."""
    column = reading.frame[name]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return np.asarray(column.to_numpy("datetime64[D]"))
    codes, words = texts(column)
    read = [day_of(word) for word in words]
    days = np.array([*read, None], "datetime64[D]")[codes]
    wrong = np.isnat(days) & (codes >= 0)
    if wrong.any():
        seen = listed([repr(word) for word, day in zip(words, read, strict=True) if day is None], 4)
        moments = any(is_moment(word) for word in words)
        kind = "times of a day, and no date" if moments else "no date"
        what = f"{name}: {many(int(wrong.sum()), 'cell')} that are {kind}, {seen}, {reading.lines(wrong)}"
        reading.add(what, DAY_ALONE if moments else "write 2014-10-01 or 01/10/2014, or leave empty")
    return np.asarray(days)


def years_of(days: Days, convention: YearConvention) -> Array:
    """Return the year that each day falls in, (n,); NaN without a day.

    Examples
    --------
    >>> days = np.array(["2015-03-31", "2015-04-01", "NaT"], "datetime64[D]")
    >>> years_of(days, "starts_april").tolist(), years_of(days, "ends_march").tolist()
    ([2014.0, 2015.0, nan], [2015.0, 2016.0, nan])
    """
    missing = np.isnat(days)
    months = np.where(missing, np.datetime64("1970-01"), days).astype("datetime64[M]").astype(int)
    years, april = months // 12 + 1970, months % 12 >= 3
    shift = {
        "calendar": np.zeros_like(april, int),
        "ends_march": april.astype(int),
        "starts_april": april.astype(int) - 1,
    }
    return np.where(missing, np.nan, years + shift[convention])
