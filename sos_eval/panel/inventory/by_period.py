"""A series over time: where the middle of the units lies in every period, and how many have a value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.panel.inventory.keyed import KeyedTable, Series

__all__ = ["QUANTILES", "by_period"]

#: Quantiles of the units that are told of a period, by column.
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def by_period(table: KeyedTable, series: Series) -> pd.DataFrame:
    """Return a row per period, first to last.

    Parameters
    ----------
    series
        One that holds numbers and is not withheld.

    Returns
    -------
    DataFrame
        ``period``; ``filled, symbols, missing``: rows with a number, with a symbol in its place, without either;
        ``q05, q25, median, q75, q95`` over the rows with a number, NaN without any.
    """
    places = pd.Categorical(table.periods, categories=list(table.order)).codes
    filled, symbol = np.isfinite(series.values), series.flags != ""
    rows = []
    for place, period in enumerate(table.order):
        here = places == place
        values = series.values[here & filled]
        middle = np.quantile(values, list(QUANTILES.values())) if len(values) else np.full(len(QUANTILES), np.nan)
        rows.append({
            "period": period, "filled": len(values), "symbols": int((here & symbol & ~filled).sum()),
            "missing": int((here & ~symbol & ~filled).sum()), **dict(zip(QUANTILES, middle.tolist(), strict=True)),
        })  # fmt: skip
    return pd.DataFrame(rows)
