"""The three journeys in docs/journeys are run as they stand: each command and file, and what they are said to print."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.commands import with_commands

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "journeys").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """Return language, file and text of each block."""
    return [found.groups() for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def plain(text):
    return " ".join(text.split())


class Reader:
    """Does what a page says, from an empty folder; the folder that `init` makes is the place from then on."""

    def __init__(self, folder):
        self.place, self.printed, self.env = folder, "", with_commands(folder)

    def does(self, line):
        """Run a command; what it prints is kept, and its exit code is the one that is said."""
        command, _, said = line.partition("    # exit ")
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.place, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == int(said or 0), f"{command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("sos-eval init "):
            self.place /= command.split()[-1]
        return done.stdout + done.stderr

    def follows(self, language, file, text):
        """Do what one block says."""
        if file:
            (self.place / file).write_text(text, encoding="utf-8")
        elif language == "sh":
            self.printed = "\n".join(map(self.does, text.splitlines()))
        else:
            assert language == "text"
            for line in text.splitlines():
                assert plain(line) in plain(self.printed), f"{line}\nis not in\n{self.printed}"


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.stem, marks=[pytest.mark.slow] * (page.stem == "methodologist")) for page in PAGES],
)
def test_a_journey_does_what_it_says(page, tmp_path):
    reader = Reader(tmp_path)
    for block in blocks(page):
        reader.follows(*block)


def test_there_are_three_and_each_says_something_that_is_held():
    assert [page.stem for page in PAGES] == ["evaluator", "methodologist", "report_builder"]
    assert all(language in ("sh", "text", "yaml", "python") for page in PAGES for language, *_ in blocks(page))
    assert sum(language == "text" for page in PAGES for language, *_ in blocks(page)) > 8
    script = next(text for language, file, text in blocks(PAGES[2]) if file == "pull.py")
    assert len([line for line in script.splitlines() if line]) < 10
