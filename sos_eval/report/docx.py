"""The report as a Word document."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.compose import compose
from sos_eval.report.content import Block, Bullets, Code, Heading, Link, Picture, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.wording import in_word

__all__ = ["render_docx", "table_document"]

_WIDTH_CM = 17.0
#: Columns that an upright page has room for.
_UPRIGHT = 7


def render_docx(bundle: ResultBundle, drawn: Drawn) -> bytes:
    """Return the report of a bundle as a .docx, page one on its own page."""
    from docx import Document as Word
    from docx.shared import Cm, Pt

    document = compose(bundle, drawn)
    word: Any = Word()
    title = in_word(document.title)
    word.core_properties.title, word.core_properties.author = title[:255], "sos_eval"
    word.core_properties.language = "en-GB"
    word.styles["Normal"].font.size = Pt(10)
    for section in word.sections:
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
        section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2.0)
    word.add_heading(title, 0)
    word.add_paragraph().add_run(in_word(document.badge)).bold = True
    for block in document.first_page:
        _add(word, block, drawn)
    word.add_page_break()
    for block in document.body:
        _add(word, block, drawn)
    out = BytesIO()
    word.save(out)
    return out.getvalue()


def table_document(frame: pd.DataFrame, title: str, notes: Sequence[str]) -> bytes:
    """Return one table as a .docx: A4, upright or lying as it needs, its notes under it."""
    from docx import Document as Word
    from docx.shared import Cm, Pt

    word: Any = Word()
    word.core_properties.title, word.core_properties.author = in_word(title)[:255], "sos_eval"
    word.core_properties.language = "en-GB"
    section = word.sections[0]
    sides = (Cm(29.7), Cm(21.0)) if frame.shape[1] > _UPRIGHT else (Cm(21.0), Cm(29.7))
    section.page_width, section.page_height = sides
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2.0)
    _add_table(word, frame, title)
    for note in notes:
        word.add_paragraph().add_run(in_word(note)).font.size = Pt(8)
    out = BytesIO()
    word.save(out)
    return out.getvalue()


def _add(word: Any, block: Block, drawn: Drawn) -> None:
    """Add one block."""
    match block:
        case Heading(text, level):
            word.add_heading(in_word(text), level - 1)
        case Text(text, tone):
            word.add_paragraph().add_run(in_word(text)).bold = tone == "answer"
        case Bullets(items):
            for item in items:
                word.add_paragraph(in_word(item), style="List Bullet")
        case Table(frame, caption):
            _add_table(word, frame, caption)
        case Picture(name, alt):
            _add_picture(word, drawn.images[name]["png"], alt)
        case Link(text, _):
            word.add_paragraph(f"{in_word(text)} (further down)")
        case Code(text, summary):
            word.add_paragraph().add_run(in_word(summary)).bold = True
            _add_code(word, text)


def _add_code(word: Any, text: str) -> None:
    from docx.shared import Pt

    run = word.add_paragraph().add_run(in_word(text))
    run.font.name, run.font.size = "Courier New", Pt(7.5)


def _add_picture(word: Any, png: bytes, alt: str) -> None:
    """Add a picture with its words, so that a screen reader says them."""
    from docx.shared import Cm

    shape = word.add_picture(BytesIO(png), width=Cm(_WIDTH_CM))
    shape._inline.docPr.set("descr", in_word(alt))


def _add_table(word: Any, frame: pd.DataFrame, caption: str) -> None:
    """Add a table whose first row repeats on every page."""
    from docx.oxml import OxmlElement
    from docx.shared import Pt

    word.add_paragraph().add_run(in_word(caption)).bold = True
    table = word.add_table(rows=1, cols=frame.shape[1], style="Light List Accent 1")
    header = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(header)
    rows = [list(map(str, frame.columns)), *frame.astype(str).to_numpy().tolist()]
    for k, values in enumerate(rows):
        cells = table.rows[0].cells if k == 0 else table.add_row().cells
        for cell, value in zip(cells, values, strict=True):
            cell.text = in_word(value)
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(7.5)
