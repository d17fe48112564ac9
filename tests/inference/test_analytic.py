"""Cluster-robust errors: by hand on eight units, factors against fixest's convention, bands, reasons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri, stdtr, stdtrit

from sos_eval.inference.analytic import Analytic
from sos_eval.inference.multiplier_bootstrap import MultiplierBootstrap
from sos_eval.results.small_sample import small_sample_factor
from tests.fakes import FAKES, CrossSection, InfluenceOnly, Linear, RefitOnly, fit, noise_panel, panel_of, people

EXACT = 1e-12  # the same sums in another order

# Eight units, two periods. Changes: treated 3, 5, 1, 3 (mean 3); untreated 1, 0, 2, 1 (mean 1).
EIGHT = panel_of(
    [[10, 13], [11, 16], [9, 10], [12, 15], [10, 11], [8, 8], [9, 11], [13, 14]], [2002] * 4 + [np.inf] * 4
)


def infer(estimator, panel, **options):
    return Analytic(**options).infer(fit(estimator, panel), np.random.default_rng(1))


def row(table, aggregation):
    return table[table["aggregation"] == aggregation].iloc[0]


def test_eight_units_by_hand():
    # deviations: treated 0, 2, -2, 0; untreated 0, -1, 1, 0; variance = 8/16 + 2/16 = 0.625
    found = row(infer(InfluenceOnly(), EIGHT).table, "overall")
    z = 2 / np.sqrt(0.625)
    assert found["estimate"] == pytest.approx(2.0, abs=EXACT)
    assert found["std_error"] == pytest.approx(np.sqrt(0.625), abs=EXACT)
    assert found["statistic"] == pytest.approx(z, abs=EXACT)
    assert found["p_value"] == pytest.approx(0.011412036386001745, abs=1e-9)
    assert found["conf_low"] == pytest.approx(2 - ndtri(0.975) * np.sqrt(0.625), abs=EXACT)
    assert np.isnan(found["df"])
    assert found["reason"] == ""


def test_clusters_are_summed_before_squaring():
    # pairs of units are clusters: treated sums 2, -2; untreated -1, 1; variance = (4 + 4 + 1 + 1) / 16
    panel = panel_of(EIGHT.matrix(), EIGHT.first_treated, cluster=list("aabbccdd"))
    found = row(infer(InfluenceOnly(), panel).table, "overall")
    assert found["std_error"] == pytest.approx(np.sqrt(10 / 16), abs=EXACT)
    panel = panel_of(EIGHT.matrix(), EIGHT.first_treated, cluster=list("abbaccdd"))
    # treated sums 0 and 0; untreated -1, 1: variance = 2 / 16
    found = row(infer(InfluenceOnly(), panel).table, "overall")
    assert found["std_error"] == pytest.approx(np.sqrt(2 / 16), abs=EXACT)
    assert found["n_clusters"] == 4


def test_regression_takes_the_factor_and_t():
    # two periods: the within regression is the difference of changes; CR0 is as above. N = 16, K = 1 + 2 periods
    found = infer(Linear(), EIGHT).table.iloc[0]
    error = np.sqrt(0.625 * 8 / 7 * 15 / 13)
    assert found["estimate"] == pytest.approx(2.0, abs=EXACT)
    assert found["std_error"] == pytest.approx(error, abs=EXACT)
    assert found["df"] == 7
    assert found["p_value"] == pytest.approx(2 * stdtr(7, -2 / error), abs=EXACT)
    assert found["conf_high"] == pytest.approx(2 + stdtrit(7, 0.975) * error, abs=EXACT)


@pytest.mark.parametrize(
    ("estimator", "convention", "variance", "df"),
    [
        (InfluenceOnly(), "default", 1.0, np.inf),
        (InfluenceOnly(), "none", 1.0, np.inf),
        (InfluenceOnly(), "stata", 8 / 7, np.inf),
        (Linear(), "default", 8 / 7 * 15 / 13, 7),
        (Linear(), "none", 1.0, 7),
        (Linear(), "stata", 8 / 7 * 15 / 13, 7),
    ],
)
def test_small_sample_conventions(estimator, convention, variance, df):
    factor = small_sample_factor(fit(estimator, EIGHT).estimate, convention)
    assert factor.variance == pytest.approx(variance, abs=EXACT)
    assert factor.df == df


def test_people_are_summed_in_their_places():
    panel = people()
    fitted = fit(CrossSection(), panel)
    found = Analytic().infer(fitted, np.random.default_rng(0)).table.iloc[0]
    sums = np.bincount(panel.clusters, fitted.estimate.influence[:, 0])
    assert found["std_error"] == pytest.approx(np.sqrt((sums**2).sum()) / len(panel.frame), abs=EXACT)
    assert found["n_clusters"] == 12


def test_base_period_has_no_error_and_says_why():
    table = infer(InfluenceOnly(), noise_panel()).table
    base = table[(table["aggregation"] == "group_time") & (table["time"] == table["cohort"] - 1)]
    assert len(base) == 2
    assert base["std_error"].isna().all()
    assert base["p_value"].isna().all()
    assert base["reason"].str.contains("base period").all()
    others = table.drop(base.index)
    at_base = (others["aggregation"] == "event_time") & (others["event_time"] == -1)
    assert others.loc[~at_base, "std_error"].notna().all()


def test_one_treated_cluster_is_refused_in_words():
    panel = panel_of(EIGHT.matrix(), [2002] + [np.inf] * 7)
    table = infer(InfluenceOnly(), panel).table
    assert table["std_error"].isna().all()
    assert table["estimate"].notna().all()
    assert set(table["reason"]) == {"one treated cluster: its variation cannot be estimated from the data"}


def test_a_cohort_of_one_keeps_its_error_with_a_caution():
    panel = panel_of(EIGHT.matrix(), [2002] + [np.inf] * 7).with_first_treated(
        np.array([2002, 2003, 2003, np.inf, np.inf, np.inf, np.inf, np.inf])
    )
    panel = panel_of(np.c_[panel.matrix(), panel.matrix()[:, 1] ** 1.1], panel.first_treated)
    table = infer(InfluenceOnly(), panel).table
    alone = table[(table["cohort"] == 2002) & (table["aggregation"] == "cohort")].iloc[0]
    assert np.isfinite(alone["std_error"])
    assert "one treated unit" in alone["reason"]


def test_without_influence_the_reason_names_a_way_out():
    table = infer(RefitOnly(), noise_panel()).table
    assert table["std_error"].isna().all()
    assert table["reason"].str.contains("use randomization").all()


def test_bands_are_wider_than_intervals_and_cover_one_aggregation():
    table = infer(InfluenceOnly(), noise_panel()).table
    curve = table[(table["aggregation"] == "event_time") & table["event_time"].notna() & table["std_error"].notna()]
    width = (curve["band_high"] - curve["band_low"]) / curve["std_error"] / 2
    assert np.ptp(width) < 1e-9  # one critical value for the whole curve
    assert ndtri(0.975) < width.iloc[0] < ndtri(1 - 0.025 / len(curve)) + 0.03  # below Bonferroni, up to simulation
    assert table.loc[table["aggregation"].isin(["overall", "simple"]), "band_low"].isna().all()
    average = table[(table["aggregation"] == "event_time") & table["event_time"].isna()]
    assert average["band_low"].isna().all()


def test_bands_say_their_monte_carlo_error_and_can_be_left_out():
    facts = infer(InfluenceOnly(), noise_panel()).facts["bands"]
    assert 0 < facts["event_time"][0]["monte_carlo_error"] < 0.03
    without = infer(InfluenceOnly(), noise_panel(), band_draws=0)
    assert without.table["band_low"].isna().all()


@pytest.mark.parametrize("method", [
    Analytic(band_draws=60), MultiplierBootstrap(draws=60), MultiplierBootstrap(draws=199),
])  # fmt: skip
def test_no_band_is_narrower_than_the_interval_however_few_the_draws(method):
    """30 panels whose two later years are nearly one: their band is the interval, and simulated often narrower."""
    raised = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        before, after = rng.normal(size=(2, 20))
        twice = np.column_stack([before, after, after + rng.normal(0, 0.01, 20)])
        inferred = method.infer(fit(InfluenceOnly(), panel_of(twice, [2002] * 8 + [np.inf] * 12)), rng)
        table = inferred.table[inferred.table["band_low"].notna()]
        assert (table["band_high"] - table["band_low"] >= (table["conf_high"] - table["conf_low"]) * (1 - 1e-12)).all()
        facts = [one for found in inferred.facts["bands"].values() for one in found]
        assert all(one["simulated"] < one["critical"] for one in facts if "simulated" in one)
        assert all(one["monte_carlo_error"] == 0 for one in facts if one["rows"] == 1)
        raised += sum("simulated" in one for one in facts)
    assert raised > 0


@pytest.mark.parametrize("method", [Analytic(band_draws=5), MultiplierBootstrap(draws=99, level=0.999)])
def test_too_few_draws_for_the_level_give_no_band_and_say_so(method):
    table = method.infer(fit(InfluenceOnly(), noise_panel()), np.random.default_rng(0)).table
    assert table["band_low"].isna().all()
    curve = table[(table["aggregation"] == "event_time") & table["event_time"].notna() & table["std_error"].notna()]
    draws = getattr(method, "band_draws", None) or method.draws
    assert curve["reason"].str.contains(f"no band: {draws} draws are too few").all()
    assert curve["conf_low"].notna().all()


def test_same_generator_same_rows():
    panel = noise_panel()
    one, two = (infer(InfluenceOnly(), panel).table for _ in range(2))
    assert one.equals(two)


@pytest.mark.parametrize("fake", FAKES)
def test_scale_of_the_outcome_scales_errors(fake):
    estimator, make = FAKES[fake]
    panel = make()
    thousand = panel.with_columns(outcome=panel.frame["outcome"] * 1000)
    one, two = infer(estimator, panel).table, infer(estimator, thousand).table
    np.testing.assert_allclose(two["std_error"], 1000 * one["std_error"], rtol=1e-9)
    np.testing.assert_allclose(two["p_value"], one["p_value"], rtol=1e-6)
