"""`described`: all that is told of a table, as one mapping that JSON can hold."""

from __future__ import annotations

from typing import Any

from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.inventory.changes import breaks_of
from sos_eval.panel.inventory.keyed import KeyedTable
from sos_eval.panel.inventory.places import come_and_gone, gaps
from sos_eval.panel.inventory.ranges import column_facts, outliers

__all__ = ["described"]


def described(table: KeyedTable, disclosure: Disclosure) -> dict[str, Any]:
    """Say what a table holds and lacks: rows, units, periods, gaps, columns, outliers, breaks."""
    far = [cell for series in table.series for cell in outliers(table, series)]
    pairs = list(zip(table.units[table.doubled].tolist(), table.periods[table.doubled].tolist(), strict=True))
    return {
        "file": table.name, "profile": disclosure.profile, "key": list(table.key), "rows": len(table.units),
        "units": len(set(table.units.tolist())), "periods": list(table.order), "periods_missing": list(table.between),
        "doubled": [{"unit": unit, "period": period} for unit, period in dict.fromkeys(pairs)],
        "gaps": gaps(table), "come_and_gone": come_and_gone(table),
        "columns": [column_facts(table, series) for series in table.series], "masked": table.masked,
        "outliers": sorted(far, key=lambda cell: -cell["distance"]),
        "breaks": [change for series in table.series for change in breaks_of(table, series)],
    }  # fmt: skip
