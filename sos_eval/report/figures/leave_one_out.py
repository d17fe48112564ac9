"""The estimate again, without each unit in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import headline_scale, scale_label, table_of, unit_words, without_check
from sos_eval.report.theme import INK, TREATED, canvas, room_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = 20


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return ``leave_one_out`` with the unit's name and the whole estimate beside it."""
    _, table = table_of(bundle, "leave_one_out")
    if table.empty or table["estimate"].notna().sum() == 0:
        raise NothingToShow(without_check(bundle, "leave_one_out"))
    names = bundle.tables("adoption")
    if not names.empty:
        labels = dict(zip(names["unit"], names["label"], strict=True))
        table = table.assign(label=[labels.get(unit, unit) for unit in table["unit"].astype(str)])
    whole = (table["estimate"] - table["change"]).dropna()
    return table.assign(all_units=whole.iloc[0] if len(whole) else np.nan)


@figure("leave_one_out", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Overall effect without each unit in turn, against the effect with all; units that move it most are shown."""
    largest = table.loc[table["change"].abs().sort_values(ascending=False).index[:_MOST_LINES]].sort_values("estimate")
    labels = room_of([f"without {name}" for name in largest.get("label", largest["unit"]).astype(str)])
    scale = headline_scale(bundle)
    whole = float(table["all_units"].iloc[0])
    many = unit_words(bundle)[1]
    more = len(table) - len(largest)
    ranged = {"conf_low", "conf_high"} <= set(largest.columns) and largest["conf_low"].notna().any()
    bars = " Pale bars: conventional intervals." if ranged else ""
    note = f"Vertical line: with all {many}.{bars}" + (
        f" The {more:,} {many} that move it less are in the data file." if more else ""
    )
    shown, axes = canvas(
        f"Does one {unit_words(bundle)[0]} carry the result? Effect without each in turn", note=note,
        height=max(0.19 * len(largest) + 0.2, 1.3), left=max(0.3 + 0.068 * max(map(len, labels)), 0.9),
    )  # fmt: skip
    one, y = axes[0], np.arange(len(largest))
    if ranged:
        one.hlines(y, largest["conf_low"], largest["conf_high"], color="#9ecae1", lw=2.2, zorder=2)
    one.plot(largest["estimate"], y, ls="none", marker="o", color=TREATED, zorder=3)
    one.axvline(whole, color=INK, lw=1.1, zorder=1)
    one.axvline(1.0 if scale == "ratio" else 0.0, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
    one.set_yticks(y, labels)
    one.set_ylim(-0.7, len(largest) - 0.3)
    one.grid(visible=False, axis="y")
    one.set_xlabel(
        f"Overall effect, {scale_label(bundle, bundle.facts.headline.outcome, scale)} (dotted: no difference)"
    )
    return shown
