"""Covariates as the columns of a regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import DataFault, Fault
from sos_eval.numerics.scale import near_one
from sos_eval.panel.panel import Array

__all__ = ["IN_PERIOD", "column_labels", "covariate_columns", "told_labels"]

#: What stands between a covariate's label and the period that it is a regressor in.
IN_PERIOD = " in period "
#: Categories that there may always be, and how many rows of each there are on average beyond.
_FEW_KINDS, _EACH = 50, 10


def covariate_columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Return covariates as columns (n, p) and what each is called.

    A category becomes an indicator for each of its values but the first in the alphabet, ``region=South``. Columns are
    less their mean and over their standard deviation: every model here has a constant or unit effects, so that no
    estimate moves, and neither the unit of a covariate nor its origin costs digits.

    Raises
    ------
    DataFault
        A category has more than 50 values and fewer than ten rows of each.
    """
    columns: list[Array] = []
    labels: list[str] = []
    for name in names:
        values = frame[name]
        labels += column_labels(values, name)
        if pd.api.types.is_numeric_dtype(values):
            columns.append(values.to_numpy(float))
            continue
        _refuse_names(name, values)
        columns += [(values == level).to_numpy(float) for level in _levels(values)]
    table = np.column_stack(columns) if columns else np.empty((len(frame), 0))
    return _standardised(table) if table.size else table, tuple(labels)


def column_labels(values: pd.Series, name: str) -> list[str]:
    """Return what the columns of one covariate are called.

    Examples
    --------
    >>> column_labels(pd.Series([1.0, 2.0]), "idaci"), column_labels(pd.Series(["b", "a", "c"]), "kind")
    (['idaci'], ['kind=b', 'kind=c'])
    """
    numeric = pd.api.types.is_numeric_dtype(values)
    return [name] if numeric else [f"{name}={level}" for level in _levels(values)]


def told_labels(labels: Sequence[str]) -> list[str]:
    """Return labels as a reader knows them: those of one covariate by period as that covariate, with its periods.

    Examples
    --------
    >>> told_labels(["idaci", "kind=b in period 2005", "kind=b in period 2006"])
    ['idaci', 'kind=b (in 2005, 2006)']
    """
    periods: dict[str, list[str]] = {}
    for label in labels:
        name, _, period = label.rpartition(IN_PERIOD)
        periods.setdefault(name or label, []).extend([period] if name else [])
    return [f"{name} (in {', '.join(when)})" if when else name for name, when in periods.items()]


def _levels(values: pd.Series) -> list[Any]:
    """Return the values of a category that have a column: all but the first in the alphabet."""
    return sorted(values.dropna().unique())[1:]


def _refuse_names(name: str, values: pd.Series) -> None:
    """Refuse texts that are names or notes: a column for each of them would explain everything, and take for ever."""
    kinds, known = values.nunique(), int(values.notna().sum())
    if kinds > _FEW_KINDS and kinds > known / _EACH:
        what = f"{name} holds {kinds:,} different texts in {known:,} rows: names or notes, not categories"
        raise DataFault(Fault("", what, "adjust without it (the estimator's own covariates), or recode it to a few"))


def _standardised(table: Array) -> Array:
    """Return columns less their mean and over their standard deviation; one that does not vary becomes zeros."""
    whole = near_one(table)
    centred = near_one(whole - np.nan_to_num(np.nanmean(whole, axis=0)))
    spread = np.nan_to_num(np.nanstd(centred, axis=0))
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))
