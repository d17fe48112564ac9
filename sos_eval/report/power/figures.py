"""Figures of a power study: each a function (folder) -> (figure, its data), or None where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.errors import numeral
from sos_eval.report.power.naming import key_words, keys_named, legend_columns, room_for, rows_named
from sos_eval.report.power.reading import EFFECT, PowerFolder
from sos_eval.report.power.side_by_side import by_formula, decisions_together, draws_that_pass
from sos_eval.report.pulled_folder import Shown
from sos_eval.report.theme import COLOURS, MUTED, canvas, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES"]

PANELS_AT_MOST = 6
MARKS = ("o", "s", "^", "D", "v", "P", "X")


def power_curves(study: PowerFolder) -> Shown | None:
    """Draw power over the size of the effect, or over the first swept number."""
    key = _axis(study)
    if key is None:
        return None
    table = study.headline
    every = _panels(table, study.others(key))
    panels = every[:PANELS_AT_MOST]
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    title = "How often each estimator would report an effect"
    levels = _levels(study)
    note = (
        f"Bars: 95% Monte Carlo intervals, {study.plan['reps']:,} draws a point. "
        f"Dotted: {' and '.join(numeral(level) for level in levels)}, what a test may find where there is "
        "nothing, and "
        "the power that is aimed at."
    )
    if len(every) > len(panels):
        note += f" The first {len(panels)} of {len(every)} combinations are shown; power.csv has all of them."
    styles = _styles(table, study)
    beside = legend_columns(list(styles))
    above = max(0.62, 0.3 + 0.165 * -(-len(styles) // beside))
    figure, axes = canvas(title, height=2.4 * rows, note=note, rows=rows, columns=columns, top=above, hspace=0.6)
    for ax, (label, part) in zip(axes, panels, strict=False):
        _curves(ax, part, key, study, styles, levels)
        ax.set_title(label, pad=22 if label else 6)
        ax.set_xlabel(key_words(key))
        ax.set_ylabel("Power")
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    legend(axes[0], columns=beside, handles=_all_handles(axes))
    return figure, table


def _styles(table: pd.DataFrame, study: PowerFolder) -> dict[str, dict[str, str]]:
    """Give every line of a figure its colour and mark, the same in all panels."""
    lines = table[study.line].itertuples(index=False, name=None)
    names = dict.fromkeys(study.line_words(name) for name in lines)
    return {
        name: {"color": COLOURS[number % len(COLOURS)], "marker": _mark(number)} for number, name in enumerate(names)
    }


def _all_handles(axes: Sequence[Axes]) -> list[Any]:
    """Return one handle of every line that some panel has."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values())


def _levels(study: PowerFolder) -> list[float]:
    """Return how often a test may find what is not there, and the power that is aimed at."""
    sizes = {round(1 - float(level), 6) for level in study.mdes["level"].dropna()} or {0.05}
    targets = {float(target) for target in study.mdes["target_power"].dropna()} or {0.8}
    return sorted(sizes | targets)


def _curves(
    ax: Axes, part: pd.DataFrame, key: str, study: PowerFolder, styles: Mapping[str, Mapping[str, str]],
    levels: Sequence[float],
) -> None:  # fmt: skip
    """Draw a line per estimator and inference, and per outcome where there are several."""
    for name, line in part.groupby(study.line, sort=False):
        one, label = line.sort_values(key), study.line_words(name)
        ax.errorbar(
            one[key], one["power"], yerr=study.reach_of(one, "power"), capsize=2, label=label,
            color=styles[label]["color"], marker=styles[label]["marker"],
        )  # fmt: skip
    for level in levels:
        ax.axhline(level, color=MUTED, lw=0.8, ls=":")
    ax.set_ylim(-0.02, 1.02)


