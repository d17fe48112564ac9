"""A forest: one line per estimate with its interval, grouped by what is on the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.errors import p_text
from sos_eval.report.theme import INK, MUTED, TREATED, canvas, evenly, layout_width, room_on_page, wrapped
from sos_eval.report.wording import alike, count, interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["forest"]

_LINE = 0.17
#: Inches between two axes.
_BETWEEN = 0.78
_LABEL = 44


def forest(table: pd.DataFrame, title: str, *, note: str) -> Figure:
    """Draw a forest.

    Parameters
    ----------
    table
        Columns ``group, label, estimate, conf_low, conf_high, p_value, scale, headline, reason``; a group shares
        an axis.
    title, note
        Words above and below.
    """
    table = table.assign(label=[_broken(str(label)) for label in table["label"]])
    groups = [(str(name), group) for name, group in table.groupby("group", sort=False)]
    lines = [line for label in table["label"] for line in label.split("\n")]
    each = _LINE * max(2, *(label.count("\n") + 1 for label in table["label"])) + 0.03
    sizes = [max(len(group), 2) for _, group in groups]
    needed = np.cumsum([each * size + _BETWEEN for size in sizes]) - _BETWEEN
    fits = max(int((needed <= room_on_page(title, note, more=0.84)).sum()), 1)
    note += f" {count(len(groups) - fits, 'more axis', 'more axes')} in the data file." if fits < len(groups) else ""
    groups, sizes = groups[:fits], sizes[:fits]
    left = min(max(0.2 + 0.068 * max(map(len, lines)), 1.2), 3.2)
    shown, axes = canvas(
        title, height=each * sum(sizes) + _BETWEEN * (len(groups) - 1), rows=len(groups), note=note, top=0.36,
        left=left, right=1.95, height_ratios=sizes,
        hspace=_BETWEEN / (each * np.mean(sizes)),
    )  # fmt: skip
    for one, (name, group) in zip(axes, groups, strict=True):
        _group(one, group.iloc[::-1])
        one.set_title(wrapped(name, layout_width() - left, size=9.0), size=9.0, x=0.0)
    return shown


def _broken(label: str) -> str:
    """Break the lines of a label that are too long for the margin."""
    return "\n".join(part for line in label.split("\n") for part in evenly(line, _LABEL))


def _group(axes: Axes, group: pd.DataFrame) -> None:
    """Draw the lines of one axis, with the numbers in words to the right."""
    y = np.arange(len(group))
    ratio = bool((group["scale"] == "ratio").all())
    values = group[["estimate", "conf_low", "conf_high"]].to_numpy(float)
    edge = _edges(values, 1.0 if ratio else 0.0)
    low, high = (np.clip(np.nan_to_num(values[:, k], nan=np.nan, posinf=1e300, neginf=-1e300), *edge) for k in (1, 2))
    axes.hlines(y, low, high, color=TREATED, lw=1.6, zorder=2)
    for at, (_, row) in enumerate(group.iterrows()):
        fill = TREATED if row["headline"] else "white"
        axes.plot(row["estimate"], at, marker="s" if row["headline"] else "o", mfc=fill, mec=TREATED, ms=6, zorder=3)
        axes.text(1.02, at, _said(row), transform=axes.get_yaxis_transform(), va="center", size=7.8, clip_on=False,
                  color=INK if np.isfinite(row["estimate"]) else MUTED, linespacing=1.15)  # fmt: skip
    axes.axvline(1.0 if ratio else 0.0, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
    axes.set_yticks(y, group["label"].tolist(), size=8, linespacing=1.1)
    axes.set(ylim=(-0.6, max(len(group), 2) - 0.4), xlim=edge)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _edges(values: np.ndarray, nothing: float) -> tuple[float, float]:
    """Return the ends of the axis: every finite number and no difference are on it."""
    finite = np.append(values[np.isfinite(values)], nothing)
    low, high = float(finite.min()), float(finite.max())
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def _said(row: pd.Series) -> str:
    """Return estimate, interval and p in words, or why there is none."""
    if not np.isfinite(row["estimate"]):
        return wrapped(f"not identified: {row['reason']}" if row["reason"] else "not identified", 2.2, size=7.8)
    best, low, high = alike([row["estimate"], row["conf_low"], row["conf_high"]])
    open_ended = np.isinf([row["conf_low"], row["conf_high"]]).any()
    span = (
        interval_words(row["conf_low"], row["conf_high"]) if open_ended else f"{low} to {high}" if low and high else ""
    )
    said = best + (f" ({span})" if span else "")
    return f"{said}\n{p_text(row['p_value'])}" if np.isfinite(row["p_value"]) else said
