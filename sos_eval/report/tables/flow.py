"""Who was kept and dropped."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.results.method import register

__all__ = ["flow"]


@register("flow", kind="table")
def flow(bundle: ResultBundle) -> pd.DataFrame:
    """Flow of units: units and rows kept and dropped at each step, with the reason."""
    return bundle.flow
