"""How the score of practice falls away: with time since the start, and with the turnover of staff."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.bands import pointwise
from sos_eval.numerics.regress import with_influence
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.inference import InferenceMethod
from sos_eval.theory.implementation import MeasuredFidelity, treated_scores

__all__ = ["decay"]

LEVEL = 0.95
_FEWEST = InferenceMethod.alone_from
#: What is left over of scores, relative to the largest, that is rounding.
_ROUNDING = 1e-12
_OWN = "within units: each unit's scores against its own mean"
_ASSOCIATED = f"{_OWN}, time since the start held; an association, nobody drew turnover by lot"


def decay(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return how much the score changes with a period since the start, and with one more of turnover.

    Least squares within units on scored treated periods: the score on periods since the start; where a column of
    `turnover` is declared, on both. Units count that can move the slope: those scored several times, whose turnover
    varies. Errors from influence summed within units, t with those units less one degrees of freedom; none below five
    of them, nor where all scores lie on the line.

    Returns
    -------
    DataFrame
        A line a slope: ``with, slope, std_error, conf_low, conf_high, n_units, scores, reading, reason``; units and
        scores are those that the slope is read off.
    """
    scores = treated_scores(panel, declared)
    lines = [_line(scores, ["event_time"], "one more period since the start", _OWN)]
    if declared.turnover:
        scores = scores.assign(turnover=panel.frame.loc[scores.index, declared.turnover].astype(float)).dropna()
        lines.append(_line(scores, ["turnover", "event_time"], f"one more of {declared.turnover}", _ASSOCIATED))
    return pd.DataFrame(lines)


def _line(scores: pd.DataFrame, names: list[str], words: str, reading: str) -> dict[str, object]:
    """Return the slope of the first of some columns within units."""
    codes, units = pd.factorize(scores["unit"])
    moving = _varies(scores, names[0])
    n = int(scores.loc[moving, "unit"].nunique())
    line: dict[str, object] = {
        "with": words, "slope": np.nan, "std_error": np.nan, "conf_low": np.nan, "conf_high": np.nan,
        "n_units": n, "scores": int(moving.sum()), "reading": reading,
    }  # fmt: skip
    if not _varies(scores, "event_time").any():
        return line | {"reason": "no unit has scores at different times that it could be read off"}
    if not n:
        return line | {"reason": f"{words.removeprefix('one more of ')} does not vary within any unit that is scored"}
    x: Array = np.column_stack([_within(scores[name].to_numpy(float), codes) for name in names])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return line | {"reason": "within units it goes with the time since the start alone, and is not told from it"}
    y = _within(scores["score"].to_numpy(float), codes)
    coef, influence = with_influence(y, x, np.ones(len(x)))
    line["slope"] = float(coef[0])
    if n < _FEWEST:
        who = f"{n} {'unit' if n == 1 else 'units'} that the slope can be read off"
        return line | {"reason": f"{who}: below {_FEWEST} there is no conventional interval"}
    if np.abs(y - x @ coef).max() <= _ROUNDING * np.abs(scores["score"]).max():
        return line | {"reason": "all scores lie on the line: nothing is left over that an interval could rest on"}
    sums = np.bincount(codes, influence[:, 0], minlength=len(units))
    error = float(np.sqrt(n / (n - 1) * sums @ sums))
    half = pointwise(LEVEL, n - 1) * error
    return line | {"std_error": error, "conf_low": coef[0] - half, "conf_high": coef[0] + half, "reason": ""}


def _varies(scores: pd.DataFrame, name: str) -> pd.Series:
    """Say which scores are of units within which a column varies, (n,)."""
    own = scores.groupby("unit")[name]
    return pd.Series(own.transform("max") > own.transform("min"), index=scores.index)


def _within(values: Array, codes: NDArray[np.intp]) -> Array:
    """Return values less their unit's mean, (n,)."""
    means = np.bincount(codes, values) / np.maximum(np.bincount(codes), 1) if len(values) else values
    return np.asarray(values - means[codes])
