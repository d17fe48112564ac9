"""The report builder's notebook is executed as it stands, and shows what is kept with it."""

from __future__ import annotations

import json

import pytest

from tests.house.notebook import CELLS, PAGE, executed


@pytest.fixture(scope="module")
def kept():
    """Return the cells of the page."""
    return json.loads(PAGE.read_text(encoding="utf-8"))["cells"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Execute it in an empty folder."""
    return executed(tmp_path_factory.mktemp("notebook")).cells


def text_of(cell):
    """Return what a cell prints and shows, but pictures: their bytes are another machine's."""
    parts = [output.get("text", output.get("data", {}).get("text/html", "")) for output in cell["outputs"]]
    return "".join("".join(part) for part in parts)


def kinds_of(cell):
    """Return the kinds of what a cell shows."""
    return [sorted(output.get("data", {output.get("name", output["output_type"]): ""})) for output in cell["outputs"]]


def test_cells_are_those_that_are_written_here(kept):
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in kept] == list(CELLS)


def test_it_shows_what_is_kept_with_it(kept, shown):
    pairs = [(old, new) for old, new in zip(kept, shown, strict=True) if new["cell_type"] == "code"]
    assert [kinds_of(new) for _, new in pairs] == [kinds_of(old) for old, _ in pairs]
    for old, new in pairs:
        if "image/png" not in str(kinds_of(new)):
            assert text_of(new) == text_of(old)


def test_design_run_and_power_study_show_themselves_and_a_figure_is_a_picture(shown):
    kinds = {cell["source"].splitlines()[-1]: kinds_of(cell) for cell in shown if cell["cell_type"] == "code"}
    assert all("text/html" in kinds[one][-1] for one in ("design", "bundle", "study", 'bundle.table("effects")'))
    assert "image/png" in kinds['bundle.figure("event_study")'][-1]


def test_nothing_is_written_to_the_error_stream(shown):
    """No library's own warning stands in a cell."""
    assert [out for cell in shown for out in cell.get("outputs", []) if out.get("name") == "stderr"] == []
