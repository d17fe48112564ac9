"""The true effects behind a line's rows, and which of its rows are one number for the whole question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Array
from sos_eval.worlds.draw import Draws
from sos_eval.worlds.truth import true_effects

if TYPE_CHECKING:
    from sos_eval.jobs.lines import Ready

__all__ = ["scalar_rows", "truth_of"]

Codes = NDArray[np.intp]
SCALARS = ("overall", "simple", "event_time", "calendar")
_TRUTH_KEYS = ("estimand", "aggregation", "scale")


def scalar_rows(cells: pd.DataFrame) -> Codes:
    """Return the rows that have no cohort, time or event time: one number for the whole question."""
    empty = cells[["cohort", "time", "event_time"]].isna().all(axis=1) & (cells["subgroup"].fillna("") == "")
    return np.flatnonzero((empty & cells["aggregation"].isin(SCALARS)).to_numpy())


def truth_of(ready: Ready, draws: Draws, rows: pd.DataFrame) -> Array:
    """Return each draw's true effect of every row, (reps, k); NaN where the world has no such quantity.

    Over the source panel's units and times; units treated from its first period on have no effect that anybody
    could estimate and are left out.
    """
    inside = ready.units if draws.order is None else np.arange(len(draws.frame.table))
    first = draws.frame.first_treated[inside]
    times = draws.frame.world.periods[ready.times]
    some = first > times[0]
    units = inside[some]
    box = (slice(None), units[:, None], ready.times)
    counted = ready.source.outcome.counted
    per = ready.source.outcome.per / draws.frame.world.outcome.per if counted else 1.0
    scale = "rate_per" if counted else "value"
    exposure = draws.frame.exposure[units[:, None], ready.times] if counted else np.full((1, 1), np.nan)
    kinds = set(zip(rows["estimand"], rows["scale"], strict=True))
    untreated, expected = draws.untreated[box], draws.expected[box]
    if _is_the_same(draws, expected, kinds, scale):
        untreated, expected = untreated[:1], expected[:1]
    truth = true_effects(untreated * per, expected * per, first[some], times, exposure, scale, kinds)
    scalars = truth.cells.iloc[scalar_rows(truth.cells)]
    where = {key: i for key, i in zip(zip(*(scalars[k] for k in _TRUTH_KEYS), strict=True), scalars.index, strict=True)}
    values = np.full((len(draws.observed), len(rows)), np.nan)  # one truth for all draws spreads over them
    for k, key in enumerate(zip(*(rows[name] for name in _TRUTH_KEYS), strict=True)):
        if key in where:
            own = truth.values[:, where[key]]
            values[:, k] = np.log(own) if key[2] == "ratio" else own
    return values


def _is_the_same(draws: Draws, expected: Array, kinds: set[tuple[str, str]], scale: str) -> bool:
    """Whether all draws have one truth: an additive effect that nowhere met the floor at zero."""
    additive = draws.frame.world.effect.scale == "rate" and kinds == {("att", scale)}
    return additive and (not draws.frame.world.outcome.counted or bool(expected.min(initial=1.0) > 0))
