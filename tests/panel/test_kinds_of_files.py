"""What a file is, by its bytes and not by its name; and workbooks whose parts a library reads wrongly in silence."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sos_eval.errors import DataFault
from sos_eval.panel.read.kinds import WAYS_OUT, kind_in
from tests.panel.small import SmallDesign, table

SHEET = "xl/worksheets/sheet1.xml"
SPREADSHEET = "open it in a spreadsheet and save it as Excel workbook \\(.xlsx\\)"
MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"


def csv_bytes(encoding: str = "utf-8") -> bytes:
    return table().to_csv(index=False).encode(encoding)


def book_bytes(folder: Path, parts: Callable[[dict[str, bytes]], dict[str, bytes]] = lambda parts: parts) -> bytes:
    """Return the small panel as a workbook, its parts changed."""
    path = folder / "made.xlsx"
    table().to_excel(path, index=False)
    with zipfile.ZipFile(path) as packed:
        kept = {name: packed.read(name) for name in packed.namelist()}
    path.unlink()
    return zipped(folder, parts(kept))


def zipped(folder: Path, parts: dict[str, bytes]) -> bytes:
    path = folder / "made.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    content = path.read_bytes()
    path.unlink()
    return content


def in_sheet(change: Callable[[str], str]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Change the text of the sheet; a change that changes nothing is none."""

    def changed(parts: dict[str, bytes]) -> dict[str, bytes]:
        before = parts[SHEET].decode()
        after = change(before)
        assert after != before
        return {**parts, SHEET: after.encode()}

    return changed


def refused(small: SmallDesign, name: str, content: bytes, source: str) -> str:
    """Return what is said of a file; nothing else than a fault of the data may come."""
    (small.folder / name).write_bytes(content)
    small.block.update(path=name, source=source)
    with pytest.raises(DataFault) as raised:
        small.load(write=False)
    return str(raised.value)


# ---------------------------------------------------------------- by bytes, not by name


@pytest.mark.parametrize(
    "name", ["panel", "p.dat", "p.xlsb", "p.xls", "p.ods", "p.xlsx.bak", "p.zip", "p.csv", "P.XLSX"]
)
def test_a_workbook_is_read_whatever_its_name_is(name, small):
    """The library refuses names that it does not know, which was a fault of ours."""
    plain = small.load().frame
    (small.folder / name).write_bytes(book_bytes(small.folder))
    small.block.update(path=name, source="xlsx")
    assert small.load(write=False).frame.equals(plain)


def test_formulas_of_a_workbook_under_another_name(small):
    """It is opened a second time for formulas without a saved value."""
    formula = in_sheet(lambda text: re.sub(r'(<c r="D3"[^>]*>)<v>\d+</v>', r"\1<f>1+1</f><v/>", text))
    said = refused(small, "panel.dat", book_bytes(small.folder, formula), "xlsx")
    assert "1 formula without a saved value, D3" in said


ODS = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"}
XLSB = {"[Content_Types].xml": b"<Types/>", "xl/workbook.bin": b"\0"}
DOCUMENT = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<a/>"}


@pytest.mark.parametrize("source", ["csv", "xlsx", "parquet", "duckdb"])
@pytest.mark.parametrize(
    ("name", "parts", "said"),
    [
        ("p.ods", ODS, rf"p.ods: is an OpenDocument spreadsheet \(.ods\); {SPREADSHEET}"),
        ("p.xlsx", ODS, rf"p.xlsx: is an OpenDocument spreadsheet \(.ods\); {SPREADSHEET}"),
        ("p.csv", XLSB, rf"p.csv: is a binary workbook \(.xlsb\); {SPREADSHEET}"),
        ("p.csv.zip", {"p.csv": csv_bytes()}, "p.csv.zip: is a zip of one csv; unzip it, and name the csv in it"),
        ("p.zip", {"p.csv": b"a", "__MACOSX/._p.csv": b"b"}, "is a zip of one csv; unzip it"),
        ("p.zip", {"p.csv": b"a", "q.csv": b"b"}, "is a zip of other files; unzip it, and name the table in it"),
        ("p.xlsx", DOCUMENT, "is a zip of other files; unzip it"),
        ("p.xlsx", {"xl/workbook.xml": b"<a/>"}, "is a zip of other files; unzip it"),
        ("p.zip", {}, "is an empty zip; check the file"),
    ],
)
def test_a_zip_is_said_by_what_it_holds(name, parts, said, source, small):
    assert re.search(said, refused(small, name, zipped(small.folder, parts), source))


def test_a_workbook_in_a_zip(small):
    content = zipped(small.folder, {"p.xlsx": book_bytes(small.folder)})
    assert "is a zip of other files; unzip it, and name the table in it" in refused(small, "p.zip", content, "xlsx")


def sqlite(folder: Path) -> bytes:
    path = folder / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()
    return path.read_bytes()


