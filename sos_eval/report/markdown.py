"""The report as Markdown; figures are linked by their files, in a folder beside it."""

from __future__ import annotations

import re
from urllib.parse import quote

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.compose import compose
from sos_eval.report.content import Block, Bullets, Code, Heading, Link, Picture, ReportDocument, Table, Text, slug
from sos_eval.report.draw import Drawn
from sos_eval.report.tabulate import table_text

__all__ = ["document_markdown", "render_markdown"]


def render_markdown(bundle: ResultBundle, drawn: Drawn, pictures: str = "figures") -> str:
    """Return the report of a bundle as Markdown, to be read beside the folder `pictures`."""
    return document_markdown(compose(bundle, drawn), pictures)


def document_markdown(document: ReportDocument, pictures: str) -> str:
    """Return a report as Markdown, to be read beside the folder `pictures`."""
    head = [f"# {_plain(document.title)}", f"**{_plain(document.badge)}**"]
    return "\n\n".join([*head, *(_block(one, pictures) for one in document.blocks)]) + "\n"


def _block(block: Block, pictures: str) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_plain(text)}"
        case Text(text, tone):
            return f"> {_plain(text)}" if tone == "answer" else _plain(text)
        case Bullets(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Table(frame, caption):
            return f"{_plain(caption)}\n\n{table_text(frame.set_axis(block.heads, axis='columns'), 'md').rstrip()}"
        case Picture(name, alt):
            return f"![{_plain(alt)}]({quote(pictures)}/{name}.png)"
        case Link(text, heading):
            return f"[{_plain(text)}](#{slug(heading)})"
        case Code(text, summary):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
            return f"{_plain(summary)}:\n\n{fence}yaml\n{text.rstrip()}\n{fence}"


def _plain(text: str) -> str:
    """Keep text from being read as markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))
