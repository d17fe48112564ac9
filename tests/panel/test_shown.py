"""Cells of workbooks that do not show what they hold: footnote marks, struck-out text, number formats."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from sos_eval.errors import DataFault
from sos_eval.panel.read.formats import shows_otherwise, zeros_shown
from tests.panel.small import table
from tests.panel.test_workbooks import COLUMNS, book, loaded, notes

RAISED, LOWERED = InlineFont(vertAlign="superscript"), InlineFont(vertAlign="subscript")
STRUCK = InlineFont(strike=True)
ENTRIES = COLUMNS.index("entries") + 1
UNREAD = len(COLUMNS) + 1
FIRST = table()["entries"].tolist()


def marked(workbook: Workbook, column: str, rows: range, mark: str = "2", font: InlineFont = RAISED) -> Workbook:
    """Set a mark behind cells of a column, as people do for a footnote."""
    for row in rows:
        cell = workbook.active.cell(row, COLUMNS.index(column) + 1)
        cell.value = CellRichText(str(cell.value), TextBlock(font, mark))
    return workbook


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("entries", range(8, 9)), ("entries", range(2, 42)), ("children", range(2, 9)), ("year", range(2, 42)),
        ("la_code", range(6, 9)), ("first_year", range(2, 7)),
    ],
)  # fmt: skip
def test_a_raised_mark_is_no_part_of_a_number_or_code(column, rows, small):
    """2482 with a raised 2 was read as 24,822; a code with one was another authority."""
    plain = loaded(small, book(small)).frame
    panel = loaded(small, marked(book(small), column, rows))
    assert panel.frame.equals(plain)
    places = ", ".join(f"{'ABCDEF'[COLUMNS.index(column)]}{row}" for row in rows[:4])
    (note,) = notes(panel, "parts of cells")
    assert note.startswith(f"{column}: raised, lowered or struck-out parts ({places}")


def test_text_that_is_struck_out_holds_no_more(small):
    workbook = book(small)
    workbook.active.cell(8, ENTRIES).value = CellRichText(TextBlock(STRUCK, "999"), TextBlock(InlineFont(), "23"))
    panel = loaded(small, workbook)
    assert panel.frame["count"].tolist()[6] == 23
    assert notes(panel, "parts of cells") == ["entries: raised, lowered or struck-out parts (D8) are left out"]


def test_a_mark_in_the_name_of_a_column_is_left_out(small):
    workbook = marked(book(small), "entries", range(1, 2))
    assert loaded(small, workbook).frame["count"].tolist() == FIRST
    workbook = book(small)
    workbook.active.cell(2, UNREAD).value = CellRichText("see", TextBlock(RAISED, "1"))
    assert notes(loaded(small, workbook), "parts of cells") == []


@pytest.mark.parametrize("font", [{"strike": True}, {"vertAlign": "superscript"}, {"vertAlign": "subscript"}])
def test_a_cell_that_is_struck_out_is_refused(font, small):
    workbook = book(small)
    workbook.active.cell(8, ENTRIES).font = Font(**font)
    workbook.active.cell(9, UNREAD).value = "gone"
    workbook.active.cell(9, UNREAD).font = Font(**font)
    with pytest.raises(
        DataFault, match=r"panel\.xlsx: entries: D8: nothing stands there that is not struck out"
    ) as said:
        loaded(small, workbook)
    assert str(said.value).count("\n") == 0


def test_a_cell_of_raised_text_alone_is_refused(small):
    workbook = book(small)
    workbook.active.cell(8, ENTRIES).value = CellRichText(TextBlock(RAISED, "24"), TextBlock(LOWERED, "1"))
    with pytest.raises(DataFault, match=r"entries: D8: nothing stands there.*empty the cell"):
        loaded(small, workbook)


def test_a_part_without_a_font_has_the_cells(small):
    """Excel writes no font for the first part of a text: the cell's own says that it is struck out."""
    workbook = marked(book(small), "entries", range(8, 9))
    workbook.active.cell(8, ENTRIES).font = Font(strike=True)
    with pytest.raises(DataFault, match="entries: D8: nothing stands there"):
        loaded(small, workbook)


