"""Small counts put out of reach before anything is computed: each is read as the middle of those that are protected."""

from __future__ import annotations

import pandas as pd

from sos_eval.errors import DataFault
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import Panel

__all__ = ["with_middle_counts"]


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
        small = _protected(own.frame["count"], smallest)
        rest = _protected(own.frame["exposure"] - own.frame["count"], smallest) & ~small
        counts = own.frame["count"].mask(small, smallest // 2).mask(rest, own.frame["exposure"] - smallest // 2)
        made = own.with_count(counts.to_numpy(float)).frame
        for name in ("count", "outcome"):
            kept = own.frame[name].mask(small | rest, made[name])
            columns |= {key: kept for key in _names(panel, name, one.name)}
    span = f"1 to {smallest - 1}"
    text = f"Each count of {span} is read as {smallest // 2} in all that follows (disclosure.small_counts: middle)."
    changed = panel.with_columns(**columns)
    return changed.changed(noted_caveats=(*panel.noted_caveats, Caveat(text)))


def _why_not(panel: Panel) -> str:
    """Say why counts cannot be put out of reach; empty where they can."""
    if panel.layout != "panel":
        return "these rows are people"
    return next((f"{one.label} is a value" for one in panel.outcomes if not one.counted), "")


def _protected(counts: pd.Series, smallest: int) -> pd.Series:
    return (counts > 0) & (counts < smallest)


def _names(panel: Panel, column: str, outcome: str) -> list[str]:
    """Return the columns that hold one of an outcome's: the plain one where it is in use, and its own of several."""
    names = [f"{column}:{outcome}"] if f"{column}:{outcome}" in panel.frame else []
    return [column, *names] if outcome == panel.active else names
