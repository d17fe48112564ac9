"""Who and when: the unit and period of every row, sorted, checked, one row each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed, nearest
from sos_eval.panel.axis import axis_of
from sos_eval.panel.panel import Array
from sos_eval.panel.periods import Periods
from sos_eval.panel.read.columns import texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.units import refuse_doubtful_units

__all__ = ["PlacedRows", "check_constant", "check_unique", "identify", "near_unit"]


@dataclass(frozen=True, slots=True)
class PlacedRows:
    """The units and periods of a table sorted by both.

    Attributes
    ----------
    units : (n_units,)
        Ids, as text, sorted.
    codes : (n_rows,)
        Position of each row's unit in `units`, increasing.
    times : (n_rows,)
        Periods, increasing within units.
    starts : (n_units,)
        First row of each unit.
    periods
        How the user writes periods.
    """

    units: NDArray[np.object_]
    codes: NDArray[np.intp]
    times: Array
    starts: NDArray[np.intp]
    periods: Periods = field(default_factory=Periods)

    def named(self, time: float) -> str:
        """Return a period as the user writes it."""
        return self.periods.name(time)

    def first(self, values: Any) -> Any:
        """Return each unit's first value, (n_units,)."""
        return values[self.starts]

    def changing(self, values: Any) -> NDArray[np.intp]:
        """Return the units whose value differs between rows; `values` (n_rows,) without NaN."""
        low, high = np.minimum.reduceat(values, self.starts), np.maximum.reduceat(values, self.starts)
        return np.flatnonzero(low != high)


def identify(reading: Reading, spec: PanelSpec) -> tuple[Reading, PlacedRows]:
    """Sort a table by unit and time.

    Rows without a unit or without a whole period are faults; they are left aside so that the others can be checked.
    """
    unit = spec.unit
    codes, names = texts(reading.frame[unit])
    if (codes < 0).any():
        reading.add(f"{unit}: no unit in {reading.lines(codes < 0)}", "every row names its unit")
    periods, times = axis_of(reading, spec)
    refuse_doubtful_units(reading, spec, codes, names, times)
    usable = (codes >= 0) & np.isfinite(times)
    order = _sorted(codes, times, usable)
    if len(order) < len(codes) or (np.diff(order) < 0).any():
        reading, codes, times = reading.kept_at(order), codes[order], times[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    present = np.array(names, dtype=object)[codes[starts]]
    codes = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(codes)))
    return reading, PlacedRows(present, codes, times, starts, periods)


def _sorted(codes: NDArray[np.intp], times: Array, usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return usable rows by unit and time; mostly each unit's rows are in order already, and only units are moved."""
    order = np.argsort(codes, kind="stable")
    order = order[usable[order]]
    if ((np.diff(codes[order]) == 0) & (np.diff(times[order]) < 0)).any():
        order = np.lexsort((times, codes))
        order = order[usable[order]]
    return order


def check_unique(reading: Reading, rows: PlacedRows) -> None:
    """Name the units and periods that have more than one row."""
    same = (np.diff(rows.codes) == 0) & (np.diff(rows.times) == 0)
    if not same.any():
        return
    heads = np.flatnonzero(same & ~np.append(False, same[:-1]))
    shown = [_repeated(reading, rows, head) for head in heads[:3]]
    more = f", and {len(heads) - 3} more pairs of unit and time" if len(heads) > 3 else ""
    reading.add(
        "; ".join(shown) + more,
        "a panel has one row per unit and time (rows of people or events: layout: cross_sections)",
    )


def _repeated(reading: Reading, rows: PlacedRows, head: int) -> str:
    alike = np.flatnonzero((rows.codes == rows.codes[head]) & (rows.times == rows.times[head]))
    count = "two" if len(alike) == 2 else str(len(alike))
    return f"{rows.units[rows.codes[head]]}, {rows.named(rows.times[head])} has {count} rows ({reading.lines(alike)})"


def check_constant(reading: Reading, rows: PlacedRows, column: str, labels: Any, what: str, instead: str) -> None:
    """Name the units in which a column changes; `labels` (n_rows,) are shown to the reader."""
    codes, shown = pd.factorize(labels, use_na_sentinel=False)
    changed = rows.changing(codes)
    if not len(changed):
        return
    examples = [_change(reading, rows, unit, codes, shown) for unit in changed[:3]]
    more = f", and {len(changed) - 3} more units" if len(changed) > 3 else ""
    reading.add(f"{column}: {what}: {'; '.join(examples)}{more}", instead)


def _change(reading: Reading, rows: PlacedRows, unit: int, codes: NDArray[np.intp], shown: Any) -> str:
    own = np.flatnonzero(rows.codes == unit)
    values, places = np.unique(codes[own], return_index=True)
    parts = [
        f"{_shown(shown[code])} in {reading.lines(own[[place]])}"
        for place, code in sorted(zip(places, values, strict=True))
    ]
    return f"{rows.units[unit]} has {', '.join(parts[:3])}"


def _shown(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "never" if np.isinf(value) else "nothing" if np.isnan(value) else f"{value:g}"
    return str(value) or "nothing"


def near_unit(unit: str, units: Iterable[Any]) -> str:
    """Say which unit was probably meant: one that differs by leading zeros first."""
    names = [str(name) for name in units]
    padded = [name for name in names if name.lstrip("0") == unit.lstrip("0")]
    if padded:
        return f'did you mean "{padded[0]}"? (a number loses its leading zeros: in YAML write it in quotes)'
    hint = nearest(unit, names)
    return hint if hint.startswith("did you mean") else f"units are named {listed(names, 4)}"
