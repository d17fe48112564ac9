"""The rows of `tests.csv`: what a permutation test of the overall effect compared, and what came out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sos_eval.inference.null_search import Limits
from sos_eval.inference.statistic import Statistic, compared
from sos_eval.numerics.lots import share_reached
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Batch
from sos_eval.results.fitted import Fitted
from sos_eval.terms import TEST_COLUMNS

__all__ = ["table_of_tests"]

#: Which statistics a test compares, the one that it reports first.
_PARTS: dict[Statistic, tuple[Statistic, ...]] = {
    "studentised": ("studentised",), "coefficient": ("coefficient",), "both": ("both", "studentised", "coefficient"),
}  # fmt: skip


def table_of_tests(
    fitted: Fitted, batch: Batch, row: int, *, key: str, statistic: Statistic, strata: Sequence[str], complete: bool,
    limits: Limits,
) -> pd.DataFrame:  # fmt: skip
    """Lay out a test of one row of an estimate, `TEST_COLUMNS`: one line a statistic.

    `mean` and `sd` are of the drawn statistic, `mean_estimate` of the drawn estimates; `p_centred` takes the draws'
    mean out of both sides, and is never what is reported.
    """
    known: dict[str, object] = {
        "estimator": fitted.id, "outcome": fitted.panel.active,
        "aggregation": str(fitted.estimate.cells["aggregation"].iloc[row]), "inference": key,
        "strata": " ".join(strata), "draws": len(batch.values) - 1,
        "mean_estimate": _mean(batch.values[1:, row]), "family": "",
    }  # fmt: skip
    ratio = fitted.estimate.cells["scale"].iloc[row] == "ratio"
    low, high = (float(np.exp(end[row])) if ratio else float(end[row]) for end in (limits.low, limits.high))
    lines = []
    for part in _PARTS[statistic]:
        values = compared(batch, part, complete=complete)[:, row]
        own = part == statistic
        ends = {"low": low, "high": high, "low_mcse": limits.low_error, "high_mcse": limits.high_error}
        described = _one(values, complete=complete, joint=part == "both")
        lines.append(known | {"statistic": part} | described | (ends if own else {}))
    return pd.DataFrame(lines, columns=list(TEST_COLUMNS))


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _one(values: Array, *, complete: bool, joint: bool) -> dict[str, float]:
    """Describe one statistic under its draws, and its p with and without the draws' mean."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not len(drawn):
        return {}
    p = _p(values, complete=complete)
    centred = float("nan") if joint else _p(values - drawn.mean(), complete=complete)
    error = 0.0 if complete else float(np.sqrt(p * (1 - p) / (len(values) - 1)))
    return {
        "observed": float(values[0]), "mean": float(drawn.mean()), "sd": float(drawn.std()), "p": p,
        "p_centred": centred, "mcse": error,
    }  # fmt: skip


def _p(values: Array, *, complete: bool) -> float:
    """Return the share of draws as extreme as the observed, which counts among them unless the list is complete."""
    return share_reached(values, complete=complete)
