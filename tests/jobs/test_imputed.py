"""Effect tables pooled over completed data sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.imputed import NOT_POOLED, pooled_table
from sos_eval.results.table import tidy

TEXTS = ("estimator", "role", "estimand", "aggregation", "subgroup", "scale", "outcome", "inference", "reason")


def table(estimate, error, df=8.0, p=0.02):
    numbers = {"estimate": estimate, "std_error": error, "df": df, "p_value": p, "conf_level": 0.95, "band_low": -9.0}
    return tidy(pd.DataFrame({**dict.fromkeys(TEXTS, ""), **numbers}, index=[0]))


def test_a_row_is_pooled_by_rubins_rules():
    # mice, five_df9_treated: estimates and errors with eight degrees of freedom
    pairs = [(-2.31, 1.05), (-1.88, 1.11), (-2.95, 0.98), (-2.02, 1.2), (-2.4, 1.07)]
    pooled, lost = pooled_table([table(*pair) for pair in pairs])
    row = pooled.iloc[0]
    told = {"estimate": -2.312, "std_error": 1.17557815563237, "df": 5.40260592283379, "p_value": 0.102095537314164}
    told |= {"conf_low": -5.26742608626739, "conf_high": 0.643426086267387}
    for name, value in told.items():
        assert row[name] == pytest.approx(value, rel=1e-8), name
    assert np.isnan(row["band_low"])
    assert lost["missing"].iloc[0] == pytest.approx(0.351604940735201, rel=1e-8)


def test_without_degrees_of_freedom_the_normal_is_the_start():
    pooled, _ = pooled_table([table(1.0, 0.2, np.nan), table(1.0, 0.2, np.nan)])
    assert np.isnan(pooled["df"].iloc[0])
    assert pooled["std_error"].iloc[0] == pytest.approx(0.2)


def test_a_test_without_an_error_is_not_pooled_and_says_so():
    pooled, _ = pooled_table([table(1.0, np.nan), table(2.0, np.nan)])
    row = pooled.iloc[0]
    assert row["estimate"] == 1.5
    assert np.isnan(row["p_value"])
    assert row["reason"] == NOT_POOLED
