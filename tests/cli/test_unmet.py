"""A figure or a format that fails throws nothing away: it is named in the bundle and on the screen, and exit is 3."""

from __future__ import annotations

import json
import zipfile

import pytest

from sos_eval.bundle.bundle import read_bundle
from sos_eval.report import render
from sos_eval.report.drawing import Drawing
from tests.cli.bad_inputs import DESIGN, panel
from tests.cli.test_commands import call

FORMATS = "report: {formats: [html, docx, md]}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(DESIGN + FORMATS)
    (tmp_path / "panel.csv").write_text(panel())
    return tmp_path


def fails(*args, **options):
    raise ValueError("left cannot be >= right: 306")


def spoil(monkeypatch, figure="adoption", form="docx"):
    draw = Drawing.draw
    monkeypatch.setattr(Drawing, "draw", lambda self, *a: fails() if self.name == figure else draw(self, *a))
    monkeypatch.setitem(render.REPORT_FORMATS, form, fails)


def test_a_figure_and_a_format_that_fail_leave_the_estimates(project, monkeypatch, capsys):
    spoil(monkeypatch)
    assert call("run", "small.yaml", "--out", "b", "--workers", "1") == 3
    said = capsys.readouterr().out.splitlines()
    assert [line.split(": left")[0] for line in said if "fault of ours" in line] == [
        "could not be made, a fault of ours: figure adoption: ValueError",
        "could not be made, a fault of ours: format docx: ValueError",
    ]
    unmet = read_bundle("b").results["unmet"]
    assert [(line["kind"], line["name"]) for line in unmet] == [("figure", "adoption"), ("format", "docx")]
    assert len(read_bundle("b").estimates) > 0
    assert sorted(file.name for file in (project / "b").glob("report.*")) == ["report.html", "report.md"]
    assert not list((project / "b/figures").glob("adoption.*"))
    assert (project / "b/figures/estimates.svg").is_file()
    assert "could not be drawn, a fault of ours" in (project / "b/report.md").read_text()


def test_a_report_without_one_of_its_figures_is_exit_3_too(project, monkeypatch, capsys):
    call("run", "small.yaml", "--out", "b", "--workers", "1", "--quiet")
    spoil(monkeypatch)
    assert call("report", "b", "--json") == 3
    assert [line["name"] for line in json.loads(capsys.readouterr().out)["unmet"]] == ["adoption"]


def test_under_a_profile_the_errors_own_words_stay_out(project, monkeypatch):
    spoil(monkeypatch)
    (project / "small.yaml").write_text(DESIGN + "disclosure: {profile: ons_srs}\n")
    assert call("run", "small.yaml", "--out", "b", "--workers", "1", "--quiet") == 3
    assert [line["why"].split(" (")[0] for line in read_bundle("b").results["unmet"]] == ["ValueError"]


def test_a_check_that_fails_its_threshold_is_unmet(project, capsys):
    checks = "checks: [{leave_one_out: {max_change: 1.0e-9}}]\n"
    (project / "small.yaml").write_text(DESIGN + checks)
    assert call("run", "small.yaml", "--out", "b", "--workers", "1", "--json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["unmet"] == read_bundle("b").results["unmet"]
    assert [line["kind"] for line in answer["unmet"]] == ["check"]
    assert answer["failed_checks"] == [line["name"] for line in answer["unmet"]]


def test_names_of_100_letters_are_drawn(project):
    named = panel().replace("\n5,", f"\n{'The Borough of Somewhere ' * 4},")
    named = named.replace("\n1,", f"\n{'The County of Somewhere Else ' * 4},")
    (project / "panel.csv").write_text(named)
    (project / "small.yaml").write_text(DESIGN + "checks: [leave_one_out]\n")
    assert call("run", "small.yaml", "--out", "b", "--workers", "1", "--quiet") == 0
    assert {"adoption.svg", "leave_one_out.svg"} <= {file.name for file in (project / "b/figures").iterdir()}


def test_a_control_character_is_a_mark_in_word_and_nothing_in_a_drawing(project):
    from xml.etree.ElementTree import fromstring

    title = 'title: "a\\u0007b"'
    (project / "small.yaml").write_text(DESIGN.replace("title: A small evaluation", title) + FORMATS)
    (project / "panel.csv").write_text(panel().replace("\n1,", "\n1\a,"))
    assert call("run", "small.yaml", "--out", "b", "--workers", "1", "--quiet") == 0
    with zipfile.ZipFile(project / "b/report.docx") as word:
        assert "a\ufffdb" in word.read("word/document.xml").decode()
    assert all(fromstring(file.read_bytes()) for file in (project / "b/figures").glob("*.svg"))
    assert call("protocol", "small.yaml", "--format", "docx") == 0
