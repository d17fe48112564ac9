"""The headline's number under every procedure."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.tables.effects import summaries
from sos_eval.results.method import register

__all__ = ["procedures"]

_COLUMNS = (
    "scale", "inference", "estimate", "std_error", "conf_low", "conf_high", "conf_level", "p_value", "df",
    "n_clusters", "reason",
)  # fmt: skip


@register("procedures", kind="table")
def procedures(bundle: ResultBundle) -> pd.DataFrame:
    """Headline's estimate under every inference that the design declares."""
    key = bundle.facts.headline
    rows = key.rows(summaries(bundle.estimates))
    if rows.empty:
        raise NothingToShow("there is no headline")
    return rows[list(_COLUMNS)].reset_index(drop=True)
