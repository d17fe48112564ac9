"""Tables as files: number cells, words that are no formulas, LaTeX that compiles; of a run and of a power study."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from io import BytesIO

import pandas as pd
import pytest

from sos_eval.bundle.bundle import read_bundle, write_bundle
from sos_eval.bundle.files import read_table
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import InputFault
from sos_eval.report.latex import _level, escaped, latex_table
from sos_eval.report.named_tables import named_tables
from sos_eval.report.table_files import FORMATS, FormattedTable, columns_of
from sos_eval.report.tabulate import shown
from tests.bundle.handmade import full
from tests.hostile.folders import made

MIXED = pd.DataFrame({
    "who": ["=SUM(A1)", "50% & −1", "a_b\x07", ""], "value": [1 / 3, -2.5, math.nan, math.inf],
    "n": pd.array([1, 2, None, 4], dtype="Int64"), "passed": [True, False, None, True],
})  # fmt: skip


def call(*words):
    return answered(cli, [str(word) for word in words], Screen())


def sheet(content):
    from openpyxl import load_workbook

    return load_workbook(BytesIO(content)).active


def test_a_workbook_has_numbers_as_numbers_and_words_as_words():
    page = sheet(FormattedTable("mixed/1", MIXED, ("A note.",)).written("xlsx"))
    rows = [[cell.value for cell in row] for row in page.iter_rows()]
    assert rows[0] == ["who", "value", "n", "passed"]
    assert rows[1] == ["=SUM(A1)", 1 / 3, 1, "yes"]
    assert rows[2] == ["50% & −1", -2.5, 2, "no"]
    assert rows[3] == ["a_b\ufffd", None, None, None]
    assert rows[4][1:] == ["∞", 4, "yes"]
    assert rows[6][0] == "A note."
    assert page.cell(2, 1).data_type == "s"  # no formula
    assert page.cell(2, 2).data_type == "n"
    assert page.title == "mixed_1"


def test_digits_are_those_asked_for_in_every_format():
    two = FormattedTable("t", MIXED[["value"]], digits=2)
    assert two.written("csv").splitlines()[1:3] == ["0.33", "-2.5"]
    assert sheet(two.written("xlsx")).cell(2, 1).value == 0.33
    for form in ("md", "html", "tex"):
        assert "0.33" in two.written(form)
        assert "0.333" not in two.written(form)
    assert "0.333333" in FormattedTable("t", MIXED[["value"]], digits=6).written("md")
    whole = FormattedTable("t", MIXED[["value"]])
    assert sheet(whole.written("xlsx")).cell(2, 1).value == 1 / 3
    assert whole.written("csv").splitlines()[1] == repr(1 / 3)


def test_latex_holds_nothing_that_pdflatex_has_no_character_for():
    said = FormattedTable("t", MIXED, ("“Rates” – 95% £5 ≥ −1",)).written("tex")
    assert "$-$2.50" in said
    assert "50\\% \\& $-$1" in said
    assert "a\\_b" in said
    assert "``Rates'' -- 95\\% \\pounds{}5 $\\geq$ $-$1" in said
    assert all(ord(letter) < 128 or letter == "\ufffd" for letter in said)
    assert "\\toprule" in said


def test_a_wide_table_wraps_its_words_and_no_numbers():
    """140 and 140 letters of words and 20 of numbers in 140: both columns of words get what is left, 60 each."""
    assert _level([140, 20, 140], [10, 20, 10], 140.0) == 60
    assert _level([140, 30, 20], [10, 10, 20], 100.0) == 50  # a narrow one stays
    wide = pd.DataFrame({"who": ["a name " * 20], "what": ["some words " * 20], "value": [1.5]})
    said = FormattedTable("t", wide).written("tex")
    assert said.count("\\raggedright") == 2
    assert said.count("\\raggedleft") == 1
    assert ", array" in said.splitlines()[0]
    assert "raggedright" not in FormattedTable("t", wide[["value"]]).written("tex")


def test_a_table_too_wide_for_small_letters_is_set_smaller_and_a_high_one_over_pages():
    """Sixteen columns of a million ran 143 points over the edge; rows that wrap are counted as the lines they take."""
    many = pd.DataFrame({f"quantity {k}": [1e6 * (k + 1)] * 3 for k in range(16)})
    assert "{\\tiny" in FormattedTable("t", many).written("tex")
    assert "{\\tiny" not in FormattedTable("t", many.iloc[:, :7]).written("tex")
    high = pd.DataFrame({"check": [f"check {k}" for k in range(20)], "text": ["some words " * 40] * 20})
    assert "longtable" in FormattedTable("t", high).written("tex")
    assert "longtable" not in FormattedTable("t", high.assign(text="short")).written("tex")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not on this machine")
def test_latex_compiles(tmp_path):
    body = FormattedTable("t", MIXED.iloc[:2], ("−1 “x”",)).written("tex")
    page = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(page, encoding="utf-8")
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True)


def test_a_word_document_is_a4_and_holds_the_cells():
    from docx import Document
    from docx.shared import Cm

    word = Document(BytesIO(FormattedTable("Effects", MIXED, ("A note.",)).written("docx")))
    assert abs(word.sections[0].page_width - Cm(21)) < 1000
    cells = [[cell.text for cell in row.cells] for row in word.tables[0].rows]
    assert cells[1] == ["=SUM(A1)", "0.333", "1", "yes"]
    assert word.paragraphs[-1].text == "A note."
    wide = pd.DataFrame({f"c{k}": [1.0] for k in range(12)})
    turned = Document(BytesIO(FormattedTable("Wide", wide).written("docx"))).sections[0]
    assert turned.page_width > turned.page_height


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_table_has_the_same_bytes(form):
    table = FormattedTable("t", MIXED, ("n",))
    first = table.written(form)
    if form == "docx":
        pytest.skip("python-docx writes the archive's times; its members are compared in the report's tests")
    if form == "xlsx":
        time.sleep(2.1)  # an archive's times are even seconds
    assert first == table.written(form)


def test_columns_are_kept_in_the_order_asked_for_and_strangers_named():
    assert list(columns_of(MIXED, ["n", "who", "n"], "t").columns) == ["n", "who"]
    with pytest.raises(InputFault) as fault:
        columns_of(MIXED, ["whos", "valeu"], "t")
    assert len(fault.value.faults) == 2
    assert 'did you mean "who"' in str(fault.value)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run and a power study, made once."""
    room = tmp_path_factory.mktemp("tables")
    return {name: shutil.copytree(made(name), room / name) for name in ("b", "p")}


