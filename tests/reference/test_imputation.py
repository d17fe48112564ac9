"""Imputation against the R package didimputation 0.5.0 and the formulas of Stata's did_imputation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import Imputation
from sos_eval.results.estimate import clustered_error
from tests.reference.regression_cases import panel_of, small_sample
from tests.reference.stored import params

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the files hold 15 digits


def terms(estimate, names) -> pd.DataFrame:
    """Pick the rows of an estimate by the reference's names, with their bare errors."""
    cells = estimate.cells.assign(value=estimate.values, error=clustered_error(estimate))
    return pd.concat([cells[_chosen(cells, name)] for name in names])


def _chosen(cells: pd.DataFrame, name: str) -> pd.Series:
    if name == "treat":
        return cells["aggregation"] == "overall"
    if name.startswith("w"):
        return (cells["aggregation"] == "cohort") & (cells["cohort"] == float(name[1:]))
    return (cells["aggregation"] == "event_time") & (cells["event_time"] == float(name))


@pytest.mark.parametrize("case", params("imputation"))
def test_imputation(case):
    spec, stored = case["spec"], case["values"]
    panel, names = panel_of(spec), [str(name) for name in stored["term"]]
    early = np.array([name.startswith("-") for name in names])
    tested = int(early.sum())
    plain = Imputation(leads_tested=tested).complete(panel)
    found = terms(plain, names)
    np.testing.assert_allclose(found["value"], stored["estimate"], rtol=SAME, atol=1e-10)
    se = np.array(stored["se"], float)
    stata = np.where(early, np.nan, np.array(stored["se_stata"], float))
    np.testing.assert_allclose(found["error"][~early], stata[~early], rtol=SAME)
    if panel.n_clusters == panel.n_units:
        np.testing.assert_allclose(found["error"][~early], se[~early], rtol=SAME)
    if tested:
        factor = small_sample(plain, params_of_leads(plain, tested), n_obs(plain))
        np.testing.assert_allclose(found["error"][early] * factor, se[early], rtol=SAME)
    apart = terms(Imputation(leads_tested=tested, leave_out=True).complete(panel), names)
    out = np.array(stored["se_stata_leaveout"], float)
    np.testing.assert_allclose(apart["error"][~early], out[~early], rtol=SAME)


def untreated(estimate) -> pd.DataFrame:
    frame = estimate.panel.frame
    return frame[(frame["time"] < frame["first_treated"]) & frame["outcome"].notna()]


def n_obs(estimate) -> int:
    return len(untreated(estimate))


def params_of_leads(estimate, tested) -> int:
    """Leads and period effects; unit effects are nested in the cluster."""
    return tested + untreated(estimate)["time"].nunique()
