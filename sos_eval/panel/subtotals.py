"""Units that are the sum of several others: subtotals under a code or a name of their own, whose people count twice."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.numerics.subset_sums import subset_sums
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import NAMED, Array, FlowRow
from sos_eval.panel.read.columns import LARGEST, texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.sums import counted_columns

__all__ = ["SUBTOTALS", "subtotals"]

#: The step of the flow that tells of them.
SUBTOTALS = "subtotals"

#: In so many periods each column is told and not nothing, or sums agree by chance.
_PERIODS = 2
#: Ids of a form that so small a part has, and so many of the largest units, may be sums of any others.
_RARE, _LARGEST = 0.25, 3
_SAID = (
    "Some units look like sums of others, so that people would count twice: {names}. Leave out the sum, or its parts."
)


def subtotals(reading: Reading, rows: PlacedRows, spec: PanelSpec) -> tuple[tuple[Caveat, ...], tuple[FlowRow, ...]]:
    """Say which units are in every count, exposure and period the sum of two or more others that are used too.

    Looked for are units that stand side by side in the file, by their ids or by a column of categories, and a few
    of any (`subset_sums`). The total of all is a fault of its own (`refuse_sums`).

    Parameters
    ----------
    reading, rows
        The whole table, before anything is left out, and its units and periods.
    spec
        The block that names the outcomes and what is left out.
    """
    names, columns = counted_columns(reading, rows, spec)
    left_out = np.isin(rows.units, [unit for one in spec.exclude for unit in one.units])
    values = _values(rows, columns)
    if not names or not values.shape[1] or len(rows.units) < 3:
        return (), ()
    sums = subset_sums(values, _orders(reading, rows), ~left_out, _odd(rows.units, values))
    found = {row: parts for row, parts in sums.items() if not left_out[list(parts)].all()}
    if not found:
        return (), ()
    units = rows.units.tolist()
    words = {units[row]: f"the sum of {listed([units[part] for part in parts])}" for row, parts in found.items()}
    every = " and ".join(names)
    reason = f"{every}: in every period the sum of other units, whose people count twice; exclude leaves a unit out"
    told = listed([f"{unit} ({said})" for unit, said in words.items()], NAMED)
    flow = FlowRow(SUBTOTALS, "noted", len(words), 0, told, reason)
    return (Caveat(_SAID, tuple(words.items()), "everybody"),), (flow,)


def _values(rows: PlacedRows, columns: Sequence[Array]) -> Array:
    """Return units by column and period, (n_units, k): of periods in which each unit with a row tells the column.

    A unit without a row adds nothing. None where a column is told, and not nothing, in too few periods.
    """
    periods, times = pd.factorize(rows.times)
    out = []
    for column in columns:
        table = np.zeros((len(rows.units), len(times)))
        told = (np.abs(column) <= LARGEST) & (column >= 0)
        table[rows.codes, periods] = np.where(told, column, 0.0)
        whole = table[:, (np.bincount(periods, ~told) == 0) & table.any(axis=0)]
        if whole.shape[1] < _PERIODS:
            return np.zeros((len(rows.units), 0))
        out.append(whole)
    return np.hstack(out) if out else np.zeros((len(rows.units), 0))


def _orders(reading: Reading, rows: PlacedRows) -> list[NDArray[np.intp]]:
    """Return the units as the file has them, by their ids, and by each category that they keep."""
    first = np.minimum.reduceat(np.asarray(reading.frame.index), rows.starts)
    orders = [np.argsort(first, kind="stable"), np.arange(len(rows.units))]
    for name in reading.frame.columns:
        column = reading.frame[name]
        if pd.api.types.is_numeric_dtype(column):
            continue
        codes, words = texts(column)
        if 1 < len(words) < len(rows.units) and not len(rows.changing(codes)):
            orders.append(np.argsort(codes[rows.starts], kind="stable"))
    return list({order.tobytes(): order for order in orders}.values())


def _odd(units: NDArray[np.object_], values: Array) -> NDArray[np.bool_]:
    """Say which units may be sums of any others, (n_units,): ids of a rare form, and the largest."""
    forms = [re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", str(unit))) for unit in units]
    codes = pd.factorize(np.array(forms, dtype=object))[0]
    rare = np.bincount(codes)[codes] <= _RARE * len(units)
    rank = np.argsort(np.argsort(-values.sum(axis=1), kind="stable"), kind="stable")
    return np.asarray(rare | (rank < _LARGEST))
