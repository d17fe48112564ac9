"""How far paths may have diverged: the interval at every bound, and where it first holds no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import axis_words, outcome_label, table_of, without_check
from sos_eval.report.theme import INK, MUTED, TREATED, canvas, wrapped
from sos_eval.results.check import ENTRY, at_most

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 2.1
#: Restriction -> what its M counts.
_BOUNDS = {
    "relative_magnitudes": "Largest step of a divergence after the start, in multiples of the largest before",
    "relative_trend": "Largest change of step after the start, in multiples of the largest before",
    "smoothness": "Largest change of a divergence's step from one period to the next",
}
_EVEN = {"relative_magnitudes": "parallel", "relative_trend": "straight", "smoothness": "straight"}


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the sets of every declared restriction, with the breakdown value where there is one."""
    tables = []
    names = [str(name) for name in dict.fromkeys(bundle.diagnostics["name"]) if str(name).startswith("honest_did.")]
    for restriction in _BOUNDS:
        own = f"honest_did.{restriction}"
        for name in dict.fromkeys([own, *(one for one in names if one.startswith(f"{own}{ENTRY}"))]):
            _, table = table_of(bundle, name)
            if len(table):
                rows = bundle.diagnostics[bundle.diagnostics["name"] == name]
                value, text = (rows["value"].iloc[0], rows["text"].iloc[0]) if len(rows) else (np.nan, "")
                own_words = {"restriction": restriction, "entry": name, "text": str(text), "taken": _taken(table)}
                tables.append(table.assign(breakdown=float(value), **own_words))
    if not tables:
        raise NothingToShow(without_check(bundle, "honest_did"))
    return pd.concat(tables, ignore_index=True)


def _taken(table: pd.DataFrame) -> str:
    """Say which effect is asked for and what is taken as sure, where that is not the plain question."""
    first = table.iloc[0].reindex(["target", "sign", "monotone"])
    target, *sides = (one if isinstance(one, str) else "" for one in first)
    target = "" if target == "average" else target
    sure = " and ".join(filter(None, sides))
    return "; ".join(filter(None, [target, f"{sure} for sure" if sure else ""]))


@figure("honest_did", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show between what the effect lies if the groups would have drifted apart by so much."""
    outcome = bundle.facts.headline.outcome
    groups = [(str(name), group) for name, group in table.groupby("entry", sort=False)]
    title = f"What if the groups would have drifted apart anyway? {outcome_label(bundle, outcome)}"
    shown, axes = canvas(
        title, height=(_HEIGHT + 0.62) * len(groups) - 0.62, rows=len(groups), note=_note(groups), left=0.95,
        bottom=0.74, hspace=0.62 / _HEIGHT,
    )  # fmt: skip
    for one, (_, group) in zip(axes, groups, strict=True):
        name, taken = str(group["restriction"].iloc[0]), str(group["taken"].iloc[0])
        _sets(one, group)
        logs = ", in logs" if name == "smoothness" and (group["scale"] == "ratio").all() else ""
        one.set_xlabel(f"{_BOUNDS[name]}{logs}{f' ({taken})' if taken else ''}", size=8.5)
        one.set_ylabel(wrapped(axis_words(bundle, outcome, str(group["scale"].iloc[0])), 2.4, size=8.5), size=8.5)
        labels = [f"{m:g}" if m else f"0\n{_EVEN[name]}" for m in group["M"].round(3)]
        one.set_xticks(np.arange(len(group)), labels, size=8)
    return shown


def _sets(axes: Axes, group: pd.DataFrame) -> None:
    """Draw the set at every M at equal distances, ends that are not known as arrows, and the breakdown value."""
    x, ratio = np.arange(len(group)), bool((group["scale"] == "ratio").all())
    nothing = 1.0 if ratio else 0.0
    low, high = group["low"].to_numpy(float), group["high"].to_numpy(float)
    edge = _edges(np.concatenate([low, high]), nothing)
    axes.axhline(nothing, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
    holds = ~((low > nothing) | (high < nothing))
    for at, (bottom, top, inside) in enumerate(zip(low, high, holds, strict=True)):
        ends = [end if np.isfinite(end) else limit for end, limit in zip((bottom, top), edge, strict=True)]
        axes.plot([at, at], ends, color=MUTED if inside else TREATED, lw=3.0, solid_capstyle="butt", zorder=2)
        for end, limit, mark in ((bottom, edge[0], "v"), (top, edge[1], "^")):
            if not np.isfinite(end):
                axes.plot(at, limit, marker=mark, color=MUTED, ms=6, clip_on=False, zorder=3)
    value = float(group["breakdown"].iloc[0])
    if np.isfinite(value):
        place = float(np.interp(value, group["M"].to_numpy(float), x))
        axes.axvline(place, color=INK, lw=1.0, ls="--", zorder=1)
        axes.text(place, edge[1], f" M = {at_most(value)}", va="top", size=8, color=INK)
    axes.set(ylim=edge, xlim=(-0.6, len(group) - 0.4))
    axes.grid(visible=False, axis="x")


def _edges(values: np.ndarray, nothing: float) -> tuple[float, float]:
    finite = np.append(values[np.isfinite(values)], nothing)
    pad = 0.08 * float(np.ptp(finite)) or 1.0
    return float(finite.min()) - pad, float(finite.max()) + pad


def _note(groups: list[tuple[str, pd.DataFrame]]) -> str:
    """Say what is drawn, and each restriction's own sentence."""
    said = " ".join(dict.fromkeys(str(group["text"].iloc[0]) for _, group in groups))
    open_ends = any(not np.isfinite(group[["low", "high"]].to_numpy(float)).all() for _, group in groups)
    arrows = " Arrows: an end beyond the grid (`grid_reach` widens it)." if open_ends else ""
    marked = any(np.isfinite(group["breakdown"].iloc[0]) for _, group in groups)
    broken = " Dashed: where no effect is first among them." if marked else ""
    return (
        "Bars: the effects that stand if the drift was no larger; grey where no effect (dotted) is among them."
        f"{arrows}{broken} {said}"
    )
