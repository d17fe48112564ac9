"""Effects by predicted effect: exploratory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.discovery_blocks import learner_label
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.figures.forest import forest
from sos_eval.report.reading import outcome_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the groups of every learner in the columns of a forest."""
    table = bundle.tables("moderators.discovery.groups")
    if table.empty:
        raise NothingToShow("the design does not look for differences of the effect (moderators: discover)")
    place = table["group"].astype(int)
    words = np.where(place == 1, ": lowest predicted", np.where(place == place.max(), ": highest predicted", ""))
    counts = [f"{n:.0f} treated" if np.isfinite(n) else "not told apart" for n in table["n_treated"]]
    labels = [f"Group {g}{word}\n({n})" for g, word, n in zip(table["group"], words, counts, strict=True)]
    columns = table[["estimate", "conf_low", "conf_high", "status"]]
    return columns.assign(
        group=[learner_label(name).capitalize() for name in table["learner"]], label=labels, p_value=np.nan,
        scale="value", headline=False, reason="predictions do not differ",
    )  # fmt: skip


@figure("group_effects", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the average effect on the treated by predicted effect, a panel a learner."""
    outcome = outcome_label(bundle, bundle.facts.headline.outcome)
    note = (
        "Groups by effects predicted for units that the learner had not seen; of each group the average effect on the "
        "treated with its clustered interval. Dotted: no difference. Looked for in these data, not declared before."
    )
    return forest(table, f"Exploratory: does the effect differ? {outcome}", note=note)
