"""A design with a theory, from its check to its report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import sos_eval as se
from sos_eval.design.protocol import protocol
from sos_eval.errors import DesignFault, InputFault, p_text
from sos_eval.jobs.check import check_design
from sos_eval.numerics import _dowhy
from tests.conftest import ROOT, drawn_once

WORLD = """\
schema: sos-eval/world/1
name: theory
title: a programme that works through trust
seed: 3
times: {first: 2011, last: 2018}
columns: {unit: la_code, time: year, exposure: children_0_17}
authorities: {n: 40, regions: {North: {authorities: 40}}}
outcome: {name: care_entries, mean: {2011: 28}, level_sd: 0.15, persistence: {rho: 0.5, sd: 0.05}}
adoption: {pattern: calendar, treated: 8, start: 2015}
effect: {size: 0}
theory:
  edges: [[practice, trust, 1.0], [trust, outcome, -1.0]]
  mediators: {trust: {mean: 10, level_sd: 0.5, noise_sd: 0.3}}
"""
DESIGN = """\
schema: sos-eval/design/1
name: d
panel:
  source: world
  path: w.yaml
  unit: la_code
  time: year
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {first_treated: first_treated}
  covariates: [idaci]
estimators: [{method: twfe}]
inference: analytic
theory:
  nodes: {trust: {label: Parents' trust}, need: {constant: true, label: Deprivation}, calls: {needs: referrals}}
  edges: [[practice, trust], [trust, outcome], [need, practice], [need, outcome], [calls, practice], [calls, outcome]]
  columns: {trust: trust, need: idaci}
  statements: [Trust comes first.]
seed: 1
"""


SPLIT = "  mediation: [{through: trust, ignorability: none hidden}]\n"
NEAR = ("  statements:", "  differs: {need: an index of 2015}\n  statements:")


def load(folder: Path, *changes: tuple[str, str]) -> se.Design:
    text = DESIGN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "w.yaml").write_text(WORLD)
    (folder / "d.yaml").write_text(text)
    return se.load_design(folder / "d.yaml")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theory")
    with drawn_once():
        cited = ("  statements:", "  source: Nobody (2020)\n  statements:")
        return se.run(load(folder, cited, NEAR), out=folder / "out")


def test_answers_are_in_the_bundle_and_read_back(bundle):
    told = json.loads((bundle.path / "results.json").read_text())["theory"]
    assert told["missing"] == ["calls"]
    assert bundle.facts.theory.missing == ("calls",)
    assert "no adjustment for what is measured is enough to know the effect of practice on outcome" in (
        bundle.facts.theory.identification
    )
    assert "not adjusted for: calls" in bundle.facts.theory.trends
    assert "drop out of changes unless what they do changes over time: deprivation" in bundle.facts.theory.trends
    assert {"theory.nodes", "theory.edges", "theory.trends", "theory.adjustment", "theory.implications"} <= set(
        bundle.table_names
    )


def test_what_the_effects_absorb_is_not_called_adjusted_for(bundle):
    """IDACI does not change within an authority: two-way fixed effects leave it out, whatever was declared."""
    assert bundle.facts.panel.absorbed == ("idaci",)
    trends = bundle.tables("theory.trends").set_index("node")
    assert trends.loc["need", "adjusted"] == "false"
    assert trends.loc["need", "says"].endswith("declared, but absorbed by unit and time effects: not adjusted for")
    said = bundle.tables("evidence.robins_i").set_index("domain").loc["Confounding", "evidence"]
    assert said.startswith("No covariate is adjusted for. Declared, but absorbed by unit and time effects, so that")
    assert "nothing is adjusted for: idaci. By the graph no adjustment for what is measured is enough" in said
    assert "declared, but absorbed by unit and time effects: not adjusted for); calls (changes over time" in said


def test_the_sheet_says_what_tests_of_the_mechanism_found(bundle):
    said = bundle.tables("evidence.emmie").set_index("letter").loc["Mechanism", "evidence"]
    p = bundle.tables("mechanisms.first_link")["p_value"].item()
    assert f"First link tested: Parents' trust ({p_text(float(p))}, " in said
    assert "would be found four times in five)." in said


def test_implications_were_tested_where_they_are_measured(bundle):
    table = bundle.tables("theory.implications")
    pair = table[(table["left"] == "trust") & (table["right"] == "need")]
    assert pair["given"].item() == "practice"
    assert pair["n_units"].item() == 40
    assert 0 <= pair["p_adjusted"].item() <= 1
    assert table.loc[table["right"] == "calls", "reason"].str.startswith("not measured: needs referrals").all()


def test_report_says_how_it_is_meant_to_work(bundle):
    page = (bundle.path / "report.html").read_text()
    assert "How it is meant to work" in page
    assert "they rest on parallel trends" in page
    assert "Trust comes first." in page
    assert (bundle.path / "figures" / "theory.svg").is_file()


def test_resolved_design_is_a_design_again(bundle):
    again = se.load_design(bundle.path / "design.yaml")
    assert again.resolved["theory"] == bundle.design["theory"]


def test_protocol_states_the_theory(tmp_path):
    text = protocol(load(tmp_path))
    assert "- Trust comes first." in text
    assert "| practice | Parents' trust |" in text


def test_a_split_that_the_graph_contradicts_is_refused_with_the_path(tmp_path):
    path = "[practice, trust], [skill, trust], [skill, outcome], [practice, skill]"
    nodes = "calls: {needs: referrals}, skill: {}}"
    split = "  mediation: [{through: trust, ignorability: none hidden}]\n  statements:"
    with pytest.raises(DesignFault) as caught:
        load(
            tmp_path, ("[practice, trust]", path), ("calls: {needs: referrals}}", nodes), ("  statements:", split)
        )  # fmt: skip
    [fault] = caught.value.faults
    assert fault.what.endswith(
        "something moves trust and the outcome, given practice and covariates: trust <- skill -> outcome"
    )
    assert fault.instead.startswith("take the path out")


def test_a_mediator_among_the_covariates_is_refused_with_its_path(tmp_path):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("covariates: [idaci]", "covariates: [idaci, trust]"))
    assert [str(fault).split("d.yaml:")[1] for fault in caught.value.faults] == [
        "10: panel.covariates: trust carries part of the effect (a mediator): practice -> trust; take it out: "
        "adjusting for it hides what is asked"
    ]


def test_covariates_from_the_theory(tmp_path):
    chosen = ("covariates: [idaci]", "covariates: {from: theory}")
    with pytest.raises(DesignFault, match="measure calls and name its column"):
        load(tmp_path, chosen)
    assert load(tmp_path, chosen, (", [calls, outcome]", "")).panel.covariates == ("idaci",)
    section = DESIGN[DESIGN.index("theory:") : DESIGN.index("seed: 1")]
    with pytest.raises(DesignFault, match="no theory is declared"):
        load(tmp_path, chosen, (section, ""))


def test_a_column_that_is_not_there_is_named(tmp_path):
    design = load(tmp_path, ("need: idaci}", "need: idacii}"), ("covariates: [idaci]", "covariates: []"))
    with pytest.raises(InputFault, match="idacii"):
        se.run(design, out=tmp_path / "out")


def test_the_pilots_theory_says_what_it_would_take(tmp_path):
    from sos_eval.jobs.theory import identification

    found = identification(se.load_design(ROOT / "designs" / "sos_pilots_theory.yaml"))
    assert not found.holds
    assert found.missing == {"demand", "leadership"}


def test_the_first_link_is_in_the_bundle_and_on_the_page(bundle):
    row = bundle.tables("mechanisms.first_link").iloc[0]
    assert (row["mediator"], row["n_treated_units"]) == ("trust", 8)
    assert row["estimate"] == pytest.approx(1.0, abs=0.5)
    assert row["p_value"] <= 0.05
    assert "Effects on measured mediators" in (bundle.path / "report.html").read_text()


def test_the_emmie_design_fills_every_letter_and_finds_what_its_world_holds(tmp_path, undotted):
    """Practice moves trust by 1 in full; adopters' fidelity is 0.7 on average."""
    bundle = se.run(ROOT / "designs" / "sos_emmie.yaml", out=tmp_path / "out")
    link = bundle.tables("mechanisms.first_link").iloc[0]
    assert link["estimate"] == pytest.approx(0.7, abs=2 * link["std_error"])
    assert link["p_value"] <= 0.05
    assert bundle.design["panel"]["covariates"] == ["idaci"]
    page = (bundle.path / "report.html").read_text()
    for letter in ("Effect", "Mechanisms", "Moderators", "Implementation", "Economics"):
        assert f">{letter}</h2>" in page
    assert "Not evaluated." not in page


def test_under_a_profile_columns_of_the_theory_are_refused(tmp_path):
    """A mediator is an outcome too, and nothing holds it against what is told of the other."""
    with pytest.raises(InputFault, match=r"d.yaml:\d+: theory.columns: not in this version under a disclosure profile"):
        load(tmp_path, ("seed: 1\n", "disclosure: {profile: dfe}\nseed: 1\n"))


class Absent:
    """An importer that refuses packages, as a machine without them does."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(name)


def test_packages_that_are_asked_for_and_not_there_are_named_together(tmp_path, monkeypatch):
    load(tmp_path, ("seed: 1\n", "moderators: [{discover: double_ml, among: [idaci]}]\nseed: 1\n"))
    for name in [name for name in sys.modules if name.split(".")[0] in ("dowhy", "econml")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent("dowhy", "econml"), *sys.meta_path])
    with pytest.raises(InputFault) as caught:
        check_design(tmp_path / "d.yaml")
    said = [str(fault) for fault in caught.value.faults]
    assert [one.partition(": ")[0].rpartition("/")[2] for one in said] == ["d.yaml:13", "d.yaml:18"]
    assert "install dowhy, or take the section theory out" in said[0]
    assert "install econml, or take the entry with discover out" in said[1]
    theory = DESIGN[DESIGN.index("theory:") : DESIGN.index("seed: 1")]
    load(tmp_path, (theory, ""))  # a design that does not ask never looks for them
    assert "in order" in check_design(tmp_path / "d.yaml").text


def test_covariates_from_a_theory_without_dowhy_are_told_so_at_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(_dowhy, "is_installed", lambda name: False)
    with pytest.raises(DesignFault, match=r"d.yaml:13: .*dowhy, which looks for what identifies it, is not installed"):
        load(tmp_path, ("covariates: [idaci]", "covariates: {from: theory}"))


def test_what_the_data_cannot_answer_of_all_sections_is_told_at_once(tmp_path):
    """All units are of one region, turnover is words, and scores are off their scale."""
    load(
        tmp_path,
        ("seed: 1\n", "moderators: [{by: region}]\nimplementation: {fidelity: trust, turnover: region}\nseed: 1\n"),
    )
    with pytest.raises(InputFault) as caught:
        check_design(tmp_path / "d.yaml")
    said = [str(fault).rpartition("/")[2] for fault in caught.value.faults]
    assert [one.partition(":")[2].partition(";")[0] for one in said] == [
        "18: moderators.0.by: all 40 units are of one group, region North: there is nothing to tell apart",
        "19: implementation.turnover: region holds words",
        "19: implementation.fidelity: 32 scores of trust lie outside 0 to 1, the first 213 in 2015",
    ]


@pytest.mark.parametrize(("dot", "line"), [('"graph { a -- b }"', 15), ("|\n    digraph {\n      a -> b", 16)])
def test_a_text_that_is_no_graph_is_told_where_it_stands(tmp_path, dot, line):
    edges = DESIGN[DESIGN.index("  edges:") : DESIGN.index("  columns:")]
    with pytest.raises(DesignFault, match=rf"d.yaml:{line}: theory: (no directed graph|the graph has no end)"):
        load(tmp_path, (edges, f"  dot: {dot}\n"))


def test_a_constant_node_whose_column_changes_is_refused_with_the_first_unit(tmp_path):
    load(tmp_path, ("{label: Parents' trust}", "{label: Parents' trust, constant: true}"))
    said = r"theory.nodes.trust: constant, and its column trust changes within \d+;"
    with pytest.raises(InputFault, match=rf"d.yaml:14: {said}"):
        check_design(tmp_path / "d.yaml")
    head = "schema: sos-eval/theory/1\nname: t\nnodes:\n  trust:\n    label: Trust\n    constant: true\n"
    (tmp_path / "t.yaml").write_text(f"{head}edges: [[practice, trust], [trust, outcome]]\n")
    section = DESIGN[DESIGN.index("theory:\n") : DESIGN.index("seed: 1")]
    load(tmp_path, (section, "theory: {file: t.yaml, columns: {trust: trust}}\n"))
    with pytest.raises(InputFault, match=rf"t.yaml:6: {said}"):
        check_design(tmp_path / "d.yaml")


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        ("entries", "no arrow names 'entries'"),
        ("trust", "'trust' stands before other nodes, and arrows end at 'outcome', which is not declared"),
    ],
)
def test_an_outcome_that_is_not_the_end_of_the_arrows_is_one_fault(tmp_path, outcome, why):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("theory:\n", f"theory:\n  outcome: {outcome}\n"), ("  statements:", f"{SPLIT}  statements:"))
    assert [str(fault).partition("d.yaml:")[2] for fault in caught.value.faults] == [
        f'14: theory.outcome: {why}; did you mean "outcome"?'
    ]


def test_a_statement_that_says_nothing_is_refused(tmp_path):
    with pytest.raises(DesignFault, match="mechanism: says nothing"):
        load(tmp_path, ("statements: [Trust comes first.]", "statements: [' ']"))


def test_periods_by_which_nobody_is_scored_are_refused(tmp_path):
    reach = "implementation: {fidelity: trust, scale: [0, 99], minimum: 9, reached_by: 4}\nseed: 1\n"
    load(tmp_path, ("seed: 1\n", reach))
    said = r"d.yaml:18: implementation.reached_by: 4 periods after the start nobody is scored; write 3 or less"
    with pytest.raises(InputFault, match=said):
        check_design(tmp_path / "d.yaml")


def test_a_theory_says_after_whom_it_is_on_the_page_and_in_the_protocol(bundle):
    cited = se.load_design(ROOT / "designs" / "sos_pilots_theory.yaml")
    said = "The theory is: Signs of Safety, a programme theory. It is after: Sheehan et al. (2018)"
    assert said in protocol(cited)
    assert "The theory is after: Nobody (2020)." in (bundle.path / "report.html").read_text()


def test_a_column_that_is_not_quite_its_node_is_told_wherever_what_was_tested_is(tmp_path, bundle):
    near = "Deprivation is measured by something near it (`idaci`): an index of 2015."
    assert near in protocol(load(tmp_path, NEAR))
    said = "Measured by something near it: deprivation (in its place an index of 2015)."
    assert bundle.facts.theory.implications.endswith(said)
    assert said in bundle.tables("evidence.emmie").set_index("letter").loc["Mechanism", "evidence"]
    with pytest.raises(DesignFault, match=r"d.yaml:17: theory.differs.calls: no column measures it; say what"):
        load(tmp_path, ("  statements:", "  differs: {calls: more}\n  statements:"))


def test_a_mediator_of_words_is_refused(tmp_path):
    load(tmp_path, ("columns: {trust: trust,", "columns: {trust: region,"))
    with pytest.raises(InputFault, match=r"d.yaml:16: theory.columns.trust: region holds words, and effects are on"):
        check_design(tmp_path / "d.yaml")


def test_a_node_that_the_outcome_itself_measures_is_refused(tmp_path):
    with pytest.raises(DesignFault, match=r"d.yaml:16: theory.columns.trust: care_entries is what the outcome is made"):
        load(tmp_path, ("columns: {trust: trust,", "columns: {trust: care_entries,"))


@pytest.mark.parametrize(
    ("dot", "line"),
    [
        ('"digraph { practice -> ; outcome }"', 15),
        ("|\n    digraph {\n      practice -> trust;\n      trust -> ;\n    }", 18),
    ],
)
def test_faults_of_a_graph_within_a_design_stand_at_its_lines(tmp_path, dot, line):
    edges = DESIGN[DESIGN.index("  edges:") : DESIGN.index("  columns:")]
    with pytest.raises(DesignFault, match=rf"d.yaml:{line}: theory: '[;}}]' stands where a node is meant"):
        load(tmp_path, (edges, f"  dot: {dot}\n"))


EIGHT = """\
schema: sos-eval/design/1
name: eight
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {value: y}
  treatment: {first_treated: start, untreated_means: never}
estimators: [{method: twfe}]
inference: {method: randomization, draws: 19, interval: none}
seed: 1
"""


def eight(folder: Path, section: str, seen: range) -> se.Design:
    """Eight units over 2011 to 2018, three from 2015 on, outcomes to 2017; `late` is seen in some periods alone."""
    lines = ["la,year,y,start,late"]
    for unit in range(8):
        for year in range(2011, 2019):
            y = f"{unit + (year * (unit + 3)) % 5}" if year < 2018 else ""
            late = f"{(unit + year) % 4 / 4}" if year in seen else ""
            lines.append(f"u{unit},{year},{y},{2015 if unit < 3 else ''},{late}")
    (folder / "p.csv").write_text("\n".join(lines))
    (folder / "e.yaml").write_text(EIGHT + section)
    return se.load_design(folder / "e.yaml")


def test_fidelity_that_is_scored_in_treated_periods_alone_is_no_late_covariate(tmp_path):
    bundle = se.run(eight(tmp_path, "implementation: {fidelity: late}\n", range(2015, 2018)), out=tmp_path / "out")
    row = bundle.tables("implementation").iloc[0]
    assert (row["n_units"], row["scores"]) == (3, 9)
    design = eight(tmp_path, "implementation: {fidelity: late}\nmoderators: [{by: late}]\n", range(2015, 2018))
    with pytest.raises(InputFault, match="late is measured in 2015, at or after the first start"):
        se.run(design, out=tmp_path / "again")


def test_a_mediator_measured_after_the_outcome_is_told_so_first(tmp_path):
    theory = "theory:\n  edges: [[practice, trust], [trust, outcome]]\n  columns: {trust: late}\n"
    design = eight(tmp_path, theory, range(2018, 2019))
    with pytest.raises(InputFault) as caught:
        se.run(design, out=tmp_path / "out")
    [fault] = caught.value.faults
    assert "theory.columns.trust: late is first measured in 2018 after the start, and the outcome last in 2017" in (
        fault.what
    )
