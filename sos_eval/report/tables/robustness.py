"""The estimate under declared alternatives."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.reading import table_of, why_missing
from sos_eval.results.method import register

__all__ = ["robustness"]


@register("robustness", kind="table")
def robustness(bundle: ResultBundle) -> pd.DataFrame:
    """Headline's estimate under every declared alternative, with its shift and the shift's error."""
    _, rows = table_of(bundle, "robustness")
    if rows.empty:
        raise NothingToShow(why_missing(bundle, "robustness", "the design declares no check robustness"))
    return rows
