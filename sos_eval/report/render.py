"""What is made from a finished bundle: figures first, then the report in each format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.whole import write_file
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.docx import render_docx
from sos_eval.report.draw import Drawn, draw_all, save
from sos_eval.report.html import render_html
from sos_eval.report.markdown import render_markdown

__all__ = ["REPORT_FORMATS", "render_all", "write_report"]

#: Format -> from a bundle and its figures to the bytes of a file ``report.<format>``.
REPORT_FORMATS: dict[str, Callable[[ResultBundle, Drawn], bytes]] = {
    "html": lambda bundle, drawn: render_html(bundle, drawn).encode("utf-8"),
    "docx": render_docx,
    "md": lambda bundle, drawn: render_markdown(bundle, drawn).encode("utf-8"),
}

#: The images that each format holds; Markdown links to those of the bundle.
_IMAGES: dict[str, tuple[str, ...]] = {"html": ("svg",), "docx": ("png",), "md": ()}


def render_all(folder: Path, forms: Sequence[str] = ("html",)) -> None:
    """Draw every figure into a bundle's folder and write its report; the `render` of `write_bundle`."""
    bundle = ResultBundle(folder)
    drawn = draw_all(bundle)
    save(drawn, folder / "figures")
    for form in forms:
        (folder / f"report.{form}").write_bytes(_writer(bundle, form)(bundle, drawn))


def write_report(bundle: ResultBundle, form: str = "html", out: Path | None = None) -> Path:
    """Write one report, into the bundle or elsewhere, and return where it is.

    Raises
    ------
    InputFault
        There is no such format, or the file cannot be written.
    """
    writer = _writer(bundle, form)
    file = Path(out) if out is not None else bundle.path / f"report.{form}"
    content = writer(bundle, draw_all(bundle, _IMAGES[form]))
    write_file(file, content)
    return file


def _writer(bundle: ResultBundle, form: str) -> Callable[[ResultBundle, Drawn], bytes]:
    if form not in REPORT_FORMATS:
        raise InputFault(Fault(str(bundle.path), f"no report format {form!r}", nearest(form, REPORT_FORMATS)))
    return REPORT_FORMATS[form]
