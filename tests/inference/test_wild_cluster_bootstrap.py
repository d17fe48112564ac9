"""The wild cluster bootstrap against full enumeration, fwildclusterboot and plain loops over bootstrap samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap, restricted_limits, wild_test
from sos_eval.numerics.bootstrap import all_signs, draw_weights, wild_terms
from sos_eval.numerics.covariance import cluster_design
from sos_eval.numerics.inversion import Rejection
from sos_eval.numerics.regress import LinearFit, least_squares
from tests.fakes import InfluenceOnly, Linear, fit, noise_panel
from tests.reference.stored import cases, data, grunfeld

CI_RELATIVE = 0.02  # stated by the file: fwildclusterboot counts ties as not extreme and stops its search early


def dummies(values):
    return [(values == one) * 1.0 for one in sorted(values.unique())[1:]]


def care(data):
    data = data[data["year"].between(2012, 2016)]
    d = ((data["g"] > 0) & (data["year"] >= data["g"])) * 1.0
    x = [d, data["x1"], np.ones(len(data)), *dummies(data["year"]), *dummies(data["region"])]
    return data["y"], x, data["region"]


def invested(data, term):
    x = [data[term], data["capital" if term == "value" else "value"], np.ones(len(data))]
    return data["inv"], x + (dummies(data["year"]) if term == "capital" else []), data["firm"]


def produc(data):
    x = [data["unemp"], *(np.log(data[name]) for name in ("pcap", "pc", "emp")), np.ones(len(data))]
    return np.log(data["gsp"]), x, data["region"]


CASES = {
    "care_region_did": (lambda: data("sim_care_152x20.csv"), care),
    "grunfeld_value": (grunfeld, lambda data: invested(data, "value")),
    "grunfeld_capital": (grunfeld, lambda data: invested(data, "capital")),
    "produc_region_unemp": (lambda: data("plm_produc.csv"), produc),
}


def reference(name):
    return cases("wild_bootstrap")[name]["values"]


def prepared(name):
    read, make = CASES[name]
    y, x, cluster = make(read())
    y, x, codes = np.asarray(y, float), np.column_stack(x).astype(float), pd.factorize(cluster, sort=True)[0]
    # scaled columns: the condition number of the raw ones costs digits that R's QR keeps
    size = np.linalg.norm(x, axis=0)
    coef, bread = least_squares(y, x / size)
    linear = LinearFit(
        coef=coef, x=x / size, residuals=y - x / size @ coef, weights=np.ones(len(y)), bread=bread, unit_codes=codes,
        n_obs=len(y), n_params=x.shape[1], contrast=np.eye(x.shape[1])[:1],
    )  # fmt: skip
    factor = len(set(codes)) / (len(set(codes)) - 1) * (len(y) - 1) / (len(y) - x.shape[1])
    return cluster_design(linear, codes), coef[0], size[0], factor


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_enumerated_reference(name):
    values = reference(name)
    design, coef, size, factor = prepared(name)
    terms = wild_terms(design, design.contrast[0])
    signs = all_signs(len(design.rows))
    assert len(signs) == values["WCR11_enumerated"]["n_draws"]
    for restricted, key in ((True, "WCR11_enumerated"), (False, "WCU11_enumerated")):
        expected = values[key]
        found = wild_test(terms, coef, signs, restricted=restricted, complete=True, level=0.95)
        assert coef / size == pytest.approx(expected["coef"], rel=1e-8)
        assert found.statistic / np.sqrt(factor) == pytest.approx(expected["t"], rel=1e-8)
        assert expected["p_strict"] - 1e-12 <= found.p_value <= expected["p_with_ties"] + 1e-12
        quantiles = np.quantile(found.drawn / np.sqrt(factor), [0.025, 0.05, 0.95, 0.975])
        wanted = [expected["t_boot_quantiles"][q] for q in ("2.5%", "5%", "95%", "97.5%")]
        np.testing.assert_allclose(quantiles, wanted, rtol=1e-8)
    # fwildclusterboot does not count ties: the vectors +1...+1 and -1...-1 always tie, so two more draws may be extreme
    strict = Rejection(0.05 * len(signs) + 2)
    error = float(np.sqrt((terms.alpha**2).sum()))
    interval = np.array(restricted_limits(terms, coef, error, signs, strict)) / size
    np.testing.assert_allclose(interval, values["fwildclusterboot"]["conf_int"], rtol=CI_RELATIVE)
    ours = wild_test(terms, coef, signs, restricted=True, complete=True, level=0.95)
    assert ours.low / size <= interval[0]
    assert ours.high / size >= interval[1]


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_webb_reference(name):
    values = reference(name)
    design, coef, _, _ = prepared(name)
    weights = draw_weights("webb", (99_999, len(design.rows)), np.random.default_rng(0))
    found = wild_test(
        wild_terms(design, design.contrast[0]), coef, weights, restricted=True, complete=False, level=0.95
    )
    assert found.p_value == pytest.approx(values["fwildclusterboot_webb_p_MC"], abs=0.006)  # Monte Carlo on both sides


def test_matrix_products_are_bootstrap_samples_refitted():
    # Absorbed effects: every draw refitted on unit and time dummies, restricted residuals, in a loop.
    panel = noise_panel(7, 3, seed=1)
    fitted = fit(Linear(), panel)
    design = cluster_design(fitted.estimate.linear, panel.clusters[fitted.estimate.linear.unit_codes])
    unit, time = panel.unit_codes, panel.time_codes
    d = panel.frame["treated"].to_numpy(float)
    full = np.column_stack([d, np.eye(7)[unit], np.eye(panel.n_times)[time][:, 1:]])
    y = panel.frame["outcome"].to_numpy(float)
    null = full[:, 1:]
    under = null @ np.linalg.lstsq(null, y, rcond=None)[0]
    signs = all_signs(7)
    found = wild_test(wild_terms(design, design.contrast[0]), float(fitted.estimate.values[0]), signs,
                      restricted=True, complete=True, level=0.9)  # fmt: skip
    inverse = np.linalg.inv(full.T @ full)
    for row in (3, 40, 99):
        star = under + (y - under) * signs[row][unit]
        coef = inverse @ full.T @ star
        scores = np.array([(full * (star - full @ coef)[:, None])[unit == g].sum(0) for g in range(7)])
        error = np.sqrt((inverse @ scores.T @ scores @ inverse)[0, 0])
        assert found.drawn[row] == pytest.approx(coef[0] / error, rel=1e-8)


@pytest.mark.parametrize("restricted", [True, False])
def test_interval_holds_the_nulls_that_are_kept(restricted):
    panel = noise_panel(9, 4, seed=2)
    fitted = fit(Linear(), panel)
    table = WildClusterBootstrap(restricted=restricted, level=0.9).infer(fitted, np.random.default_rng(0)).table.iloc[0]
    treated = panel.matrix("treated")

    def p(theta):
        moved = fit(Linear(), panel.with_outcome(panel.matrix() - theta * treated))
        return (
            WildClusterBootstrap(restricted=restricted).infer(moved, np.random.default_rng(0)).table["p_value"].iloc[0]
        )

    step = 1e-6 * (table["conf_high"] - table["conf_low"])
    for end, outward in (("conf_low", -1), ("conf_high", 1)):
        assert p(table[end] + outward * step) <= 0.1
        assert p(table[end] - outward * step) > 0.1


def test_many_clusters_are_sampled_and_say_so():
    inferred = WildClusterBootstrap(draws=499).infer(fit(Linear(), noise_panel(30, 12)), np.random.default_rng(0))
    assert not inferred.facts["complete"]
    assert 0 < inferred.facts["p_monte_carlo_error_largest"] < 0.03
    assert inferred.table["p_value"].iloc[0] * 500 == pytest.approx(round(inferred.table["p_value"].iloc[0] * 500))


def test_estimators_without_regression_are_refused():
    table = WildClusterBootstrap().infer(fit(InfluenceOnly(), noise_panel()), np.random.default_rng(0)).table
    assert table["reason"].str.startswith("defined for linear regressions only").all()
