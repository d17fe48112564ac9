"""The report as a Word document: Word's own styles, or those of a template; numbered captions, links, A4."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.compose import compose
from sos_eval.report.content import Block, Bullets, Code, Heading, Link, Picture, ReportDocument, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.theme_file import OwnLook
from sos_eval.report.wording import in_word

__all__ = ["opened_word", "render_docx", "table_document", "written_word"]

#: Of Word's own document; a template's tables are in its grid.
_TABLE = "Light List Accent 1"
#: Centimetres of a letter of the table's size, and of a cell's sides.
_LETTER, _SIDES = 0.14, 0.4
_POINTS = 7.5
#: Columns that an upright page has room for.
_UPRIGHT = 7


def opened_word(look: OwnLook | None = None) -> Any:
    """Return an empty document on A4, or on a template: its styles, margins, head and foot, without its text."""
    from docx import Document as Word
    from docx.shared import Cm, Pt, RGBColor

    if look is not None and look.template is not None:
        return _without_text(Word(str(look.template)))
    word: Any = Word()
    word.styles["Normal"].font.size = Pt(10)
    for section in word.sections:
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
        section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2.0)
    if look is not None:
        word.styles["Normal"].font.name = look.theme.fonts.family
        for name in ("Title", "Heading 1", "Heading 2"):
            word.styles[name].font.name = look.theme.fonts.family
            word.styles[name].font.color.rgb = RGBColor.from_string(look.theme.colours.treated[1:].upper())
        if look.logo is not None:
            head = word.sections[0].header.paragraphs[0]
            head.alignment = 2
            head.add_run().add_picture(str(look.logo), height=Cm(1.2))
    return word


def _without_text(word: Any) -> Any:
    """Return a template without what stands in it; its last section keeps page, margins, head and foot."""
    body = word.element.body
    for part in list(body):
        if not part.tag.endswith("}sectPr"):
            body.remove(part)
    return word


def written_word(word: Any, title: str) -> bytes:
    """Return a document as the bytes of a file, with its title, language and no person's name."""
    properties = word.core_properties
    properties.title, properties.author, properties.language = in_word(title)[:255], "sos_eval", "en-GB"
    properties.last_modified_by = "sos_eval"
    out = BytesIO()
    word.save(out)
    return out.getvalue()


def render_docx(bundle: ResultBundle, drawn: Drawn, look: OwnLook | None = None) -> bytes:
    """Return the report of a bundle as a .docx, page one on its own page."""
    document, word = compose(bundle, drawn), _Writer(opened_word(look), drawn)
    word.write(document)
    return written_word(word.word, document.title)


def table_document(frame: pd.DataFrame, title: str, notes: Sequence[str]) -> bytes:
    """Return one table as a .docx: A4, upright or lying as it needs, its notes under it."""
    from docx.shared import Pt

    word = opened_word()
    if frame.shape[1] > _UPRIGHT:
        section = word.sections[0]
        section.page_width, section.page_height = section.page_height, section.page_width
    _Writer(word, Drawn()).table(frame, title)
    for note in notes:
        word.add_paragraph().add_run(in_word(note)).font.size = Pt(8)
    return written_word(word, title)


