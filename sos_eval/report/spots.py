"""What a reader sees who holds the pointer over a mark of a figure: its value, without a script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sos_eval.report.theme import house_style
from sos_eval.report.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["Spot", "spots"]

#: A figure with more marks is a cloud, of which no single one is read.
_MOST = 150
#: Marks that stand for a value; dashes and ticks stand for an end of something.
_MARKS = (*"osD^v<>PX.d",)


@dataclass(frozen=True)
class Spot:
    """A mark of a figure.

    Attributes
    ----------
    left, top
        Its place in per cent of the figure's width and height, from the upper left corner.
    words
        What it is, and its value.
    """

    left: float
    top: float
    words: str


def spots(figure: Figure) -> tuple[Spot, ...]:
    """Return the marks of a figure with their values; none of a figure with too many to be told apart."""
    with house_style():
        found = [one for axes in figure.axes if axes.get_visible() for one in _of(axes, figure)]
    return tuple(found) if len(found) <= _MOST else ()


def _of(axes: Axes, figure: Figure) -> list[Spot]:
    out = []
    _ = axes.get_xlim(), axes.get_ylim()  # settles limits that wait for being drawn
    for line in axes.lines:
        if str(line.get_marker()) not in _MARKS or not line.get_visible() or line.get_transform() != axes.transData:
            continue
        points = np.asarray(line.get_xydata(), dtype=float)
        places = figure.transFigure.inverted().transform(axes.transData.transform(points))
        label = str(line.get_label())
        name = "" if label.startswith("_") else f"{label}: "
        for (x, y), (left, bottom) in zip(points, places, strict=True):
            if np.isfinite([x, y, left, bottom]).all() and 0 <= left <= 1 and 0 <= bottom <= 1:
                words = ", ".join(text for text in (_said(axes.xaxis, x), _said(axes.yaxis, y)) if text)
                out.append(Spot(round(100 * float(left), 2), round(100 * (1 - float(bottom)), 2), name + words))
    return out


def _said(axis: Axis, value: float) -> str:
    """Return a value as its axis says it: the name at its tick, else the number after the axis's words."""
    from matplotlib.ticker import FixedFormatter, FuncFormatter, NullFormatter

    form = axis.get_major_formatter()
    if isinstance(form, FixedFormatter | FuncFormatter | NullFormatter) or not len(axis.get_majorticklocs()):
        ticks = dict(zip(np.round(axis.get_majorticklocs(), 6), axis.get_majorticklabels(), strict=False))
        label = ticks.get(np.round(value, 6))
        said = "" if label is None else str(label.get_text()) or str(form(value))
        if said or not isinstance(form, FuncFormatter):
            return " ".join(said.split())
    words = " ".join(str(axis.label.get_text()).split())
    text = f"{value:g}".replace("-", "−") if float(value).is_integer() else number(value)
    return f"{words} {text}".strip()
