"""Effects by time since the start."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow
from sos_eval.results.method import register

__all__ = ["event_study"]

_COLUMNS = (
    "outcome", "estimator", "scale", "inference", "event_time", "estimate", "std_error", "conf_low", "conf_high",
    "conf_level", "band_low", "band_high", "p_value", "n_treated_units", "reason",
)  # fmt: skip


@register("event_study", kind="table")
def event_study(bundle: ResultBundle) -> pd.DataFrame:
    """Effects by periods since the start, every estimator and every inference method."""
    rows = bundle.estimates[bundle.estimates["aggregation"] == "event_time"]
    rows = rows[rows["event_time"].notna() & (rows["subgroup"] == "")]
    if rows.empty:
        raise NothingToShow("no estimator has effects by event time")
    return rows[list(_COLUMNS)].reset_index(drop=True)
