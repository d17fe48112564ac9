"""The protocol as a file: written once as Markdown, and turned from that into a web page or a document."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from sos_eval.design.design import Design
from sos_eval.design.protocol import protocol
from sos_eval.errors import OurFault
from sos_eval.report.docx import opened_word, written_word
from sos_eval.report.html import logo_image, page_css
from sos_eval.report.theme_file import OwnLook
from sos_eval.report.word_table import fitted_table
from sos_eval.report.wording import in_word

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

__all__ = ["protocol_file"]

#: What only a protocol's page needs: its tables have no head, and one may be wide.
_STYLE = "code { background: var(--soft); padding: 0 0.2rem; }\nthead th:empty { padding: 0; border: 0; }"


def protocol_file(design: Design, form: str, own: OwnLook | None = None) -> bytes:
    """Write the protocol of a design.

    Parameters
    ----------
    design
        A resolved design; no data are read.
    form
        ``md``, ``html`` (one self-contained page) or ``docx``.
    own
        One's own look, for page and document; without it the house's.
    """
    text: str = protocol(design)
    if form == "md":
        return text.encode()
    if form == "html":
        return page(design.title, text, own).encode()
    return document(design.title, text, own)


def page(title: str, text: str, own: OwnLook | None = None) -> str:
    """Turn Markdown into a self-contained page, dressed as a report; HTML in the user's words is shown, not obeyed."""
    written = _markdown().render(text)
    scrolled = written.replace("<table>", '<div class="scroll" role="region" tabindex="0" aria-label="Table">\n<table>')
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{page_css(own)}\n{_STYLE}\n</style>\n</head>\n<body>\n<main>\n"
        f"{logo_image(own)}{scrolled.replace('</table>', '</table></div>')}</main>\n</body>\n</html>\n"
    )


def document(title: str, text: str, own: OwnLook | None = None) -> bytes:
    """Turn Markdown (headings, paragraphs, lists, tables, bold, code) into a docx file on A4, or on one's template."""
    from markdown_it.tree import SyntaxTreeNode

    made = opened_word(own)
    for node in SyntaxTreeNode(_markdown().parse(in_word(text))).children:
        _add(made, node)
    return written_word(made, title)


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
    head = any(cell.children[0].content for cell in rows[0].children)
    rows = rows if head else rows[1:]
    if not rows:
        return

    def fill(cell: Any, i: int, j: int) -> None:
        _write(cell.paragraphs[0], rows[i].children[j].children[0])

    fitted_table(made, [[cell.children[0].content for cell in row.children] for row in rows], fill, head=head)


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
