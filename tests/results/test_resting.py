"""Whom an estimate rests on: those beside it that rest on a few more or fewer would tell of these."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks.common_lots import Varied
from sos_eval.estimators.callaway_santanna import CallawaySantAnna
from sos_eval.estimators.stacked import Stacked
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted
from sos_eval.results.members import Members

NEVER, NOT_YET = CallawaySantAnna(control="never_treated"), CallawaySantAnna(control="not_yet_treated")
WINDOW = Stacked(window=(-3, 2))


def fitted(estimator, late=0, gap=False):
    """Eight starts in 2012, some in 2013, thirteen others, from 2006 to 2014; a control without one year."""
    starts = [2013] * late + [2012] * 8 + [0] * 13
    rows = [(f"A{u:02d}", start, 2006 + t) for u, start in enumerate(starts) for t in range(9)]
    frame = pd.DataFrame(rows, columns=["la", "start", "year"])
    frame["rate"] = np.random.default_rng(3).uniform(20, 60, len(frame))
    frame.loc[gap & (frame["la"] == "A20") & (frame["year"] == 2010), "rate"] = np.nan
    panel = from_frame(frame, unit="la", time="year", outcome="rate", first_treated="start")
    return Fitted("one", "primary", estimator, estimator.complete(panel), panel)


@pytest.mark.parametrize(
    ("world", "other", "near"),
    [
        ({}, WINDOW, False),
        ({}, NOT_YET, False),
        ({"late": 1}, WINDOW, True),  # a start outside its window: 9 CS - 8 stacked was this one unit's effect
        ({"late": 2}, WINDOW, True),
        ({"late": 3}, WINDOW, False),
        ({"gap": True}, WINDOW, True),
        ({"late": 1}, NOT_YET, True),  # who begins later serves as control of who began earlier
        ({"late": 2}, NOT_YET, True),
        ({"late": 3}, NOT_YET, False),
    ],
)
def test_estimates_that_rest_on_a_few_more_are_near(world, other, near):
    mine, theirs = (Members.of(fitted(one, **world)) for one in (NEVER, other))
    assert mine.near(theirs, 3) == theirs.near(mine, 3) == near
    assert not mine.near(mine, 3)


def test_a_row_says_on_how_many_units_its_own_estimate_rests():
    """Not how many are in the panel."""
    assert Varied("window", fitted(WINDOW, late=1)).sizes == {"n_units": 21.0, "n_treated_units": 8.0}
    assert Varied("never", fitted(NEVER, late=1)).sizes == {"n_units": 22.0, "n_treated_units": 9.0}
