"""Extended two-way fixed effects by hand on eight units, against all dummies, and at their edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import ETWFE, Imputation, SunAbraham
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, counts_panel, panel, row

Y = np.array([[1, 4, 5], [2, 7, 9], [0, 2, 2], [3, 6, 8], [1, 1, 2], [2, 3, 3], [4, 4, 6], [5, 8, 9]], float)
G = np.array([2, 2, 3, 3, INF, INF, INF, INF])
RNG = np.random.default_rng(6)
LONG = RNG.normal(size=(14, 5)).cumsum(1)
STARTS = np.array([3] * 4 + [4] * 4 + [INF] * 6)
X = RNG.normal(size=14)


def test_by_hand():
    estimate = ETWFE().complete(panel(Y, G))
    # in period 2 the untreated changes since 1 are 2, 3 (cohort 3) and 0, 1, 0, 3: mean 1.5; period 3 since 1 by hand:
    # cohort 3's own effects in 3 use its mean of 1 and 2, so that 2's effects are 4 - 1.5 and 5.5 - what is left
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["value"] == pytest.approx(4 - 1.5)
    imputed = Imputation(leads_tested=0).complete(panel(Y, G))
    np.testing.assert_allclose(estimate.values, imputed.values, rtol=1e-12)


def with_covariate(y, x, starts):
    return replace(panel(y, starts).with_columns(x=np.repeat(x, y.shape[1])), covariates=("x",))


def test_covariates_have_slopes_by_period_and_by_effect():
    estimate = ETWFE().complete(with_covariate(LONG, X, STARTS))
    unit, time = np.repeat(np.arange(14), 5), np.tile(np.arange(1, 6), 14)
    cells = [(g, t) for g in (3, 4) for t in range(g, 6)]
    effects = np.column_stack([(STARTS[unit] == g) & (time == t) for g, t in cells]).astype(float)
    centred = X - np.array([X[start == STARTS].mean() for start in STARTS])
    periods = (time[:, None] == np.arange(2, 6)).astype(float)
    x = np.column_stack([
        effects, effects * centred[unit][:, None], periods, periods * X[unit][:, None], unit[:, None] == np.arange(14),
    ]).astype(float)  # fmt: skip
    coef = np.linalg.lstsq(x, LONG.ravel(), rcond=None)[0]
    found = estimate.cells["aggregation"] == "group_time"
    np.testing.assert_allclose(estimate.values[found], coef[: len(cells)], rtol=1e-9)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(coef[: len(cells)] @ np.array([4] * 5) / 20)
    batch = ETWFE().estimate_many(with_covariate(LONG, X, STARTS), np.stack([LONG, 2 * LONG]))
    np.testing.assert_allclose(batch.values, [estimate.values, 2 * estimate.values], rtol=1e-9)


def test_a_covariate_that_grows_counts_as_it_is_in_the_treated_rows():
    """No noise, effect 1 + x, x growing: the mean of 1 + x over treated rows, not what holds at the cohort's mean."""
    unit, time = np.repeat(np.arange(14), 5), np.tile(np.arange(1, 6), 14)
    x = X[unit] * 0.1 + 0.5 * time + 0.2 * np.sin(3 * unit + 5 * time)
    treated = time >= STARTS[unit]
    y = (0.3 * unit + 0.7 * time + treated * (1 + x)).reshape(14, 5)
    data = replace(panel(y, STARTS).with_columns(x=x), covariates=("x",))
    for control in ("not_yet_treated", "never_treated"):
        estimate = ETWFE(control=control).complete(data)
        assert row(estimate, aggregation="overall")["value"] == pytest.approx((1 + x)[treated].mean())
        for event in (0, 1, 2):
            at = treated & (time - STARTS[unit] == event)
            found = row(estimate, aggregation="event_time", event_time=event)["value"]
            assert found == pytest.approx((1 + x)[at].mean())


