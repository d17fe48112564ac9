"""Every figure of a bundle into a folder, its data beside it, and a contact sheet that shows them all."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.digits import rounded_table
from sos_eval.bundle.files import csv_text
from sos_eval.errors import Faults, InputFault
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.pulled_figure import FigureOrder
from sos_eval.report.theme import house_style
from sos_eval.results.method import registered

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SHEET", "every_figure"]

SHEET = "contact_sheet.png"
_COLUMNS, _CELL = 3, 3.6


def every_figure(bundle: ResultBundle, order: FigureOrder, form: str) -> dict[str, bytes]:
    """Draw every figure that a bundle has data for.

    Returns
    -------
    dict
        File name -> content: ``<name>.<form>`` and ``<name>.csv`` of each, and `SHEET`.

    Raises
    ------
    InputFault
        Some have no room at the size; all of them are named.
    """
    files: dict[str, bytes] = {}
    small: dict[str, bytes] = {}
    faults = Faults()
    for name, drawing in registered("figure").items():
        try:
            data = drawing.data(bundle)
        except NothingToShow:
            continue
        try:
            pulled = order.draw(drawing, data, bundle)
        except InputFault as fault:
            for each in fault.faults:
                faults.add(each.where, each.what, each.instead)
            continue
        files[f"{name}.{form}"] = pulled.saved(form)
        files[f"{name}.csv"] = csv_text(rounded_table(data) if bundle.guarded else data).encode()
        small[name] = pulled.saved("png")
    faults.stop()
    if small:
        files[SHEET] = _sheet(small)
    return files


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
