"""Batches of the methods that weigh donors are loops over single estimates, also where units drop out of the design."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import SyntheticControl, SyntheticDiD
from sos_eval.results.estimate import loop_batch
from tests.estimators.panels import INF, panel

METHODS = (SyntheticDiD(), SyntheticControl(), SyntheticControl(augment="none", level="unit_means_out"))
#: Two cohorts, one of them of one unit, and a unit that starts too early for weights; clusters of two.
STARTS = np.array([2, 6, 6, 7, *([INF] * 10)])


def made():
    y = np.random.default_rng(5).normal(size=(len(STARTS), 8)).cumsum(1)
    return panel(y, STARTS, clusters=np.arange(len(STARTS)) // 2)


def equal(batch, loop):
    assert batch.cells[["aggregation", "cohort", "time", "event_time"]].equals(
        loop.cells[["aggregation", "cohort", "time", "event_time"]]
    )
    np.testing.assert_allclose(batch.values, loop.values, rtol=1e-10, atol=1e-12)
    assert (batch.std_error is None) == (loop.std_error is None)
    if loop.std_error is not None:
        np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=1e-10)
    assert batch.failures == loop.failures


@pytest.mark.parametrize("method", METHODS)
def test_adoptions_that_swap_starts(method):
    """The early unit is another one in every draw, and leaves the design with its clusters as it does alone."""
    data, rng = made(), np.random.default_rng(1)
    starts = np.array([STARTS, *(rng.permutation(STARTS) for _ in range(5))])
    loop = loop_batch([data.with_first_treated(one) for one in starts], method.complete)
    equal(method.estimate_assignments(data, starts), loop)
    assert np.ptp(loop.values[:, 0]) > 0


@pytest.mark.parametrize("method", METHODS)
def test_outcomes(method):
    data = made()
    outcomes = np.random.default_rng(2).normal(size=(4, *data.matrix().shape))
    equal(method.estimate_many(data, outcomes), loop_batch(map(data.with_outcome, outcomes), method.complete))


@pytest.mark.parametrize("method", METHODS)
def test_other_starts_are_estimated_one_by_one_with_their_refusals(method):
    data = made()
    starts = np.array([STARTS, np.where(np.isfinite(STARTS), 2, INF), np.where(STARTS == 7, 6, STARTS)])
    batch = method.estimate_assignments(data, starts)
    equal(batch, loop_batch([data.with_first_treated(one) for one in starts], method.complete))
    assert "periods before its start" in batch.failures[1]
