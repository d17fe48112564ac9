"""What is made from a finished bundle: figures first, then the report in each format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.stopping import stop_if_told
from sos_eval.bundle.unmet import Unmet, failure_words
from sos_eval.bundle.whole import write_file
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.docx import render_docx
from sos_eval.report.draw import Drawn, draw_all, quotes, save
from sos_eval.report.html import render_html
from sos_eval.report.markdown import render_markdown

__all__ = ["REPORT_FORMATS", "render_all", "reported", "write_report"]

#: Format -> from a bundle and its figures to the bytes of a file ``report.<format>``.
REPORT_FORMATS: dict[str, Callable[[ResultBundle, Drawn], bytes]] = {
    "html": lambda bundle, drawn: render_html(bundle, drawn).encode("utf-8"),
    "docx": render_docx,
    "md": lambda bundle, drawn: render_markdown(bundle, drawn).encode("utf-8"),
}

#: The images that each format holds; Markdown links to those of the bundle.
_IMAGES: dict[str, tuple[str, ...]] = {"html": ("svg",), "docx": ("png",), "md": ()}


def render_all(folder: Path, forms: Sequence[str] = ("html",)) -> list[Unmet]:
    """Draw every figure into a bundle's folder and write its report; the `render` of `write_bundle`.

    A figure or format that fails stops neither the others nor the run: it is returned with how it failed.
    """
    bundle = ResultBundle(folder)
    drawn = draw_all(bundle)
    save(drawn, folder / "figures")
    unmet = drawn.unmet
    for form in forms:
        try:
            content = _writer(bundle, form)(bundle, drawn)
        except Exception as error:  # whatever it is, the estimates stand
            stop_if_told()
            unmet.append(Unmet("format", form, failure_words(error, quote=quotes(bundle))))
        else:
            (folder / f"report.{form}").write_bytes(content)
    return unmet


def write_report(bundle: ResultBundle, form: str = "html", out: Path | None = None) -> Path:
    """Write one report, into the bundle or elsewhere, and return where it is; see `reported`."""
    return reported(bundle, form, out)[0]


def reported(bundle: ResultBundle, form: str = "html", out: Path | None = None) -> tuple[Path, list[Unmet]]:
    """Write one report, into the bundle or elsewhere, and return where it is and which figures failed.

    Raises
    ------
    InputFault
        There is no such format, or the file cannot be written.
    """
    writer = _writer(bundle, form)
    file = Path(out) if out is not None else bundle.path / f"report.{form}"
    try:
        if bundle.damage:  # what every page needs is read once, before each figure finds it unreadable
            _ = bundle.design, bundle.headline, bundle.facts
        drawn = draw_all(bundle, _IMAGES[form])
        content = writer(bundle, drawn)
    except Exception as error:
        if not bundle.damage:
            raise
        what = f"too damaged for a report ({type(error).__name__})"
        raise InputFault([Fault(str(bundle.path), what, "run the design again"), *bundle.damage]) from None
    write_file(file, content)
    return file, drawn.unmet


def _writer(bundle: ResultBundle, form: str) -> Callable[[ResultBundle, Drawn], bytes]:
    if form not in REPORT_FORMATS:
        raise InputFault(Fault(str(bundle.path), f"no report format {form!r}", nearest(form, REPORT_FORMATS)))
    return REPORT_FORMATS[form]
