"""The numbers of page one in all their units."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow
from sos_eval.results.method import register

__all__ = ["converted"]

_COLUMNS = ["what", "value", "percent", "difference", "people"]


@register("converted", kind="table")
def converted(bundle: ResultBundle) -> pd.DataFrame:
    """Numbers of page one on the estimate's scale, in per cent, as a difference and as people a period."""
    rows = bundle.headline.get("converted")
    if not rows:
        raise NothingToShow("the headline holds no converted numbers: no estimate, or a run of an older version")
    return pd.DataFrame(rows, columns=_COLUMNS).astype(dict.fromkeys(_COLUMNS[1:], float))
