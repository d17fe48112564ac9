"""Whose effect a number is: the treated's, all units', or where groups overlap, in tables and in words.

Eight units (`two_towns`). In town 0 one of four starts and falls by 1 from 10; in town 1 two of four do and fall by 5
from 20. Per treated unit the effect is ``-(1 + 5 + 5) / 3``, per unit ``-(1 + 5) / 2``; by the overlap weights,
4 x 1/4 x 3/4 and 4 x 1/2 x 1/2 of the towns, ``-(0.75 x 1 + 5) / 1.75``.
"""

import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from sos_eval.design.estimand import estimand_rows
from sos_eval.inference.analytic import Analytic
from sos_eval.jobs import steps
from sos_eval.jobs.apart import _others
from sos_eval.jobs.run import run
from sos_eval.results.facts import RunFacts
from sos_eval.results.method import registered
from tests.jobs.two_towns import METHODS, weighed, written

TRUE = {"att": -11 / 3, "ate": -3.0, "ato": -5.75 / 1.75}
#: The level without it: what is seen after the start (9, 15 and 15, weighed) less the effect.
WITHOUT = {"att": 39 / 3 + 11 / 3, "ate": (4 * 9 + 4 * 15) / 8 + 3, "ato": (0.75 * 9 + 15) / 1.75 + 5.75 / 1.75}
ASKED = [(method, "ate") for method in METHODS] + [("ipw", "ato"), ("ipw", "att"), ("exact", "att")]


def fitted_on(design):
    """Return the estimates of a design, by id."""
    fitted = steps.estimate(design, steps.compare(design, steps.load_panels(design)))
    return {name: one for (name, _), one in fitted.items()}


@pytest.mark.parametrize(("method", "estimand"), ASKED)
def test_every_method_that_takes_an_estimand_writes_it(tmp_path, method, estimand):
    fit = fitted_on(written(tmp_path, weighed(method, estimand)))["one"]
    table = Analytic().infer(fit, np.random.default_rng(1)).table
    assert table["estimate"].to_numpy() == pytest.approx(TRUE[estimand], abs=1e-6)
    assert list(table["estimand"]) == [estimand] == [fit.estimand]


def test_the_methods_above_are_all_that_take_one():
    """A method with the option that is not tried above would be labelled by nobody's test."""
    takes = {
        name for name, method in registered("comparison").items() if "estimand" in {f.name for f in fields(method)}
    }
    assert takes == set(METHODS)


@pytest.mark.parametrize("estimand", ["att", "ate", "ato"])
def test_every_table_and_sentence_says_whose_effect_it_is(tmp_path, estimand):
    bundle = run(written(tmp_path, weighed("ipw", estimand)), out=tmp_path / "out")
    rows = bundle.estimates
    assert set(rows["estimand"]) == {estimand} == {bundle.headline["estimand"]}
    assert rows["estimate"].to_numpy() == pytest.approx(TRUE[estimand], abs=1e-6)
    assert bundle.facts.panel.estimand == estimand
    assert bundle.headline["percent"]["level_without"] == pytest.approx(WITHOUT[estimand], abs=1e-6)
    assert bundle.headline["percent"]["estimate"] == pytest.approx(100 * TRUE[estimand] / WITHOUT[estimand], abs=1e-5)
    told = " ".join([bundle.headline["sentence"], bundle.headline["basis"], *bundle.headline["does_not_show"]])
    emmie = bundle.tables("evidence.emmie")["evidence"].iloc[0]
    trial = bundle.tables("evidence.target_trial").set_index("element")["as_declared"]
    summary, page = trial["what is estimated"], (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    if estimand == "att":
        assert "average over those that were treated" in told
        assert "over treated units" in summary
        assert "stand in for the treated" in page
        assert not any("weighed to stand" in note for note in bundle.facts.notes.get("one", ()))
        return
    over = "all authorities compared" if estimand == "ate" else "where either could have started or not"
    assert told.count(over) >= 2
    assert "those that were treated" not in told
    assert f"({estimand})" in bundle.headline["basis"]
    assert "treated units and periods" not in summary
    assert ("all units compared" in summary) == (estimand == "ate")
    assert "weighed to stand for all" in emmie or "where the groups overlap" in emmie
    assert "stand in for the treated" not in page
    assert any(f"({estimand})" in note for note in bundle.facts.notes["one"])


def test_the_rule_and_the_lots_weigh_as_the_estimate_does(tmp_path):
    """Weights 4, 2 and 2 of the treated are worth 8^2 / (16 + 4 + 4) clusters; every lot builds the group again."""
    test = {"method": "randomization", "statistic": "coefficient", "draws": 999, "interval": "none"}
    design = written(tmp_path, weighed("exact", "ate"), inference=[{"method": "auto"}, test])
    bundle = run(design, out=tmp_path / "out")
    assert bundle.facts.inference.effective_treated_clusters == pytest.approx(64 / 24)
    assert set(bundle.estimates["estimand"]) == {"ate"}
    tests = pd.read_csv(tmp_path / "out" / "tests.csv")
    drawn = tests[tests["statistic"] == "coefficient"]
    assert drawn["observed"].to_numpy() == pytest.approx(-3)
    assert bundle.estimates["p_value"].notna().any()


def test_a_match_on_earlier_outcomes_names_the_treated_beside_all(tmp_path):
    comparison = weighed("entropy", "ate") | {"on": ["outcome_pre"]}
    rows = run(written(tmp_path, comparison), out=tmp_path / "out").diagnostics.set_index("name")
    assert "an average over the treated alone, instead of" in rows.loc["unmatched", "text"]


def test_averages_over_others_are_not_other_estimates_of_one_number(tmp_path):
    entries = [
        {"id": "one", "method": "twfe", "covariates": []},
        {"id": "same", "method": "callaway_santanna", "covariates": []},
        {"id": "all", "method": "twfe", "covariates": [], "with": {"comparison": weighed("exact", "ate")}},
    ]
    design = written(tmp_path, weighed("exact", "att"), estimators=entries)
    fitted = {(name, "outcome"): one for name, one in fitted_on(design).items()}
    assert list(_others(("one", "outcome"), fitted)) == ["same"]
    assert [fitted[name, "outcome"].estimand for name in ("one", "all")] == ["att", "ate"]


def test_an_estimators_own_option_counts_where_the_group_says_nothing(tmp_path):
    design = written(tmp_path, "none", estimators=[{"id": "one", "method": "aipw", "estimand": "ate"}])
    assert design.estimators[0].estimand == "ate"
    assert "all units compared" in dict(estimand_rows(design))["Summary"]


def test_bundles_from_before_are_about_the_treated(tmp_path):
    run(written(tmp_path, weighed("ipw", "ate")), out=tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert RunFacts.from_json(results).panel.estimand == "ate"
    del results["panel"]["estimand"]
    assert RunFacts.from_json(results).panel.estimand == "att"


def test_several_starts_are_weighed_together_and_said_so(tmp_path):
    design = written(tmp_path, weighed("exact", "ate"))
    table = pd.read_csv(tmp_path / "p.csv")
    table.loc[table["la"] == "u4", "first"] = 2013
    table.to_csv(tmp_path / "p.csv", index=False)
    notes = fitted_on(design)["one"].comparison.notes
    assert any("those of 2 starts together, not each" in note for note in notes)
    apart = written(tmp_path, weighed("exact", "ate") | {"cohorts": "apart"})
    table.to_csv(tmp_path / "p.csv", index=False)
    made = fitted_on(apart)["one"].comparison
    assert made.estimand == "ate"
    assert any("each of 2 starts with the units that never start" in note for note in made.notes)
