"""Many Poisson models with effects of cohorts at once: by hand on eight units, and draw by draw what the loop gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.estimators import ETWFE
from sos_eval.estimators._poisson_cohorts import NOT_CONVERGED
from sos_eval.estimators.fast import cohort_counts
from sos_eval.results.assignments import stratified
from sos_eval.results.estimate import loop_batch
from tests.estimators.panels import INF, counts_panel, panel

SAME = 1e-10  # the same mathematics in another order of sums
N, T = 16, 6
STARTS = np.array([3] * 4 + [5] * 3 + [INF] * 9)
NOBODY_NEVER = np.array([3] * 4 + [5] * 4 + [6] * 8)
RNG = np.random.default_rng(11)
EXPOSURE = RNG.uniform(500, 900, (N, 1)) * RNG.uniform(0.9, 1.1, (N, T))
COUNTS = RNG.poisson(EXPOSURE * 0.05 * np.exp(RNG.normal(0, 0.3, (N, 1)))).astype(float)
VARIANTS = {
    "plain": {},
    "weighted": {"weights": RNG.uniform(0.5, 2, N)},
    "weighted and clustered": {"weights": RNG.uniform(0.5, 2, N), "clusters": [f"c{i % 5}" for i in range(N)]},
}
UNIT, COHORT = ETWFE(family="poisson"), ETWFE(family="poisson", effects="cohort")
both = pytest.mark.parametrize("estimator", [UNIT, COHORT], ids=["unit", "cohort"])
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def made(variant="plain", counts=COUNTS, starts=STARTS):
    return counts_panel(counts, EXPOSURE, starts, **VARIANTS[variant])


def rates(*counts):
    return np.stack([one / EXPOSURE * 1000 for one in counts])


def same(batch, loop):
    # the loop's reasons are those of its first draw
    assert batch.cells.drop(columns="reason").equals(loop.cells.drop(columns="reason"))
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME, atol=SAME)
    assert batch.failures == loop.failures


def same_outcomes(estimator, base, outcomes):
    own = estimator.complete(base).cells
    same(estimator.estimate_many(base, outcomes),
         loop_batch([base.with_outcome(one) for one in outcomes], estimator.complete, own))  # fmt: skip


def same_adoptions(estimator, base, starts):
    loop = loop_batch([base.with_first_treated(one) for one in starts], estimator.complete)
    same(estimator.estimate_assignments(base, starts), loop)
    return loop


def permuted(starts, draws=6, seed=3):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(starts) for _ in range(draws)])


@pytest.fixture
def together(monkeypatch):
    """No draw may be estimated by itself."""
    for room in ("cohort_counts", "assignments", "groups"):
        alone = f"sos_eval.estimators.fast.{room}.by_itself"
        monkeypatch.setattr(alone, lambda *_: pytest.fail("a draw by itself"))


@pytest.fixture
def one_by_one(monkeypatch):
    """No draw may be estimated with others."""
    monkeypatch.setattr(cohort_counts, "fit_poisson_cells", lambda *_: pytest.fail("draws together"))


@both
@pytest.mark.usefixtures("together")
def test_by_hand(estimator):
    """Two periods and one exposure: totals before and after, and units' deviations from their shares, by hand."""
    counts = np.array([[10, 30], [20, 50], [5, 10], [15, 40], [10, 10], [20, 30], [40, 40], [50, 80]], float)
    first, second = [2] * 4 + [INF] * 4, [2, 2, INF, INF, 2, 2, INF, INF]
    base = counts_panel(counts, np.full((8, 2), 100.0), first)
    swapped = counts[[0, 1, 4, 5, 2, 3, 6, 7]]
    adoptions = estimator.estimate_assignments(base, np.array([first, second]))
    outcomes = estimator.estimate_many(base, np.stack([counts, swapped]) * 10)
    # treated 50 -> 130, untreated 120 -> 160; then the treated 60 -> 120, untreated 110 -> 170
    ratios = np.array([130 / 50 / (160 / 120), 120 / 60 / (170 / 110)])
    # of the second: two thirds of a treated unit's events fall after the start; units of 40, 70, 20 and 50 events have
    # 10/3 more or fewer than that, and 180 * 2/3 * 1/3 = 40; of the untreated 17/28 do, units have 25, 185, -240 and 30
    # 28ths more, and 280 * 17/28 * 11/28 are 1870 28ths
    error = np.sqrt(4 * (10 / 3 / 40) ** 2 + (25**2 + 185**2 + 240**2 + 30**2) / 1870**2)
    for batch in (adoptions, outcomes):
        overall = (batch.cells["aggregation"] == "overall").to_numpy()
        ratio = overall & (batch.cells["estimand"] == "rate_ratio").to_numpy()
        np.testing.assert_allclose(batch.values[:, ratio][:, 0], np.log(ratios), rtol=1e-12)
        # 130 and 120 of 400, per 1,000
        change = np.array([325, 300]) * (1 - 1 / ratios)
        np.testing.assert_allclose(batch.values[:, overall & ~ratio][:, 0], change, rtol=1e-12)
        assert batch.std_error[1, ratio] == pytest.approx(error, rel=1e-12)


