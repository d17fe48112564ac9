"""The estimate beside what the same method finds where there is nothing to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import axis_words, headline_scale, without_check
from sos_eval.report.theme import TREATED, canvas, legend
from sos_eval.report.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS = {
    "refuters.placebo_treatment": "Placebo treatment: starts drawn by the headline's own lots",
    "refuters.dummy_outcome": "Dummy outcomes: paths of untreated units dealt out to everybody",
}


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return a row per draw of each refuter, with the headline's estimate beside it; of ratios logarithms."""
    parts = [bundle.tables(name).assign(refuter=words) for name, words in _PANELS.items()]
    parts = [part for part in parts if len(part) and part["estimate"].notna().any()]
    if not parts:
        raise NothingToShow(without_check(bundle, "refuters", next(iter(_PANELS))))
    row = bundle.facts.headline.overall(bundle.estimates)
    observed = np.nan if row is None else float(row["estimate"])
    observed = float(np.log(observed)) if headline_scale(bundle) == "ratio" else observed
    return pd.concat(parts, ignore_index=True)[["refuter", "draw", "estimate"]].assign(observed=observed)


@figure("refuters", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show estimates under placebo treatment and on dummy outcomes, and the declared estimate among them."""
    groups = list(table.groupby("refuter", sort=False))
    note = "Both should lie around zero. How far they spread is what chance alone makes of the estimate here."
    shown, axes = canvas(
        "What the method finds where there is nothing to find", height=1.9 * len(groups) + 0.5 * (len(groups) - 1),
        rows=len(groups), note=note, top=0.62, hspace=0.5 / 1.9, sharex=True,
    )  # fmt: skip
    edges = np.histogram_bin_edges(table["estimate"].dropna().to_numpy(float), bins=40)
    for place, (one, (words, group)) in enumerate(zip(axes, groups, strict=True)):
        one.hist(group["estimate"].dropna(), bins=edges.tolist(), color="#bfbfbf", edgecolor="white", lw=0.4,
                 label="Where there is nothing")  # fmt: skip
        observed = float(group["observed"].iloc[0])
        if np.isfinite(observed):
            one.axvline(observed, color=TREATED, lw=2.2, label=f"The estimate: {number(observed)}")
        one.set_title(f"{words} ({len(group):,} draws)", size=9.0, pad=20 if place == 0 else 6)
        one.set_ylabel("Draws")
        one.grid(visible=False, axis="x")
    legend(axes[0])
    scale = headline_scale(bundle)
    axes[-1].set_xlabel("Log ratio" if scale == "ratio" else axis_words(bundle, bundle.facts.headline.outcome, scale))
    return shown
