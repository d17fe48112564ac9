"""What figures over calendar time share: whole years on the axis, flagged times shaded, omitted times marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.reading import panel_facts
from sos_eval.report.theme import MUTED, shade
from sos_eval.terms import PERIOD_COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["mark_times", "period_words", "place", "placed", "span_of", "whole_years"]


def placed(bundle: ResultBundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the places of its periods on an axis: a period's number where it is written as a code."""
    numbers = panel_facts(bundle).get("periods")
    if not numbers:
        return table
    there = [name for name in PERIOD_COLUMNS if name in table.columns]
    return table.assign(**{name: table[name].map(lambda when: place(numbers, when)) for name in there})


def place(numbers: Mapping[str, float], when: Any) -> float:
    """Return one period's place; NaN where there is none."""
    word = f"{when:.0f}" if isinstance(when, float | np.floating) and np.isfinite(when) else str(when)
    return float(numbers.get(word, np.nan))


def span_of(bundle: ResultBundle, low: float, high: float) -> tuple[float, float]:
    """Return the places of the panel's first and last period; `low` and `high` where the bundle does not say."""
    facts = panel_facts(bundle)
    ends = facts.get("first_time", low), facts.get("last_time", high)
    numbers = facts.get("periods")
    return (place(numbers, ends[0]), place(numbers, ends[1])) if numbers else (float(ends[0]), float(ends[1]))


def period_words(bundle: ResultBundle) -> Callable[[float], str]:
    """Return what writes a place on an axis as the panel writes its period."""
    names = {number: word for word, number in (panel_facts(bundle).get("periods") or {}).items()}
    return lambda value: names.get(round(value), "") if names else f"{value:.0f}"


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
