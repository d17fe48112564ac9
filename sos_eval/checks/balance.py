"""Declared limits on imbalance, judged on the balance table: every comparison group gets these two lines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.results.check import CheckResult
from sos_eval.results.comparison import Comparison, ComparisonMethod

__all__ = ["balance_results"]


def balance_results(method: ComparisonMethod, comparison: Comparison | None) -> list[CheckResult]:
    """Return the worst imbalance that the comparison leaves, judged where a limit is declared.

    Parameters
    ----------
    method
        The comparison as declared, with its limits.
    comparison
        What it built.

    Returns
    -------
    list of CheckResult
        ``balance.max_smd`` and ``balance.max_variance_ratio``; empty where the design names no covariate and no
        limit.
    """
    limits = method.imbalance_limits
    table = pd.DataFrame() if comparison is None else comparison.balance
    if table.empty and not limits:
        return []
    after = table[(table["stage"] == "after") & (table["covariate"] != "distance")] if len(table) else table
    return [
        _judged(after, limits, "max_smd", "std_mean_diff", "standardised mean difference"),
        _judged(after, limits, "max_variance_ratio", "variance_ratio", "variance ratio"),
    ]


def _judged(after: pd.DataFrame, limits: dict[str, float], limit: str, column: str, words: str) -> CheckResult:
    """Judge one statistic by its worst covariate; a ratio counts the same either way round."""
    threshold = limits.get(limit)
    name = f"balance.{limit}"
    declared = np.nan if threshold is None else float(threshold)
    values = after.set_index("covariate")[column].astype(float) if len(after) else pd.Series(dtype=float)
    size = values.abs() if column == "std_mean_diff" else values.where(values >= 1, 1 / values)
    known = size.dropna()
    if known.empty:
        text = f"No {words} to judge: {'no covariate is named under comparison.on' if values.empty else 'none exists'}."
        return CheckResult(name, words.replace(" ", "_"), np.nan, text, declared)
    worst, value = str(known.idxmax()), float(known.max())
    text = f"The largest {words} after the comparison group was built is {value:.2f} ({worst})"
    passed = None if threshold is None else bool(value <= threshold)
    verdict = "." if threshold is None else f"; the declared limit is {threshold:g}."
    gaps = list(size.index[size.isna()])
    missing = f" None exists for {', '.join(map(str, gaps))}." if gaps and column == "std_mean_diff" else ""
    table = pd.DataFrame({"covariate": size.index, "value": size.to_numpy()})
    return CheckResult(name, words.replace(" ", "_"), value, text + verdict + missing, declared, passed, table)
