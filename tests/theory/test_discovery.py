"""Differences that are looked for: econml called directly, a world without any, one with a known one, refusals."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import sos_eval as se
from sos_eval.errors import DesignFault, InputFault, NotIdentified
from sos_eval.numerics import _econml
from sos_eval.numerics._econml import Training
from sos_eval.panel.changes_of_people import changes_of_people
from sos_eval.theory.discovery import CausalForest, DoubleML, DrLearner, changes_of, too_few_clusters
from sos_eval.theory.exploration import explored
from tests.fakes import cross_sections_of, panel_of
from tests.jobs.test_theory import load

LEARNERS = {"double_ml": DoubleML, "dr_learner": DrLearner, "causal_forest": CausalForest}
WIDE = """\
schema: sos-eval/world/1
name: wide
title: ninety authorities, half of which start; the effect grows with deprivation
seed: 3
times: {first: 2011, last: 2018}
columns: {unit: la_code, time: year, exposure: children_0_17}
authorities: {n: 90, covariates: {turnover: {mean: 16, sd: 4}}}
outcome: {name: care_entries, mean: {2011: 28}, level_sd: 0.15, persistence: {rho: 0.5, sd: 0.05}}
adoption: {pattern: calendar, treated: 45, start: 2015}
effect: {size: -4, moderator: {idaci: 0.9}}
theory:
  edges: [[practice, trust, 1.0], [trust, outcome, -0.1]]
  mediators: {trust: {mean: 10, level_sd: 0.5, noise_sd: 0.3}}
"""


def roll_out(seed, slope=0.0, n=80, treated=40):
    """A roll-out of which `b` moves trends and chances of treatment, and `a` the effect."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    starts = np.full(n, np.inf)
    starts[np.argsort(-(0.5 * x[:, 1] + rng.logistic(size=n)))[:treated]] = 2004.0
    late = np.arange(2001, 2007) >= 2004
    y = 20 + rng.standard_normal((n, 1)) + 1.5 * rng.standard_normal((n, 6)) + 0.5 * x[:, [1]] * late
    y += ((-3 + slope * x[:, 0]) * np.isfinite(starts))[:, None] * late
    return panel_of(y, starts, a=x[:, 0], b=x[:, 1], c=x[:, 2])


def found(panel, learner, seed=1):
    return explored(learner, changes_of(panel, learner.among), np.random.default_rng(seed))


def rows(seed=0, n=200):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((n, 2)), rng.standard_normal((n, 1))
    treated = (rng.random(n) < 0.5).astype(float)
    change = w[:, 0] + treated * (1 + x[:, 0]) + rng.standard_normal(n)
    return Training(change, treated, x, w, np.ones(n), np.arange(n) % 4, 7)


@pytest.mark.parametrize("name", LEARNERS)
def test_equal_to_econml_called_directly(name):
    from econml.dml import CausalForestDML, LinearDML
    from econml.dr import DRLearner
    from sklearn.linear_model import LinearRegression, LogisticRegression

    data, at = rows(), np.linspace(-2, 2, 20).reshape(10, 2)
    folds = [(np.flatnonzero(data.folds != k), np.flatnonzero(data.folds == k)) for k in range(4)]
    stages = {"discrete_treatment": True, "cv": folds, "random_state": 7}
    match name:
        case "double_ml":
            direct = LinearDML(model_y=LinearRegression(), model_t=LogisticRegression(max_iter=1000), **stages)
        case "dr_learner":
            direct = DRLearner(
                model_regression=LinearRegression(), model_propensity=LogisticRegression(max_iter=1000),
                cv=folds, random_state=7,
            )  # fmt: skip
        case "causal_forest":
            direct = CausalForestDML(
                model_y=LinearRegression(), model_t=LogisticRegression(max_iter=1000), n_estimators=40,
                max_samples=0.4, min_samples_leaf=5, inference=False, n_jobs=1, **stages,
            )  # fmt: skip
    direct.fit(data.change, data.treated, X=data.among, W=data.controls)
    options = {"trees": 40, "subsample": 0.4, "least_leaf": 5} if name == "causal_forest" else {}
    ours = getattr(_econml, name)(data, at, **options)
    assert ours == pytest.approx(direct.effect(at).ravel(), abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["double_ml", "dr_learner"])
