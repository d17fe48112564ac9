"""What a library warns of is not what a user reads: our own words once, and of a library's only its kind."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import pytest

from sos_eval.cli.screen import Screen, answered
from sos_eval.montecarlo.workers import follow
from tests.hostile import cases as small

FULL_WIDTH = str.maketrans({str(digit): chr(0xFF10 + digit) for digit in range(10)})


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does: in a process of its own, with no test's filter of warnings."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "default"}
    command = [sys.executable, "-m", "sos_eval", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_letters_that_a_font_lacks_are_said_once(tmp_path):
    """Full-width digits in counts are read as numbers, with a note; in units and a title they are letters."""
    data = small.data()
    for column in ("la_code", "entries"):
        data[column] = [str(value).translate(FULL_WIDTH) for value in data[column]]
    data.to_csv(tmp_path / "panel.csv", index=False)
    titled = small.DESIGN.replace("name: small", 'name: small\ntitle: "１２３"')
    (tmp_path / "design.yaml").write_text(titled + "checks: [leave_one_out]\n", encoding="utf-8")
    done = ran(tmp_path, "run", "design.yaml", "--out", "o", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "site-packages" not in done.stderr
    assert done.stderr.count("letters that the font lacks are drawn as boxes") == 1
    assert 'written like ""１２"", which is read as 12' in (tmp_path / "o" / "flow.csv").read_text(encoding="utf-8")
    assert "１２３" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("default")
def test_a_librarys_words_do_not_reach_the_terminal(capfd):
    @click.command()
    def warned() -> None:
        for _ in range(3):
            warnings.warn_explicit("KANARI007X in a cell", RuntimeWarning, "/srv/somebody/lib/numpy.py", 7)

    assert answered(warned, [], Screen()) == 0
    assert capfd.readouterr().err == "note: a library warned (RuntimeWarning in numpy.py)\n"


def warn(number: int) -> int:
    warnings.warn_explicit(f"KANARI{number}", RuntimeWarning, "/srv/somebody/lib/numpy.py", number)
    return number


def test_nor_do_they_from_a_process_beside(capfd):
    with ProcessPoolExecutor(1, get_context("spawn"), follow, (os.getpid(),)) as pool:
        assert list(pool.map(warn, range(3))) == [0, 1, 2]
    assert capfd.readouterr().err == "note: a library warned (RuntimeWarning in numpy.py)\n"


def test_what_no_memory_holds_is_said_with_what_it_takes(capsys):
    """Six authorities over 1,700 periods ended as a fault of ours."""

    @click.command()
    def command():
        np.empty(2**59)

    assert answered(command, [], Screen()) == 2
    said = capsys.readouterr().err
    assert said.startswith("too large for this machine: a step takes 4.00 EiB at once; narrow panel.window")
