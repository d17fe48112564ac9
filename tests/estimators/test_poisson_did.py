"""Poisson difference-in-differences by hand on eight units, and at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import PoissonDiD
from sos_eval.estimators.poisson_did import NOT_CONVERGED
from sos_eval.results.estimate import loop_batch
from tests.estimators.panels import INF, counts_panel, panel, row

C = [[10, 14], [20, 18], [5, 9], [8, 8], [12, 12], [9, 15], [30, 33], [4, 5]]
E = [[100, 110], [150, 150], [90, 80], [70, 75], [120, 120], [95, 100], [210, 220], [60, 66]]
G = [2, 2, 2, 2, INF, INF, INF, INF]


def _brute_force(counts, exposure, treated):
    """Newton steps on every dummy, then the sandwich clustered by unit."""
    counts, exposure = np.asarray(counts, float), np.asarray(exposure, float)
    n, t = counts.shape
    unit, time = np.repeat(np.arange(n), t), np.tile(np.arange(t), n)
    x = np.column_stack([treated.ravel(), unit[:, None] == np.arange(n), time[:, None] == np.arange(1, t)]).astype(
        float
    )
    y, offset, b = counts.ravel(), np.log(exposure.ravel()), np.zeros(x.shape[1])
    b[1 : n + 1] = np.log(counts.sum(1) / exposure.sum(1))
    for _ in range(50):
        mu = np.exp(offset + x @ b)
        b = b + np.linalg.solve(x.T @ (x * mu[:, None]), x.T @ (y - mu))
    scores = x * (y - np.exp(offset + x @ b))[:, None]
    sums = np.array([scores[unit == i].sum(0) for i in range(n)])
    bread = np.linalg.inv(x.T @ (x * np.exp(offset + x @ b)[:, None]))
    return b[0], np.sqrt((bread @ sums.T @ sums @ bread)[0, 0])


def test_equal_exposure_and_two_periods_are_a_ratio_of_ratios():
    """With one exposure for all, the estimate solves D: treated sums 43 -> 49, untreated 55 -> 65."""
    estimate = PoissonDiD().complete(counts_panel(C, np.full((8, 2), 100.0), G))
    ratio = (49 / 43) / (65 / 55)
    assert np.exp(row(estimate, estimand="rate_ratio")["value"]) == pytest.approx(ratio, rel=1e-12)
    # rate among the treated afterwards: 49 events per 400, per 1000; without the effect it were rate / ratio
    assert row(estimate, estimand="att")["value"] == pytest.approx(49 / 400 * 1000 * (1 - 1 / ratio), rel=1e-12)
    assert list(estimate.cells["scale"]) == ["ratio", "rate_per"]


def test_exposure_enters_as_offset():
    estimate = PoissonDiD().complete(counts_panel(C, E, G))
    value, error = _brute_force(C, E, np.arange(1, 3) >= np.array(G)[:, None])
    assert row(estimate, estimand="rate_ratio")["value"] == pytest.approx(value, rel=1e-10)
    assert row(estimate, estimand="rate_ratio")["error"] == pytest.approx(error, rel=1e-9)


def test_error_of_the_rate_by_the_delta_method():
    """The influence of (1 - exp(-b)) R, by numerical derivative of reweighting one unit."""
    weights = np.ones(8)
    base = PoissonDiD().complete(counts_panel(C, E, G, weights=weights))
    step = 1e-5
    for i in (1, 6):
        more = weights + step * (np.arange(8) == i)
        moved = PoissonDiD().complete(counts_panel(C, E, G, weights=more))
        slope = (moved.values - base.values) / step
        np.testing.assert_allclose(base.influence[i] / 8, slope, rtol=1e-4)


def test_units_and_periods_without_events_are_named():
    counts = np.column_stack([np.vstack([C, [0, 0]]), np.zeros(9)])
    exposure = np.full((9, 3), 100.0)
    estimate = PoissonDiD().complete(counts_panel(counts, exposure, [*G, INF]))
    said = [(line.names, line.reason) for line in estimate.panel.flow]
    assert said == [("u08", "no event in any period"), ("3", "no event in any unit")]


def test_no_event_among_the_treated_is_separation_and_no_number():
    counts = np.array(C, float)
    counts[:4, 1] = 0
    estimate = PoissonDiD().complete(counts_panel(counts, E, G))
    assert np.isnan(estimate.values).all()
    assert estimate.cells["reason"].str.contains("the rate ratio has no finite estimate").all()


def test_rows_that_separation_fits_perfectly_are_left_out():
    """A covariate that marks rows without events alone has no finite coefficient; the effect has one."""
    counts = np.array([[10, 14, 15], [20, 18, 25], [12, 12, 0], [9, 15, 0], [7, 9, 4], [6, 8, 9]])
    base = counts_panel(counts, np.full((6, 3), 100.0), [2, 2, INF, INF, INF, INF])
    closed = (base.frame["count"] == 0).to_numpy(float)
    estimate = PoissonDiD().complete(replace(base.with_columns(closed=closed), covariates=("closed",)))
    left = base.with_columns(count=base.frame["count"].where(closed == 0))
    np.testing.assert_allclose(estimate.values, PoissonDiD().complete(left).values, rtol=1e-10)
    assert "2 rows without events are fitted perfectly (separation) and left out: u02, u03" in estimate.notes
    assert "absorbed by the unit and time effects, left out: closed" in estimate.notes


def test_a_unit_of_whom_separation_leaves_one_row_is_not_in_the_estimate():
    """Two more units, shut in the second year: the ratio of ratios is that of the eight, and so are their numbers."""
    base = counts_panel([*C, [9, 0], [7, 0]], np.full((10, 2), 100.0), [*G, 2, INF])
    shut = (base.frame["count"] == 0).to_numpy(float)
    estimate = PoissonDiD().complete(replace(base.with_columns(shut=shut), covariates=("shut",)))
    assert np.exp(row(estimate, estimand="rate_ratio")["value"]) == pytest.approx((49 / 43) / (65 / 55), rel=1e-12)
    assert estimate.cells[["n_obs", "n_units", "n_treated_units"]].to_numpy().tolist() == [[16, 8, 4]] * 2
    assert (estimate.panel.n_units, estimate.panel.n_clusters) == (8, 8)
    assert "2 rows without events are fitted perfectly (separation) and left out: u08, u09" in estimate.notes


def test_where_means_run_out_of_numbers_there_is_no_number_and_no_crash():
    """A null far out leaves events of 1e-33 here and there: some Newton step's means are beyond what numbers hold."""
    counts = np.random.default_rng(4).poisson(0.8, (12, 5)) * np.ones((12, 5))
    counts[:4, 3:] *= 5.825508943407894e-33
    starts = np.where(np.isin(np.arange(12), [6, 7, 9, 10]), 4, INF)
    exposure = np.repeat(1000.0 + np.arange(12)[:, None], 5, axis=1)
    with np.errstate(all="raise", under="ignore"):
        estimate = PoissonDiD().complete(counts_panel(counts, exposure, starts))
    assert np.isnan(estimate.values).all()
    assert set(estimate.cells["reason"]) == {NOT_CONVERGED}


