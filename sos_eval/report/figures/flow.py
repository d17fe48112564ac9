"""Who was kept and dropped, step by step."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.flow_words import who
from sos_eval.report.reading import unit_labels, unit_words
from sos_eval.report.theme import INK, MUTED, canvas, layout_width
from sos_eval.report.wording import count, in_units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 0.155
_WIDE = 80


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return `flow.csv`."""
    if bundle.flow.empty:
        raise NothingToShow("the bundle has no flow of units (flow.csv)")
    return bundle.flow


@figure("flow", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Units and rows at the start, what was dropped or noted at each step with its reason, and what remains."""
    one, many = unit_words(bundle)
    labels = unit_labels(bundle)
    boxes = [(row, _text(row, one, many, labels)) for _, row in table.iterrows()]
    heights = [_LINE * (text.count("\n") + 1) + 0.14 for _, text in boxes]
    gap = 0.15
    shown, axes = canvas(
        f"From the data to the analysis: {many} and rows kept and dropped", height=sum(heights) + gap * len(boxes),
        bottom=0.05, left=0.14, top=0.10, note=_rows(bundle),
    )  # fmt: skip
    _boxes(axes[0], boxes, heights, gap)
    return shown


def _rows(bundle: ResultBundle) -> str:
    """Say what a row is."""
    if bundle.facts.panel.layout == "cross_sections":
        return "Rows: one per person or event, as read."
    return "Rows: one per unit and period."


def _text(row: pd.Series, one: str, many: str, labels: Mapping[str, str]) -> str:
    """Return the words of a box: how many, why, who."""
    parts = [count(row["units"], one, many)] if row["units"] else []
    parts += [count(row["rows"], "row")] if row["rows"] > 0 else []
    step = str(row["step"]).replace("_", " ")
    verb = {"start": "Start", "dropped": "Dropped", "kept": "Kept", "noted": "Noted"}[str(row["what"])]
    where = "" if step in ("start", "end") else f" ({step})"
    head = f"{verb}{where}: {', '.join(parts)}" if parts else f"{verb}{where}"
    reason = f"; {in_units(str(row['reason']), (one, many))}" if row["reason"] else ""
    names = who(row, labels)
    named = f" [{names if len(names) <= 110 else names[:100].rsplit(',', 1)[0] + ' …'}]" if names else ""
    return "\n".join(textwrap.wrap(f"{head}{reason}{named}", int(_WIDE * (layout_width() - 0.2) / 7.0)))


def _boxes(axes: Axes, boxes: list[tuple[pd.Series, str]], heights: list[float], gap: float) -> None:
    """Draw the main column on the left and what leaves it indented on the right, joined by lines."""
    total = sum(heights) + gap * len(boxes)
    axes.set(xlim=(0, layout_width() - 0.2), ylim=(total, 0))
    axes.axis("off")
    y, spine = 0.0, []
    for (row, text), height in zip(boxes, heights, strict=True):
        main = row["what"] in ("start", "kept")
        middle = y + height / 2
        style = {"facecolor": "#e8f1f8" if main else "white", "edgecolor": INK if main else MUTED}
        left = 0.05 if main else 0.75
        axes.text(
            left + 0.06, middle, text, va="center", ha="left", size=8.5, linespacing=1.2, zorder=3,
            weight="bold" if main else "normal", bbox={"boxstyle": "square,pad=0.35", "lw": 0.9, **style},
        )  # fmt: skip
        if main:
            spine.append(middle)
        else:
            axes.plot([0.35, left], [middle, middle], color=MUTED, lw=0.9, zorder=1)
            spine.append(middle)
        y += height + gap
    axes.plot([0.35, 0.35], [spine[0], spine[-1]], color=MUTED, lw=0.9, zorder=1)
