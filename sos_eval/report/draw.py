"""Draw figures from a bundle: one by name, or all that the bundle has data for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.digits import rounded_table
from sos_eval.bundle.files import csv_text
from sos_eval.bundle.stopping import stop_if_told
from sos_eval.bundle.unmet import Unmet, failure_words
from sos_eval.bundle.whole import write_file
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.drawing import Drawing, NothingToShow
from sos_eval.report.pulled_figure import FigureOrder
from sos_eval.report.spots import Spot, spots
from sos_eval.report.theme import FORMATS, image
from sos_eval.report.theme_file import OwnLook
from sos_eval.results.method import registered

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Drawn", "available", "draw", "draw_all", "drawing_of", "quotes", "save", "save_figure"]


@dataclass(frozen=True)
class Drawn:
    """What could be drawn from a bundle, and why the rest could not.

    Attributes
    ----------
    images
        Figure name to format to bytes.
    data
        Figure name to its data as CSV.
    title, alt
        Figure name to its title; and to title and note, for readers who do not see it.
    skipped
        Figure name to the reason.
    spots
        Figure name to its marks and their values, which a page shows under the pointer.
    failed
        Figure name to how the drawing of it failed, which is a fault of ours.
    """

    images: dict[str, dict[str, bytes]] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    alt: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    spots: dict[str, tuple[Spot, ...]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def unmet(self) -> list[Unmet]:
        """The figures that could not be made."""
        return [Unmet("figure", name, why) for name, why in self.failed.items()]


def available(bundle: ResultBundle) -> tuple[list[str], dict[str, str]]:
    """Return the figures that this bundle has data for, and the reason for each of the others."""
    names, skipped = [], {}
    for name, drawing in _drawings(bundle).items():
        try:
            drawing.data(bundle)
        except NothingToShow as fault:
            skipped[name] = str(fault)
        else:
            names.append(name)
    return names, skipped


def _drawings(bundle: ResultBundle) -> dict[str, Drawing]:
    """Return the figures that a folder of this kind can have."""
    return {name: drawing for name, drawing in registered("figure").items() if name.startswith(bundle.figures)}


def draw(bundle: ResultBundle, name: str) -> Figure:
    """Draw one figure; see `drawing_of` for what is refused."""
    drawing, data = drawing_of(bundle, name)
    return drawing.draw(data, bundle)


def drawing_of(bundle: ResultBundle, name: str) -> tuple[Drawing, pd.DataFrame]:
    """Return a figure by name and its data.

    Raises
    ------
    InputFault
        There is no such figure, or this bundle lacks its data; what is available is named.
    """
    drawings = _drawings(bundle)
    if name not in drawings:
        raise InputFault(Fault(str(bundle.path), f"no figure is called {name!r}", nearest(name, drawings)))
    try:
        return drawings[name], drawings[name].data(bundle)
    except NothingToShow as fault:
        names = ", ".join(available(bundle)[0]) or "none"
        raise InputFault(Fault(str(bundle.path), f"no figure {name!r}: {fault}", f"available: {names}")) from None


def draw_all(
    bundle: ResultBundle, forms: tuple[str, ...] = ("svg", "png"), only: str = "", own: OwnLook | None = None
) -> Drawn:
    """Draw every figure that the bundle has data for, in memory, in one's own look; `only` those whose name starts so.

    One that fails stops no other: it is in `Drawn.failed`.
    """
    order = FigureOrder(own=own)
    drawn = Drawn()
    for name, drawing in registered("figure").items():
        if not name.startswith(only):
            continue
        try:
            _take(drawn, name, drawing, bundle, forms, order)
        except NothingToShow as fault:
            drawn.skipped[name] = str(fault)
        except Exception as error:  # whatever it is, the other figures and the estimates stand
            stop_if_told()
            drawn.failed[name] = failure_words(error, quote=quotes(bundle))
            drawn.skipped[name] = f"it could not be drawn, a fault of ours ({drawn.failed[name]})"
    return drawn


def _take(
    drawn: Drawn, name: str, drawing: Drawing, bundle: ResultBundle, forms: tuple[str, ...], order: FigureOrder
) -> None:
    """Draw one figure, all of it or nothing."""
    data = drawing.data(bundle)
    if order.own is None:
        shown = drawing.draw(data, bundle)
        images = {form: image(shown, form) for form in forms}
    else:
        pulled = order.draw(drawing, data, bundle)
        shown, images = pulled.figure, {form: pulled.saved(form) for form in forms}
    text = csv_text(rounded_table(data) if bundle.guarded else data)
    drawn.alt[name], drawn.images[name], drawn.data[name] = str(shown.get_label()), images, text
    if "svg" in forms and not bundle.guarded:  # under a profile a figure says no more than its rounded data
        drawn.spots[name] = spots(shown)


def quotes(bundle: ResultBundle) -> bool:
    """Whether an error's own words, which can hold cells of the data, may stand in what is made from a bundle."""
    if bundle.damage or bundle.guarded:  # its design may not be the one that ran
        return False
    return bool((bundle.design.get("disclosure") or {}).get("profile", "open") == "open")


def save(drawn: Drawn, folder: Path) -> None:
    """Write every image beside its data: ``<name>.svg``, ``<name>.png``, ``<name>.csv``."""
    folder.mkdir(exist_ok=True)
    for name, text in drawn.data.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="\n")
        for form, content in drawn.images[name].items():
            (folder / f"{name}.{form}").write_bytes(content)


def save_figure(bundle: ResultBundle, name: str, out: str | Path, order: FigureOrder | None = None) -> Path:
    """Draw one figure into a file, in the size and theme that are ordered; the ending of its name says the format.

    Raises
    ------
    InputFault
        The format is not svg, png or pdf, or the file cannot be written.
    """
    file = Path(out)
    form = file.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        what = f"cannot draw as {form!r}" if form else "has no ending that says the format"
        raise InputFault(Fault(str(out), what, nearest(form, FORMATS)))
    drawing, data = drawing_of(bundle, name)
    content = (order or FigureOrder()).draw(drawing, data, bundle).saved(form)
    write_file(file, content)
    return file
