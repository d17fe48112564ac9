"""Which rows a regression is fitted to, and how their effects are numbered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import TWFE, EventStudyTWFE, PoissonDiD
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


Y = [[1, 2, 4, 3], [2, 3, 3, 1], [2, 2, 3, 1], [3, 1, 2, 2], [4, 1, 1, 5], [2, 2, 3, 4], [3, 3, 1, 2], [1, 4, 2, 2]]


@pytest.mark.parametrize("method", [TWFE(), EventStudyTWFE(window=(-1, 0)), PoissonDiD()], ids=lambda one: one.name)
def test_a_covariate_that_repeats_others_is_refused_by_name(method):
    """Which of them to leave out is a choice; what the effects absorb leaves none, and is noted."""
    made = panel(Y, [3, 3, 4, INF, INF, INF, INF, INF])
    rng = np.random.default_rng(2)
    first, trend = rng.normal(size=32), made.frame["time"] * 2.0 + made.unit_codes
    repeated = replace(made.with_columns(first=first, second=1e9 * first + trend + 5), covariates=("first", "second"))
    with pytest.raises(NotIdentified, match=r"covariates are combinations of others.*: second.*leave one of them out"):
        method.complete(repeated)
    noted = method.complete(replace(made.with_columns(first=first, trend=trend), covariates=("first", "trend")))
    assert "absorbed by the unit and time effects, left out: trend" in noted.notes
    alone = method.complete(replace(made.with_columns(first=first), covariates=("first",)))
    np.testing.assert_allclose(noted.values, alone.values, rtol=1e-12)


def local_economies() -> pd.DataFrame:
    """Draw 100 areas whose gross value added, in pounds, moves entries; 45 of them start in 2015, at a ratio of 0.8."""
    rng = np.random.default_rng(12)
    rows = []
    for area in range(100):
        first, start = rng.lognormal(22.5, 0.6), 2015 if area < 45 else 0
        for year in range(2011, 2020):
            value = round(first * (1 + 0.03 * (year - 2011) + 0.05 * rng.normal()))
            effect = np.log(0.8) if start and year >= start else 0.0
            rate = 0.0028 * np.exp(0.02 * area / 10 - 0.3 * np.log(value / first) + effect)
            rows.append((f"E{area:02d}", year, start, rng.poisson(rate * 50_000), 50_000, value, value / 1e6))
    return pd.DataFrame(rows, columns=["la", "year", "start", "entries", "children", "pounds", "millions"])


@pytest.mark.parametrize("unit", ["pounds", "millions"])
def test_a_covariate_in_pounds_says_what_it_says_in_millions(unit):
    """Right values from statsmodels with every dummy and the covariate standardised."""
    names = {"unit": "la", "time": "year", "outcome": "entries", "first_treated": "start", "exposure": "children"}
    df = local_economies()
    ratio, change = (
        method.fit(df, **names, per=10_000, covariates=(unit,))["estimate"].iloc[0] for method in (PoissonDiD(), TWFE())
    )
    assert ratio == pytest.approx(0.81094421, abs=1e-8)
    assert change == pytest.approx(-5.09437152, abs=1e-8)
