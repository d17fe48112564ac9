"""`panel ssda903`: files, options, and nothing of a child anywhere."""

from __future__ import annotations

import pandas as pd
import pytest

from sos_eval.cli.main import main as command
from tests.panel.held import write_return

CANARY = "CANARY4711"


def main(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        command(words)
    return int(end.value.code)


@pytest.fixture
def folder(tmp_path):
    good = [f"{n} 01/05/2017 S C2 N1 U1 - -" for n in range(12)]
    return write_return(tmp_path / "held", [*good, f"{CANARY} 01/06/2017 S C9 N1 U4 31/02/2018 E4A"])


def test_panel_and_validation_are_masked_by_profile(folder, tmp_path, capsys):
    assert main(["panel", "ssda903", str(folder), "--out", str(tmp_path / "p.csv")]) == 0
    panel, report = pd.read_csv(tmp_path / "p.csv"), pd.read_csv(tmp_path / "p.validation.csv")
    assert panel.loc[0, ["care_entries", "entries_legal_justice"]].tolist() == [10, 0]
    assert panel["entries_unaccompanied"].isna().all()  # there is no table of who came unaccompanied
    assert report.loc[report["rule"] == "impossible_end", ["policy", "says"]].shape == (1, 2)
    assert report.loc[report["rule"] == "impossible_end", "children"].isna().all()
    assert "masked" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["open", "dfe", "ons_srs"])
def test_a_canary_child_is_in_no_output(folder, tmp_path, capsys, profile):
    words = ["panel", "ssda903", str(folder), "--out", str(tmp_path / "p.csv"), "--profile", profile]
    assert main(words) == 0
    broken = folder / "A" / "2018" / "episodes.csv"
    broken.write_text(broken.read_text() + f'{CANARY},"{CANARY}\n')
    assert main([*words, "--force"]) == 2
    shown = capsys.readouterr()
    assert "episodes.csv" in shown.err
    written = [file.read_bytes() for file in tmp_path.glob("*") if file.is_file()]
    assert len(written) == 2
    assert all(CANARY.encode() not in one for one in [*written, shown.out.encode(), shown.err.encode()])


def test_unknown_rules_and_files_without_a_year_are_said_together(tmp_path, capsys):
    (tmp_path / "episodes.csv").write_text("CHILD\n")
    words = [
        "panel",
        "ssda903",
        str(tmp_path / "episodes.csv"),
        "--out",
        str(tmp_path / "p.csv"),
        "--policy",
        "gaps=keep",
    ]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert 'no rule is called "gaps"; did you mean "gap"?' in said
    assert "its year is not known" in said


def test_a_piece_leaves_and_is_joined(folder, tmp_path, capsys):
    piece = str(tmp_path / "A.json")
    assert main(["panel", "ssda903", str(folder), "--piece", piece]) == 0
    assert main(["panel", "join", piece, "--out", str(tmp_path / "P.csv"), "--json"]) == 0
    assert '"authorities": 1' in capsys.readouterr().out
    assert main(["panel", "ssda903", str(folder), "--out", str(tmp_path / "pooled.csv")]) == 0
    assert (tmp_path / "P.csv").read_bytes() == (tmp_path / "pooled.csv").read_bytes()
    assert all(CANARY.encode() not in file.read_bytes() for file in tmp_path.glob("*.*"))
