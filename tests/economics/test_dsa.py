"""Deterministic sensitivity analysis against the closed-form model of the reference (dampack's grids)."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.economics.dsa import best_changes, net_benefits, one_way, tornado, two_way_table, zero_values
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
def test_where_an_increment_is_zero(want, ranges):
    got = tornado(model, want["base"], ranges, NAMES, 0, want["wtp"]).set_index(["strategy", "parameter"])
    for name, by_strategy in want["switch_values_inmb_zero"].items():
        for s, value in by_strategy.items():
            np.testing.assert_allclose(got.loc[(s, name), "zero_value"], numbers([value])[0], rtol=RTOL)
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


def test_a_curve_that_crosses_twice_gives_both_values():
    # effect 1 - x**2 at 1 a unit and no cost: zero at -1 and 1
    def bent(p):
        zero = np.zeros_like(p["x"])
        return np.column_stack([zero, 1 - p["x"] ** 2]), np.column_stack([zero, zero])

    roots = zero_values(bent, {"x": 0.3}, "x", (-2.1, 2.3), 1, 0, 1.0)
    np.testing.assert_allclose(roots, [-1, 1], rtol=1e-12)
    table = tornado(bent, {"x": 0.3}, {"x": (-2.1, 2.3)}, ("usual", "new"), 0, 1.0)
    assert "2 times" in table["reason"][0]
    assert table["switches"][0] == "from usual to new at -1; from new to usual at 1"
    # of two changes the one nearest the base value, 0.3, is given
    assert table.loc[0, ["switch_from", "switch_to"]].tolist() == ["new", "usual"]
    assert table["switch_value"][0] == pytest.approx(1)


def three(p):
    # at 1 a unit: usual 0, light 2x - 1, full 4x - 5 - g: light from 1/2, full where 4x - 5 - g = 2x - 1, x = 2 + g/2
    zero, x = np.zeros_like(p["x"]), p["x"]
    return np.column_stack([zero, 2 * x, 4 * x]), np.column_stack([zero, zero + 1, zero + 5 + p["g"]])


def test_the_best_of_all_changes_where_two_others_cross():
    names = ("usual", "light", "full")
    changes = best_changes(three, {"x": 1.8, "g": 0.0}, "x", (0.0, 3.0), names, 1.0)
    assert [change[1:] for change in changes] == [("usual", "light"), ("light", "full")]
    assert [change[0] for change in changes] == pytest.approx([0.5, 2])
    table = tornado(three, {"x": 1.8, "g": 0.0}, {"x": (0.0, 3.0), "g": (-1.0, 1.0)}, names, 0, 1.0)
    rows = table.set_index(["strategy", "parameter"])
    for strategy in ("light", "full"):  # what turns the decision is the same whichever row is read
        assert rows.loc[(strategy, "x"), "switch_value"] == pytest.approx(2)
        assert rows.loc[(strategy, "g"), ["switch_from", "switch_to"]].tolist() == ["full", "light"]
        assert rows.loc[(strategy, "g"), "switch_value"] == pytest.approx(-0.4)
    # light keeps its sign over usual practice as g moves, and the decision turns all the same
    assert np.isnan(rows.loc[("light", "g"), "zero_value"])
    assert rows.loc[("full", "x"), "zero_value"] == pytest.approx(1.25)


def test_a_strategy_that_is_best_between_two_points_alone_is_found():
    # light is best from 1 - 1e-4 to 1 + 1e-4, far within a step of the scan
    def narrow(p):
        zero, x = np.zeros_like(p["x"]), p["x"] - 1
        return np.column_stack([zero, x + 1e-4, 2 * x]), np.column_stack([zero, zero, zero])

    changes = best_changes(narrow, {"x": 0.9}, "x", (0.001, 2.0), ("usual", "light", "full"), 1.0)
    assert [change[1:] for change in changes] == [("usual", "light"), ("light", "full")]
    assert [change[0] for change in changes] == pytest.approx([1 - 1e-4, 1 + 1e-4])
