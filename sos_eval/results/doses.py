"""Rows that are told at a dose: what they are called, and which dose a name is of."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Array

__all__ = ["dose_name", "doses_told"]

_NAME = re.compile(r"dose (\d[\d.]*(?:e[+-]?\d+)?)")


def dose_name(dose: float) -> str:
    """Return the subgroup of a row at a dose.

    Examples
    --------
    >>> dose_name(0.75)
    'dose 0.75'
    """
    return f"dose {dose:.6g}"


def doses_told(table: pd.DataFrame) -> Array:
    """Return the dose that each row is told at, (m,), in the dose's own units; NaN for rows at no dose.

    Parameters
    ----------
    table
        Its column ``subgroup`` is read: `CELL_COLUMNS`, or the columns of `estimates.csv`.
    """
    found = [_NAME.fullmatch(str(name)) for name in table["subgroup"]]
    return np.array([float(one.group(1)) if one else np.nan for one in found], float)
