"""Weighted stacked differences in differences against the authors' R functions."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import Stacked
from sos_eval.results.estimate import clustered_error
from tests.reference.regression_cases import panel_of, small_sample
from tests.reference.stored import params

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the file holds 15 digits


@pytest.mark.parametrize("case", params("stacked"))
def test_stacked(case):
    spec, stored = case["spec"], case["values"]
    window = (-spec["kappa_pre"], spec["kappa_post"])
    estimate = Stacked(window=window, errors="pooled", seen="any").complete(panel_of(spec))
    events = len(stored["event"])
    factor = small_sample(estimate, 2 * (events + 1), stored["n_rows"])  # K: sides by event time, n: rows of the stack
    cells = estimate.cells.assign(value=estimate.values, error=clustered_error(estimate) * factor)
    rows = cells[(cells["aggregation"] == "event_time") & (cells["event_time"] != -1)]
    np.testing.assert_array_equal(rows["event_time"], stored["event"])
    np.testing.assert_allclose(rows["value"], stored["estimate"], rtol=SAME, atol=1e-10)
    np.testing.assert_allclose(rows["error"], stored["se"], rtol=SAME)
    overall = cells[cells["aggregation"] == "overall"]
    np.testing.assert_allclose(overall["value"], stored["average_post"]["estimate"], rtol=SAME)
    np.testing.assert_allclose(overall["error"], stored["average_post"]["se"], rtol=SAME)
