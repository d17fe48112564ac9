"""Every design that comes with the project is in order, and carries its own name."""

from __future__ import annotations

import pytest

from sos_eval.declare import read_yaml
from tests.conftest import ROOT

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
