"""`hidden_ranges`: between what a suppressed count lies, by its symbol and by what was published beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Array
from sos_eval.panel.read.dfe.layout import symbol_ranges, wholes_of_parts

__all__ = ["hidden_ranges"]

_KEY = ["la_code", "year"]


def hidden_ranges(chosen: pd.DataFrame, cells: pd.DataFrame, most: int | None = None) -> pd.DataFrame:
    """Return the least and the largest value of every suppressed count.

    A symbol does not say whether a count is small or was hidden so that another cannot be derived, so the least of `c`
    is zero. The largest is what the published whole of the same release leaves when the published parts that exclude
    this one are taken off, and never above what the symbol or `most` says.

    Parameters
    ----------
    chosen
        Cells, of each the release that counts.
    cells
        All published cells, in which the wholes and parts of the same release are looked up.
    most
        The largest count that is ever suppressed, where that is known; else None.

    Returns
    -------
    ranges
        Columns la_code, year, measure, low, high; high is NaN where nothing bounds it, or what is published
        contradicts itself.
    """
    counts = wholes_of_parts()
    counted = chosen[chosen["measure"].isin(list(counts))]
    behind = [symbol_ranges().get(key) for key in zip(counted["flag"], counted["wide"], strict=True)]
    hidden = counted[np.array([pair is not None for pair in behind], dtype=bool)]
    low, high = np.array([pair for pair in behind if pair is not None], dtype=float).reshape(-1, 2).T
    high = np.minimum(high, _left(cells, hidden, counts))
    if most is not None:
        high = np.minimum(high, most)
    high = np.where(high < low, np.nan, high)
    ranges = hidden[[*_KEY, "measure"]].assign(low=low, high=np.where(np.isinf(high), np.nan, high))
    return ranges.reset_index(drop=True)


def _left(cells: pd.DataFrame, hidden: pd.DataFrame, counts: dict[str, tuple[str, str]]) -> Array:
    """Return what the whole leaves to each hidden part, infinite where no whole of its release is published."""
    known = cells[cells["value"].notna() & cells["measure"].isin(list(counts))]
    wholes = known.groupby([*_KEY, "release", "measure"])["value"].max()
    parts = known.assign(
        of=known["measure"].map(lambda name: counts[name][0]), parts=known["measure"].map(lambda name: counts[name][1])
    )
    taken = parts[parts["parts"] != ""].groupby([*_KEY, "release", "of", "parts"])["value"].sum()
    left = []
    for *place, name in hidden[[*_KEY, "release", "measure"]].itertuples(index=False, name=None):
        whole = wholes.get((*place, counts[name][0]), np.inf)
        left.append(whole - taken.get((*place, *counts[name]), 0.0))
    return np.array(left, dtype=float)
