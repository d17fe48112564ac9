"""Rubin's rules beside mice."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.rubin import pool
from tests.reference.stored import cases

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
