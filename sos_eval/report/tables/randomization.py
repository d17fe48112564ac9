"""Permutation tests."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import read_table
from sos_eval.report.drawing import NothingToShow
from sos_eval.results.method import register

__all__ = ["randomization"]


@register("randomization", kind="table")
def randomization(bundle: ResultBundle) -> pd.DataFrame:
    """Permutation tests, a row each: observed statistic, what random adoptions give, p with its Monte Carlo error."""
    file = bundle.path / "tests.csv"
    rows = read_table(file) if file.is_file() else pd.DataFrame()
    if rows.empty:
        raise NothingToShow("the design declares no permutation test")
    return rows
