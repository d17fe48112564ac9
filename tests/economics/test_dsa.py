"""Deterministic sensitivity analysis against the closed-form model of the reference (dampack's grids)."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.economics.dsa import net_benefits, one_way, switch_values, tornado, two_way_table
from tests.economics.reference import RTOL, expected, numbers

NAMES = ("usual", "A", "B")


def model(p):
    # entries = 1000 * p_entry * (1, rr_A, rr_B); see the reference's own formula
    one = np.ones_like(p["p_entry"])
    entries = 1000 * p["p_entry"][:, None] * np.column_stack([one, p["rr_A"], p["rr_B"]])
    programme = 1000 * np.column_stack([0 * one, p["prog_A"], p["prog_B"]])
    return entries[:, [0]] - entries, entries * (p["cost_week"] * p["weeks"])[:, None] + programme


@pytest.fixture
def want():
    return expected("dsa_tornado")


@pytest.fixture
def ranges(want):
    t = want["tornado_inmb_vs_usual"]
    return {name: (low, high) for name, low, high in zip(t["parameter"], t["low"], t["high"], strict=True)}


@pytest.mark.reference
def test_base_case_and_tornado(want, ranges):
    nb = net_benefits(model, want["base"], {}, want["wtp"])
    np.testing.assert_allclose(nb[0], want["base_case"]["NMB"], rtol=RTOL)
    got = tornado(model, want["base"], ranges, NAMES, 0, want["wtp"]).set_index(["strategy", "parameter"])
    t = want["tornado_inmb_vs_usual"]
    for s in "AB":
        for end in ("low", "high"):
            ours = got.loc[s].loc[t["parameter"], f"inmb_{end}"]
            np.testing.assert_allclose(ours, t[f"inmb_{s}_at_{end}"], rtol=RTOL)
    assert (got.loc["B"]["width"].diff().dropna() <= 0).all()


@pytest.mark.reference
def test_switch_values(want, ranges):
    got = tornado(model, want["base"], ranges, NAMES, 0, want["wtp"]).set_index(["strategy", "parameter"])
    for name, by_strategy in want["switch_values_inmb_zero"].items():
        for s, value in by_strategy.items():
            np.testing.assert_allclose(got.loc[(s, name), "switch_value"], numbers([value])[0], rtol=RTOL)
            assert bool(got.loc[(s, name), "reason"]) == (value is None)


@pytest.mark.reference
def test_one_way_and_two_way_grids(want, ranges):
    one = want["one_way_nmb_dampack"]
    got = one_way(model, want["base"], ranges, NAMES, want["wtp"])
    assert list("st_" + got["strategy"]) == one["strategy"]
    np.testing.assert_allclose(got["value"], one["param_val"], rtol=RTOL)
    np.testing.assert_allclose(got["net_benefit"], one["outcome_val"], rtol=RTOL)
    two = want["two_way_best_dampack"]
    got = two_way_table(model, want["base"], ("rr_B", "weeks"), ranges, NAMES, want["wtp"])
    assert list("st_" + got["strategy"]) == two["strategy"]
    np.testing.assert_allclose(got["net_benefit"], two["outcome_val"], rtol=RTOL)


def test_a_curve_that_crosses_twice_gives_both_switch_values():
    # effect 1 - x**2 at 1 a unit and no cost: zero at -1 and 1
    def bent(p):
        zero = np.zeros_like(p["x"])
        return np.column_stack([zero, 1 - p["x"] ** 2]), np.column_stack([zero, zero])

    roots = switch_values(bent, {"x": 0.3}, "x", (-2.1, 2.3), 1, 0, 1.0)
    np.testing.assert_allclose(roots, [-1, 1], rtol=1e-12)
    table = tornado(bent, {"x": 0.3}, {"x": (-2.1, 2.3)}, ("usual", "new"), 0, 1.0)
    assert "2 times" in table["reason"][0]
