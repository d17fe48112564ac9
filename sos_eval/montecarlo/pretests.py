"""False reassurance: how often a pre-trend test passes where trends are not parallel, and what is reported then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import numeral
from sos_eval.montecarlo.diagnosands import RowDraws, bias, coverage, diagnose, mean_estimate, share, true_effect
from sos_eval.montecarlo.line.pretest import PRETEST, TESTS
from sos_eval.montecarlo.line.rows import JOINT, LEADING
from sos_eval.numerics.clusters import error_of_mean
from sos_eval.panel.panel import Array

__all__ = ["pretest_rows", "pretest_table"]

#: A violation is seen where it is this many Monte Carlo errors from zero.
SEEN = 4.0
#: Smaller than this part of an estimate's standard deviation is rounding.
ROUNDING = 1e-9
SCORED = {"mean_estimate": mean_estimate, "bias": bias, "coverage": coverage}


def pretest_rows(
    key: Mapping[str, Any], draws: RowDraws, pretests: Array, reasons: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Diagnose a row's pre-trend tests, a row each.

    ``violation`` is what the estimator answers, on average over draws, when it is given the expected outcomes without
    the intervention: zero where trends are parallel in the way that this estimator relies on. It is seen where it is
    more than four Monte Carlo errors from zero; then every draw that passes reassures falsely, and
    ``false_reassurance`` is their share of all draws. A test that cannot be done does not pass.

    Parameters
    ----------
    key
        Columns `ROW_KEYS`.
    pretests : (reps, len(PRETEST))
    reasons
        Why a test cannot be done in any draw, by test.
    """
    if str(key["inference"]).endswith(JOINT):
        return []
    violation, trend = (_mean(pretests[:, PRETEST.index(name)], draws.frames) for name in ("violation", "trend"))
    spread = pretests[:, PRETEST.index("violation")]
    moved = _seen(violation, draws)
    rows = []
    for k, name in enumerate(TESTS):
        done, passed = np.isfinite(pretests[:, k]), pretests[:, k] == 1
        passing = share(passed, draws.frames) if done.any() else (np.nan, np.nan)
        rate = passing if moved else (np.nan, np.nan)
        rows.append(
            {
                **key, "check": name, "tested": int(done.sum()), "trend": trend[0], "trend_mcse": trend[1],
                "violation": violation[0], "violation_mcse": violation[1], "violation_sd": _deviation(spread),
                "pass_rate": passing[0], "pass_rate_mcse": passing[1],
                "false_reassurance": rate[0], "false_reassurance_mcse": rate[1],
                **diagnose(draws, {"true_effect": true_effect, **SCORED}),
                **_among(draws, passed),
                "reason": _reason(reasons.get(name, ""), done, passed, violation, moved=moved),
            }
        )  # fmt: skip
    return rows


def pretest_table(rows: list[dict[str, Any]], swept: Sequence[str]) -> pd.DataFrame:
    """Lay out `pretests.csv`; ratios are shown as ratios, their bias, violation and errors stay on the log scale."""
    scored = [name for one in SCORED for name in (one, f"{one}_mcse")]
    passing = [name for one in SCORED for name in (f"{one}_passing", f"{one}_passing_mcse")]
    columns = [
        *LEADING, "check", *swept, "reps", "tested", "trend", "trend_mcse", "violation", "violation_mcse",
        "violation_sd", "pass_rate", "pass_rate_mcse", "false_reassurance", "false_reassurance_mcse", "true_effect",
        *scored, *passing, "estimand", "scale", "level", "reason",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    ratio = table["scale"] == "ratio"
    for name in ("true_effect", "mean_estimate", "mean_estimate_passing"):
        table.loc[ratio, name] = np.exp(table.loc[ratio, name].astype(float))
    return table


def _among(draws: RowDraws, passed: NDArray[np.bool_]) -> dict[str, float]:
    """Score the draws that passed: ``<name>_passing`` and ``<name>_passing_mcse``."""
    found = diagnose(draws.without(~passed), SCORED) if passed.any() else {}
    ends = ("", "_mcse")
    return {f"{name}_passing{end}": found.get(f"{name}{end}", np.nan) for name in SCORED for end in ends}


def _seen(violation: tuple[float, float], draws: RowDraws) -> bool:
    """Whether a violation is more than chance and rounding."""
    size, known = abs(violation[0]), draws.estimate[np.isfinite(draws.estimate)]
    floor = ROUNDING * float(known.std()) if len(known) else 0.0
    return bool(np.isfinite(size) and size > max(SEEN * violation[1], floor))


def _reason(
    why: str, done: NDArray[np.bool_], passed: NDArray[np.bool_], violation: tuple[float, float], *, moved: bool
) -> str:
    """Say why something in a row is empty."""
    if not done.any():
        return why or "the test could not be done in any draw"
    if not moved:
        size, error = violation
        return f"trends are not seen to violate: {numeral(size)}, Monte Carlo error {numeral(error, 2)}"
    return "" if passed.any() else "no draw passes"


def _mean(values: Array, frames: NDArray[np.intp] | None) -> tuple[float, float]:
    """Return a mean over draws and its Monte Carlo error."""
    known = values[np.isfinite(values)]
    return (float(known.mean()), error_of_mean(values, frames)) if len(known) else (np.nan, np.nan)


def _deviation(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else np.nan
