"""Texts of a workbook whose parts are raised, lowered or struck out: marks of footnotes, and what holds no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

__all__ = ["Runs", "marked_runs"]

#: The parts of a text in their order, and whether each is raised or struck out; None where the cell's font says it.
Runs = tuple[tuple[str, bool | None], ...]

_MARK = re.compile(rb"<(?:\w+:)?(?:vertAlign|strike)\b")
#: Bytes that a tag may be cut at.
_TAG = 64


def marked_runs(packed: ZipFile, part: str) -> dict[tuple[int, int], Runs]:
    """Return the cells of a sheet, by row and column from 1, of whose text some part is raised or struck out.

    A sheet is gone through only where such a part stands somewhere in the workbook's texts.

    Parameters
    ----------
    packed
        The workbook.
    part
        The sheet's own file in it.
    """
    shared: dict[int, Runs] = {}
    for name in packed.namelist():
        if name.casefold().endswith("sharedstrings.xml") and _holds_mark(packed, name):
            with packed.open(name) as file:
                texts = enumerate(one for one in _ended(file) if _name(one) == "si")
                shared = {at: runs for at, text in texts if (runs := _runs(text))}
    if not shared and not _holds_mark(packed, part):
        return {}
    with packed.open(part) as file:
        return dict(_cells(file, shared))


def _cells(file: IO[bytes], shared: dict[int, Runs]) -> Iterator[tuple[tuple[int, int], Runs]]:
    from openpyxl.utils import coordinate_to_tuple

    row = column = 0
    for one in _ended(file, starts=True):
        if _name(one) == "row":
            row, column = int(one.get("r", row + 1)), 0
        if _name(one) != "c":
            continue
        where = one.get("r")
        row, column = coordinate_to_tuple(where) if where else (row, column + 1)
        value = next((child.text for child in one if _name(child) == "v"), None)
        inline = next((child for child in one if _name(child) == "is"), None)
        listed = shared.get(int(value), ()) if one.get("t") == "s" and value else ()
        if runs := listed if inline is None else _runs(inline):
            yield (row, column), runs


def _runs(text: Element) -> Runs:
    """Return the parts of a text; none where no part is raised or struck out."""
    runs: list[tuple[str, bool | None]] = []
    for one in text:
        if _name(one) == "t":
            runs.append((one.text or "", None))
        elif _name(one) == "r":
            form = next((child for child in one if _name(child) == "rPr"), None)
            said = "".join(child.text or "" for child in one if _name(child) == "t")
            runs.append((said, None if form is None else any(map(_is_mark, form))))
    return tuple(runs) if any(out for _, out in runs) else ()


def _is_mark(form: Any) -> bool:
    if _name(form) == "vertAlign":
        return form.get("val") in {"superscript", "subscript"}
    return _name(form) == "strike" and form.get("val", "1") not in {"0", "false"}


def _ended(file: IO[bytes], *, starts: bool = False) -> Iterator[Element]:
    """Yield texts and cells as they end, and rows as they start; what has been yielded is let go."""
    for event, one in iterparse(file, events=("start", "end") if starts else ("end",)):
        if event == "start":
            if _name(one) == "row":
                yield one
        elif _name(one) in {"si", "c"}:
            yield one
            one.clear()
        elif _name(one) == "row":
            one.clear()


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _holds_mark(packed: ZipFile, name: str) -> bool:
    left = b""
    with packed.open(name) as part:
        while piece := part.read(1 << 20):
            if _MARK.search(left + piece):
                return True
            left = piece[-_TAG:]
    return False