def test_noise_is_not_sold_as_difference(name):
    """100 worlds of one effect at 40 and 40 clusters, the fewest allowed: 5 found of each kind expected, 12 at most."""
    learner = LEARNERS[name](("a", "b", "c"), splits=1)
    called = [found(roll_out(seed), learner, seed) for seed in range(100)]
    assert sum(one.test["p_value"].iloc[0] <= 0.05 for one in called) <= 12
    assert sum((one.projection["p_adjusted"] <= 0.05).any() for one in called) <= 12


@pytest.mark.parametrize("name", LEARNERS)
def test_a_known_moderator_is_recovered(name):
    learner = LEARNERS[name](("a", "b", "c"), splits=1, **({"trees": 100} if name == "causal_forest" else {}))
    worlds = [found(roll_out(seed, slope=1.5, n=160, treated=80), learner, seed) for seed in range(10)]
    of_a = np.array([one.projection.set_index("column").loc["a", "estimate"] for one in worlds])
    assert of_a.mean() == pytest.approx(1.5, abs=3 * of_a.std() / np.sqrt(10))
    assert all(one.test["p_value"].iloc[0] < 0.01 for one in worlds)
    outer = np.array([one.groups["estimate"].to_numpy(float)[[0, -1]] for one in worlds])
    assert (outer[:, 0] < outer[:, 1]).all()
    assert np.mean([one.members.set_index("column").loc["a", "difference"] for one in worlds]) > 1.5


def test_predictions_over_the_treated_are_told_around_the_average_effect():
    panel, learner = roll_out(4, slope=1.0), DoubleML(("a", "b", "c"), splits=1)
    found = explored(learner, changes_of(panel, learner.among), np.random.default_rng(1))
    average, slope = found.test[["estimate", "slope"]].iloc[0]
    spread = found.distribution[["predicted", "calibrated"]] - average
    assert found.distribution["percentile"].tolist() == list(range(5, 100, 5))
    np.testing.assert_allclose(spread["calibrated"], slope * spread["predicted"])
    assert (np.diff(spread["predicted"]) > 0).all()
    assert spread["predicted"].iloc[0] < 0 < spread["predicted"].iloc[-1]


def test_medians_over_splits_and_twice_the_median_p():
    panel, learner = roll_out(4, slope=1.0), DoubleML(("a", "b", "c"), splits=3)
    rng = np.random.default_rng(9)
    changes = changes_of(panel, learner.among)
    singly = [explored(replace(learner, splits=1, level=0.975), changes, rng) for _ in range(3)]
    together = explored(learner, changes, np.random.default_rng(9))
    for split, one in enumerate(singly, 1):  # whose column means these are
        lowest = together.behind.loc[together.behind[["split", "group"]].eq([split, 1]).all(axis=1), "unit"]
        own = panel.frame.drop_duplicates("unit").set_index("unit")["a"]
        assert one.members.set_index("column").loc["a", "lowest"] == pytest.approx(own[lowest].mean())
    slopes, p = ([one.test[column].iloc[0] for one in singly] for column in ("slope", "p_value"))
    assert together.test["slope"].iloc[0] == np.median(slopes)
    assert together.test["p_value"].iloc[0] == pytest.approx(min(1, 2 * np.median(p)))
    lows = [one.groups["conf_low"].to_numpy(float) for one in singly]
    assert together.groups["conf_low"].to_numpy(float) == pytest.approx(np.median(lows, axis=0))


