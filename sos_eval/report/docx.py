"""The report as a Word document: Word's own styles, or those of a template; numbered captions, links, A4."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.compose import compose
from sos_eval.report.content import Block, Bullets, Code, Heading, Link, Picture, ReportDocument, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.theme_file import OwnLook
from sos_eval.report.word_table import CM, element, fitted_table, room_between_margins
from sos_eval.report.wording import in_word

__all__ = ["document_docx", "opened_word", "render_docx", "table_document", "written_word"]

_POINTS = 7.5
#: What everybody has; fonts of Word's own themes are not where Word is not.
_FONT = "Arial"
#: Points of a title.
_TITLE = 18
#: Centimetres that a figure leaves of a page for its caption.
_BELOW = 2.0
#: Columns that an upright page has room for.
_UPRIGHT = 7
#: Rows up to which a table with more columns stands upright with its heads in the first column.
_FEW = 4


def opened_word(look: OwnLook | None = None) -> Any:
    """Return an empty document on A4, or on a template: its styles, margins, head and foot, without its text."""
    from docx import Document as Word
    from docx.shared import Cm, Pt, RGBColor

    if look is not None and look.template is not None:
        return _without_text(Word(str(look.template)))
    word: Any = Word()
    word.styles["Normal"].font.size = Pt(9.5)
    word.styles["Title"].font.size = Pt(_TITLE)
    family = _FONT if look is None else look.theme.fonts.family
    for style in ("Normal", "Title", "Heading 1", "Heading 2", "Heading 3", "Caption", "List Bullet"):
        _set_in(word.styles[style], family)
    for style in ("Normal", "List Bullet"):
        word.styles[style].paragraph_format.space_after = Pt(4)
    for section in word.sections:
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
        section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2.0)
    if look is not None:
        for name in ("Title", "Heading 1", "Heading 2"):
            word.styles[name].font.color.rgb = RGBColor.from_string(look.theme.colours.treated[1:].upper())
        if look.logo is not None:
            head = word.sections[0].header.paragraphs[0]
            head.alignment = 2
            head.add_run().add_picture(str(look.logo), height=Cm(1.2))
    return word


def _set_in(style: Any, family: str) -> None:
    """Set a style in a font; one that a theme names would go before it."""
    from docx.oxml.ns import qn

    style.font.name = family
    fonts = style.element.rPr.rFonts
    for kind in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.attrib.pop(qn(f"w:{kind}Theme"), None)
        fonts.set(qn(f"w:{kind}"), family)


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
    return document_docx(compose(bundle, drawn), drawn, look)


def document_docx(document: ReportDocument, drawn: Drawn, look: OwnLook | None = None) -> bytes:
    """Return a report as a .docx, page one on its own page."""
    word = _Writer(opened_word(look), drawn)
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

    def write(self, document: ReportDocument) -> None:
        """Write a report."""
        every = [*document.first_page, *document.body]
        texts = [block.text for block in every if isinstance(block, Heading)]
        self.headings = {text: f"part_{k}" for k, text in enumerate(dict.fromkeys(texts))}
        self.word.add_heading(in_word(document.title), 0)
        self.word.add_paragraph().add_run(in_word(document.badge)).bold = True
        for block in document.first_page:
            self.block(block)
        held = len(self.word.paragraphs)
        for block in document.body:
            self.block(block)
        if len(self.word.paragraphs) > held:  # no break that could itself need a page
            self.word.paragraphs[held].paragraph_format.page_break_before = True

    def block(self, block: Block) -> None:
        """Write one block, a table with many columns on a page that lies unless it has few rows."""
        wide = isinstance(block, Table) and block.frame.shape[1] > _UPRIGHT
        self.turn(lying=isinstance(block, Table) and wide and len(block.frame) > _FEW)
        match block:
            case Heading(text, level):
                self.heading(text, level)
            case Text(text, tone):
                self.word.add_paragraph().add_run(in_word(text)).bold = tone == "answer"
            case Bullets(items):
                for item in items:
                    self.word.add_paragraph(in_word(item), style="List Bullet")
            case Table(frame, caption):
                self.table(frame.set_axis(block.heads, axis="columns"), caption, turned=wide and len(frame) <= _FEW)
            case Picture(name, alt):
                self.picture(name, alt)
            case Link(text, heading):
                self.link(text, heading)
            case Code(_, summary, file) if file:
                self.word.add_paragraph(in_word(f"{summary}, with every default: {file} in the folder of results."))
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
        link = element("w:hyperlink", **{"w:anchor": self.headings[heading], "w:history": "1"})
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

        shape = self.word.add_picture(BytesIO(self.drawn.images[name]["png"]))
        section = self.word.sections[-1]
        high = section.page_height - section.top_margin - section.bottom_margin - _BELOW * CM
        fit = min(room_between_margins(self.word) / shape.width, high / shape.height, 1.0)  # no larger than it is drawn
        shape.width, shape.height = Emu(round(shape.width * fit)), Emu(round(shape.height * fit))
        shape._inline.docPr.set("descr", in_word(alt))
        shape._inline.docPr.set("title", in_word(name))
        self.word.paragraphs[-1].paragraph_format.keep_with_next = True
        title = re.split(r"(?<=[.?])\s", alt, maxsplit=1)[0]
        self.caption("Figure", f"{title} Data: figures/{name}.csv")

    def caption(self, kind: str, text: str) -> None:
        """Write a caption with its number, which Word keeps and can list."""
        self.numbers[kind] += 1
        paragraph = self.word.add_paragraph(style="Caption")
        paragraph.add_run(f"{kind} ")
        field = element("w:fldSimple", **{"w:instr": f" SEQ {kind} \\* ARABIC "})
        number = paragraph.add_run(str(self.numbers[kind]))
        field.append(number._r)
        paragraph._p.append(field)
        paragraph.add_run(f". {in_word(text)}")
        paragraph.paragraph_format.keep_with_next = kind == "Table"

    def table(self, frame: pd.DataFrame, caption: str, *, turned: bool = False) -> None:
        """Write a table under its caption; turned, its heads are the first column."""
        self.caption("Table", caption)
        rows = [list(map(str, frame.columns)), *frame.astype(str).to_numpy().tolist()]
        fitted_table(self.word, list(zip(*rows, strict=True)) if turned else rows, head=not turned)

    def turn(self, *, lying: bool) -> None:
        """Go on with pages that lie, or that stand again."""
        section = self.word.sections[-1]
        if lying != (section.page_width > section.page_height):
            height, width = section.page_height, section.page_width
            section = self.word.add_section()
            section.page_width, section.page_height = height, width
            section.orientation = int(lying)


def _bookmark(paragraph: Any, name: str) -> None:
    """Put a bookmark around a paragraph."""
    number = name.removeprefix("part_")
    paragraph._p.insert(
        1 if paragraph._p.pPr is not None else 0, element("w:bookmarkStart", **{"w:id": number, "w:name": name})
    )
    paragraph._p.append(element("w:bookmarkEnd", **{"w:id": number}))
