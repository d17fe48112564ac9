"""Working days, against calendars that were printed at the time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sos_eval.numerics.working_days import add_working_days, bank_holidays, working_days

#: As published on gov.uk for England and Wales.
PRINTED = {
    2010: ["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-27", "12-28"],
    2011: ["01-03", "04-22", "04-25", "04-29", "05-02", "05-30", "08-29", "12-26", "12-27"],
    2012: ["01-02", "04-06", "04-09", "05-07", "06-04", "06-05", "08-27", "12-25", "12-26"],
    2016: ["01-01", "03-25", "03-28", "05-02", "05-30", "08-29", "12-26", "12-27"],
    2022: ["01-03", "04-15", "04-18", "05-02", "06-02", "06-03", "08-29", "09-19", "12-26", "12-27"],
}


@pytest.mark.parametrize("year", PRINTED)
def test_bank_holidays_are_those_that_were_kept(year):
    assert [f"{day:%m-%d}" for day in bank_holidays(year)] == PRINTED[year]


def days(*words: str) -> np.ndarray:
    return np.array(words, "datetime64[D]")


def test_working_days_are_counted_by_hand():
    # 2 April 2015 is Maundy Thursday: Good Friday to Easter Monday are off, so Tuesday 7 April is the next
    first = days("2015-04-02", "2015-04-02", "2015-04-04", "2015-04-07", "2016-02-29", "NaT")
    last = days("2015-04-02", "2015-04-07", "2015-04-06", "2015-04-02", "2016-03-01", "2015-04-02")
    np.testing.assert_array_equal(working_days(first, last), [0.0, 1.0, 0.0, -1.0, 1.0, np.nan])


def test_adding_working_days_gives_back_their_count():
    first = days("2015-04-02", "2011-12-23", "2016-02-29", "2015-04-04")
    added = np.array([1, 2, 44, 3])
    last = add_working_days(first, added)
    np.testing.assert_array_equal(working_days(first, last), added)
    assert last[1].item() == date(2011, 12, 29)
