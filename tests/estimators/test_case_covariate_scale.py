"""A local economy in pounds or in millions: the right values are those of regressions with all dummies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import TWFE, EventStudyTWFE, PoissonDiD

NAMES = {"unit": "la", "time": "year", "outcome": "entries", "first_treated": "start", "exposure": "children"}


def economy() -> pd.DataFrame:
    """The case's panel, drawn as it was drawn there."""
    rng, rows = np.random.default_rng(12), []
    for i in range(100):
        first, start = rng.lognormal(22.5, 0.6), 2015 if i < 45 else 0
        for t in range(2011, 2020):
            pounds = round(first * (1 + 0.03 * (t - 2011) + 0.05 * rng.normal()))
            effect = np.log(0.8) if start and t >= start else 0
            rate = 0.0028 * np.exp(0.02 * i / 10 - 0.3 * np.log(pounds / first) + effect)
            rows.append((f"E{i:02d}", t, start, int(rng.poisson(rate * 50000)), 50000, pounds, pounds / 1e6))
    return pd.DataFrame(rows, columns=["la", "year", "start", "entries", "children", "pounds", "millions"])


@pytest.mark.parametrize(("method", "right"), [(PoissonDiD(), 0.81094421), (TWFE(), -5.09437152)], ids=str)
@pytest.mark.parametrize("unit", ["pounds", "millions"])
def test_case_covariate_scale(method, right, unit):
    """Statsmodels, with a dummy for every unit and period and the covariate standardised."""
    table = method.fit(economy(), **NAMES, per=10000, covariates=(unit,))
    assert table["estimate"].iloc[0] == pytest.approx(right, abs=5e-9)


def test_an_event_study_is_the_same_in_pounds_and_in_millions():
    tables = [EventStudyTWFE().fit(economy(), **NAMES, per=10000, covariates=(one,)) for one in ("pounds", "millions")]
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(tables[0][column], tables[1][column], rtol=1e-9)
