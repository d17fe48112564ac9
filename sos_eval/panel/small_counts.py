"""Small counts put out of reach before anything is computed: each is read as the middle of those that are protected."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DataFault
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import Array, Panel

__all__ = ["ends_of_replaced", "replaced", "rest_replaced", "with_middle_counts"]


def with_middle_counts(panel: Panel, smallest: int) -> Panel:
    """Return the panel with every count of 1 to `smallest` - 1 read as the middle of these, and rates made anew.

    What is left of a denominator is protected likewise. Two panels that differ in protected counts alone are the same
    panel afterwards, so that nothing made of it tells which they were.

    Parameters
    ----------
    panel
        Of units and periods, with counted outcomes alone.
    smallest
        Smallest count that may be shown.

    Raises
    ------
    DataFault
        Rows are people, or an outcome is declared as a value: nobody knows which counts stand behind it.
    """
    if why := _why_not(panel):
        what = f"disclosure.small_counts: middle is for counts of units and periods, and {why}"
        instead = (
            "declare panel.outcome as {count: …, exposure: …}, or leave small_counts out: every number is judged then"
        )
        raise DataFault(panel.fault(what, instead))
    columns: dict[str, pd.Series] = {}
    for one in panel.outcomes:
        own = panel.select(one.name)
        small, rest = _small_and_rest(own, smallest)
        counts = own.frame["count"].mask(small, smallest // 2).mask(rest, own.frame["exposure"] - smallest // 2)
        made = own.with_count(counts.to_numpy(float)).frame
        for name in ("count", "outcome"):
            kept = own.frame[name].mask(small | rest, made[name])
            columns |= {key: kept for key in _names(panel, name, one.name)}
    span = f"1 to {smallest - 1}"
    text = f"Each count of {span} is read as {smallest // 2} in all that follows (disclosure.small_counts: middle)."
    changed = panel.with_columns(**columns)
    return changed.changed(noted_caveats=(*panel.noted_caveats, Caveat(text)), replaced_below=smallest)


def replaced(panel: Panel) -> NDArray[np.bool_]:
    """Say of which rows the count in use stands in the place of another, (n_rows,).

    Afterwards these are the only counts that look protected, or whose rest of the denominator does.
    """
    small, rest = _small_and_rest(panel, panel.replaced_below)
    return (small | rest).to_numpy(bool)


def rest_replaced(panel: Panel) -> NDArray[np.bool_]:
    """Say of which rows it does for what is left of the denominator, (n_rows,)."""
    small = panel.frame["count"].to_numpy(float) == panel.replaced_below // 2
    return np.asarray(replaced(panel) & ~small, bool)


def ends_of_replaced(panel: Panel, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return the least and the largest whole number in whose place some replaced counts may stand, (n,) each."""
    exposure, rest = panel.frame["exposure"].to_numpy(float)[rows], rest_replaced(panel)[rows]
    below = panel.replaced_below
    low = np.where(rest, np.maximum(exposure - below + 1, below), 1.0)
    return low, np.where(rest, exposure - 1, below - 1.0)


def _why_not(panel: Panel) -> str:
    """Say why counts cannot be put out of reach; empty where they can."""
    if panel.layout != "panel":
        return "these rows are people"
    return next((f"{one.label} is a value" for one in panel.outcomes if not one.counted), "")


def _small_and_rest(panel: Panel, smallest: int) -> tuple[pd.Series, pd.Series]:
    """Say which counts are small, and which others but nought leave so few of their denominator."""
    count = panel.frame["count"]
    return _protected(count, smallest), _protected(panel.frame["exposure"] - count, smallest) & (count >= smallest)


def _protected(counts: pd.Series, smallest: int) -> pd.Series:
    return (counts > 0) & (counts < smallest)


def _names(panel: Panel, column: str, outcome: str) -> list[str]:
    """Return the columns that hold one of an outcome's: the plain one where it is in use, and its own of several."""
    names = [f"{column}:{outcome}"] if f"{column}:{outcome}" in panel.frame else []
    return [column, *names] if outcome == panel.active else names
