"""Write `docs/journeys/notebook.ipynb`, executed: ``python -m tests.house.notebook``.

What its cells show is kept with it, so that it can be read without running it.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

from tests.conftest import ROOT
from tests.house.commands import with_commands

PAGE = ROOT / "docs" / "journeys" / "notebook.ipynb"
TITLE = """\
# A report builder's notebook

What a design, a run, a figure, a table and a power study show where they end a cell; nothing has to be switched on.
A test executes it and holds what it shows against what is kept here. The machine takes half a minute.
"""
DESIGN = '''\
from pathlib import Path

import sos_eval as se

Path("paper/designs/paper.yaml").write_text("""
schema: sos-eval/design/1
name: paper
title: A practice framework and children starting to be looked after (simulated)
question: {intervention: the framework, outcome: Children starting to be looked after, expected_direction: decrease}
panel:
  source: world
  path: ../synthetic/england.yaml
  unit: la_code
  time: year
  year_convention: ends_march
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {first_treated: first_treated}
  covariates: [idaci]
  window: {from: 2011, to: 2018}
estimators: [{id: primary, method: callaway_santanna, control: not_yet_treated}]
inference: [{method: analytic}]
checks: [pretrends]
seed: 5
""")
design = se.load_design("paper/designs/paper.yaml")
design'''
POWER = """\
study = se.power(design, se.load_world("paper/synthetic/england.yaml"), reps=200, frames=2)
study"""
CELLS = (
    ("markdown", TITLE),
    ("code", "!sos-eval init paper"),
    ("markdown", "## The design"),
    ("code", DESIGN),
    ("markdown", "## The run: page one in a few lines"),
    ("code", 'bundle = se.run(design, out="paper/reports/paper")\nbundle'),
    ("markdown", "## A figure"),
    ("code", 'bundle.figure("event_study")'),
    ("markdown", "## Tables are pandas tables"),
    ("code", 'bundle.table("effects")'),
    ("code", 'bundle.table("event_study").round(2)'),
    ("markdown", "## What such a design could find"),
    ("code", POWER),
)


def executed(folder: Path) -> nbformat.NotebookNode:
    """Return the notebook with what its cells show, run in an empty folder.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell fails.
    """
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    cells = [make[kind](text, id=f"cell-{k}") for k, (kind, text) in enumerate(CELLS)]
    book = nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    client = NotebookClient(
        book, kernel_name="python3", timeout=300, record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=with_commands(folder) | {"IPYTHONDIR": str(folder / "ipython")})
    book.metadata = {"language_info": {"name": "python"}}
    for output in (one for cell in cells for one in cell.get("outputs", [])):
        if len(output.get("data", {})) > 1:  # what a terminal would show in place of it, seconds that it took included
            del output["data"]["text/plain"]
    return book


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        nbformat.write(executed(Path(place)), PAGE)
    print(f"wrote {PAGE.relative_to(ROOT)}")
