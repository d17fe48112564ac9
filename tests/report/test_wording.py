import math

import pytest

from sos_eval.report.reading import words_for_units
from sos_eval.report.wording import (
    alike,
    count,
    drawn_alike,
    interval_words,
    listing,
    number,
    p_text,
    percent,
    time_axis,
    whole,
    year_label,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(-1.9, "−1.90"), (0.0, "0"), (1234.56, "1,235"), (0.012345, "0.0123"), (4.0, "4"), (1e-7, "1.0e−07"),
     (math.nan, ""), (math.inf, "∞"), (-math.inf, "−∞")],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text


def test_numbers_that_stand_together_have_the_same_decimals():
    assert alike([-1.9, -8.3, 0.26]) == ["−1.90", "−8.30", "0.26"]
    assert alike([math.nan, 12.0]) == ["", "12.0"]


def test_a_digit_that_two_errors_reach_is_not_printed():
    """Statistics, item 18: one digit less where two Monte Carlo errors reach it, but never fewer than two digits.

    25 fewer to 18 more in tens would read 20 to 20: page one says the errors of its ends beside them.
    """
    assert drawn_alike([0.28, 1.93, 2.5], [0.0, 0.03, 0.003]) == ["0.28", "1.9", "2.50"]
    assert [whole(22.8, 0.7), whole(22.8, 1.2), whole(248, 0.7), whole(248, 1.2)] == ["23", "23", "248", "250"]
    assert [percent(0.143, 0.012), percent(1.284, 0.009), percent(1.284, 0.012)] == ["14%", "128%", "130%"]
    assert percent(0.143, math.nan) == "14%"


def test_intervals_and_p():
    assert interval_words(-8.3, 4.1) == "−8.30 to 4.10"
    assert interval_words(-math.inf, 4.1) == "no lower limit to 4.10"
    assert interval_words(math.nan, math.nan) == ""
    assert [p_text(p) for p in (0.43, 0.08, 0.0004, math.nan)] == ["p = 0.43", "p = 0.080", "p < 0.001", ""]


def test_counts_lists_and_shares():
    assert [count(1, "authority", "authorities"), count(1200, "row")] == ["1 authority", "1,200 rows"]
    assert [listing([]), listing(["a"]), listing(["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [percent(0.43), percent(0.056), percent(math.nan)] == ["43%", "5.6%", ""]


def test_years_follow_their_convention():
    assert year_label(2015.0, "ends_march") == "year to March 2015"
    assert year_label(2015.0, "calendar") == "2015"
    assert time_axis("starts_april") == "Year from April"


@pytest.mark.parametrize(
    ("column", "text", "many"),
    [("la_code", "", "authorities"), ("unit", "Other authorities", "authorities"),
     ("countyreal", "", "counties"), ("firm", "Firms", "units")],
)  # fmt: skip
def test_units_are_called_what_they_are(column, text, many):
    assert words_for_units(column, text)[1] == many
