"""What an unobserved common cause would leave of the estimate, by its strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import without_check
from sos_eval.report.theme import INK, TREATED, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TABLE = "refuters.common_cause"
#: How much further than the strongest cause the axes go: labels of lines at the edge have room.
_ROOM = 1.08


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the share of the estimate that is left on the grid of strengths, and nothing gone without a cause."""
    table = bundle.tables(_TABLE)
    if table.empty or table["share_left"].notna().sum() == 0:
        raise NothingToShow(without_check(bundle, "refuters", _TABLE))
    grid = table[["with_treatment", "with_outcome", "share_left"]]
    corner = pd.DataFrame({"with_treatment": [0.0], "with_outcome": [0.0], "share_left": [1.0]})
    left = grid.drop_duplicates("with_treatment").assign(with_outcome=0.0, share_left=1.0)
    below = grid.drop_duplicates("with_outcome").assign(with_treatment=0.0, share_left=1.0)
    return pd.concat([corner, left, below, grid], ignore_index=True)


@figure("common_cause", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show how much of the estimate an unobserved cause of given strength would leave."""
    grid = table.pivot_table(index="with_outcome", columns="with_treatment", values="share_left")
    values = grid.to_numpy(float)
    note = (
        "Lines: share of the estimate that is left; 0%: nothing, negative: the other sign. A cause that is not there "
        "leaves all of it."
    )
    shown, axes = canvas("How strong would an unobserved common cause have to be?", height=3.6, note=note, right=0.4)
    lines = axes[0].contour(
        grid.columns, grid.index, values, levels=_levels(values), colors=TREATED, linestyles="solid", linewidths=1.3
    )
    labels = axes[0].clabel(lines, fmt=_per_cent, fontsize=8.5, colors=INK)
    for label in labels:
        label.set_clip_on(False)  # a line that only touches a corner has its label on the edge
    named = {label.get_text() for label in labels}
    for share, parts in zip(lines.levels, lines.allsegs, strict=True):
        if _per_cent(share) not in named and parts:  # too short to hold its label, which then stands at its end
            x, y = max(parts, key=len)[0]
            axes[0].text(x, y, f" {_per_cent(share)}", size=8.5, color=INK, va="center", ha="left")
    ends = [float(table[name].max()) * _ROOM for name in ("with_treatment", "with_outcome")]
    axes[0].set(xlim=(0, ends[0]), ylim=(0, ends[1]))
    axes[0].set(xlabel="Its correlation with who began", ylabel="Its effect, in SD of outcomes' changes")
    return shown


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _levels(values: np.ndarray) -> np.ndarray:
    """Return at least three round shares between the smallest that is left and all of it."""
    low = float(np.nanmin(values))
    step = next((step for step in (0.25, 0.1, 0.05, 0.02, 0.01) if (1 - low) / step > 3), 0.005)
    return np.arange(np.ceil(low / step), 1 / step) * step
