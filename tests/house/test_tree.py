"""The tree names no machine, no user and no package host; the lock is complete and hashed."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.conftest import ROOT

# Written in two halves, so that this file does not find itself.
FOREIGN = re.compile("|".join(("/ro" "ot/", "/ho" "me/[a-z]", "/Us" "ers/[a-z]", "/op" "t/[a-z]", "/wo" "rk/",
                               "py" "pi[.]org", "python" "hosted", "ana" "conda[.]org", "file" ":///")))  # fmt: skip


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone, so what belongs to the tree is not known")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_machine_path_and_no_package_host():
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in FOREIGN.finditer(text)]
    assert found == []


def lock():
    return (ROOT / "requirements.txt").read_text()


def test_lock_has_a_hash_for_everything_and_names_no_place():
    entries = re.split(r"\n(?=\S)", lock().strip())
    assert len(entries) > 50
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in lock()
    assert "\n#" not in lock()


def test_lock_holds_what_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower().replace("_", "-").replace(".", "-") for one in declared}
    locked = {line.split("==")[0].lower().replace("_", "-") for line in lock().splitlines() if "==" in line}
    assert names - locked == set()
