"""The command, its folder and its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from docx import Document
from matplotlib.image import imread

import sos_eval as se
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import InputFault
from sos_eval.report.power.page import write_power_report
from sos_eval.results.table import overall_rows
from tests.conftest import ROOT

WORLD = """schema: sos-eval/world/1
name: small
times: {first: 2011, last: 2016}
authorities: {n: 48}
outcome: {mean: {2011: 28.0}, level_sd: 0.2, distribution: poisson}
adoption: {pattern: staggered, treated: 24, cohorts: {2013: 1, 2015: 1}}
effect: {size: -3.0}
"""
DESIGN = """schema: sos-eval/design/1
name: small-design
question: {intervention: A framework, outcome: Care entries}
panel:
  source: world
  path: w.yaml
  unit: la_code
  time: year
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {first_treated: first_treated}
COMPARISON
estimators:
  - {id: primary, method: callaway_santanna}
  - {id: twfe, method: twfe}
inference: [{method: analytic}]

"""
MATCHED = "comparison: {method: nearest, on: [outcome_pre], distance: mahalanobis, ratio: 1}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("w.yaml").write_text(WORLD)
    Path("d.yaml").write_text(DESIGN.replace("COMPARISON\n", ""))
    Path("m.yaml").write_text(DESIGN.replace("COMPARISON", MATCHED))
    return tmp_path


# 24 of 48 are treated, so that the rule on few treated clusters adds no randomization, which would take long here


def _said(*words: str) -> int:
    return answered(cli, ["power", *words, "--permutations", "99"], Screen())


def test_a_study_has_the_look_of_its_design_or_the_one_asked_for(project, capsys):
    Path("county.yaml").write_text('schema: sos-eval/theme/1\ncolours: {treated: "#005f73"}\n')
    Path("d.yaml").write_text(f"{Path('d.yaml').read_text()}report: {{theme: county.yaml}}\n")
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "20", "--workers", "1", "--out", "study") == 0
    assert "--accent: #005f73;" in Path("study/report.html").read_text(encoding="utf-8")
    drawn = Path("study/figures/sampling_distributions.svg")
    assert "#005f73" in drawn.read_text(encoding="utf-8")
    Path("plain.yaml").write_text('schema: sos-eval/theme/1\ncolours: {treated: "#7a1f1f"}\n')
    assert answered(cli, ["report", "study", "--theme", "plain.yaml"], Screen()) == 0
    assert "--accent: #7a1f1f;" in Path("study/report.html").read_text(encoding="utf-8")
    assert "#7a1f1f" in drawn.read_text(encoding="utf-8")
    Path("county.yaml").write_text("schema: sos-eval/theme/1\ncolour: {}\n")
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "20", "--out", "other") == 2
    assert "county.yaml:2" in capsys.readouterr().err
    assert not Path("other").exists()


def test_the_command_writes_tables_figures_and_a_page(project, capsys):
    sweep = ["--sweep", "world.effect.size=0,-4", "--sweep", "world.adoption.treated=20,24"]
    text = Path("d.yaml").read_text().replace("estimators:", "  window: {to: 2015}\nestimators:")
    Path("d.yaml").write_text(f"{text}title: Small design\n")
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "20", "--workers", "1", *sweep) == 0
    told = capsys.readouterr().out
    assert "you would miss a" in told
    folder = project / "reports" / "power-small-design"
    assert {"power.csv", "mdes.csv", "failures.csv", "report.html", "study.json"} <= {p.name for p in folder.iterdir()}
    table = pd.read_csv(folder / "power.csv")
    assert len(table[table["estimator"] == "twfe"]) == 4
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 5  # no formula is known of this world, nothing else was asked
    assert "<h1>Power study: Small design</h1>" in page
    assert "20 simulated evaluations a point, in small; analysed: 2011 to 2015" in page  # the world goes on to 2016
    row = table[table["type_s"].notna()].iloc[0]
    assert f"{row['type_s']:.3g} ({row['type_s'] * row['power'] * 20:.0f} of {row['power'] * 20:.0f})" in page
    assert "What this does not show" in page
    assert "Callaway and Sant&#39;Anna" in page
    assert "<td>twfe</td>" not in page
    assert answered(cli, ["table", str(folder), "power", "--format", "md"], Screen()) == 0
    heads = capsys.readouterr().out.splitlines()[0]
    assert "| Declared effect | Treated authorities | True effect | Bias | Coverage |" in heads
    assert "<script" not in page
    for name in ("power_curves", "mdes_frontier", "bias_and_coverage", "estimator_by_point", "sampling_distributions"):
        assert {f"{name}.svg", f"{name}.png", f"{name}.csv"} <= {p.name for p in (folder / "figures").iterdir()}


def test_a_matched_design_is_replicated_in_full(project, capsys):
    """Matching on outcomes is redone in every draw, and --explain says so before anything is drawn."""
    assert _said("m.yaml", "--world", "w.yaml", "--explain", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["how"] for row in rows] == ["loop", "loop"]
    assert "built on pre-treatment outcomes" in rows[0]["why"]
    assert not (project / "reports").exists()
    assert _said("m.yaml", "--world", "w.yaml", "--reps", "5", "--workers", "1", "--json", "--out", "o") == 0
    facts = json.loads(capsys.readouterr().out)
    assert {row["estimator"] for row in facts["power"]} == {"primary", "twfe"}


def test_keys_of_the_design_are_swept(project, capsys):
    sweep = ["--sweep", "design.comparison.ratio=1,2", "--sweep", "design.estimators.primary.control=not_yet_treated"]
    assert _said("m.yaml", "--world", "w.yaml", "--reps", "4", "--workers", "1", "--json", "--out", "o", *sweep) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {row["design.comparison.ratio"] for row in facts["power"]} == {1, 2}


@pytest.mark.slow
def test_the_joint_decision_needs_the_checks_to_pass(project, capsys):
    """A pre-trend test at 90% fails some of the draws that find an effect; at 0 it fails none."""
    joint = {}
    for level in ("0.9", "0"):
        Path("c.yaml").write_text(DESIGN.replace("COMPARISON", "") + f"checks: [{{pretrends: {{min_p: {level}}}}}]\n")
        words = ["--reps", "30", "--workers", "1", "--checks", "--json", "--out", f"o{level}"]
        assert _said("c.yaml", "--world", "w.yaml", "--sweep", "world.effect.size=-8", *words) == 0
        rows = json.loads(capsys.readouterr().out)["power"]
        own = [row for row in rows if row["estimator"] == "primary" and row["aggregation"] == "overall"]
        joint[level] = {row["inference"]: row["power"] for row in own}
    assert set(joint["0"]) == {"analytic", "analytic+checks"}
    assert joint["0"]["analytic+checks"] == joint["0"]["analytic"] > 0.5
    assert joint["0.9"]["analytic+checks"] < joint["0.9"]["analytic"]


def test_pretests_stand_in_a_table_of_the_folder_and_of_the_page(project, capsys):
    """The declared check's own options are used; a secondary line is tested too."""
    Path("c.yaml").write_text(DESIGN.replace("COMPARISON", "") + "checks: [{pretrends: {min_p: 0.5}}]\n")
    words = ["--reps", "20", "--workers", "1", "--pretests", "--sweep", "world.effect.size=-3,-4"]
    assert _said("c.yaml", "--world", "w.yaml", *words, "--out", "o") == 0
    table = pd.read_csv(project / "o" / "pretests.csv")
    assert set(table["estimator"]) == {"primary", "twfe"}
    assert set(table["world.effect.size"]) == {-3, -4}
    joint = table[(table["check"] == "pretrends.joint") & (table["estimator"] == "primary")]
    assert joint["pass_rate"].max() < 0.8  # half of them, not 95%
    page = (project / "o" / "report.html").read_text(encoding="utf-8")
    assert "Do pre-trend tests reassure falsely?" in page
    shown = pd.read_csv(project / "o" / "figures" / "draws_that_pass.csv")
    assert shown["pass_rate"].tolist() == table[table["aggregation"] == "overall"]["pass_rate"].tolist()
    assert "What is reported where a pre-trend test passes" in page
    capsys.readouterr()
    assert _said("c.yaml", "--world", "w.yaml", "--pretests", "--find", "world.adoption.treated") == 2
    assert "--pretests has no meaning with --find" in capsys.readouterr().err


