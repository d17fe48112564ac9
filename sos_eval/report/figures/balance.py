"""Balance before and after: the love plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import listed
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.group_blocks import why_no_balance
from sos_eval.report.reading import unit_words
from sos_eval.report.theme import COMPARISON, INK, MUTED, TREATED, canvas, legend, room_of
from sos_eval.report.wording import covariate_words
from sos_eval.results.comparison import OF_UNITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return `balance.csv`."""
    if bundle.balance["std_mean_diff"].notna().sum() == 0:
        raise NothingToShow(why_no_balance(bundle))
    return bundle.balance


@figure("balance", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Standardised difference of each covariate between treated and comparison units, before and after selection."""
    wide = table.pivot_table(index="covariate", columns="stage", values="std_mean_diff", sort=False, aggfunc="first")
    wide = wide.reindex(columns=["before", "after"])
    largest = wide.abs().max(axis=1)
    wide = wide.loc[largest.sort_values().index]
    labels = room_of([covariate_words(str(name)) for name in wide.index])
    limit = _limit(bundle)
    shown, axes = canvas(
        "Balance: difference between treated and comparison, in standard deviations", top=0.42,
        height=max(0.27 * len(wide) + 0.3, 1.3), note=_note(table, limit, _counted(bundle)),
        left=max(0.35 + 0.072 * max(len(label) for label in labels), 0.9),
    )  # fmt: skip
    y = np.arange(len(wide))
    one = axes[0]
    one.hlines(y, wide["before"], wide["after"], color="#bbbbbb", lw=1.2, zorder=2)
    one.plot(
        wide["before"], y, ls="none", marker="o", mfc="white", mec=COMPARISON, mew=1.5, ms=6.5, label="Before selection"
    )
    one.plot(wide["after"], y, ls="none", marker="s", color=TREATED, ms=5.5, label="After selection", zorder=4)
    one.axvline(0.0, color=INK, lw=0.9, zorder=1)
    for side in (-limit, limit):
        one.axvline(side, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=1)
    one.set_yticks(y, labels)
    one.set_ylim(-0.6, len(wide) - 0.4)
    one.set_xlabel("Standardised mean difference (treated minus comparison)")
    one.grid(visible=False, axis="y")
    legend(one)
    return shown


def _limit(bundle: ResultBundle) -> float:
    """Return the declared limit, else the usual 0.1."""
    declared = _declared(bundle).get("max_smd")
    return float(declared) if declared else 0.1


def _declared(bundle: ResultBundle) -> dict[str, Any]:
    comparison = bundle.design.get("comparison")
    found = comparison.get("balance") if isinstance(comparison, dict) else None
    return found if isinstance(found, dict) else {}


def _counted(bundle: ResultBundle) -> str:
    """Return what the table counts: units, or the rows of people that were matched."""
    comparison = bundle.design.get("comparison")
    of_rows = isinstance(comparison, dict) and bool(comparison.get("people"))
    return "rows (people or events), a row once for each set that it serves" if of_rows else unit_words(bundle)[1]


def _without_difference(table: pd.DataFrame) -> str:
    """Name the covariates that the figure cannot place, with how far apart their distributions are after."""
    after = table[(table["stage"] == "after") & table["std_mean_diff"].isna() & table["ks"].notna()]
    if after.empty:
        return ""
    named = [
        f"{covariate_words(str(name))} ({ks:.2f})" for name, ks in zip(after["covariate"], after["ks"], strict=True)
    ]
    return (
        f"Not shown, the same in all treated, so without a standardised difference: {listed(named)}; in brackets the "
        "largest distance between distribution functions after."
    )


def _note(table: pd.DataFrame, limit: float, units: str) -> str:
    """Say how many units stand behind each stage, and what the dashed lines are."""
    parts = []
    for stage in ("before", "after"):
        row = table[(table["stage"] == stage) & ~table["covariate"].astype(str).str.endswith(OF_UNITS)]
        if len(row):
            treated, others, ess = row[["n_treated", "n_comparison", "ess_comparison"]].max()
            worth = f", worth {ess:.1f} equally weighted" if np.isfinite(ess) and ess < others - 0.05 else ""
            parts.append(f"{stage.capitalize()}: {treated:.0f} treated and {others:.0f} comparison {units}{worth}.")
    return " ".join(filter(None, [*parts, f"Dashed: ±{limit:g}.", _without_difference(table)]))
