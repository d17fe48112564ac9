"""The treated beside their synthetic control over time, and the gap between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.figures.time import whole_years
from sos_eval.report.reading import estimator_label, outcome_label, placed, time_label, why_missing
from sos_eval.report.theme import COMPARISON, MUTED, TREATED, canvas, evenly, legend, panel_rows
from sos_eval.report.wording import count, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches of a row, and between two.
_HEIGHT, _BETWEEN = 2.5, 0.4
#: Gaps below this share of the largest mean are none.
_ROUNDING = 1e-9


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the headline's ``tables/<estimator>.<outcome>.fit.csv``."""
    key = bundle.facts.headline
    name = f"{key.estimator}.{key.outcome}.fit"
    if name not in bundle.table_names:
        raise NothingToShow(why_missing(bundle, name, "the headline's estimator makes no synthetic control"))
    table = bundle.tables(name)
    rounding = _ROUNDING * table[["treated", "synthetic"]].abs().to_numpy(float).max()
    return table.assign(gap=table["gap"].where(table["gap"].abs() > rounding, 0.0))


@figure("synthetic_path", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Mean outcome of the treated beside their synthetic control, and the gap between them, before and after."""
    table, key = placed(bundle, table), bundle.facts.headline
    cohorts = list(dict.fromkeys(table["cohort"]))
    label = outcome_label(bundle, key.outcome)
    title = f"{label}: treated and synthetic control over time"
    note = f"{estimator_label(bundle, key.estimator).capitalize()}. {_fit_note(table)}"
    rows, tall = panel_rows(2 * len(cohorts), title, note, columns=1, tall=_HEIGHT, between=_BETWEEN, more=1.2)
    drawn = cohorts[: max(rows // 2, 1)]
    note += f" {count(len(cohorts) - len(drawn), 'more start')} in the data file." if drawn != cohorts else ""
    rows = 2 * len(drawn)
    shown, axes = canvas(
        title, height=tall * rows + _BETWEEN * (rows - 1), rows=rows, note=note, left=0.9, hspace=_BETWEEN / tall,
        sharex=True, top=0.5,
    )  # fmt: skip
    for k, cohort in enumerate(drawn):
        own = table[table["cohort"] == cohort].sort_values("time")
        _paths(axes[2 * k], own)
        _gap(axes[2 * k + 1], own)
        axes[2 * k].set_ylabel("\n".join(evenly(label, min(34, int(tall / 0.07)))))
        for one in axes[2 * k : 2 * k + 2]:
            one.axvline(cohort - 0.5, color=TREATED, lw=0.9, ls=(0, (1, 2)), zorder=1, label="Start")
        legend(axes[2 * k], columns=3)
    whole_years(axes[-1], bundle.facts.panel.written)
    axes[-1].set_xlabel(time_label(bundle))
    return shown


def _paths(axes: Axes, own: pd.DataFrame) -> None:
    treated = f"Treated (n = {int(own['n_treated_units'].iloc[0]):,})"
    axes.plot(own["time"], own["treated"], color=TREATED, marker="o", zorder=4, label=treated)
    axes.plot(own["time"], own["synthetic"], color=COMPARISON, marker="s", ls="--", zorder=3, label="Synthetic control")


def _gap(axes: Axes, own: pd.DataFrame) -> None:
    """Draw the gap against nought: hollow before the start, filled from it on."""
    late = (own["time"] >= own["cohort"]).to_numpy()
    axes.axhline(0, color=MUTED, lw=0.9, ls=":", zorder=1)
    axes.plot(own["time"], own["gap"], color=TREATED, lw=1.0, zorder=2)
    for part, fill in ((own[~late], "white"), (own[late], TREATED)):
        axes.plot(part["time"], part["gap"], ls="", marker="o", mec=TREATED, mfc=fill, zorder=3)
    axes.set_ylabel("Treated less\nsynthetic control")


def _fit_note(table: pd.DataFrame) -> str:
    """Say how close the paths are before the start, as means over the treated, and what the marks of the gap are."""
    early = table[table["time"] < table["cohort"]]
    size = float(np.sqrt(np.average(early["gap"] ** 2, weights=early["n_treated_units"])))
    return (
        "Below: the gap, hollow before the start, where weights were found to make it small, and filled from it on. "
        f"Root mean square of the gaps drawn before the start: {number(size)}."
    )