def test_every_file_of_a_run_is_a_table_by_name(folders):
    pulled = named_tables(folders["b"])
    files = {file.stem for file in folders["b"].glob("*.csv")}
    files |= {file.name.removesuffix(".csv") for file in (folders["b"] / "tables").glob("*.csv")}
    assert files <= set(pulled.makers)
    assert set(pulled.makers) == set(pulled.summaries)
    name = next(file for file in (folders["b"] / "tables").glob("*.csv"))
    pd.testing.assert_frame_equal(pulled.table(name.name.removesuffix(".csv")), read_table(name))


def test_estimators_stand_side_by_side(folders):
    pulled = named_tables(folders["b"])
    table = pulled.table("models").set_index(pulled.table("models").columns[0])
    bundle = pulled.table("estimates")
    assert table.shape[1] == bundle["estimator"].nunique()
    assert list(table.index) == [
        "Estimate", "Interval", "p", "Scale", "Procedure", "Role", "Treated", "Units", "Rows",
    ]  # fmt: skip
    assert "*" not in table.to_string()
    assert "95% interval" in " ".join(pulled.notes["models"])


def test_python_has_the_files_by_name_as_the_command_does(folders):
    bundle = read_bundle(folders["b"])
    name = bundle.table_names[0]
    pd.testing.assert_frame_equal(bundle.table(name), named_tables(folders["b"]).table(name))


def test_a_power_study_has_its_tables(folders):
    pulled = named_tables(folders["p"])
    assert {"power", "mdes", "formulas", "failures"} <= set(pulled.makers)
    with pytest.raises(InputFault, match='did you mean "power"'):
        pulled.table("powr")


def test_the_ending_says_the_format_or_the_call_is_refused(folders, tmp_path, capsys):
    for form in FORMATS:
        assert call("table", folders["b"], "effects", "--out", tmp_path / f"t.{form}") == 0
        assert (tmp_path / f"t.{form}").stat().st_size > 100
    assert (tmp_path / "t.xlsx").read_bytes()[:2] == b"PK"
    capsys.readouterr()
    assert call("table", folders["b"], "effects", "--out", tmp_path / "t.txt") == 2
    assert call("table", folders["b"], "effects", "--format", "csv", "--out", tmp_path / "t.docx") == 2
    assert call("table", folders["b"], "effects", "--format", "xlsx") == 2
    assert not (tmp_path / "t.txt").exists()


