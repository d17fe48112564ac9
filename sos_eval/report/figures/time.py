"""What figures over calendar time share: whole years on the axis, flagged times shaded, omitted times marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.report.theme import MUTED, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["mark_times", "whole_years"]


def whole_years(axes: Axes, words: Callable[[float], str] = "{:.0f}".format) -> None:
    """Put ticks at whole periods only, without thousands separators."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12, min_n_ticks=2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))


def mark_times(axes: Axes, table: pd.DataFrame, words: Callable[[float], str] = "{:.0f}".format) -> None:
    """Shade flagged times and say "left out" over omitted ones; columns ``time, flagged, omitted``."""
    whole_years(axes, words)
    times = table.drop_duplicates("time")
    for time in times.loc[times["flagged"] != "", "time"]:
        shade(axes, time - 0.5, time + 0.5)
    for time in times.loc[times["omitted"] != "", "time"]:
        axes.axvspan(time - 0.5, time + 0.5, facecolor="none", edgecolor="#cccccc", hatch="////", lw=0, zorder=0)
        axes.text(
            time, 0.02, "left out", transform=axes.get_xaxis_transform(), ha="center", va="bottom", rotation=90,
            color=MUTED, size=7.5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip
