"""What `make new-estimator` lays out fits the house: it lints, registers, and its test waits for the mathematics."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.house.new_estimator import camel, lay_out, listed


@pytest.fixture
def copy(tmp_path):
    for name in ("sos_eval", "tests", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_layout_is_in_order_and_refuses_until_written(copy):
    files = lay_out("laid_out_here", copy)
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = subprocess.run([sys.executable, "-m", *command, *files[:3]], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    environment = os.environ | {"PYTHONPATH": str(copy)}
    told = "from sos_eval.results.method import lookup; print(lookup('estimator', 'laid_out_here').__name__)"
    done = subprocess.run([sys.executable, "-c", told], cwd=copy, env=environment, capture_output=True, text=True)
    assert done.stdout == "LaidOutHere\n"
    run = [sys.executable, "-m", "pytest", "-q", str(files[1])]
    assert (
        "laid_out_here: is not in this version" in subprocess.run(run, cwd=copy, capture_output=True, text=True).stdout
    )


def test_nothing_is_written_over(copy):
    lay_out("laid_out_here", copy)
    with pytest.raises(SystemExit, match="there already"):
        lay_out("laid_out_here", copy)


def test_names():
    assert camel("two_stage") == "TwoStage"
    with pytest.raises(SystemExit, match="small letters"):
        lay_out("TwoStage")


def test_list_keeps_its_order():
    text = '"""Room."""\n\nfrom sos_eval.estimators.twfe import TWFE\n\n__all__ = ["TWFE"]\n'
    assert listed(text, "a_new").endswith('import TWFE\n\n__all__ = [\n    "TWFE",\n    "ANew",\n]\n')
