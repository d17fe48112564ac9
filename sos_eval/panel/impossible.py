"""Rates that cannot be: more people counted than there are, an exposure that is in thousands in some rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.panel.panel import Array, FlowRow
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows

__all__ = ["EXACT", "impossible"]

#: From here on whole numbers lose their last digit as floats, and differences of counts with it.
EXACT = 2**53

#: Between these an exposure lies, whatever it counts.
_LEAST, _MOST = 1e-9, 1e12
#: A power of a thousand, to a factor of two, between an exposure and the unit's median one.
_THOUSAND, _NEAR = 3.0, 0.1
#: So many times a unit's median are noted where the usual distance from it, in logs, is smaller than that.
_LEAP, _STEADY = 3, 0.1
#: Counts above their exposure are mistakes where most are below a tenth of it; so many are no chance in a tiny place.
_SELDOM, _NO_CHANCE = 0.1, 10


def impossible(
    reading: Reading, rows: PlacedRows, names: tuple[str, str], count: Array, exposure: Array
) -> list[FlowRow]:
    """Note faults for exposures and counts that cannot be, and say of which rows more is counted than there are.

    Parameters
    ----------
    reading, rows
        The table and its units and periods.
    names
        Columns of count and exposure.
    count, exposure : (n_rows,)
        As they were read, NaN where missing.

    Returns
    -------
    list of FlowRow
        One of exposures that leap by less than a thousand, and one where counts above their exposure are what the
        outcome is like (moves of a child, items prescribed): a tenth of it or more in the median row. Else they are a
        fault.
    """
    counted, exposed = names
    told = np.isfinite(exposure) & (exposure > 0)
    far = told & ((exposure > _MOST) | (exposure < _LEAST))
    if far.any():
        what = f"{exposed}: beyond {_MOST:g} or below {_LEAST:g}, {reading.lines(far)}"
        reading.add(what, "an exposure is a number of people, or of their years")
        told &= ~far
    if ((np.diff(rows.codes) == 0) & (np.diff(rows.times) == 0)).any():
        return []  # rows of people: each may have more events than years
    plain = np.where(told, exposure, np.nan)
    times = plain / _usual(rows, plain)[rows.codes]
    jumps = _jumps(times)
    if jumps.any():
        cells = reading.lines(jumps)
        what = f"{exposed}: about a thousand times more or less than in the unit's other rows, {cells}"
        instead = "write people in every row, not thousands; a unit that changed like that is left out with exclude"
        reading.add(what, instead)
    noted = _noted_leaps(reading, rows, exposed, np.where(jumps, np.nan, times))
    above = told & ~jumps & (count > exposure) & (count < EXACT)
    rates = count[told & (count >= 0)] / exposure[told & (count >= 0)]
    if not above.any():
        return noted
    if np.median(rates) < _SELDOM:
        above &= count >= _NO_CHANCE
        if above.any():
            what = f"{counted}: more than {exposed}, {reading.lines(above)}"
            instead = (
                "mend the cells, people in both; where it counts no people of that population, write its rate as value"
            )
            reading.add(what, instead)
        return noted
    reason = f"{counted}: more than {exposed}: is that what it counts, or is {exposed} in thousands?"
    many = len(np.unique(rows.codes[above]))
    return [*noted, FlowRow("count as written", "noted", many, int(above.sum()), "", reason)]


def _noted_leaps(reading: Reading, rows: PlacedRows, name: str, times: Array) -> list[FlowRow]:
    """Note where an exposure is several times the unit's median or a small part of it, in a table of steady ones."""
    apart = np.abs(np.log(times))
    leaps = apart > np.log(_LEAP)
    if not leaps.any() or np.nanmedian(apart) > _STEADY:
        return []
    reason = f"{name}: {_LEAP} times as much as in the unit's other rows or more, or as little, {reading.lines(leaps)}"
    many, asked = len(np.unique(rows.codes[leaps])), f"{reason}: is it the same population?"
    return [FlowRow("exposure as written", "noted", many, int(leaps.sum()), "", asked)]


def _usual(rows: PlacedRows, exposure: Array) -> Array:
    """Return each unit's lower median, (n_units,)."""
    ranked = np.lexsort((exposure, rows.codes))  # NaN last within each unit
    told = np.bincount(rows.codes, np.isfinite(exposure), minlength=len(rows.starts)).astype(int)
    usual: Array = exposure[ranked][rows.starts + np.maximum(told - 1, 0) // 2]
    return usual


def _jumps(times: Array) -> NDArray[np.bool_]:
    """Say where an exposure is about a thousand (a million) times the unit's median or a part of it, (n_rows,)."""
    thousands = np.log10(times) / _THOUSAND
    powers = np.round(thousands)
    jumps: NDArray[np.bool_] = (np.abs(thousands - powers) <= _NEAR) & (powers != 0) & np.isfinite(thousands)
    return jumps
