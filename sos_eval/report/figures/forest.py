"""A forest: one line per estimate with its interval, grouped by what is on the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.errors import listed, p_text
from sos_eval.report.figure_look import TooTight
from sos_eval.report.theme import INK, MUTED, TREATED, canvas, evenly, layout_width, room_on_page, wrapped
from sos_eval.report.wording import alike, interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["forest"]

#: Inches of a line of words with what is between lines, of its letters alone, and between two axes.
_LINE, _LETTERS, _BETWEEN = 0.17, 0.125, 0.78
_LABEL = 44
#: Inches for numbers beside an axis; narrower than `_LEAST` between them and the labels, words stand over their lines.
_NUMBERS, _LEAST = 1.95, 1.3
#: Then: inches beside an axis, from a line to the words over it, and from a line to the words under it.
_EDGE, _OVER, _UNDER = 0.2, 0.11, 0.13


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
    lines = [line for label in table["label"] for line in label.split("\n")]
    left, right = min(max(0.2 + 0.068 * max(map(len, lines)), 1.2), 3.2), _NUMBERS
    narrow = layout_width() - left - right < _LEAST
    if narrow:
        left = right = _EDGE
        words = [_over(row, layout_width() - left - right) for _, row in table.iterrows()]
        table = table.assign(label=words)
    count_of = table["label"].str.count("\n") + 1
    needs = _LETTERS * count_of + (_OVER if narrow else 0.0)
    high = needs + _UNDER if narrow else pd.Series(_LINE * max(2, count_of.max()) + 0.03, table.index)
    table = table.assign(needs=needs, high=high)
    groups = [(str(name), group) for name, group in table.groupby("group", sort=False)]
    sizes = [max(float(group["high"].sum()), 0.0 if narrow else 2 * float(high.max())) for _, group in groups]
    needed = np.cumsum([size + _BETWEEN for size in sizes]) - _BETWEEN
    fits = max(int((needed <= room_on_page(title, note, more=0.84)).sum()), 1)
    note += (
        f" In the data file alone: {listed([f'“{name}”' for name, _ in groups[fits:]], 3)}."
        if fits < len(groups)
        else ""
    )
    groups, sizes = groups[:fits], sizes[:fits]
    shown, axes = canvas(
        title, height=sum(sizes) + _BETWEEN * (len(groups) - 1), rows=len(groups), note=note, top=0.36,
        left=left, right=right, height_ratios=sizes, hspace=_BETWEEN / np.mean(sizes),
    )  # fmt: skip
    for one, size, (name, group) in zip(axes, sizes, groups, strict=True):
        given = float(shown.get_figheight() * one.get_position().height / size)  # below one where the height is given
        if (given * group["high"] < group["needs"]).any():
            raise TooTight("its lines would lie on one another")
        _group(one, group.iloc[::-1], size, _OVER / given if narrow else None)
        one.set_title(wrapped(name, layout_width() - left, size=9.0), size=9.0, x=0.0)
    return shown


def _over(row: pd.Series, width: float) -> str:
    """Return label and numbers as they stand over a line."""
    parts = [
        *str(row["label"]).split("\n"),
        ", ".join(_said(row).split("\n")) if np.isfinite(row["estimate"]) else _said(row),
    ]
    return "\n".join(wrapped(part, width + 0.3, size=7.8) for part in parts)


def _broken(label: str) -> str:
    """Break the lines of a label that are too long for the margin."""
    return "\n".join(part for line in label.split("\n") for part in evenly(line, _LABEL))


def _group(axes: Axes, group: pd.DataFrame, size: float, over: float | None) -> None:
    """Draw the lines of one axis, with labels to the left and numbers to the right; or all words `over` each line."""
    high = group["high"].to_numpy(float)
    below = (size - high.sum()) / 2 + np.cumsum(high) - high
    y = below + (high / 2 if over is None else 0.6 * _UNDER)
    ratio = bool((group["scale"] == "ratio").all())
    values = group[["estimate", "conf_low", "conf_high"]].to_numpy(float)
    edge = _edges(values, 1.0 if ratio else 0.0)
    low, high = (np.clip(np.nan_to_num(values[:, k], nan=np.nan, posinf=1e300, neginf=-1e300), *edge) for k in (1, 2))
    axes.hlines(y, low, high, color=TREATED, lw=1.6, zorder=2)
    for at, (_, row) in zip(y, group.iterrows(), strict=True):
        fill = TREATED if row["headline"] else "white"
        axes.plot(row["estimate"], at, marker="s" if row["headline"] else "o", mfc=fill, mec=TREATED, ms=6, zorder=3)
        x, up, words = (1.02, 0.0, _said(row)) if over is None else (0.015, over, row["label"])
        axes.text(x, at + up, words, transform=axes.get_yaxis_transform(), va="bottom" if up else "center", size=7.8,
                  clip_on=False, color=INK if np.isfinite(row["estimate"]) else MUTED, linespacing=1.15)  # fmt: skip
    axes.axvline(1.0 if ratio else 0.0, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
    axes.set_yticks(y, group["label"].tolist() if over is None else [""] * len(y), size=8, linespacing=1.1)
    axes.set(ylim=(0.0, size), xlim=edge)
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
