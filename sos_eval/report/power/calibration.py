"""The figure of a world beside a real panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.whole import write_file
from sos_eval.report.theme import COLOURS, INK, canvas, house_style, image, legend

__all__ = ["draw_calibration"]

#: How the names begin of moments of the authorities, which are drawn by strata and so hardly vary between draws.
FIXED = (
    "population_log_sd",
    "population_median",
    "population_p5",
    "population_p25",
    "population_p75",
    "population_p95",
    "deprivation_mean",
    "deprivation_sd",
)


def draw_calibration(table: pd.DataFrame, path: Path) -> None:
    """Draw every moment of a real panel in standard deviations of the world's draws, and the mean rates by period.

    Parameters
    ----------
    table
        From `jobs.compare`.
    path
        File, .svg, .png or .pdf.
    """
    yearly = table["moment"].str.contains(r"^(?:mean|sd)_rate_\d")
    fixed = table["moment"].str.startswith(FIXED)
    others = table[~yearly & table["distance"].notna() & ~fixed]
    note = (
        "Left: the world's mean less the real value, over the world's standard deviation between draws; shaded: 2. "
        "Numbers: moments of the authorities, which hardly vary between draws, real over the world's."
    )
    with house_style():
        figure, axes = canvas(
            "The world beside the real panel", height=7.4, note=note, columns=2, left=3.0, top=0.4, wspace=0.22,
            width_ratios=[1.0, 1.0], width=9.5,
        )  # fmt: skip
        labels = [*_named(others), *(f"{name}, real / world" for name in _named(table[fixed]))]
        place = np.arange(len(labels))[::-1]
        axes[0].axvspan(-2, 2, color="#eeeeee", lw=0)
        axes[0].plot(others["distance"], place[: len(others)], "o", color=COLOURS[0])
        for ratio, height in zip((table["real"] / table["world"])[fixed], place[len(others) :], strict=True):
            axes[0].text(0, height, f"{ratio:.2f}", ha="center", va="center", fontsize="small")
        axes[0].set_yticks(place, labels)
        axes[0].set_ylim(-1, len(labels))
        axes[0].set_xlabel("Distance of the world from the real panel")
        _series(axes[1], table, "mean_rate_", COLOURS[1], "Mean")
        _series(axes[1], table, "sd_rate_", COLOURS[3], "SD")
        axes[1].set_ylim(bottom=0)
        axes[1].set_xlabel("Period")
        axes[1].set_ylabel("Rates over authorities")
        legend(axes[1])
    write_file(path, image(figure, path.suffix.removeprefix(".")))


def _named(rows: pd.DataFrame) -> list[str]:
    """Return moments' names as words."""
    return [name.replace("_", " ") for name in rows["moment"]]


def _series(axis: Any, table: pd.DataFrame, name: str, colour: str, label: str) -> None:
    """Draw a moment of every period: the world's with two of its standard deviations, the real panel's as dots."""
    rows = table[table["moment"].str.contains(rf"^{name}\d")]
    times = rows["moment"].str.removeprefix(name).astype(float)
    axis.errorbar(times, rows["world"], yerr=2 * rows["world_sd"], color=colour, capsize=2, label=label)
    axis.plot(times, rows["real"], "o", color=INK, label=None if name == "sd_rate_" else "Real")
