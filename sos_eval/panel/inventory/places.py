"""Which units stand in which periods: gaps inside a unit's own span, units that come later or go earlier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.inventory.keyed import KeyedTable

__all__ = ["come_and_gone", "gaps"]


def _grid(table: KeyedTable) -> tuple[list[str], Any]:
    """Return the units, and which periods each has, (n_units, n_periods)."""
    units = sorted(set(table.units.tolist()))
    there = np.zeros((len(units), len(table.order)), bool)
    rows, columns = (
        pd.Index(names).get_indexer(pd.Index(words, dtype=object))
        for names, words in ((units, table.units), (table.order, table.periods))
    )
    there[rows, columns] = True
    return units, there


def gaps(table: KeyedTable) -> list[dict[str, object]]:
    """List the units that lack a period between their own first and last, with those periods."""
    units, there = _grid(table)
    seen = np.logical_or.accumulate(there, axis=1)
    still = np.logical_or.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    inside = seen & still & ~there
    return [
        {"unit": unit, "periods": [table.order[i] for i in np.flatnonzero(row)]}
        for unit, row in zip(units, inside, strict=True) if row.any()
    ]  # fmt: skip


def come_and_gone(table: KeyedTable) -> list[dict[str, str]]:
    """List the units that begin after the first period or end before the last."""
    units, there = _grid(table)
    ends = [(unit, np.flatnonzero(row)) for unit, row in zip(units, there, strict=True)]
    last = len(table.order) - 1
    return [
        {"unit": unit, "first": table.order[at[0]], "last": table.order[at[-1]]}
        for unit, at in ends if at[0] > 0 or at[-1] < last
    ]  # fmt: skip
