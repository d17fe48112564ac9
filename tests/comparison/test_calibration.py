"""Which methods show how their chances come about, as fitted and on units that the model did not see."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.comparison import CBPS, IPW, Full, Mahalanobis, Nearest, Optimal, Subclass
from sos_eval.comparison.build import build
from tests.fakes import panel_of

METHODS = {
    "nearest": Nearest(on=("a", "b")),
    "nearest by logit": Nearest(on=("a", "b"), distance="linear_logit"),
    "optimal": Optimal(on=("a", "b")),
    "full": Full(on=("a", "b")),
    "subclass": Subclass(on=("a", "b"), classes=2),
    "ipw": IPW(on=("a", "b")),
}


def authorities(n=60, treated=20, columns=2, starts=(2004.0,), seed=0, strength=0.5):
    """Lay out a panel whose first covariate tells a little of who starts."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    first = np.argsort(-(strength * x[:, 0] + rng.logistic(size=n)))[:treated]
    start = np.full(n, np.inf)
    start[first] = np.resize(starts, treated)
    names = [chr(97 + k) for k in range(columns)]
    return panel_of(rng.normal(size=(n, 6)), start, **dict(zip(names, x.T, strict=True)))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_with_a_propensity_shows_it(name):
    panel = authorities()
    tables = build(METHODS[name], panel).calibration
    line = tables["calibration_line"].set_index("chance")
    np.testing.assert_allclose(line.loc["fitted", ["intercept", "slope"]].astype(float), [0, 1], atol=1e-7)
    assert line.loc["held_out", "slope"] < 0.999
    assert line.loc["held_out", "n_units"] == 60
    by = tables["calibration"].groupby("chance")
    assert (by["n_units"].sum() == 60).all()
    assert (by["n_treated"].sum() == 20).all()
    assert (by.size() == 10).all()
    logit = build(METHODS["ipw"], panel).calibration
    np.testing.assert_allclose(tables["calibration"]["expected"], logit["calibration"]["expected"], rtol=1e-12)


def test_the_line_is_said_in_a_note():
    assert any("said by a model of other folds" in note for note in build(METHODS["ipw"], authorities()).notes)


def test_many_covariates_and_few_treated_are_seen():
    """Ten treated and eight covariates that say nothing: chances of the model are far from those of other folds."""
    slopes = []
    for seed in range(12):
        panel = authorities(n=90, treated=12, columns=8, seed=seed, strength=0.0)
        line = build(IPW(on=tuple("abcdefgh")), panel).calibration["calibration_line"].set_index("chance")
        slopes.append(line.loc["held_out", "slope"])
    assert np.nanmedian(slopes) < 0.4


def test_a_chance_that_is_no_likelihood_has_no_other_folds():
    tables = build(CBPS(on=("a", "b")), authorities()).calibration
    assert tables["calibration_line"]["chance"].tolist() == ["fitted"]
    assert build(Mahalanobis(on=("a", "b")), authorities()).calibration == {}


def test_cohorts_apart_are_stacked():
    panel = authorities(n=80, treated=24, starts=(2003.0, 2005.0))
    made = build(IPW(on=("a", "b"), cohorts="apart"), panel)
    by = made.calibration["calibration"].groupby("chance")
    assert (by["n_treated"].sum() == 24).all()
    assert (by["n_units"].sum() == 24 + 2 * 56).all()


def test_one_treated_unit_has_no_other_folds():
    rng = np.random.default_rng(2)
    panel = panel_of(rng.normal(size=(12, 6)), [2004.0] + [np.inf] * 11, a=np.r_[0.0, rng.normal(size=11)])
    line = build(IPW(on=("a",)), panel).calibration["calibration_line"].set_index("chance")
    assert line.loc["held_out", "n_units"] == 0
    assert line.loc["held_out", "reason"] == "the model cannot be fitted without some of the units"


def test_the_same_deal_every_time():
    one, two = (build(METHODS["ipw"], authorities()).calibration["calibration_line"] for _ in range(2))
    assert one.equals(two)
