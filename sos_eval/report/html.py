"""The report as one file of HTML: no script, no link to the outside, everything that comes from data escaped."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.compose import compose
from sos_eval.report.content import ReportDocument, slug
from sos_eval.report.draw import Drawn, draw_all
from sos_eval.report.page_tables import cell_kind, choices, row_kinds
from sos_eval.report.theme_file import OwnLook
from sos_eval.report.wording import plain_words

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["render_document", "render_html"]

_HERE = Path(__file__).parent
#: Two numbers with a hyphen between them.
_RANGE = re.compile(r"(?<![\w-])\d+-\d+(?![\w-])")
#: Data of a figure with more letters are not put into the page: they are in the folder.
_MOST_LETTERS = 12_000


def render_html(bundle: ResultBundle, drawn: Drawn | None = None, own: OwnLook | None = None) -> str:
    """Return the report of a bundle as a page that stands by itself."""
    drawn = drawn if drawn is not None else draw_all(bundle, ("svg",), own=own)
    return render_document(compose(bundle, drawn), drawn, own)


def render_document(document: ReportDocument, drawn: Drawn, own: OwnLook | None = None) -> str:
    """Return a document as a page that stands by itself, in one's own look."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    room = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    room.filters |= {
        "slug": slug,
        "whole": _whole,
        "kind": cell_kind,
        "words": plain_words,
        "choices": choices,
        "row_kinds": row_kinds,
    }
    page = room.from_string((_HERE / "page.html").read_text(encoding="utf-8"))
    pictures = {name: _data_uri(images) for name, images in drawn.images.items()}
    data = {name: _file_uri(text) for name, text in drawn.data.items() if len(text) <= _MOST_LETTERS}
    css, logo = Markup(page_css(own)), Markup(logo_image(own))  # our own file, and one that loads nothing
    return page.render(document=document, pictures=pictures, drawn=drawn, data=data, css=css, logo=logo)


def _whole(text: object) -> Markup:
    """Return text escaped, in which ``2011-2019`` and ``0-17`` do not break at their hyphen."""
    from markupsafe import Markup, escape

    kept = _RANGE.sub(r'<span class="n">\g<0></span>', str(escape(str(text))))
    return Markup(kept)  # escaped above; nothing but our own element was added


def page_css(own: OwnLook | None) -> str:
    """Return what a page looks like, in one's own look."""
    css = (_HERE / "page.css").read_text(encoding="utf-8")
    return css if own is None else f"{css}\n{own.css}"


def logo_image(own: OwnLook | None) -> str:
    """Return the logo as an element that holds its picture; nothing without one."""
    if own is None or own.logo is None:
        return ""
    return f'<img class="logo" src="{_logo_uri(own.logo)}" alt="Logo">\n'


def _logo_uri(file: Path) -> str:
    kind = "image/png" if file.suffix.lower() == ".png" else "image/jpeg"
    return f"data:{kind};base64,{b64encode(file.read_bytes()).decode('ascii')}"


def _data_uri(images: dict[str, bytes]) -> str:
    """Return an image as a data URI; as an `img`, a drawing can run no script."""
    form, kind = ("svg", "image/svg+xml") if "svg" in images else ("png", "image/png")
    return f"data:{kind};base64,{b64encode(images[form]).decode('ascii')}"


def _file_uri(text: str) -> str:
    """Return a table as a file that a link saves."""
    return f"data:text/csv;charset=utf-8;base64,{b64encode(text.encode('utf-8')).decode('ascii')}"
