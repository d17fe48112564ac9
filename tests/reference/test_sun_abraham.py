"""Interaction-weighted event studies against sunab of the R package fixest."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import SunAbraham
from sos_eval.results.estimate import clustered_error
from tests.reference.regression_cases import panel_of, small_sample
from tests.reference.stored import cases, data

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the file holds 15 digits
NAMES = ("care_sunab", "care_sunab_pop", "care_sunab_x1_by_year_region", "unbalanced_sunab")
ADJUSTED = 5e-8  # fixest takes effects out of 19 slopes by iteration


def agrees(estimate, values, rtol):
    cells = estimate.cells.assign(
        value=estimate.values,
        error=clustered_error(estimate) * small_sample(estimate, estimate.linear.n_params, estimate.linear.n_obs),
    )
    event = values["event"]["terms"]
    wanted = {
        float(name.split("::")[1]): one
        for name, one in event.items()
        if name.startswith("year::") and ":x1" not in name
    }
    rows = cells[(cells["aggregation"] == "event_time") & (cells["reason"] == "")].set_index("event_time")
    assert set(rows.index) == set(wanted)
    for e, one in wanted.items():
        np.testing.assert_allclose(rows.loc[e, "value"], one["coef"], rtol=rtol, atol=1e-9)
        np.testing.assert_allclose(rows.loc[e, "error"], one["se"], rtol=rtol)
    att = cells[cells["aggregation"] == "overall"]
    np.testing.assert_allclose(att["value"], values["att"]["terms"]["ATT"]["coef"], rtol=rtol)
    np.testing.assert_allclose(att["error"], values["att"]["terms"]["ATT"]["se"], rtol=rtol)
    by_cohort = cells[cells["aggregation"] == "cohort"].set_index("cohort")
    for name, one in values.get("cohort", {"terms": {}})["terms"].items():
        if name.startswith("cohort::"):
            np.testing.assert_allclose(by_cohort.loc[float(name.split("::")[1]), "value"], one["coef"], rtol=rtol)
            np.testing.assert_allclose(by_cohort.loc[float(name.split("::")[1]), "error"], one["se"], rtol=rtol)
    assert estimate.linear.n_obs == values["event"]["nobs"]


@pytest.mark.parametrize("name", NAMES)
def test_sun_abraham(name):
    case = cases("fixest_more")[name]
    agrees(SunAbraham().complete(panel_of(case["spec"])), case["values"], ADJUSTED if "x1" in name else SAME)


def test_the_packages_own_data():
    data("fixest_base_stagg.csv")
    spec = {"dataset": "fixest_base_stagg", "covariates": "x1"}
    agrees(SunAbraham().complete(panel_of(spec)), cases("fixest")["stagg_sunab"]["values"], 2e-7)
