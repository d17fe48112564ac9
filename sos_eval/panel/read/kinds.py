"""What a file is: told by its first bytes, of a zip by the names in it, never by its own name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

from sos_eval.panel.read.damage import DAMAGE

__all__ = ["HEAD", "SOURCES", "WAYS_OUT", "kind_in", "kind_of"]

#: Bytes that tell a kind.
HEAD = 4096

#: Kinds that are read.
SOURCES = ("csv", "xlsx", "parquet", "duckdb")

_WORKBOOK = "open it in a spreadsheet and save it as Excel workbook (.xlsx)"
_UNPACK = "unpack it, and name the file in it"
_UTF8 = 'save it as "CSV UTF-8"'
#: What else a file may be, and what to do with it.
WAYS_OUT = {
    "an OpenDocument spreadsheet (.ods)": _WORKBOOK,
    "a binary workbook (.xlsb)": _WORKBOOK,
    "an old workbook (.xls), or one with a password": f"{_WORKBOOK}, without a password",
    "a web page (HTML)": _WORKBOOK,
    "an XML file": _WORKBOOK,
    "a SQLite database": "write the table as csv or parquet",
    "a zip of one csv": "unzip it, and name the csv in it",
    "a zip of other files": "unzip it, and name the table in it",
    "an empty zip": "check the file",
    "a damaged zip or workbook": "write the file again",
    "a zip": _UNPACK,
    "packed with gzip": "end its name in .csv.gz if a csv is in it, or unpack it",
    "packed with bzip2": _UNPACK,
    "packed with xz": _UNPACK,
    "packed with Zstandard": _UNPACK,
    "a 7z archive": _UNPACK,
    "a RAR archive": _UNPACK,
    "UTF-32 text": _UTF8,
    "UTF-16 text": _UTF8,
    "UTF-7 text": _UTF8,
}

#: How files begin; the longer mark before the one that it begins with.
_BEGINNINGS = {
    rb"PK(\x03\x04|\x05\x06|\x07\x08)": "a zip",
    rb"PAR1": "parquet",
    rb".{8}DUCK": "duckdb",
    rb"SQLite format 3\x00": "a SQLite database",
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old workbook (.xls), or one with a password",
    rb"\x1f\x8b": "packed with gzip",
    rb"BZh[1-9]1AY&SY": "packed with bzip2",
    rb"\xfd7zXZ\x00": "packed with xz",
    rb"\x28\xb5\x2f\xfd": "packed with Zstandard",
    rb"7z\xbc\xaf\x27\x1c": "a 7z archive",
    rb"Rar!\x1a\x07": "a RAR archive",
    rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff": "UTF-32 text",
    rb"\xff\xfe|\xfe\xff": "UTF-16 text",
    rb"\+/v": "UTF-7 text",
    rb"(\xef\xbb\xbf)?\s*(?i:<!doctype html|<html[\s>]|<table[\s>])": "a web page (HTML)",
    rb"(\xef\xbb\xbf)?<\?xml\s": "an XML file",
}
_MARKS = {re.compile(mark, re.DOTALL): kind for mark, kind in _BEGINNINGS.items()}


def kind_in(head: bytes) -> str:
    """Return what a file is that begins so: parquet, duckdb, one of `WAYS_OUT`, or nothing, as of a csv.

    Examples
    --------
    >>> kind_in(b"PAR1..."), kind_in("unit,year".encode("utf-16-le")), kind_in(b"unit,year")
    ('parquet', 'UTF-16 text', '')
    """
    return next((kind for mark, kind in _MARKS.items() if mark.match(head)), "") or _wide_text(head)


def kind_of(path: Path) -> str:
    """Return what a file is; of a zip whether it holds a workbook ("xlsx"), a csv or something else."""
    with path.open("rb") as file:
        kind = kind_in(file.read(HEAD))
    if kind != "a zip":
        return kind
    try:
        with ZipFile(path) as packed:
            return _kind_of_zip(packed.namelist())
    except DAMAGE:
        return "a damaged zip or workbook"


def _kind_of_zip(names: Iterable[str]) -> str:
    """Say what a zip holds, by the names that the formats of office programs prescribe."""
    named = [name.replace("\\", "/") for name in names]  # as some writers part folders
    files = [name for name in named if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if "[Content_Types].xml" in files and "xl/workbook.bin" in files:
        return "a binary workbook (.xlsb)"
    if "[Content_Types].xml" in files and any(name.startswith("xl/") for name in files):
        return "xlsx"
    if "mimetype" in files and "content.xml" in files:
        return "an OpenDocument spreadsheet (.ods)"
    if len(files) == 1 and files[0].casefold().endswith((".csv", ".txt", ".tsv")):
        return "a zip of one csv"
    return "a zip of other files" if files else "an empty zip"


def _wide_text(head: bytes) -> str:
    """Tell text of two or four bytes a letter, without a mark before it, by where its zero bytes stand."""
    for width, kind in ((4, "UTF-32 text"), (2, "UTF-16 text")):
        whole = head[: len(head) // width * width]
        zeros = [whole[place::width].count(0) / max(1, len(whole) // width) for place in range(width)]
        for letters in (0, width - 1):
            others = [share for place, share in enumerate(zeros) if place != letters]
            if len(whole) >= 2 * width and zeros[letters] == 0 and min(others) > 0.5:
                return kind
    return ""
