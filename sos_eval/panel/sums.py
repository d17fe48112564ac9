"""Units that are the sum of all others: totals under a code or a name that nobody knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Array
from sos_eval.panel.read.columns import LARGEST, parsed
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.units import named_totals

__all__ = ["counted_columns", "refuse_sums"]

#: One period tells a total from chance where so many other units add up to it; of fewer it takes two.
_MANY_UNITS, _FEW_PERIODS = 3, 2


def refuse_sums(reading: Reading, rows: PlacedRows, spec: PanelSpec) -> None:
    """Note a fault for every unit that is the sum of all others in every count and exposure.

    A period counts where the column is told for every unit that has a row there. Units that the design leaves out, and
    those that their names call totals, are added once with the others and once not: one total may hide another.

    Parameters
    ----------
    reading, rows
        The whole table, before anything is left out, and its units and periods.
    spec
        The block that names the outcomes and what is left out.
    """
    names, columns = counted_columns(reading, rows, spec)
    if not names:
        return
    aside = np.isin(rows.units, [unit for one in spec.exclude for unit in one.units])
    aside[named_totals(reading, spec, rows.codes, rows.units.tolist())] = True
    everybody = np.ones(len(rows.codes), bool)
    periods = pd.factorize(rows.times)[0]
    totals = np.zeros(len(rows.units), bool)
    for among in (everybody, ~aside[rows.codes]) if aside.any() else (everybody,):
        found = np.ones(len(rows.units), bool)
        for column in columns:
            found = found & _sums(rows, periods, column, among) if found.any() else found
        totals |= found
    totals &= ~aside
    if totals.any():
        shown = listed([f'"{unit}"' for unit in rows.units[totals]])
        what = f"the sum of all other units in {' and '.join(names)} in every period: a total, not one of the units"
        listing = ", ".join(rows.units[totals][:4])
        instead = f"leave it out of the file, or panel.exclude: {{units: [{listing}], why: total}}"
        reading.add(f"{spec.unit}: {shown}, {reading.lines(totals[rows.codes])}: {what}", instead)


def counted_columns(reading: Reading, rows: PlacedRows, spec: PanelSpec) -> tuple[list[str], list[Array]]:
    """Return counts and exposures by name, each (n_rows,); none of a table that has no row per unit and period."""
    repeated = (np.diff(rows.codes) == 0) & (np.diff(rows.times) == 0)
    counted = [one for one in spec.named_outcomes.values() if one.counted]
    names = list(dict.fromkeys(str(name) for one in counted for name in (one.count, one.exposure)))
    if spec.layout != "panel" or repeated.any():
        return [], []
    unnoted = replace(reading, notes=[])  # columns are noted where they are read to be used
    return names, [parsed(unnoted, name)[0] for name in names if name in reading.frame.columns]


def _sums(rows: PlacedRows, periods: NDArray[np.intp], column: Array, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which units are the sum of all others in a column, (n_units,); the rest is (n_rows,)."""
    told = np.abs(column) <= LARGEST  # what is beyond is a fault of its own
    values = np.where(told, column, 0.0)
    untold = np.bincount(periods, among & ~told)
    sums = np.bincount(periods, np.where(among, values, 0.0))[periods]
    others = (np.bincount(periods, among) - 1)[periods]
    used = among & (untold[periods] == 0) & (others > 1)  # one other alone is no sum
    same = np.abs(2 * values - sums) <= 1e-9 * np.abs(sums)
    if not (same & used).any():
        return np.zeros(len(rows.units), bool)

    def times(which: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.bincount(rows.codes[used & which], minlength=len(rows.units))

    enough = (times(others >= _MANY_UNITS) > 0) | (times(told) >= _FEW_PERIODS)
    found: NDArray[np.bool_] = enough & (times(~same) == 0) & (times(values != 0) > 0)
    return found
