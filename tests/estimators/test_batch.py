"""Batches of draws give what the loop gives: values and errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.estimators import (
    ETWFE,
    TWFE,
    CallawaySantAnna,
    EventStudyTWFE,
    Imputation,
    PoissonDiD,
    Stacked,
    SunAbraham,
    TwoStage,
)
from sos_eval.results.estimate import loop_batch
from tests.estimators.panels import INF, counts_panel, panel

SAME = 1e-10  # what issue and contract ask of batch = loop
N, T = 30, 8
STARTS = np.array([4] * 5 + [6] * 4 + [7] * 3 + [INF] * 18)
VARIANTS = {
    "plain": {},
    "weighted": {"weights": np.random.default_rng(1).uniform(0.5, 2, N)},
    "clustered": {"clusters": [f"c{i % 9}" for i in range(N)]},
    "weighted and clustered": {
        "weights": np.random.default_rng(1).uniform(0.5, 2, N), "clusters": [f"c{i % 9}" for i in range(N)],
    },
}  # fmt: skip
ESTIMATORS = [
    CallawaySantAnna(), CallawaySantAnna(control="not_yet_treated", base_period="universal"),
    CallawaySantAnna(anticipation=1), TWFE(), EventStudyTWFE(), EventStudyTWFE(window=(-3, 2)), PoissonDiD(),
    Imputation(), Imputation(leave_out=True), SunAbraham(), ETWFE(), TwoStage(),
    ETWFE(family="poisson"), ETWFE(family="poisson", effects="cohort"),
    Stacked(window=(-2, 1)),
]  # fmt: skip


def _panel(variant):
    rng = np.random.default_rng(2)
    exposure = rng.uniform(1e4, 1e5, N)[:, None] * rng.uniform(0.9, 1.1, (N, T))
    counts = rng.poisson(exposure * 1e-3 * np.exp(rng.normal(0, 0.3, (N, 1)) + rng.normal(0, 0.1, (N, T))))
    return counts_panel(counts, exposure, STARTS, **VARIANTS[variant])


def _same(batch, loop):
    keys = ["estimand", "aggregation", "cohort", "time", "event_time", "scale", "n_treated_units"]
    assert batch.cells[keys].equals(loop.cells[keys])
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_outcomes(estimator, variant):
    base = _panel(variant)
    outcomes = base.matrix() * np.random.default_rng(3).uniform(0.8, 1.2, (4, N, T))
    loop = loop_batch([base.with_outcome(one) for one in outcomes], estimator.complete)
    _same(estimator.estimate_many(base, outcomes), loop)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_assignments(estimator, variant):
    base = _panel(variant)
    rng = np.random.default_rng(4)
    starts = np.array([rng.permutation(STARTS) for _ in range(4)])
    loop = loop_batch([base.with_first_treated(one) for one in starts], estimator.complete)
    _same(estimator.estimate_assignments(base, starts), loop)


@pytest.mark.parametrize("variant", ["plain", "weighted"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_assignments_that_change_the_cohorts(estimator, variant):
    """Sizes change, a cohort is absent, units start in the first period or after the last, one or none is treated."""
    base = _panel(variant)
    changed = np.tile(STARTS, (6, 1))
    changed[1, :3] = INF
    changed[2, 9:12] = INF
    changed[3, 20:22] = 1
    changed[4] = np.where(np.arange(N) == 5, 6, INF)
    changed[5] = INF
    batch = estimator.estimate_assignments(base, changed)
    cells = batch.cells.drop(columns=["n_obs", "n_units", "n_treated_units", "reason"])
    for draw in range(5):
        one = estimator.complete(base.with_first_treated(changed[draw]))
        alone = loop_batch([one.panel], estimator.complete)
        place = cells.merge(
            one.cells.reset_index()[["index", *cells.columns]], how="left", on=list(cells.columns)
        )["index"].to_numpy(float)  # fmt: skip
        here = ~np.isnan(place)
        assert here.sum() == len(one.values)
        order = place[here].astype(int)
        np.testing.assert_allclose(batch.values[draw, here], one.values[order], rtol=SAME, atol=SAME)
        np.testing.assert_allclose(batch.std_error[draw, here], alone.std_error[0][order], rtol=SAME, atol=1e-12)
        assert np.isnan(batch.values[draw, ~here]).all()
    assert np.isnan(batch.values[5]).all()
    assert batch.failures[5]


def test_missing_rows_and_periods_without_events():
    base = _panel("plain")
    counts = base.matrix("count")
    counts[3, 2] = np.nan
    counts[:, 5] = 0
    gappy = counts_panel(counts, base.matrix("exposure"), STARTS)
    rng = np.random.default_rng(5)
    starts = np.array([rng.permutation(STARTS) for _ in range(3)])
    loop = loop_batch([gappy.with_first_treated(one) for one in starts], PoissonDiD().complete)
    _same(PoissonDiD().estimate_assignments(gappy, starts), loop)


def test_a_late_unit_that_is_treated_whenever_it_is_seen_takes_no_part():
    """Which units these are differs between draws; its start is after the panel's first period in all of them."""
    base = _panel("weighted and clustered")
    counts = base.matrix("count")
    counts[20, :5], counts[3, 2] = np.nan, np.nan
    late = counts_panel(counts, base.matrix("exposure"), STARTS, **VARIANTS["weighted and clustered"])
    rng = np.random.default_rng(6)
    starts = np.array([rng.permutation(STARTS) for _ in range(8)])
    own = starts[:, 20] <= 6
    assert own.any()
    assert not own.all()
    loop = loop_batch([late.with_first_treated(one) for one in starts], PoissonDiD().complete)
    _same(PoissonDiD().estimate_assignments(late, starts), loop)