def mdes_frontier(study: PowerFolder) -> Shown | None:
    """Draw what could be detected, over another swept number or by estimator."""
    table = study.mdes[study.mdes["aggregation"] == "overall"]
    table = table[table["scale"] == table["scale"].iloc[0]] if len(table) else table
    beyond = table["mdes"].isna()
    if beyond.all():
        return None
    others = [name for name in study.others(EFFECT) if len(table[name].unique()) > 1]
    key = next((name for name in others if pd.api.types.is_numeric_dtype(table[name])), None)
    by = [*study.line, *(name for name in others if name != key)]
    target = float(table["target_power"].iloc[0])
    title = f"Smallest effect that would be found {target:.0%} of the time"
    far = " Hollow, at the edge: none that was tried is found so often (mdes.csv says why)." if beyond.any() else ""
    scale = study.scale_words(str(table["outcome"].iloc[0]), str(table["scale"].iloc[0]))
    note = f"Bars: 95% Monte Carlo intervals. Scale: {scale}.{far}"
    if key is None:
        return _detectable_by_row(study, table, by, title, note), table
    lines = list(table.groupby(by, sort=False))
    beside = legend_columns([study.line_words(name) for name, _ in lines])
    figure, axes = canvas(title, height=2.6, note=note, top=0.2 + 0.2 * -(-len(lines) // beside))
    for number, (name, line) in enumerate(lines):
        one = line.sort_values(key)
        axes[0].errorbar(
            one[key], one["mdes"], yerr=_reach(one), color=COLOURS[number % len(COLOURS)], marker=_mark(number),
            capsize=2, label=study.line_words(name),
        )  # fmt: skip
        far_off = one.loc[one["mdes"].isna(), key]
        axes[0].plot(far_off, np.ones(len(far_off)), "^", mfc="white", clip_on=False,
                     color=COLOURS[number % len(COLOURS)], transform=axes[0].get_xaxis_transform())  # fmt: skip
    axes[0].set_ylabel("Minimum detectable effect")
    axes[0].set_ylim(bottom=0)
    axes[0].set_xlabel(key_words(key))
    legend(axes[0], columns=beside)
    return figure, table


def _detectable_by_row(study: PowerFolder, table: pd.DataFrame, by: list[str], title: str, note: str) -> Figure:
    """Draw a row per line, where nothing that was swept is a number."""
    labels, each = rows_named(study.line_words(name) for name in table[by].itertuples(index=False, name=None))
    figure, axes = canvas(title, height=max(max(0.24, each) * len(labels), 0.8), note=note, left=room_for(labels))
    place = np.arange(len(labels))[::-1]
    axes[0].errorbar(table["mdes"], place, xerr=_reach(table), fmt="o", color=COLOURS[0], capsize=2)
    beyond = table["mdes"].isna().to_numpy()
    axes[0].plot(np.ones(beyond.sum()), place[beyond], ">", mfc="white", clip_on=False, color=COLOURS[0],
                 transform=axes[0].get_yaxis_transform())  # fmt: skip
    axes[0].set_yticks(place, labels)
    axes[0].set_ylim(-0.7, len(labels) - 0.3)
    axes[0].set_xlim(left=0)
    axes[0].set_xlabel("Minimum detectable effect")
    return figure


def _reach(table: pd.DataFrame) -> list[pd.Series]:
    """Return how far the intervals of detectable effects reach below and above them; no bar where there is no end."""
    ends = table[["mdes_low", "mdes_high"]]
    return [
        (table["mdes"] - ends.min(axis=1)).clip(lower=0).fillna(0),
        (ends.max(axis=1) - table["mdes"]).clip(lower=0).fillna(0),
    ]


def _mark(number: int) -> str:
    """Return a mark that, with its colour, no other of many lines has."""
    return MARKS[(number + number // len(COLOURS)) % len(MARKS)]


def bias_and_coverage(study: PowerFolder) -> Shown | None:
    """Draw bias and coverage of every estimator at every point."""
    table = study.headline.dropna(subset=["bias"])
    if table.empty:
        return None
    labels, each = rows_named(study.point_words(row) for row in table.to_dict("records"))
    height, left = max(each * len(table), 1.2), room_for(labels)
    note = (
        "Bars: 95% Monte Carlo intervals. Bias of ratios is on the log scale. Line in the right panel: declared level."
    )
    figure, axes = canvas(
        "Bias, and how often intervals hold the truth", height=height, note=note, columns=2, sharey=True, left=left
    )
    place = np.arange(len(table))[::-1]
    axes[0].errorbar(table["bias"], place, xerr=study.z * table["bias_mcse"], fmt="o", color=COLOURS[0], capsize=2)
    axes[0].axvline(0, color=MUTED, lw=0.8)
    axes[1].errorbar(
        table["coverage"], place, xerr=study.reach_of(table, "coverage"), fmt="s", color=COLOURS[1], capsize=2
    )
    axes[1].axvline(float(table["level"].to_numpy()[0]), color=MUTED, lw=0.8)
    axes[0].set_yticks(place, labels)
    axes[0].set_xlabel("Bias")
    axes[1].set_xlabel("Coverage")
    return figure, table


def estimator_by_point(study: PowerFolder) -> Shown | None:
    """Draw power of every estimator at every point as a table of shades."""
    table = study.headline
    if len(study.plan["points"]) < 2:
        return None
    named = table.assign(
        line=[study.line_words(tuple(row[name] for name in study.line)) for row in table.to_dict("records")],
        point=[keys_named(row, study.swept) for row in table.to_dict("records")],
    )
    grid = named.pivot_table(index="line", columns="point", values="power", sort=False)
    note = "Share of draws that report an effect; where there is none, the size of the test."
    labels, each = rows_named(map(str, grid.index))
    figure, axes = canvas(
        "Power of every estimator in every world",
        height=max(max(0.34, each) * len(grid), 0.7),
        note=note,
        left=room_for(labels),
        bottom=room_for(grid.columns, slope=0.65),
    )
    axes[0].imshow(grid.to_numpy(float), cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes[0].grid(False)
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            value = float(grid.to_numpy(float)[i, j])
            shade = "white" if value < 0.6 else "black"
            text = f"{value:.2f}" if value == value else ""
            axes[0].text(j, i, text, ha="center", va="center", color=shade, size=8 if grid.shape[1] < 13 else 5)
    axes[0].set_xticks(range(grid.shape[1]), list(grid.columns), rotation=40, ha="right")
    axes[0].set_yticks(range(grid.shape[0]), labels)
    return figure, grid.reset_index()


def sampling_distributions(study: PowerFolder) -> Shown | None:
    """Draw what each estimator would report at the first point, with the truth."""
    table = study.sample[(study.sample["aggregation"] == "overall")]
    for key, value in study.plan["points"][-1].items():
        table = table[table[key] == value]
    first = table.groupby(["estimator", "outcome"])["scale"].transform("first")
    table = table[(table["scale"] == first) & (table["scale"] != "ratio") & table["estimate"].notna()]
    if table.empty:
        return None
    lines = list(table.groupby(study.line, sort=False))[:PANELS_AT_MOST]
    where = keys_named(study.plan["points"][-1], study.swept)
    title = "What each estimator would report" + (f", {where}" if where else "")
    note = f"Estimates of the first {len(lines[0][1]):,} draws. Line: mean true effect."
    shared = len(table["outcome"].unique()) == 1
    height, apart = (1.1, 0.35) if shared else (1.4, 0.9)
    figure, axes = canvas(title, height=height * len(lines), note=note, rows=len(lines), sharex=shared, hspace=apart)
    for number, (ax, (name, part)) in enumerate(zip(axes, lines, strict=True)):
        ax.hist(
            part["estimate"], bins=int(np.clip(2 * np.sqrt(len(part)), 6, 40)), color=COLOURS[number % len(COLOURS)]
        )
        ax.axvline(part["true_effect"].mean(), color="black", lw=1.4)
        ax.set_title(study.line_words(name), size=8.5)
        ax.set_yticks([])
    axes[-1].set_xlabel("Estimate")
    return figure, table


def _axis(study: PowerFolder) -> str | None:
    """Return the key on the horizontal axis: the effect, else the first swept number."""
    numbers = [name for name in study.swept if pd.api.types.is_numeric_dtype(study.power[name])]
    long = [name for name in numbers if len(study.power[name].unique()) > 1]
    return EFFECT if EFFECT in long else next(iter(long), None)


def _panels(table: pd.DataFrame, by: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """Split a table by the other swept keys."""
    if not by:
        return [("", table)]
    return [(keys_named(part.iloc[0].to_dict(), by), part) for _, part in table.groupby(by, sort=False)]


FIGURES: dict[str, Callable[[PowerFolder], Shown | None]] = {
    "power_curves": power_curves,
    "mdes_frontier": mdes_frontier,
    "bias_and_coverage": bias_and_coverage,
    "estimator_by_point": estimator_by_point,
    "sampling_distributions": sampling_distributions,
    "draws_that_pass": draws_that_pass,
    "decisions_together": decisions_together,
    "by_formula": by_formula,
}
