"""Two groups and two periods against the R package DRDID 1.2.3."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sos_eval.estimators import TWFE
from sos_eval.numerics.two_by_two import of_changes, of_levels
from tests.conftest import shared
from tests.estimators.panels import panel
from tests.reference.did_cases import data

pytestmark = pytest.mark.reference

SAME = 1e-8  # logit and least squares have one solution each; DRDID's logit stops at a deviance change of 1e-8
NAMES = {"reg": "reg", "ipw": "ipw_std", "dr": "dr_traditional"}


def _stored(case_id):
    cases = json.loads(shared("reference", "drdid_2x2.json").read_text())["cases"]
    return next(case["values"] for case in cases if case["case_id"] == case_id)


def _agrees(effect, stored):
    np.testing.assert_allclose(effect.value, stored["att"], rtol=SAME)
    np.testing.assert_allclose(np.sqrt((effect.score**2).sum(0)), stored["se"], rtol=SAME)


def _with_constant(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns]).astype(float)


@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr"])
def test_panel(adjust):
    df = data("sim_care_152x20.csv")
    wide = df[df["g"].isin([0, 2010, 2012])].pivot(index="unit", columns="year", values="y")
    first = df.drop_duplicates("unit").set_index("unit").loc[wide.index]
    change = (wide[2010] - wide[2009]).to_numpy()[:, None]
    x = _with_constant(first["x1"], first["x2"])
    effect = of_changes(change, (first["g"] > 0).to_numpy(), x, np.ones(len(x)), adjust)
    _agrees(effect, _stored("care_2009_2010_panel")[NAMES[adjust]])


@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr"])
def test_randomised(adjust):
    df = pytest.importorskip("causaldata").nsw_mixtape.load_pandas().data
    numbers = df[["treat", "age", "educ", "black", "re74", "re75", "re78"]].astype("float64")
    x = _with_constant(numbers["age"], numbers["educ"], numbers["black"], numbers["re74"] / 1000)
    change = (numbers["re78"] - numbers["re75"]).to_numpy()[:, None]
    effect = of_changes(change, (numbers["treat"] == 1).to_numpy(), x, np.ones(len(x)), adjust)
    _agrees(effect, _stored("nsw_randomised_panel")[NAMES[adjust]])


@pytest.mark.parametrize("case_id", ["care_2009_2010_panel", "nsw_randomised_panel"])
def test_two_way_fixed_effects(case_id):
    """Covariates that do not vary over time drop out of the coefficient; its errors are of another kind (by row)."""
    if case_id.startswith("care"):
        df = data("sim_care_152x20.csv")
        wide = df[df["g"].isin([0, 2010, 2012])].pivot(index="unit", columns="year", values="y")[[2009, 2010]]
        treated = df.drop_duplicates("unit").set_index("unit").loc[wide.index, "g"].to_numpy() > 0
    else:
        df = pytest.importorskip("causaldata").nsw_mixtape.load_pandas().data.astype({"re75": float, "re78": float})
        wide, treated = df[["re75", "re78"]], df["treat"].to_numpy() == 1
    estimate = TWFE().complete(panel(wide.to_numpy(), np.where(treated, 2, np.inf)))
    np.testing.assert_allclose(estimate.values, [_stored(case_id)["twfe"]["att"]], rtol=SAME)


def _cross_sections():
    df = data("drdid_sim_rc.csv")
    x = _with_constant(*(df[c] for c in ("x1", "x2", "x3", "x4")))
    return df["y"].to_numpy()[:, None], (df["d"] == 1).to_numpy(), (df["post"] == 1).to_numpy(), x


@pytest.mark.parametrize(("adjust", "name"), [("reg", "reg"), ("ipw", "ipw_std"), ("dr", "dr_efficient")])
def test_cross_sections(adjust, name):
    y, treated, post, x = _cross_sections()
    effect = of_levels(y, treated, post, x, np.ones(len(x)), adjust, as_drdid=True)
    _agrees(effect, _stored("sim_rc_x")[name])


def test_our_sign_is_the_derivative():
    """Reweighting one observation moves the estimate by its score; with DRDID's sign it does not."""
    y, treated, post, x = _cross_sections()
    ours = of_levels(y, treated, post, x, np.ones(len(x)), "dr")
    theirs = of_levels(y, treated, post, x, np.ones(len(x)), "dr", as_drdid=True)
    step, rows = 1e-5, range(0, len(x), 50)
    moved = []
    for i in rows:
        up, down = (
            of_levels(y, treated, post, x, 1 + sign * step * (np.arange(len(x)) == i), "dr") for sign in (1, -1)
        )
        moved.append((up.value[0] - down.value[0]) / (2 * step))
    np.testing.assert_allclose(ours.score[rows, 0], moved, atol=1e-7)
    assert np.abs(theirs.score[rows, 0] - moved).max() > 1e-3
