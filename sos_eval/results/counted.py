"""Counts of an outcome by unit and period, and what one adds to a rate; where rows are people, how many had a yes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.own_names import MATCHED_ROWS
from sos_eval.panel.panel import Panel
from sos_eval.results.grades import grades_of

__all__ = ["by_unit", "each_adds", "of_unit", "yes_by_unit"]

Array = NDArray[np.float64]


def each_adds(panel: Panel) -> pd.Series:
    """Return what one count adds to the rate, per row of the panel; NaN where a value stands in place of counts."""
    if not panel.outcome.counted:
        return pd.Series(np.nan, index=panel.frame.index)
    return panel.outcome.per / panel.frame["exposure"]


def yes_by_unit(panel: Panel) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Return, by unit and period, how many had a yes, what one adds to the mean, and the most there can be, (n_times,).

    Nothing where the outcome has no grades (`grades_of`); steps above the lowest grade are counted. A row that stands
    in several sets counts once.
    """
    frame = panel.frame[panel.frame["outcome"].notna() & (panel.frame["weight"] > 0)]
    frame = frame.drop_duplicates(MATCHED_ROWS) if MATCHED_ROWS in frame else frame
    grades = grades_of(frame["outcome"].to_numpy(float))
    if grades is None:
        return {}, {}, {}
    frame = frame.assign(outcome=grades.steps(frame["outcome"].to_numpy(float)))
    wide = [
        frame.pivot_table("outcome", "unit", "time", aggfunc=how, observed=True).reindex(columns=panel.times)
        for how in ("sum", "size")
    ]
    yes, size = wide
    most = max(float(frame["outcome"].max()), 1.0)
    return _rows_of(yes), _rows_of(grades.step / size), _rows_of(most * size)


def of_unit(units: pd.Series, factors: Mapping[str, float]) -> pd.Series:
    """Return the factor of each row's unit; one where it has none."""
    return units.astype(str).map(factors).astype(float).fillna(1.0)


def _rows_of(table: pd.DataFrame) -> dict[str, Array]:
    """Return the rows of a table by their name."""
    return dict(zip(map(str, table.index), table.to_numpy(float), strict=True))


def by_unit(panel: Panel, cells: pd.Series) -> dict[str, Array]:
    """Return a column by unit, (n_times,) each, NaN where nothing weighs."""
    frame, out = panel.frame, np.full((panel.n_units, panel.n_times), np.nan)
    weighs = (frame["weight"] > 0) & frame["outcome"].notna()
    out[panel.unit_codes, panel.time_codes] = cells.where(weighs).to_numpy(float)
    return dict(zip(panel.units.astype(str), out, strict=True))
