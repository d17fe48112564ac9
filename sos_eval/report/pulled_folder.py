"""What is pulled out of a finished folder that is no bundle: figures at any size, its report as a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.bundle.whole import refuse_existing, write_file
from sos_eval.errors import Fault, InputFault, OurFault, nearest
from sos_eval.report.content import ReportDocument
from sos_eval.report.docx import document_docx
from sos_eval.report.draw import Drawn
from sos_eval.report.html import render_document
from sos_eval.report.markdown import document_markdown
from sos_eval.report.pulled_figure import FigureOrder, NoRoom
from sos_eval.report.render import written_with_pictures
from sos_eval.report.spots import spots
from sos_eval.report.theme import FORMATS, house_style, image
from sos_eval.report.theme_file import OwnLook
from sos_eval.results.method import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Draw", "PulledFolder", "Shown"]

#: A figure and its data.
Shown = tuple["Figure", pd.DataFrame]
#: Draws a figure of a folder; None where the folder has nothing for it.
Draw = Callable[[], Shown | None]


@dataclass(frozen=True)
class PulledFolder:
    """A finished folder with figures and a report of its own: a power study, a synthesis.

    Attributes
    ----------
    path
        The folder.
    figures
        Name to what draws it, and one line on it.
    document
        From its figures to its report.
    """

    path: Path
    figures: Mapping[str, tuple[Draw, str]]
    document: Callable[[Drawn], ReportDocument]

    @classmethod
    def of(
        cls, path: Path, figures: Mapping[str, tuple[Draw, object]], document: Callable[[Drawn], ReportDocument]
    ) -> PulledFolder:
        """Describe each figure by the first line on what draws it."""
        return cls(path, {name: (draw, summary(told)) for name, (draw, told) in figures.items()}, document)

    def _shown(self, name: str) -> Shown | None:
        with house_style():
            return self.figures[name][0]()

    def _figure(self, name: str) -> Figure:
        shown = self._shown(name)
        if shown is None:
            raise OurFault(f"{name} is drawn at one time and not at another")
        return shown[0]

    def available(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the figures that there is data for with what each shows, and why not the rest."""
        there = {name: told for name, (_, told) in self.figures.items() if self._shown(name) is not None}
        return there, {name: "nothing here is of what it shows" for name in self.figures if name not in there}

    def drawn(self, own: OwnLook | None = None) -> Drawn:
        """Draw every figure that there is data for, as SVG and PNG, with its words."""
        drawn = Drawn()
        for name in self.figures:
            shown = self._shown(name)
            if shown is None:
                continue
            figure, data = shown
            if own is None:
                drawn.images[name] = {form: image(figure, form) for form in ("svg", "png")}
                drawn.spots[name] = spots(figure)  # in another layout marks stand elsewhere
            else:
                pulled = self.ordered(name, FigureOrder(own=own))
                drawn.images[name] = {form: pulled(form) for form in ("svg", "png")}
            drawn.data[name], drawn.alt[name] = data.to_csv(index=False, lineterminator="\n"), str(figure.get_label())
        return drawn

    def ordered(self, name: str, order: FigureOrder) -> Callable[[str], bytes]:
        """Lay a figure out as it is wanted; what is returned writes it in a format."""
        return order.laid_out(name, lambda: self._figure(name)).saved

    def save_figure(self, name: str, out: Path, order: FigureOrder) -> Path:
        """Draw one figure into a file; the ending of its name says the format.

        Raises
        ------
        InputFault
            There is no such figure, the format is not svg, png or pdf, or the file cannot be written.
        """
        form, known = out.suffix.removeprefix(".").lower(), name in self.figures
        if form not in FORMATS:
            raise InputFault(Fault(str(out), f"cannot draw as {form!r}", nearest(form, FORMATS)))
        if not known or self._shown(name) is None:
            what = f"no figure {name!r}: it has no data here" if known else f"no figure is called {name!r}"
            raise InputFault(Fault(str(self.path), what, f"available: {', '.join(self.available()[0])}"))
        write_file(out, self.ordered(name, order)(form))
        return out

    def every_figure(self, form: str, order: FigureOrder) -> tuple[dict[str, bytes | str], dict[str, str]]:
        """Draw every figure that there is data for with its data, and say which has no room at the size.

        Returns
        -------
        files
            Name of a file to its content.
        left_out
            Name of a figure to why.
        """
        files: dict[str, bytes | str] = {}
        left_out: dict[str, str] = {}
        for name in self.figures:
            shown = self._shown(name)
            if shown is None:
                continue
            try:
                files[f"{name}.{form}"] = self.ordered(name, order)(form)
            except NoRoom as fault:
                left_out[name] = str(fault)
            else:
                files[f"{name}.csv"] = shown[1].to_csv(index=False, lineterminator="\n")
        return files, left_out

    def save_report(self, form: str, out: Path | None, own: OwnLook | None, *, force: bool) -> Path:
        """Write the report as html, docx or md, into the folder or elsewhere, and return where it is.

        Pictures of a Markdown report stand in a folder beside it, ``<name>.figures``.

        Parameters
        ----------
        force
            Whether what `out` names is replaced where it is there.

        Raises
        ------
        InputFault
            The file exists or cannot be written.
        """
        file = out if out is not None else self.path / f"report.{form}"
        if out is not None:
            refuse_existing(file, force=force)
        drawn = self.drawn(own)
        document = self.document(drawn)
        if form == "md":
            again = force or out is None
            return written_with_pictures(file, lambda name: document_markdown(document, name), drawn, force=again)
        written = document_docx(document, drawn, own) if form == "docx" else render_document(document, drawn, own)
        write_file(file, written)
        return file
