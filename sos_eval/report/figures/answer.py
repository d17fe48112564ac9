"""The answer as one line: estimate and range, no difference, and what the test would find."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import scale_label
from sos_eval.report.tables.converted import converted
from sos_eval.report.theme import INK, MUTED, TREATED, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return estimate, range, no difference, detectable fall and rise: as people a period where the outcome counts."""
    headline, rows = bundle.headline, converted(bundle)
    natural = headline.get("natural_units")
    unit = scale_label(bundle, str(headline.get("outcome")), str(headline.get("scale")))
    shown = rows.assign(value=rows["people"], unit=natural["unit"]) if natural else rows.assign(unit=unit)
    if not math.isfinite(shown["value"].iloc[0]):
        raise NothingToShow("there is no overall estimate")
    kept = shown["value"].notna() | shown["what"].isin(["estimate", "low", "high"])
    return shown.loc[kept, ["what", "value", "unit"]]


@figure("answer", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Estimate and range on one line, no difference dotted, what the test would find marked."""
    value = dict(zip(table["what"], table["value"], strict=True))
    marks = {name: size for name, size in value.items() if name.startswith("detectable")}
    unit = str(table["unit"].iloc[0])
    note = "Square and line: estimate and range. Dotted: no difference."
    note += " Triangles: the fall and the rise that the test would find four times in five." if marks else ""
    shown, (axes,) = canvas(f"The answer, {unit}", height=0.62, note=note, left=0.3, right=0.3)
    axes.axvline(value["no difference"], color=MUTED, lw=1.1, ls=":")
    if math.isfinite(value["low"]) and math.isfinite(value["high"]):
        axes.plot([value["low"], value["high"]], [0, 0], color=TREATED, lw=3)
    axes.plot([value["estimate"]], [0], marker="s", ms=8, color=TREATED)
    for size in marks.values():
        axes.plot([size], [0], marker="v", ms=8, color=INK, ls="none")
    axes.set(ylim=(-1, 1), yticks=[], xlabel=unit[:1].upper() + unit[1:])
    axes.margins(x=0.08)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return shown
