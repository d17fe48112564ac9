"""A page on children: matched rows, outcomes tested together, true effects of the world, clustered errors of few."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import yaml_text
from sos_eval.declare import read_yaml
from sos_eval.jobs.run import run
from sos_eval.report.basis import basis
from sos_eval.report.cautions import what_would_change_it
from sos_eval.report.clustered import clustered_apart, drawn_of_few
from sos_eval.report.content import Table, Text
from sos_eval.report.family_blocks import families
from sos_eval.report.figures.estimates import data as estimates_drawn
from sos_eval.report.first_page import weighed
from sos_eval.report.group_blocks import group_words, groups_of_rows, why_no_balance
from sos_eval.report.sections import _found
from sos_eval.report.truth_blocks import beside_the_truth
from sos_eval.report.verdict import effect_of
from sos_eval.results.assignments import FIXED
from sos_eval.results.comparison import OF_UNITS
from sos_eval.worlds.children import children_from
from sos_eval.worlds.children_source import children_tables
from tests.conftest import ROOT, without_pages

OUTCOMES = ("assessment_days", "conference")


def _smaller(design, world):
    """Keep two outcomes, the sets and the linear model of the 2020 design, on a fifth of the children."""
    world["children"]["referrals"] = 80
    panel = design["panel"]
    panel["outcomes"] = {name: panel["outcomes"][name] for name in OUTCOMES}
    del panel["imputation"]
    design["comparison"]["people"]["missing"] = "category"
    sets, published = design["estimators"][0], next(one for one in design["estimators"] if one["id"] == "published")
    del sets["with"]["panel.imputation"]
    sets["with"]["panel.events.means"] = ["days", "conferred"]
    sets["inference"][0]["draws"] = 199
    design["estimators"] = [sets, published | {"outcome": list(OUTCOMES), "covariates": []}]
    design["families"][0]["outcomes"] = list(OUTCOMES)
    design["checks"] = ["path"]


def _run(folder, more=None, first="sets"):
    for name in ("designs", "synthetic"):
        (folder / name).mkdir(parents=True)
    for file in (ROOT / "designs").glob("sos_evaluation_2020*"):
        shutil.copy(file, folder / "designs")
    design = deepcopy(read_yaml(ROOT / "designs" / "sos_evaluation_2020.yaml").data)
    world = deepcopy(read_yaml(ROOT / "synthetic" / "cin_cla_children.yaml").data)
    _smaller(design, world)
    for entry in design["estimators"]:
        entry["role"] = "primary" if entry["id"] == first else "secondary"
    for path, what in (("designs/x.yaml", design | (more or {})), ("synthetic/cin_cla_children.yaml", world)):
        (folder / path).write_text(yaml_text(what))
    with without_pages():
        return run(folder / "designs" / "x.yaml", out=folder / "out")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return _run(tmp_path_factory.mktemp("children"))


def test_balance_of_matched_rows_is_told_and_no_page_says_that_none_was_built(bundle):
    table = bundle.tables("published.assessment_days.balance")
    told, shown, lost = groups_of_rows(bundle)
    assert ".flow" in told.text
    row = shown.frame.set_index("Outcome").loc["Working days that an assessment takes"]
    after = table[table["stage"] == "after"]
    kept, every = (table.loc[table["stage"] == stage, "n_treated"].max() for stage in ("after", "before"))
    assert row["Rows, treated"] == f"{kept:,.0f} of {every:,.0f}"
    assert 0 < kept < every
    assert float(row["Largest difference after"]) == pytest.approx(after["std_mean_diff"].abs().max(), abs=6e-4)
    assert "tables/published.assessment_days.balance.csv" in why_no_balance(bundle)
    flow = bundle.tables("published.assessment_days.flow")
    dropped = flow[(flow["what"] == "dropped") & (flow["units"] == 0)]
    assert dropped["reason"].str.startswith(("treated rows", "comparison rows", "in the window")).sum() == 3
    ends = flow.set_index("step")["rows"]
    assert ends["end"] == ends["start"] - flow.loc[flow["what"] == "dropped", "rows"].sum()
    text = " ".join(lost.items)
    assert f"{ends['end']:,.0f} kept (" in text
    assert "with those that serve several sets counted in each)" in text
    assert dropped["rows"].gt(0).all()
    for n in dropped["rows"]:
        assert f"{n:,.0f} dropped: " in " ".join(lost.items)


def test_rows_are_those_of_the_first_completed_data_set_and_not_of_units(bundle, tmp_path):
    """Covariates of units, which a sequence pairs first, are no rows; several completed data sets are named."""
    copy = shutil.copytree(bundle.path, tmp_path / "out")
    path = copy / "tables" / "published.assessment_days.balance.csv"
    table = pd.read_csv(path)
    worst = table.assign(covariate=table["covariate"] + OF_UNITS, std_mean_diff=9.0, n_treated=10**6)
    pd.concat([table, worst]).to_csv(path, index=False)
    results = copy / "results.json"
    told = json.loads(results.read_text(encoding="utf-8"))
    for facts in told["inference_facts"]:
        facts |= {"imputations": 5} if facts["estimator"] == "published" else {}
    results.write_text(json.dumps(told), encoding="utf-8")
    before, after = (groups_of_rows(one) for one in (bundle, ResultBundle(copy)))
    assert "completed" not in before[0].text
    assert "those of the first, estimates those of all." in after[0].text
    frame = after[1].frame
    assert set(frame["Data set"]) == {"first of 5 completed"}
    pd.testing.assert_frame_equal(frame.drop(columns="Data set"), before[1].frame)


def test_of_hand_written_sets_it_is_not_said_when_they_were_written(bundle):
    said = group_words(bundle)[0].text
    assert said.startswith(
        "14 untreated authorities stand in for the treated, in matched sets that are written in the "
    )
    assert "before any outcome" not in said


def test_families_show_what_was_tested_in_words_and_three_digits(bundle):
    table, *notes = families(bundle)
    assert isinstance(table, Table)
    text = table.frame.to_csv() + table.caption
    assert "nan" not in text
    assert "romano_wolf" not in text + " ".join(one.text for one in notes if isinstance(one, Text))
    assert "Romano and Wolf" in table.caption
    raw = bundle.tables("families")
    assert len(table.frame) == raw["p_value"].notna().sum() < len(raw)
    assert table.frame["Estimate"].str.len().max() <= 7
    assert set(table.frame["Outcome"]) == {
        "Working days that an assessment takes",
        "Conference within 90 days of an open referral",
    }


def _own_truth(tables, outcome):
    """Average pilots' years from their start years on, each counting one: beside one coefficient of them all."""
    starts = pd.to_datetime(tables["register"].set_index("unit")["first_treated"])
    year = starts.dt.year - (starts.dt.month < 4)
    cells = tables["effects"].query("outcome == @outcome")
    cells = cells[cells["time"] >= cells["unit"].map(year)]
    by_year = cells.groupby(["unit", "time"])[["effect", "rows"]].apply(
        lambda one: np.average(one["effect"], weights=one["rows"])
    )
    return by_year.mean()


