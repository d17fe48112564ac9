"""Synthetic controls against the R package augsynth 0.2.0 (with an exact solver)."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import SyntheticControl
from sos_eval.numerics.ascm import chosen_penalty, cross_validated
from tests.reference.regression_cases import panel_of
from tests.reference.stored import cases
from tests.reference.test_synthetic_did import prop99

pytestmark = pytest.mark.reference

SAME = 1e-7  # the file allows 1e-6
NAMES = [
    "prop99_scm", "prop99_ridge", "prop99_scm_fixedeff", "prop99_ridge_lambda100", "care_2019_first_ridge",
    "care_2019_second_scm",
]  # fmt: skip


def panel(spec):
    if spec["dataset"] == "california_prop99":
        return prop99()
    made = panel_of(spec | {"unit": "unit"})
    return made.keep([str(unit) for unit in spec["unit_ids"]])


@pytest.mark.parametrize("name", NAMES)
def test_synthetic_control(name):
    case = cases("synthetic_control")[name]
    spec, stored = case["spec"], case["values"]
    augment = {"None": "none", "Ridge": "cross_validated"}[spec["progfunc"]]
    method = SyntheticControl(
        augment=float(spec["lambda"]) if isinstance(spec.get("lambda"), int | float) else augment,
        level="unit_means_out" if spec["fixedeff"] else "kept",
    )
    made = panel(spec)
    estimate = method.complete(made)
    before = int((np.array(stored["time"]) < spec["t_int"]).sum())
    overall = estimate.values[(estimate.cells["aggregation"] == "overall").to_numpy()]
    np.testing.assert_allclose(overall, stored["average_att"], rtol=SAME)
    cells = estimate.values[(estimate.cells["aggregation"] == "group_time").to_numpy()]
    np.testing.assert_allclose(cells, stored["att"][before:], rtol=SAME, atol=SAME)
    y, free = made.matrix(), ~made.ever_treated
    y = y - y[:, :before].mean(1, keepdims=True) if spec["fixedeff"] else y
    donors, own = y[free, :before], y[~free, :before][0]
    order = [list(made.units[free]).index(unit) for unit in stored["donors"]]
    weights = method.weights(donors, own)
    np.testing.assert_allclose(weights[order], stored["weights"], atol=SAME)
    gap = own - weights @ donors
    np.testing.assert_allclose(gap, stored["att"][:before], atol=1e-6)
    if "cv_errors" in stored:
        found = cross_validated(donors, own)
        np.testing.assert_allclose(found.tried, stored["lambdas"], rtol=1e-9)
        np.testing.assert_allclose(found.errors, stored["cv_errors"], rtol=1e-6)
        np.testing.assert_allclose(found.spread, stored["cv_errors_se"], rtol=1e-6)
        np.testing.assert_allclose(chosen_penalty(found), stored["lambda"], rtol=1e-9)