def test_a_value_outcome_is_taken_as_counts_without_offset():
    one = PoissonDiD().complete(panel(C, G))
    two = PoissonDiD().complete(counts_panel(C, np.ones((8, 2)), G, per=1))
    np.testing.assert_allclose(one.values, two.values, rtol=1e-10)
    with pytest.raises(NotIdentified, match="counts below zero: u03"):
        PoissonDiD().complete(panel([*C[:3], [-1, 2], *C[4:]], G))


def test_units_that_a_draw_treats_whenever_they_are_seen_keep_the_batch(monkeypatch):
    """Authorities that were merged late are seen in the last years alone: no draw is made by itself for them."""
    rng = np.random.default_rng(2)
    counts = rng.poisson(30, (14, 6)).astype(float)
    counts[10:, :4] = np.nan
    exposure = np.where(np.isnan(counts), np.nan, 1000.0 + np.arange(14)[:, None])
    made = counts_panel(counts, exposure, [5, 5, 6, 6] + [INF] * 10)
    starts = np.array([rng.permutation(made.first_treated) for _ in range(60)])
    loop = loop_batch([made.with_first_treated(one) for one in starts], PoissonDiD().complete)
    monkeypatch.setattr("sos_eval.estimators.fast.counts.by_itself", lambda *_: pytest.fail("a draw by itself"))
    batch = PoissonDiD().estimate_assignments(made, starts)
    assert (starts[:, 10:] == 5).any()
    np.testing.assert_allclose(batch.values, loop.values, rtol=1e-9)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=1e-9)


def test_an_outcome_without_an_event_before_the_start_is_named_with_what_was_left_out():
    counts = np.array([[0, 0, 0, 3, 4], [0, 0, 0, 2, 5], [0, 0, 0, 3, 3], [0, 0, 0, 1, 6]])
    made = counts_panel(counts, np.full(counts.shape, 1000.0), [4, 4, INF, INF])
    said = r"no unit is treated in the rows of outcome that are left \(no event in any unit: 1, 2, 3\)"
    with pytest.raises(NotIdentified, match=said):
        PoissonDiD().complete(made)