def test_all_tables_go_into_a_new_folder(folders, tmp_path, capsys):
    assert call("table", folders["p"], "--all", "--format", "md", "--out", tmp_path / "all") == 0
    assert {file.stem for file in (tmp_path / "all").glob("*.md")} == set(named_tables(folders["p"]).makers)
    assert call("table", folders["p"], "--all", "--out", tmp_path / "all") == 2
    assert call("table", folders["p"], "--all") == 2
    assert "--out FOLDER" in capsys.readouterr().err


HOSTILE = "50% & $x_1 #2 {a} ~^ <b> \\ | −1.2 – £3 “q” … [1] 東 \a é"


def test_latex_holds_no_letter_that_stops_it():
    text = latex_table(pd.DataFrame({HOSTILE: [HOSTILE]}), [False], [HOSTILE])
    assert "$-$1.2" in text
    assert "U+6771" in text
    assert all(letter in "\n" or " " <= letter <= "~" or letter == "é" for letter in text)
    assert escaped("[*]") == "{[}{*}{]}"
    assert "longtable" in latex_table(pd.DataFrame({"a": ["1"] * 46}), [True])


def test_notes_say_what_an_interval_is_and_whose(bundle):
    notes = named_tables(bundle.path).notes
    assert notes["effects"][0] == "Intervals: 95%, of each estimate by itself."
    assert notes["effects"][-1].startswith("Inference: randomization")
    assert "Bands cover all estimates" in " ".join(notes["event_study"])


def test_procedures_are_those_of_the_headline(bundle):
    table, key = bundle.table("procedures"), bundle.facts.headline
    assert table["inference"].tolist() == key.rows(bundle.table("effects"))["inference"].tolist()


def test_the_headline_is_published_in_words_and_keeps_its_keys_for_programs(bundle):
    """No key of headline.json is read; csv and workbooks hold them all."""
    tables = named_tables(bundle.path)
    rows = tables.table("headline")
    printed = tables.printed("headline", rows, chosen=False)
    said = dict(printed.to_numpy().tolist())
    assert said["Verdict"] == "Inconclusive"
    assert said["Low end"] == bundle.headline["conf_low"]
    assert said["Children a year per authority of average size, low end"] == bundle.headline["natural_units"]["low"]
    assert said["Effect"] == "on the treated"
    assert not [item for item in printed["item"] if "_" in item or "." in item]
    assert "natural_units.low" in set(rows["item"])


def test_the_evidence_gate_is_a_table_in_words(tmp_path):
    evidence = {"G2": {"name": "clusters", "tier": "E1", "measured": {"treated": 4}, "threshold": {
        "E2": "treated >= 5", "E3": "treated >= 8"}, "pointer": {"treated": "estimates.csv"}}}  # fmt: skip
    gate = {"tier": "E1", "allowed": "a break-even effect", "lift": {"G2": "more authorities"}, "evidence": evidence}
    write_bundle(tmp_path / "b", full(economics={"gate": gate}))
    tables = named_tables(tmp_path / "b")
    assert tables.table("economics.gate").to_dict("records") == [
        {"criterion": "G2 clusters", "tier": "E1", "measured": "treated authorities: 4", "where": "estimates.csv",
         "needed": "E2: treated authorities at least 5. E3: treated authorities at least 8", "lift": "more authorities"}
    ]  # fmt: skip
    assert tables.notes["economics.gate"] == ("The lowest tier counts: E1 is granted. It allows: a break-even effect.",)


def test_periods_are_written_whole_and_digits_are_as_asked_for():
    frame = pd.DataFrame({"first_treated": [2015.0], "cohort": [2014.0], "mcse": [0.00484], "n": [2015.4]})
    assert shown(frame).iloc[0].tolist() == ["2015", "2014", "0.0048", "2,015"]
    assert shown(frame, 3).iloc[0].tolist() == ["2015", "2014", "0.00484", "2,015"]


def test_heads_with_a_raised_two_are_set_by_latex():
    assert escaped("Variance between (tau²)") == r"Variance between (tau\texttwosuperior{})"


def test_columns_and_digits_without_a_name_are_refused(folders, capsys):
    for option in (["--columns", "estimate"], ["--digits", "3"]):
        assert answered(cli, ["table", str(next(iter(folders.values()))), *option], Screen()) == 2
        assert "name it" in capsys.readouterr().err
