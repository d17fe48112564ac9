"""Windows of matched sets on an axis of days: event years end on anniversaries."""

import numpy as np
import pytest

from sos_eval.comparison.windows import Windows


@pytest.mark.parametrize(
    ("day", "event_time"),
    [
        ("2012-03-31", -2), ("2012-04-01", -1), ("2012-04-02", -1), ("2013-03-31", -1),  # begins on 1 April 2013
        ("2013-04-01", None), ("2014-02-27", None),
        ("2014-02-28", 0), ("2015-02-27", 0), ("2015-02-28", 1), ("2016-02-28", 2), ("2016-02-29", 2),
        ("2018-02-27", 3),
    ],
)  # fmt: skip
def test_an_event_year_ends_on_the_anniversary(day, event_time):
    """By years of 365.25 days the first anniversary would still be in year 0."""
    at, begins, full = (np.array([date], "datetime64[D]").astype(float) for date in (day, "2013-04-01", "2014-02-28"))
    windows = Windows(at, {"a": begins[0]}, {"a": full[0]}, of_days=True)
    _, inside, found = windows.place(np.array([0]), np.array(["a"], object))
    assert inside[0] == (event_time is None)
    np.testing.assert_equal(found[0], np.nan if event_time is None else event_time)


def test_a_year_from_the_leap_day_is_over_on_the_first_of_march():
    days = np.array(["2013-02-28", "2013-03-01", "2016-02-28", "2016-02-29"], "datetime64[D]").astype(float)
    leap = np.array(["2012-02-29"], "datetime64[D]").astype(float)[0]
    windows = Windows(days, {"a": leap - 40}, {"a": leap}, of_days=True)
    assert windows.place(np.arange(4), np.repeat("a", 4).astype(object))[2].tolist() == [0, 1, 3, 4]
