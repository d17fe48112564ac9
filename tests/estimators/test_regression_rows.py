"""Which rows a regression is fitted to, and how their effects are numbered."""

from __future__ import annotations

import numpy as np

from sos_eval.estimators._regression import regression_rows
from tests.estimators.panels import INF, panel

NAN = np.nan


def test_units_without_enough_rows_leave_no_gap_in_the_numbering():
    """Unit 2 has one row and unit 3 is always treated: the effects of the others are numbered 0, 1, 2."""
    y = [[1, 2, 4, 3], [5, NAN, NAN, NAN], [2, 2, 3, 1], [3, 1, 2, 2], [0, 1, 1, NAN]]
    rows = regression_rows(panel(y, [3, INF, 1, INF, INF]), ())
    assert rows.effects.unit.tolist() == [0] * 4 + [1] * 4 + [2] * 3
    assert rows.effects.time.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    assert rows.outcome.tolist() == [1, 2, 4, 3, 3, 1, 2, 2, 0, 1, 1]
    assert rows.n_treated_units == 1
    assert rows.covariates.shape == (11, 0)
