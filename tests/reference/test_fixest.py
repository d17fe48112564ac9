"""Two-way regressions against the R package fixest 0.12.2."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import TWFE, PoissonDiD
from sos_eval.panel.panel import Outcome, Panel
from sos_eval.results.estimate import clustered_error
from tests.reference.stored import cases, castle, data

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the file holds 15 digits
DEMEANED = 2e-7  # fepois takes effects out of regressors by iteration to fixef.tol = 1e-6, which its errors inherit


def _stored(case_id):
    return cases("fixest")[case_id]["values"]


def _small_sample(estimate):
    """G / (G - 1) x (N - 1) / (N - K), unit effects nested in the cluster uncounted."""
    n, k, g = estimate.linear.n_obs, estimate.linear.n_params, estimate.panel.n_clusters
    return np.sqrt(g / (g - 1) * (n - 1) / (n - k))


def test_twfe():
    stored, df = _stored("stagg_twfe"), data("fixest_base_stagg.csv")
    first = df["year_treated"].where(df["year_treated"] <= df["year"].max(), np.inf).astype(float)
    frame = pd.DataFrame({
        "unit": df["id"].astype(str), "time": df["year"].astype(float), "outcome": df["y"], "x1": df["x1"],
        "weight": 1.0, "cluster": df["id"].astype(str), "first_treated": first,
        "treated": (df["year"] >= first).astype(float),
    })  # fmt: skip
    panel = Panel(frame=frame.sort_values(["unit", "time"]).reset_index(drop=True), covariates=("x1",))
    estimate = TWFE().complete(panel)
    np.testing.assert_allclose(estimate.values, [stored["terms"]["D"]["coef"]], rtol=SAME)
    slope = estimate.linear.coef[1] / np.std(estimate.panel.frame["x1"])  # covariates are fitted per standard deviation
    np.testing.assert_allclose(slope, stored["terms"]["x1"]["coef"], rtol=SAME)
    np.testing.assert_allclose(clustered_error(estimate), stored["se_by_vcov"]["cluster_noadj"]["D"], rtol=SAME)
    assert (estimate.linear.n_obs, estimate.linear.n_params, estimate.panel.n_clusters) == (950, 12, 95)
    ours = clustered_error(estimate) * _small_sample(estimate)
    np.testing.assert_allclose(ours, stored["terms"]["D"]["se"], rtol=SAME)


def test_poisson():
    stored, df = _stored("castle_poisson_offset"), castle()
    unit = df["sid"].astype(int).astype(str)
    frame = pd.DataFrame({
        "unit": unit, "time": df["year"], "count": np.round(df["homicide"] * df["popwt"] / 1e5),
        "exposure": df["popwt"], "unemployrt": df["unemployrt"], "weight": 1.0, "cluster": unit,
        "treated": df["post"], "first_treated": df["gvar"].replace(0, np.inf),
    })  # fmt: skip
    frame["outcome"] = frame["count"] / frame["exposure"] * 1e4
    frame = frame.sort_values(["unit", "time"]).reset_index(drop=True)
    outcome = Outcome(scale="rate_per", per=1e4, counted=True)
    estimate = PoissonDiD().complete(Panel(frame=frame, covariates=("unemployrt",), outcomes=(outcome,)))
    np.testing.assert_allclose(estimate.values[0], stored["terms"]["post"]["coef"], rtol=SAME)
    slope = estimate.linear.coef[1] / np.std(
        estimate.panel.frame["unemployrt"]
    )  # covariates are fitted per standard deviation
    np.testing.assert_allclose(slope, stored["terms"]["unemployrt"]["coef"], rtol=SAME)
    bare = stored["se_by_vcov"]["cluster_noadj"]["post"]
    np.testing.assert_allclose(clustered_error(estimate)[0], bare, rtol=DEMEANED)
    assert (estimate.linear.n_obs, estimate.linear.n_params) == (550, 13)
    ours = clustered_error(estimate)[0] * _small_sample(estimate)
    np.testing.assert_allclose(ours, stored["terms"]["post"]["se"], rtol=DEMEANED)
