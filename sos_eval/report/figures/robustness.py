"""The headline's estimate under other declared start years, windows and samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.figures.forest import forest
from sos_eval.report.reading import axis_words, headline_scale, outcome_label, table_of, without_check

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LABELS = ("label", "variant", "choice", "what", "name")


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return ``robustness`` in the columns of a forest."""
    _, table = table_of(bundle, "robustness")
    if table.empty or table["estimate"].notna().sum() == 0:
        raise NothingToShow(without_check(bundle, "robustness"))
    column = next((name for name in _LABELS if name in table.columns), None)
    table = table.assign(label=table[column].astype(str) if column else [f"variant {i + 1}" for i in range(len(table))])
    for name, missing in (("conf_low", np.nan), ("conf_high", np.nan), ("p_value", np.nan), ("reason", "")):
        if name not in table.columns:
            table[name] = missing
    declared = headline_scale(bundle)
    scales = table["scale"].fillna("").replace("", declared) if "scale" in table.columns else declared
    return table.assign(scale=scales, headline=False)


@figure("robustness", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the effect under every declared variant of start years and window, each scale on an axis of its own."""
    outcome = bundle.facts.headline.outcome
    words = [axis_words(bundle, outcome, str(scale)) for scale in table["scale"]]
    title = f"Does the answer depend on a choice? {outcome_label(bundle, outcome)}"
    shared = " Intervals of all rows: by the draws that they share; page one has the headline's own."
    note = f"Dotted: no difference.{shared if 'shift' in table.columns else ''}"
    return forest(table.assign(group=words), title, note=note)
