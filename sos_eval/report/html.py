"""The report as one file of HTML: no script, no link to the outside, everything that comes from data escaped."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.compose import compose
from sos_eval.report.content import ReportDocument, slug
from sos_eval.report.draw import Drawn, draw_all

__all__ = ["render_document", "render_html"]

_HERE = Path(__file__).parent


def render_html(bundle: ResultBundle, drawn: Drawn | None = None) -> str:
    """Return the report of a bundle as a page that stands by itself."""
    drawn = drawn if drawn is not None else draw_all(bundle, ("svg",))
    return render_document(compose(bundle, drawn), drawn)


def render_document(document: ReportDocument, drawn: Drawn) -> str:
    """Return a document as a page that stands by itself."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    room = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    room.filters["slug"] = slug
    page = room.from_string((_HERE / "page.html").read_text(encoding="utf-8"))
    pictures = {name: _data_uri(images) for name, images in drawn.images.items()}
    css = Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # our own file, not data
    return page.render(document=document, pictures=pictures, css=css)


def _data_uri(images: dict[str, bytes]) -> str:
    """Return an image as a data URI; as an `img`, a drawing can run no script."""
    form, kind = ("svg", "image/svg+xml") if "svg" in images else ("png", "image/png")
    return f"data:{kind};base64,{b64encode(images[form]).decode('ascii')}"
