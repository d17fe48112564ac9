"""Rubin's rules beside mice."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.comparison import Nearest, build
from sos_eval.numerics.covariance import cluster_design, cr0
from sos_eval.numerics.regress import LinearFit, least_squares
from sos_eval.numerics.rubin import pool
from tests.comparison.reference import people
from tests.reference.stored import cases, data

pytestmark = pytest.mark.reference

SAME = 1e-8
SCALARS = [
    "five_small_df", "five_large_df", "five_df9_treated", "twenty_n500", "no_between_variance", "two_imputations",
    "log_odds_ratio", "tiny_between",
]  # fmt: skip


def given(name):
    case = cases("rubin")[name]
    spec = case["spec"]
    columns = (np.array(spec[key], float)[:, None] for key in ("estimates", "se"))
    return pool(*columns, np.array([float(spec["df_com"])])), case["values"]


@pytest.mark.parametrize("name", SCALARS)
def test_estimate_error_and_degrees_of_freedom(name):
    pooled, told = given(name)
    exact = told.get("exact", {})
    assert pooled.estimate[0] == pytest.approx(told["qbar"], rel=SAME)
    assert pooled.std_error[0] == pytest.approx(told["se"], rel=SAME)
    assert pooled.within[0] == pytest.approx(told["ubar"], rel=SAME)
    assert pooled.between[0] == pytest.approx(told["b"], rel=1e-7, abs=1e-20)
    assert pooled.df[0] == pytest.approx(exact.get("df", told["df"]), rel=SAME)
    assert pooled.missing[0] == pytest.approx(exact.get("fmi", told["fmi"]), rel=SAME)


def test_several_rows_at_once_are_each_alone():
    one, other = given("five_small_df")[0], given("five_df9_treated")[0]
    specs = [cases("rubin")[name]["spec"] for name in ("five_small_df", "five_df9_treated")]
    both = pool(
        np.column_stack([spec["estimates"] for spec in specs]), np.column_stack([spec["se"] for spec in specs]),
        np.array([16.0, 8.0]),
    )  # fmt: skip
    np.testing.assert_allclose(both.df, [one.df[0], other.df[0]], rtol=1e-12)


def test_regressions_of_five_completed_data_sets_are_pooled_as_mice_pools_them():
    case = cases("rubin")["nhanes_lm_pool"]
    estimates, errors = [], []
    for one, told in zip(case["spec"]["completed"], case["values"]["per_imputation"], strict=True):
        x = np.column_stack([np.ones(25), one["age"], one["bmi"]]).astype(float)
        y = np.array(one["chl"], float)
        coef, bread = least_squares(y, x)
        left = y - x @ coef
        estimates.append(coef)
        errors.append(np.sqrt(np.diag(bread) * (left @ left) / 22))
        np.testing.assert_allclose(coef, list(told["coef"].values()), rtol=SAME)
        np.testing.assert_allclose(errors[-1], list(told["se"].values()), rtol=SAME)
    pooled = pool(np.array(estimates), np.array(errors), np.full(3, 22.0))
    told = list(case["values"]["pooled"].values())
    for ours, theirs in (
        (pooled.estimate, "estimate"), (pooled.std_error, "se"), (pooled.df, "df"), (pooled.within, "ubar"),
        (pooled.between, "b"), (pooled.missing, "fmi"),
    ):  # fmt: skip
        np.testing.assert_allclose(ours, [one[theirs] for one in told], rtol=SAME)


def test_each_completed_data_set_is_matched_by_itself_and_the_estimates_pooled():
    """MatchIt in each of mice's data sets: its own pairs, effect and clustered error 1e-6 (R's logit), then pooled."""
    case = cases("rubin")["match_within"]
    table = data("authority_134.csv")
    on = ("x1", "x2", "log_pop", "y_pre")
    named = [f"U{unit}" for unit in table["unit"]]
    estimates, errors, pairs = [], [], []
    for told in case["values"]["per_imputation"]:
        filled = table.astype({"x1": float})
        for name, values in told["imputed"].items():
            filled.loc[filled["unit"].isin(case["spec"]["missing_units"][name]), name] = values
        panel, treated = people(filled, on)
        found = build(Nearest(on=on, caliper=0.25), panel)
        place = {unit: i for i, unit in enumerate(panel.units)}
        code = np.full(len(table), -1)
        for number, (_, rows) in enumerate(found.sets.groupby("matched_set")):
            code[[place[unit] for unit in rows["unit"]]] = number
        used = code >= 0
        ours = {named[i]: [named[j] for j in np.flatnonzero((code == code[i]) & ~treated & used)]
                for i in np.flatnonzero(treated)}  # fmt: skip
        assert {unit: others for unit, others in ours.items() if others} == {
            unit: others for unit, others in told["match_pairs"].items() if others
        }
        x = np.column_stack([np.ones(used.sum()), treated[used]]).astype(float)
        y = filled["y_post"].to_numpy(float)[used]
        coef, bread = least_squares(y, x)
        n, g = len(y), len(np.unique(code[used]))
        fit = LinearFit(
            coef=coef, x=x, residuals=y - x @ coef, weights=np.ones(n), bread=bread, unit_codes=np.arange(n), n_obs=n,
            n_params=2, contrast=np.eye(2),
        )  # fmt: skip
        clustered = cr0(cluster_design(fit, np.unique(code[used], return_inverse=True)[1])).covariance
        error = float(np.sqrt(clustered[1, 1] * g / (g - 1) * (n - 1) / (n - 2)))
        assert g == told["n_matched_treated"]
        np.testing.assert_allclose([coef[1], error], [told["att"], told["se_cluster_subclass_HC1"]], rtol=1e-6)
        estimates.append(coef[1])
        errors.append(error)
        pairs.append(g)
    assert min(pairs) - 1 == case["values"]["pooled"]["df_com"]
    pooled = pool(np.array(estimates)[:, None], np.array(errors)[:, None], np.array([min(pairs) - 1.0]))
    told = case["values"]["pooled"]
    for ours, theirs in (
        (pooled.estimate, "qbar"), (pooled.std_error, "se"), (pooled.df, "df"), (pooled.within, "ubar"),
        (pooled.between, "b"), (pooled.missing, "fmi"),
    ):  # fmt: skip
        np.testing.assert_allclose(ours[0], told[theirs], rtol=1e-6)
