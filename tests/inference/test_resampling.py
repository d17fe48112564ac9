"""Multiplier bootstrap, jackknife, CR2 and CR3 as methods: against the did package, closed forms and refitting."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import CallawaySantAnna
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.cr2 import CR2
from sos_eval.inference.cr3 import CR3
from sos_eval.inference.jackknife import Jackknife
from sos_eval.inference.multiplier_bootstrap import MultiplierBootstrap
from sos_eval.numerics.bootstrap import draw_weights
from tests.fakes import CrossSection, InfluenceOnly, Linear, RefitOnly, fit, noise_panel, panel_of, people
from tests.reference.stored import cases, data


def infer(method, fitted, seed=0):
    return method.infer(fitted, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", ["rademacher", "mammen", "webb"])
def test_weights_have_mean_zero_and_variance_one(kind):
    drawn = draw_weights(kind, (20_000, 10), np.random.default_rng(0))
    assert abs(drawn.mean()) < 4 / np.sqrt(drawn.size)
    assert abs((drawn**2).mean() - 1) < 4 * (drawn**2).std() / np.sqrt(drawn.size) + 1e-12
    third = 1.0 if kind == "mammen" else 0.0
    assert abs((drawn**3).mean() - third) < 4 * (drawn**3).std() / np.sqrt(drawn.size)


@pytest.mark.reference
def test_bands_of_the_did_package():
    case = cases("did_mpdta")["never_unc"]["values"]
    columns = {"unit": "countyreal", "time": "year", "outcome": "lemp", "first_treated": "first.treat"}
    table = CallawaySantAnna().fit(
        data("mpdta.csv"), **columns, inference={"method": "multiplier_bootstrap", "draws": 25_000}
    )
    for aggregation, key in (
        ("group_time", "crit_val_attgt"),
        ("event_time", "crit_val_dynamic"),
        ("cohort", "crit_val_group"),
    ):
        rows = table[(table["aggregation"] == aggregation) & table["band_low"].notna()]
        critical = ((rows["band_high"] - rows["band_low"]) / 2 / rows["std_error"]).iloc[0]
        # both are simulated with 25,000 draws: about 0.01 each, says the file
        assert critical == pytest.approx(case[key], abs=0.04), key
    cells = table[table["aggregation"] == "group_time"]
    np.testing.assert_allclose(cells["std_error"], case["se_boot_iqr"], rtol=0.05)  # two simulated quartile ranges


@pytest.mark.parametrize("kind", ["rademacher", "mammen", "webb"])
def test_bootstrap_error_tends_to_the_analytic_one(kind):
    fitted = fit(InfluenceOnly(), noise_panel())
    exact = infer(Analytic(band_draws=0), fitted).table["std_error"]
    drawn = infer(MultiplierBootstrap(weights=kind, draws=40_000, spread="deviation"), fitted).table["std_error"]
    np.testing.assert_allclose(
        drawn, exact, rtol=0.03
    )  # relative error of a standard deviation of 40,000 draws: 0.4-0.8 %


def test_two_periods_by_hand():
    # Changes: treated 3, 5, 1, 3; untreated 1, 0, 2, 1. CR2 of a difference of two means of four:
    # each squared deviation over n_g (n_g - 1): 8/12 + 2/12; Welch-Satterthwaite df of two equal groups under equal
    # variances: (1/4 + 1/4)² / ((1/4)²/3 + (1/4)²/3) = 6
    panel = panel_of([[0, 3], [0, 5], [0, 1], [0, 3], [0, 1], [0, 0], [0, 2], [0, 1]], [2002] * 4 + [np.inf] * 4)
    found = infer(CR2(), fit(Linear(), panel)).table.iloc[0]
    assert found["std_error"] == pytest.approx(np.sqrt(10 / 12), rel=1e-10)
    assert found["df"] == pytest.approx(6, rel=1e-9)
    # CR3 leaves units out: deviations times 4/3, so 16/9 (8 + 2)/16
    found = infer(CR3(), fit(Linear(), panel)).table.iloc[0]
    assert found["std_error"] == pytest.approx(np.sqrt(10 / 9), rel=1e-10)


def test_jackknife_of_a_regression_is_cr3():
    fitted = fit(Linear(), noise_panel(9, 4))
    jackknife = infer(Jackknife(), fitted)
    cr3 = infer(CR3(), fitted).table["std_error"].iloc[0]
    assert jackknife.table["std_error"].iloc[0] == pytest.approx(np.sqrt(8 / 9) * cr3, rel=1e-9)
    assert jackknife.table["df"].iloc[0] == 8
    assert len(jackknife.tables["jackknife"]) == 9


def test_jackknife_goes_where_nothing_else_does():
    table = infer(Jackknife(), fit(RefitOnly(), noise_panel(8, 3))).table
    assert table["std_error"].notna().all()
    table = infer(Jackknife(), fit(CrossSection(), people())).table
    assert table["std_error"].notna().all()


def test_jackknife_names_what_is_gone_without_a_cluster():
    panel = noise_panel(8, 3).with_first_treated(np.array([2003, 2004, 2004] + [np.inf] * 5))
    table = infer(Jackknife(), fit(InfluenceOnly(), panel)).table
    alone = table[(table["aggregation"] == "cohort") & (table["cohort"] == 2003)].iloc[0]
    assert np.isnan(alone["std_error"])
    assert alone["reason"] == f"not identified without {panel.units[0]}: no jackknife error"


def test_sandwiches_are_refused_with_a_way_out():
    table = infer(CR2(), fit(InfluenceOnly(), noise_panel())).table
    assert table["reason"].str.contains("use randomization or jackknife").all()
