"""Checks and what they said."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.results.method import register

__all__ = ["diagnostics"]


@register("diagnostics", kind="table")
def diagnostics(bundle: ResultBundle) -> pd.DataFrame:
    """Every check with its value, the declared threshold where there is one, and the verdict."""
    return bundle.diagnostics
