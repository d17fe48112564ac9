"""Every hostile input ends as it did when its answer was read and found right: no traceback, no half minute."""

import json
from pathlib import Path

import pytest

from sos_eval.cli.main import COMMANDS
from tests.hostile.cases import Hostile, cases

EXPECTED = {
    name: (code, said)
    for name, code, said in map(json.loads, (Path(__file__).parent / "expected.txt").read_text().splitlines())
}
CASES = cases()


def test_every_case_has_its_answer():
    assert list(EXPECTED) == [case.name for case in CASES]
    assert len(CASES) >= 600
    assert {case.command[0] for case in CASES if case.command} >= {*COMMANDS}
    assert {code for code, _ in EXPECTED.values()} <= {0, 2, 3}
    assert not [name for name, (_, said) in EXPECTED.items() if "fault of ours" in said or "Traceback" in said]
    named = [name for name, (_, said) in EXPECTED.items() if "FOLDER" in said]
    assert named == ["file duckdb, a view that reads a file"]  # as the view itself names it


@pytest.mark.parametrize("case", CASES[::25], ids=lambda case: case.name)
def test_some(case: Hostile, tmp_path: Path):
    assert case.outcome(tmp_path).told == EXPECTED[case.name]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all(case: Hostile, tmp_path: Path):
    assert case.outcome(tmp_path).told == EXPECTED[case.name]