def test_page_one_says_what_stands_out_among_all_that_is_tested_together(bundle):
    table = bundle.tables("families")
    own = table[(table["estimator"] == "sets") & (table["inference"] == "randomization")].set_index("outcome")
    said = next(text for text in weighed(bundle) if text.startswith("Of 2 outcomes tested together"))
    days, conference = own.loc[list(OUTCOMES), "p_adjusted"]
    assert days < 0.05 <= conference
    assert "the answer stands out beyond chance (p" in said
    assert said.endswith(f"conference within 90 days of an open referral (p = {conference:.2g}) does not.")


def test_estimates_that_have_a_clustered_p_alone_are_named_as_not_relied_on(bundle):
    said = next(text for text in weighed(bundle) if "their p are not relied on" in text)
    assert said.startswith(
        "“As published (linear)”: with 9 authorities treated, conventional clustered errors can find"
    )
    rows = bundle.estimates[bundle.estimates["estimator"] == "published"]
    assert rows.loc[rows["inference"] != "analytic", "p_value"].isna().all()


def test_the_figure_of_estimates_says_which_intervals_are_not_relied_on(bundle):
    """The published entry has nine treated clusters and conventional errors: an interval for each outcome."""
    drawn = estimates_drawn(bundle)
    few = drawn[(drawn["inference"] == "analytic") & drawn["conf_low"].notna()]
    assert 0 < len(few) < len(drawn)
    said = drawn_of_few(drawn)
    assert said == (
        f" Of conventional clustered errors with fewer than 20 treated, so not relied on: {len(few)} intervals."
    )
    assert drawn_of_few(drawn.drop(index=few.index)) == ""
    assert drawn_of_few(drawn.assign(n_treated_units=20.0)) == ""


