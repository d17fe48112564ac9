"""The evidence sheet: what may be claimed at most, what the run has, and blanks for the reviewer."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import sos_eval as se
from sos_eval.comparison import Nearest
from sos_eval.design.evidence import emmie_sheet, maryland, robins_i
from sos_eval.design.target_trial import target_trial
from sos_eval.estimators import TWFE, CallawaySantAnna, RothSantAnna
from sos_eval.report.whose import in_place_of
from sos_eval.results.facts import CheckFacts, HeadlineKey, LockFacts, PanelFacts, RunFacts
from tests.conftest import ROOT
from tests.jobs.test_theory import load

KEY = HeadlineKey("twfe", "outcome", "analytic")


def facts(**changes):
    panel = PanelFacts(n_treated_units=8, n_comparison_units=32, n_times=8, n_rows=320)
    checks = (
        CheckFacts("path.joint", "outcome", "twfe", text="The path is said."),
        CheckFacts("path.joint", "outcome", "other", text="Another estimator's path."),
        CheckFacts("sensitivity.e_value", "outcome", "twfe", text="Not done: no ratio."),
        CheckFacts("refuters.placebo_treatment", "outcome", "twfe", text="Placebo by lot."),
        CheckFacts("refuters.dummy_outcome_test", "outcome", "twfe", text="Dummy outcomes."),
        CheckFacts("refuters.negative_control", "outcome", "twfe", text="A control outcome is said."),
        CheckFacts("refuters.subset", "outcome", "twfe", text="Software: subsets."),
    )
    return replace(RunFacts(headline=KEY, panel=panel, checks=checks), **changes)


def test_maryland_by_design(tmp_path):
    design = load(tmp_path)
    row = maryland(design, facts()).iloc[0]
    assert (row["at_most"], row["judgement"]) == (3, "")
    assert "would have changed alike (parallel trends). Otherwise level 2" in row["condition"]
    assert row["evidence"] == "path.joint, refuters.negative_control (diagnostics.csv)"
    alone = replace(facts(), panel=PanelFacts(n_treated_units=8))
    assert maryland(design, alone)["at_most"].iloc[0] == 2
    by_lot = replace(design, estimators=(replace(design.estimators[0], method=RothSantAnna()),))
    row = maryland(by_lot, facts()).iloc[0]
    assert row["at_most"] == 5
    everybody = replace(facts(), panel=PanelFacts(n_treated_units=8))  # who has not begun yet is the comparison
    assert maryland(by_lot, everybody)["at_most"].iloc[0] == 5
    assert "without a documented draw level 3 at most" in row["condition"]


def test_a_lot_that_is_declared_for_the_evidence_gate_is_one_everywhere():
    """With its evidence, as the gate takes it: the level and the target trial say so too."""
    design = se.load_design(ROOT / "designs" / "economics_randomised_rollout.yaml")
    assert design.by_lot == "as economics.gate declares"
    assert maryland(design, facts())["at_most"].iloc[0] == 5
    assert target_trial(design)["as_declared"].str.endswith("so, as declared, were these").any()
    bare = replace(design.economics.gate, evidence={})
    assert not replace(design, economics=replace(design.economics, gate=bare)).by_lot


@pytest.mark.parametrize(
    ("method", "untreated", "what"),
    [
        (CallawaySantAnna(), 0, "compared with those that had not begun yet (nobody never begins)"),
        (TWFE(), 0, "compared with those that began at other times (nobody never begins)"),
        (CallawaySantAnna(), 4, "with a comparison group"),
        (CallawaySantAnna(control="not_yet_treated"), 4,
         "with a comparison group, which those that begin later belong to until they do"),
    ],
)  # fmt: skip
def test_those_who_have_not_begun_yet_are_a_comparison(tmp_path, method, untreated, what):
    design = load(tmp_path)
    design = replace(design, estimators=(replace(design.estimators[0], method=method),))
    panel = PanelFacts(n_treated_units=8, n_comparison_units=untreated, cohorts=(2014.0, 2016.0))
    row = maryland(design, replace(facts(), panel=panel)).iloc[0]
    assert row["at_most"] == 3
    assert row["design"] == f"before and after, {what}"
    assert row["condition"].endswith("Otherwise level 2")


def test_robins_has_seven_domains_the_runs_evidence_and_no_judgement(tmp_path):
    table = robins_i(load(tmp_path), facts(lock=LockFacts(text="Locked on 1 May.", outcomes_seen="no")))
    assert len(table) == 7
    assert (table["judgement"] == "").all()
    said = table.set_index("domain")["evidence"]
    assert said["Confounding"] == (
        "Adjusted for or matched on: idaci. By the theory these move both who began and the outcome: deprivation (its "
        "level drops out of changes; it moves trends only where what it does changes over time; adjusted for); calls "
        "(changes over time and may move trends; not measured). Practice moves these, so that adjusting for them would "
        "hide part of the effect: parents' trust. The path is said. A control outcome is said."
    )
    assert not said.str.contains("Another estimator|Not done|Software|Placebo|Dummy").any()
    assert said["Selection of the reported result"].startswith(
        "Locked on 1 May (locked before outcomes were seen). 1 estimator and 1 procedure are declared"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"covariates": ()}, "No covariate is adjusted for."),
        ({"covariates": None}, "Adjusted for or matched on: idaci."),
        ({"covariates": (), "on": ("size",)}, "Adjusted for or matched on: size."),
    ],
)
def test_what_is_declared_for_the_panel_and_used_by_nobody_is_not_called_adjusted_for(options, told, tmp_path):
    design = load(tmp_path)
    first, *others = design.estimators
    on = options.pop("on", ())
    entry = replace(
        first, method=TWFE(**options), comparison=Nearest(on=on) if on else first.comparison,
        panel=replace(first.panel, covariates=("idaci",)),
    )  # fmt: skip
    said = robins_i(replace(design, estimators=(entry, *others)), facts()).set_index("domain")["evidence"]
    assert told in said["Confounding"]


def test_rows_that_lack_a_covariate_of_the_headline_are_missing_data(tmp_path):
    design, panel = load(tmp_path), facts().panel
    for given, said in (
        (replace(panel, n_gaps=0), ""),
        (replace(panel, n_gaps=12, gap_names=("need",)), "have no value of need: they take no part"),
        (replace(panel, n_gaps=1200, gap_names=("need",), gaps_filled="Filled."), "1,200 rows, before any are matched, "
         "have no value of need. Filled."),
    ):  # fmt: skip
        row = robins_i(design, replace(facts(), panel=given)).set_index("domain")["evidence"]["Missing data"]
        assert said in row
        assert ("no value of" in row) == bool(said)


def test_under_a_profile_no_check_is_quoted(tmp_path):
    profile = ("seed: 1\n", "disclosure: {profile: dfe}\nseed: 1\n")
    design = load(tmp_path, profile, ("  columns: {trust: trust, need: idaci}\n", ""))
    said = robins_i(design, facts()).set_index("domain")["evidence"]
    assert "Checks made: path.joint, refuters.negative_control (diagnostics.csv)." in said["Confounding"]
    assert "said" not in said["Confounding"]
    assert said["Missing data"] == "Counts are in flow.csv."


@pytest.mark.parametrize("letter", ["Mechanism", "Moderator", "Implementation", "Economics"])
def test_a_letter_without_evidence_says_so(tmp_path, letter):
    said = emmie_sheet(load(tmp_path), facts(), {}).set_index("letter")
    assert said.loc[letter, "evidence"].startswith(("No ", "Not declared", "Fidelity is not"))
    assert (said[["strength", "quality"]] == "").all(axis=None)


def test_where_nobody_never_begins_the_comparison_is_those_that_begin_later(tmp_path):
    panel = PanelFacts(n_treated_units=10, cohorts=(2013.0, 2017.0), untreated_means="never")
    said = robins_i(load(tmp_path), facts(panel=panel)).set_index("domain")["evidence"]
    assert said["Selection of participants"].startswith("Comparison group: those that begin later, until they do")
    assert said["Classification of interventions"].startswith("Those compared begin later")
    assert in_place_of(panel, ("authority", "authorities")).startswith("Authorities that start later, until they do,")
    some = replace(panel, n_comparison_units=3)
    said = robins_i(load(tmp_path), facts(panel=some)).set_index("domain")["evidence"]
    assert said["Selection of participants"].startswith("Comparison group: all untreated units")


def test_tests_of_a_mechanism_say_what_they_would_find(tmp_path):
    tables = {
        "theory.nodes": pd.DataFrame({"node": ["a"]}),
        "mechanisms.first_link": pd.DataFrame({"mediator": ["t"], "words": ["trust"], "p_value": [0.3],
                                                "detectable": [0.412]}),
        "mechanisms.joint": pd.DataFrame({
            "mediator": ["trust"], "joint_p": [0.5], "first_detectable": [0.412], "link_detectable": [6.2],
        }),
        "moderators": pd.DataFrame({"by": ["idaci_half"], "p_value": [0.209], "detectable": [3.0]}),
    }  # fmt: skip
    said = emmie_sheet(load(tmp_path), facts(), tables).set_index("letter")["evidence"]
    assert said["Mechanism"] == (
        "First link tested: trust (p = 0.30, 0.412 would be found four times in five). Both links together tested: "
        "trust (p = 0.50, a first link of 0.412 and a second of 6.2 in two of three)."
    )
    assert said["Moderator"].endswith("idaci half (p = 0.21, a difference of 3 would be found four times in five).")


def test_letters_say_what_was_tested_and_found(tmp_path):
    tables = {
        "theory.nodes": pd.DataFrame({"node": ["a"]}),
        "mechanisms.first_link": pd.DataFrame({"mediator": ["trust", "plans"], "p_value": [0.0042, float("nan")]}),
        "mechanisms.joint": pd.DataFrame({"mediator": ["trust", "plans"], "joint_p": [float("nan")] * 2}),
        "moderators": pd.DataFrame({"by": ["idaci_half"], "p_value": [0.209]}),
        "moderators.discovery": pd.DataFrame({"learner": ["dr_learner"], "p_adjusted": [float("nan")]}),
        "implementation": pd.DataFrame({"n_units": [8]}),
    }  # fmt: skip
    said = emmie_sheet(load(tmp_path), facts(), tables).set_index("letter")["evidence"]
    assert said["Mechanism"] == (
        "First link tested: trust (p = 0.004); not tested: plans. Both links together not tested: trust, plans."
    )
    assert said["Moderator"] == (
        "One effect in all groups tested: idaci half (p = 0.21). Differences looked for (exploratory) not tested: "
        "dr learner."
    )
    assert said["Implementation"] == "Fidelity scored in 8 units."
    row = {"n_units": [8], "mean": [0.6054], "sd_between": [0.0952], "sd_within": [0.0665], "minimum": [0.6],
           "share_reaching": [0.625], "share_of_periods": [0.5]}  # fmt: skip
    tables["implementation"] = pd.DataFrame(row)
    told = emmie_sheet(load(tmp_path), facts(), tables).set_index("letter")["evidence"]["Implementation"]
    assert told == (
        "Fidelity scored in 8 units: 0.605 on average, standard deviation 0.095 between units and 0.067 within them; "
        "the minimum of 0.6 is reached by 62% of units by their mean, and 50% of treated periods."
    )


def test_target_trial_says_what_is_declared_and_leaves_the_rest(tmp_path):
    design = load(tmp_path, ("panel:\n", "question: {intervention: X, comparator: Y, outcome: Z}\npanel:\n"))
    table = target_trial(design).set_index("element")
    sections = ["Abstract", "Introduction", "Methods", "Results", "Discussion", "Other information"]
    assert list(dict.fromkeys(table["section"])) == sections
    assert table.loc["causal question", "as_declared"] == "Z: under X, against Y"
    assert table.loc["background", "state"] == "to be written"
    assert "draws starts by lot; how these came about is not declared" in table.loc["assignment", "as_declared"]
    assert ((table["as_declared"] == "") == (table["state"] == "to be written")).all()


def test_run_writes_the_sheet_and_the_chapter(tmp_path):
    bundle = se.run(load(tmp_path), out=tmp_path / "out")
    assert len(bundle.tables("evidence.robins_i")) == 7
    page = (bundle.path / "report.html").read_text()
    assert "At most level 3 of the Maryland scale" in page
    assert "EMMIE on one page" in page