@both
@every_variant
@pytest.mark.usefixtures("together")
def test_a_unit_without_an_event_in_one_draw_takes_no_part_in_it(estimator, variant):
    """Also where it is treated, as one of four and of two: those without an event have no exposure."""
    outcomes = []
    for quiet in ([12], [1], [4, 5], [1, 4, 12]):
        counts = COUNTS.copy()
        counts[quiet] = 0
        outcomes.append(counts)
    same_outcomes(estimator, made(variant), rates(COUNTS, *outcomes))


@both
def test_what_a_draw_has_no_events_in_is_as_the_single_fit_has_it(estimator):
    draws = [COUNTS.copy() for _ in range(6)]
    draws[0][:, 3] = 0  # a period
    draws[1][4:7, 5] = 0  # a treated cell: no maximum
    draws[2][7:] = 0  # whoever is never treated
    draws[3][:4] = 0  # a cohort
    draws[4][:4, :2] = 0  # a cohort before its start
    draws[5][7:, 5] = 0  # those never treated, in a period in which all others are treated
    batch = estimator.estimate_many(made(), rates(*draws))
    same_outcomes(estimator, made(), rates(COUNTS, *draws))
    assert batch.failures[1] == NOT_CONVERGED
    assert np.isnan(batch.values[1]).all()


@both
def test_events_after_everybody_has_started_are_not_in_the_model(estimator):
    """Nobody is never treated: periods from the last start on are left out, and so a unit's only events may be."""
    base = made(starts=NOBODY_NEVER)
    draws = [COUNTS.copy() for _ in range(3)]
    draws[0][9, :5] = 0  # events in the last period alone
    draws[1][:, 5] = 0  # that period has none: then those who start in it are never treated
    draws[2][10] = 0
    same_outcomes(estimator, base, rates(COUNTS, *draws))
    same_adoptions(estimator, base, permuted(NOBODY_NEVER))
    quiet = made(counts=draws[0], starts=NOBODY_NEVER)
    same_adoptions(estimator, quiet, permuted(NOBODY_NEVER))


@both
@every_variant
@pytest.mark.usefixtures("together")
def test_units_and_periods_without_any_event_leave_all_adoptions(estimator, variant):
    counts = COUNTS.copy()
    counts[2], counts[:, 3] = 0, 0
    same_adoptions(estimator, made(variant, counts), permuted(STARTS))


