"""A figure as a report builder pulls it: laid out for a size, in a theme, as the bytes of a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import Fault, InputFault
from sos_eval.report.drawing import Drawing
from sos_eval.report.figure_look import LOGO, PAGE_HIGH, FigureLook, FigureSize, TooHigh, TooTight, looking
from sos_eval.report.fitted import fitted
from sos_eval.report.recolour import recolour
from sos_eval.report.theme import house_style, image
from sos_eval.report.theme_file import OwnLook, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FigureOrder", "NoRoom", "PulledFigure"]

#: Points of the house's text, the smallest that it may shrink to, and by how much at a step.
_HOUSE, _SMALLEST, _STEP = 9.0, 6.0, 0.88


class NoRoom(InputFault):
    """A figure has no room at the size that is asked for."""


@dataclass(frozen=True)
class PulledFigure:
    """A figure that is drawn, and how much larger it is saved."""

    figure: Figure
    look: FigureLook
    scale: float
    dpi: int

    def saved(self, form: str) -> bytes:
        """Return it as svg (text as text), png or pdf."""
        with looking(self.look):
            if form == "svg":
                return _scaled_svg(image(self.figure, "svg"), self.scale)
            if form == "png":
                out = BytesIO()
                self.figure.savefig(out, format="png", dpi=self.dpi * self.scale)
                return out.getvalue()
            return _scaled_pdf(self.figure, self.scale)


@dataclass(frozen=True)
class FigureOrder:
    """How a figure is wanted.

    Attributes
    ----------
    size
        None: as the report has it.
    own
        None: the house's look, no logo.
    """

    size: FigureSize | None = None
    own: OwnLook | None = None

    @property
    def theme(self) -> Theme | None:
        """The theme of one's own look."""
        return None if self.own is None else self.own.theme

    def draw(self, drawing: Drawing, data: pd.DataFrame, bundle: ResultBundle) -> PulledFigure:
        """Draw a figure; where its text has no room at the size, letters shrink, down to 6 points.

        Raises
        ------
        NoRoom
            Even then there is none.
        """
        return self.laid_out(drawing.name, lambda: drawing.draw(data, bundle))

    def laid_out(self, name: str, make: Callable[[], Figure]) -> PulledFigure:
        """Draw what a function makes under the house's style, as `draw` does.

        Raises
        ------
        NoRoom
            Even then there is none.
        """
        wanted = self.theme.sizes.text if self.theme is not None else _HOUSE
        scale = wanted / _HOUSE * (self.size.scale if self.size is not None else 1.0)
        heights: list[float] = []
        spare = 0.0
        while True:
            try:
                return self._draw_at(scale, make, spare)
            except TooTight as tight:
                if isinstance(tight, TooHigh):
                    heights.append(tight.inches)
                    if not spare:  # once with fewer or flatter panels before letters shrink
                        spare = (tight.inches - PAGE_HIGH) / scale + 0.05
                        continue
                if self.size is None or _HOUSE * scale * _STEP < _SMALLEST:
                    what = f"has no room for {name}, even with letters of {_SMALLEST:g} points: {tight}"
                    raise NoRoom(Fault("--size", what, self._instead(heights))) from None
                scale, spare = scale * _STEP, 0.0

    def _instead(self, heights: list[float]) -> str:
        """Say what to write; `heights`: what the figure took at each try, in inches."""
        if not heights or self.size is None:
            return "a larger size"
        return f"a larger size, or its height: --size {self.size.width:g}x{ceil(heights[0])}"

    def _draw_at(self, scale: float, make: Callable[[], Figure], spare: float) -> PulledFigure:
        style: dict[str, Any] = {"svg.fonttype": "none", **(self.theme.style if self.theme is not None else {})}
        logo = self._logo()
        look = FigureLook(style=style, logo=0.0 if logo is None else LOGO * logo.shape[1] / logo.shape[0] + 0.15)
        if self.size is not None:
            height = None if self.size.height is None else self.size.height / scale
            page = PAGE_HIGH / scale - spare if height is None else height
            look = replace(look, width=self.size.width / scale, height=height, page=page)
        with looking(look):
            figure = make()
            if self.theme is not None:
                recolour(figure, self.theme.colours)
            if self.size is not None:
                fitted(figure, grows=self.size.height is None)
                _refuse_cut_text(figure)
                high = float(figure.get_size_inches()[1]) * scale
                if self.size.height is None and high > PAGE_HIGH + 0.05:
                    raise TooHigh(high)
            if logo is not None:
                _place(figure, logo)
        return PulledFigure(figure, look, scale, self.theme.sizes.dpi if self.theme is not None else 110)

    def _logo(self) -> Any:
        if self.own is None or self.own.logo is None:
            return None
        from matplotlib.image import imread

        try:
            return imread(self.own.logo)
        except (OSError, SyntaxError, ValueError) as error:
            raise InputFault(
                Fault(str(self.own.logo), f"logo: cannot be read as a picture ({error})", "a png")
            ) from None


def _place(figure: Figure, logo: Any) -> None:
    """Put a logo on the top right."""
    width, height = figure.get_size_inches()
    wide = LOGO * logo.shape[1] / logo.shape[0]
    axes = figure.add_axes((1 - (wide + 0.1) / width, 1 - (LOGO + 0.08) / height, wide / width, LOGO / height))
    axes.imshow(logo, aspect="auto")
    axes.axis("off")


def _refuse_cut_text(figure: Figure) -> None:
    """Raise `TooTight` where a text reaches over the edge."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    for text in _texts(figure):
        box = text.get_window_extent(canvas.get_renderer())
        over = max(-box.x0, -box.y0, box.x1 - figure.bbox.width, box.y1 - figure.bbox.height)
        if over > 2:
            raise TooTight(f"“{text.get_text()[:40]}” would be cut")


def _texts(figure: Figure) -> list[Any]:
    """Return the texts that are shown; of ticks those within the limits."""
    from matplotlib.text import Text

    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            away = [
                tick for tick in ticks if not (axes.get_visible() and axes.axison and low <= tick.get_loc() <= high)
            ]
            hidden |= {label for tick in away for label in (tick.label1, tick.label2)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if text not in hidden]


def _scaled_svg(svg: bytes, scale: float) -> bytes:
    """Return a drawing with larger sides on the same coordinates."""

    def larger(side: re.Match[str]) -> str:
        return f'{side[1]}="{float(side[2]) * scale:g}pt"'

    text = svg.decode("utf-8")
    start, end = text.index("<svg"), text.index(">", text.index("<svg"))
    head = re.sub(r'\b(width|height)="([\d.]+)pt"', larger, text[start:end])
    return (text[:start] + head + text[end:]).encode("utf-8")


def _scaled_pdf(figure: Figure, scale: float) -> bytes:
    """Return a PDF whose page is larger by `scale`, everything on it with it."""
    pdf: Any = import_module("matplotlib.backends.backend_pdf")  # without types
    out = BytesIO()
    width, height = figure.get_size_inches()
    with house_style():
        before, figure.dpi = figure.dpi, 72
        file = pdf.PdfFile(
            out, metadata={"CreationDate": None, "ModDate": None, "Creator": "sos_eval", "Producer": None}
        )
        file.newPage(width * scale, height * scale)
        file.output(scale, 0, 0, scale, 0, 0, pdf.Op.concat_matrix)
        renderer = pdf.MixedModeRenderer(figure, width, height, 72, pdf.RendererPdf(file, 72, height, width))
        figure.draw(renderer)
        renderer.finalize()
        file.finalize()
        file.close()
        figure.dpi = before
    return out.getvalue()
