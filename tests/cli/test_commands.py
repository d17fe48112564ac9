"""The commands, end to end on a small evaluation: what they write, say, and leave with."""

from __future__ import annotations

import json
import re

import pytest

from sos_eval.cli.main import COMMANDS, cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.design.design import load_design
from tests.cli.bad_inputs import DESIGN, panel
from tests.conftest import ROOT


def call(*args):
    return answered(cli, [str(one) for one in args], Screen())


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(DESIGN)
    (tmp_path / "panel.csv").write_text(panel())
    return tmp_path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "small.yaml").write_text(DESIGN)
    (folder / "panel.csv").write_text(panel())
    assert call("run", folder / "small.yaml", "--out", folder / "bundle", "--quiet") == 0
    return folder / "bundle"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert call(name, "--help") == 0
    assert capsys.readouterr().out.startswith(f"Usage: sos-eval {name}")


def test_compare_says_what_differs(bundle, capsys):
    assert call("compare", bundle, bundle) == 0
    assert capsys.readouterr().out.startswith("design: nothing differs\ndata: nothing differs\n")


def test_doctor_says_whether_a_run_would_work(project, capsys):
    assert call("doctor", "--json") == 0
    assert json.loads(capsys.readouterr().out)["would_run"] is True


def test_check_says_what_is_there(project, capsys):
    assert call("check", "small.yaml") == 0
    assert capsys.readouterr().out == "small.yaml: in order (12 units, 4 ever treated, 6 periods)\n"


def test_check_without_data_checks_the_design(project, capsys):
    (project / "panel.csv").unlink()
    assert call("check", "small.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["data_read"] is False


def test_check_says_every_fault(project, capsys):
    (project / "small.yaml").write_text(DESIGN.replace("seed: 1", "seed: soon").replace("year\n", "year\n  typo: 1\n"))
    assert call("check", "small.yaml") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in said] == ["10", "16"]


def test_protocol_in_every_format(project, capsys):
    for form, start in (("md", b"# A small evaluation"), ("html", b"<!DOCTYPE html>"), ("docx", b"PK")):
        assert call("protocol", "small.yaml", "--format", form) == 0
        assert (project / f"small.protocol.{form}").read_bytes().startswith(start)
        assert call("protocol", "small.yaml", "--out", f"plan.{form}") == 0
        assert (project / f"plan.{form}").read_bytes().startswith(start)
    assert call("protocol", "small.yaml", "--out", "plan.pdf") == 2
    page = (project / "small.protocol.html").read_text()
    assert "<h1>A small evaluation</h1>" in page
    assert "callaway_santanna" in page


def test_protocol_document_holds_the_same_words(project):
    from docx import Document

    call("protocol", "small.yaml", "--format", "docx", "--out", "plan.docx")
    document = Document(str(project / "plan.docx"))
    assert document.paragraphs[0].text == "A small evaluation"
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert "a practice model" in cells


def test_lock_is_not_guessed_when_nobody_can_answer(project, capsys):
    assert call("lock", "small.yaml") == 2
    assert "--outcomes-seen yes, no or published" in capsys.readouterr().err
    assert not (project / "small.lock").exists()


def test_lock_records_the_answer(project, capsys):
    assert call("lock", "small.yaml", "--outcomes-seen", "published") == 0
    assert json.loads((project / "small.lock").read_text())["outcomes_seen"] == "published"
    assert call("lock", "small.yaml", "--outcomes-seen", "perhaps") == 2


