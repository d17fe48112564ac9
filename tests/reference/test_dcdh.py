"""Switchers against units not yet switched: the R package DIDmultiplegtDYN 2.1.2."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import DechaisemartinDhaultfoeuille
from sos_eval.results.estimate import clustered_error
from tests.reference.regression_cases import panel_of
from tests.reference.stored import params

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("case", params("dcdh"))
def test_effects_and_placebos(case):
    spec, stored = case["spec"], case["values"]
    control = "never_treated" if "control_group" in spec else "not_yet_treated"
    method = DechaisemartinDhaultfoeuille(effects=spec["effects"], placebos=spec["placebo"], control=control)
    estimate = method.complete(panel_of(spec))
    cells, error = estimate.cells, clustered_error(estimate)
    event = cells["event_time"].where(cells["aggregation"] == "event_time")
    for kind, place in (("effects", lambda lag: lag - 1), ("placebos", lambda lag: -1 - lag)):
        told = stored[kind]
        rows = [int(np.flatnonzero(event == place(lag))[0]) for lag in told["l"]]
        np.testing.assert_allclose(estimate.values[rows], told["estimate"], rtol=1e-8)
        np.testing.assert_allclose(estimate.values[rows], told["estimate_5_decimals"], atol=6e-6)
        np.testing.assert_allclose(error[rows], told["se"], rtol=1e-7)
        assert cells["n_treated_units"].iloc[rows].tolist() == told["switchers"]
    overall = int(np.flatnonzero(cells["aggregation"] == "overall")[0])
    assert estimate.values[overall] == pytest.approx(stored["average"]["estimate_5_decimals"], abs=6e-6)
    assert error[overall] == pytest.approx(stored["average"]["se_5_decimals"], abs=6e-6)
