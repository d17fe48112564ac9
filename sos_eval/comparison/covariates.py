"""What a comparison is built on: one value per unit and covariate, from before the first start of anyone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import Faults, listed, nearest
from sos_eval.panel.own_names import is_ours
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.pretreatment import outcome_pre, outcome_pre_slope
from sos_eval.panel.read.columns import LARGEST

__all__ = ["BUILT_IN", "dummies", "is_text", "unit_values"]

#: Made from the outcome in the periods before the first start of anyone.
BUILT_IN = {"outcome_pre": outcome_pre, "outcome_pre_slope": outcome_pre_slope}


def unit_values(panel: Panel, names: Sequence[str], *, key: str, faults: Faults) -> pd.DataFrame:
    """Return one value per unit and covariate.

    A number is averaged over the periods before the first start of anyone; where it does not vary over time that
    is its value. Text must not vary over those periods. ``outcome_pre`` and ``outcome_pre_slope`` are made from
    the outcome in the same periods. Nothing is imputed: a value that is missing stays missing.

    Parameters
    ----------
    panel
        May be blind to later outcomes.
    names
        Covariates.
    key
        Key of the design that names them, for faults.
    faults
        Collector.

    Returns
    -------
    DataFrame
        (n_units, len(names)), indexed by unit; without the names that had a fault.
    """
    columns: dict[str, pd.Series] = {}
    if names and not len(panel.pre_times):
        faults.add(panel.source, f"{key}: no period lies before the first start", "widen panel.window")
        return pd.DataFrame(index=panel.units)
    for name in dict.fromkeys(names):
        if name in BUILT_IN and name in panel.frame:
            what = f"{key}: {name} may be the column of the file or what is made from the outcome"
            faults.add(panel.source, what, "give the column another name")
        elif name in BUILT_IN:
            columns[name] = pd.Series(BUILT_IN[name](panel), index=panel.units)
        elif (values := _column(panel, name, key, faults)) is not None:
            columns[name] = values
    return pd.DataFrame(columns, index=panel.units)


def _column(panel: Panel, name: str, key: str, faults: Faults) -> pd.Series | None:
    """Return a column of the frame as one value per unit, (n_units,); None after a fault."""
    frame = panel.frame
    if name not in frame or is_ours(name):
        valid = [*panel.covariates, *BUILT_IN]
        hint = nearest(name, valid)
        hint = hint if hint.startswith("did you mean") else f"add it to panel.covariates ({hint or 'none is declared'})"
        faults.add(panel.source, f"{key}: {name} is no covariate of the panel", hint)
        return None
    before = np.isin(frame["time"].to_numpy(float), panel.pre_times)
    if is_text(frame[name]):
        return _one_text(panel, name, before, key, faults)
    values = _means(panel, frame[name].to_numpy(float), before)
    if (np.abs(values) > LARGEST).any():
        what = f"{key}: {name} goes beyond {LARGEST:g}, of which no distance can be computed"
        faults.add(panel.source, what, "write the column in a larger unit")
        return None
    return pd.Series(values, index=panel.units)


def _means(panel: Panel, values: Array, before: NDArray[np.bool_]) -> Array:
    """Return each unit's mean over the periods before, (n_units,); the value itself where it does not vary.

    A unit that is not seen before anyone starts has the value of a column that varies within no unit.
    """
    low, high = _range(panel, values, np.isfinite(values))
    if (low == high)[np.isfinite(low)].all():
        return np.where(np.isfinite(low), low, np.nan)
    seen = before & np.isfinite(values)
    low, high = _range(panel, values, seen)
    counts = np.bincount(panel.unit_codes[seen], minlength=panel.n_units)
    sums = np.bincount(panel.unit_codes[seen], values[seen], panel.n_units)
    means = np.where(low == high, low, sums / np.maximum(counts, 1))
    return np.where(counts > 0, means, np.nan)


def _range(panel: Panel, values: Array, rows: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return each unit's smallest and largest value over some rows, (n_units,) each; inf and -inf without any."""
    low, high = np.full(panel.n_units, np.inf), np.full(panel.n_units, -np.inf)
    np.minimum.at(low, panel.unit_codes[rows], values[rows])
    np.maximum.at(high, panel.unit_codes[rows], values[rows])
    return low, high


def _one_text(panel: Panel, name: str, before: NDArray[np.bool_], key: str, faults: Faults) -> pd.Series | None:
    """Return each unit's one text, (n_units,); None after a fault."""
    codes, words = pd.factorize(panel.frame[name], sort=True)
    known = codes >= 0
    low, high = _range(panel, codes.astype(float), known)
    if (low < high).any():
        low, high = _range(panel, codes.astype(float), known & before)
        if (low < high).any():
            what = f"{key}: {name} is text and changes within {listed(list(panel.units[low < high]))}"
            faults.add(panel.source, what, "give each unit one value of it")
            return None
    position = np.where(np.isfinite(low), low, -1).astype(np.intp)
    return pd.Series(np.array([*words, None], dtype=object)[position], index=panel.units, dtype=object)


def is_text(values: pd.Series) -> bool:
    """Whether a column holds categories rather than numbers."""
    return not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values))


def dummies(values: pd.DataFrame, *, drop_first: bool) -> tuple[list[str], Array]:
    """Lay covariates out as numbers: text becomes a column per category.

    Parameters
    ----------
    values
        (n, k), complete.
    drop_first
        Leave out each text covariate's first category, as a regression with an intercept needs.

    Returns
    -------
    names
        ``region=London`` for a category.
    x : (n, columns)
    """
    names: list[str] = []
    columns: list[Array] = []
    for name in values:
        column = values[name]
        if not is_text(column):
            names.append(str(name))
            columns.append(column.to_numpy(float))
            continue
        categories = sorted(column.dropna().astype(str).unique())
        for category in categories[1 if drop_first else 0 :]:
            names.append(f"{name}={category}")
            columns.append((column.astype(str) == category).to_numpy(float))
    return names, np.column_stack(columns) if columns else np.empty((len(values), 0))
