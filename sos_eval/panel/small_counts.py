"""Small counts put out of reach before anything is computed: each is read as the middle of those that are protected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DataFault, Faults
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.made_of import at_scale
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.read.columns import parsed
from sos_eval.panel.read.reading import Reading

__all__ = ["ends_of_replaced", "read_at_middle", "replaced", "rest_replaced", "with_middle_counts"]


def read_at_middle(reading: Reading, counted: Iterable[tuple[str, str]], smallest: int) -> Reading:
    """Return a table with every protected count read as the middle, before anything else reads the column.

    So that neither notes nor refusals hang on which it was, and a count that is a denominator, a weight or a covariate
    too is the same one everywhere.

    Parameters
    ----------
    reading
        The table; what its cells hold stays as it is but for these.
    counted
        Columns of counts, each with that of its denominators.
    smallest
        Smallest count that may be shown.
    """
    quiet = replace(reading, faults=Faults(DataFault), notes=[])
    for count, exposure in _denominators_first(dict.fromkeys(counted)):
        once = [name for name in (count, exposure) if list(reading.frame.columns).count(name) == 1]
        if count not in once or pd.api.types.is_bool_dtype(reading.frame[count]):
            continue
        values = parsed(quiet, count)[0]
        most = parsed(quiet, exposure)[0] if exposure in once else np.full(len(values), np.nan)
        middle = _at_middle(values, most, smallest)
        cells = _written(reading.frame[count], middle, (middle != values) & np.isfinite(values))
        reading = replace(reading, frame=reading.frame.assign(**{count: cells}))
        quiet = replace(quiet, frame=reading.frame)
    return reading


def _denominators_first(counted: Iterable[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """Return pairs of columns so that a count that is another's denominator is read before that other."""
    left, out = list(counted), list[tuple[str, str]]()
    while left:
        names = {count for count, _ in left}
        free = [one for one in left if one[1] not in names - {one[0]}] or left[:1]
        out += free
        left = [one for one in left if one not in free]
    return out


def _written(cells: pd.Series, values: Array, changed: NDArray[np.bool_]) -> pd.Series:
    """Return cells with some numbers in their place: as text where text stood."""
    if not changed.any():
        return cells
    if pd.api.types.is_numeric_dtype(cells):
        return cells.astype(float).mask(changed, values)
    new = cells.astype(object).to_numpy(copy=True)
    for k in np.flatnonzero(changed).tolist():
        new[k] = f"{values[k]:.17g}" if isinstance(new[k], str) else float(values[k])
    return pd.Series(new, index=cells.index)


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
        read = own.frame["count"].to_numpy(float)
        counts = _at_middle(read, own.frame["exposure"].to_numpy(float), smallest)
        changed, made = counts != read, own.with_count(counts).frame
        for name in ("count", "outcome"):
            kept = own.frame[name].mask(changed, made[name])
            columns |= {key: kept for key in _names(panel, name, one.name)}
    span = f"1 to {smallest - 1}"
    text = f"Each count of {span} is read as {smallest // 2} in all that follows (disclosure.small_counts: middle)."
    with_middle = panel.with_columns(**columns)
    return with_middle.changed(noted_caveats=(*panel.noted_caveats, Caveat(text)), replaced_below=smallest)


def replaced(panel: Panel) -> NDArray[np.bool_]:
    """Say of which rows the count in use stands in the place of another, (n_rows,).

    Afterwards these are the only counts that look protected, or whose rest of the denominator does.
    """
    small, rest = _small_and_rest(panel, panel.replaced_below)
    return (small | rest).to_numpy(bool)


def rest_replaced(panel: Panel) -> NDArray[np.bool_]:
    """Say of which rows it does for what is left of the denominator, (n_rows,)."""
    return np.asarray(replaced(panel) & (panel.frame["count"].to_numpy(float) >= panel.replaced_below), bool)


def ends_of_replaced(panel: Panel, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return the least and the largest whole number in whose place some replaced counts may stand, (n,) each."""
    exposure, rest = _denominators(panel).to_numpy()[rows], rest_replaced(panel)[rows]
    below = panel.replaced_below
    low = np.where(rest, np.maximum(exposure - below + 1, below), 1.0)
    either = (exposure > below) & (exposure - below // 2 < below)  # what leaves few of these stands at the middle too
    return low, np.where(rest | either, exposure - 1, below - 1.0)


def _at_middle(counts: Array, exposure: Array, smallest: int) -> Array:
    """Return counts with those that are protected at the middle, (n,), never more than there are of the denominator.

    One that leaves few of it leaves the middle, where that is no small count again; nought stays nought. Denominators
    in thousands are counts of thousands.

    Examples
    --------
    >>> _at_middle(np.array([0.0, 1, 2, 5, 6, 17, 19, 20]), np.array([2.0, 2, 2, 9, 7, 20, 20, 20]), 6).tolist()
    [0.0, 2.0, 2.0, 3.0, 3.0, 17.0, 17.0, 20.0]
    >>> _at_middle(np.array([699.0, 30]), np.array([0.7, 0.8]), 6).tolist()
    [697.0, 30.0]
    """
    middle, exposure = smallest // 2, at_scale(exposure, counts)
    small = (counts > 0) & (counts < smallest)
    rest = (exposure - counts > 0) & (exposure - counts < smallest) & (counts >= smallest)
    small |= rest & (exposure - middle < smallest)
    return np.where(small, np.maximum(np.fmin(middle, exposure), 1.0), np.where(rest, exposure - middle, counts))


def _why_not(panel: Panel) -> str:
    """Say why counts cannot be put out of reach; empty where they can."""
    if panel.layout != "panel":
        return "these rows are people"
    return next((f"{one.label} is a value" for one in panel.outcomes if not one.counted), "")


def _small_and_rest(panel: Panel, smallest: int) -> tuple[pd.Series, pd.Series]:
    """Say which counts are small, and which others but nought leave so few of their denominator."""
    count = panel.frame["count"]
    return _protected(count, smallest), _protected(_denominators(panel) - count, smallest) & (count >= smallest)


def _denominators(panel: Panel) -> pd.Series:
    """Return the denominators of the outcome in use as whole numbers."""
    exposure, count = (panel.frame[name].to_numpy(float) for name in ("exposure", "count"))
    return pd.Series(at_scale(exposure, count), panel.frame.index)


def _protected(counts: pd.Series, smallest: int) -> pd.Series:
    return (counts > 0) & (counts < smallest)


def _names(panel: Panel, column: str, outcome: str) -> list[str]:
    """Return the columns that hold one of an outcome's: the plain one where it is in use, and its own of several."""
    names = [f"{column}:{outcome}"] if f"{column}:{outcome}" in panel.frame else []
    return [column, *names] if outcome == panel.active else names