def test_with_coefficients_before_the_start_it_is_sun_abraham():
    one, two = ETWFE(control="never_treated").complete(panel(LONG, STARTS)), SunAbraham().complete(panel(LONG, STARTS))
    np.testing.assert_allclose(one.values, two.values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(clustered_error(one), clustered_error(two), rtol=1e-12)
    assert ETWFE(control="never_treated").compares_with_last
    assert not ETWFE().compares_with_last


def test_what_is_not_identified_is_refused_with_what_to_declare():
    with pytest.raises(NotIdentified, match="no unit is untreated while another is treated; widen"):
        ETWFE().complete(panel(Y[:2], [2, 2]))
    small = with_covariate(LONG, X, np.where(np.arange(14) == 0, 5, STARTS))
    with pytest.raises(
        NotIdentified, match=r"the slopes of x need two values .* no other value among those that start in 5 in 5"
    ):
        ETWFE().complete(small)


def test_poisson_by_hand():
    """Two periods: the ratio of ratios, with exposures and by a unit's own totals."""
    counts = np.array([[10, 30], [20, 50], [5, 10], [15, 40], [10, 10], [20, 30], [40, 40], [50, 80]], float)
    estimate = ETWFE(family="poisson").complete(counts_panel(counts, np.full((8, 2), 100.0), [2] * 4 + [INF] * 4))
    # with equal exposures a unit's total is multinomial: treated 50 -> 130, untreated 120 -> 160
    ratio = 130 / 50 / (160 / 120)
    assert row(estimate, estimand="rate_ratio", aggregation="overall")["value"] == pytest.approx(np.log(ratio))
    # treated rate 130 of 400, per 1,000
    assert row(estimate, estimand="att", aggregation="overall")["value"] == pytest.approx(325 * (1 - 1 / ratio))


@pytest.mark.parametrize("effects", ["unit", "cohort"])
def test_poisson_errors_are_the_delta_method_on_all_dummies(effects):
    rng = np.random.default_rng(7)
    exposure = rng.uniform(500, 900, (14, 5))
    counts = rng.poisson(exposure * 0.1 * np.exp(rng.normal(0, 0.2, (14, 1)))).astype(float)
    estimate = ETWFE(family="poisson", effects=effects).complete(counts_panel(counts, exposure, STARTS))
    unit, time = np.repeat(np.arange(14), 5), np.tile(np.arange(1, 6), 14)
    cells = [(g, t) for g in (3, 4) for t in range(g, 6)]
    d = np.column_stack([(STARTS[unit] == g) & (time == t) for g, t in cells]).astype(float)
    group = unit if effects == "unit" else np.unique(STARTS, return_inverse=True)[1][unit]
    x = np.column_stack([d, group[:, None] == np.arange(group.max() + 1), time[:, None] == np.arange(2, 6)]).astype(
        float
    )
    y, offset = counts.ravel(), np.log(exposure.ravel())
    coef = np.linalg.lstsq(x, np.log(y + 0.5) - offset, rcond=None)[0]
    for _ in range(50):
        mu = np.exp(offset + x @ coef)
        coef = coef + np.linalg.solve(x.T @ (x * mu[:, None]), x.T @ (y - mu))
    bread = np.linalg.inv(x.T @ (x * mu[:, None]))
    scores = np.array([(x * (y - mu)[:, None])[unit == i].sum(0) for i in range(14)]) @ bread
    treated = d.any(1)
    total = exposure.ravel()[treated].sum() / 1000
    bare = mu * np.exp(-d @ coef[: len(cells)])
    slope = ((mu - bare)[:, None] * x)[treated].sum(0) / total
    slope[: len(cells)] += (bare[:, None] * d)[treated].sum(0) / total
    found = row(estimate, estimand="att", aggregation="overall")
    assert found["value"] == pytest.approx((mu - bare)[treated].sum() / total, rel=1e-8)
    assert found["error"] == pytest.approx(np.sqrt(((scores @ slope) ** 2).sum()), rel=1e-7)


@pytest.mark.parametrize("method", [ETWFE(), SunAbraham()])
def test_rows_from_the_last_start_on_are_named_where_nobody_is_never_treated(method):
    y = np.random.default_rng(2).normal(size=(8, 6))
    found = method.complete(panel(y, [3, 3, 4, 4, 4, 6, 6, 5]))
    said = "nobody is never treated: those that start in 6 are compared with, and 8 rows from then on are left out"
    assert said in found.notes
    never = method.complete(panel(y, [3, 3, 4, 4, 4, INF, INF, 5]))
    assert not any("never treated" in note for note in never.notes)


@pytest.mark.parametrize("varies", [False, True])
@pytest.mark.parametrize(
    "method", [ETWFE(), ETWFE(control="never_treated"), ETWFE(family="poisson"), SunAbraham()], ids=str
)
def test_where_nobody_is_never_treated_covariates_are_as_in_the_periods_before_the_last_start(method, varies):
    """The same rows, ended before the last start with those who start then as never treated, have the same answer."""
    starts, rng = np.repeat([3.0, 5, 6], 8), np.random.default_rng(3)
    counts, x = rng.poisson(60, (24, 7)), rng.normal(size=(24, 1)) + varies * rng.normal(size=(24, 7))
    found = []
    for g, t in ((starts, 7), (np.where(starts < 6, starts, INF), 5)):
        made = counts_panel(counts[:, :t], np.full((24, t), 1e3), g).with_columns(
            x=np.broadcast_to(x, (24, 7))[:, :t].ravel()
        )
        found.append(method.complete(replace(made, covariates=("x",))))
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-7)
    np.testing.assert_allclose(clustered_error(found[0]), clustered_error(found[1]), rtol=1e-7)


