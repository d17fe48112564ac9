from __future__ import annotations

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
