"""Two stages against the R package did2s 1.2.0."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import TwoStage
from sos_eval.results.estimate import cluster_sums, clustered_error
from tests.reference.regression_cases import panel_of
from tests.reference.stored import params

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the file holds 15 digits


def position(estimate, name) -> int:
    cells = estimate.cells
    if name.startswith("D::"):
        return int(np.flatnonzero(cells["aggregation"] == "overall")[0])
    event = float(name.split("::")[1])
    return int(np.flatnonzero((cells["aggregation"] == "event_time") & (cells["event_time"] == event))[0])


JOINED = "care_event_window"  # event times joined at the ends of a window are not in this version


@pytest.mark.parametrize("case", [case for case in params("two_stage") if case.id != JOINED])
def test_two_stage(case):
    estimate, stored = TwoStage().complete(panel_of(case["spec"])), case["values"]
    rows = [position(estimate, name) for name in stored["term"]]
    np.testing.assert_allclose(estimate.values[rows], stored["estimate"], rtol=SAME, atol=1e-10)
    np.testing.assert_allclose(clustered_error(estimate)[rows], stored["se"], rtol=SAME)
    if stored["vcov"] is not None:
        scores = cluster_sums(estimate.influence[:, rows], estimate.panel.clusters) / estimate.panel.n_influence
        np.testing.assert_allclose(scores.T @ scores, stored["vcov"], rtol=1e-6, atol=1e-12)
