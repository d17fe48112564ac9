"""One class name means one thing; only three circles of files are left, and they are declared."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT
from tests.house.crossings import crossed
from tests.house.structure import circles, doubled, imported, modules

#: `ResultBundle.report()` reaches to the report; `load_design` to what resolves it; the types of results.
DECLARED = (
    ("bundle.bundle", "report."),
    ("design.design", "design.resolve"),
    ("results.",),
)


def test_no_class_name_stands_twice():
    assert doubled(ast.ClassDef) == {}


@pytest.mark.parametrize("circle", circles(), ids=lambda circle: circle[0])
def test_every_circle_of_files_is_declared(circle):
    assert any(all(name.startswith(allowed) for name in circle) for allowed in DECLARED)


def test_imports_are_seen_inside_functions_and_for_types():
    files = modules()
    reached = set(imported(files["sos_eval.bundle.bundle"], files))
    assert {"sos_eval.report.draw", "sos_eval.bundle.whole"} <= reached
    assert len(circles()) == len(DECLARED)  # the search for circles finds those that are there


def test_crossings_are_counted_without_what_other_packages_do():
    from sos_eval.numerics.random import stream

    functions, files = crossed(lambda: stream(1, "a"))
    assert 1 <= files <= functions < 5


def nouns() -> list[list[str]]:
    """Return the rows of the table of nouns."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("### Every noun once\n")[2].partition("\n## ")[0]
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines() if line.startswith("| `")]


def test_every_noun_is_named_once_with_the_room_of_its_class():
    named = {row[0].strip("`"): row[1].strip("`/") for row in nouns()}
    assert len(named) == len(nouns()) >= 40
    rooms: dict[str, str] = {}
    for name, file in modules().items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                rooms[node.name] = name.removeprefix("sos_eval.").rpartition(".")[0].replace(".", "/") or "sos_eval"
    assert {noun: rooms.get(noun) for noun in named} == named


def test_every_noun_says_what_it_means():
    assert all(len(row) == 3 and row[2] for row in nouns())
