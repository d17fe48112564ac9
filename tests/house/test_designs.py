"""Every design that comes with the project is in order, and carries its own name."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT

FILES = sorted((ROOT / "designs").glob("*.yaml"))
DESIGNS = [path for path in FILES if "schema: sos-eval/design/1" in path.read_text(encoding="utf-8")]


def test_there_are_designs():
    assert "matched_did_care_entry" in [path.stem for path in DESIGNS]


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_design_is_in_order(path):
    from sos_eval.jobs.check import check_design

    checked = check_design(path)
    assert checked.design.name == path.stem.replace("_", "-")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_design_says_at_its_top_what_it_is_for(path):
    assert path.read_text(encoding="utf-8").startswith("# ")
