"""Workbooks as people format them: shares shown in per cent, names merged over the rows that they belong to."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from sos_eval.errors import DataFault
from sos_eval.panel.panel import Panel
from tests.panel.small import SmallDesign, table

COLUMNS = ("la_code", "year", "first_year", "entries", "children", "idaci", "region")


def book(small: SmallDesign) -> Workbook:
    """Return the small panel as a workbook, that a test formats by hand."""
    small.block.update(source="xlsx", path="panel.xlsx", covariates=["idaci"])
    workbook = Workbook()
    workbook.active.append(COLUMNS)
    for row in table()[list(COLUMNS)].itertuples(index=False):
        workbook.active.append([one.item() if hasattr(one, "item") else one for one in row])
    return workbook


def loaded(small: SmallDesign, workbook: Workbook) -> Panel:
    workbook.save(Path(small.folder) / "panel.xlsx")
    return small.load(write=False)


def per_cent(workbook: Workbook, rows: range, form: str = "0%") -> Workbook:
    for row in rows:
        workbook.active.cell(row, COLUMNS.index("idaci") + 1).number_format = form
    return workbook


def notes(panel: Panel, step: str) -> list[str]:
    return [row.reason for row in panel.flow if row.step == step]


@pytest.mark.parametrize("form", ["0%", "0.0%", "0.00%;[Red]-0.00%", '# %"of all"'])
def test_shares_shown_in_per_cent_are_read_as_shown(form, small):
    panel = loaded(small, per_cent(book(small), range(2, 42), form))
    assert panel.frame["idaci"].tolist() == [10.0 * (row // 5) for row in range(40)]
    assert notes(panel, "numbers as text") == ['idaci: written like "12%", which is read as 12']


@pytest.mark.parametrize("form", ["0.00", '0.0"%"', r"0.0\%", "£#,##0.00", "General"])
def test_other_formats_change_no_number(form, small):
    panel = loaded(small, per_cent(book(small), range(2, 42), form))
    assert panel.frame["idaci"].tolist() == [(row // 5) / 10 for row in range(40)]
    assert notes(panel, "numbers as text") == []


def test_a_share_is_read_to_its_last_digit(small):
    workbook = per_cent(book(small), range(2, 42))
    for row in range(2, 42):
        workbook.active.cell(row, 6).value = 0.0712345678901234
    assert set(loaded(small, workbook).frame["idaci"]) == {7.12345678901234}


def test_per_cent_beside_plain_numbers_is_refused(small):
    with pytest.raises(DataFault, match=r"idaci: numbers with and without %, '0%', '10%'"):
        loaded(small, per_cent(book(small), range(2, 20)))


def merged(workbook: Workbook, column: str) -> Workbook:
    """Merge the cells of each authority in a column, as a spreadsheet does: only the first keeps its value."""
    at = COLUMNS.index(column) + 1
    for first in range(2, 42, 5):
        workbook.active.merge_cells(start_row=first, end_row=first + 4, start_column=at, end_column=at)
    return workbook


@pytest.mark.parametrize("column", ["la_code", "first_year", "idaci"])
def test_a_merged_cell_is_read_in_every_row_of_it(column, small):
    plain = loaded(small, book(small)).frame
    panel = loaded(small, merged(book(small), column))
    assert panel.frame.equals(plain)
    letter = "ABCDEFG"[COLUMNS.index(column)]
    said = f"{column}: merged cells ({letter}2:{letter}6, {letter}7:{letter}11, {letter}12:{letter}16"
    assert notes(panel, "merged cells")[0].startswith(said)


def test_a_title_and_a_footnote_that_are_merged_are_no_matter(small):
    workbook = book(small)
    workbook.active.insert_rows(1)
    workbook.active["A1"] = "Children who started to be looked after"
    workbook.active.merge_cells("A1:G1")
    workbook.active["A43"] = "Source: a publication"
    workbook.active.merge_cells("A43:G43")
    panel = loaded(small, workbook)
    assert panel.n_rows == 40
    assert notes(panel, "merged cells") == []


def test_a_count_merged_over_several_rows_is_refused(small):
    workbook = book(small)
    workbook.active.merge_cells("D4:D5")
    with pytest.raises(DataFault, match=r"merged cells \(D4:D5\) in entries.*unmerge them, and write in each row"):
        loaded(small, workbook)


def test_cells_merged_over_several_columns_are_refused(small):
    workbook = book(small)
    workbook.active.merge_cells("D4:E4")
    with pytest.raises(DataFault, match=r"merged cells \(D4:E4\) over several columns"):
        loaded(small, workbook)


def test_merged_cells_that_overlap_are_damage(small):
    workbook = merged(book(small), "la_code")
    workbook.active.merged_cells.add("A3:A9")
    with pytest.raises(DataFault, match=r"merged cells .* overlap"):
        loaded(small, workbook)


def test_a_column_per_year_below_a_title_is_said_with_the_way_to_read_it(small):
    workbook = Workbook()
    for row in (["Looked after", None, "Year"], ["la_code", "first_year", 2011, 2012, 2013], ["001", 2012, 1, 2, 3]):
        workbook.active.append(row)
    small.block.update(source="xlsx", path="panel.xlsx")
    with pytest.raises(DataFault, match=r'a column per period: 2011, 2012, 2013; read it with wide: .columns: "20\*"'):
        loaded(small, workbook)


def test_a_note_quotes_no_cell(small):
    """Under a profile flow.csv is published as it is: a total below the table gives a withheld count back."""
    workbook = book(small)
    for row in range(2, 42):
        workbook.active.cell(row, 4).value = f"£{workbook.active.cell(row, 4).value}"
    workbook.active.insert_rows(1)
    workbook.active["A1"] = "Counts of KANARI, 77 in all"
    workbook.active.append(["Total", None, None, 987654, 80000, None, None])
    workbook.active.append(["KANARI had 77"])
    told = " ".join(row.reason for row in loaded(small, workbook).flow if row.what == "noted")
    assert "row 2; what stands above them is left aside" in told
    assert "rows 43, 44 below the table, notes or totals, are left aside" in told
    assert 'entries: written like "£12", which is read as 12' in told
    assert not {"KANARI", "77", "987654", "£2", "Total"} & {*told.replace('"', " ").split()}


def test_a_count_merged_over_several_units_of_a_wide_table_is_refused(small):
    workbook = Workbook()
    for row in (["la_code", "first_year", 2011, 2012], ["001", 2012, 1, 2], ["002", 0, None, 3], ["003", 0, 4, 5]):
        workbook.active.append(row)
    workbook.active.merge_cells("C2:C3")
    small.block.update(
        source="xlsx", path="panel.xlsx", outcome={"value": "entries"}, wide={"columns": "20*", "into": "year"}
    )
    with pytest.raises(DataFault, match=r"merged cells \(C2:C3\) in 2011"):
        loaded(small, workbook)


def test_merged_cells_are_counted_by_column_and_row(small):
    """Two columns of eight authorities, each told in the four rows below its first: 32 of 40 rows, not 64."""
    workbook = merged(merged(book(small), "la_code"), "first_year")
    panel = loaded(small, workbook)
    assert [row.rows for row in panel.flow if row.step == "merged cells"] == [32, 32]


def test_hidden_rows_and_columns_are_read_and_said(small):
    plain = loaded(small, book(small)).frame
    workbook = book(small)
    for row in (3, 4, 5, 9, 50):  # no table reaches row 50
        workbook.active.row_dimensions[row].hidden = True
    workbook.active["H1"] = "remarks"
    for letter in "DH":  # entries, and remarks, which nobody reads
        workbook.active.column_dimensions[letter].hidden = True
    panel = loaded(small, workbook)
    assert panel.frame.equals(plain)
    assert [(row.rows, row.reason) for row in panel.flow if row.step.startswith("hidden")] == [
        (4, "rows 3, 4, 5, 9: hidden in the sheet, read as the others"),
        (40, "entries: hidden in the sheet, read as the others"),
    ]


def test_a_sheet_that_hides_nothing_says_nothing_of_it(small):
    workbook = book(small)
    workbook.active.row_dimensions[3].height = 40
    workbook.active.column_dimensions["D"].width = 30
    workbook.active["G2"] = 'hidden="1"'
    assert not [row for row in loaded(small, workbook).flow if row.step.startswith("hidden")]
