"""The efficient estimator under random timing against the R package staggered 1.2.3."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import RothSantAnna
from sos_eval.estimators.roth_santanna import ADJUSTED_BY
from sos_eval.results.estimate import cluster_sums, clustered_error
from tests.reference.regression_cases import panel_of
from tests.reference.stored import cases, params

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the file holds 15 digits
#: Averages of the package that are rows of ours, against cohorts that start later (not the last cohort alone).
NAMES = [name for name in cases("staggered") if ("simple" in name or "event" in name) and not name.endswith("_sa")]


@pytest.mark.parametrize("case", [case for case in params("staggered") if case.id in NAMES])
def test_roth_santanna(case):
    spec, stored = case["spec"], case["values"]
    beta = {"optimal": "efficient"}.get(str(spec["beta"]), spec["beta"])
    estimate = RothSantAnna(beta=beta).complete(panel_of(spec))
    cells = estimate.cells
    if "event" not in stored:
        rows = np.flatnonzero(cells["aggregation"] == "overall")
    else:
        events = cells["event_time"].where(cells["aggregation"] == "event_time")
        rows = np.array([int(np.flatnonzero(events == e)[0]) for e in stored["event"]])
    own = (cells["reason"] == ADJUSTED_BY).to_numpy()[rows]  # theirs is the period less all of itself: 0
    assert own.sum() == (beta == "efficient" and -1 in stored.get("event", []))
    np.testing.assert_array_equal(np.atleast_1d(stored["estimate"])[own], 0.0)
    assert np.isnan(estimate.values[rows][own]).all()
    np.testing.assert_allclose(
        estimate.values[rows][~own], np.atleast_1d(stored["estimate"])[~own], rtol=SAME, atol=1e-10
    )
    error = np.nan_to_num(clustered_error(estimate)[rows])  # event time -1 has none here, and 0 there
    np.testing.assert_allclose(error, stored["se_neyman"], rtol=SAME)
    if stored.get("vcov_neyman"):
        scores = cluster_sums(np.nan_to_num(estimate.influence[:, rows]), estimate.panel.clusters)
        covariance = scores.T @ scores / estimate.panel.n_influence**2
        np.testing.assert_allclose(covariance, stored["vcov_neyman"], rtol=1e-7, atol=1e-12)
