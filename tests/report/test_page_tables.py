"""How tables stand on a page and in a document: heads in words, rows to choose, columns as wide as they need."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from sos_eval.report.content import Heading, Picture, ReportDocument, Table
from sos_eval.report.docx import opened_word, table_document
from sos_eval.report.draw import Drawn
from sos_eval.report.html import render_document
from sos_eval.report.page_tables import Choice, choices, row_kinds
from sos_eval.report.spots import Spot, spots
from sos_eval.report.theme import canvas, house_style
from sos_eval.report.word_table import CM, fitted_table

ESTIMATORS = ("one", "two")
OUTCOMES = ("entry", "referral", "plan")


def rows():
    pairs = [(f"estimator {e}", o) for o in OUTCOMES for e in ESTIMATORS]
    return pd.DataFrame(
        [(e, o, scale, "0.5") for scale in ("ratio", "rate") for e, o in pairs],
        columns=["Estimator", "Outcome", "scale", "conf_low"],
    )


def test_rows_are_chosen_by_outcome_and_estimator_and_each_row_is_marked():
    chosen = choices(rows())
    assert chosen == (
        Choice("Outcome", "a", OUTCOMES),
        Choice("Estimator", "b", ("estimator one", "estimator two")),
    )
    assert row_kinds(rows(), chosen)[:4] == ["a1 b1", "a1 b2", "a2 b1", "a2 b2"]
    assert choices(rows().head(7)) == ()  # a short table is read as it is
    assert choices(rows().assign(Outcome="entry"))[0].name == "Estimator"


def test_a_page_has_a_rule_for_every_choice_that_a_table_can_have():
    page = render_document(ReportDocument("t", "b", [], [Heading("A"), Table(rows(), "Many rows")]), Drawn())
    assert page.count('type="radio"') == 4 + 3
    assert page.count("checked>") == 2
    for letter in "ab":
        for k in range(1, 10):
            assert f".pick:has(.{letter}{k}:checked) tbody tr:not(.{letter}{k})" in page
    assert '<th scope="col">Low end</th>' in page
    assert '<th scope="col">Scale</th>' in page
    assert "<nav" not in page  # one chapter needs no list of contents


def test_two_heads_of_one_meaning_keep_their_own_names():
    assert Table(pd.DataFrame([[1, 2]], columns=["p_value", "p"]), "").heads == ["p_value", "p"]


def test_numbers_with_a_hyphen_do_not_break_and_nothing_is_let_through():
    page = render_document(ReportDocument("2011-2019 <b>", "ages 0-17"), Drawn())
    assert '<h1><span class="n">2011-2019</span> &lt;b&gt;</h1>' in page
    assert 'ages <span class="n">0-17</span>' in page


def figure():
    with house_style():
        shown, (axes,) = canvas("Two marks", height=2.0)
        axes.plot([0.0, 1.0], [2.0, -3.5], "o", label="Treated")
        axes.plot([0.0, 1.0], [0.0, 0.0], "-")  # a line is no mark
        axes.set(xlim=(0, 1), ylim=(-3.5, 2.0), ylabel="Difference")
        axes.set_xticks([0, 1], ["first", "second"])
    return shown


def test_a_mark_says_its_value_where_it_stands():
    found = spots(figure())
    assert [one.words for one in found] == ["Treated: first, Difference 2", "Treated: second, Difference −3.50"]
    box = figure().axes[0].get_position()
    assert [one.left for one in found] == pytest.approx([100 * box.x0, 100 * box.x1], abs=0.01)
    assert [one.top for one in found] == pytest.approx([100 * (1 - box.y1), 100 * (1 - box.y0)], abs=0.01)


def test_a_cloud_of_marks_says_nothing():
    with house_style():
        shown, (axes,) = canvas("A cloud", height=2.0)
        axes.plot(np.arange(200.0), np.arange(200.0), "o")
    assert spots(shown) == ()


def test_marks_stand_over_their_figure_and_are_silent_to_a_screen_reader():
    drawn = Drawn(
        images={"one": {"svg": b"<svg/>"}}, data={"one": "a,b\n"}, spots={"one": (Spot(10.0, 20.0, 'a "b"'),)}
    )
    page = render_document(ReportDocument("t", "b", [Picture("one", "Words of the figure.")]), drawn)
    assert '<span class="spot" aria-hidden="true" style="left:10.0%;top:20.0%" title="a &#34;b&#34;"></span>' in page


def test_columns_of_a_document_are_as_wide_as_they_need_and_no_word_is_broken():
    word = opened_word()
    texts = [["Check", "Value", "In words"], ["leave one out", "0.0264", "Without Suffolk the estimate is 0.983. " * 6]]
    table = fitted_table(word, texts)
    widths = [column.width / CM for column in table.columns]
    assert widths == pytest.approx([cell.width / CM for cell in table.rows[0].cells])
    assert sum(widths) <= 17.01  # Word counts in twentieths of a point, 0.0018 cm, and each column is rounded
    assert widths[2] > 10  # long words get the room that numbers do not need
    for column, width in zip(zip(*texts, strict=True), widths, strict=True):
        longest = max(len(part) for text in column for part in re.split(r"\s", text))
        assert width >= 0.14 * longest


def test_a_table_with_many_columns_lies():
    from io import BytesIO

    from docx import Document

    frame = pd.DataFrame([[1.0] * 9], columns=[f"c{k}" for k in range(9)]).astype(str)
    section = Document(BytesIO(table_document(frame, "Wide", []))).sections[0]
    assert section.page_width > section.page_height