def test_units_without_events_are_not_at_risk():
    """The treated units' own rate leaves out, as the estimate does, a unit in which nothing ever happens."""
    base = _panel("plain")
    counts = base.matrix("count")
    counts[2] = 0
    quiet = counts_panel(counts, base.matrix("exposure"), STARTS)
    starts = np.array([STARTS, np.roll(STARTS, 1), np.roll(STARTS, 12)])
    loop = loop_batch([quiet.with_first_treated(one) for one in starts], PoissonDiD().complete)
    _same(PoissonDiD().estimate_assignments(quiet, starts), loop)
    outcomes = np.stack([base.matrix(), quiet.matrix()])
    loop = loop_batch([base.with_outcome(one) for one in outcomes], PoissonDiD().complete)
    batch = PoissonDiD().estimate_many(base, outcomes)
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME)


@pytest.mark.parametrize("estimator", [CallawaySantAnna(control="not_yet_treated"), TWFE(), PoissonDiD()], ids=repr)
def test_nobody_is_never_treated(estimator):
    """The last cohort stands in, and periods from its start on take no part."""
    starts = np.array([3.0] * 8 + [5.0] * 7 + [7.0] * 15)
    base = _panel("plain").with_first_treated(starts)
    rng = np.random.default_rng(9)
    permuted = np.array([rng.permutation(starts) for _ in range(4)])
    loop = loop_batch([base.with_first_treated(one) for one in permuted], estimator.complete)
    _same(estimator.estimate_assignments(base, permuted), loop)
    outcomes = base.matrix() * rng.uniform(0.8, 1.2, (4, N, T))
    loop = loop_batch([base.with_outcome(one) for one in outcomes], estimator.complete)
    _same(estimator.estimate_many(base, outcomes), loop)


@pytest.mark.parametrize("estimator", [one for one in ESTIMATORS if not getattr(one, "anticipation", 0)], ids=repr)
def test_starts_after_the_last_period_are_never(estimator):
    starts = np.array([1.0] * 2 + [4.0] * 5 + [T + 1.0] * 3 + [INF] * 20)
    base = _panel("plain").with_first_treated(starts)
    rng = np.random.default_rng(10)
    permuted = np.array([starts, *(rng.permutation(starts) for _ in range(3))])
    loop = loop_batch([base.with_first_treated(one) for one in permuted], estimator.complete)
    _same(estimator.estimate_assignments(base, permuted), loop)
    never = estimator.complete(base.with_first_treated(np.where(starts > T, INF, starts)))
    np.testing.assert_allclose(loop.values[0], never.values, rtol=SAME, atol=SAME)