OTHERS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "xls": (
        lambda folder: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000),
        rf"is an old workbook \(.xls\), or one with a password; {SPREADSHEET}, without a password",
    ),
    "gzip": (
        lambda folder: gzip.compress(csv_bytes()),
        "is packed with gzip; end its name in .csv.gz if a csv is in it",
    ),
    "bzip2": (lambda folder: bz2.compress(csv_bytes()), "is packed with bzip2; unpack it, and name the file in it"),
    "xz": (lambda folder: lzma.compress(csv_bytes()), "is packed with xz; unpack it"),
    "html": (lambda folder: b"\xef\xbb\xbf\n<html><table><tr>", rf"is a web page \(HTML\); {SPREADSHEET}"),
    "xml": (lambda folder: b'<?xml version="1.0"?><Workbook/>', rf"is an XML file; {SPREADSHEET}"),
    "sqlite": (sqlite, "is a SQLite database; write the table as csv or parquet"),
    "a cut workbook": (lambda folder: book_bytes(folder)[:3000], "is a damaged zip or workbook; write the file again"),
}


@pytest.mark.parametrize("source", ["csv", "xlsx", "parquet", "duckdb"])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_files_are_said_and_what_to_do(kind, source, small):
    make, said = OTHERS[kind]
    assert re.search(rf"panel\.csv: {said}", refused(small, "panel.csv", make(small.folder), source))


