"""Randomization inference against brute force: every assignment listed by hand, every null imposed and refitted."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.estimators import CallawaySantAnna, PoissonDiD
from sos_eval.inference.randomization import Randomization
from sos_eval.numerics.inversion import Rejection, search
from sos_eval.panel.panel import FlowRow
from sos_eval.results.assignments import assignment_space
from sos_eval.results.without_effect import without_effect
from tests.estimators.panels import counts_panel
from tests.fakes import CrossSection, FastLinear, InfluenceOnly, Linear, RefitOnly, fit, noise_panel, panel_of, people

# Eight units, two periods. Changes: treated 3, 5, 1, 3 (mean 3); untreated 1, 0, 2, 1 (mean 1).
EIGHT = panel_of(
    [[10, 13], [11, 16], [9, 10], [12, 15], [10, 11], [8, 8], [9, 11], [13, 14]], [2002] * 4 + [np.inf] * 4
)
CHANGES = np.array([3, 5, 1, 3, 1, 0, 2, 1.0])


def infer(fitted, generator=1, **options):
    return Randomization(**options).infer(fitted, np.random.default_rng(generator))


def overall(inferred):
    return inferred.table[inferred.table["aggregation"] == "overall"].iloc[0]


def brute_force(studentised):
    """p over all 70 ways to treat four of eight, in loops."""

    def statistic(treated):
        own, rest = CHANGES[list(treated)], np.delete(CHANGES, list(treated))
        error = np.sqrt(((own - own.mean()) ** 2).sum() / 16 + ((rest - rest.mean()) ** 2).sum() / 16)
        return (own.mean() - rest.mean()) / (error if studentised else 1)

    observed = abs(statistic((0, 1, 2, 3)))
    return np.mean([abs(statistic(one)) >= observed - 1e-9 for one in combinations(range(8), 4)])


@pytest.mark.parametrize(("statistic", "estimator"), [
    ("studentised", InfluenceOnly()), ("coefficient", InfluenceOnly()),
    ("studentised", Linear()), ("coefficient", Linear()),
])  # fmt: skip
def test_eight_units_listed_by_hand(statistic, estimator):
    inferred = infer(fit(estimator, EIGHT), statistic=statistic, interval="none")
    assert overall(inferred)["p_value"] == brute_force(statistic == "studentised")
    assert inferred.facts["assignments"] == 70
    assert inferred.facts["complete"]
    assert inferred.facts["p_monte_carlo_error"] == 0
    assert len(inferred.tables["randomization"]) == 70


def test_an_outcome_without_an_error_has_no_statistic():
    """Changes are one number an arm: the effect is there, its error is zero, and nothing is divided by it."""
    exact = panel_of([[10, 13]] * 4 + [[10, 11]] * 4, [2002] * 4 + [np.inf] * 4)
    row = overall(infer(fit(InfluenceOnly(), exact), interval="none"))
    assert row["estimate"] == 2
    assert np.isnan(row["statistic"])
    assert np.isnan(row["p_value"])
    assert row["reason"] == "no statistic to permute"


def test_cohorts_keep_their_sizes():
    # 6 units, cohorts of 1 and 2: 6!/(1! 2! 3!) = 60 assignments
    space = assignment_space(noise_panel(6, 3).with_first_treated(np.array([2003, 2004, 2004] + [np.inf] * 3)), ())
    listed = space.draw(60, np.random.default_rng(0))
    assert listed.complete
    assert listed.first_treated.shape == (60, 6)
    brute = set(permutations([2003, 2004, 2004, np.inf, np.inf, np.inf]))
    assert {tuple(row) for row in listed.first_treated} == brute
    assert len({tuple(row) for row in listed.first_treated}) == 60
    drawn = space.draw(59, np.random.default_rng(0))
    assert not drawn.complete
    assert all(tuple(row) in brute for row in drawn.first_treated)


def test_sampled_p_is_near_the_listed_one_and_uses_one_plus():
    fitted = fit(FastLinear(), noise_panel(12, 6, seed=3))
    exact = infer(fitted, draws=20_000)
    sampled = infer(fitted, draws=4_000)
    assert exact.facts["complete"]
    assert not sampled.facts["complete"]
    p, error = overall(exact)["p_value"], sampled.facts["p_monte_carlo_error"]
    assert 0 < error < 0.01
    assert abs(overall(sampled)["p_value"] - p) < 4 * error
    extreme = sampled.tables["randomization_p"].query("aggregation == 'overall'")["extreme"].iloc[0]
    assert overall(sampled)["p_value"] == (1 + extreme) / 4_001


def test_strata_swap_only_within():
    panel = noise_panel(8, 3, region=list("aaaabbbb")).with_first_treated(
        np.array([2003, np.inf, np.inf, np.inf, 2003, 2004, np.inf, np.inf])
    )
    inferred = infer(fit(InfluenceOnly(), panel), strata=("region",), interval="none")
    assert inferred.facts["assignments"] == 4 * 12
    space = assignment_space(panel, ("region",))
    starts = space.draw(48, np.random.default_rng(0)).first_treated
    assert (np.isfinite(starts[:, :4]).sum(1) == 1).all()
    assert inferred.facts["strata"][0] == {"stratum": "region a", "items": 4, "treated": 1}


def test_halves_are_cut_at_the_median_before_the_first_start():
    exposure = np.repeat([[1], [2], [3], [4], [5], [6]], 4, axis=1) * 100.0
    exposure[0, 2:] = 10_000  # growth after the start must not move a unit
    panel = panel_of(np.ones((6, 4)), [2003, np.inf, 2003] + [np.inf] * 3, exposure=exposure)
    space = assignment_space(panel, ("exposure_half",))
    assert list(space.stratum) == [0, 0, 0, 1, 1, 1]
    assert space.names == ("exposure half 1", "exposure half 2")
    assert space.size == 3
    thirds = assignment_space(panel, ("exposure_third",))
    assert list(thirds.stratum) == [0, 0, 1, 1, 2, 2]
    assert thirds.size == 4


def test_strata_faults_and_reasons():
    panel = noise_panel(6, 3, region=list("aaabbb"))
    with pytest.raises(DesignFault, match=r'regio: no such column; did you mean "region"'):
        infer(fit(InfluenceOnly(), panel), strata=("regio",))
    with pytest.raises(DesignFault, match="region is not numeric"):
        infer(fit(InfluenceOnly(), panel), strata=("region_half",))
    same = panel.with_first_treated(np.array([2003] * 3 + [np.inf] * 3))
    table = infer(fit(InfluenceOnly(), same), strata=("region",)).table
    assert table["p_value"].isna().all()
    assert table["reason"].str.contains("nothing can swap").all()


def test_clusters_swap_whole():
    panel = panel_of(EIGHT.matrix(), [2002] * 4 + [np.inf] * 4, cluster=list("aabbccdd"))
    inferred = infer(fit(InfluenceOnly(), panel), level=0.8)
    assert inferred.facts["assignments"] == 6
    # cluster sums of changes 8, 4, 1, 3: pairs of clusters; |12 - 4| is only reached by itself and its complement
    assert overall(infer(fit(InfluenceOnly(), panel), statistic="coefficient", level=0.6))["p_value"] == 2 / 6
    split = panel_of(EIGHT.matrix(), [2002] * 3 + [np.inf] * 5, cluster=list("aabbccdd"))
    assert "clusters cannot swap" in infer(fit(InfluenceOnly(), split)).table["reason"].iloc[0]


def test_too_few_assignments_cannot_reject():
    panel = panel_of(EIGHT.matrix()[:5], [2002, 2002] + [np.inf] * 3)
    inferred = infer(fit(InfluenceOnly(), panel))
    assert overall(inferred)["p_value"] >= 0.1
    assert overall(inferred)["reason"] == (
        "cannot reject at the 5% level: with 10 possible assignments the smallest p is 0.1"
    )
    assert np.isnan(overall(inferred)["conf_low"])


def brute_force_limits(fitted, statistic, level):
    """Impose each theta of a fine grid on the data and estimate everything again; the hull of what is kept."""
    starts = assignment_space(fitted.source, ()).draw(10**6, np.random.default_rng(0)).first_treated
    starts = np.vstack([fitted.source.first_treated, starts])
    grid = fitted.estimate.values[0] + np.linspace(-8, 8, 401)
    kept = []
    for theta in grid:
        batch = fitted.estimator.estimate_assignments(without_effect(fitted.source, theta, ratio=False), starts)
        drawn = np.abs(batch.values / (batch.std_error if statistic == "studentised" else 1.0))[:, 0]
        if np.mean(drawn[1:] >= drawn[0] * (1 - 1e-9)) > 1 - level:
            kept.append(theta)
    return kept[0], kept[-1], grid[1] - grid[0]


@pytest.mark.parametrize("statistic", ["studentised", "coefficient"])
@pytest.mark.parametrize("seed", range(2))
def test_interval_is_what_a_grid_of_nulls_keeps(statistic, seed):
    y = np.random.default_rng(seed).normal(size=(7, 3)).cumsum(1)
    fitted = fit(FastLinear(), panel_of(y, [2002, 2003, 2003] + [np.inf] * 4))
    low, high, step = brute_force_limits(fitted, statistic, 0.9)
    found = infer(fitted, statistic=statistic, level=0.9)
    assert found.facts["interval"].startswith("exact")
    # the grid's hull lies inside the exact one, by less than a step
    assert low - step < overall(found)["conf_low"] <= low + 1e-9
    assert high - 1e-9 <= overall(found)["conf_high"] < high + step


def test_fast_fake_is_the_slow_one():
    panel = noise_panel(8, 3)
    starts = np.stack([panel.first_treated, panel.first_treated[::-1]])
    fast = FastLinear().estimate_assignments(panel, starts)
    slow = Linear().estimate_assignments(panel, starts)
    np.testing.assert_allclose(fast.values, slow.values, rtol=1e-10)
    np.testing.assert_allclose(fast.std_error, slow.std_error, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_zero_is_in_the_interval_exactly_where_p_is_above(seed):
    fitted = fit(InfluenceOnly(), noise_panel(12, 6, seed=seed, effect=1.5))
    table = infer(fitted, level=0.9, draws=49).table
    known = table[table["conf_low"].notna()]
    assert len(known) >= 5
    inside = (known["conf_low"] <= 0) & (known["conf_high"] >= 0)
    # the interval is the hull of what is kept: a kept zero is always inside
    assert inside[known["p_value"] > 0.1].all()
    assert (inside == (known["p_value"] > 0.1)).mean() > 0.8


def test_rows_before_the_start_have_p_but_no_interval():
    table = infer(fit(InfluenceOnly(), noise_panel()), draws=39).table
    before = table[(table["aggregation"] == "event_time") & (table["event_time"] < -1)]
    assert before["p_value"].notna().all()
    assert before["conf_low"].isna().all()
    assert before["reason"].str.contains("does not touch this row").all()
    assert table.loc[table["aggregation"] == "group_time", "conf_low"].isna().all()


def test_interval_shifts_with_the_effect():
    panel = noise_panel(20, 8, seed=4)
    one = infer(fit(FastLinear(), panel), draws=499)
    moved = without_effect(panel, -3.0, ratio=False)
    two = infer(fit(FastLinear(), moved), draws=499)
    for end in ("conf_low", "conf_high"):
        assert overall(two)[end] - overall(one)[end] == pytest.approx(3.0, abs=1e-6)


def test_matching_is_built_anew_for_every_draw():
    panel = noise_panel(7, 2, seed=5)
    calls = []

    def rebuild(one):
        calls.append(tuple(one.first_treated))
        y, g = one.matrix()[:, 0], one.first_treated
        kept = set(np.flatnonzero(np.isfinite(g)))
        for i in list(kept):
            others = [k for k in range(len(g)) if np.isinf(g[k]) and k not in kept]
            kept.add(min(others, key=lambda k: abs(y[k] - y[i])))
        return one.keep(one.units[sorted(kept)])

    fitted = fit(InfluenceOnly(), panel, rebuild)
    inferred = infer(fitted, interval="none", level=0.9)
    assert inferred.facts["assignments"] == 21
    assert len(set(calls)) == 21
    again = infer(fitted, level=0.9)
    assert overall(again)["p_value"] == overall(inferred)["p_value"]
    assert again.facts["interval"].startswith("exact")  # the first period is never treated, so matching stays


def test_rebuilt_groups_use_fewer_draws_for_the_interval():
    fitted = fit(FastLinear(), noise_panel(14, 6, seed=5), lambda panel: panel.keep(panel.units[1:]))
    inferred = infer(fitted, draws=149, interval_draws=99)
    assert inferred.facts["draws"] == 149
    assert "each of 99 draws" in inferred.facts["interval"]
    assert overall(inferred)["conf_low"] < overall(inferred)["estimate"] < overall(inferred)["conf_high"]


def test_refit_only_needs_the_coefficient():
    fitted = fit(RefitOnly(), noise_panel(8, 3, seed=2))
    assert "write statistic: coefficient" in infer(fitted).table["reason"].iloc[0]
    inferred = infer(fitted, statistic="coefficient")
    assert inferred.table["p_value"].between(1 / 56, 1).all()
    assert inferred.facts["interval"].startswith(("search", "exact"))


def test_people_keep_their_places():
    inferred = infer(fit(CrossSection(), people()), draws=39, level=0.9)
    assert inferred.facts["assignments"] == 924
    assert inferred.table["p_value"].between(0, 1).all()
    assert inferred.table["conf_low"].notna().all()


def test_own_seed_does_not_depend_on_the_generator():
    fitted = fit(InfluenceOnly(), noise_panel())
    one, two = (infer(fitted, generator=k, draws=19, seed=9, interval="none") for k in (1, 2))
    assert one.table.equals(two.table)


def test_one_treated_unit_can_be_permuted_by_coefficient():
    panel = noise_panel(25, 1, seed=7)
    inferred = infer(fit(InfluenceOnly(), panel), statistic="coefficient")
    assert inferred.facts["assignments"] == 25
    gaps = np.abs([fit(InfluenceOnly(), panel.with_first_treated(np.roll(panel.first_treated, k))).estimate.values[-1]
                   for k in range(25)])  # fmt: skip
    assert inferred.table["p_value"].iloc[-1] == np.mean(gaps >= gaps[0] - 1e-12)


def test_partly_exposed_periods_are_refused_with_a_reason():
    """A permuted start makes periods wholly exposed: what is permuted would not be what was observed."""
    treated = EIGHT.frame["treated"].to_numpy(float)
    partial = EIGHT.with_columns(treated=treated / 2)
    row = overall(infer(fit(Linear(), partial)))
    assert np.isnan(row["p_value"])
    assert "partly exposed" in row["reason"]


def test_a_dropped_transition_is_refused_with_a_reason():
    """It is dropped after the real starts only: what is permuted would be of other periods."""
    row = FlowRow("transition", "dropped", 0, 2, "u1", "between the start and full embedding")
    refused = overall(infer(fit(Linear(), EIGHT.noted(row))))
    assert np.isnan(refused["p_value"])
    assert "after the real starts only" in refused["reason"]
    assert np.isfinite(overall(infer(fit(Linear(), EIGHT)))["p_value"])


def few_counts(n_units, n_treated, seed, n_times=5, mean=0.8):
    """Counts so small that a constant effect far out leaves a Poisson model without a maximum."""
    rng = np.random.default_rng(seed)
    counts, exposure = rng.poisson(mean, (n_units, n_times)), 1000.0 + np.arange(n_units)[:, None]
    starts = [4] * n_treated + [np.inf] * (n_units - n_treated)
    return counts_panel(counts, np.repeat(exposure, n_times, axis=1), starts)


@pytest.mark.parametrize(("n_units", "n_treated", "seed"), [(12, 4, 4), (7, 3, 5), (8, 4, 4)])
def test_a_null_that_cannot_be_estimated_leaves_its_side_open_and_p_stands(n_units, n_treated, seed):
    fitted = fit(PoissonDiD(), few_counts(n_units, n_treated, seed))
    inferred = infer(fitted, statistic="coefficient", draws=99, interval_draws=99)
    ratio = inferred.table.iloc[0]
    alone = infer(fitted, statistic="coefficient", draws=99, interval="none").table["p_value"].iloc[0]
    assert ratio["p_value"] == alone
    assert np.isnan([ratio["conf_low"], ratio["conf_high"]]).all()
    open_ended = ("constant effects far below and above cannot be tested", "no constant effect, however large, is rej")
    assert ratio["reason"].startswith(open_ended)


def test_one_treated_unit_is_told_what_to_write():
    for estimator, panel in ((PoissonDiD(), few_counts(12, 1, 2)), (CallawaySantAnna(), noise_panel(25, 1))):
        refused = overall(infer(fit(estimator, panel), draws=99))
        assert np.isnan(refused["p_value"])
        assert "write statistic: coefficient" in refused["reason"]


def test_a_value_that_cannot_be_tested_stays_in_the_interval():
    tested = []

    def hundred(extreme):
        """Look for the ends of a test with 99 draws that rejects with at most 4 of them extreme."""
        return search(extreme, Rejection.at(0.95, 99, complete=False), 99, centre=0.0, unit=1.0, tolerance=0.01)

    def extreme(theta):
        tested.append(theta)
        return None if 1.2 < theta < 1.65 else (0 if abs(theta) > 1.7 else 99)

    low, high = hundred(extreme)
    assert low == pytest.approx(-1.7, abs=0.01)
    assert high == pytest.approx(1.7, abs=0.01)
    assert abs(low) > 1.7
    assert high > 1.7
    assert any(1.2 < theta < 1.65 for theta in tested)
    assert hundred(lambda theta: None if theta > 0.5 else (0 if theta < -3 else 99))[1] is None
    assert hundred(lambda theta: 0 if theta < -3 else 99)[1] == np.inf


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 1.7, 30.0])
def test_few_trial_values_find_an_end_that_is_where_the_test_says(scale):
    """The end of a known test: the 50th largest of 999 absolute values, in the bracket below the end that is given."""
    drawn, trials = np.abs(np.random.default_rng(1).standard_normal(999)) * scale, []

    def extreme(theta):
        trials.append(theta)
        return int((drawn >= abs(theta - 0.37)).sum())

    ends = search(extreme, Rejection.at(0.95, 999, complete=False), 999, centre=0.37, unit=1.0, tolerance=0.01)
    for end in ends:
        assert 0 <= abs(end - 0.37) - np.sort(drawn)[-50] <= 0.01
    assert len(trials) <= {1.0: 14, 1.7: 24}.get(scale, 40)


@pytest.mark.parametrize("seed", range(20))
def test_p_and_the_interval_on_fewer_draws_never_contradict(seed):
    """Where fewer draws answer otherwise at no effect the ends are searched again, on all draws."""
    fitted = fit(PoissonDiD(), few_counts(10, 4, seed, n_times=4, mean=20.0))
    ratio = infer(fitted, statistic="coefficient", draws=150, interval_draws=99, level=0.7).table.iloc[0]
    assert (ratio["conf_low"] <= 1 <= ratio["conf_high"]) == (ratio["p_value"] > 0.3)
    assert ratio["reason"] == ""


def test_the_ends_of_eight_units_are_those_of_brute_force():
    """Every assignment of eight units, every effect on a fine grid imposed on the changes and tested by hand."""
    for options in ({"statistic": "coefficient"}, {"statistic": "studentised"}):
        row = overall(infer(fit(InfluenceOnly(), EIGHT), level=0.8, **options))
        inside = [theta for theta in np.arange(-4, 8, 0.01) if eight_p(theta, options["statistic"]) > 0.2]
        assert row["conf_low"] == pytest.approx(min(inside), abs=0.0101)
        assert row["conf_high"] == pytest.approx(max(inside), abs=0.0101)


def eight_p(theta, name):
    """p of one effect taken out of the treated four's changes, in loops over all 70 assignments."""
    changes = CHANGES - theta * np.repeat([1.0, 0.0], 4)

    def statistic(treated):
        inside, rest = changes[list(treated)], np.delete(changes, list(treated))
        error = np.sqrt(((inside - inside.mean()) ** 2).sum() / 16 + ((rest - rest.mean()) ** 2).sum() / 16)
        return (inside.mean() - rest.mean()) / (error if name == "studentised" else 1)

    observed = abs(statistic((0, 1, 2, 3)))
    return np.mean([abs(statistic(chosen)) >= observed * (1 - 1e-9) for chosen in combinations(range(8), 4)])