class _Writer:
    """A document under way: how many tables and figures stand in it, and its headings."""

    def __init__(self, word: Any, drawn: Drawn) -> None:
        self.word, self.drawn = word, drawn
        self.headings: dict[str, str] = {}
        self.numbers = {"Table": 0, "Figure": 0}
        names = {str(style.name) for style in word.styles}
        self.grid = _TABLE if _TABLE in names else "Table Grid"

    def write(self, document: ReportDocument) -> None:
        """Write a report."""
        every = [*document.first_page, *document.body]
        texts = [block.text for block in every if isinstance(block, Heading)]
        self.headings = {text: f"part_{k}" for k, text in enumerate(dict.fromkeys(texts))}
        self.word.add_heading(in_word(document.title), 0)
        self.word.add_paragraph().add_run(in_word(document.badge)).bold = True
        for block in document.first_page:
            self.block(block)
        self.word.add_page_break()
        for block in document.body:
            self.block(block)

    def block(self, block: Block) -> None:
        """Write one block."""
        match block:
            case Heading(text, level):
                self.heading(text, level)
            case Text(text, tone):
                self.word.add_paragraph().add_run(in_word(text)).bold = tone == "answer"
            case Bullets(items):
                for item in items:
                    self.word.add_paragraph(in_word(item), style="List Bullet")
            case Table(frame, caption):
                self.table(frame, caption)
            case Picture(name, alt):
                self.picture(name, alt)
            case Link(text, heading):
                self.link(text, heading)
            case Code(text, summary):
                self.code(text, summary)

    def heading(self, text: str, level: int) -> None:
        """Write a heading, which links can lead to."""
        paragraph = self.word.add_heading(in_word(text), level - 1)
        if text in self.headings:
            _bookmark(paragraph, self.headings[text])

    def link(self, text: str, heading: str) -> None:
        """Write words that lead to a heading in the document."""
        paragraph = self.word.add_paragraph()
        if heading not in self.headings:
            paragraph.add_run(in_word(text))
            return
        link = _element("w:hyperlink", **{"w:anchor": self.headings[heading], "w:history": "1"})
        run = paragraph.add_run(in_word(text))
        run.font.underline = True
        link.append(run._r)
        paragraph._p.append(link)

    def code(self, text: str, summary: str) -> None:
        """Write text as it is under its name."""
        from docx.shared import Pt

        self.word.add_paragraph().add_run(in_word(summary)).bold = True
        run = self.word.add_paragraph().add_run(in_word(text))
        run.font.name, run.font.size = "Courier New", Pt(_POINTS)

    def picture(self, name: str, alt: str) -> None:
        """Write a figure with its words, so that a screen reader says them, and its caption under it."""
        from docx.shared import Emu

        shape = self.word.add_picture(BytesIO(self.drawn.images[name]["png"]), width=Emu(self._width))
        shape._inline.docPr.set("descr", in_word(alt))
        shape._inline.docPr.set("title", in_word(name))
        self.word.paragraphs[-1].paragraph_format.keep_with_next = True
        self.caption("Figure", f"Data: figures/{name}.csv")

    def caption(self, kind: str, text: str) -> None:
        """Write a caption with its number, which Word keeps and can list."""
        self.numbers[kind] += 1
        paragraph = self.word.add_paragraph(style="Caption")
        paragraph.add_run(f"{kind} ")
        field = _element("w:fldSimple", **{"w:instr": f" SEQ {kind} \\* ARABIC "})
        number = paragraph.add_run(str(self.numbers[kind]))
        field.append(number._r)
        paragraph._p.append(field)
        paragraph.add_run(f". {in_word(text)}")
        paragraph.paragraph_format.keep_with_next = kind == "Table"

    def table(self, frame: pd.DataFrame, caption: str) -> None:
        """Write a table under its caption; its first row repeats on every page, and no row breaks."""
        from docx.shared import Emu, Pt

        self.caption("Table", caption)
        rows = [list(map(str, frame.columns)), *frame.astype(str).to_numpy().tolist()]
        rows = [[in_word(cell) for cell in row] for row in rows]
        table = self.word.add_table(rows=len(rows), cols=frame.shape[1], style=self.grid)
        table.autofit = False
        table.rows[0]._tr.get_or_add_trPr().append(_element("w:tblHeader"))
        widths = _widths(rows, self._width / _CM)
        for line, values in zip(table.rows, rows, strict=True):
            line._tr.get_or_add_trPr().append(_element("w:cantSplit"))
            for cell, value, width in zip(line.cells, values, widths, strict=True):
                cell.width = Emu(round(width * _CM))
                cell.text = value
                for run in cell.paragraphs[0].runs:
                    run.font.size = Pt(_POINTS)
        self.word.add_paragraph()

    @property
    def _width(self) -> int:
        """Between the margins, in EMU."""
        section = self.word.sections[-1]
        return int(section.page_width - section.left_margin - section.right_margin)


#: EMU of a centimetre.
_CM = 360_000


def _widths(rows: Sequence[Sequence[str]], whole: float) -> list[float]:
    """Return the widths of columns in centimetres: each its longest word where there is room, the rest by content."""
    words = [
        max((len(word) for row in rows for word in re.split(r"[\s/]+", row[k])), default=1) for k in range(len(rows[0]))
    ]
    texts = [float(np.sqrt(max(len(row[k]) for row in rows))) for k in range(len(rows[0]))]
    least = np.array([_SIDES + _LETTER * max(word, 3) for word in words])
    if least.sum() >= whole:
        return [float(one) for one in whole * least / least.sum()]
    return [float(one) for one in least + (whole - least.sum()) * np.array(texts) / sum(texts)]


def _element(name: str, **attributes: str) -> Any:
    """Return an element of Word's own, with attributes."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    out: Any = OxmlElement(name)
    for key, value in attributes.items():
        out.set(qn(key), value)
    return out


def _bookmark(paragraph: Any, name: str) -> None:
    """Put a bookmark around a paragraph."""
    number = name.removeprefix("part_")
    paragraph._p.insert(
        1 if paragraph._p.pPr is not None else 0, _element("w:bookmarkStart", **{"w:id": number, "w:name": name})
    )
    paragraph._p.append(_element("w:bookmarkEnd", **{"w:id": number}))
