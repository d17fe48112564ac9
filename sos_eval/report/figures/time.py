"""What figures over calendar time share: whole years on the axis, flagged times shaded, omitted times marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.theme import MUTED, shade
from sos_eval.terms import PERIOD_COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["mark_times", "placed", "whole_years"]


def placed(bundle: ResultBundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the places of its periods on an axis: a period's number where it is written as a code."""
    panel = bundle.facts.panel
    there = [name for name in PERIOD_COLUMNS if name in table.columns] if panel.periods else []
    return table.assign(**{name: table[name].map(panel.place) for name in there}) if there else table


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
