"""What the panel's own columns say of itself: another release, source or geography from the start on, and donors.

A break counts where it stands at the first start: the last period before it against the first one from it on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import Array
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows

__all__ = ["OWN_COLUMNS", "breaks"]

VINTAGE, POPULATION, PARTS, REGION = "counts_vintage", "children_0_17_source", "parts", "region"
#: Columns of the published panel and of worlds that are read for this, declared or not.
OWN_COLUMNS = frozenset({VINTAGE, POPULATION, PARTS, REGION})
#: What comes from somewhere else, and what that may do.
_SOURCES = {
    VINTAGE: ("Counts come from another release", "where that changed what was counted"),
    POPULATION: ("Children are counted by another source", "where that changed how many there are"),
}


def breaks(reading: Reading, rows: PlacedRows, first_treated: Array) -> tuple[Caveat, ...]:
    """Say what changes at the first start, and who lies where nobody started; ``first_treated`` is by unit."""
    started = (first_treated > rows.times.min()) & (first_treated <= rows.times.max())
    if not started.any():
        return ()
    start = float(first_treated[started].min())
    ends = float(rows.times[rows.times < start].max()), float(rows.times[rows.times >= start].min())
    unlike = " in treated and comparison units differently" if len(np.unique(first_treated)) > 1 else ""
    found = [_source(reading, rows, name, ends, unlike) for name in _SOURCES]
    found += [_redrawn(reading, rows, ends), _come_and_gone(rows, start), _elsewhere(reading, rows, started)]
    return tuple(caveat for caveat in found if caveat is not None)


def _source(reading: Reading, rows: PlacedRows, name: str, ends: tuple[float, float], unlike: str) -> Caveat | None:
    """Compare where a column's numbers come from in the last period before the first start and the first from it on.

    What changes alike for all drops out of a comparison: `unlike` says what does not, empty where nobody is compared.
    """
    words = _texts(reading, name)
    if words is None:
        return None
    before, after = (set(words[rows.times == time]) - {"", "missing"} for time in ends)
    if not before or not after:
        return None
    if before & after:
        return _earlier_source(name, words, rows, ends[0], unlike)
    then, now = (rows.periods.name(time) for time in ends)
    what, why = _SOURCES[name]
    further = set(words[rows.times < ends[0]]) - {"", "missing"} - before - after
    others = f", and periods before that from {len(further)} more" if further else ""
    return Caveat(
        f"{what} from {now} on (named {_listed(after)}) than in {then} (named {_listed(before)}){others}: {why}"
        f"{unlike}, it looks like part of the answer."
    )


def _earlier_source(
    name: str, words: NDArray[np.object_], rows: PlacedRows, last: float, unlike: str
) -> Caveat | None:  # fmt: skip
    """Name the periods before the first start whose numbers come from elsewhere than those of the last of them."""
    there = set(words[rows.times == last])
    early = np.unique(rows.times[rows.times < last])
    apart = [time for time in early if (own := set(words[rows.times == time]) - {"", "missing"}) and not own & there]
    if not apart:
        return None
    named = set(words[np.isin(rows.times, apart)]) - {"", "missing"}
    names = [rows.periods.name(time) for time in apart]
    when = (
        f"{names[0]} to {names[-1]}" if len(apart) > 2 and apart == list(early[: len(apart)]) else " and ".join(names)
    )
    what, why = _SOURCES[name]
    return Caveat(
        f"{what} in {when} (named {_listed(named)}) than in {rows.periods.name(last)} and from the start on: {why}"
        f"{unlike}, it looks like a path before the start, and part of it like the answer."
    )


def _redrawn(reading: Reading, rows: PlacedRows, ends: tuple[float, float]) -> Caveat | None:
    """Name the units that are made of another number of authorities from the first start on."""
    words = _texts(reading, PARTS)
    if words is None:
        return None
    sides = [dict(zip(rows.codes[rows.times == time], words[rows.times == time], strict=True)) for time in ends]
    changed = [code for code in sides[0] if code in sides[1] and sides[0][code] != sides[1][code]]
    units = tuple((str(rows.units[code]), f"{sides[0][code]} to {sides[1][code]}") for code in changed)
    now = rows.periods.name(ends[1])
    text = f"Made of another number of authorities from {now} on, {{n}} of {{of}} units: {{names}}."
    return Caveat(text, units, "everybody") if units else None


def _come_and_gone(rows: PlacedRows, start: float) -> Caveat | None:
    """Name the units of which the data hold no period before the first start, or none from it on."""
    before, after = (set(rows.codes[side].tolist()) for side in (rows.times < start, rows.times >= start))
    apart = sorted(before ^ after)
    units = tuple((str(rows.units[code]), "before only" if code in before else "after only") for code in apart)
    text = "In the data on one side of the first start only, as where boundaries change, {n} of {of} units: {names}."
    return Caveat(text, units, "everybody") if units else None


def _elsewhere(reading: Reading, rows: PlacedRows, started: NDArray[np.bool_]) -> Caveat | None:
    """List the units of regions in which nobody starts."""
    words = _texts(reading, REGION)
    if words is None:
        return None
    region = words[rows.starts]
    there = set(region[started])
    units = tuple((str(unit), "") for unit, name in zip(rows.units, region, strict=True) if name and name not in there)
    text = "{n} of the {of} comparison units lie in regions without a recorded start"
    return Caveat(text, units, "untreated", "basis") if units else None


def _texts(reading: Reading, name: str) -> NDArray[np.object_] | None:
    """Return a column as text, (n_rows,), empty cells as ""; None where there is no such column."""
    if name not in reading.frame.columns:
        return None
    column = reading.frame[name]
    return np.asarray(column.where(pd.notna(column), "").astype(str), dtype=object) if column.ndim == 1 else None


def _listed(words: set[str]) -> str:
    return ", ".join(sorted(words))
