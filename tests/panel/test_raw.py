"""A design that reads published tables or returns itself: the panel is the one that the commands write."""

from __future__ import annotations

import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.design.design import load_design
from sos_eval.errors import InputFault
from sos_eval.jobs.check import check_design, data_paths
from sos_eval.jobs.dfe import write_dfe
from sos_eval.jobs.steps import load_panels
from tests.panel.test_dfe_ranges import DESIGN, release

RELEASES = {
    "SFR20_ADM2012": 2012, "SFR36_ADM2013": 2013, "SFR36_ADM2014": 2014, "SFR34_ADM2015": 2015, "SFR41_ADM2016": 2016,
    "SFR50_ADM2017": 2017,
}  # fmt: skip
_OF_RETURNS = {"care_entries_age_under1": "care_entries", "  suppressed: missing\n": "", "300": "A"}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "raw").mkdir()
    for name, year in RELEASES.items():
        (tmp_path / "raw" / f"{name}.csv").write_text(release(year))
    (tmp_path / "register.csv").write_text("unit,first_treated\n300,2015\n301,2015\n302,2015\n303,2015\n")
    text = DESIGN[: DESIGN.index("checks:")] + "seed: 1\n"
    (tmp_path / "table.yaml").write_text(text)
    (tmp_path / "raw.yaml").write_text(text.replace("source: csv", "source: dfe").replace("path: P.csv", "path: raw"))
    return tmp_path


def frame(path) -> pd.DataFrame:
    return next(iter(load_panels(load_design(path)).values())).frame


def test_published_tables_give_the_panel_that_the_command_writes(project):
    write_dfe([project / "raw"], project / "P.csv")
    columns = ["unit", "time", "outcome", "first_treated"]
    pd.testing.assert_frame_equal(
        frame(project / "raw.yaml")[columns], frame(project / "table.yaml")[columns], check_dtype=False
    )


def test_the_files_that_are_read_are_named_one_by_one(project):
    design = load_design(project / "raw.yaml")
    assert [path.name for path in data_paths(design)] == sorted(f"{name}.csv" for name in RELEASES)
    assert check_design(project / "raw.yaml").data_read


def test_returns_give_the_panel_that_the_command_writes(project):
    head = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n"
    for code in "ABCD":
        for year in range(2013, 2018):
            folder = project / "returns" / code / str(year)
            folder.mkdir(parents=True)
            many = 3 + (ord(code) * year) % 5
            rows = [f"{code}{n},01/05/{year - 1},S,C2,N1,U4,PR1,02/05/{year - 1},E4A,,,," for n in range(many)]
            (folder / "episodes.csv").write_text(head + "\n".join(rows) + "\n")
    text = (project / "table.yaml").read_text()
    for old, new in _OF_RETURNS.items():
        text = text.replace(old, new)
    (project / "register.csv").write_text("unit,first_treated\nA,2015\nB,2016\n")
    (project / "table.yaml").write_text(text)
    raw = text.replace("source: csv", "source: ssda903").replace("path: P.csv", "path: returns")
    (project / "raw.yaml").write_text(raw)
    with (project / "returns" / "A" / "2014" / "episodes.csv").open("a") as file:
        file.write("".join(f"A7,{day}/05/2013,S,C2,N1,U4,PR1,,,,,,\n" for day in (32, 33, 32)))
    words = ["panel", "ssda903", str(project / "returns"), "--out", str(project / "P.csv"), "--profile", "open"]
    assert answered(cli, words, Screen()) == 0
    columns = ["unit", "time", "outcome"]
    made = frame(project / "raw.yaml")[columns]
    pd.testing.assert_frame_equal(made, frame(project / "table.yaml")[columns], check_dtype=False)
    assert "excluded episodes, 3: impossible_date: the first day" in check_design(project / "raw.yaml").text
    (project / "raw.yaml").write_text(raw + "disclosure: {profile: dfe}\n")
    told = check_design(project / "raw.yaml").text
    assert "excluded episodes, a number of 1 to 5: impossible_date" in told
    assert "excluded episodes, a number of 1 to 5: repeated_row" in told
    assert made["outcome"].tolist() == [3 + (ord(code) * year) % 5 for code in "ABCD" for year in range(2013, 2018)]


def test_files_that_are_left_and_areas_that_lack_a_part_stand_in_the_flow(project):
    for file in (project / "raw").iterdir():
        file.write_text(file.read_text().replace(",300,", ",838,"))  # Dorset, whose area lacks Bournemouth and Poole
    (project / "raw" / "notes.csv").write_text("a,b\n1,2\n")
    text = (project / "raw.yaml").read_text().replace("source: dfe", "source: dfe\n  geography: constant")
    (project / "raw.yaml").write_text(text)
    (project / "register.csv").write_text("unit,first_treated\n301,2015\n302,2015\n")
    flow = {row.step: row for row in next(iter(load_panels(load_design(project / "raw.yaml")).values())).flow}
    assert flow["not read"].reason == "no known table, left: notes.csv"
    assert flow["areas not whole"].names.startswith("H_DORSET 2012, H_DORSET 2013")
    assert "SFR20_ADM2012.csv has no taken_into_care, care_entries_male" in flow["lacking"].reason
    said = check_design(project / "raw.yaml").text
    assert all(flow[step].reason in said for step in ("not read", "lacking", "areas not whole"))


@pytest.mark.parametrize(
    ("path", "said"),
    [("nothing", "panel.path: no such file or folder"), ("register.csv", "is no published table that is known"),
     ("empty", "holds no .csv file")],
)  # fmt: skip
def test_a_folder_that_is_none(project, path, said):
    (project / "empty").mkdir()
    text = (project / "raw.yaml").read_text().replace("path: raw", f"path: {path}")
    (project / "raw.yaml").write_text(text)
    with pytest.raises(InputFault, match=said):
        load_panels(load_design(project / "raw.yaml"))
