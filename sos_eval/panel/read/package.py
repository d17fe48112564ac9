"""A workbook as the zip that it is: what is refused before a library reads it, and what of its parts matches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import ZipFile

from sos_eval.errors import listed
from sos_eval.panel.read.columns import many
from sos_eval.panel.read.reading import Wanted, refuse_vast

__all__ = ["matches", "refuse_disorder", "refuse_package"]

#: Bytes of a sheet's tag that are looked at; none that matters here is as long.
LONGEST_TAG = 1 << 16

_CHART_SHEET = re.compile(r"(xl/chartsheets/)([^/]+\.xml)")
_STRICT = "http://purl.oclc.org/ooxml/"
_SAVE = "open it in a spreadsheet, look it through and save it, or save the table alone as CSV"


def refuse_package(wanted: Wanted, packed: ZipFile) -> None:
    """Refuse a workbook that unpacks to more than the limit, and one that the library opens wrongly or not at all.

    Raises
    ------
    DataFault
        It is a bomb, has a chart sheet without a chart, a part twice or with a DTD, or is Strict Open XML.
    """
    refuse_vast(sum(entry.file_size for entry in packed.infolist()), wanted)
    parts = set(packed.namelist())
    sheets = [one for one in map(_CHART_SHEET.fullmatch, parts) if one]
    empty = [one[0] for one in sheets if f"{one[1]}_rels/{one[2]}.rels" not in parts]
    if empty:
        what = f"holds {many(len(empty), 'chart sheet')} without a chart"
        wanted.refuse(what, "delete it in a spreadsheet, or save the table alone as CSV")
    if twice := [name for name, n in Counter(packed.namelist()).items() if n > 1]:
        wanted.refuse(f"holds {listed(twice, 4)} twice", _SAVE)
    for name in packed.namelist():  # parts of other programs (customXml) are not read
        if (
            name.startswith("xl/")
            and name.endswith((".xml", ".rels"))
            and _root(packed, name, wanted).startswith(_STRICT)
        ):
            wanted.refuse("is saved as Strict Open XML", "save it as Excel workbook (.xlsx)")


def refuse_disorder(wanted: Wanted, packed: ZipFile, part: str, title: str) -> None:
    """Refuse a sheet whose rows or cells stand twice or out of their order: the library drops or overwrites them.

    Parameters
    ----------
    packed, part
        The workbook, and the sheet's own file in it.
    title
        The sheet's name.

    Raises
    ------
    DataFault
        Numbers of rows do not rise, or a cell is not of its row or not to the right of the one before it.
    """
    from openpyxl.utils import coordinate_to_tuple, get_column_letter
    from openpyxl.xml.constants import SHEET_MAIN_NS

    row_tag, cell_tag = f"{SHEET_MAIN_NS}}}row", f"{SHEET_MAIN_NS}}}c"
    row = column = 0

    def begun(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column
        if tag == row_tag:
            number = _whole(attributes.get("r", row + 1))
            if number <= row:
                again = "twice" if number == row else f"below row {row}"
                wanted.refuse(f'sheet "{title}": row {number} stands {again} in the file', _SAVE)
            row, column = number, 0
        elif tag == cell_tag:
            of_row, at = coordinate_to_tuple(attributes["r"]) if attributes.get("r") else (row, column + 1)
            if of_row != row or at <= column:
                before = f"behind {get_column_letter(column)}{row}" if at < column else "twice"
                where = f"in row {row}" if of_row != row else before
                what = f'sheet "{title}": cell {get_column_letter(at)}{of_row} stands {where} in the file'
                wanted.refuse(what, _SAVE)
            column = at

    parser = _parser(wanted, part)
    parser.StartElementHandler = begun
    _root(packed, part, wanted)
    with packed.open(part) as file:
        while piece := file.read(1 << 20):
            _parse(parser, piece, end=False)
        _parse(parser, b"", end=True)


def matches(packed: ZipFile, entry: str, pattern: re.Pattern[bytes]) -> Iterator[Any]:
    """Yield what of a part of a workbook matches, its groups where it has any; read in pieces that end with a tag."""
    with packed.open(entry) as part:
        left = b""
        while piece := part.read(1 << 20):
            whole, tag, left = (left + piece).rpartition(b"<")
            yield from pattern.findall(whole)
            left = (tag + left)[-LONGEST_TAG:]
        yield from pattern.findall(left)


def _root(packed: ZipFile, name: str, wanted: Wanted) -> str:
    """Return the first tag of a part, after its namespace; one that declares names of its own is refused."""
    roots: list[str] = []
    parser = _parser(wanted, name)
    parser.StartElementHandler = lambda tag, _: roots.append(tag)
    with packed.open(name) as file:
        while not roots and (piece := file.read(1 << 12)):
            if b"\0" in piece:
                wanted.refuse(f"{name} is not written in UTF-8", _SAVE)  # merged and hidden cells would not be found
            _parse(parser, piece, end=False)
    return roots[0] if roots else ""


def _whole(number: str | int) -> int:
    """Return a row's number; some write 7.0, which the library reads too."""
    if not float(number).is_integer():
        raise ValueError(f"{number} is no number of a row")
    return int(float(number))


def _parser(wanted: Wanted, part: str) -> Any:
    def declared(*_: object) -> None:
        wanted.refuse(f"{part} has a DOCTYPE, which no spreadsheet writes: its cells may hold anything", _SAVE)

    parser = ParserCreate(namespace_separator="}")
    parser.StartDoctypeDeclHandler = declared
    return parser


def _parse(parser: Any, piece: bytes, *, end: bool) -> None:
    try:
        parser.Parse(piece, end)
    except ExpatError as error:
        raise SyntaxError(str(error)) from error  # as the other readers of XML say it