def test_checks_of_a_design_that_declares_pretrends_are_pretests(project, capsys):
    Path("c.yaml").write_text(DESIGN.replace("COMPARISON", "") + "checks: [pretrends]\n")
    words = ["--reps", "5", "--workers", "1", "--checks", "--json", "--out", "o"]
    assert _said("c.yaml", "--world", "w.yaml", *words) == 0
    rows = json.loads(capsys.readouterr().out)["pretests"]
    assert {row["estimator"] for row in rows} == {"primary"}
    assert {row["inference"] for row in rows} == {"analytic"}


@pytest.mark.slow
def test_the_search_finds(project, capsys):
    words = ["--find", "world.adoption.treated", "--power", "0.3", "--reps", "8", "--workers", "1"]
    assert _said("d.yaml", "--world", "w.yaml", *words) == 0
    assert "is the smallest found to have power 30%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reps", "0"], "reps: 0 draws"),
        (["--sweep", "design.comparison.caliber=1"], 'caliber: no such key; did you mean "caliper"?'),
        (["--sweep", "design.estimators.nobody.control=1"], "there is no entry 'nobody'; write one of: primary, twfe"),
        (["--sweep", "world.outcome.levle_sd=1"], 'levle_sd: no such key; did you mean "level_sd"?'),
        (["--sweep", "effect.size=1"], "write world.effect.size or design.effect.size"),
    ],
)
def test_wrong_input_leaves_nothing_behind_but_a_line(project, capsys, words, said):
    assert _said("m.yaml", "--world", "w.yaml", "--workers", "1", "--reps", "5", *words) == 2
    assert said in capsys.readouterr().err


