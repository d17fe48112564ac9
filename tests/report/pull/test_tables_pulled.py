"""Tables as publications have them, from the three kinds of folders."""

from __future__ import annotations

import math
import shutil
import subprocess
from io import BytesIO

import pandas as pd
import pytest
from docx import Document
from openpyxl import load_workbook

from sos_eval.errors import InputFault
from sos_eval.report.pull.latex import escaped, latex_table
from sos_eval.report.pull.publication import chosen, digits_text, side_by_side, to_digits
from sos_eval.report.pull.shelf import open_shelf, shelf_of_bundle
from sos_eval.report.pull.workbook import workbook
from sos_eval.report.pull.written import Pull, pulled, tables_file
from tests.hostile.folders import made

HOSTILE = "50% & $x_1 #2 {a} ~^ <b> \\ | −1.2 – £3 “q” … [1] 東 \a é"
EFFECTS = pd.DataFrame({
    "outcome": ["y"] * 3, "estimator": ["a", "a", "b"], "inference": ["r", "c", "r"],
    "estimate": [-1.234, -1.234, 0.5], "conf_low": [-2.0, math.nan, -0.5], "conf_high": [-0.5, math.nan, math.inf],
    "n_units": [8, 8, 6],
})  # fmt: skip


@pytest.fixture(scope="module")
def study():
    return open_shelf(made("p"))


def test_models_stand_side_by_side_by_hand():
    table = side_by_side(EFFECTS)
    assert table.columns.tolist() == ["what", "a (r)", "a (c)", "b (r)"]
    assert table.to_numpy().tolist() == [
        ["Estimate", "−1.23", "−1.23", "0.500"],
        ["Interval", "[−2.00 to −0.50]", "", "[−0.500 to no upper limit]"],
        ["Units", "8", "8", "6"],
    ]


def test_models_are_not_mixed_up():
    with pytest.raises(InputFault, match="two rows are of 'a \\(r\\)'"):
        side_by_side(pd.concat([EFFECTS, EFFECTS]))


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.123456, 5, "−0.12346"), (1234.5, 2, "1,200"), (9.996, 3, "10.0"), (0.5, None, "0.500"), (math.nan, 3, "")],
)
def test_significant_digits(value, digits, text):
    assert digits_text(value, digits) == text


def test_digits_round_numbers_and_leave_counts():
    table = to_digits(pd.DataFrame({"x": [1.23456, math.nan], "n": [12345, 2]}), 3)
    assert table["x"].tolist()[0] == 1.23
    assert math.isnan(table["x"][1])
    assert table["n"].tolist() == [12345, 2]


def test_every_wrong_column_is_named():
    with pytest.raises(InputFault) as fault:
        chosen(EFFECTS, ["estimat", "outcome", "outcome", "zzz"])
    assert [one.what for one in fault.value.faults] == [
        "the table has no column 'estimat'", "'outcome' is named twice", "the table has no column 'zzz'",
    ]  # fmt: skip


def test_a_workbook_holds_numbers_and_runs_nothing():
    table = pd.DataFrame({"x": [1.25, math.nan, math.inf], "n": [1, 2, 3], "t": ["=1+1", "a\ab", "ok"]})
    book = load_workbook(BytesIO(workbook({"a/b": (table, ["A note."]), "A/B": (table, [])})))
    assert book.sheetnames == ["a-b", "A-B~2"]
    sheet = book["a-b"]
    assert [cell.value for cell in sheet[2]] == [1.25, 1, "=1+1"]
    assert [cell.data_type for cell in sheet[2]] == ["n", "n", "s"]
    assert [cell.value for cell in sheet[3]] == [None, 2, "a\ufffdb"]
    assert sheet["A4"].value == "inf"
    assert sheet["A6"].value == "A note."


def test_word_tables_are_native_on_a4():
    document = Document(BytesIO(tables_file({"effects": Pull(EFFECTS, ("A note.",))}, "docx")))
    section, table = document.sections[0], document.tables[0]
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (21.0, 29.7)
    assert [cell.text for cell in table.rows[1].cells][:4] == ["y", "a", "r", "−1.23"]
    assert table.rows[0]._tr.trPr.xpath("w:tblHeader")
    assert document.paragraphs[-1].text == "A note."


def test_latex_holds_no_letter_that_stops_it():
    text = latex_table(pd.DataFrame({HOSTILE: [HOSTILE]}), [False], [HOSTILE])
    assert "$-$1.2" in text
    assert "U+6771" in text
    assert all(letter in "\n" or " " <= letter <= "~" or letter == "é" for letter in text)
    assert escaped("[") == "{[}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not on this machine")
def test_latex_compiles(tmp_path):
    long = pd.DataFrame({"a": [HOSTILE] * 200, "b": ["−1.5"] * 200})
    body = "".join(latex_table(table, [False, True], [HOSTILE]) + "\n\\par\n" for table in (long[:3], long))
    head = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{textcomp,booktabs,longtable}"
    (tmp_path / "t.tex").write_text(f"{head}\\begin{{document}}\n{body}\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_bundle_has_every_file_by_name(bundle):
    shelf = shelf_of_bundle(bundle)
    assert {"estimates", "weights", "adoption", "event_study", "procedures"} <= set(shelf.contents[0])
    assert bundle.table("adoption").equals(bundle.tables("adoption"))
    with pytest.raises(InputFault, match='did you mean "adoption"'):
        bundle.table("adoptoin")


def test_notes_say_what_an_interval_is_and_whose(bundle):
    notes = pulled(shelf_of_bundle(bundle), "effects").notes
    assert notes[0] == "Intervals: 95% of each estimate by itself."
    assert notes[1].startswith("Inference: randomization")


def test_procedures_are_those_of_the_headline(bundle):
    key = bundle.facts.headline
    table = bundle.table("procedures")
    assert set(table["inference"]) == set(key.rows(bundle.table("effects"))["inference"])


def test_a_power_study_has_its_tables(study):
    there, absent = study.contents
    assert there[:2] == ["power", "mdes"]
    assert absent == {}
    assert len(study.table("power")) == len(pd.read_csv(made("p") / "power.csv"))


def test_what_is_absent_says_why(bare):
    assert shelf_of_bundle(bare).contents[1]["leave_one_out"] == "the design declares no check leave_one_out"
