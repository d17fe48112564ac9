"""How predicted effects spread over the treated: exploratory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.discovery_blocks import learner_label, more_than_noise
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import outcome_label
from sos_eval.report.theme import INK, MUTED, TREATED, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT, _BETWEEN = 1.9, 0.75
_NOTE = (
    "Effects predicted for units that the learner had not seen, at every twentieth of the treated, lowest first. Grey: "
    "as predicted. Coloured: their spread times the calibration slope, which is what of it carried over; where that is "
    "no more than noise the line is dashed. Dotted: no effect, and the average effect. Predictions differ less than "
    "effects do, and none is the effect of one unit. Looked for in these data, not declared before."
)


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the percentiles of every learner, and whether its predictions are more than noise."""
    table = bundle.tables("moderators.discovery.distribution")
    if table.empty:
        raise NothingToShow("the design does not look for differences of the effect (moderators: discover)")
    if table[["predicted", "calibrated"]].isna().all(axis=None):
        raise NothingToShow("predicted effects do not differ")
    tests = bundle.tables("moderators.discovery").set_index("learner")
    carried = {name: more_than_noise(test) for name, test in tests.iterrows()}
    return table.assign(
        more_than_noise=table["learner"].map(carried), average=table["learner"].map(tests["estimate"]),
    )  # fmt: skip


@figure("effect_distribution", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show predicted effects from the lowest to the highest of the treated, a panel a learner."""
    learners = [(str(name), rows) for name, rows in table.groupby("learner", sort=False)]
    outcome = bundle.facts.headline.outcome
    n = len(learners)
    shown, axes = canvas(
        f"Exploratory: how far do predicted effects spread? {outcome_label(bundle, outcome)}",
        height=_HEIGHT * n + _BETWEEN * (n - 1), rows=n, hspace=_BETWEEN / _HEIGHT, note=_NOTE, top=0.34, sharex=True,
        sharey=True,
    )  # fmt: skip
    for one, (name, rows) in zip(axes, learners, strict=True):
        share = rows["percentile"].to_numpy(float)
        one.axhline(0.0, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
        one.axhline(float(rows["average"].iloc[0]), color=MUTED, lw=0.9, ls=(0, (1, 2)), zorder=1)
        one.plot(share, rows["predicted"], color=MUTED, lw=1.3, zorder=2)
        style = "-" if rows["more_than_noise"].all() else (0, (4, 2))
        one.plot(share, np.sort(rows["calibrated"]), color=TREATED, lw=1.8, ls=style, zorder=3)
        one.set_title(learner_label(name).capitalize(), size=8.5)
        one.set_ylabel("Effect", size=8.5)
    axes[-1].set_xlabel("Share of the treated with a lower prediction, per cent")
    return shown
