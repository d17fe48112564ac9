"""How the score of practice falls away: with time since the start, and with the turnover of staff."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from sos_eval.numerics.regress import with_influence
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.inference import InferenceMethod
from sos_eval.theory.implementation import MeasuredFidelity, treated_scores

__all__ = ["decay"]

LEVEL = 0.95
_FEWEST = InferenceMethod.alone_from
_OWN = "within units: each unit's scores against its own mean"
_ASSOCIATED = f"{_OWN}, time since the start held; an association, nobody drew turnover by lot"


def decay(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return how much the score changes with a period since the start, and with one more of turnover.

    Least squares within units on scored treated periods: the score on periods since the start; where a column of
    `turnover` is declared, on both. Errors from influence summed within units, t with units less one degrees of
    freedom; none below five units.

    Returns
    -------
    DataFrame
        A line a slope: ``with, slope, std_error, conf_low, conf_high, n_units, scores, reading, reason``.
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
    line: dict[str, object] = {
        "with": words, "slope": np.nan, "std_error": np.nan, "conf_low": np.nan, "conf_high": np.nan,
        "n_units": len(units), "scores": len(scores), "reading": reading,
    }  # fmt: skip
    x: Array = np.column_stack([_within(scores[name].to_numpy(float), codes) for name in names])
    if not len(x) or np.linalg.matrix_rank(x) < x.shape[1]:
        return line | {"reason": "no unit has scores at different times that it could be read off"}
    coef, influence = with_influence(_within(scores["score"].to_numpy(float), codes), x, np.ones(len(x)))
    line["slope"] = float(coef[0])
    if len(units) < _FEWEST:
        return line | {"reason": f"{len(units)} units: below {_FEWEST} there is no conventional interval"}
    sums = np.bincount(codes, influence[:, 0])
    error = float(np.sqrt(len(sums) / (len(sums) - 1) * sums @ sums))
    half = float(stdtrit(len(sums) - 1, 0.5 + LEVEL / 2)) * error
    return line | {"std_error": error, "conf_low": coef[0] - half, "conf_high": coef[0] + half, "reason": ""}


def _within(values: Array, codes: NDArray[np.intp]) -> Array:
    """Return values less their unit's mean, (n,)."""
    means = np.bincount(codes, values) / np.maximum(np.bincount(codes), 1) if len(values) else values
    return np.asarray(values - means[codes])
