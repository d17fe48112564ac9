"""A table in a Word document: columns as wide as what they hold, the head on every page, no row broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sos_eval.report.wording import in_word

__all__ = ["CM", "element", "fitted_table", "room_between_margins"]

#: EMU of a centimetre.
CM = 360_000
#: Of Word's own document; a template's tables are in its grid.
_TABLE = "Light List Accent 1"
#: Centimetres of a letter of the table's size, and of a cell's sides.
_LETTER, _SIDES = 0.14, 0.45
_POINTS, _SMALLEST = 7.5, 4.5
#: How much smaller still letters are where columns have no more than their longest word.
_CLOSER = 0.93

#: Writes a cell: the cell, its row and its column.
Fill = Callable[[Any, int, int], None]


def fitted_table(word: Any, rows: Sequence[Sequence[str]], fill: Fill | None = None, *, head: bool = True) -> Any:
    """Add a table and a little room after it.

    Parameters
    ----------
    word
        A document.
    rows
        Texts of its cells; the first row is the head.
    fill
        Writes a cell in another way than as text.
    head
        Whether the first row is a head.
    """
    from docx.shared import Emu, Pt

    rows = [[in_word(cell) for cell in row] for row in rows]
    names = {str(style.name) for style in word.styles}
    table = word.add_table(rows=len(rows), cols=len(rows[0]), style=_TABLE if _TABLE in names else "Table Grid")
    table.autofit = False
    _plain_first_column(table, head=head)
    if head:
        table.rows[0]._tr.get_or_add_trPr().append(element("w:tblHeader"))
    fitted, points = _widths(rows, room_between_margins(word) / CM)
    widths = [Emu(round(width * CM)) for width in fitted]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width  # what LibreOffice reads; Word reads the cells'
    for i, (line, values) in enumerate(zip(table.rows, rows, strict=True)):
        line._tr.get_or_add_trPr().append(element("w:cantSplit"))
        for j, (cell, value, width) in enumerate(zip(line.cells, values, widths, strict=True)):
            cell.width = width
            if fill is None:
                cell.text = value
            else:
                fill(cell, i, j)
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(points)
            cell.paragraphs[0].paragraph_format.space_after = Pt(1)
    word.add_paragraph().paragraph_format.space_after = Pt(0)
    return table


def room_between_margins(word: Any) -> int:
    """Return the width between the margins of a document's last part, in EMU."""
    section = word.sections[-1]
    return int(section.page_width - section.left_margin - section.right_margin)


def _plain_first_column(table: Any, *, head: bool) -> None:
    """Keep a style from setting the first column in bold, and what is no head as a head."""
    from docx.oxml.ns import qn

    look = table._tbl.tblPr.find(qn("w:tblLook"))
    if look is not None:
        look.set(qn("w:firstColumn"), "0")
        look.set(qn("w:firstRow"), "1" if head else "0")
        look.set(qn("w:val"), "0420" if head else "0400")


def _widths(rows: Sequence[Sequence[str]], whole: float) -> tuple[list[float], float]:
    """Return the widths of columns in centimetres, and the points of their letters.

    Each column has its longest word, the rest goes by content up to what it needs. Where there is no room for all
    longest words letters and sides shrink, down to 4.5 points.
    """
    columns = list(zip(*rows, strict=True))
    words = [max((len(word) for cell in column for word in re.split(r"[\s/]+", cell)), default=1) for column in columns]
    longest = np.array([max(map(len, column)) for column in columns], dtype=float)
    least = np.array([_SIDES + _LETTER * max(word, 3) for word in words])
    if least.sum() >= whole:
        points = max(_CLOSER * _POINTS * whole / least.sum(), _SMALLEST)
        return [float(one) for one in whole * least / least.sum()], points
    needed, widths = np.maximum(_SIDES + _LETTER * 1.15 * longest, least), least
    for _ in columns:  # what a column does not need, others have
        open_ = widths < needed - 1e-9
        left = whole - widths.sum()
        if left <= 1e-9 or not open_.any():
            break
        share = np.where(open_, np.sqrt(longest), 0.0)
        widths = np.minimum(widths + left * share / share.sum(), needed)
    return [float(one) for one in widths], _POINTS


def element(name: str, **attributes: str) -> Any:
    """Return an element of Word's own, with attributes."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    out: Any = OxmlElement(name)
    for key, value in attributes.items():
        out.set(qn(key), value)
    return out
