"""The efficient estimator under random timing against the R package staggered 1.2.3."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import RothSantAnna
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
        rows, kept = np.flatnonzero(cells["aggregation"] == "overall"), np.ones(1, bool)
    else:
        events = cells["event_time"].where(cells["aggregation"] == "event_time")
        kept = np.array([beta != "efficient" or e != -1 for e in stored["event"]])  # theirs: the period less itself
        rows = np.array([int(np.flatnonzero(events == e)[0]) for e in np.array(stored["event"])[kept]])
        assert (events == -1).any() == (beta != "efficient")
    values, errors = (np.atleast_1d(stored[name]) for name in ("estimate", "se_neyman"))
    assert not values[~kept].any()
    np.testing.assert_allclose(estimate.values[rows], values[kept], rtol=SAME, atol=1e-10)
    error = np.nan_to_num(clustered_error(estimate)[rows])  # event time -1 has none here, and 0 there
    np.testing.assert_allclose(error, errors[kept], rtol=SAME)
    if stored.get("vcov_neyman"):
        scores = cluster_sums(np.nan_to_num(estimate.influence[:, rows]), estimate.panel.clusters)
        covariance = scores.T @ scores / estimate.panel.n_influence**2
        np.testing.assert_allclose(
            covariance, np.array(stored["vcov_neyman"])[np.ix_(kept, kept)], rtol=1e-7, atol=1e-12
        )
