"""Every design that comes with the project is in order, and carries its own name."""

from __future__ import annotations

import numpy as np
import pytest

import sos_eval as se
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.declare import read_yaml
from sos_eval.design.schema import design_schema
from tests.conftest import ROOT
from tests.house.design_keys import EXAMPLE

FILES = sorted((ROOT / "designs").glob("*.yaml"))
EVALUATIONS = [path for path in FILES if read_yaml(path).data["schema"] == "sos-eval/design/1"]
ECONOMICS = [path for path in FILES if read_yaml(path).data["schema"] == "sos-eval/economics/1"]
INSTRUMENTS = [path for path in FILES if read_yaml(path).data["schema"] == "sos-eval/instrument/1"]
THEORIES = [path for path in FILES if read_yaml(path).data["schema"] == "sos-eval/theory/1"]


def test_there_are_designs_of_known_kinds():
    assert {"matched_did_care_entry", "sos_pilots_care_entry"} <= {path.stem for path in EVALUATIONS}
    assert sorted([*EVALUATIONS, *ECONOMICS, *INSTRUMENTS, *THEORIES]) == FILES


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow) if path.stem == "sos_evaluation_2020" else path
        for path in EVALUATIONS  # its children take half a minute to draw; `init` and its own tests read it too
    ],
    ids=lambda path: path.stem,
)
def test_design_is_in_order(path):
    from sos_eval.jobs.check import check_design

    assert check_design(path).data_read


@pytest.mark.parametrize("path", THEORIES, ids=lambda path: path.stem)
def test_theory_is_in_order(path):
    from sos_eval.theory.read import read_theory_file

    assert read_theory_file(path).statements


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_carries_its_name_and_says_what_it_is_for(path):
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert read_yaml(path).data["name"].replace("-", "_") == path.stem


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The example beside the csv that it reads, as `sos-eval simulate` would write it."""
    panel = se.simulate(se.load_world(ROOT / "synthetic" / "programme_theory.yaml"))
    again = np.random.default_rng(1).poisson(0.2 * panel["care_entries"])
    panel.assign(re_entries=again).to_csv(tmp_path / "authorities.csv", index=False)
    (tmp_path / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_has_every_section_is_in_order_and_stands_on_the_page_of_keys(example):
    text = EXAMPLE.read_text(encoding="utf-8")
    assert set(design_schema()["properties"]) == set(read_yaml(EXAMPLE).data)
    assert answered(cli, ["check", EXAMPLE.name], Screen()) == 0
    page = (ROOT / "docs" / "design_keys.md").read_text(encoding="utf-8")
    assert all(line in page for line in text.split("seed:")[0].splitlines()[6:])


@pytest.mark.slow
def test_the_example_of_every_section_runs(example):
    bundle = se.run(se.load_design(EXAMPLE.name), out="b")
    assert set(bundle.estimates["outcome"]) == {"care_entry", "re_entry"}
