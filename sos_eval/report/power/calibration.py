"""The figure of a world beside a real panel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.report.theme import COLOURS, INK, canvas, house_style, image, legend

__all__ = ["draw_calibration"]

#: Moments of the authorities, which are drawn by strata and so do not vary between draws.
FIXED = ("population_log_sd", "population_median", "deprivation_mean", "deprivation_sd")


def draw_calibration(table: pd.DataFrame, path: Path) -> None:
    """Draw every moment of a real panel in standard deviations of the world's draws, and the mean rates by period.

    Parameters
    ----------
    table
        From `jobs.compare`.
    path
        File, .svg, .png or .pdf.
    """
    means = table[table["moment"].str.startswith("mean_rate_")]
    others = table[~table["moment"].isin([*means["moment"], *FIXED]) & table["distance"].notna()]
    note = (
        "Left: real value less the world's mean, over the world's standard deviation between draws; shaded: 2 of them."
    )
    with house_style():
        figure, axes = canvas(
            "The world beside the real panel", height=4.2, note=note, columns=2, left=3.0, top=0.4, wspace=0.22,
            width_ratios=[1.0, 1.0], width=9.5,
        )  # fmt: skip
        place = np.arange(len(others))[::-1]
        axes[0].axvspan(-2, 2, color="#eeeeee", lw=0)
        axes[0].plot(-others["distance"], place, "o", color=COLOURS[0])
        axes[0].set_yticks(place, [name.replace("_", " ") for name in others["moment"]])
        axes[0].set_xlabel("Distance of the real panel")
        times = means["moment"].str.removeprefix("mean_rate_").astype(float)
        axes[1].errorbar(times, means["world"], yerr=2 * means["world_sd"], color=COLOURS[1], capsize=2, label="World")
        axes[1].plot(times, means["real"], "o", color=INK, label="Real panel")
        axes[1].set_xlabel("Period")
        axes[1].set_ylabel("Mean rate over authorities")
        legend(axes[1])
    path.write_bytes(image(figure, path.suffix.removeprefix(".")))
