"""Levels of an outcome: means over rows of a panel as an estimate weighs them."""

from __future__ import annotations

import pandas as pd

__all__ = ["weighed_mean"]


def weighed_mean(rows: pd.DataFrame) -> float:
    """Return the mean outcome of the rows that have one, by their weights; NaN over nobody.

    Parameters
    ----------
    rows
        Of a panel's frame, columns ``outcome`` and ``weight``: the panel's own weight times the comparison group's.

    Examples
    --------
    >>> weighed_mean(pd.DataFrame({"outcome": [1.0, 4.0, np.nan], "weight": [2.0, 1.0, 9.0]}))
    2.0
    """
    known = (rows["outcome"].notna() & (rows["weight"] > 0)).to_numpy(bool)
    values, weights = (rows[name].to_numpy(float)[known] for name in ("outcome", "weight"))
    return float(values @ weights / weights.sum()) if len(values) else float("nan")
