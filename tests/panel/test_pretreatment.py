"""Level and slope of the outcome before anyone starts, by hand."""

import numpy as np
import pytest

from sos_eval.panel.pretreatment import outcome_pre, outcome_pre_slope
from tests.comparison.panels import NEVER, panel_of

# One start, in 2014: the years before are 2010, 2011 and 2013 (2012 is not observed by anyone).
OUTCOME = np.array([[1.0, 2, 6, 99], [4, 4, 4, -99], [np.nan, 5, 9, 0], [np.nan, np.nan, 7, 0], [np.nan] * 3 + [1]])
PANEL = panel_of(list("abcde"), [2010, 2011, 2013, 2014], [2014, NEVER, NEVER, NEVER, NEVER], OUTCOME)


def test_level_is_the_mean_of_what_was_seen_before():
    assert outcome_pre(PANEL) == pytest.approx([3, 4, 7, 7, np.nan], nan_ok=True)


def test_slope_is_least_squares_over_time():
    # a: times -4/3, -1/3, 5/3 from their mean: (-4/3 - 2/3 + 10) / (16/9 + 1/9 + 25/9) = 8 / (42/9)
    # c: 4 over two years; d: one time only
    assert outcome_pre_slope(PANEL) == pytest.approx([72 / 42, 0, 2, np.nan, np.nan], nan_ok=True)


def test_later_outcomes_do_not_enter():
    blind = PANEL.blinded()
    assert outcome_pre(blind) == pytest.approx(outcome_pre(PANEL), nan_ok=True)
    assert outcome_pre_slope(blind) == pytest.approx(outcome_pre_slope(PANEL), nan_ok=True)
