"""From a column, a register or a status to one start per unit: who was treated from when, and who is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.columns import Reading, texts
from sos_eval.panel.panel import Array
from sos_eval.panel.rows import Rows, check_constant

__all__ = ["Adoption", "from_column", "settled", "starts"]

NEVER_WORDS = frozenset({"0", "0.0", "never", "inf", "infinity"})
_EMPTY, _UNKNOWN = -np.inf, -1.0


@dataclass(frozen=True, slots=True)
class Adoption:
    """Who was treated from when.

    Attributes
    ----------
    first_treated : (n_units,)
        ``inf`` for units that are never treated or unknown.
    known : (n_units,)
        False where nobody says whether the unit adopted.
    status : (n_rows,) or None
        Exposure in each period where it is not simply "from the start onward".
    absorbing
        False where a unit's treatment stops.
    register
        Further columns by unit.
    """

    first_treated: Array
    known: NDArray[np.bool_]
    status: Array | None = None
    absorbing: bool = True
    register: pd.DataFrame = field(default_factory=pd.DataFrame)


def starts(reading: Reading, name: str) -> Array:
    """Read a column of starts, (n_rows,): a period, ``inf`` = never, ``-inf`` = empty, -1 = "unknown"."""
    column = reading.frame[name]
    if pd.api.types.is_float_dtype(column) or pd.api.types.is_integer_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        values = np.where(values == 0, np.inf, values)
        bad = (values < 0) | (np.isfinite(values) & (values != np.floor(values)))
        words = np.array([f"{value:g}" for value in values[bad]], dtype=object)
        values = np.where(np.isnan(values), _EMPTY, values)
    else:
        codes, distinct = texts(column)
        known = np.array([_start(word) for word in distinct] + [_EMPTY])
        values = known[codes]
        bad = np.isnan(values)
        words = np.array(distinct, dtype=object)[codes[bad]] if bad.any() else np.array([], dtype=object)
    if bad.any():
        seen = listed([repr(word) for word in dict.fromkeys(words)], 4)
        reading.add(
            f"{name}: starts that are no period, {seen}, {reading.lines(bad)}",
            'write the first treated period as a whole number; 0 or "never" where never treated',
        )
        values = np.where(bad, np.inf, values)
    return values


def _start(word: str) -> float:
    """Return one start; NaN where it is none."""
    if word.lower() in NEVER_WORDS:
        return np.inf
    if word.lower() == "unknown":
        return _UNKNOWN
    value = pd.to_numeric(word, errors="coerce")
    return float(value) if np.isfinite(value) and value > 0 and float(value).is_integer() else np.nan


def from_column(reading: Reading, rows: Rows, name: str, untreated_means: str) -> Adoption:
    """Take each unit's start from a column that repeats it in every row."""
    values = starts(reading, name)
    shown = np.where(values == _UNKNOWN, np.nan, values)
    if len(rows.changing(values)):
        labels = pd.Series(shown).map(lambda start: "nothing" if start == _EMPTY else start)
        check_constant(
            reading, rows, name, labels.to_numpy(dtype=object), "a unit changes cohort",
            "a unit has one first treated period, the same in all its rows",
        )  # fmt: skip
    return settled(rows.first(values), untreated_means)


def settled(values: Array, untreated_means: str, register: pd.DataFrame | None = None) -> Adoption:
    """Turn read starts, (n_units,), into an adoption: unknown is not never."""
    unknown = (values == _UNKNOWN) | ((values == _EMPTY) & (untreated_means == "unknown"))
    first = np.where((values == _UNKNOWN) | (values == _EMPTY), np.inf, values)
    return Adoption(first, ~unknown, register=pd.DataFrame() if register is None else register)
