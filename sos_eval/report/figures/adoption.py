"""Who starts when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.figures.time import whole_years
from sos_eval.report.reading import placed, time_label, unit_words
from sos_eval.report.theme import MUTED, TREATED, canvas, layout_width, room_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LINES = 40


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return ``tables/adoption.csv``."""
    table = bundle.tables("adoption")
    if table.empty or table["first_treated"].notna().sum() == 0:
        raise NothingToShow("the bundle does not say who starts when (tables/adoption.csv)")
    return table


@figure("adoption", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """When each unit starts, is embedded and stops; many units are counted by period instead."""
    table = placed(bundle, table)
    treated = table[table["first_treated"].notna()]
    rest = table[table["first_treated"].isna()]
    one, many = unit_words(bundle)
    panel, starts = bundle.facts.panel, treated["first_treated"]
    span = (panel.first_time, panel.last_time) if panel.n_times else (starts.min() - 1.0, starts.max() + 1.0)
    others = "; ".join(f"{n:,} {status}" for status, n in rest["status"].value_counts().items())
    note = f"{len(treated):,} {one if len(treated) == 1 else many} start" + (
        f"; {others}, not drawn." if others else "."
    )
    lines = len(treated) <= _MOST_LINES
    if lines and treated["embedded"].notna().any():
        note += " Pale: from the start until fully embedded."
    if lines and treated["stopped"].notna().any():
        note += " Cross: stopped."
    title = f"When treated {many} started" if lines else f"How many {many} started, by period"
    widest = max(map(len, room_of(treated["label"]))) if lines else 0
    shown, axes = canvas(
        title, height=max(0.19 * len(treated), 1.2) if lines else 2.4, note=note, left=max(0.35 + 0.072 * widest, 0.72)
    )
    (_timelines if lines else _counts)(axes[0], treated, span)
    axes[0].set_xlim(span[0] - 0.6, span[1] + 0.6)
    whole_years(axes[0], panel.written)
    axes[0].set_xlabel(time_label(bundle))
    return shown


def _timelines(axes: Axes, treated: pd.DataFrame, span: tuple[float, float]) -> None:
    """Draw a bar per unit, from its start to its stop or the end of the panel."""
    y = np.arange(len(treated))[::-1]
    start = treated["first_treated"].to_numpy(float) - 0.5
    stop = treated["stopped"].fillna(span[1] + 1.0).to_numpy(float) - 0.5
    embedded = np.clip(treated["embedded"].to_numpy(float) - 0.5, start, stop)
    full = np.where(np.isfinite(embedded), embedded, start)
    axes.hlines(y, start, full, color="#9ecae1", lw=7, zorder=2)
    axes.hlines(y, full, stop, color=TREATED, lw=7, zorder=2)
    axes.plot(start, y, ls="none", marker="|", ms=9, mew=1.8, color=TREATED, zorder=3)
    stopped = treated["stopped"].notna().to_numpy()
    axes.plot(stop[stopped], y[stopped], ls="none", marker="X", color="black", ms=5, zorder=4)
    axes.set_yticks(y, room_of(treated["label"]))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(treated) - 0.3)
    axes.grid(visible=False, axis="y")


def _counts(axes: Axes, treated: pd.DataFrame, span: tuple[float, float]) -> None:
    """Draw a bar per period with the number that start."""
    starts = treated["first_treated"].value_counts().sort_index()
    axes.bar(starts.index.to_numpy(float), starts.to_numpy(float), width=0.7, color=TREATED)
    room = (layout_width() - 0.86) / (span[1] - span[0] + 1.2)
    turned = 90 if 0.075 * max(len(f"{n}") for n in starts) > room else 0  # inches of a figure of 8 points
    for time, n in starts.items():
        at: dict[str, Any] = {"ha": "center", "va": "bottom", "size": 8, "color": MUTED, "rotation": turned}
        axes.text(float(str(time)), float(n), f" {n}" if turned else f"{n}", **at)
    axes.set_ylabel("Starting")
    axes.grid(visible=False, axis="x")
