"""Calibration: whether estimated chances of being treated come about as often as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import table_of
from sos_eval.report.theme import COMPARISON, MUTED, TREATED, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Ways in which a chance was made, in the order in which they are drawn, and what each is called.
_WAYS = {
    "held_out": ("Held out", TREATED, "o"),
    "fitted": ("As fitted", COMPARISON, "s"),
}


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the tenths of ``tables/calibration.csv``."""
    _, table = table_of(bundle, "calibration")
    if table.empty:
        raise NothingToShow("no chance of being treated was estimated, or its tenths are withheld")
    return table


@figure("calibration", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Share treated beside the estimated chance, by tenths of the chance: on the diagonal where chances are right."""
    ways = [name for name in _WAYS if (table["chance"] == name).any()]
    note = (
        "A mark per tenth by chance; larger marks hold more. Bars: twice the deviation of a share where chances are "
        f"right and nobody's treatment depends on another's. {_lines(bundle, ways)}"
    )
    shown, axes = canvas(
        "Calibration: do estimated chances of being treated come about?", height=3.0, columns=len(ways), wspace=0.22,
        top=0.42, note=note,
    )  # fmt: skip
    top = min(1.0, 1.08 * float(table[["expected", "observed"]].to_numpy(float).max()))
    for one, name in zip(axes, ways, strict=True):
        words, colour, marker = _WAYS[name]
        rows = table[table["chance"] == name]
        n = rows["n_units"].to_numpy(float)
        one.plot([0, top], [0, top], color=MUTED, lw=1.0, ls=":", zorder=1)
        expected = rows["expected"].to_numpy(float)
        wide = 2 * np.sqrt(expected * (1 - expected) / n)
        one.vlines(expected, np.maximum(expected - wide, 0), np.minimum(expected + wide, top), color=MUTED, lw=1.0)
        one.scatter(
            expected, rows["observed"], s=18 + 36 * n / n.max(), marker=marker, facecolor=colour,
            edgecolor=colour, alpha=0.85, zorder=3, clip_on=False,
        )  # fmt: skip
        one.set_xlim(0, top)
        one.set_ylim(0, top)
        one.set_title(words, fontsize=8.5, loc="left")
        one.set_xlabel("Mean chance")
    axes[0].set_ylabel("Share treated")
    return shown


def _lines(bundle: ResultBundle, ways: list[str]) -> str:
    """Say the lines through the chances that the model did not see; the fitted model's is 1 and 0 whatever it is."""
    _, lines = table_of(bundle, "calibration_line")
    rows = lines[lines["chance"].isin(ways) & (lines["chance"] != "fitted")] if len(lines) else lines
    said = [
        f"log odds have slope {slope:.2f} and intercept {round(start, 2) + 0.0:.2f} (1 and 0 where chances are right)"
        if np.isfinite(slope)
        else f"no line, {reason}"
        for slope, start, reason in zip(rows["slope"].astype(float), rows["intercept"], rows["reason"], strict=True)
    ]
    return " ".join(f"Held out: by a model of the others; {one}." for one in said)
