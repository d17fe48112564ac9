"""Covariates before and after the comparison group was built."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.results.method import register

__all__ = ["balance"]


@register("balance", kind="table")
def balance(bundle: ResultBundle) -> pd.DataFrame:
    """Covariate balance between treated and comparison units, before and after selection."""
    return bundle.balance
