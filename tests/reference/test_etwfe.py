"""Extended two-way fixed effects against the R package etwfe 0.6.2."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import ETWFE
from sos_eval.panel.panel import Outcome
from sos_eval.results.estimate import clustered_error
from tests.reference.regression_cases import panel_of, small_sample
from tests.reference.stored import cases, data

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same
DIFFERENTIATED = 5e-5  # marginaleffects differentiates numerically, which its errors inherit (note of the file)
LINEAR = ("care_ols_notyet", "care_ols_never", "care_ols_ivar", "care_ols_x1", "care_ols_x1_x2_region", "mpdta_ols")


def agrees(estimate, values, factor, rtol):
    cells = estimate.cells.assign(value=estimate.values, error=clustered_error(estimate) * factor)
    for name, aggregation, key in (
        ("simple", "overall", None), ("group", "cohort", "cohort"), ("calendar", "calendar", "time"),
        ("event", "event_time", "event_time"),
    ):  # fmt: skip
        if name not in values:
            continue
        rows = cells[(cells["aggregation"] == aggregation)]
        if key:
            np.testing.assert_array_equal(rows[key], values[name]["level"])
        np.testing.assert_allclose(rows["value"], values[name]["estimate"], rtol=rtol, atol=1e-8)
        errors = np.where(rows["value"] == 0, 0.0, rows["error"])  # the base period's error is none here, and 0 there
        np.testing.assert_allclose(errors, values[name]["se"], rtol=DIFFERENTIATED)


@pytest.mark.parametrize("name", LINEAR)
def test_linear(name):
    """With cohort effects in place of unit effects the effects are the same, and K counts them."""
    case = cases("etwfe")[name]
    spec = case["spec"]
    control = "never_treated" if spec.get("control_group") == "never" else "not_yet_treated"
    estimate = ETWFE(control=control).complete(panel_of(spec))
    fit = estimate.linear
    k = fit.n_params
    if "unit" not in spec["fixed_effects"]:  # cohort effects but one; slopes of covariates, by cohort too
        k += len(np.unique(estimate.panel.first_treated)) * (1 + len(estimate.panel.covariates)) - 1
    agrees(estimate, case["values"], small_sample(estimate, k, fit.n_obs), SAME)


@pytest.mark.parametrize("name", ["mpdta_poisson", "counts_poisson", "counts_poisson_offset"])
def test_poisson(name):
    """The pooled model; its changes are means of counts there, and of rates here where there is an offset."""
    case = cases("etwfe")[name]
    spec = case["spec"]
    panel = panel_of(spec)
    if name == "mpdta_poisson":
        panel = panel.with_outcome(np.exp(panel.matrix()))
    counted = spec.get("offset", "none") != "none"
    if counted:
        panel = with_exposure(panel, spec)
    estimate = ETWFE(family="poisson", effects="cohort").complete(panel)
    starts = panel.first_treated
    k = ETWFE().complete(panel_of(spec)).linear.n_params + len(np.unique(starts)) * (1 + len(panel.covariates)) - 1
    found = estimate.cells["estimand"] == "att"
    changes = replace(
        estimate, cells=estimate.cells[found], values=estimate.values[found], influence=estimate.influence[:, found]
    )
    if counted:  # a mean of counts is the rate times the mean exposure of the row's treated rows
        exposure = [mean_exposure(panel, one) for _, one in changes.cells.iterrows()]
        changes = replace(changes, values=changes.values * exposure, influence=changes.influence * exposure)
    agrees(changes, case["values"], small_sample(estimate, k, panel.n_rows), 1e-6)


def with_exposure(panel, spec):
    """Take the outcome as a count with the population as exposure."""
    df = data(f"{spec['dataset']}.csv")
    pop = df.assign(unit=df["unit"].astype(str)).set_index(["unit", "year"])["pop"].astype(float)
    exposure = pop.reindex(pd.MultiIndex.from_frame(panel.frame[["unit", "time"]])).to_numpy()
    frame = panel.frame.assign(
        count=panel.frame["outcome"], exposure=exposure, outcome=panel.frame["outcome"] / exposure
    )
    return replace(panel, frame=frame, outcomes=(Outcome(scale="rate_per", per=1.0, counted=True),))


def mean_exposure(panel, cell) -> float:
    frame = panel.frame
    rows = frame["time"] >= frame["first_treated"]
    for key, column in (
        ("cohort", frame["first_treated"]), ("time", frame["time"]),
        ("event_time", frame["time"] - frame["first_treated"]),
    ):  # fmt: skip
        rows &= True if np.isnan(cell[key]) else column == cell[key]
    return float(frame.loc[rows, "exposure"].mean())
