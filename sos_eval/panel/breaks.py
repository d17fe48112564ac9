"""What the panel's own columns say of itself: counts from another release after the start, donors in other regions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import Array
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows

__all__ = ["OWN_COLUMNS", "breaks"]

VINTAGE, REGION = "counts_vintage", "region"
#: Columns of the published panel and of worlds that are read for this, declared or not.
OWN_COLUMNS = frozenset({VINTAGE, REGION})


def breaks(reading: Reading, rows: PlacedRows, first_treated: Array) -> tuple[Caveat, ...]:
    """Say what changes at the first start, and who lies where nobody started; ``first_treated`` is by unit."""
    started = (first_treated > rows.times.min()) & (first_treated <= rows.times.max())
    if not started.any():
        return ()
    found = (_vintage(reading, rows, float(first_treated[started].min())), _elsewhere(reading, rows, started))
    return tuple(caveat for caveat in found if caveat is not None)


def _vintage(reading: Reading, rows: PlacedRows, start: float) -> Caveat | None:
    """Compare the releases of the last period before the first start and of the first one from it on."""
    words = _texts(reading, VINTAGE)
    if words is None:
        return None
    last, first = rows.times[rows.times < start].max(), rows.times[rows.times >= start].min()
    before, after = (set(words[rows.times == time]) - {""} for time in (last, first))
    if not before or not after or before & after:
        return None
    now, then = rows.periods.name(first), rows.periods.name(last)
    return Caveat(
        f"Counts come from another release from {now} on ({_listed(after)}) than up to {then} "
        f"({_listed(before)}): where that changed what was counted, it looks like part of the answer."
    )


def _elsewhere(reading: Reading, rows: PlacedRows, started: NDArray[np.bool_]) -> Caveat | None:
    """List the units of regions in which nobody starts."""
    words = _texts(reading, REGION)
    if words is None:
        return None
    region = words[rows.starts]
    there = set(region[started])
    units = tuple((str(unit), "") for unit, name in zip(rows.units, region, strict=True) if name and name not in there)
    text = "{n} of the {of} comparison units lie in regions where nobody began"
    return Caveat(text, units, "untreated", "basis") if units else None


def _texts(reading: Reading, name: str) -> NDArray[np.object_] | None:
    """Return a column as text, (n_rows,), empty cells as ""; None where there is no such column."""
    if name not in reading.frame.columns:
        return None
    column = reading.frame[name]
    return np.asarray(column.where(pd.notna(column), "").astype(str), dtype=object) if column.ndim == 1 else None


def _listed(words: set[str]) -> str:
    return ", ".join(sorted(words))
