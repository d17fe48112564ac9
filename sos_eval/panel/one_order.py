"""Rows of people in one order, whatever the order of their file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.own_names import CUT, is_ours
from sos_eval.panel.panel import Panel

__all__ = ["in_one_order", "row_keys"]

#: Columns that tell rows apart only where nothing else does: who is matched must not follow from what became of them.
_LAST = {"outcome", "count"}
#: Ours, and yet as an entry of its own may declare it.
_BY_ENTRY = {"cluster"}


def row_keys(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.uint64]:
    """Return a number for each row that its values in some columns decide, and that follows none of them, (n,)."""
    return np.asarray(pd.util.hash_pandas_object(frame[list(names)], index=False), np.uint64)


def _is_shared(name: str) -> bool:
    """Say whether a column is ours and the same whichever entry the panel was read for."""
    return is_ours(name) and name not in _BY_ENTRY and not name.startswith(CUT)


def _before(names: Sequence[str]) -> list[str]:
    """Return the columns that hold nothing of outcomes."""
    return [name for name in names if name.split(":")[0] not in _LAST]


def in_one_order(panel: Panel) -> Panel:
    """Put the rows of each unit and period into an order that their own values decide.

    The order is that of a hash, of all columns but outcomes first and of all columns then: rows that are drawn, dealt
    or tied by their place favour no small age, no early day and no low outcome. The panel's own columns and covariates
    come before what one estimator or another reads, and before clusters: what one entry asks for moves no other entry's
    numbers. Rows alike in every column are interchangeable. A layout of one row per unit and period is in its order
    already.
    """
    if panel.layout == "panel" or panel.n_rows < 2:
        return panel
    names = [str(name) for name in panel.frame]
    shared = [name for name in names if name in panel.covariates or _is_shared(name)]
    keys = [row_keys(panel.frame, part) for every in (names, shared) for part in (every, _before(every))]
    order = np.lexsort((*keys, panel.time_codes, panel.unit_codes))
    ordered = replace(panel, frame=panel.frame.take(order).reset_index(drop=True))
    return ordered.located(panel.unit_codes[order], panel.units)
