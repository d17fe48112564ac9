"""Who lacks what a covariate's slopes need: units that differ in it, or a unit of each of its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.estimators._regression import Rows
from sos_eval.panel.own_names import as_written
from sos_eval.panel.panel import Array

__all__ = ["without_slope"]

Bools = NDArray[np.bool_]

#: So many groups are named.
_NAMED = 3


def without_slope(rows: Rows, names: Sequence[str], effects: Array) -> tuple[str, str] | None:
    """Say in which rows a covariate does not vary as its slopes need, and what to write instead; None: in all it does.

    Parameters
    ----------
    rows, names
        Of a regression, and the covariates with slopes by cohort, period and effect.
    effects : (n, k)
        Indicators of the effects' rows.
    """
    for name in names:
        values = rows.frame[name]
        words = not pd.api.types.is_numeric_dtype(values)
        said: dict[tuple[str, str], list[str]] = {}
        for who, period, inside in _groups(rows, effects):
            there = set(values[inside].dropna().unique())
            gone = (
                sorted(set(values.dropna().unique()) - there) if words else ["other value"] if len(there) == 1 else []
            )
            for level in gone:
                said.setdefault((str(level), who), []).append(period)
        if said:
            own = as_written(name)
            where = [f"no {level} among {who} in {listed(when)}" for (level, who), when in said.items()]
            needs = "each of its values" if words else "two values"
            what = f"the slopes of {own} need {needs} among those compared: {listed(where, _NAMED)}"
            other = f"join values of {own} to fewer, or leave it out" if words else ""
            return what, other or f"leave {own} out, or units that start alone"
    return None


def _groups(rows: Rows, effects: Array) -> Iterator[tuple[str, str, Bools]]:
    """Yield the rows (n,) of each effect, then those untreated in the period of one: who they are, and when."""
    frame, periods = rows.frame, rows.panel.periods
    start, time = (frame[name].to_numpy(float) for name in ("first_treated", "time"))
    cells = [one > 0 for one in effects.T if (one > 0).any()]
    for inside in cells:
        yield f"those that start in {periods.name(start[inside][0])}", periods.name(time[inside][0]), inside
    untreated = ~np.any(cells, axis=0)
    for one in np.unique([time[inside][0] for inside in cells]):
        yield "the untreated", periods.name(one), untreated & (time == one)