def test_a_world_without_the_columns_of_the_design(project, capsys):
    Path("d.yaml").write_text(DESIGN.replace("COMPARISON", "").replace("unit: la_code", "unit: la_cod"))
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "5") == 2
    assert "la_cod" in capsys.readouterr().err
    assert not (project / "reports").exists()
    Path("d.yaml").write_text(
        DESIGN.replace("COMPARISON", "").replace(
            "{count: care_entries, exposure: children_0_17, per: 10000}", "{value: idaci}"
        )
    )
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "5") == 2
    assert "world small draws 'care_entries'" in capsys.readouterr().err


def test_the_report_is_drawn_again_from_the_folder(project, capsys):
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "5", "--workers", "1", "--out", "o") == 0
    page = project / "o" / "report.html"
    before = page.read_bytes()
    page.unlink()
    capsys.readouterr()
    assert answered(cli, ["report", "o"], Screen()) == 0
    assert capsys.readouterr().out.strip() == "report: o/report.html"
    assert page.read_bytes() == before
    assert answered(cli, ["economics", "o"], Screen()) == 2
    assert "a power study, not a result bundle; pull from it with `sos-eval report`" in capsys.readouterr().err


@pytest.mark.slow
def test_figures_and_documents_are_pulled_out_of_a_study(project, capsys):
    """At a size, in a look, in a format: and nothing that is there is replaced unasked."""
    sweep = ("--sweep", "world.effect.size=0,-3")
    assert _said("d.yaml", "--world", "w.yaml", "--reps", "10", *sweep, "--out", "s") == 0
    capsys.readouterr()

    def pulled(*words):
        code = answered(cli, list(words), Screen())
        return code, "".join(capsys.readouterr())

    code, said = pulled("figure", "s")
    assert code == 0
    assert {line.split()[0] for line in said.splitlines() if "not here" not in line} == {
        file.stem for file in Path("s/figures").glob("*.svg")
    }
    assert pulled("figure", "s", "power_curves", "--size", "slide", "--out", "p.png")[0] == 0
    assert imread("p.png").shape[:2] == (825, 1466)  # 7.5 x 13.33 inches, 110 dots each
    assert pulled("figure", "s", "power_curves", "--out", "p.png") == (2, "p.png: exists; add --force to replace it\n")
    assert "available: power_curves" in pulled("figure", "s", "by_formula")[1]
    for form in ("html", "docx", "md"):
        assert pulled("report", "s", "--format", form, "--out", f"r.{form}")[0] == 0
        assert pulled("report", "s", "--format", form, "--out", f"r.{form}")[0] == 2
    word = Document("r.docx")
    assert [one.text for one in word.paragraphs if one.style.name == "Heading 1"][:2] == [
        "What this does not show", "Would it find the effect?",
    ]  # fmt: skip
    assert len(word.inline_shapes) == len(list(Path("s/figures").glob("*.svg")))
    links = re.findall(r"\]\((r\.figures/\w+\.png)\)", Path("r.md").read_text())
    assert len(links) == len(word.inline_shapes)
    assert all(Path(link).is_file() for link in links)
    assert pulled("figure", "s", "--all", "--size", "half", "--format", "png", "--out", "all")[0] == 0
    assert {file.stem for file in Path("all").glob("*.png")} == {file.stem for file in Path("all").glob("*.csv")}
    assert "power_curves.png" in {file.name for file in Path("all").iterdir()}
    assert pulled("figure", "s", "--all", "--out", "all")[0] == 2
    assert pulled("report", "s", "--despite-damage")[0] == 2
    assert pulled("figure", "s")[0] == 0  # and the study is whole