def test_texts_that_cells_share_are_read_alike(small):
    """openpyxl writes such texts into the cells, a spreadsheet into a list that cells point to."""
    loaded(small, marked(book(small), "entries", range(8, 10)))
    path, inline = Path(small.folder) / "panel.xlsx", re.compile(rb'<c ([^>]*)t="inlineStr"><is>(.*?)</is></c>')
    with ZipFile(path) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    sheet, listing, types = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "[Content_Types].xml"
    texts = [own for _, own in inline.findall(files[sheet])]
    assert len(texts) > 40
    at = iter(range(len(texts)))
    files[sheet] = inline.sub(lambda one: b'<c %bt="s"><v>%d</v></c>' % (one[1], next(at)), files[sheet])
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    files[listing] = b'<sst xmlns="%b">%b</sst>' % (space, b"".join(b"<si>%b</si>" % own for own in texts))
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = b'<Override PartName="/%b" ContentType="%b"/></Types>' % (listing.encode(), kind)
    files[types] = files[types].replace(b"</Types>", part)
    with ZipFile(path, "w") as packed:
        for name, held in files.items():
            packed.writestr(name, held)
    panel = small.load(write=False)
    assert panel.frame["count"].tolist() == FIRST
    assert notes(panel, "parts of cells") == ["entries: raised, lowered or struck-out parts (D8, D9) are left out"]


def test_marks_of_notes_below_the_table_are_not_the_tables(small):
    workbook = book(small)
    workbook.active.append([CellRichText(TextBlock(RAISED, "1"), " provisional")])
    workbook.active.append([CellRichText(TextBlock(STRUCK, "withdrawn"))])
    assert notes(loaded(small, workbook), "parts of cells") == []


# -- number formats ---------------------------------------------------------------------------------------------------

ACCOUNTS = '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-'


@pytest.mark.parametrize(
    "form",
    [
        "General", "0", "#,##0", "0.00", "0.0E+00", "# ?/?", "@", "#,##0;[Red]-#,##0", "#,##0_);(#,##0)", '"£"#,##0',
        "[$£-809]#,##0.00", "[$€-2] #,##0", ACCOUNTS, '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)', "0%",
        "[>999]#,##0;0", "[Blue]0", "0;[Red]0", "#,##0.00_ ;[Red]\\-#,##0.00\\ ", "### ### ##0",
    ],
)  # fmt: skip
def test_plain_formats_show_what_is_held(form):
    assert not [value for value in (3, 0, -3, 38312.5, "E06000001") if shows_otherwise(form, value)]


@pytest.mark.parametrize(
    ("form", "hidden", "shown"),
    [
        ('[<5]"c";0', [3, 4.9, 0], [5, 2482]),
        ('[<200]"c";#,##0', [199], [200]),
        (";;;", [3, 0, -3, "E06"], []),
        ("0;-0;;@", [0], [3, -3, "E06"]),
        ('"x"', [3, 0], ["E06"]),
        ("0,", [3, 38312], []),
        ("#,##0,,", [3], []),
        ('0.0,"k"', [3], []),
        ('0",000"', [38], []),
        ('0.000"k"', [38.312], []),
        ('0"*"', [3], []),
        (r"0\p", [3], []),
        ('"E060000"00', [1], ["E06"]),
        ('"-"0', [3], []),
        ("0;0", [-3], [3, 0]),
        ("#", [0], [3]),
        ('0;-0;0;"c"', ["12"], [3, -3, 0]),
        ('@"1"', ["E0600000"], [3]),
    ],
)
def test_formats_that_hide_or_change_are_known(form, hidden, shown):
    assert [shows_otherwise(form, value) for value in hidden] == [True] * len(hidden)
    assert [shows_otherwise(form, value) for value in shown] == [False] * len(shown)


@pytest.mark.parametrize("form", ['[<99]"c";0', ";;;", '0",000"', "0,", '"x"'])
def test_a_cell_that_shows_something_else_is_refused_by_place_and_format(form, small):
    workbook = book(small)
    for row in (8, 11):
        workbook.active.cell(row, ENTRIES).number_format = form
    workbook.active.cell(12, UNREAD).value = 3
    workbook.active.cell(12, UNREAD).number_format = form
    with pytest.raises(DataFault) as said:
        loaded(small, workbook)
    words = f"entries: D8, D11: shown otherwise than it is held, by the number format {form}; write in the cell what"
    assert words in str(said.value)
    assert str(said.value).count("\n") == 0


def test_zeros_before_a_code_are_read_as_they_show(small):
    workbook = book(small)
    for row in range(2, 42):
        cell = workbook.active.cell(row, 1)
        cell.value, cell.number_format = int(cell.value), "000"
    assert loaded(small, workbook).frame.equals(loaded(small, book(small)).frame)
    assert [zeros_shown(form, 7) for form in ("00", "0", "0.0", "General", "#0", "0000")] == [
        "07",
        "",
        "",
        "",
        "",
        "0007",
    ]