def test_every_other_estimate_of_the_outcome_is_counted_once(bundle):
    said = _found(bundle)[0].text
    other = bundle.estimates.query("estimator == 'published' and outcome == 'assessment_days'")["estimate"].iloc[0]
    assert f"the other estimate of this outcome is −{-other:.2f}" in said


def test_beside_an_estimate_stands_the_true_effect_of_its_own_treated(bundle):
    """The sets count the window as treated, where half of the effect is; the published rows come after it."""
    made = children_tables(children_from(bundle.path.parent / "synthetic" / "cin_cla_children.yaml"), 20260101)
    declared = made["truth"].set_index("outcome")["true_effect"]
    held = bundle.tables("true_effects").set_index(["estimator", "outcome"])
    for outcome in OUTCOMES:
        assert held.loc[("sets", outcome), "true_effect"] == pytest.approx(_own_truth(made, outcome), abs=1e-12)
        assert held.loc[("published", outcome), "declared_effect"] == pytest.approx(declared[outcome], abs=1e-12)
    assert held.loc[("published", "assessment_days"), "true_effect"] == pytest.approx(-4, abs=1e-12)
    assert set(held["averaged"]) == {"plain mean of treated rows"}
    own = held.loc[("sets", "assessment_days"), "true_effect"]
    assert -3.3 < own < -2.9
    table = next(one for one in beside_the_truth(bundle) if isinstance(one, Table)).frame
    days = table[table["Outcome"] == "Working days that an assessment takes"]
    assert set(days["Declared effect"]) == {"−4.00"}
    assert dict(zip(days["Role"], days["True effect"], strict=True)) == {
        "primary": f"{own:.2f}".replace("-", "−"),
        "secondary": "−4.00",
    }
    rows = bundle.estimates.query("outcome == 'assessment_days' and aggregation == 'overall' and conf_low.notna()")
    true = rows["estimator"].map({"sets": own, "published": -4.0})
    holds = np.where((rows["conf_low"] <= true) & (rows["conf_high"] >= true), "yes", "no").tolist()
    assert days["Holds it"].tolist() == holds


def test_page_one_says_that_the_window_counts_and_what_is_true(bundle):
    said = weighed(bundle)
    assert said[0].endswith(
        "April 2008 to March 2019; each change is set against those in the same of 7 matched sets (sets that share a "
        "comparison authority are one); years between the start and full embedding count as treated."
    )
    true = bundle.tables("true_effects").set_index(["estimator", "outcome"]).loc[("sets", OUTCOMES[0]), "true_effect"]
    low, high = (bundle.headline[name] for name in ("conf_low", "conf_high"))
    holds = "holds" if low <= true <= high else "does not hold"
    assert said[1] == (
        "These data are simulated and know the true effect: on average over all that is treated it is "
        f"−{abs(true):.2f}, which the range {holds}; where effects differ this estimate is a mixture with weights of "
        "its own."
    )
    path = bundle.headline["earlier_path"]
    assert "over the last 3 years before each start (those that start later than the first have earlier years" in path
    read = bundle.diagnostics.set_index(["name", "outcome"]).loc[("path.read", "assessment_days")]
    assert "8 of 9 treated units have up to 3 earlier ones, which it does not read" in read["text"]


