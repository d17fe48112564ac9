"""Segmented regression: by hand, its influence, its batch, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import TWFE, InterruptedTimeSeries
from sos_eval.inference import Randomization
from sos_eval.inference.auto import resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.inference.newey_west import NO_SERIES, NeweyWest
from sos_eval.results.estimate import clustered_error, loop_batch
from tests.estimators.panels import INF, panel, row
from tests.fakes import fit, noise_panel

T, START = 16, 9


def made(step=3.0, bend=0.5, seed=0, noise=0.0, treated=3, n=8, **more):
    time, rng = np.arange(1, T + 1), np.random.default_rng(seed)
    slope = rng.uniform(-1, 1, n)
    y = 10 + np.outer(slope, time) + noise * rng.standard_normal((n, T))
    y[:treated] += np.where(time >= START, step + bend * (time - START), 0.0)
    return panel(y, [START] * treated + [INF] * (n - treated), **more)


def test_step_and_slope_by_hand():
    estimate = InterruptedTimeSeries().complete(made())
    # straight lines of units' own: the step of 3, half a point a period, over eight periods 3 + .5 x 3.5
    assert row(estimate, aggregation="event_time", event_time=0)["value"] == pytest.approx(3.0)
    assert row(estimate, aggregation="event_time", event_time=7)["value"] == pytest.approx(6.5)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(4.75)
    assert "step 3 at the start, and 0.5 a period since" in estimate.notes


def test_errors_are_those_of_two_means_of_units():
    weights = np.arange(1.0, 9)
    panel_ = made(noise=1.0, weights=weights)
    estimate = InterruptedTimeSeries().complete(panel_)
    x = np.column_stack([np.ones(T), np.arange(T), np.arange(T) >= 8, np.maximum(np.arange(T) - 8, 0)])
    step = np.linalg.lstsq(x, panel_.matrix().T, rcond=None)[0][2]
    variance = 0.0
    for who in (slice(0, 3), slice(3, 8)):
        share = weights[who] / weights[who].sum()
        variance += (share**2 * (step[who] - share @ step[who]) ** 2).sum()
    assert clustered_error(estimate)[0] == pytest.approx(np.sqrt(variance))


def test_many_adoptions_are_a_loop():
    panel_, rng = made(noise=1.0, clusters=["a", "a", "b", "c", "c", "d", "e", "e"]), np.random.default_rng(1)
    adoptions = np.array([rng.permutation(panel_.first_treated) for _ in range(5)])
    batch = InterruptedTimeSeries().estimate_assignments(panel_, adoptions)
    loop = loop_batch([panel_.with_first_treated(one) for one in adoptions], InterruptedTimeSeries().complete)
    np.testing.assert_allclose(batch.values, loop.values)
    np.testing.assert_allclose(batch.std_error, loop.std_error)


def test_a_true_null_is_permuted():
    table = (
        Randomization(draws=99)
        .infer(fit(InterruptedTimeSeries(), made(0, 0, noise=1.0)), np.random.default_rng(0))
        .table
    )
    assert 0 < table.loc[table["aggregation"] == "overall", "p_value"].iloc[0] <= 1


def test_what_is_refused():
    with pytest.raises(NotIdentified, match="3 periods before the start"):
        InterruptedTimeSeries().complete(noise_panel(20, 4, 6))
    with pytest.raises(NotIdentified, match="2 starts, and a series has one"):
        InterruptedTimeSeries().complete(noise_panel(20, 8, 30))

    refused = NeweyWest().infer(fit(TWFE(), noise_panel()), np.random.default_rng(0))
    assert refused.facts["refused"] == NO_SERIES
    long = NeweyWest(lag=16).infer(fit(InterruptedTimeSeries(), made(noise=1.0)), np.random.default_rng(0))
    assert "lag 16 of 16 periods" in long.facts["refused"]


@pytest.mark.parametrize("untreated", [40, 0])
def test_errors_over_time_never_stand_alone(untreated):
    # measured: 13 to 32 in 100 true nulls rejected (docs/methods.md), with 20 of 60 treated and with all
    fitted = fit(InterruptedTimeSeries(), made(0, 0, noise=1.0, treated=20, n=20 + untreated))
    found = resolve([NeweyWest()], design_facts(fitted))
    assert found.methods[1].name == "newey_west"
    if untreated:
        assert found.methods[0].name == "randomization"
        assert "Errors over time alone were measured to reject 13 to 32 in 100" in found.choice
    else:
        assert not found.reliable


@pytest.mark.parametrize("treated", [1, 3, 8])
def test_a_plan_gives_what_fits_one_by_one_give(treated):
    """Many outcomes on one adoption: the detectable size in a list asks each adoption for every size."""
    method, panel_ = InterruptedTimeSeries(), made(noise=1.0, treated=treated, weights=np.arange(1.0, 9))
    outcomes = np.random.default_rng(2).normal(size=(4, 8, T)).cumsum(2)
    loop = loop_batch([panel_.with_outcome(one) for one in outcomes], method.complete)
    planned = method.estimate_many(panel_, outcomes)
    np.testing.assert_allclose(planned.values, loop.values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(planned.std_error, loop.std_error, rtol=1e-12, atol=1e-12)
    assert planned.failures == loop.failures
    last = method.compile(panel_, lambda cells: np.array([len(cells) - 1])).apply(outcomes)
    np.testing.assert_allclose(last.values[:, 0], planned.values[:, -1], rtol=1e-12, atol=1e-12)
    assert last.cells["aggregation"].tolist() == ["overall"]
