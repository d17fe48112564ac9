"""What each column holds: how much is there, symbols, range, levels, and cells far from their unit's own level."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.inventory.keyed import KeyedTable, Series
from sos_eval.panel.panel import Array

__all__ = ["OUTLYING", "column_facts", "outliers"]

#: How many robust standard deviations from the unit's own level, and the period's, a cell is called far.
OUTLYING = 6.0
#: Words of a column are listed where they are no more than this.
_LEVELS = 12


def column_facts(table: KeyedTable, series: Series) -> dict[str, Any]:
    """Say what a column holds; of one that is withheld only how much of it is there."""
    filled = np.isfinite(series.values) if series.numeric else series.words != ""
    facts: dict[str, Any] = {
        "name": series.name, "kind": "number" if series.numeric else "word" if filled.any() else "empty",
        "filled": int(filled.sum()), "missing": int((~filled).sum()),
        "flags": dict(sorted(Counter(series.flags[series.flags != ""].tolist()).items())),
        **_available(table, filled),
    }  # fmt: skip
    if series.withheld:
        return {**facts, "withheld": True}
    return {**facts, **(_range(series.values) if series.numeric else _levels(series))}


def _available(table: KeyedTable, filled: Any) -> dict[str, Any]:
    """Return the first and last period with any value, where that is not all periods."""
    held = set(table.periods[filled].tolist())
    at = [period for period in table.order if period in held]
    return {"first": at[0], "last": at[-1]} if at and len(at) < len(table.order) else {}


def _range(values: Array) -> dict[str, Any]:
    there = values[np.isfinite(values)]
    low, mid, high = (float(value) for value in np.quantile(there, [0, 0.5, 1]))
    return {"min": low, "median": mid, "max": high, "zeros": int((there == 0).sum())}


def _levels(series: Series) -> dict[str, Any]:
    counts = Counter(series.words[series.words != ""].tolist())
    levels = dict(sorted(counts.items())) if len(counts) <= _LEVELS else {}
    return {"distinct": len(counts), "levels": levels}


def outliers(table: KeyedTable, series: Series) -> list[dict[str, Any]]:
    r"""List the cells far from their unit's own level, furthest first.

    With x in logarithms where all are above zero, :math:`d_{it} = x_{it} - \mathrm{med}_t x_{it}`,
    :math:`r_{it} = d_{it} - \mathrm{med}_i d_{it}`, and far is :math:`|r_{it}| > 6 \cdot 1.4826 \,\mathrm{med}|r|`.
    """
    if series.withheld or not series.numeric:
        return []
    finite = np.isfinite(series.values)
    logs = bool((series.values[finite] > 0).all())
    frame = pd.DataFrame({"unit": table.units, "period": table.periods, "value": series.values, "x": series.values})
    frame = frame[finite].assign(x=lambda d: np.log(d["x"]) if logs else d["x"])
    frame["level"] = frame.groupby("unit")["x"].transform("median")
    rest = frame["x"] - frame["level"]
    rest -= rest.groupby(frame["period"]).transform("median")
    spread = 1.4826 * float(rest.abs().median())
    if not spread > 0:
        return []
    frame = frame.assign(far=rest.abs() / spread, usual=np.exp(frame["level"]) if logs else frame["level"])
    far = frame[frame["far"] > OUTLYING].sort_values(["far", "unit", "period"], ascending=[False, True, True])
    cells = far[["unit", "period", "value", "usual"]].assign(distance=far["far"].round(1)).to_dict("records")
    return [{"column": series.name, **{str(name): value for name, value in cell.items()}} for cell in cells]
