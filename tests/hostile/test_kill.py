"""Killed at any moment: nothing half-written is left by a signal, and after the hardest one the next run works."""

from __future__ import annotations

import os
import shutil
import signal
import time
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from sos_eval.bundle.listing import damage
from tests.cli import bad_power
from tests.hostile import cases as small
from tests.hostile.folders import made
from tests.hostile.fork import run, start

ORDERS = {
    "run": ["run", "design.yaml", "--out", "b", "--workers", "1"],
    "report": ["report", "b"],
    "power": ["power", "d.yaml", "--world", "world.yaml", "--reps", "60", "--chunk", "5", "--out", "p",
              "--workers", "1"],
}  # fmt: skip
MOMENTS = 20


def laid_out(order: str, folder: Path) -> Path:
    """Write what a command needs."""
    folder.mkdir()
    small.data().to_csv(folder / "panel.csv", index=False)
    small.write(folder, {"design.yaml": small.DESIGN, "d.yaml": bad_power.DESIGN, "world.yaml": bad_power.WORLD})
    if order == "report":
        shutil.copytree(made("b"), folder / "b")
    return folder


@cache
def seconds(order: str) -> float:
    """Return how long a command takes that nobody stops."""
    with TemporaryDirectory() as room:
        outcome = run(ORDERS[order], laid_out(order, Path(room) / "whole"))
    assert outcome.code == 0, outcome.said
    return outcome.seconds


def killed(order: str, folder: Path, after: float, number: int) -> None:
    """Start a command and kill it."""
    child = start(ORDERS[order], folder)
    time.sleep(after)
    os.kill(child, number)
    os.waitpid(child, 0)


def half_written(folder: Path) -> list[str]:
    names = [path.name for path in folder.rglob("*")]
    return [name for name in names if ".partial-" in name or ".old-" in name]


def again(order: str, folder: Path) -> None:
    """Do it again, as a user would, and find it whole."""
    command = list(ORDERS[order])
    if order == "run" and (folder / "b").exists():
        command.append("--force")
    if order == "power" and (folder / "p" / "study.json").exists():
        command[command.index("--out")] = "--resume"
    outcome = run(command, folder)
    assert outcome.code == 0, outcome.said
    result = folder / ("p" if order == "power" else "b")
    assert not damage(result)
    assert (result / "report.html").read_text().rstrip().endswith("</html>")
    assert half_written(folder) == []


def survives(order: str, number: int, moment: int, room: Path) -> None:
    """Kill a command at a moment of its own, look at what is left, and do it again."""
    drawn = Random(f"{order} {number} {moment}").random()
    folder = laid_out(order, room / "work")
    killed(order, folder, drawn * seconds(order), number)
    for result in (folder / "b", folder / "p"):
        if result.exists() and (result.name == "b" or (result / "files.json").exists()):
            assert not damage(result)
    if number == signal.SIGTERM:
        assert half_written(folder) == []
    again(order, folder)


def test_of_two_runs_into_one_place_the_second_is_refused(tmp_path):
    """Both begin before either ends; one bundle stands there, whole, and the other says so."""
    folder = laid_out("run", tmp_path / "work")
    children = [start(ORDERS["run"], folder) for _ in range(2)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(codes) == [0, 2]
    assert not damage(folder / "b")
    assert half_written(folder) == []
    assert "b: " in (folder / ".said").read_text()


@pytest.mark.parametrize(("order", "number"), [("run", signal.SIGTERM), ("report", signal.SIGKILL)])
def test_one_moment(order, number, tmp_path):
    survives(order, number, 0, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize("order", ORDERS)
def test_every_moment(order, moment, tmp_path_factory):
    room = tmp_path_factory.mktemp("kill")
    survives(order, (signal.SIGKILL, signal.SIGTERM)[moment % 2], moment, room)
