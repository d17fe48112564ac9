"""The answer as one line: estimate and range, no difference, and what the test would find."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import scale_label
from sos_eval.report.tables.converted import converted
from sos_eval.report.theme import INK, MUTED, TREATED, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Inches: as wide as a telephone shows it, so that its words keep their size there.
_WIDTH = 4.0
#: Points from a mark to its words, and the largest share of the axis that these take on two lines.
_BESIDE, _BROAD = 9, 0.36
#: Letters of a line where the words beside a mark stand on two lines, and on three.
_TWO_LINES, _THREE_LINES = 14, 11
#: Rounds in which the axis is widened: each adds less than the one before.
_ROUNDS = 40
_MARKS = {
    "detectable fall": ("<", "a fall that would be found", -0.5),
    "detectable rise": (">", "a rise that would be found", -0.5),
}


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return estimate, range, no difference, detectable fall and rise: as people a period where the outcome counts."""
    headline, rows = bundle.headline, converted(bundle)
    natural = headline.get("natural_units")
    unit = scale_label(bundle, str(headline.get("outcome")), str(headline.get("scale")))
    shown = rows.assign(value=rows["people"], unit=natural["unit"]) if natural else rows.assign(unit=unit)
    if not math.isfinite(shown["value"].iloc[0]):
        raise NothingToShow("there is no overall estimate")
    line = ["estimate", "low", "high"]
    kept = shown["what"].isin(line) | (shown["what"].isin(["no difference", *_MARKS]) & shown["value"].notna())
    return shown.loc[kept, ["what", "value", "unit"]]


@figure("answer", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Estimate and range on one line, no difference and what the test would find marked and named."""
    value = dict(zip(table["what"], table["value"], strict=True))
    unit = str(table["unit"].iloc[0])
    ranged = math.isfinite(value["low"]) and math.isfinite(value["high"])
    note = "Square and line: estimate and range" if ranged else "Square: the estimate; there is no range"
    if any(name in value for name in _MARKS):
        note += (
            ", what was observed held fixed. Triangles: a true change of that size from the level without it at the "
            "estimate, would be found four times in five"
        )
    title = f"The answer, {unit}"
    shown, (axes,) = canvas(title, height=1.45, note=f"{note}.", left=0.2, right=0.2, width=_WIDTH, bottom=0.4)
    axes.axvline(value["no difference"], ymax=0.79, color=MUTED, lw=1.1, ls=":")
    axes.text(value["no difference"], 1.3, "no difference", ha="center", va="bottom", size=9, color=INK)
    if ranged:
        axes.plot([value["low"], value["high"]], [0.7, 0.7], color=TREATED, lw=4, solid_capstyle="butt")
    axes.plot([value["estimate"]], [0.7], marker="s", ms=9, color=TREATED)
    for name, (marker, _, row) in _MARKS.items():
        if name in value:
            axes.plot([value[name]], [row], marker=marker, ms=8, color=INK, ls="none")
    axes.set(ylim=(-1.4, 1.9), yticks=[])
    axes.margins(x=0.08)
    _name_marks(axes, {name: value[name] for name in _MARKS if name in value}, value["no difference"])
    axes.tick_params(axis="x", labelsize=9)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return shown


def _name_marks(axes: Axes, marks: dict[str, float], zero: float) -> None:
    """Write words beside each mark on its own side of no difference; where they have no room, on the far side."""
    broken = _TWO_LINES
    if (share := _share(axes, broken)) > _BROAD:
        broken = _THREE_LINES
        share = _share(axes, broken)
    outward = _outward(axes, marks, zero, share)
    for name, at in marks.items():
        right = (at < zero) != (name in outward)
        _, words, row = _MARKS[name]
        axes.annotate(
            textwrap.fill(words, broken), (at, row), xytext=(_BESIDE if right else -_BESIDE, 0),
            textcoords="offset points", va="center",
            ha="left" if right else "right", size=9, color=INK, linespacing=1.1,
        )  # fmt: skip


def _share(axes: Axes, broken: int) -> float:
    """Return the share of the axis that the words beside a mark take, on lines of so many letters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown: Any = axes.figure
    canvas_of: Any = FigureCanvasAgg(shown)
    drawn = canvas_of.get_renderer()
    words = [axes.text(0, 0, textwrap.fill(text, broken), size=9, linespacing=1.1) for _, text, _ in _MARKS.values()]
    wide = max(text.get_window_extent(drawn).width for text in words) + (_BESIDE + 3) * shown.dpi / 72
    for text in words:
        text.remove()
    return float(wide / axes.get_window_extent(drawn).width)


def _outward(axes: Axes, marks: dict[str, float], zero: float, share: float) -> set[str]:
    """Return the marks whose words do not fit between them and no difference, the axis widened for these.

    Room for one takes from that for another, so that the axis is widened until all have theirs.
    """
    outward: set[str] = set()
    for _ in range(_ROUNDS):
        low, high = axes.get_xlim()
        outward |= {name for name, at in marks.items() if abs(at - zero) < share * (high - low)}
        for name in sorted(outward):
            low, high = axes.get_xlim()
            if marks[name] < zero:
                axes.set_xlim(min(low, (marks[name] - share * high) / (1 - share)), high)
            else:
                axes.set_xlim(low, max(high, (marks[name] - share * low) / (1 - share)))
    return outward
