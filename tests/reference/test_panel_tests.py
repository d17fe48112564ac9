"""Fixed and random unit effects and the tests between them beside plm 2.6-2 (R), every number to 1e-8."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.numerics.covariance import cluster_design, cr0
from sos_eval.numerics.panel_models import UnitRows, correlated, hausman, mundlak
from tests.reference.stored import cases, data, grunfeld

pytestmark = pytest.mark.reference

CASES = cases("panel_tests")


def laid_out(case):
    """Return the rows of a case, and codes of its periods."""
    if case == "grunfeld":
        frame, y, x, unit, time = grunfeld(), "inv", ["value", "capital"], "firm", "year"
    else:
        frame, y, x, unit, time = data("sim_unbalanced_152x12.csv"), "y", ["D", "Dx1"], "unit", "year"
        frame["D"] = ((frame["g"] > 0) & (frame["year"] >= frame["g"])).astype(float)
        frame["Dx1"] = frame["D"] * frame["x1"]
    frame = frame.sort_values([unit, time])
    codes = [np.unique(frame[name], return_inverse=True)[1] for name in (unit, time)]
    rows = UnitRows(frame[y].to_numpy(float), frame[x].to_numpy(float), np.zeros((len(frame), 0)), codes[0])
    return rows, codes[1], x, CASES[case]["values"]


def close(ours, stored):
    np.testing.assert_allclose(ours, stored, rtol=1e-8)


@pytest.mark.parametrize("case", list(CASES))
def test_coefficients(case):
    rows, time, names, stored = laid_out(case)
    fixed = rows.fixed()
    close(fixed.coef, [stored["within"]["coef"][name] for name in names])
    spent = len(rows.y) - len(rows.sizes) - len(names)
    error = np.sqrt(np.diag(fixed.bread) * (fixed.residuals @ fixed.residuals) / spent)
    close(error, [stored["within"]["se"][name] for name in names])
    clustered = np.sqrt(np.diag(cr0(cluster_design(fixed, rows.unit)).covariance))
    close(clustered, [stored["se_within"]["arellano_HC0"][name] for name in names])
    periods = (time[:, None] == np.arange(1, time.max() + 1)).astype(float)
    both = UnitRows(rows.y, rows.x, periods, rows.unit).fixed()
    close(both.coef[: len(names)], [stored["within_twoways"]["coef"][name] for name in names])


@pytest.mark.parametrize("case", list(CASES))
def test_random_effects(case):
    rows, _, names, stored = laid_out(case)
    random, theirs = rows.random(), stored["random_swar"]
    order = [*names, "(Intercept)"]
    close(random.fit.coef, [theirs["coef"][name] for name in order])
    left = random.fit.residuals
    error = np.sqrt(np.diag(random.fit.bread) * (left @ left) / (len(left) - len(order)))
    close(error, [theirs["se"][name] for name in order])
    close([random.own, random.of_unit], [theirs["sigma2_idios"], theirs["sigma2_id"]])
    close(random.theta[0], theirs["theta"])
    assert (np.ptp(random.theta) < 1e-12) == theirs["theta_constant"]


@pytest.mark.parametrize("case", list(CASES))
def test_hausman_and_mundlak(case):
    rows, _, names, stored = laid_out(case)
    close(hausman(rows), [stored["hausman_swar"]["stat"], stored["hausman_swar"]["p"]])
    found, theirs = mundlak(rows, rows.unit), stored["mundlak_pooled_cluster"]
    order = [*names, "(Intercept)", *(f"mean_{name}" for name in names)]
    close(found.fit.coef, [theirs["coef"][name] for name in order])
    close([found.chi_square, found.p_chi_square], [theirs["wald_chisq"], theirs["p_chisq"]])
    close(found.p_f, theirs["p_F"])
    assert found.clusters - 1 == theirs["df2"]


@pytest.mark.parametrize("case", list(CASES))
def test_serial_correlation(case):
    """Periods as plm counts them: the next row of a unit follows, gap or not; the null is that of a panel without."""
    rows, time, _, stored = laid_out(case)
    place = np.concatenate([np.arange(size) for size in np.bincount(rows.unit)])
    null = -1 / time.max()
    found = correlated(rows.fixed().residuals, rows.unit, place, rows.unit, null)
    close(found.f, stored["wooldridge_fe_ar"]["stat"])
    assert found.pairs - 2 == stored["wooldridge_fe_ar"]["df"][1]


def test_mundlak_with_period_effects_beside_statsmodels():
    """With gaps, period dummies and their means: chi-square to 1e-8; coefficients are those of fixed effects."""
    import statsmodels.api as sm

    rows, time, _, _ = laid_out("sim_unbalanced")
    periods = (time[:, None] == np.arange(1, time.max() + 1)).astype(float)
    both = UnitRows(rows.y, rows.x, periods, rows.unit)
    found = mundlak(both, rows.unit)
    np.testing.assert_allclose(found.fit.coef[:2], both.fixed().coef[:2], rtol=1e-8)
    means = pd.DataFrame(np.column_stack([rows.x, periods])).groupby(rows.unit).transform("mean").to_numpy()
    x = np.column_stack([rows.x, np.ones(len(time)), periods, means[:, 2:], means[:, :2]])
    fit = sm.OLS(rows.y, x).fit(cov_type="cluster", cov_kwds={"groups": rows.unit})
    wald = fit.wald_test(np.eye(x.shape[1])[-2:], use_f=False, scalar=True)
    np.testing.assert_allclose([found.chi_square, found.p_chi_square], [wald.statistic, wald.pvalue], rtol=1e-8)
