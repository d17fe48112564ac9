"""Units that are another one or the sum of several: subtotals under a code of their own, whose people count twice."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.numerics.subset_sums import MOST, subset_sums
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
_SAID = "Some units look like others, or like sums of them, so that people would count twice: {names}. Leave one out."


def subtotals(reading: Reading, rows: PlacedRows, spec: PanelSpec) -> tuple[tuple[Caveat, ...], tuple[FlowRow, ...]]:
    """Say which units are in every count, exposure and period another one, or the sum of several that are used too.

    Looked for are units that stand side by side in the file, by their ids or by a column of categories, and a few of
    any (`subset_sums`), in tables of no more units than a country has authorities. The total of all is a fault of its
    own (`refuse_sums`).

    Parameters
    ----------
    reading, rows
        The whole table, before anything is left out, and its units and periods.
    spec
        The block that names the outcomes and what is left out.
    """
    names, columns = counted_columns(reading, rows, spec) if 2 < len(rows.units) <= MOST else ([], [])
    left_out = np.isin(rows.units, [unit for one in spec.exclude for unit in one.units])
    tables = _tables(rows, columns)
    if not tables:
        return (), ()
    values = np.hstack(tables)
    sums = subset_sums(values, _orders(reading, rows), ~left_out, _odd(rows.units, values)) | _same(tables, left_out)
    found = {row: parts for row, parts in sums.items() if not left_out[list(parts)].all()}
    if not found:
        return (), ()
    units = rows.units.tolist()
    kinds = {row: "the sum of" if len(parts) > 1 else "the same as" for row, parts in found.items()}
    words = {units[row]: f"{kinds[row]} {listed([units[part] for part in parts])}" for row, parts in found.items()}
    every = " and ".join(names)
    reason = f"{every}: in every period those of other units, whose people count twice; exclude leaves a unit out"
    told = listed([f"{unit} ({said})" for unit, said in words.items()], NAMED)
    flow = FlowRow(SUBTOTALS, "noted", len(words), 0, told, reason)
    return (Caveat(_SAID, tuple(words.items()), "everybody"),), (flow,)


def _same(tables: Sequence[Array], left_out: NDArray[np.bool_]) -> dict[int, tuple[int, ...]]:
    """Return units that tell what an earlier one tells, where every column varies over three periods or more."""
    varies = ~left_out & np.all([np.ptp(table, axis=1) > 0 for table in tables], axis=0)
    if any(table.shape[1] < _PERIODS + 1 for table in tables):
        return {}
    first: dict[bytes, int] = {}
    found: dict[int, tuple[int, ...]] = {}
    for row in np.flatnonzero(varies).tolist():
        other = first.setdefault(np.hstack([table[row] for table in tables]).tobytes(), row)
        found |= {} if other == row else {row: (other,)}
    return found


def _tables(rows: PlacedRows, columns: Sequence[Array]) -> list[Array]:
    """Return each column by unit and period, (n_units, k): of periods in which each unit with a row tells it.

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
            return []
        out.append(whole)
    return out


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
