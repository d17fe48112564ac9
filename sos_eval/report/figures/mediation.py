"""What hidden causes would make of the effect that runs through a mediator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.theme import COLOURS, INK, canvas, legend
from sos_eval.report.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the indirect effect by the correlation of errors, a row each and mediator."""
    table = bundle.tables("mechanisms.sensitivity")
    if table.empty:
        raise NothingToShow(
            "no effect was split by a mediator (theory.mediation; clusters are too few, or no path is declared)"
        )
    return table


@figure("mediation", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the effect through each mediator as hidden causes of mediator and outcome grow."""
    note = (
        "At 0 nothing hidden moves both mediator and outcome, as the design declares. Without interaction of treatment "
        "and mediator. Dotted: nothing runs through the mediator."
    )
    shown, axes = canvas("How much of the effect runs through a mediator, if causes are hidden", height=2.8, top=0.42,
                         note=note)  # fmt: skip
    for (words, group), colour in zip(table.groupby("words", sort=False), COLOURS, strict=False):
        zero = number(float(group["rho_at_zero"].iloc[0]))
        axes[0].plot(group["rho"], group["indirect"], color=colour, label=f"{words}: nothing left at {zero}")
    axes[0].axhline(0, color=INK, lw=0.9, ls=(0, (1, 2)))
    axes[0].axvline(0, color=INK, lw=0.6)
    axes[0].set(xlabel="Correlation of what moves mediator and outcome beside them", ylabel="Indirect effect")
    legend(axes[0], columns=1)
    return shown
