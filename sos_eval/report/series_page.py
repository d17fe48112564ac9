"""The page of `panel describe`: a figure per series, and in tables what a panel holds and lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.files import csv_text
from sos_eval.report.content import Block, Heading, Picture, ReportDocument, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.html import render_document
from sos_eval.report.theme import COLOURS, FAINT, MUTED, canvas, house_style, image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DescribedSeries", "series_page"]

#: How many times the lower end of the middle nine tenths the upper end is, from where on the axis is logarithmic.
_WIDE = 10.0
#: Most marks of periods on an axis.
_MARKS = 12


@dataclass(frozen=True)
class DescribedSeries:
    """A series as it is drawn.

    Attributes
    ----------
    name
        The column.
    periods
        Of `by_period`.
    far
        Cells far from their unit's own level: ``unit, period, value``.
    breaks
        Periods from which on the column is another.
    """

    name: str
    periods: pd.DataFrame
    far: Sequence[Mapping[str, Any]]
    breaks: Sequence[str]


def series_page(
    title: str, badge: str, series: Sequence[DescribedSeries], tables: Mapping[str, pd.DataFrame]
) -> tuple[str, Drawn]:
    """Return the page as HTML, and its figures as svg and png with their data, named ``series_01`` onwards.

    Parameters
    ----------
    tables
        Caption -> table; those without rows are left out.
    """
    drawn, body = Drawn(), list[Block]()
    for number, one in enumerate(series, 1):
        name = f"series_{number:02d}"
        with house_style():
            figure = _drawn(one)
        drawn.images[name] = {form: image(figure, form) for form in ("svg", "png")}
        drawn.data[name], drawn.alt[name] = csv_text(one.periods), str(figure.get_label())
        body += [Heading(one.name, 3), Picture(name, drawn.alt[name])]
    shown = [Table(table.map(_cell), caption) for caption, table in tables.items() if len(table)]
    found: list[Block] = [Heading("What it holds and lacks"), *shown]
    document = ReportDocument(
        title, badge, body=[*found, Heading("Series"), *(body or [Text("No column of numbers.")])]
    )
    return render_document(document, drawn), drawn


def _cell(value: object) -> str:
    """Write a cell: numbers to six digits, nothing where there is none."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.6g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _drawn(series: DescribedSeries) -> Figure:
    """Draw the middle of the units in every period above, and what is missing below."""
    table = series.periods
    x = np.arange(len(table))
    low, high = (float(table[name].median()) for name in ("q05", "q95"))
    logs = bool(table["q05"].dropna().gt(0).all()) and high > _WIDE * low
    note = "Line: the median unit. Bands: the middle half and nine tenths of the units."
    note += " Dots: far from their unit's own level." if series.far else ""
    note += " Dotted: from there on the column is another." if series.breaks else ""
    note += " Bars: rows without a number." if (gone := int(table[["symbols", "missing"]].to_numpy().sum())) else ""
    grid: dict[str, Any] = {"rows": 2, "height_ratios": [4, 1], "hspace": 0.15} if gone else {}
    figure, axes = canvas(
        f"{series.name}, by period" + (" (logarithmic axis)" if logs else ""), height=2.6 + 0.7 * bool(gone), note=note,
        **grid,
    )  # fmt: skip
    top = axes[0]
    top.set_yscale("log" if logs else "linear")
    top.fill_between(x, table["q05"], table["q95"], color=FAINT, alpha=0.6, lw=0)
    top.fill_between(x, table["q25"], table["q75"], color=COLOURS[0], alpha=0.3, lw=0)
    top.plot(x, table["median"], color=COLOURS[0], marker="o" if len(table) <= 2 * _MARKS else "")
    place = {period: k for k, period in enumerate(table["period"])}
    far = [one for one in series.far if not logs or one["value"] > 0]
    top.scatter([place[one["period"]] for one in far], [one["value"] for one in far], color=COLOURS[1], s=9, zorder=3)
    for period in dict.fromkeys(series.breaks):
        top.axvline(place[period] - 0.5, color=MUTED, ls=":", lw=1)
    if gone:
        axes[1].bar(x, table["missing"] + table["symbols"], color=MUTED, width=0.7, label="missing")
        axes[1].bar(x, table["symbols"], color=COLOURS[4], width=0.7, label="of these a symbol")
        axes[1].set_ylabel("Rows")
        if table["symbols"].any():
            axes[1].legend(loc="upper right")
    _mark(axes, table["period"].tolist())
    return figure


def _mark(axes: Sequence[Axes], periods: Sequence[str]) -> None:
    """Write periods under the lowest axis; of many every second, third and so on."""
    step = -(-len(periods) // _MARKS)
    for one in axes:
        one.set_xlim(-0.6, len(periods) - 0.4)
        one.set_xticks(range(0, len(periods), step))
        one.set_xticklabels([])
    axes[-1].set_xticklabels(list(periods)[::step])
