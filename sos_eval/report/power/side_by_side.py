"""Figures that put two answers side by side: with and without a test, an adjustment, a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.report.power.naming import keys_named, room_for, rows_named
from sos_eval.report.power.reading import PowerFolder, headline
from sos_eval.report.pulled_folder import Shown
from sos_eval.report.theme import COLOURS, MUTED, canvas, legend
from sos_eval.results.table import overall_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["by_formula", "decisions_together", "draws_that_pass"]

ROWS_AT_MOST = 24
MARKS = ("o", "s")
#: Columns that are shares of draws.
SHARES = ("pass_rate", "coverage", "coverage_passing", "power", "share", "share_holm")


def draws_that_pass(study: PowerFolder) -> Shown | None:
    """Draw bias and coverage over all draws and over those whose pre-trend test passes."""
    if study.pretests is None:
        return None
    table = headline(study.pretests).dropna(subset=["bias"]).head(ROWS_AT_MOST)
    if table.empty:
        return None
    labels = [f"{_test(row['check'])}: {study.point_words(row)}" for row in table.to_dict("records")]
    note = (
        "Bars: 95% Monte Carlo intervals. Grey line in the right panel: declared level. Passing is no evidence of "
        "parallel trends; where trends are not parallel, a pass reassures falsely."
    )
    figure, axes = _rows("What is reported where a pre-trend test passes", labels, note, columns=3)
    _dots(axes[0], study, table, ("pass_rate",), ("Draws",), first=2)
    _dots(axes[1], study, table, ("bias", "bias_passing"), ("All draws", "Draws that pass"))
    _dots(axes[2], study, table, ("coverage", "coverage_passing"), ("All draws", "Draws that pass"))
    axes[0].set_xlim(-0.03, 1.03)
    axes[1].axvline(0, color=MUTED, lw=0.8)
    axes[2].axvline(float(table["level"].to_numpy()[0]), color=MUTED, lw=0.8)
    for axis, words in zip(axes, ("Share that passes", "Bias", "Coverage"), strict=True):
        axis.set_xlabel(words)
    legend(axes[1])
    return figure, table


def by_formula(study: PowerFolder) -> Shown | None:
    """Draw the spread of the simulated estimates beside the error that theory gives."""
    table = study.formulas.dropna(subset=["std_error", "sd_estimate"]).head(ROWS_AT_MOST)
    if table.empty:
        return None
    labels = [study.point_words(row) for row in table.to_dict("records")]
    note = "Bars: 95% Monte Carlo intervals. Power by formula is that of a normal test that holds its level."
    figure, axes = _rows("Simulation beside formula", labels, note, columns=2)
    _dots(axes[0], study, table, ("std_error", "sd_estimate"), ("Formula", "Simulation"))
    _dots(axes[1], study, table, ("power_by_formula", "power"), ("Formula", "Simulation"))
    axes[0].set_xlabel("Standard deviation of estimates")
    axes[1].set_xlabel("Power")
    largest = table[["std_error", "sd_estimate"]].to_numpy(float).max()
    axes[0].set_xlim(0, 1.2 * largest)
    axes[1].set_xlim(-0.03, 1.03)
    legend(axes[0])
    return figure, table


def decisions_together(study: PowerFolder) -> Shown | None:
    """Draw how often several outcomes are found together, with and without Holm's adjustment."""
    if study.families is None:
        return None
    table = overall_rows(study.families)
    keys = ["estimator", "estimand", "inference", *study.swept, "decision"]
    plain, holm = (table[(table["adjustment"] == one) & (table["decision"] != "this one")] for one in ("none", "holm"))
    named = {"share": "share_holm", "share_mcse": "share_holm_mcse"}
    both = plain.merge(holm[[*keys, *named]].rename(columns=named), on=keys)
    both = both.dropna(subset=["share"]).head(ROWS_AT_MOST)
    if both.empty:
        return None
    labels = [_decision(row, study) for row in both.to_dict("records")]
    allowed = 1 - float(both["level"].to_numpy()[0])
    note = (
        "Bars: 95% Monte Carlo intervals. Dotted line: the share of draws in which an effect that is not there may be "
        "reported."
    )
    figure, axes = _rows("Effects reported on several outcomes", labels, note, columns=1)
    _dots(axes[0], study, both, ("share", "share_holm"), ("Unadjusted", "By Holm"))
    axes[0].axvline(allowed, color=MUTED, lw=0.8, ls=":")
    axes[0].set_xlim(-0.03, 1.03)
    axes[0].set_xlabel("Share of draws")
    legend(axes[0])
    return figure, both


def _decision(row: Mapping[Any, Any], study: PowerFolder) -> str:
    swept = keys_named(row, study.swept)
    who = [study.labels[name].get(str(row[name]), str(row[name])) for name in ("estimator", "inference")]
    return f"{', '.join(who)}, {row['decision']}" + (f" ({swept})" if swept else "")


def _test(check: str) -> str:
    return check.removeprefix("pretrends.")


def _rows(title: str, labels: Sequence[str], note: str, *, columns: int) -> tuple[Any, list[Axes]]:
    """Start a figure with a row a label; long labels take what room they need."""
    labels, each = rows_named(labels)
    height = max(max(0.3, each) * len(labels), 1.2)
    figure, axes = canvas(
        title, height=height, note=note, columns=columns, sharey=True, left=room_for(labels), top=0.4,
    )  # fmt: skip
    axes[0].set_yticks(np.arange(len(labels))[::-1], labels)
    axes[0].set_ylim(-0.7, len(labels) - 0.3)
    return figure, axes


def _error(study: PowerFolder, table: pd.DataFrame, column: str) -> NDArray[np.float64] | None:
    """Return how far bars reach below and above; None without Monte Carlo error."""
    if f"{column}_mcse" not in table:
        return None
    if column in SHARES:
        return study.reach_of(table, column)
    return np.array([study.z * table[f"{column}_mcse"].to_numpy(float)] * 2)


def _dots(
    axis: Axes,
    study: PowerFolder,
    table: pd.DataFrame,
    columns: Sequence[str],
    labels: Sequence[str],
    *,
    first: int = 0,
) -> None:
    """Draw a dot a row and column, the second a little lower, with bars where there is Monte Carlo error."""
    place = np.arange(len(table))[::-1]
    for k, (column, label) in enumerate(zip(columns, labels, strict=True)):
        error = _error(study, table, column)
        down = 0.12 * (2 * k - 1) if len(columns) > 1 else 0.0
        axis.errorbar(
            table[column], place - down, xerr=error, fmt=MARKS[k], color=COLOURS[first + k], capsize=2, label=label
        )
