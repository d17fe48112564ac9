"""The estimate without each unit in turn."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.reading import table_of, why_missing
from sos_eval.results.method import register

__all__ = ["leave_one_out"]


@register("leave_one_out", kind="table")
def leave_one_out(bundle: ResultBundle) -> pd.DataFrame:
    """Headline's estimate without each treated unit in turn."""
    _, rows = table_of(bundle, "leave_one_out")
    if rows.empty:
        raise NothingToShow(why_missing(bundle, "leave_one_out", "the design declares no check leave_one_out"))
    return rows