@both
@every_variant
def test_adoptions_that_change_the_cohorts(estimator, variant):
    """Sizes change, a cohort is absent, starts in the first period or after the last, one unit or nobody is treated."""
    starts = np.tile(STARTS, (7, 1))
    starts[1, :2] = INF
    starts[2, 4:7] = INF
    starts[3, 9:11], starts[3, 12] = 1, T + 2
    starts[4] = np.where(np.arange(N) == 5, 4, INF)
    starts[5] = INF
    starts[6] = 3
    loop = same_adoptions(estimator, made(variant), starts)
    assert np.isnan(loop.std_error[4]).all()
    assert np.isfinite(loop.values[4]).any()
    assert "no unit is treated" in loop.failures[5]
    assert "no unit is untreated while another is treated" in loop.failures[6]


@both
@pytest.mark.usefixtures("together")
def test_weights_that_move_within_units(estimator):
    base = made("weighted and clustered")
    moving = base.frame["weight"] * np.random.default_rng(5).uniform(0.5, 1.5, N * T)
    base = replace(base, frame=base.frame.assign(weight=moving))
    same_adoptions(estimator, base, permuted(STARTS))
    same_outcomes(estimator, base, rates(COUNTS, COUNTS[::-1]))


@both
@pytest.mark.usefixtures("together")
def test_values_are_taken_as_counts_without_exposure(estimator):
    base = panel(COUNTS, STARTS)
    same_adoptions(estimator, base, permuted(STARTS))
    same_outcomes(estimator, base, np.stack([COUNTS, COUNTS[::-1]]))


def _gap():
    counts = COUNTS.copy()
    counts[3, 2] = np.nan
    return made(counts=counts)


def _covariate():
    x = np.repeat(np.random.default_rng(6).normal(size=N), T)
    return replace(made().with_columns(x=x), covariates=("x",))


def _strata():
    return stratified(made().with_columns(half=np.repeat(np.arange(N) % 2, T)), ("half",))


@both
@pytest.mark.parametrize("of", [_gap, _covariate, _strata], ids=["gap", "covariate", "strata"])
@pytest.mark.usefixtures("one_by_one")
def test_others_go_one_by_one(estimator, of):
    base = of()
    starts = permuted(STARTS, 2)
    same_adoptions(estimator, base, starts)
    same_outcomes(estimator, base, base.matrix() * np.array([1.0, 1.5])[:, None, None])
    cells, weights = estimator.complete(base).cells, np.where(np.arange(N) == 8, 0.0, np.ones((2, N)))
    batch = estimator.estimate_groups(base, starts, weights, cells)
    assert batch.cells is cells


@both
def test_where_the_untreated_weigh_next_to_nothing_the_single_fit_decides(estimator):
    """It refuses an effect of which the untreated leave too little; whatever it says, a batch says."""
    light = np.where(np.isinf(STARTS), 1e-20, 1.0)
    weighted = counts_panel(COUNTS, EXPOSURE, np.where(np.isinf(STARTS), INF, 3), weights=light)
    starts = np.stack([weighted.first_treated, np.where(np.arange(N) < 3, 4, INF)])
    loop = same_adoptions(estimator, weighted, starts)
    assert "is a combination of unit and time effects" in loop.failures[0]
    assert np.isfinite(loop.values[1]).all()
    cells = estimator.complete(made()).cells
    weights = np.stack([light, np.ones(N)])
    batch = estimator.estimate_groups(made(), np.stack([STARTS, STARTS]), weights, cells)
    loop = loop_batch([_weighed(made(), one) for one in weights], estimator.complete, cells)
    same(batch, loop)
    assert np.isfinite(batch.values[1]).all()
    few = np.where(np.isinf(STARTS)[:, None], COUNTS * 1e-9, COUNTS)
    same_outcomes(estimator, made(), rates(COUNTS, few))


@both
def test_draws_with_gaps_or_below_zero_go_one_by_one(estimator):
    outcomes = rates(COUNTS, COUNTS[::-1])
    outcomes[1, 3, 2] = np.nan
    same_outcomes(estimator, made(), outcomes)
    outcomes[1, 3, 2] = -1
    same_outcomes(estimator, made(), outcomes)
    assert "counts below zero: u03" in estimator.estimate_many(made(), outcomes).failures[1]


