"""The protocol as a file: written once as Markdown, and turned from that into a web page or a document."""

from __future__ import annotations

from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sos_eval.design.design import Design
from sos_eval.design.protocol import protocol
from sos_eval.errors import OurFault
from sos_eval.report.wording import in_word

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

__all__ = ["protocol_file"]

_STYLE = (
    "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;color:#1b1b1b}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #bbb;padding:.3rem .6rem;text-align:left;"
    "vertical-align:top}code{background:#f2f2f2;padding:0 .2rem}h2{margin-top:2.2rem}"
)


def protocol_file(design: Design, form: str) -> bytes:
    """Write the protocol of a design.

    Parameters
    ----------
    design
        A resolved design; no data are read.
    form
        ``md``, ``html`` (one self-contained page) or ``docx``.
    """
    text: str = protocol(design)
    if form == "md":
        return text.encode()
    if form == "html":
        return page(design.title, text).encode()
    return document(text)


def page(title: str, text: str) -> str:
    """Turn Markdown into a self-contained page; HTML in the user's words is shown, not obeyed."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n{_markdown().render(text)}</body>\n</html>\n"
    )


def document(text: str) -> bytes:
    """Turn Markdown (headings, paragraphs, lists, tables, bold, code) into a docx file."""
    from docx import Document
    from markdown_it.tree import SyntaxTreeNode

    made = Document()
    for node in SyntaxTreeNode(_markdown().parse(in_word(text))).children:
        _add(made, node)
    stream = BytesIO()
    made.save(stream)
    return stream.getvalue()


def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _add(made: Any, node: SyntaxTreeNode) -> None:
    """Add one block to a document."""
    match node.type:
        case "heading":
            _write(made.add_heading(level=int(node.tag[1:])), node.children[0])
        case "paragraph":
            _write(made.add_paragraph(), node.children[0])
        case "bullet_list":
            for item in node.children:
                _write(made.add_paragraph(style="List Bullet"), item.children[0].children[0])
        case "table":
            _add_table(made, [row for part in node.children for row in part.children])
        case other:
            raise OurFault(f"the protocol holds a {other}, which has no form in a document")


def _add_table(made: Any, rows: list[SyntaxTreeNode]) -> None:
    """Add a table, its first row as head; a head without words is left out."""
    rows = rows if any(cell.children[0].content for cell in rows[0].children) else rows[1:]
    if not rows:
        return
    table = made.add_table(rows=len(rows), cols=len(rows[0].children), style="Table Grid")
    for line, row in zip(table.rows, rows, strict=True):
        for cell, given in zip(line.cells, row.children, strict=True):
            _write(cell.paragraphs[0], given.children[0])


def _write(paragraph: Any, inline: SyntaxTreeNode, *, bold: bool = False, italic: bool = False) -> None:
    """Write running text into a paragraph."""
    for piece in inline.children:
        if piece.type in ("strong", "em"):
            _write(paragraph, piece, bold=bold or piece.type == "strong", italic=italic or piece.type == "em")
            continue
        run = paragraph.add_run(" " if piece.type in ("softbreak", "hardbreak") else piece.content)
        run.bold, run.italic = bold or None, italic or None
        if piece.type == "code_inline":
            run.font.name = "Consolas"
