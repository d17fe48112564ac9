"""`sos-eval doctor`: what is missing is said, with what does not work without it."""

from __future__ import annotations

import json
from collections import namedtuple

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.jobs import doctor


def call(*args):
    return answered(cli, list(args), Screen())


def test_here_a_run_works(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("doctor") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("python")
    assert {"numpy", "pandas", "python-docx", "distributed", "font", "folder", "disk"} <= {
        line.split()[0] for line in said
    }
    assert said[-1] == "a run would work here"
    assert list(tmp_path.iterdir()) == []


def test_a_library_too_old_or_absent_stops_a_run(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "requires", lambda name: ["click>=999", "no-such-library>=1.2", "numpy"])
    assert call("doctor", "--json") == 2
    said = json.loads(capsys.readouterr().out)
    states = {one["what"]: one["state"] for one in said["findings"]}
    assert said["would_run"] is False
    assert (states["click"], states["no-such-library"], states["numpy"]) == ("missing", "missing", "in order")


def test_what_is_optional_stops_nothing_and_names_its_command(monkeypatch, capsys):
    real = doctor.version

    def version(name):
        if name == "distributed":
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)
    assert call("doctor") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("distributed"))
    assert "optional" in line
    assert "`sos-eval power --scheduler`" in line


def test_a_full_disk_and_a_folder_of_others_are_said(monkeypatch, capsys):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(1024**2))
    monkeypatch.setattr(doctor.os, "access", lambda folder, rights: False)
    assert call("doctor") == 2
    said = capsys.readouterr().out
    assert "1 MB free; a run may need 200 MB" in said
    assert "cannot be written; work in a folder of your own" in said


@pytest.mark.parametrize(
    ("here", "asked", "holds"),
    [
        ("2.4.6", ">=2.0", True), ("1.10.0", ">=1.6,<1.10", False), ("1.9", ">=1.6,<1.10", True),
        ("3.11.7", "<3.14,>=3.11", True), ("3.0rc1", ">=3", True), ("1", "==1.0", True), ("1", "", True),
        ("1", "~=1", False),
    ],
)  # fmt: skip
def test_bounds(here, asked, holds):
    assert doctor._satisfies(here, asked) is holds