@both
def test_a_panel_without_a_units_or_periods_events_plans_for_draws_that_have_them(estimator):
    counts = COUNTS.copy()
    counts[2] = 0
    same_outcomes(estimator, made(counts=counts), rates(COUNTS, counts))
    for period in (1, 3):
        quiet = COUNTS.copy()
        quiet[:, period] = 0  # before anybody starts, and after
        same_outcomes(estimator, made(counts=quiet), rates(COUNTS, quiet))
    counts[:4] = 0  # a cohort: its rows are not the panel's own
    same_outcomes(estimator, made(counts=counts), rates(COUNTS, counts))


@both
@every_variant
def test_rows_that_are_chosen_are_those_of_all(estimator, variant):
    base, outcomes = made(variant), rates(COUNTS, COUNTS[::-1], np.where(np.arange(N)[:, None] == 1, 0, COUNTS))
    outcomes = np.concatenate([outcomes, rates(np.where(np.arange(T) == 3, 0, COUNTS))])
    whole = estimator.estimate_many(base, outcomes)
    for choice in (
        lambda cells: np.flatnonzero(cells["aggregation"] == "overall")[:1],
        lambda cells: np.arange(1, len(cells), 3),
    ):
        found = estimator.compile(base, choice).apply(outcomes)
        wanted = whole.rows(choice)
        assert found.cells.equals(wanted.cells)
        np.testing.assert_allclose(found.values, wanted.values, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found.std_error, wanted.std_error, rtol=1e-12, atol=1e-14)
        assert found.failures == wanted.failures


@pytest.mark.usefixtures("together")
def test_many_chunks_are_one(monkeypatch):
    starts, outcomes = permuted(STARTS, 9), rates(*(COUNTS[::-1] + i for i in range(9)))
    weights = np.random.default_rng(8).uniform(0.5, 2, (9, N)) * (np.arange(N) != 14)
    cells = UNIT.complete(made()).cells

    def found():
        return (
            UNIT.estimate_assignments(made(), starts), UNIT.estimate_many(made(), outcomes),
            UNIT.estimate_groups(made(), starts, weights, cells),
        )  # fmt: skip

    whole = found()
    monkeypatch.setattr(cohort_counts, "CHUNK", 1)
    for one, other in zip(found(), whole, strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=SAME)
        np.testing.assert_allclose(one.std_error, other.std_error, rtol=SAME)


@both
@every_variant
def test_groups_of_their_own(estimator, variant):
    """Units are left out or count for less, draw by draw; in some draws a cohort, a period or nobody is left."""
    counts = COUNTS.copy()
    counts[12], counts[7:12, 4] = 0, 0
    base, rng = made(variant, counts), np.random.default_rng(9)
    starts = permuted(STARTS, 12)
    weights = rng.uniform(0.5, 2, (12, N)) * (rng.random((12, N)) < 0.8)
    starts[0], weights[0] = STARTS, np.where(np.isin(np.arange(N), [4, 5, 6]), 0, 1.0)
    starts[1], weights[1] = STARTS, np.where(np.isin(np.arange(N), [13, 14, 15]), 0, 1.0)
    starts[2], weights[2] = STARTS, np.where(np.isinf(STARTS), 0, 1.0)
    cells = estimator.complete(base).cells
    batch = estimator.estimate_groups(base, starts, weights, cells)
    loop = loop_batch(
        [_weighed(base.with_first_treated(s), w) for s, w in zip(starts, weights, strict=True)],
        estimator.complete, cells,
    )  # fmt: skip
    same(batch, loop)
    assert np.isfinite(batch.values).all(1).sum() > 6
    assert np.isnan(batch.values[0]).any()
    assert np.isfinite(batch.values[0]).any()


def _weighed(base, weights):
    kept = base.keep(base.units[weights > 0])
    row = weights[weights > 0][kept.unit_codes]
    return replace(kept, frame=kept.frame.assign(weight=kept.frame["weight"] * row), weighted=True)