@pytest.mark.parametrize("name", ["kind", "a=b"])
@pytest.mark.parametrize("last", [6.0, INF])
@pytest.mark.parametrize("method", [ETWFE(), ETWFE(control="never_treated"), ETWFE(family="poisson")], ids=str)
def test_two_words_are_a_covariate_of_zeros_and_ones(method, last, name):
    """Slopes of a column in words stay, also of one whose name holds a sign that stands between names and values."""
    starts, rng = np.repeat([3.0, 5, last], 8), np.random.default_rng(3)
    side = rng.permutation(np.tile([0.0, 1], 12))
    counts = rng.poisson(60 + 9 * side[:, None] * np.arange(7))
    made = counts_panel(counts, np.full((24, 7), 1e3), starts)
    words = np.where(side, "urban", "rural").astype(object)
    panels = [made.with_columns(**{name: np.repeat(own, 7)}) for own in (side, words)]
    one, other = (method.complete(replace(each, covariates=(name,))) for each in panels)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-9)
    plain = method.complete(made).values
    assert not np.allclose(one.values, plain, equal_nan=True)


def test_strata_without_a_comparison_and_covariates_that_say_the_same_are_told_in_the_reader_s_words():
    y, side = np.random.default_rng(2).normal(size=(16, 5)), np.tile(["a", "b"], 8)
    starts = np.where((side == "b") & (np.arange(16) < 8), np.repeat([3.0, 4], 8), INF)
    within = panel(y, starts).with_columns(stratum=np.repeat(side, 5), kind=np.repeat(side, 5))
    with pytest.raises(NotIdentified, match=r"stratum-by-period effects: kind=b \(in 2, 3, 4, 5\); leave one"):
        ETWFE().complete(replace(within, covariates=("kind",)))
    gone = np.where(((starts == INF) & (side == "b"))[:, None] & (np.arange(1, 6) == 5), np.nan, y)
    with pytest.raises(NotIdentified, match=r"of its stratum nobody untreated has outcomes .*; choose wider strata"):
        ETWFE().complete(within.with_outcome(gone))