def test_the_confidence_curve_is_the_test_at_every_effect_and_crosses_its_ends():
    for options in ({"statistic": "coefficient"}, {"statistic": "studentised"}):
        inferred = infer(fit(InfluenceOnly(), EIGHT), level=0.8, **options)
        curve = inferred.tables["confidence.{}.randomization"]
        assert curve["effect"].is_monotonic_increasing
        for _, point in curve.iloc[6::12].iterrows():
            assert point["p_value"] == pytest.approx(eight_p(point["effect"], options["statistic"]))
        assert curve["p_value"].max() == 1  # at the estimate itself, 2
        assert curve["effect"][curve["p_value"].idxmax()] == pytest.approx(2)
        row, kept = overall(inferred), curve[curve["p_value"] > 0.2]["effect"]
        assert row["conf_low"] <= kept.min() <= kept.max() <= row["conf_high"]
    assert "confidence.{}.randomization" not in infer(fit(InfluenceOnly(), EIGHT), interval="none").tables


def test_the_confidence_curve_of_a_ratio_is_on_its_scale_and_holds_what_was_tried():
    fitted = fit(PoissonDiD(), few_counts(10, 4, 1, n_times=4, mean=20.0))
    inferred = infer(fitted, statistic="coefficient", draws=150, interval_draws=99, level=0.7)
    ratio = inferred.table[inferred.table["scale"] == "ratio"].iloc[0]
    curve = inferred.tables["confidence.{}.randomization"]
    assert curve["p_value"].max() == 1
    assert curve["effect"][curve["p_value"].idxmax()] == pytest.approx(ratio["estimate"])
    assert curve["effect"].min() <= ratio["conf_low"] < ratio["conf_high"] <= curve["effect"].max()
