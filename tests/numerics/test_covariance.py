"""CR0 to CR3, Satterthwaite and HTZ against clubSandwich, and CR3 against leaving clusters out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtr

from sos_eval.numerics.covariance import cluster_design, cr0, cr2, cr3, hotelling_t
from sos_eval.numerics.regress import LinearFit, least_squares
from tests.reference.stored import cases, data, grunfeld

SAME = 1e-8  # standard errors: the same mathematics
DF = 1e-6  # sums of squares of n x n products; the file states 1e-5


def fitted(y, x, clusters, weights=None, absorbed=()):
    w = np.ones(len(y)) if weights is None else weights
    coef, bread = least_squares(y, x, w)
    fit = LinearFit(
        coef=coef, x=x, residuals=y - x @ coef, weights=w, bread=bread, unit_codes=clusters, n_obs=len(y),
        n_params=x.shape[1], contrast=np.eye(x.shape[1]), absorbed=absorbed,
    )  # fmt: skip
    return fit, cluster_design(fit, clusters)


def swept(column, codes, w, rounds=20_000):
    """Alternate weighted means of two effects out of a column until nothing moves."""
    for _ in range(rounds):
        before = column
        for c in codes:
            column = column - (np.bincount(c, w * column) / np.bincount(c, w))[c]
        if np.abs(column - before).max() < 1e-14:
            break
    return column


def check(values, names, fit, design):
    for j, name in names.items():
        assert fit.coef[j] == pytest.approx(values["coef"][name], rel=SAME), name
    for kind, make in (("CR0", cr0), ("CR2", cr2), ("CR3", cr3)):
        if kind not in values["cr"]:
            continue
        found = make(design)
        for j, name in names.items():
            expected = values["cr"][kind][name]
            error = np.sqrt(found.covariance[j, j])
            assert error == pytest.approx(expected["se"], rel=SAME), (kind, name)
            assert found.df[j] == pytest.approx(expected["df_satt"], rel=DF), (kind, name)
            p = 2 * stdtr(found.df[j], -abs(fit.coef[j] / error))
            assert p == pytest.approx(expected["p_satt"], abs=1e-6), (kind, name)


@pytest.mark.reference
@pytest.mark.parametrize("case", ["grunfeld_pooled", "grunfeld_yearfe"])
def test_grunfeld(case):
    firms = grunfeld()
    values = cases("clubsandwich_grunfeld")[case]["values"]
    columns = [firms["value"], firms["capital"], np.ones(len(firms))]
    names = {0: "value", 1: "capital", 2: "(Intercept)"}
    if case == "grunfeld_yearfe":
        columns += [(firms["year"] == year) * 1.0 for year in sorted(firms["year"].unique())[1:]]
        names.pop(2)
    fit, design = fitted(
        firms["inv"].to_numpy(float), np.column_stack(columns).astype(float), pd.factorize(firms["firm"])[0]
    )
    check(values, names, fit, design)


@pytest.mark.reference
@pytest.mark.parametrize("case", ["mort_lm_twfe", "mort_wls_twfe"])
def test_mortality_with_absorbed_effects_is_the_regression_on_all_dummies(case):
    states = data("clubsandwich_mortality_mv.csv").dropna()
    values = cases("clubsandwich_mortality")[case]["values"]
    state, year = pd.factorize(states["state"])[0], pd.factorize(states["year"])[0]
    w = states["pop"].to_numpy(float) / states["pop"].mean() if "wls" in case else np.ones(len(states))
    y, *x = (swept(states[name].to_numpy(float), (state, year), w) for name in ("mrate", "legal", "beertaxa"))
    fit, design = fitted(y, np.column_stack(x), state, w, absorbed=(state, year))
    check(values, {0: "legal", 1: "beertaxa"}, fit, design)
    for wald in values.get("wald", []):
        if wald["test"] == "HTZ":
            found = hotelling_t(design, design.contrast, fit.coef)
            assert found.statistic == pytest.approx(wald["Fstat"], rel=SAME * 10)
            assert found.df_denom == pytest.approx(wald["df_denom"], rel=DF)
            assert found.p_value == pytest.approx(wald["p_val"], abs=1e-6)


def test_cr3_is_the_spread_of_leaving_clusters_out():
    rng = np.random.default_rng(0)
    unit, time = np.repeat(np.arange(9), 4), np.tile(np.arange(4), 9)
    clusters = unit // 2
    x, y = rng.normal(size=(2, 36))
    ones = np.ones(36)

    def slope(keep):
        codes = [np.unique(c[keep], return_inverse=True)[1] for c in (unit, time)]
        a, b = swept(x[keep], codes, ones[keep]), swept(y[keep], codes, ones[keep])
        return a @ b / (a @ a)

    whole = slope(np.ones(36, bool))
    spread = sum((slope(clusters != g) - whole) ** 2 for g in range(5))
    codes = (unit, time)
    _, design = fitted(swept(y, codes, ones), swept(x, codes, ones)[:, None], clusters, absorbed=codes)
    assert cr3(design).covariance[0, 0] == pytest.approx(spread, rel=1e-9)


def test_a_cluster_that_identifies_alone_has_no_cr3():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(4), 3)
    x = np.where(clusters == 0, rng.normal(size=12), 0.0)[:, None]
    _, design = fitted(rng.normal(size=12), x, clusters)
    assert np.isnan(cr3(design).covariance).all()
