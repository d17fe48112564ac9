"""Every figure of a bundle into a folder, its data beside it, and a contact sheet that shows them all."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.digits import rounded_table
from sos_eval.bundle.files import csv_text
from sos_eval.bundle.unmet import Unmet
from sos_eval.report.draw import available, drawing_of
from sos_eval.report.pulled_figure import FigureOrder, NoRoom
from sos_eval.report.theme import house_style

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SHEET", "every_figure"]

SHEET = "contact_sheet.png"
_COLUMNS, _CELL = 3, 3.6


def every_figure(bundle: ResultBundle, order: FigureOrder, form: str) -> tuple[dict[str, bytes], list[Unmet]]:
    """Draw every figure that a bundle has data for.

    Returns
    -------
    dict
        File name -> content: ``<name>.<form>`` and ``<name>.csv`` of each, and `SHEET`.
    list of Unmet
        Those that have no room at the size, with what they need.
    """
    files: dict[str, bytes] = {}
    small: dict[str, bytes] = {}
    unmet = []
    for name in available(bundle)[0]:
        drawing, data = drawing_of(bundle, name)
        try:
            pulled = order.draw(drawing, data, bundle)
        except NoRoom as fault:
            unmet.append(Unmet("figure", name, fault.faults[0].what))
            continue
        files[f"{name}.{form}"] = pulled.saved(form)
        files[f"{name}.csv"] = csv_text(rounded_table(data) if bundle.guarded else data).encode()
        small[name] = pulled.saved("png")
    if small:
        files[SHEET] = _sheet(small)
    return files, unmet


def _sheet(images: dict[str, bytes]) -> bytes:
    """Return all images on one sheet, each under its name."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    rows = -(-len(images) // _COLUMNS)
    with house_style():
        figure = Figure(figsize=(_COLUMNS * _CELL, rows * _CELL), layout="constrained")
        axes = figure.subplots(rows, _COLUMNS, squeeze=False).flat
        for one in axes:
            one.axis("off")
        for one, (name, content) in zip(figure.axes, images.items(), strict=False):
            picture: np.ndarray = imread(BytesIO(content))
            one.imshow(picture)
            one.set_title(name, size=8.5)
        out = BytesIO()
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()
