"""Covariates as numbers: categories become indicators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["covariate_columns"]

Array = NDArray[np.float64]


def covariate_columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Return covariates as columns (n, p) and what each is called.

    A category becomes an indicator for each of its values but the first in the alphabet, ``region=South``. Columns are
    less their mean: every model here has a constant or unit effects, so that no estimate moves, and numbers far from
    zero keep their digits.
    """
    columns: list[Array] = []
    labels: list[str] = []
    for name in names:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values):
            columns.append(values.to_numpy(float))
            labels.append(name)
            continue
        for level in sorted(values.dropna().unique())[1:]:
            columns.append((values == level).to_numpy(float))
            labels.append(f"{name}={level}")
    table = np.column_stack(columns) if columns else np.empty((len(frame), 0))
    return table - np.nan_to_num(np.nanmean(table, axis=0)) if len(table) and columns else table, tuple(labels)