def test_an_unfinished_folder_has_no_page(tmp_path):
    with pytest.raises(InputFault, match="holds no finished power study"):
        write_power_report(tmp_path)


def test_example_worlds_and_designs_go_together():
    """The README's design over the reference world: planned and compiled."""
    import sos_eval as se
    from sos_eval.jobs.power import explain, plan_study

    world = se.load_world(ROOT / "synthetic" / "england.yaml")
    try:
        design = se.load_design(ROOT / "designs" / "matched_did_care_entry.yaml")
    except InputFault as fault:
        pytest.skip(f"a method of the design is not built yet: {fault}")
    assert set(explain(plan_study(design, world, reps=2))["estimator"]) >= {"primary", "poisson"}


@pytest.mark.parametrize(("worthwhile", "verdict"), [(30.0, "so it is found more often"), (0.1, "so one as small")])
def test_what_is_detected_is_held_against_the_smallest_change_worth_having(project, worthwhile, verdict):
    """The aim is the design's own, declared before; the size is that of mdes.csv."""
    asked = f"outcome: Care entries, smallest_worthwhile: {worthwhile}}}"
    Path("d.yaml").write_text(Path("d.yaml").read_text().replace("outcome: Care entries}", asked))
    done = se.power(se.load_design("d.yaml"), se.load_world("w.yaml"), reps=60, permutations=0)
    row = overall_rows(done.mdes[done.mdes["estimator"] == "primary"]).iloc[0]
    found = f"this design finds {row['mdes']:.3g} per 10,000 ("
    said = f"The smallest change worth having is {worthwhile:g} per 10,000; {found}"
    assert done.sentences[1].startswith(said)
    assert verdict in done.sentences[1]


def test_no_change_worth_having_is_spoken_of_where_none_is_declared(project):
    done = se.power(se.load_design("d.yaml"), se.load_world("w.yaml"), reps=20, permutations=0)
    assert not any("worth having" in said for said in done.sentences)
