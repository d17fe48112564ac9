"""What is pulled out of a finished power study: its figures at any size, its report as a document."""

from __future__ import annotations

from pathlib import Path

from sos_eval.bundle.whole import refuse_existing, write_file
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.docx import document_docx
from sos_eval.report.html import render_document
from sos_eval.report.markdown import document_markdown
from sos_eval.report.power.figures import FIGURES
from sos_eval.report.power.page import drawn_figures, study_document, study_figure
from sos_eval.report.power.reading import PowerFolder, read_power
from sos_eval.report.pulled_figure import FigureOrder
from sos_eval.report.render import written_with_pictures
from sos_eval.report.theme import FORMATS, house_style
from sos_eval.report.theme_file import OwnLook
from sos_eval.results.method import summary

__all__ = ["save_study_figure", "study_figures", "write_study_document"]


def study_figures(study: PowerFolder) -> tuple[dict[str, str], dict[str, str]]:
    """Return the figures that a study has data for with what each shows, and why not the rest."""
    with house_style():
        there = {name: summary(function) for name, function in FIGURES.items() if function(study) is not None}
    return there, {name: "the study did not ask for what it shows" for name in FIGURES if name not in there}


def save_study_figure(study: PowerFolder, name: str, out: Path, order: FigureOrder) -> Path:
    """Draw one figure into a file, in the size and theme that are ordered; the ending of its name says the format.

    Raises
    ------
    InputFault
        The study has no such figure, the format is not svg, png or pdf, or the file cannot be written.
    """
    form, there = out.suffix.removeprefix(".").lower(), study_figures(study)[0]
    if form not in FORMATS:
        raise InputFault(Fault(str(out), f"cannot draw as {form!r}", nearest(form, FORMATS)))
    if name not in there:
        what = f"no figure is called {name!r}" if name not in FIGURES else f"no figure {name!r}: it has no data here"
        raise InputFault(Fault(str(study.path), what, f"available: {', '.join(there)}"))
    content = order.laid_out(name, lambda: study_figure(study, name)).saved(form)
    write_file(out, content)
    return out


def write_study_document(folder: Path, form: str, out: Path | None, own: OwnLook | None, *, force: bool) -> Path:
    """Write a finished study's report as html, docx or md, into its folder or elsewhere, and return where it is.

    Pictures of a Markdown report stand in a folder beside it, ``<name>.figures``.

    Parameters
    ----------
    force
        Whether what `out` names is replaced where it is there.

    Raises
    ------
    InputFault
        The folder holds no finished study, or the file exists or cannot be written.
    """
    study = read_power(folder)
    file = out if out is not None else study.path / f"report.{form}"
    if out is not None:
        refuse_existing(file, force=force)
    drawn = drawn_figures(study, own)
    document = study_document(study, drawn)
    if form != "md":
        write_file(
            file, document_docx(document, drawn, own) if form == "docx" else render_document(document, drawn, own)
        )
        return file
    return written_with_pictures(
        file, lambda name: document_markdown(document, name), drawn, force=force or out is None
    )