def test_where_the_window_is_left_out_page_one_does_not_say_that_it_counts(bundle):
    facts = replace(bundle.facts, panel=replace(bundle.facts.panel, n_window=0))
    effect = effect_of(facts.headline.overall(bundle.estimates), facts.outcome, None)
    assert "full embedding" not in basis(effect, facts, ("authority", "authorities"))
    some = replace(bundle.facts, panel=replace(bundle.facts.panel, n_window=4))
    assert "count as treated (of 4 of the 9)" in basis(effect, some, ("authority", "authorities"))


def test_it_is_said_where_clustered_errors_of_few_find_what_the_test_of_the_same_estimate_does_not(bundle):
    """The p of both are put where they part; what another estimate finds is another effect, and is not told."""
    facts, units = bundle.facts, ("authority", "authorities")
    table = bundle.estimates.copy()
    own = (table["outcome"] == "conference") & (table["aggregation"] == "overall")
    sets, tested = table["estimator"] == "sets", table["inference"] == facts.headline.inference
    table.loc[own & ~sets & (table["inference"] == "analytic"), "p_value"] = 0.007
    table.loc[own & sets & tested, "p_value"] = 0.056
    table.loc[own & sets & ~tested, "p_value"] = 0.052
    others = (table["outcome"] == "assessment_days") & tested
    table.loc[others, "p_value"] = 0.001
    assert clustered_apart(table, facts, units) == []
    table.loc[own & sets & ~tested, "p_value"] = 0.031
    (said,) = clustered_apart(table, facts, units)
    assert said == (
        "Conventional clustered errors of the same estimate, which with 9 treated authorities can reject too often "
        "where nothing changes, part from the test that is relied on: conference within 90 days of an open referral, "
        "p = 0.031 where the test has p = 0.056."
    )
    assert clustered_apart(table.assign(n_clusters=10_000), facts, units) == []
    table.loc[own & sets & tested, "p_value"] = 0.04
    assert clustered_apart(table, facts, units) == []
    relied = replace(facts, headline=replace(facts.headline, inference="analytic"))
    assert clustered_apart(bundle.estimates, relied, units) == []


@pytest.mark.slow
def test_a_page_on_matched_rows_names_the_entry_on_the_sets_where_there_is_one(tmp_path):
    """Nobody is advised to declare what stands in the table; the row keeps the advice that is true of it."""
    facts = _run(tmp_path, first="published").facts
    assert not facts.inference.reliable
    beside = (
        "rows of people are matched to the windows as they were, and no test swaps these: “Authorities within their "
        "matched sets, from the year in which the programme began” beside it tests the same outcome over authorities "
        "(its row is in the table of effects), and can answer in its place if declared as the primary entry"
    )
    assert facts.inference.reason == beside
    assert facts.inference.choice == f"No procedure is reliable here: {beside}"
    effect = effect_of(facts.headline.overall(ResultBundle(tmp_path / "out").estimates), facts.outcome, None)
    [said] = [
        one for one in what_would_change_it("inconclusive", effect, facts, ("authority", "authorities")) if FIXED in one
    ]
    assert said == f"A test that can be relied on: {beside}."


@pytest.mark.slow
def test_under_a_profile_balance_is_said_to_be_withheld_where_it_is(tmp_path):
    bundle = _run(tmp_path, {"disclosure": {"profile": "ons_srs"}})
    held = set(bundle.withheld["file"])
    assert {f"published.assessment_days.{what}.csv" for what in ("balance", "flow")} <= {
        name.split("/")[-1] for name in held
    }
    assert bundle.tables("published.assessment_days.flow").empty
