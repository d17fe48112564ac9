"""Figures of a synthesis: each study and the mean, small studies, the mean without each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.report.theme import COLOURS, MUTED, canvas, evenly
from sos_eval.report.wording import in_word
from sos_eval.synthesis.synthesis import OWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["forest", "funnel", "without_each"]

_NAMES, _ROW, _MEAN = 34, 0.34, "Mean of studies"
#: Fewest ticks that a scale of ratios is read off from.
_TICKS = 3


def forest(studies: pd.DataFrame, head: pd.Series) -> Figure:
    """Draw every study with its interval, and below them the mean and the prediction interval.

    Parameters
    ----------
    studies
        Columns ``study, scale, estimate, conf_low, conf_high, interval, weight``.
    head
        ``outcome, unit, estimate, conf_low, conf_high, predicted_low, predicted_high, conf_level`` of the headline.
    """
    ratio = studies["scale"].iloc[0] == "ratio"
    places = np.arange(len(studies), 0, -1) + 1.0
    names = ["\n".join(evenly(in_word(str(name)), _NAMES)) for name in studies["study"]]
    longest = max(len(line) for name in [*names, _MEAN] for line in name.split("\n"))
    note = (
        f"Squares: estimates, larger where the weight is; lines: {head['conf_level']:.0%} intervals, each study's own, "
        "dashed where they are normal ones of its standard error. Diamond: mean and its interval; thin line: a new "
        "setting's effect."
    )
    figure, (axes,) = canvas(
        "What each study found, and all together", height=0.4 + _row(names) * (len(studies) + 2), note=note,
        left=0.25 + 0.068 * longest, bottom=0.45 + 0.14 * _axis(head, ratio=ratio).count("\n"),
    )  # fmt: skip
    if ratio:
        axes.set_xscale("log")
    for place, (_, row) in zip(places, studies.iterrows(), strict=True):
        given = row["interval"] == OWN
        axes.plot([row["conf_low"], row["conf_high"]], [place, place], color=COLOURS[0], ls="-" if given else "--")
    axes.scatter(studies["estimate"], places, s=20 + 400 * studies["weight"], marker="s", color=COLOURS[0], zorder=3)
    ends = [head["conf_low"], head["estimate"], head["conf_high"], head["estimate"]]
    axes.fill(ends, [0.6, 0.85, 0.6, 0.35], color=COLOURS[1])
    axes.plot([head["predicted_low"], head["predicted_high"]], [0.6, 0.6], color=COLOURS[1], linewidth=1, zorder=0)
    axes.axvline(1.0 if ratio else 0.0, color=MUTED, linestyle=":", linewidth=1)
    axes.set_yticks([*places, 0.6], [*names, _MEAN])
    axes.set_ylim(0, len(studies) + 1.7)
    axes.grid(visible=False, axis="y")
    _measured(axes, head, ratio=ratio)
    return figure


def funnel(studies: pd.DataFrame, head: pd.Series) -> Figure:
    """Draw effects against their standard errors with the range that chance alone would give."""
    ratio = studies["scale"].iloc[0] == "ratio"
    centre = float(np.log(head["estimate"]) if ratio else head["estimate"])
    deepest = float(studies["std_error"].max()) * 1.1
    ends = [centre - 1.96 * deepest, centre, centre + 1.96 * deepest]
    note = "Shaded: where 95 of 100 studies would lie if they differed by chance alone. Line: the mean of studies."
    figure, (axes,) = canvas(
        "Effects by their standard errors", height=2.9, note=note,
        bottom=0.45 + 0.14 * _axis(head, ratio=ratio).count("\n"),
    )  # fmt: skip
    if ratio:
        axes.set_xscale("log")
    axes.fill(np.exp(ends) if ratio else ends, [deepest, 0, deepest], color="#ececec", zorder=0)
    axes.scatter(studies["estimate"], studies["std_error"], color=COLOURS[0], zorder=3)
    axes.axvline(head["estimate"], color=COLOURS[1], linewidth=1)
    axes.set_ylim(deepest, 0)
    _measured(axes, head, ratio=ratio)
    axes.set_ylabel("Standard error" + (" of the log" if ratio else ""))
    return figure


def without_each(without: pd.DataFrame, head: pd.Series) -> Figure:
    """Draw the mean of studies without each of them.

    Parameters
    ----------
    without
        Columns ``left_out, estimate, conf_low, conf_high`` of `leave_one_out`.
    """
    ratio = head["scale"] == "ratio"
    places = np.arange(len(without), 0, -1).astype(float)
    names = ["\n".join(evenly(in_word(str(name)), _NAMES)) for name in without["left_out"]]
    longest = max(len(line) for name in names for line in name.split("\n"))
    note = f"Mean of the other studies with its {head['conf_level']:.0%} interval. Line and shade: of all studies."
    figure, (axes,) = canvas(
        "Does the mean rest on one study?", height=0.4 + _row(names) * len(without), note=note,
        left=0.25 + 0.068 * longest, bottom=0.45 + 0.14 * _axis(head, ratio=ratio).count("\n"),
    )  # fmt: skip
    if ratio:
        axes.set_xscale("log")
    axes.axvspan(head["conf_low"], head["conf_high"], color="#ececec", zorder=0)
    axes.axvline(head["estimate"], color=COLOURS[1], linewidth=1)
    axes.axvline(1.0 if ratio else 0.0, color=MUTED, linestyle=":", linewidth=1)
    axes.hlines(places, without["conf_low"], without["conf_high"], color=COLOURS[0])
    axes.scatter(without["estimate"], places, marker="s", color=COLOURS[0], zorder=3)
    axes.set_yticks(places, names)
    axes.set_ylim(0.4, len(without) + 0.6)
    axes.grid(visible=False, axis="y")
    _measured(axes, head, ratio=ratio)
    return figure


def _row(names: Sequence[str]) -> float:
    """Return the inches of a row, in which the longest name has its lines."""
    return max(_ROW, 0.06 + 0.15 * max(name.count("\n") + 1 for name in names))


def _axis(head: pd.Series, *, ratio: bool, width: int = 70) -> str:
    """Say what stands on the axis: the scale, the outcome and its unit, as far as they are known."""
    about = f" in {in_word(str(head['outcome'])).lower()}" if head["outcome"] else ""
    unit = f", {head['unit']}" if head["unit"] else ""
    return "\n".join(evenly(f"{'Ratio' if ratio else 'Difference'}{about}{unit}", width))


def _measured(axes: Axes, head: pd.Series, *, ratio: bool) -> None:
    """Say what the axis of effects measures, in plain numbers on a scale of ratios too."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.set_xlabel(_axis(head, ratio=ratio))
    if not ratio:
        return
    axis = axes.xaxis
    low, high = sorted(axis.get_view_interval())
    usual = LogLocator(base=10, subs=(1.0, 2.0, 5.0))
    inside = [tick for tick in usual.tick_values(low, high) if low <= tick <= high]
    axis.set_major_locator(usual if len(inside) >= _TICKS else FixedLocator(MaxNLocator(5).tick_values(low, high)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