def test_many_chunks_are_one():
    base = panel(np.random.default_rng(6).normal(size=(N, T)), STARTS)
    rng = np.random.default_rng(7)
    starts = np.array([rng.permutation(STARTS) for _ in range(3000)])
    whole = CallawaySantAnna().estimate_assignments(base, starts)
    part = CallawaySantAnna().estimate_assignments(base, starts[2500:2503])
    np.testing.assert_allclose(whole.values[2500:2503], part.values, rtol=SAME, atol=1e-12)
    np.testing.assert_allclose(whole.std_error[2500:2503], part.std_error, rtol=SAME, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr", "dr_improved"])
def test_outcomes_with_covariates(adjust, variant):
    """Nuisance models are fitted once for all draws."""
    rng = np.random.default_rng(8)
    base = _panel(variant)
    moving = rng.normal(size=N * T)
    base = replace(base.with_columns(x=np.repeat(rng.normal(size=N), T), z=moving), covariates=("x", "z"))
    outcomes = base.matrix() * rng.uniform(0.8, 1.2, (4, N, T))
    for names in (("x",), ("x", "z")):
        estimator = CallawaySantAnna(adjust=adjust, covariates=names)
        loop = loop_batch([base.with_outcome(one) for one in outcomes], estimator.complete)
        _same(estimator.estimate_many(base, outcomes), loop)


def _gappy(variant, covariates):
    """Rows are missing, one unit enters late, weights move, a covariate moves."""
    rng = np.random.default_rng(9)
    base = _panel(variant)
    outcome = base.matrix()
    outcome[3, 2], outcome[10, 6], outcome[20, :5], outcome[21, 1:] = np.nan, np.nan, np.nan, np.nan
    z = rng.normal(size=N * T)
    z[11] = np.nan
    weight = base.frame["weight"] * (rng.uniform(0.5, 1.5, N * T) if variant == "weighted" else 1.0)
    frame = base.frame.assign(outcome=outcome.ravel(), z=z, weight=weight)
    return replace(base, frame=frame, covariates=("z",) if covariates else ())


@pytest.mark.parametrize("covariates", [False, True], ids=["", "covariate"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("estimator", [TWFE(), EventStudyTWFE(), EventStudyTWFE(window=(-3, 2))], ids=repr)
def test_regressions_with_gaps(estimator, variant, covariates):
    base = _gappy(variant, covariates)
    rng = np.random.default_rng(10)
    starts = np.array([rng.permutation(STARTS) for _ in range(12)])
    assert (starts[:, 20] <= 6).any(), "some draw treats the late unit in all its rows"
    loop = loop_batch([base.with_first_treated(one) for one in starts], estimator.complete)
    batch = estimator.estimate_assignments(base, starts)
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME, atol=1e-12)
    outcomes = base.matrix() * rng.uniform(0.8, 1.2, (5, N, T))
    _same(
        estimator.estimate_many(base, outcomes),
        loop_batch([base.with_outcome(one) for one in outcomes], estimator.complete),
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("estimator", ESTIMATORS[:3], ids=repr)
def test_group_time_effects_with_gaps(estimator, variant):
    """In some draws a cohort has no row in some period, or no unit in any cell: then it is as if it were not there."""
    base = _gappy(variant, covariates=False)
    rng = np.random.default_rng(11)
    starts = np.array([rng.permutation(STARTS) for _ in range(12)])
    starts[0] = np.where(np.arange(N) == 21, 4, np.where(np.arange(N) < 5, 6, INF))
    first = estimator.complete(base.with_first_treated(starts[0]))
    assert not (first.cells["cohort"] == 4).any(), "cohort 4 is unit 21, seen in one period"
    assert base.units[21] in first.panel.flow[-1].names
    batch = estimator.estimate_assignments(base, starts[1:])
    loop = loop_batch([base.with_first_treated(one) for one in starts[1:]], estimator.complete)
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME, atol=1e-12)
    alone = estimator.estimate_assignments(base, starts[:1])
    loop = loop_batch([base.with_first_treated(starts[0])], estimator.complete, alone.cells)
    np.testing.assert_allclose(alone.values, loop.values)


@pytest.mark.parametrize("later", [7.0, 9.0], ids=["nobody never treated", "later starts"])
@pytest.mark.parametrize(
    "estimator",
    [
        CallawaySantAnna(control="not_yet_treated"),
        CallawaySantAnna(control="not_yet_treated", anticipation=1, base_period="universal"),
        TWFE(), EventStudyTWFE(window=(-2, 2)), PoissonDiD(),
    ],
    ids=repr,
)  # fmt: skip
def test_gaps_where_starts_are_late(estimator, later):
    base = _gappy("weighted", covariates=False)
    late = np.array([4.0] * 8 + [6.0] * 8 + [later] * 14)
    rng = np.random.default_rng(12)
    starts = np.array([rng.permutation(late) for _ in range(6)])
    loop = loop_batch([base.with_first_treated(one) for one in starts], estimator.complete)
    batch = estimator.estimate_assignments(base, starts)
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME, atol=1e-12)


@pytest.mark.parametrize("gaps", [False, True], ids=["balanced", "gaps"])
@pytest.mark.parametrize("start", [3.0, 4.0, 5.0, 6.0, 7.0])
def test_a_regressor_that_the_effects_absorb_has_no_coefficient(start, gaps):
    """All start together: every event time is a period effect, and rounding is all that is left of it."""
    base = _gappy("weighted", covariates=False) if gaps else _panel("weighted")
    estimator, starts = EventStudyTWFE(window=(-3, 2)), np.stack([STARTS, np.full(N, start), np.full(N, start)])
    batch = estimator.estimate_assignments(base, starts)
    assert np.isfinite(batch.values[0]).all()
    assert np.isnan(batch.values[1:]).all()
    loop = loop_batch([base.with_first_treated(one) for one in starts], estimator.complete)
    assert batch.failures == loop.failures
    assert "event times cannot be told apart from unit and time effects" in batch.failures[1]
