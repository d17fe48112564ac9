"""Fit what stands around the axes of a figure into a size: labels are wrapped, ticks thinned, margins made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

from sos_eval.report.figure_look import TooTight
from sos_eval.report.theme import evenly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["fitted"]

#: Pixels between two texts; the share of their height that axes keep where the figure's height is given.
_APART, _FLATTEST = 3.0, 0.6
_FEWEST_TICKS = 2


def fitted(figure: Figure, *, grows: bool) -> None:
    """Wrap labels that are wider than there is room, thin ticks that run together and keep title and note free.

    Parameters
    ----------
    figure
        Title and note are its first two texts.
    grows
        Whether the figure may become higher; else axes give way.

    Raises
    ------
    TooTight
        Texts still lie on one another, or the axes would be too flat.
    """
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.axison]
    drawn = _drawn(figure)
    for axes in shown:
        _wrap(axes, drawn, figure.bbox.width)
    for axes in shown:
        _thin(axes, figure)
    _make_room(figure, shown, grows=grows)
    _refuse_collisions(figure, shown)


def _drawn(figure: Figure) -> Any:
    """Draw a figure and return what measures its texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def _wrap(axes: Axes, drawn: Any, width: float) -> None:
    """Break the labels of axes that reach beyond the figure's edge, or of a y axis beyond its ends."""
    box = axes.get_window_extent(drawn)
    middle = (box.x0 + box.x1) / 2
    for label, room, long in (
        (axes.xaxis.label, 2 * min(middle, width - middle) - 2 * _APART, "width"),
        (axes.yaxis.label, 1.1 * box.height, "height"),
    ):
        text = " ".join(label.get_text().split())
        has = getattr(label.get_window_extent(drawn), long) if text else 0.0
        if has > room:
            label.set_text("\n".join(evenly(text, max(int(len(text) * room / has), 12))))


def _thin(axes: Axes, figure: Figure) -> None:
    """Put fewer numbers on an x axis whose numbers run together."""
    from matplotlib.ticker import AutoLocator, MaxNLocator

    locator = axes.xaxis.get_major_locator()
    if not isinstance(locator, AutoLocator | MaxNLocator):
        return
    whole = bool(getattr(locator, "_integer", False))
    for most in (8, 6, 5, 4, 3, _FEWEST_TICKS):
        if not _touch(_ticks(axes, "x"), _drawn(figure)):
            return
        axes.xaxis.set_major_locator(MaxNLocator(integer=whole, nbins=most, min_n_ticks=2))


def _ticks(axes: Axes, which: str) -> list[Any]:
    """Return the numbers on an axis that are shown."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    ticks = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [label for label in ticks if label.get_visible() and label.get_text().strip()]


def _touch(texts: Iterable[Any], drawn: Any) -> bool:
    """Whether neighbours lie on one another."""
    boxes = sorted((text.get_window_extent(drawn) for text in texts), key=lambda box: box.x0)
    return any(right.x0 < left.x1 + _APART for left, right in pairwise(boxes))


def _make_room(figure: Figure, shown: list[Axes], *, grows: bool) -> None:
    """Move axes away from title, note and left edge where something of theirs lies there."""
    drawn, texts = _drawn(figure), figure.texts[:2]
    boxes = [text.get_window_extent(drawn) for text in texts]
    around = [part.get_window_extent(drawn) for axes in shown for part in _around(axes)]
    if not around:
        return
    above = max(box.y1 for box in around) + _APART - boxes[0].y0 if boxes else 0.0
    below = boxes[1].y1 + _APART - min(box.y0 for box in around) if len(boxes) > 1 else 0.0
    above, below = (max(one, 0.0) / figure.dpi for one in (above, below))
    left = max(_APART - min(box.x0 for box in around), 0.0) / figure.bbox.width
    width, height = figure.get_size_inches()
    higher = height + (above + below if grows else 0.0)
    before = [axes.get_position(original=True) for axes in figure.axes]
    bottom, top = min(one.y0 for one in before) * height, max(one.y1 for one in before) * height
    stretch = 1.0 if grows else (top - bottom - above - below) / (top - bottom)
    if stretch < _FLATTEST:
        raise TooTight("its labels and legend leave its axes too little height")
    figure.set_size_inches(width, higher)
    for text in figure.texts:
        x, y = text.get_position()
        text.set_position(
            (x, 1 - (1 - y) * height / higher if text.get_verticalalignment() == "top" else y * height / higher)
        )
    for axes, old in zip(figure.axes, before, strict=True):
        ends = [(bottom + below + (end * height - bottom) * stretch) / higher for end in (old.y0, old.y1)]
        axes.set_position((old.x0 + left, ends[0], old.width - left, ends[1] - ends[0]))


def _around(axes: Axes) -> Iterator[Any]:
    """Yield what stands around axes: title, labels, numbers and legend."""
    parts = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]
    yield from (part for part in parts if part.get_visible() and part.get_text().strip())
    yield from _ticks(axes, "x")
    yield from _ticks(axes, "y")
    legend = axes.get_legend()
    if legend is not None:
        yield legend


def _refuse_collisions(figure: Figure, shown: list[Axes]) -> None:
    """Raise `TooTight` where two texts around the axes lie on one another, or one on other axes."""
    drawn = _drawn(figure)
    boxes_of_axes = [axes.get_window_extent(drawn) for axes in shown]
    for axes, own in zip(shown, boxes_of_axes, strict=True):
        beside = [box for box in boxes_of_axes if not _overlap(own, box)]
        for part in _around(axes):
            if any(_overlap(part.get_window_extent(drawn), box) for box in beside):
                raise TooTight(f"“{_named(part)}” would lie on other axes")
    parts = [*figure.texts[:2], *(part for axes in shown for part in _around(axes))]
    boxes = [(part, part.get_window_extent(drawn)) for part in parts]
    for (one, a), (other, b) in combinations(boxes, 2):
        if _overlap(a, b, apart=_APART):
            raise TooTight(f"“{_named(one)}” would lie on “{_named(other)}”")


def _overlap(a: Any, b: Any, apart: float = -1.0) -> bool:
    """Whether two boxes share more than a pixel, or stand beside each other less than `apart` pixels away."""
    return bool(min(a.x1, b.x1) - max(a.x0, b.x0) > -apart and min(a.y1, b.y1) - max(a.y0, b.y0) > 1.0)


def _named(part: Any) -> str:
    """Name a text by its first words; a legend by what it is."""
    return part.get_text()[:30] if hasattr(part, "get_text") else "the legend"
