"""Mean outcomes over time: treated, comparison, and the untreated before any selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import WITHHELD, NothingToShow, figure
from sos_eval.report.figures.time import mark_times
from sos_eval.report.reading import outcome_label, placed, time_label, unit_words
from sos_eval.report.theme import COMPARISON, MUTED, TREATED, canvas, evenly, layout_width, legend, panel_rows
from sos_eval.report.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = {
    "treated": ("Treated", {"color": TREATED, "marker": "o", "ls": "-", "zorder": 4}),
    "comparison": ("Comparison", {"color": COMPARISON, "marker": "s", "ls": "--", "zorder": 3}),
    "comparison_before": ("All untreated, before selection", {"color": MUTED, "ls": ":", "lw": 1.4, "zorder": 2}),
}


#: Inches of a panel; up to how many stand below one another; and from which width on two stand beside each other.
_HEIGHT, _ONE_COLUMN, _TWO_FROM = 3.1, 2, 5.0


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the means of ``tables/outcome_paths.csv``."""
    table = bundle.tables("outcome_paths")
    if table.empty:
        raise NothingToShow("the bundle has no mean outcomes over time (tables/outcome_paths.csv)")
    if bundle.guarded and not table["mean"].notna().any():
        raise NothingToShow(WITHHELD)
    return table


@figure("outcome_paths", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Mean outcome over time of treated and comparison units, with starts and flagged times marked."""
    table = placed(bundle, table)
    when = bundle.facts.panel.written
    outcomes = list(dict.fromkeys(table["outcome"]))
    words = [outcome_label(bundle, name) for name in outcomes]
    title = words[0] if len(words) == 1 else "Outcomes"
    note = f"Means over {unit_words(bundle)[1]} with an outcome in that period. {_times_note(table, when)}".rstrip()
    others = bool((table["group"] != "treated").any() and table.loc[table["group"] != "treated", "mean"].notna().any())
    who = "treated and comparison" if others else "cohorts" if _nobody_else(table) else "treated"
    title = f"{title}: {who} over time"
    columns = 2 if len(outcomes) > _ONE_COLUMN and layout_width() >= _TWO_FROM else 1
    between = 1.0 if columns > 1 else 0.9
    rows, tall = panel_rows(len(outcomes), title, note, columns=columns, tall=_HEIGHT, between=between, more=1.2)
    drawn = outcomes[: rows * columns]
    note += f" {count(len(outcomes) - len(drawn), 'more outcome')} in the data file." if drawn != outcomes else ""
    shown, axes = canvas(
        title, height=tall * rows + between * (rows - 1), rows=rows, columns=columns, note=note, left=0.8,
        hspace=between / tall, wspace=0.34, sharex=True, top=0.5 if columns == 1 else 0.75,
    )  # fmt: skip
    for one, name, label in zip(axes, drawn, words, strict=False):
        _panel(one, table[table["outcome"] == name])
        mark_times(one, table, when)
        one.set_ylabel("\n".join(evenly(label, min(34, int(tall / 0.07)))))
        legend(one, columns=2 if columns == 1 else 1)
    for one in axes[len(drawn) :]:
        one.set_visible(False)
    for one in axes[len(drawn) - columns : len(drawn)]:
        one.tick_params(labelbottom=True)
        one.set_xlabel(time_label(bundle))
    return shown


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the lines of one outcome, and a tick where cohorts start."""
    together = table[table["cohort"].isna()]
    for group, (label, style) in _LINES.items():
        line = together[together["group"] == group].sort_values("time")
        if line["mean"].notna().any():
            n = int(line["n_units"].max())
            axes.plot(line["time"], line["mean"], label=f"{label} (n = {n:,})", **style)  # type: ignore[arg-type]
    cohorts = np.unique(table.loc[(table["group"] == "treated") & table["cohort"].notna(), "cohort"])
    if _nobody_else(table):
        _by_cohort(axes, table, cohorts)
    for i, cohort in enumerate(cohorts):
        words = "First treated period of a cohort" if i == 0 else None
        axes.axvline(cohort - 0.5, color=TREATED, lw=0.9, ls=(0, (1, 2)), zorder=1, label=words)


def _nobody_else(table: pd.DataFrame) -> bool:
    """Whether all begin, at several times, so that the later cohorts are the comparison until they do."""
    known = table[table["mean"].notna()]
    return bool((known["group"] == "treated").all() and len(known["cohort"].dropna().unique()) > 1)


def _by_cohort(axes: Axes, table: pd.DataFrame, cohorts: np.ndarray) -> None:
    """Draw every cohort thinly: dashed until it starts, which is when others are set against it."""
    for cohort in cohorts:
        line = table[table["cohort"] == cohort].sort_values("time")
        known = {} if cohort > cohorts[0] else {False: "A cohort before its start", True: "A cohort from its start on"}
        for begun, part in ((False, line[line["time"] <= cohort]), (True, line[line["time"] >= cohort])):
            color, dashes = (TREATED, "-") if begun else (COMPARISON, "--")
            axes.plot(part["time"], part["mean"], color=color, ls=dashes, lw=0.8, zorder=2, label=known.get(begun))


def _times_note(table: pd.DataFrame, when: Callable[[float], str]) -> str:
    """Say what is shaded and what is left out, with the reasons."""
    parts = []
    for column, words in (("flagged", "Shaded"), ("omitted", "Left out of the analysis")):
        marked = table[table[column] != ""].drop_duplicates("time")
        named = [f"{when(time)} ({why})" for time, why in zip(marked["time"], marked[column], strict=True)]
        if named:
            parts.append(f"{words}: {', '.join(named)}.")
    return " ".join(parts)
