"""The effects that a reader compares: one line per estimator, outcome and inference."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.results.method import register

__all__ = ["effects", "summaries"]

_COLUMNS = (
    "outcome", "estimator", "role", "estimand", "scale", "inference", "estimate", "std_error", "conf_low", "conf_high",
    "conf_level", "p_value", "n_units", "n_treated_units", "n_clusters", "reason",
)  # fmt: skip


def summaries(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that sum an analysis up: ``overall``, or ``simple`` where an estimator has no ``overall``."""
    whole = estimates[(estimates["aggregation"].isin(["overall", "simple"])) & (estimates["subgroup"] == "")]
    keys = ["estimator", "outcome", "estimand", "scale"]
    has_overall = whole[whole["aggregation"] == "overall"].set_index(keys).index
    only_simple = ~whole.set_index(keys).index.isin(has_overall)
    return whole[(whole["aggregation"] == "overall") | only_simple]


@register("effects", kind="table")
def effects(bundle: ResultBundle) -> pd.DataFrame:
    """Overall effects, every estimator and every inference method side by side."""
    return summaries(bundle.estimates)[list(_COLUMNS)].reset_index(drop=True)
