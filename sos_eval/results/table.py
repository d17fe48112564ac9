"""`EffectTable`: the columns of `estimates.csv`, and how an estimate becomes rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.estimate import CELL_COLUMNS, INFINITE
from sos_eval.results.fitted import Fitted
from sos_eval.terms import EFFECT_COLUMNS

__all__ = ["EffectTable", "effect_table", "estimands", "overall_rows"]

Array = NDArray[np.float64]
_TEXT = ("estimator", "role", "estimand", "aggregation", "subgroup", "scale", "outcome", "inference", "reason")
_OF_THE_ERROR = (
    "std_error", "conf_low", "conf_high", "conf_level", "band_low", "band_high", "statistic", "df", "p_value",
)  # fmt: skip
_COUNTS = ("n_obs", "n_units", "n_treated_units", "n_clusters")


class EffectTable(pd.DataFrame):
    """Effects, one row per estimator x outcome x quantity x inference, in the columns of `estimates.csv`."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame


def overall_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table's rows of the overall effect; all of them where it has none."""
    overall = table[table["aggregation"] == "overall"]
    return overall if len(overall) else table


def effect_table(
    fitted: Fitted,
    inference: str,
    *,
    level: float,
    std_error: Array | None = None,
    conf: tuple[Array, Array] | None = None,
    band: tuple[Array, Array] | None = None,
    statistic: Array | None = None,
    df: Array | float | None = None,
    p_value: Array | None = None,
    reason: Any = None,
) -> EffectTable:
    """Lay out an estimate and its errors as rows.

    Parameters
    ----------
    fitted
        The fitted estimator; its cells and values fill the keys and `estimate`.
    inference
        Name of the method.
    level
        Of the intervals.
    std_error, conf, band, statistic, df, p_value : (m,)
        On the working scale. Rows of ``scale: ratio`` are logs: estimate, interval and band are exponentiated
        here, ``std_error`` stays on the log scale.
    reason : (m,) of str, optional
        Why an error or p is empty, appended to the reason of the cell.
    """
    estimate = fitted.estimate
    nothing = np.full(len(estimate.values), np.nan)
    low, high = conf or (nothing, nothing)
    band_low, band_high = band or (nothing, nothing)
    columns: dict[str, Any] = {name: estimate.cells[name].array for name in CELL_COLUMNS}
    columns["estimand"] = estimands(fitted)
    ratio = estimate.cells["scale"].to_numpy() == "ratio"
    measured = {
        "estimate": estimate.values,
        "conf_low": low,
        "conf_high": high,
        "band_low": band_low,
        "band_high": band_high,
    }
    for name, value in measured.items():
        columns[name] = np.where(ratio, np.exp(np.where(ratio, value, 0.0)), value)
    columns["std_error"] = nothing if std_error is None else std_error
    columns["conf_level"] = np.where(np.isfinite(low) | np.isfinite(high), level, np.nan)
    columns["statistic"] = nothing if statistic is None else statistic
    columns["df"] = np.nan if df is None else df
    columns["p_value"] = nothing if p_value is None else p_value
    columns["n_clusters"] = fitted.panel.n_clusters
    columns["reason"] = _reasons(estimate.cells["reason"].to_numpy(), reason)
    endless = np.isinf(columns["std_error"])
    if endless.any():
        columns |= {name: np.where(endless, np.nan, columns[name]) for name in _OF_THE_ERROR}
        columns["reason"] = _reasons(columns["reason"], np.where(endless, f"its error is {INFINITE}", ""))
    columns |= {"estimator": fitted.id, "role": fitted.role, "outcome": fitted.panel.active, "inference": inference}
    typed = {name: _typed(name, columns[name], len(nothing)) for name in EFFECT_COLUMNS}
    return EffectTable(typed, copy=False)  # each column was made here


def estimands(fitted: Fitted) -> NDArray[np.object_]:
    """Return what each cell is an average over, (m,): ``att`` where the group was weighed for others is theirs."""
    own = fitted.estimate.cells["estimand"].to_numpy(object)
    return np.where(own == "att", fitted.estimand, own)


def _typed(name: str, values: Any, size: int) -> Any:
    """Return a column with the contract's type, (size,)."""
    if name in _TEXT:
        whole = values if np.ndim(values) else np.full(size, values, dtype=object)
        return pd.array(whole, dtype="str", copy=True)
    kind = np.int64 if name in _COUNTS else np.float64
    return np.array(np.broadcast_to(np.asarray(values, kind), (size,)))


def _reasons(cells: Any, more: Any) -> list[str]:
    """Join why a cell is empty and why its error is."""
    extra = [""] * len(cells) if more is None else list(np.broadcast_to(more, (len(cells),)))
    both = zip(cells, extra, strict=True)
    return [f"{own}; {why}" if own and why and own != why else own or why for own, why in both]


def tidy(table: pd.DataFrame) -> EffectTable:
    """Give a table the contract's columns, order and types."""
    out = table.reindex(columns=list(EFFECT_COLUMNS))
    for name in EFFECT_COLUMNS:
        if name in _TEXT:
            out[name] = out[name].fillna("").astype(str)
        elif name in _COUNTS:
            out[name] = out[name].fillna(0).astype("int64")
        else:
            out[name] = out[name].astype(float)
    return EffectTable(out.reset_index(drop=True))


def stack(tables: list[EffectTable]) -> EffectTable:
    """Put effect tables under one another."""
    return tidy(pd.concat(tables, ignore_index=True)) if tables else tidy(pd.DataFrame(columns=list(EFFECT_COLUMNS)))
