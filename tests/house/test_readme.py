"""What the README names is there: commands, designs, functions."""

from __future__ import annotations

import re

import sos_eval
from sos_eval.cli.main import COMMANDS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_commands_exist():
    assert set(re.findall(r"^(?:\.venv/bin/)?sos-eval ([a-z]+)", README, re.MULTILINE)) <= set(COMMANDS)


def test_designs_exist():
    named = set(re.findall(r"designs/[a-z_]{2,}\.yaml", README))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_python_names_exist():
    named = set(re.findall(r"\bse\.([a-z_]+)", README))
    assert named
    assert named <= set(sos_eval.__all__)
