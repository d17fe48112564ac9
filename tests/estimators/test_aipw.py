"""Doubly robust comparison of people: eight units by hand, either model wrong, folds that cut nobody, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison import DeclaredSets, build
from sos_eval.comparison.people import People
from sos_eval.errors import NotIdentified
from sos_eval.estimators import AIPW
from sos_eval.estimators._people import complete_rows
from sos_eval.inference import Analytic, Randomization
from sos_eval.numerics.crossfit import augmented_mean, cross_fitted
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import clustered_error
from sos_eval.results.fitted import Fitted
from tests.comparison.people_panel import SETS, many
from tests.fakes import cross_sections_of


def children(seed: int = 1, units: int = 24, each: int = 40, effect: float = 2.0, authority_sd: float = 0.3) -> Panel:
    """Children of authorities of which a third start in the second of three years; x moves arm and outcome."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), each)
    starts = np.where(np.arange(units) < units // 3, 2.0, np.inf)[unit]
    time = rng.integers(1, 4, len(unit)).astype(float)
    x = rng.normal(size=len(unit)) + 0.4 * np.isfinite(starts)
    level = rng.normal(scale=authority_sd, size=units)[unit]
    y = 1 + x + 0.3 * time + level + effect * (time >= starts) + rng.normal(size=len(unit))
    panel = cross_sections_of(y, [f"u{i:03d}" for i in unit], time, starts)
    order = np.lexsort((time, unit))
    frame = panel.frame.assign(x=x[order], kind=np.where(x[order] > 0.5, "north", "south"))
    return replace(panel, frame=frame, covariates=("x", "kind"))


def matched() -> Panel:
    method = DeclaredSets(sets=SETS, people=People(on=("x",)))
    return build(method, method.restricted(many())).panel


def error(panel: Panel, method: AIPW) -> float:
    return float(clustered_error(method.complete(panel))[0])


def test_without_covariates_eight_units_are_two_means_by_hand():
    # in each fold two treated and two others, so that chances are 1/2: (5 + 7 + 6 + 10) / 4 - (1 + 2 + 2 + 4) / 4
    y = np.array([5.0, 7, 6, 10, 1, 2, 2, 4])
    panel = cross_sections_of(y, list("abcdefgh"), np.full(8, 2.0), np.where(np.arange(8) < 4, 2.0, np.inf))
    estimate = AIPW(folds=2).complete(panel)
    assert estimate.values[0] == pytest.approx(4.75)
    assert estimate.influence.sum() == pytest.approx(0, abs=1e-9)
    row = estimate.cells.iloc[0]
    assert (row["estimand"], row["n_obs"], row["n_units"], row["n_treated_units"]) == ("att", 8, 8, 4)
    assert AIPW(folds=2, estimand="ate").complete(panel).values[0] == pytest.approx(4.75)


@pytest.mark.parametrize("estimand", ["att", "ate"])
def test_no_unit_is_told_by_itself_and_the_error_is_the_clustered_sum(estimand, monkeypatch):
    panel, method = children(), AIPW(estimand=estimand)
    seen = {}

    def watched(y, arm, x, weights, folds, **options):
        seen.update(y=y, arm=arm, x=x, weights=weights, folds=folds)
        return cross_fitted(y, arm, x, weights, folds, **options)

    monkeypatch.setattr("sos_eval.estimators.aipw.cross_fitted", watched)
    estimate = method.complete(panel)
    rows = estimate.panel.frame.assign(fold=seen["folds"], arm=seen["arm"])
    assert (rows.groupby("unit")["fold"].nunique() == 1).all()
    per_fold = rows.groupby(["fold", "arm"])["unit"].nunique().unstack()
    assert (per_fold.max() - per_fold.min() <= 1).all()
    assert set(rows["time"]) == {2.0, 3.0}
    learnt = cross_fitted(**seen, outcome="linear", chance="logistic", both=estimand == "ate")
    value, influence = augmented_mean(seen["y"], seen["arm"], seen["weights"], learnt, estimand)
    sums = pd.Series(influence).groupby(rows["unit"].to_numpy()).sum()
    assert estimate.values[0] == pytest.approx(value, rel=1e-12)
    assert clustered_error(estimate)[0] == pytest.approx(np.sqrt((sums**2).sum()) / len(rows), rel=1e-12)


def test_clusters_of_several_units_are_not_cut():
    panel = children()
    region = panel.frame["unit"].str[1:].astype(int) // 2
    regions = panel.with_columns(cluster=("r" + region.astype(str)).to_numpy())
    method = AIPW(folds=4)
    rows, _ = method._compared(regions), ()
    arm = rows.frame["treated"].to_numpy() > 0
    folds = method._dealt(rows, arm)
    assert (pd.Series(folds).groupby(rows.frame["cluster"].to_numpy()).nunique() == 1).all()
    by_child = panel.with_columns(cluster=np.arange(panel.n_rows).astype(str))
    rows = method._compared(by_child)
    folds = method._dealt(rows, arm)
    assert (pd.Series(folds).groupby(rows.frame["unit"].to_numpy()).nunique() == 1).all()
    assert error(by_child, method) < error(panel, method)


@pytest.mark.parametrize("estimand", ["att", "ate"])
@pytest.mark.parametrize("wrong", ["chance", "outcome"])
def test_either_model_may_be_wrong(estimand, wrong):
    """The square of x moves one of arm and outcome, and no model has it."""
    rng = np.random.default_rng(3)
    units = 4000
    x = rng.normal(size=units)
    square = x**2 - 1
    arm = rng.random(units) < 1 / (1 + np.exp(-(0.5 * x + 0.5 * square * (wrong == "chance"))))
    y = x + square * (wrong == "outcome") + 2.0 * arm + 0.5 * rng.normal(size=units)
    names = [f"u{i:04d}" for i in range(units)]
    panel = cross_sections_of(y, names, np.full(units, 2.0), np.where(arm, 2.0, np.inf))
    panel = replace(panel, frame=panel.frame.assign(x=x), covariates=("x",))
    method = AIPW(estimand=estimand, trim=0.001)
    estimate = method.complete(panel)
    assert abs(estimate.values[0] - 2.0) < 3 * clustered_error(estimate)[0] < 0.4


def test_matched_rows_are_those_after_the_window_with_their_weights():
    panel = matched()
    estimate = AIPW(folds=2, covariates=("x",)).complete(panel)
    after = panel.frame[panel.frame["post"] > 0].reset_index(drop=True)
    assert len(estimate.panel.frame) == len(after)
    assert estimate.cells["n_obs"].iloc[0] == after["source_row"].nunique()
    assert (estimate.panel.frame["weight"] == after["weight"]).all()
    assert (np.abs(estimate.influence[:, 0]) > 0).all()
    with pytest.raises(NotIdentified, match="no test swaps these"):
        AIPW(folds=2).estimate_assignments(panel, np.array([panel.first_treated]))


def test_order_of_rows_and_scale_of_weights_and_covariates_do_not_matter():
    panel, method = children(), AIPW()
    plain = method.complete(panel)
    shuffled = replace(panel, frame=panel.frame.sample(frac=1, random_state=3).sort_values("unit", kind="stable"))
    heavier = panel.with_columns(weight=panel.frame["weight"] * 2.0**40)
    far = panel.with_columns(x=(panel.frame["x"] + 1024) * 2.0**30)
    for other in (shuffled, heavier, far):
        estimate = method.complete(other)
        np.testing.assert_allclose(estimate.values, plain.values, rtol=1e-8)
        np.testing.assert_allclose(clustered_error(estimate), clustered_error(plain), rtol=1e-8)
    four = method.complete(panel.with_columns(outcome=panel.frame["outcome"] * 4 + 7))
    np.testing.assert_allclose(four.values, plain.values * 4, rtol=1e-8)
    again = method.complete(panel)
    assert again.values.tobytes() == plain.values.tobytes()
    assert replace(method, deal=2).complete(panel).values[0] != plain.values[0]


def test_two_copies_of_a_row_are_one_of_double_weight():
    panel = children()
    twice = np.arange(panel.n_rows) % 3 == 0
    copied = pd.concat([panel.frame, panel.frame[twice]]).sort_values("unit", kind="stable", ignore_index=True)
    one = AIPW().complete(replace(panel, frame=copied))
    two = AIPW().complete(panel.with_columns(weight=np.where(twice, 2.0, 1.0)))
    np.testing.assert_allclose(one.values, two.values, rtol=1e-7)
    np.testing.assert_allclose(clustered_error(one), clustered_error(two), rtol=1e-7)


@pytest.mark.parametrize("name", ["boosting", pytest.param("forest", marks=pytest.mark.slow)])
def test_trees_find_the_effect(name):
    estimate = AIPW(chance=name, expected=name, trim=0.02).complete(children(units=60))
    assert abs(estimate.values[0] - 2) < 4 * clustered_error(estimate)[0]


def test_overlap_is_reported_and_rows_are_left_out_only_as_declared():
    panel = children()
    told = AIPW().complete(panel).notes[-1]
    assert told.startswith("estimated chances of treatment lie between")
    assert "their overlap is 0." in told
    trimmed = AIPW(trim=0.45).complete(panel)
    assert "are left out, as declared: the estimate is about the others" in trimmed.notes[0]
    assert trimmed.panel.n_rows < AIPW().complete(panel).panel.n_rows
    apart = panel.with_columns(x=panel.frame["x"] + 2.5 * np.isfinite(panel.frame["first_treated"]))
    with pytest.raises(NotIdentified, match=r"no overlap: \d+ of \d+ rows have an estimated chance of treatment above"):
        AIPW().complete(apart)
    with pytest.raises(NotIdentified, match=r"above 0\.6 or below 0\.4"):
        AIPW(estimand="ate", trim=0.4, covariates=()).complete(panel)


def test_refusals_say_what_to_write():
    panel = children()
    with pytest.raises(NotIdentified, match="8 treated units with rows after the start are fewer than 9 folds") as told:
        AIPW(folds=9).complete(panel)
    assert told.value.faults[0].instead == "write folds: 8"
    nobody = panel.with_first_treated(np.full(24, np.inf))
    with pytest.raises(NotIdentified, match="0 treated units"):
        AIPW().complete(nobody)
    with pytest.raises(NotIdentified, match="0 comparison units"):
        AIPW().complete(panel.with_first_treated(np.full(24, 2.0)))
    with pytest.raises(NotIdentified, match="holds other values than 0 and 1"):
        AIPW(expected="logistic").complete(panel)
    with pytest.raises(NotIdentified, match="rows are units and periods"):
        AIPW().complete(replace(panel, layout="panel"))
    marked = panel.with_columns(mark=np.isfinite(panel.frame["first_treated"]).astype(float))
    with pytest.raises(NotIdentified, match="no overlap: 217 of 651 rows"):
        AIPW(covariates=("mark",)).complete(marked)
    part = panel.with_columns(treated=panel.frame["treated"] / 2)
    with pytest.raises(NotIdentified, match="transition: drop"):
        AIPW().complete(part)


def test_rows_without_outcome_or_covariate_are_left_out_and_counted():
    panel = children()
    inside = np.flatnonzero(panel.frame["time"] >= 2)[:5]
    holes = panel.with_columns(x=panel.frame["x"].where(~panel.frame.index.isin(inside)))
    assert AIPW().complete(holes).notes[0] == "5 rows without outcome or covariate are left out of the regression"


@pytest.mark.slow
def test_a_randomization_test_deals_learns_and_estimates_again():
    panel = children(each=15)
    fitted = Fitted("a", "primary", AIPW(), AIPW().complete(panel), panel)
    row = Randomization(draws=39).infer(fitted, np.random.default_rng(1)).table.iloc[0]
    assert row["p_value"] <= 0.1
    analytic = Analytic().infer(fitted, np.random.default_rng(1)).table.iloc[0]
    assert analytic["std_error"] == pytest.approx(error(panel, AIPW()), rel=0.05)


def test_the_notes_say_how_chances_come_about():
    """The line through chances of other folds is that of a logistic regression on their log odds."""
    import re

    import statsmodels.api as sm

    panel = children(3, units=30, each=60)
    method = AIPW()
    (said,) = (note for note in method.complete(panel).notes if "have slope" in note)
    rows, _ = complete_rows(method._compared(panel), panel.covariates)
    arm = rows.frame["treated"].to_numpy() > 0
    chance = method._learnt(rows, arm, panel.covariates, method._dealt(rows, arm)).chance
    odds = sm.add_constant(np.log(chance / (1 - chance)))
    told = sm.Logit(arm + 0.0, odds).fit(disp=0, tol=1e-12).params
    slope, intercept = map(float, re.findall(r"slope (\S+) and intercept (\S+)", said)[0])
    assert slope == pytest.approx(told[1], rel=0.06)
    assert intercept == pytest.approx(told[0], abs=0.06 * abs(told[0]) + 1e-3)