def test_lock_asks_on_a_terminal(project, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", lambda *args, **kwargs: "no")
    assert call("lock", "small.yaml") == 0
    assert json.loads((project / "small.lock").read_text())["outcomes_seen"] == "no"


def test_run_prints_where_the_report_is(project, capsys):
    assert call("run", "small.yaml") == 0
    said = capsys.readouterr()
    assert "report: reports/small/report.html" in said.out
    assert said.err == ""
    assert (project / "reports/small/report.html").is_file()


def test_a_census_is_counted(project, capsys):
    who = "<ChildIdentifiers><LAchildID>1</LAchildID></ChildIdentifiers>"
    event = "<CINdetails><CINreferralDate>2017-05-01</CINreferralDate></CINdetails>"  # of a year before
    (project / "C.xml").write_text(f"<Message><Children><Child>{who}{event}</Child></Children></Message>")
    words = ("panel", "cin", "C.xml", "--authority", "301", "--year", "2019", "--out", "C.csv")
    assert call(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["masked"] == 0
    assert (project / "C.csv").read_text().splitlines()[1].startswith("301,2019,0")


def test_run_on_vintages_shows_the_drift(project, capsys):
    (project / "later.csv").write_text(panel())
    assert call("run", "small.yaml", "--vintages", "panel.csv", "later.csv", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["folder"] == "reports/small.vintages"
    assert [row["vintage"] for row in said["drift"]] == ["panel", "later"]
    assert [row["cells_changed"] for row in said["drift"]] == [0, 0]


def test_run_as_json(project, capsys):
    assert call("run", "small.yaml", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["failed_checks"] == []
    assert said["bundle"] == "reports/small"


def test_run_with_a_failed_threshold_leaves_3_and_the_bundle(project, capsys):
    (project / "small.yaml").write_text(
        DESIGN + "comparison: {method: none, on: [outcome_pre], balance: {max_smd: 0.001}}\n"
    )
    assert call("run", "small.yaml") == 3
    assert "checks that failed their declared threshold: balance.max_smd" in capsys.readouterr().out
    assert (project / "reports/small/diagnostics.csv").is_file()


def test_seed_goes_before_the_file(project):
    call("run", "small.yaml", "--seed", "7", "--quiet")
    assert json.loads((project / "reports/small/provenance.json").read_text())["seed"] == 7


def test_interrupted_run_leaves_nothing(project, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sos_eval.jobs.run.write", interrupt)
    assert call("run", "small.yaml") == 130
    assert sorted(path.name for path in project.rglob("*") if path.is_file()) == ["panel.csv", "small.yaml"]


def test_our_fault_in_a_run_is_logged(project, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise RuntimeError("no reason")

    monkeypatch.setattr("sos_eval.jobs.run.write", fail)
    assert call("run", "small.yaml") == 1
    assert "RuntimeError: no reason" in capsys.readouterr().err
    assert "no reason" in (project / "sos-eval-error.log").read_text()


def test_figures_are_listed_and_drawn(bundle, capsys, tmp_path):
    assert call("figure", bundle) == 0
    assert "event_study" in capsys.readouterr().out
    assert call("figure", bundle, "event_study", "--out", tmp_path / "fig.png") == 0
    assert (tmp_path / "fig.png").read_bytes().startswith(b"\x89PNG")
    assert call("figure", bundle, "event_studdy") == 2
    assert 'did you mean "event_study"?' in capsys.readouterr().err
    assert call("figure", bundle, "event_study", "--format", "svg", "--out", tmp_path / "fig.png") == 2
    assert call("figure", bundle, "flow", "--out", tmp_path / "fig.png") == 2  # there already
    assert call("figure", bundle, "flow", "--out", tmp_path / "fig.png", "--force") == 0
    assert call("figure", bundle, "--all", "--out", tmp_path / "f", "--force") == 2


def test_all_figures_at_once_say_which_have_no_room(bundle, capsys, tmp_path):
    assert call("figure", bundle, "--all", "--size", "3x3", "--out", tmp_path / "f", "--json") == 3
    said = json.loads(capsys.readouterr().out)
    assert said["unmet"]
    files = {f"{name}.{form}" for name in said["figures"] for form in ("svg", "csv")} | {"contact_sheet.png"}
    assert {file.name for file in (tmp_path / "f").iterdir()} == files
    assert call("figure", bundle, "--all", "--out", tmp_path / "f") == 2
    assert call("figure", bundle, "flow", "--all", "--out", tmp_path / "g") == 2
    assert call("figure", bundle, "--size", "page") == 2


def test_a_theme_whose_colours_are_pale_is_said(bundle, capsys, tmp_path):
    theme = tmp_path / "theme.yaml"
    theme.write_text("schema: sos-eval/theme/1\ncolours: {ink: '#999999'}\n")
    assert call("figure", bundle, "flow", "--theme", theme, "--out", tmp_path / "a.svg") == 0
    assert "colours.ink: #999999 on #ffffff has a contrast of 2.85" in capsys.readouterr().err
    assert call("figure", bundle, "flow", "--theme", theme, "--out", theme) == 2


def test_tables_are_listed_printed_and_written(bundle, capsys, tmp_path):
    assert call("table", bundle, "--json") == 0
    name = "effects"
    assert name in [row["name"] for row in json.loads(capsys.readouterr().out)]
    for form in ("csv", "md", "tex", "html"):
        assert call("table", bundle, name, "--format", form) == 0
        assert capsys.readouterr().out.strip()
    assert call("table", bundle, name, "--out", tmp_path / "t.csv") == 0
    assert call("table", bundle, name, "--out", tmp_path / "t.csv") == 2  # there already
    assert call("table", bundle, name, "--out", tmp_path / "t.csv", "--force") == 0
    assert call("table", bundle, name, "--force") == 2  # nothing to replace
    assert call("table", bundle, "--all", "--out", tmp_path / "all", "--force") == 2
    assert (tmp_path / "t.csv").read_text().count("\n") >= 2
    assert "conf_low,conf_high,conf_level" in (tmp_path / "t.csv").read_text()  # a file of numbers keeps all columns
    capsys.readouterr()
    assert call("table", bundle, name, "--format", "md") == 0
    shown = capsys.readouterr().out
    assert "| Estimate | Low end | High end | p | Treated units |" in shown
    assert not {"conf_low", "rate_per", "analytic |"} & set(shown.split())
    assert call("table", bundle, name, "--format", "md", "--columns", "conf_level,estimator") == 0
    assert capsys.readouterr().out.startswith("| Level of the interval | Estimator |")


def test_report_is_written_from_the_bundle_alone(bundle, tmp_path):
    for form in ("html", "md", "docx"):
        assert call("report", bundle, "--format", form, "--out", tmp_path / f"report.{form}") == 0
        assert (tmp_path / f"report.{form}").stat().st_size > 1000
    linked = re.findall(r"\]\((.*?\.png)\)", (tmp_path / "report.md").read_text(encoding="utf-8"))
    assert linked
    assert all((tmp_path / file).is_file() for file in linked)
    assert call("report", bundle, "--out", tmp_path / "report.html") == 2  # there already
    assert call("report", bundle, "--out", tmp_path / "report.html", "--force") == 0
    assert call("report", bundle, "--force") == 2  # its own report is written anew in any case
    assert call("report", bundle, "--format", "md", "--out", tmp_path / "report.md", "--force") == 0
    (tmp_path / "report.figures" / "notes.txt").write_text("mine")
    assert call("report", bundle, "--format", "md", "--out", tmp_path / "report.md", "--force") == 2


def test_what_is_no_bundle_is_refused(tmp_path, capsys):
    assert call("report", tmp_path) == 2
    assert "results.json" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["estimators", "comparisons", "inference", "checks", "figures", "tables", "worlds"])
def test_list(kind, capsys):
    assert call("list", kind) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 1
    assert call("list", kind, "--json") == 0
    assert all(row["name"] and row["summary"] for row in json.loads(capsys.readouterr().out))


def test_init_scaffolds_a_project_that_checks(tmp_path, monkeypatch, capsys):
    assert call("init", tmp_path / "mine") == 0
    monkeypatch.chdir(tmp_path / "mine")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir() if path.is_dir()) == [
        "data",
        "designs",
        "reports",
        "synthetic",
    ]
    design = tmp_path / "mine/designs/sos_evaluation_2020.yaml"  # its data take half a minute to draw
    panel = load_design(design).panel
    for file in (panel.path, panel.treatment.adoption, panel.events.authorities.path):
        assert (design.parent / file).is_file()
    for name in ("sos_pilots_care_entry", "matched_did_care_entry"):
        capsys.readouterr()
        assert call("check", f"designs/{name}.yaml", "--json") == 0
        assert json.loads(capsys.readouterr().out)["data_read"] is True
    first = (tmp_path / "mine/designs/matched_did_care_entry.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../design.schema.json"


def test_init_schema_accepts_the_example(tmp_path):
    from jsonschema import Draft202012Validator
    from ruamel.yaml import YAML

    call("init", tmp_path / "mine")
    schema = json.loads((tmp_path / "mine/design.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    design = YAML(typ="safe").load(tmp_path / "mine/designs/matched_did_care_entry.yaml")
    Draft202012Validator(schema).validate(design)
    design["panel"]["typo"] = 1
    assert not Draft202012Validator(schema).is_valid(design)


def test_init_writes_nothing_over(tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert call("init", tmp_path) == 2
    assert "README.md: is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_the_published_panel_is_written_with_its_sources(tmp_path, capsys):
    assert call("panel", "england", "--out", tmp_path / "P.csv") == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["P.csv", "P.programmes.csv", "P.sources.md"]
    assert (tmp_path / "P.csv").read_text().startswith("la_code,")
    assert "Open Government Licence v3.0" in (tmp_path / "P.sources.md").read_text()
    assert (tmp_path / "P.csv").read_text().count("\n") == 2221
    capsys.readouterr()
    assert call("panel", "england", "--out", tmp_path / "P.csv", "--geography", "as_published") == 2
    assert capsys.readouterr().err.count("exists; add --force to replace it") == 3
    assert call("panel", "england", "--out", tmp_path / "P.csv", "--geography", "as_published", "--force") == 0
    assert (tmp_path / "P.csv").read_text().count("\n") == 2266


def test_published_tables_make_a_panel(tmp_path, capsys):
    head = "New_geog_code,geog_l,geog_c,geog_n,CLA_started"
    for year, counts in ((2018, "7,c"), (2019, "8,9")):
        codes = ("E09000001,LA,201", "E09000007,LA,202")
        rows = [f"{code},L{n},{count}" for n, (code, count) in enumerate(zip(codes, counts.split(","), strict=True), 1)]
        (tmp_path / f"ADM{year}.csv").write_text("\n".join([f"{head}{year}", *rows]) + "\n")
    assert call("panel", "dfe", tmp_path, "--out", tmp_path / "P.csv") == 0
    assert "4 rows, years to March 2018 to 2019, of 2 files" in capsys.readouterr().out
    assert (tmp_path / "P.csv").read_text().splitlines()[:2] == [
        "la_code,gss_code,la_name,region,year,care_entries,care_entries_flag,care_entries_low,care_entries_high,"
        "counts_vintage",
        "201,E09000001,L1,,2018,7,,,,DfE ULD 2018",
    ]
    assert call("panel", "dfe", tmp_path / "ADM2018.csv", "--out", tmp_path / "Q.csv", "--as-of", "2017") == 2
    assert "--as-of: no release up to 2017; the first is of 2018" in capsys.readouterr().err


def test_a_panel_is_described_and_compared(tmp_path, capsys):
    for name, geography in (("a", "constant"), ("b", "as_published")):
        assert call("panel", "england", "--out", tmp_path / f"{name}.csv", "--geography", geography, "--quiet") == 0
    assert call("panel", "describe", tmp_path / "a.csv") == 0
    told = capsys.readouterr().out
    assert "2,220 rows, 148 units (la_code)\n15 periods (year): 2011 to 2025" in told
    assert "counts_vintage from 2016: DfE ULD 2019 -> LAIT 2026-04, 148 units" in told
    assert call("panel", "diff", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "d.csv") == 0
    assert "unit came: 12, unit went: 3" in capsys.readouterr().out
    assert (tmp_path / "d.csv").read_text().startswith("what,unit,period,column,before,after\n")
    assert call("panel", "diff", tmp_path / "a.csv", tmp_path / "a.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["england"], "Missing option '--out'"),
        (["england", "--out", "P.xlsx"], "--out: a panel is written as CSV; write P.csv"),
        (["england", "--out", "none/P.csv"], "--out: there is no folder none; make it first"),
        (["england", "--out", "P.csv", "--geography", "today"], "'today' is not one of 'constant', 'as_published'"),
        (["englnd"], "no command is called 'englnd'; did you mean \"england\"?"),
        (["join"], "Missing argument 'PIECES...'"),
        (["ssda903", "returns"], "give --out P.csv, or --piece PIECE.json"),
    ],
)
def test_what_panel_cannot_do_is_said(args, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call("panel", *args) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_written_panel_gives_the_design_the_same_data(tmp_path):
    import sos_eval as se
    from sos_eval.jobs.steps import load_panels

    call("panel", "england", "--out", tmp_path / "P.csv", "--quiet")
    path = ROOT / "designs" / "sos_pilots_care_entry.yaml"
    ships, written = (load_panels(se.load_design(path, panel=given)) for given in (None, tmp_path / "P.csv"))
    assert all(ships[name].frame.equals(written[name].frame) for name in ships)


def test_cells_that_a_spreadsheet_would_run_are_not_in_a_table_of_differences(tmp_path, capsys):
    for name, region in (("a", "North"), ("b", "=1+1")):
        (tmp_path / f"{name}.csv").write_text(f"la_code,year,n,region\n001,2011,3,{region}\n@x,2011,4,South\n")
    assert call("panel", "diff", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "d.csv") == 0
    text = (tmp_path / "d.csv").read_text()
    assert "001,2011,region,North,'=1+1" in text
    assert ",=" not in text
