"""Overlap: whether treated units have comparable others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import table_of, unit_words
from sos_eval.report.theme import COMPARISON, MUTED, TREATED, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the distances of ``tables/overlap.csv``."""
    _, table = table_of(bundle, "overlap")
    if table.empty or table["distance"].notna().sum() == 0:
        raise NothingToShow("the comparison group was not built on a propensity or another single distance")
    return table


@figure("overlap", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Distance (propensity) of treated units, of their comparison and of units not used; a mark per unit."""
    treated = table["treated"].astype(float).to_numpy() > 0
    used = table["weight"].to_numpy(float) > 0
    rows = [
        ("Treated", treated & used, TREATED, "o"),
        ("Comparison, used", ~treated & used, COMPARISON, "s"),
        ("Treated, no comparison", treated & ~used, TREATED, "X"),
        ("Not used", ~treated & ~used, MUTED, "o"),
    ]
    rows = [row for row in rows if row[1].any()]
    one, many = unit_words(bundle)
    probability = table["distance"].between(0, 1).all()
    shown, axes = canvas(
        f"Overlap: are there comparable {many}?", height=0.62 * len(rows) + 0.2, left=1.75,
        note=f"A mark per {one}; larger comparison marks weigh more. Heights within a row mean nothing.",
    )  # fmt: skip
    for at, (_, mask, colour, marker) in enumerate(reversed(rows)):
        x = table.loc[mask, "distance"].to_numpy(float)
        weight = table.loc[mask, "weight"].to_numpy(float)
        size = 14.0 + 26.0 * weight / max(weight.max(), 1e-12) if colour == COMPARISON else np.full(len(x), 26.0)
        face = "none" if colour == MUTED else colour
        axes[0].scatter(x, at + _spread(x), s=size, marker=marker, facecolor=face, edgecolor=colour, alpha=0.75, lw=0.9)
    axes[0].set_yticks(range(len(rows)), [f"{label}\n(n = {mask.sum():,})" for label, mask, *_ in reversed(rows)])
    axes[0].set_ylim(-0.55, len(rows) - 0.45)
    axes[0].set_xlabel("Estimated probability of being treated" if probability else "Distance")
    axes[0].grid(visible=False, axis="y")
    return shown


def _spread(x: np.ndarray) -> np.ndarray:
    """Return small vertical offsets that keep neighbours apart: the golden ratio along the sorted values."""
    order = np.empty(len(x), dtype=float)
    order[np.argsort(x, kind="stable")] = np.arange(len(x))
    return 0.5 * ((order * 0.6180339887498949) % 1.0 - 0.5) if len(x) > 1 else np.zeros(len(x))
