"""Tables as a Word document: native tables on A4, heads that repeat, numbers to the right, notes below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import pandas as pd

from sos_eval.report.wording import in_word

__all__ = ["word_tables"]

#: A text table with its notes and, of each column, whether it holds numbers.
Shown = tuple[pd.DataFrame, Sequence[bool], Sequence[str]]

_WIDE = 7
_POINTS = 8


def word_tables(tables: Mapping[str, Shown]) -> bytes:
    """Write a document of a caption, a table and notes per table; wide ones turn the pages."""
    from docx import Document as Word
    from docx.shared import Pt

    word: Any = Word()
    word.core_properties.author, word.core_properties.language = "sos_eval", "en-GB"
    word.styles["Normal"].font.size = Pt(10)
    _a4(word.sections[0], turned=any(table.shape[1] > _WIDE for table, _, _ in tables.values()))
    for name, (table, numeric, notes) in tables.items():
        word.add_paragraph(in_word(name), style="Caption").paragraph_format.keep_with_next = True
        _add(word, table, numeric)
        if notes:
            run = word.add_paragraph().add_run(in_word(" ".join(notes)))
            run.font.size = Pt(_POINTS)
    out = BytesIO()
    word.save(out)
    return out.getvalue()


def _a4(section: Any, *, turned: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm

    short, long = Cm(21.0), Cm(29.7)
    section.orientation = WD_ORIENT.LANDSCAPE if turned else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (long, short) if turned else (short, long)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2.0)


def _add(word: Any, table: pd.DataFrame, numeric: Sequence[bool]) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Emu

    section = word.sections[0]
    room = section.page_width - section.left_margin - section.right_margin
    made = word.add_table(rows=len(table) + 1, cols=table.shape[1], style="Table Grid")
    made.autofit = False
    wide = _widths(table)
    for column, share in zip(made.columns, wide, strict=True):
        column.width = Emu(int(room * share))
    rows = [list(map(str, table.columns)), *table.itertuples(index=False, name=None)]
    for k, (line, values) in enumerate(zip(made.rows, rows, strict=True)):
        for cell, value, right, share in zip(line.cells, values, numeric, wide, strict=True):
            cell.width = Emu(int(room * share))
            _write(cell.paragraphs[0], in_word(str(value)), right=right, bold=k == 0)
    made.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _write(paragraph: Any, text: str, *, right: bool, bold: bool) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    run = paragraph.add_run(text)
    run.bold, run.font.size = bold or None, Pt(_POINTS)
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _widths(table: pd.DataFrame) -> list[float]:
    """Return the share of each column: by its longest word, and by the square root of its longest cell."""
    sizes = []
    for at, name in enumerate(table.columns):
        cells = [str(name), *map(str, table.iloc[:200, at])]
        word = max(len(piece) for cell in cells for piece in (cell.split() or [""]))
        sizes.append(max(min(word, 24), 4.0 * max(map(len, cells)) ** 0.5, 4.0))
    return [size / sum(sizes) for size in sizes]