def children(seed, n=80, slope=0.0, each=40):
    """Children of authorities before and after: `age` moves levels, one authority's shock is all its children's."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n), 4 * each)
    time = np.tile(np.repeat([2001.0, 2002.0, 2003.0, 2004.0], each), n)
    treated = unit < n // 2
    age = rng.standard_normal(len(unit)) + 0.3 * treated
    level, shock = rng.standard_normal(n), 0.3 * rng.standard_normal((n, 2))
    late = (time >= 2003).astype(int)
    y = level[unit] + (0.5 + 0.4 * treated) * age + shock[unit, late] + rng.standard_normal(len(unit))
    y += late * (0.2 * age + treated * (-1 + slope * age))
    starts = np.where(treated, 2003.0, np.inf)
    panel = cross_sections_of(y, [f"u{u:03d}" for u in unit], time, starts)
    order = np.lexsort((time, unit))
    return panel.with_columns(age=age[order], size=rng.standard_normal(len(unit))[order])


def test_changes_of_people_by_hand():
    """Before: 1, 3 at x 0, 1 in one unit and 5, 7 in the other; after, at x 2, 6 is 1 more than 1 + 2 x 2."""
    panel = cross_sections_of(
        [1, 3, 6, 5, 7, 9], ["a"] * 3 + ["b"] * 3, [2001, 2001, 2002] * 2, [2002] * 3 + [np.inf] * 3
    ).with_columns(x=[0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    rows_after = changes_of_people(panel.changed(covariates=("x",)))
    assert rows_after.change == pytest.approx([1.0, 0.0])
    assert rows_after.treated.tolist() == [True, False]


@pytest.mark.slow
def test_children_within_authorities():
    learner = DoubleML(("age", "size"), splits=1)
    same = [found(children(seed), learner, seed) for seed in range(30)]
    apart = [found(children(seed, slope=0.4), learner, seed) for seed in range(5)]
    assert sum((one.projection["p_adjusted"] <= 0.05).any() for one in same) <= 5  # 1.5 expected
    of_age = np.array([one.projection["estimate"].iloc[0] for one in apart]) / np.std(children(0).frame["age"])
    assert of_age.mean() == pytest.approx(0.4, abs=0.03)
    averages = np.array([one.test["estimate"].iloc[0] for one in same])
    assert averages.mean() == pytest.approx(-1, abs=3 * averages.std() / np.sqrt(30))
    errors = np.mean([one.test["std_error"].iloc[0] for one in same])
    assert errors == pytest.approx(averages.std(), rel=0.4)  # 0.13 is the error of a spread from 30, three of them


def test_few_clusters_are_refused_with_what_could_be_found():
    assert too_few_clusters(roll_out(1)) == ""
    said = too_few_clusters(roll_out(1, treated=39))
    assert said.startswith("39 treated and 41 comparison clusters; looking for differences needs 40 of each")
    assert said.endswith("of the rate: 10 treated 46%, 20 treated 34%, 40 treated 26%, 70 treated 24%")
    with pytest.raises(NotIdentified, match="a does not vary"):
        changes_of(panel_of(np.zeros((4, 2)), [2002, 2002, np.inf, np.inf], a=np.ones(4)), ("a",))


def test_columns_that_say_the_same_are_refused():
    panel = roll_out(1)
    twice = panel.with_columns(d=panel.frame["a"])
    with pytest.raises(NotIdentified, match="a, d say the same: one follows from the others"):
        changes_of(twice.changed(covariates=()), ("a", "d"))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[{discover: causal_tree, among: [idaci]}]", "no learner is called 'causal_tree'"),
        ("[{discover: double_ml}]", "moderators.0.among"),
        ("[{discover: double_ml, among: [idaci], trees: 4}]", "moderators.0.trees: no such key"),
        ("[{discover: double_ml, among: [trust]}]", "the intervention moves trust: practice -> trust"),
        ("[{discover: double_ml, among: [a]}, {discover: double_ml, among: [b]}]", "double_ml is declared twice"),
        ("[{discover: double_ml, among: [idaci], folds: 2}]", "moderators.0.folds"),
        ("[{discover: double_ml, among: [idaci, care_entries]}]", "care_entries is what the outcome is made of"),
    ],
)
def test_faults(tmp_path, section, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("seed: 1\n", f"moderators: {section}\nseed: 1\n"))
    assert any(said in str(fault) for fault in caught.value.faults)


def test_run_refuses_few_clusters_before_estimating(tmp_path):
    design = load(tmp_path, ("seed: 1\n", "moderators: [{discover: double_ml, among: [idaci]}]\nseed: 1\n"))
    with pytest.raises(NotIdentified, match="8 treated and 32 comparison clusters"):
        se.run(design, out=tmp_path / "out")


def wide(tmp_path):
    asked = "moderators: [{by: idaci_half, draws: 99}, {discover: double_ml, among: [idaci, turnover]}]\nseed: 1\n"
    asked = f"implementation: {{stages: {{start: 0, later: 1}}}}\n{asked}"
    design = load(tmp_path, ("seed: 1\n", asked), ("[{method: twfe}]", "[{method: callaway_santanna}]"))
    (tmp_path / "w.yaml").write_text(WIDE)
    return design


def test_run_marks_everything_exploratory(tmp_path):
    design = wide(tmp_path)
    bundle = se.run(design, out=tmp_path / "out")
    assert bundle.design["moderators"][1]["discover"] == "double_ml"
    names = [name for name in bundle.table_names if name.startswith("moderators.discovery")]
    assert len(names) == 6
    names.remove("moderators.discovery.true_effects")
    assert all((bundle.tables(name)["status"] == "exploratory").all() for name in names)
    groups = bundle.tables("moderators.discovery.groups").merge(bundle.tables("moderators.discovery.true_effects"))
    assert len(groups) == 4
    assert (np.diff(groups["true_effect"]) > 0).all()
    assert (np.abs(groups["estimate"] - groups["true_effect"]) < 3.5 * groups["std_error"]).all()
    stages = bundle.tables("implementation.by_stage").merge(bundle.tables("implementation.true_effects"), on="stage")
    assert set(stages["stage"]) == {"start", "later"}
    whole = np.average(groups["true_effect"], weights=groups["n_treated"])  # of medians; the effect stays as it is
    assert stages["true_effect"].tolist() == pytest.approx([whole] * 2, rel=0.02)
    test = bundle.tables("moderators.discovery").iloc[0]
    assert test["p_adjusted"] < 0.05
    spread = bundle.tables("moderators.discovery.distribution")
    assert spread["percentile"].tolist() == list(range(5, 100, 5))
    assert (np.diff(spread["predicted"]) >= 0).all()
    assert not bundle.estimates["subgroup"].astype(str).str.contains("double_ml").any()
    page = (bundle.path / "report.html").read_text()
    assert "Exploratory: where the effect may differ" in page
    assert "Exploratory: does the effect differ?" in page
    assert page.count("beside each estimate stands the true effect, averaged as this estimate averages.") == 2
    again = se.run(design, out=tmp_path / "again")
    assert again.tables("moderators.discovery").equals(bundle.tables("moderators.discovery"))


def test_without_econml_it_is_said_what_to_install(tmp_path, monkeypatch):
    design = wide(tmp_path)
    monkeypatch.setitem(sys.modules, "econml.dml", None)
    with pytest.raises(InputFault, match="install econml, or take the entry with discover out") as caught:
        se.run(design, out=tmp_path / "out")
    assert "d.yaml" in str(caught.value)
    plain = load(tmp_path, ("seed: 1\n", "moderators: [{by: idaci_half, draws: 99}]\nseed: 1\n"))
    assert se.run(plain, out=tmp_path / "plain").tables("moderators.discovery").empty


def test_check_says_that_econml_is_lacking(tmp_path, monkeypatch):
    from sos_eval.jobs.check import check_design
    from sos_eval.numerics import _econml

    path = wide(tmp_path).path
    monkeypatch.setattr(_econml, "is_installed", lambda name: False)
    with pytest.raises(InputFault, match=r"d\.yaml:\d+: .*econml, which learns that, is not installed"):
        check_design(path)


def test_as_an_estimator_it_is_sent_to_moderators(tmp_path):
    with pytest.raises(DesignFault, match=r"where the effect differs; write moderators: \[\{discover: double_ml"):
        load(tmp_path, ("estimators: [{method: twfe}]", "estimators: [{method: double_ml}]"))
