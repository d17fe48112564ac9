"""Four significant digits: how numbers are written under a disclosure profile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pandas as pd

from sos_eval.terms import PERIOD_COLUMNS

__all__ = ["rounded", "rounded_table", "significant"]

#: Numbers that are declared, or say where in a table a result stands.
_KEPT = (*PERIOD_COLUMNS, "event_time", "conf_level", "level", "threshold", "placebo_start", "weight")
#: Facts that are declared, or are the numbers of periods.
_DECLARED = frozenset({
    "question", "lock", "periods", "cohorts", "first_time", "last_time", "per", "margin", "level", "power",
})  # fmt: skip


def significant(value: float, digits: int = 4) -> float:
    """Round to significant digits.

    Examples
    --------
    >>> significant(12345.678), significant(-0.00123456), significant(0.0)
    (12350.0, -0.001235, 0.0)
    """
    return float(f"{value:.{digits - 1}e}") if math.isfinite(value) else value


def rounded_table(table: pd.DataFrame, also: Sequence[str] = ()) -> pd.DataFrame:
    """Write a table's numbers to four significant digits; what is declared or counts stays."""
    out = table.copy()
    for name in out.columns:
        if out[name].dtype.kind == "f" and (name not in _KEPT or name in also):
            out[name] = out[name].map(significant)
        elif out[name].dtype == object and name not in _KEPT:
            out[name] = out[name].map(lambda cell: significant(cell) if isinstance(cell, float) else cell)
    return out


def rounded(value: Any) -> Any:
    """Write the numbers of facts to four significant digits; declared ones and counts stay."""
    if isinstance(value, pd.DataFrame):
        return rounded_table(value)
    if isinstance(value, float):
        return significant(value)
    if is_dataclass(value) and not isinstance(value, type):
        held = {one.name: getattr(value, one.name) for one in fields(value)}
        return replace(value, **{name: rounded(item) for name, item in held.items() if name not in _DECLARED})
    if isinstance(value, Mapping):
        return {name: item if name in _DECLARED else rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(rounded(item) for item in value)
    return value
