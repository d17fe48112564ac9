"""The path before the start: right on eight units, its size under a true null, what it says where it is blind."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from sos_eval.checks import Path
from sos_eval.checks.last_period import last_period
from sos_eval.checks.path import early_periods, path_p_values
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.comparison import Entropy, Mahalanobis, Rebuilding
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.panel.panel import Panel
from tests.estimators.panels import INF, counts_panel, panel
from tests.fakes import fit, noise_panel, panel_of


def checked(fitted, seed=0, **options):
    return {one.name: one for one in Path(**options).check(fitted, np.random.default_rng(seed))}


def eight() -> Panel:
    y = np.array([[1, 2, 6, 9], [0, 1, 2, 5], [2, 2, 2, 2], [1, 1, 4, 4], [0, 2, 1, 3], [3, 3, 3, 1], [2, 1, 0, 2],
                  [0, 0, 3, 1]])  # fmt: skip
    return panel(y, [4, 4, INF, INF, INF, INF, INF, INF])


def test_slope_by_hand():
    # slopes (y3 - y1) / 2: treated 2.5, 1; comparison 0, 1.5, .5, 0, -1, 1.5
    found = checked(fit(TWFE(), eight()))
    assert found["path.slope"].value == pytest.approx(1.75 - 2.5 / 6)
    # 28 adoptions are all there are: as large a statistic in every listed one and the observed itself
    table = found["path.slope"].table.set_index("quantity")
    assert table.loc["slope", "draws"] == 28
    assert table.loc["slope", "conf_low"] < 1.75 - 2.5 / 6 < table.loc["slope", "conf_high"]


def test_a_steady_divergence_is_measured_and_its_bias_told_both_ways():
    made = noise_panel(60, 20, 8, seed=1)
    start = made.cohorts.min()
    slope = 5.0 * np.outer(made.ever_treated, made.times - start).ravel()
    fitted = fit(CallawaySantAnna(), made.with_outcome(made.frame["outcome"] + slope))
    found = checked(fitted, draws=499)
    assert found["path.slope"].value == pytest.approx(5.0, abs=1.0)
    assert found["path.joint"].value == 1 / 500
    assert "That speaks against trends that were parallel before the start." in found["path.joint"].text
    assert "no evidence" not in found["path.joint"].text
    # the estimator makes of it what it makes of a divergence of one a period, of which the check sees nine tenths:
    # those that start in 2004 are compared with ten that start in 2005 and forty that never do
    share = found["path.implied_bias"].value / found["path.detectable_slope"].value
    seen = 0.5 * (1 - 10 / 50) + 0.5
    assert share == pytest.approx(_effect(fitted, made) / 5.0)
    assert found["path.gone_on"].value == pytest.approx(found["path.slope"].value / seen * share)
    assert "had gone on, it alone would make the answer" in found["path.gone_on"].text
    assert found["path.returned"].value < 0
    assert "If it returned to its earlier mean" in found["path.returned"].text


def _effect(fitted, without):
    """What was put on the outcomes makes of the estimate."""
    both = (fitted.estimate, fitted.estimator.complete(without))
    with_it, bare = (one.values[(one.cells["aggregation"] == "overall").to_numpy()][0] for one in both)
    return with_it - bare


def test_bias_is_counted_from_what_the_estimate_compares_with():
    """Periods 1 to 3 before, 4 after: from their mean it is 2 periods, from the last of them 1."""
    for method, apart in ((TWFE(), 2.0), (CallawaySantAnna(), 1.0)):
        found = checked(fit(method, eight()))
        assert found["path.implied_bias"].value == pytest.approx(found["path.detectable_slope"].value * apart)
    # the last earlier period lies 3 from the mean of the other two among the treated, .75 among the comparison: of
    # the contrast of 2.25 two thirds are its distance from the mean of all three
    assert found["path.returned"].value == pytest.approx(-1.5)
    assert found["path.returned"].text.endswith("would make the answer 1.5 lower.")


def test_where_everybody_starts_the_last_are_those_that_the_others_are_compared_with():
    """Every number of the path is that of the same outcomes with the last cohort never treated."""
    y = np.random.default_rng(4).normal(size=(12, 9))
    names = [f"path.{one}" for one in ("slope", "largest", "joint", "detectable_slope")]
    wedge, never = (
        checked(fit(CallawaySantAnna(control="not_yet_treated"), panel(y, np.repeat([4, 6, last], 4))), draws=99)
        for last in (8, INF)
    )
    assert [wedge[name].value for name in names] == pytest.approx([never[name].value for name in names])
    assert all(np.isfinite(wedge[name].value) for name in names)


def test_interval_and_p_of_the_slope_agree():
    for seed in range(12):
        table = checked(fit(TWFE(), noise_panel(40, 8, 8, seed=seed)), draws=399)["path.slope"].table
        slope = table.set_index("quantity").loc["slope"]
        assert (slope["p_value"] <= 0.05) == (not slope["conf_low"] <= 0 <= slope["conf_high"])


def test_a_common_slope_of_a_stratum_is_no_divergence():
    made = noise_panel(60, 20, 8, seed=2)
    large = (np.arange(60) % 2).astype(float)
    trend = 9.0 * np.outer(large, made.times).ravel()
    made = made.with_outcome(made.frame["outcome"] + trend).with_columns(size=np.repeat(large, made.n_times))
    plain, strata = (
        checked(replace(fit(TWFE(), made), strata=within), draws=199)["path.slope"].value
        for within in ((), ("size_half",))
    )
    flat = made.with_outcome(made.frame["outcome"] - trend)
    same = checked(replace(fit(TWFE(), flat), strata=("size_half",)), draws=199)["path.slope"].value
    assert strata == pytest.approx(same)
    assert plain is not None


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (panel(np.arange(24.0).reshape(8, 3), [3, 3] + [INF] * 6), "2 periods before the start"),
        (panel(np.arange(15.0).reshape(3, 5) ** 2, [4, INF, INF]), "3 possible adoptions are too few"),
    ],
)
def test_it_says_why_it_is_silent(made, words):
    found = checked(fit(TWFE(), made))
    assert set(found) == {"path.joint"}
    assert all(np.isnan(one.value) and words in one.text for one in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("treated", [4, 10, 30])
def test_a_true_null_is_rejected_once_in_twenty(treated):
    draws = 400
    fits = (fit(TWFE(), noise_panel(60, treated, 9, seed=seed)) for seed in range(draws))
    rejected = np.mean([checked(one, seed=i, draws=199)["path.joint"].value <= 0.05 for i, one in enumerate(fits)])
    assert rejected == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / draws))


def test_the_last_earlier_period_alone_by_hand():
    """Eight units, three treated: the estimate from the fourth period alone, judged among all 56 adoptions."""
    y = np.random.default_rng(12).normal(size=(8, 6))
    panel = panel_of(y, [2005.0] * 3 + [np.inf] * 5)
    found = {one.name: one for one in last_period(fit(TWFE(), panel), panel.pre_times, 99, np.random.default_rng(0))}
    after = y[:, 4:].mean(1)

    def effect(change, chosen):
        ever = np.isin(range(8), chosen)
        return change[ever].mean() - change[~ever].mean()

    alone, whole = after - y[:, 3], after - y[:, :4].mean(1)
    sizes = [effect(alone, three) - effect(whole, three) for three in combinations(range(8), 3)]
    assert found["path.last"].value == pytest.approx(effect(alone, (0, 1, 2)), abs=1e-9)
    size = np.abs(np.array(sizes) - np.median(sizes))
    assert found["path.last_shift"].value == pytest.approx((size >= size[0] * (1 - 1e-9)).mean(), abs=1e-12)
    assert "From 2004 alone, the last period before the start," in found["path.last"].text


@pytest.mark.parametrize("seed", range(3))
def test_the_last_earlier_period_is_not_set_beside_an_estimate_that_rests_on_it(seed):
    """Eight units whose rates are no round numbers: what a shift of zero by construction has is rounding, and no p."""
    y = 3e3 + np.random.default_rng(seed).normal(size=(8, 6)) / 3
    flat = np.column_stack([np.repeat(y[:, :1], 4, axis=1), y[:, 4:]])  # one level before the start: nothing to shift
    for method, made in ((CallawaySantAnna(), y), (TWFE(), flat)):
        panel = panel_of(made, [2005.0] * 3 + [np.inf] * 5)
        assert last_period(fit(method, panel), panel.pre_times, 99, np.random.default_rng(0)) == []


@pytest.mark.parametrize(
    ("power", "said"), [(0.8, "one time in five"), (0.5, "one time in two"), (0.95, "5 times in 100")]
)
def test_what_is_missed_is_said_at_the_power_declared(power, said):
    found = checked(fit(TWFE(), noise_panel(n_units=20, n_treated=6, n_times=8, seed=2)), draws=199, power=power)
    assert found["path.detectable_slope"].text.endswith(f" a year {said}.")
    assert f"would miss {said} would shift" in found["path.implied_bias"].text


def counted(seed: int, treated: int = 8, units: int = 40) -> Panel:
    """Counts of units of many sizes and no effect, six earlier years and two after."""
    rng = np.random.default_rng(seed)
    exposure = np.repeat(np.exp(rng.normal(9, 0.8, units))[:, None], 8, 1)
    rate = 0.003 * np.exp(0.3 * rng.normal(size=(units, 1)) + 0.15 * rng.normal(size=(units, 8)).cumsum(1))
    starts = np.where(np.arange(units) < treated, 7.0, INF)
    return counts_panel(rng.poisson(rate * exposure), exposure, rng.permutation(starts))


def test_units_count_as_the_answer_counts_them():
    """The contrasts of a ratio are those of pooled counts over their own level, treated less comparison."""
    made = counted(3)
    found = checked(fit(PoissonDiD(), made), draws=199)["path.as_answered"]
    table = found.table.set_index(["quantity", "period"])["value"]
    counts, early = made.matrix("count"), slice(0, 6)

    def apart(ever):
        rate = counts[ever][:, early].sum(0) / counts[ever][:, early].sum() * 6
        return rate - np.array([np.delete(rate, k).mean() for k in range(6)])

    by_hand = apart(made.ever_treated) - apart(~made.ever_treated)
    assert table["contrast"].to_numpy() == pytest.approx(by_hand, abs=1e-12)  # exposures do not change
    joint = found.table.set_index("quantity")["p_value"]
    assert found.value == joint["joint"]
    # one start after six of eight periods: the middle of the two after lies 4 behind that of the six before
    on = checked(fit(PoissonDiD(), made), draws=199)["path.gone_on_as_answered"]
    weights = np.arange(6) - 2.5
    slope = weights @ (by_hand * 5 / 6) / (weights**2).sum()  # of a contrast, 5/6 is the distance from the whole mean
    assert on.value == pytest.approx(4 * slope, abs=1e-12)
    assert f"{100 * abs(np.expm1(on.value)):.3g}% {'higher' if on.value > 0 else 'lower'}" in on.text
    assert "path.as_answered" not in checked(fit(TWFE(), made), draws=199)


@pytest.mark.slow
@pytest.mark.parametrize("treated", [4, 5, 10])
def test_counted_as_in_the_answer_a_true_null_is_rejected_once_in_twenty(treated):
    draws = 400
    fits = (fit(PoissonDiD(), counted(seed, treated)) for seed in range(draws))
    rejected = np.mean([checked(one, i, draws=199)["path.as_answered"].value <= 0.05 for i, one in enumerate(fits)])
    assert rejected == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / draws))


def matched(method, covariate):
    """Twelve units of which three start, those of the first values; every draw builds its group anew."""
    made = noise_panel(12, 3, 5, seed=3)
    own = np.empty(12)
    own[np.argsort(~made.ever_treated, kind="stable")] = covariate
    made = made.with_columns(size=own[made.unit_codes])
    return fit(TWFE(), replace(made, covariates=("size",)), rebuild=Rebuilding(method))


def test_an_adoption_without_a_comparison_group_counts_as_extreme_and_is_counted():
    # the treated stand in the middle; where the unit of 60 starts no weights of the others reach the mean
    size = [4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 11, 60]
    fitted = matched(Entropy(on=("size",)), size)
    found = checked(fitted, rebuilt_draws=99)["path.joint"]
    lottery = PathLottery.of(fitted, *_drawn(fitted))
    lost = np.isnan(lottery.weights).any(1)
    assert 0 < lost.sum() < len(lost)
    assert not lost[0]
    drawn = lottery.observed_lots()
    assert np.isnan(drawn.value[lost]).all()
    assert path_p_values(drawn).min() >= lost.mean()
    assert "have no comparison group and count as being as unlike" in found.text


def _drawn(fitted):
    space, early = fitted.space(()), early_periods(fitted)
    return space.draw(99, np.random.default_rng(0)), space, (), early


def test_groups_of_draws_built_at_once_are_those_built_one_by_one():
    fitted = matched(Mahalanobis(on=("size",)), [4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 11, 12])
    at_once = PathLottery.of(fitted, *_drawn(fitted))
    again = fitted.rebuild
    singly = PathLottery.of(replace(fitted, rebuild=lambda panel: again(panel)), *_drawn(fitted))
    np.testing.assert_array_equal(at_once.weights, singly.weights)
    assert at_once.without_group == 0