def test_every_kind_has_a_way_out():
    heads = [b"PK\3\4", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\7", b"+/v8", *map(csv_bytes, WIDE)]
    assert {kind_in(head) for head in heads} <= {*WAYS_OUT}


WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_text_with_and_without_a_mark(encoding, small):
    said = refused(small, "panel.csv", csv_bytes(encoding), "csv")
    assert f'panel.csv: is {encoding[:6].upper()} text; save it as "CSV UTF-8"' in said


def test_a_zero_byte_does_not_make_wide_text():
    assert (
        kind_in(csv_bytes()) == kind_in(csv_bytes().replace(b"1", b"\0")) == kind_in(bytes(4000)) == kind_in(b"a") == ""
    )


def test_what_is_in_a_packed_csv(small):
    assert "is not packed with gzip, as its name says; take .gz off its name" in refused(
        small, "p.csv.gz", csv_bytes(), "csv"
    )
    wide = refused(small, "p.csv.gz", gzip.compress(csv_bytes("utf-16-le")), "csv")
    assert "p.csv.gz: what is in it is UTF-16 text; unpack it, and save the table as CSV UTF-8" in wide
    book = refused(small, "p.csv.gz", gzip.compress(book_bytes(small.folder)), "csv")
    assert "what is in it is a zip; unpack it" in book


# ---------------------------------------------------------------- parts of a workbook


def rows_of(text: str) -> list[str]:
    return re.findall(r"<row .*?</row>", text)


def swapped(text: str, one: int, other: int) -> str:
    """Change two rows' places in the file; their numbers stay."""
    rows = rows_of(text)
    whole = "".join(rows)
    rows[one - 1], rows[other - 1] = rows[other - 1], rows[one - 1]
    return text.replace(whole, "".join(rows))


def twice(text: str, row: int) -> str:
    one = rows_of(text)[row - 1]
    return text.replace(one, one + one)


def cells_of(text: str, row: int) -> list[str]:
    return re.findall(r"<c [^>]*?(?:/>|>.*?</c>)", rows_of(text)[row - 1])


def cells_swapped(text: str) -> str:
    cells = cells_of(text, 7)
    return text.replace(cells[3] + cells[4], cells[4] + cells[3])


def cell_twice(text: str) -> str:
    cell = cells_of(text, 7)[3]
    return text.replace(cell, cell + re.sub(r"<v>\d+</v>", "<v>2222</v>", cell))


DISORDER: dict[str, tuple[Callable[[str], str], str]] = {
    "two rows swapped": (lambda text: swapped(text, 7, 8), "row 7 stands below row 8 in the file"),
    "a row at the end": (lambda text: swapped(text, 3, 41), "row 4 stands below row 41 in the file"),
    "all in disorder": (
        lambda text: text.replace("".join(rows_of(text)[1:]), "".join(rows_of(text)[:0:-1])),
        "row 40 stands below row 41 in the file",
    ),
    "a row twice": (lambda text: twice(text, 7), "row 7 stands twice in the file"),
    "two cells swapped": (cells_swapped, "cell D7 stands behind E7 in the file"),
    "a cell twice": (cell_twice, "cell D7 stands twice in the file"),
    "a cell of another row": (lambda text: text.replace('r="D7"', 'r="D9"'), "cell D9 stands in row 7 in the file"),
}


@pytest.mark.parametrize("name", DISORDER)
def test_rows_and_cells_in_disorder_are_refused(name, small):
    """The library drops rows that come late and lets the last of two cells count, both in silence."""
    change, said = DISORDER[name]
    told = refused(small, "panel.xlsx", book_bytes(small.folder, in_sheet(change)), "xlsx")
    assert f'panel.xlsx: sheet "Sheet1": {said}; open it in a spreadsheet, look it through and save it' in told


def test_rows_and_cells_without_numbers_are_read_in_their_order(small):
    """A number may be left out: then a row is the next one, and a cell the next to the right."""
    plain = small.load().frame
    bare = in_sheet(lambda text: re.sub(r' r="[A-Z]*\d+"', "", text))
    (small.folder / "panel.xlsx").write_bytes(book_bytes(small.folder, bare))
    small.block.update(path="panel.xlsx", source="xlsx")
    assert small.load(write=False).frame.equals(plain)


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"])
def test_a_part_with_a_doctype_is_refused(part, small):
    """Its entities are what a cell holds, which no spreadsheet shows: one was read as another number."""

    def declared(parts: dict[str, bytes]) -> dict[str, bytes]:
        body = re.sub(rb"^<\?xml.*?\?>\s*", b"", parts[part])
        changed = b'<!DOCTYPE x [<!ENTITY a "1500">]>' + re.sub(rb"<v>\d{3,}</v>", b"<v>&a;</v>", body, count=1)
        return {**parts, part: changed}

    said = refused(small, "panel.xlsx", book_bytes(small.folder, declared), "xlsx")
    assert f"panel.xlsx: {part} has a DOCTYPE, which no spreadsheet writes" in said


def test_a_sheet_in_wide_text_is_refused(small):
    """Merged and hidden cells, and formulas, are looked for in its bytes."""

    def encoded(parts: dict[str, bytes]) -> dict[str, bytes]:
        return {**parts, SHEET: re.sub(rb"^<\?xml.*?\?>\s*", b"", parts[SHEET]).decode().encode("utf-16")}

    said = refused(small, "panel.xlsx", book_bytes(small.folder, encoded), "xlsx")
    assert f"panel.xlsx: {SHEET} is not written in UTF-8" in said


def test_parts_of_other_programs_are_let_be(small):
    """A query kept in a workbook is a part in UTF-16 that no table rests on."""
    plain = small.load().frame
    query = '<?xml version="1.0" encoding="utf-16"?><DataMashup/>'.encode("utf-16")
    content = book_bytes(small.folder, lambda parts: {**parts, "customXml/item1.xml": query})
    (small.folder / "panel.xlsx").write_bytes(content)
    small.block.update(path="panel.xlsx", source="xlsx")
    assert small.load(write=False).frame.equals(plain)


def test_a_part_that_is_there_twice_is_refused(small):
    """Which of two counts, programs decide differently."""
    path = small.folder / "panel.xlsx"
    path.write_bytes(book_bytes(small.folder))
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate name"):
        packed.writestr(SHEET, packed.read(SHEET))
    assert f"panel.xlsx: holds {SHEET} twice" in refused(small, "panel.xlsx", path.read_bytes(), "xlsx")


def test_folders_parted_the_other_way(small):
    """It is said to be a workbook that cannot be read, not a zip to unpack."""
    content = book_bytes(small.folder, lambda parts: {name.replace("/", "\\"): one for name, one in parts.items()})
    assert "panel.xlsx: cannot be read as a workbook" in refused(small, "panel.xlsx", content, "xlsx")


def test_row_numbers_with_a_point(small):
    plain = small.load().frame
    pointed = in_sheet(lambda text: re.sub(r'<row r="(\d+)"', r'<row r="\1.0"', text))
    (small.folder / "panel.xlsx").write_bytes(book_bytes(small.folder, pointed))
    small.block.update(path="panel.xlsx", source="xlsx")
    assert small.load(write=False).frame.equals(plain)


def test_a_cell_with_an_empty_reference_is_the_next(small):
    plain = small.load().frame
    empty = in_sheet(lambda text: text.replace('r="D7"', 'r=""'))
    (small.folder / "panel.xlsx").write_bytes(book_bytes(small.folder, empty))
    small.block.update(path="panel.xlsx", source="xlsx")
    assert small.load(write=False).frame.equals(plain)


@pytest.mark.parametrize("number", ["7.5", "inf", "nan", "x"])
def test_row_numbers_that_are_none(number, small):
    none = in_sheet(lambda text: text.replace('<row r="7"', f'<row r="{number}"'))
    assert "panel.xlsx: cannot be read as a workbook" in refused(
        small, "panel.xlsx", book_bytes(small.folder, none), "xlsx"
    )


def test_a_strict_workbook_is_refused_by_name(small, recwarn):
    def strict(parts: dict[str, bytes]) -> dict[str, bytes]:
        return {name: content.replace(MAIN, STRICT) for name, content in parts.items()}

    said = refused(small, "panel.xlsx", book_bytes(small.folder, strict), "xlsx")
    assert "panel.xlsx: is saved as Strict Open XML; save it as Excel workbook (.xlsx)" in said
    assert not recwarn.list
