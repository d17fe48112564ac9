"""The true effects behind a line's rows, and and the part of a draw that it sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.jobs.lines import Ready, scalar_rows
from sos_eval.panel.panel import Array
from sos_eval.worlds.draw import Draws
from sos_eval.worlds.truth import true_effects

__all__ = ["boxed", "truth_of"]

Codes = NDArray[np.intp]
_TRUTH_KEYS = ("estimand", "aggregation", "scale")


def boxed(values: Array, units: Codes, times: Codes) -> Array:
    """Return values (..., n, n_times) at some units and times; as they are where those are all of them in order."""
    shape = len(units), len(times)
    whole = shape == values.shape[-2:] and (np.diff(units) == 1).all() and (np.diff(times) == 1).all()
    return values if whole else values[..., units[:, None], times]


def truth_of(ready: Ready, draws: Draws, rows: pd.DataFrame) -> Array:
    """Return each draw's true effect of every row, (reps, k); NaN where the world has no such quantity.

    Over the source panel's units and times; units treated from its first period on have no effect that anybody
    could estimate and are left out.
    """
    inside = ready.units if draws.order is None else np.arange(len(draws.frame.table))
    times = draws.frame.world.periods[ready.times]
    starts = draws.frame.first_treated[inside]
    units = inside[(starts > times[0]) & np.isfinite(starts)]
    counted = ready.source.outcome.counted
    per = ready.source.outcome.per / draws.frame.world.outcome.per if counted else 1.0
    scale = "rate_per" if counted else "value"
    exposure = boxed(draws.frame.exposure, units, ready.times) if counted else np.full((1, 1), np.nan)
    kinds = set(zip(rows["estimand"], rows["scale"], strict=True))
    some = slice(1) if _is_the_same(draws, kinds, scale) else slice(None)
    untreated, expected = (per * boxed(one[some], units, ready.times) for one in (draws.untreated, draws.expected))
    first = draws.frame.first_treated[units]
    truth = true_effects(untreated, expected, first, times, exposure, scale, kinds)
    scalars = truth.cells.iloc[scalar_rows(truth.cells)]
    where = {key: i for key, i in zip(zip(*(scalars[k] for k in _TRUTH_KEYS), strict=True), scalars.index, strict=True)}
    values = np.full((len(draws.observed), len(rows)), np.nan)  # one truth for all draws spreads over them
    for k, key in enumerate(zip(*(rows[name] for name in _TRUTH_KEYS), strict=True)):
        if key in where:
            own = truth.values[:, where[key]]
            values[:, k] = np.log(own) if key[2] == "ratio" else own
    return values


def _is_the_same(draws: Draws, kinds: set[tuple[str, str]], scale: str) -> bool:
    """Whether all draws have one truth: an additive effect that nowhere met the floor at zero."""
    additive = draws.frame.world.effect.scale == "rate" and kinds == {("att", scale)}
    return additive and (not draws.frame.world.outcome.counted or bool(draws.expected.min(initial=1.0) > 0))
