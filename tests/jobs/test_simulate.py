from __future__ import annotations

import json

import pandas as pd
import pytest

import sos_eval as se
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.worlds.source import world_frame
from tests.conftest import ROOT

ENGLAND = ROOT / "synthetic" / "england.yaml"
COLUMNS = ["la_code", "year", "region", "first_treated", "children_0_17", "care_entries", "idaci", "cin_rate"]


def _said(words: list[str]) -> int:
    return answered(cli, words, Screen())


def test_simulate_gives_a_table_with_the_worlds_columns():
    panel = se.simulate(se.load_world(ENGLAND), seed=1)
    assert list(panel.columns)[: len(COLUMNS)] == COLUMNS
    assert len(panel) == 148 * 15
    assert panel.equals(se.simulate(se.load_world(ENGLAND), seed=1))
    assert panel.equals(world_frame(ENGLAND, 1))
    assert not panel.equals(se.simulate(se.load_world(ENGLAND), seed=2))
    assert (panel["first_treated"] == 0).groupby(panel["la_code"]).all().sum() == 88


def test_command_writes_panel_and_truth(tmp_path):
    out = tmp_path / "p.csv"
    assert _said(["simulate", str(ENGLAND), "--out", str(out), "--seed", "1", "--quiet"]) == 0
    first = out.read_bytes(), (tmp_path / "p.truth.csv").read_bytes()
    assert list(pd.read_csv(out).columns)[: len(COLUMNS)] == COLUMNS
    truth = pd.read_csv(tmp_path / "p.truth.csv")
    row = truth[(truth["estimand"] == "att") & (truth["aggregation"] == "simple") & (truth["scale"] == "rate_per")]
    # 600 treated authority-years (12, 11, 10, 9, 8 by cohort of 10, 12, 16, 12, 10): 60 at -1, 60 at -2, 480 at -3
    assert row["true_effect"].item() == pytest.approx(-(60 + 120 + 480 * 3) / 600)
    assert _said(["simulate", str(ENGLAND), "--out", str(out), "--seed", "1", "--force"]) == 0
    assert first == (out.read_bytes(), (tmp_path / "p.truth.csv").read_bytes())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.csv", "p.truth.csv"]


def test_an_existing_file_is_refused_and_kept(tmp_path, capsys):
    out = tmp_path / "p.csv"
    out.write_text("mine")
    assert _said(["simulate", str(ENGLAND), "--out", str(out)]) == 2
    assert "exists; add --force to replace it" in capsys.readouterr().err
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"), [("no/p.csv", "there is no folder"), ("p.xlsx", "is written as CSV"), ("", "is a folder")]
)
def test_an_impossible_target_is_refused(tmp_path, capsys, name, said):
    assert _said(["simulate", str(ENGLAND), "--out", str(tmp_path / name)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_world_is_held_against_a_panel(tmp_path, capsys):
    """A panel drawn from a world lies within that world's own spread: hardly a moment beyond three deviations."""
    text = """schema: sos-eval/world/1
name: w
times: {first: 2012, last: 2019}
authorities: {n: 40}
outcome: {mean: {2012: 28.0}, level_sd: 0.2, persistence: {rho: 0.5, sd: 0.1}, distribution: poisson}
"""
    (tmp_path / "w.yaml").write_text(text)
    assert _said(["simulate", str(tmp_path / "w.yaml"), "--out", str(tmp_path / "p.csv"), "--seed", "9"]) == 0
    words = ["--compare", str(tmp_path / "p.csv"), "--plot", str(tmp_path / "c.svg"), "--json"]
    capsys.readouterr()
    assert _said(["simulate", str(tmp_path / "w.yaml"), *words]) == 0
    rows = {row["moment"]: row for row in json.loads(capsys.readouterr().out)}
    names = ["within_sd_log", "ar1", "trend_sd_log", "dispersion", "between_sd_log", "mean_rate_2015"]
    assert all(abs(rows[name]["distance"]) < 4 for name in names)
    assert (tmp_path / "c.svg").stat().st_size > 5000


def test_a_world_with_gaps_is_not_compared(tmp_path, capsys):
    text = """schema: sos-eval/world/1
name: w
times: {first: 2012, last: 2016}
authorities: {n: 40}
"""
    (tmp_path / "w.yaml").write_text(text)
    assert _said(["simulate", str(tmp_path / "w.yaml"), "--out", str(tmp_path / "p.csv")]) == 0
    (tmp_path / "w.yaml").write_text(text + "missing: {share: 0.1}\n")
    assert _said(["simulate", str(tmp_path / "w.yaml"), "--compare", str(tmp_path / "p.csv")]) == 2
    assert "the drawn panel has gaps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "write --out P.csv, --compare PANEL, or both"),
        (["--compare", "no.csv"], "panel.path: no such file"),
        (["--compare", str(ENGLAND)], "this world has no panel"),
        (["--compare", "no.csv", "--plot", "c.doc"], "ends in .svg, .png or .pdf"),
    ],
)
def test_a_comparison_that_cannot_be(capsys, words, said):
    assert _said(["simulate", str(ENGLAND), *words]) == 2
    assert said in capsys.readouterr().err
