"""The specification curve: every declared combination of choices, above the choices that make it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import axis_words, outcome_label, table_of, without_check
from sos_eval.report.theme import INK, MUTED, TREATED, WIDTH, canvas, room_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _CURVE, _PERCENT = 0.165, 2.3, "Change in per cent of the treated's level"
_BETWEEN = ";;"
_DRAWN = {"estimate": "at", "conf_low": "low", "conf_high": "high"}
_OF_PERCENT = {"percent": "at", "percent_low": "low", "percent_high": "high"}


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the specifications in the order of their estimates, on one axis: ``at, low, high, axis``."""
    _, table = table_of(bundle, "specification_curve")
    if table.empty or table["estimate"].notna().sum() < 2:
        raise NothingToShow(without_check(bundle, "specification_curve"))
    table = table.assign(headline=table.index == 0, place=np.arange(len(table)))
    known = table[table["estimate"].notna()]
    if "same_as" in known:
        known = _counted_once(known.fillna({"same_as": ""}))
    alike = bool((known["scale"] == known["scale"].iloc[0]).all())
    if not alike and known["percent"].isna().any():
        raise NothingToShow("its specifications are on scales that have no axis in common")
    axis = axis_words(bundle, bundle.facts.headline.outcome, str(known["scale"].iloc[0])) if alike else _PERCENT
    named = known.rename(columns=_DRAWN if alike else _OF_PERCENT)
    return named.assign(axis=axis).sort_values("at", kind="stable").reset_index(drop=True)


def _counted_once(known: pd.DataFrame) -> pd.DataFrame:
    """Keep one of those that give the same, with what the others of them take in ``also.<choice>``, by `;;`."""
    once = known[known["same_as"] == ""]
    choices = [str(name) for name in known if str(name).startswith("choice.")]
    alike = {own: known[(known["same_as"] == own) | (known["variant"] == own)] for own in once["variant"]}
    return once.assign(
        **{f"also.{name}": [_BETWEEN.join(alike[own][name]) for own in once["variant"]] for name in choices}
    )


@figure("specification_curve", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show every specification's estimate with its interval, and under it which options make it."""
    choices = {str(name): _options(table, str(name)) for name in table if str(name).startswith("choice.")}
    rows = sum(len(options) + 1 for options in choices.values())
    title = f"Do other reasonable choices change the answer? {outcome_label(bundle, bundle.facts.headline.outcome)}"
    shown, (curve, below) = canvas(
        title, height=_CURVE + _ROW * rows + 0.12, rows=2, note=_note(bundle, table), left=2.35, bottom=0.12,
        height_ratios=[_CURVE, _ROW * rows], hspace=0.12 / (0.5 * (_CURVE + _ROW * rows)), sharex=True, width=WIDTH,
    )  # fmt: skip
    _curve(curve, table)
    _choices(below, table, choices)
    return shown


def _options(table: pd.DataFrame, name: str) -> list[str]:
    """Return a choice's options in the order of their declaration, the design's own first."""
    taken = table.sort_values("place").get(f"also.{name}", table.sort_values("place")[name])
    return [option for option in dict.fromkeys(one for text in taken for one in str(text).split(_BETWEEN))]


def _curve(axes: Axes, table: pd.DataFrame) -> None:
    x, ratio = np.arange(len(table)), str(table["axis"].iloc[0]) != _PERCENT and (table["scale"] == "ratio").all()
    small, own = (table["p_value"] <= 0.05).to_numpy(), table["headline"].to_numpy(bool)
    axes.axhline(1.0 if ratio else 0.0, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
    axes.vlines(x, table["low"], table["high"], color=np.where(own, INK, TREATED), lw=np.where(own, 2.2, 1.1))
    for inside, face in ((~own & ~small, "white"), (~own & small, TREATED)):
        axes.plot(x[inside], table["at"][inside], ls="", marker="o", ms=4, mec=TREATED, mfc=face, zorder=3)
    axes.plot(x[own], table["at"][own], ls="", marker="D", ms=7, mec="white", mfc=INK, zorder=4)
    axes.set_ylabel(str(table["axis"].iloc[0]).replace(" (", "\n("), size=8.5)
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.set_xlim(-0.8, len(table) - 0.2)
    axes.grid(visible=False, axis="x")


def _choices(axes: Axes, table: pd.DataFrame, choices: dict[str, list[str]]) -> None:
    """Draw a row for every option, under the name of its choice, with a mark where a specification takes it."""
    place, own, size = 0, table["headline"].to_numpy(bool), float(np.clip(250 / len(table), 1.4, 3.4))
    labels: list[tuple[int, str, bool]] = []
    for name, options in choices.items():
        labels.append((place, name.removeprefix("choice.").replace("_", " ").capitalize(), True))
        for k, option in enumerate(options, place + 1):
            takes = np.flatnonzero(table[name] == option)
            axes.axhline(k, color="#e8e8e8", lw=0.7, zorder=0)
            if f"also.{name}" in table:
                alike = [option in text.split(_BETWEEN) for text in table[f"also.{name}"]]
                axes.plot(np.flatnonzero(alike), np.full(sum(alike), k), ls="", marker="s", ms=size, mfc="white",
                          mec=MUTED, mew=0.6, zorder=1)  # fmt: skip
            axes.plot(takes, np.full(len(takes), k), ls="", marker="s", ms=size, color=MUTED, zorder=2)
            axes.plot(takes[own[takes]], np.full(own[takes].sum(), k), ls="", marker="D", ms=6, color=INK, zorder=3)
            labels.append((k, option, False))
        place += len(options) + 1
    axes.set_yticks([at for at, _, _ in labels], room_of(text for _, text, _ in labels), size=7.8)
    for tick, (_, _, bold) in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if bold else "normal")
    axes.set_ylim(place - 0.4, -0.6)
    axes.tick_params(axis="both", length=0, labelbottom=False)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _note(bundle: ResultBundle, table: pd.DataFrame) -> str:
    """Say what is marked, the joint test, and what a curve is not."""
    rows = bundle.diagnostics
    texts = rows.loc[(rows["name"] == "specification_curve") & rows["value"].notna(), "text"]
    median = re.search(r"Their median .*? draws\.", str(texts.iloc[0])) if len(texts) else None
    said = f" {median[0]}" if median else ""
    small = " Filled circles: p at most .05 by the shared draws." if (table["p_value"] <= 0.05).any() else ""
    ranged = (
        " Bars: intervals by the shared draws alone, so that the headline's own range is another."
        if table["low"].notna().any()
        else ""
    )
    same = " Hollow squares: options that give the same numbers." if _has_copies(table) else ""
    return (
        f"{len(table)} specifications. Diamond: the design's own choices, which alone give the headline."
        f"{ranged}{small}{same} Dotted: no difference.{said} All rest on "
        f"the same assumption: those that agree are not as many pieces of evidence, and none moves the verdict."
    )


def _has_copies(table: pd.DataFrame) -> bool:
    return "also" in table and bool((table["also"].fillna("") != "").any())
