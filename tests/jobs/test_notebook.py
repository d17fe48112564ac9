"""How designs, panels, bundles, tables, power studies and figures show themselves in a notebook."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

import sos_eval as se
from sos_eval.jobs.steps import load_panels
from sos_eval.montecarlo.finished import Power
from tests.cli.bad_inputs import DESIGN, panel

_GUARD = "disclosure: {profile: dfe}\n"


def declared(folder, text=DESIGN):
    (folder / "small.yaml").write_text(text)
    (folder / "panel.csv").write_text(panel())
    return se.load_design(folder / "small.yaml")


def test_a_design_is_short_and_its_words_are_no_html(tmp_path):
    shown = declared(tmp_path, DESIGN.replace("a practice model", "a <script> model"))._repr_html_()
    assert "A small evaluation" in shown
    assert "<th>estimators</th><td>primary (primary)</td>" in shown
    assert "a &lt;script&gt; model" in shown
    assert len(shown) < 2000


def test_a_panel_shows_its_size_and_no_count_of_people(tmp_path):
    shown = next(iter(load_panels(declared(tmp_path, DESIGN + _GUARD)).values()))._repr_html_()
    rows = ["<th>units</th><td>12</td>", "<th>ever treated</th><td>4</td>", "<th>periods</th><td>6</td>"]
    assert all(row in shown for row in rows)
    assert shown.count("<tr>") == 6
    assert "<th>from</th><td>2010</td>" in shown


def test_a_bundle_shows_page_one_as_written_and_its_figure_is_a_picture(tmp_path):
    bundle = se.run(declared(tmp_path), out=tmp_path / "out")
    shown = bundle._repr_html_()
    assert f"<td>{bundle.headline['verdict']}</td>" in shown
    assert bundle.figure("event_study")._repr_png_().startswith(b"\x89PNG")
    assert "estimate" in bundle.estimates._repr_html_()


def test_a_power_study_says_its_sentences():
    empty = pd.DataFrame()
    study = Power(empty, empty, empty, ("Four in five.",), empty, empty, empty, empty)
    assert "<td>Four in five.</td>" in study._repr_html_()
    assert "<tr>" not in replace(study, sentences=())._repr_html_()
