"""A disk that fills in the middle of a power study: one clear line, nothing half-written, the same bytes in the end."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sos_eval as se
from sos_eval.bundle.whole import write_file
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE
from tests.montecarlo.test_power_report import DESIGN, WORLD
from tests.worlds.tiny import tiny

PLAN = {"reps": 30, "chunk": 10, "seed": 5}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse what goes beyond so many bytes a file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def study(out: Path, *, resume: bool = False) -> None:
    se.power(TWFE(), tiny(), out=out, resume=resume, **PLAN)


def written(folder: Path) -> dict[str, bytes]:
    """Return all files but those that say how long it took, and the list with their hashes."""
    timed = {"explain.csv", "report.html", "files.json"}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name not in timed}


@pytest.mark.parametrize(
    ("what", "room", "said", "left"),
    [
        ("plan", 0, "study.json: cannot be written (File too large); make room in {out} and run again", None),
        (
            "chunk", 1200, "chunk000000.npz: cannot be written (File too large); make room in {out}/draws and run "
            "again with --resume: finished chunks are kept", {"study.json", "draws"},
        ),
    ],
)  # fmt: skip
def test_a_disk_that_fills_before_the_tables(tmp_path, what, room, said, left):
    out = tmp_path / "out"
    with files_of_at_most(room), pytest.raises(InputFault) as caught:
        study(out)
    assert said.format(out=out) in str(caught.value)
    assert (left is None and not out.exists()) or {path.name for path in out.iterdir()} == left
    assert not list(tmp_path.rglob("*.npz")) + list(tmp_path.rglob("*.partial"))
    study(out, resume=left is not None)
    study(tmp_path / "alone")
    assert written(out) == written(tmp_path / "alone")


@pytest.mark.parametrize("name", ["power.csv", "sentences.txt"])
def test_a_disk_that_fills_with_the_tables(tmp_path, monkeypatch, name):
    """All chunks are kept; a table is there whole or not at all."""
    out = tmp_path / "out"

    def full(path: Path, content: str | bytes, *, again: str = "") -> None:
        with files_of_at_most(0 if path.name == name else resource.RLIM_INFINITY):
            write_file(path, content, again=again)

    monkeypatch.setattr("sos_eval.montecarlo.store.write_file", full)
    with pytest.raises(InputFault, match=rf"{name}: cannot be written .* --resume: all draws are kept"):
        study(out)
    assert not (out / name).exists()
    assert len(list((out / "draws").glob("*.npz"))) == 3
    monkeypatch.undo()
    study(out, resume=True)
    study(tmp_path / "alone")
    assert written(out) == written(tmp_path / "alone")


def test_a_plan_that_was_cut_off_is_not_taken_for_another_study(tmp_path):
    (tmp_path / "study.json").write_text('{"schema": "sos-eval/power/1", "ha')
    with pytest.raises(InputFault, match=r"study.json cannot be read, so that nobody knows which study"):
        study(tmp_path, resume=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 96 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this account may not mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_from_the_command_line(small_disk, tmp_path, monkeypatch, capsys):
    """The disk fills while chunks or tables are written; with room made, --resume ends in the same tables."""
    monkeypatch.chdir(tmp_path)
    Path("w.yaml").write_text(WORLD)
    Path("d.yaml").write_text(DESIGN.replace("COMPARISON\n", ""))
    filler, out = small_disk / "filler", small_disk / "study"
    words = ["power", "d.yaml", "--world", "w.yaml", "--reps", "12", "--chunk", "4", "--workers", "1", "--quiet"]

    def told(*more: str) -> tuple[int, str]:
        return answered(cli, [*words, "--permutations", "99", *more], Screen()), capsys.readouterr().err

    seen = set()
    for room in (0, 8_000, 20_000, 44_000, 64_000):
        filler.write_bytes(b"-" * (96 * 1024 - room))
        code, err = told("--resume" if (out / "study.json").exists() else "--out", str(out))
        assert code == 2
        assert err.count("\n") == 1
        assert "(No space left on device); make room in" in err
        seen.add(Path(err.split(":")[0]).suffix)
        assert not list(small_disk.rglob("*.partial"))
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert told("--resume", str(out)) == (0, "")
    assert told("--out", "alone") == (0, "")
    assert written(out) == written(Path("alone"))
    assert {".json", ".npz"} <= seen
