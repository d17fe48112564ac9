"""Balance of covariates before and after: the columns of `balance.csv`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Array
from sos_eval.results.comparison import effective_size
from sos_eval.terms import BALANCE_COLUMNS

__all__ = [
    "balance_table",
    "ks_distance",
    "standardised_difference",
    "treated_deviations",
    "weighted_variance",
]

Mask = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: Of a number, by arithmetic.
_ROUNDING = 1e-12


def balance_table(
    names: list[str], x: Array, treated: Mask, *, base_weights: Array, weights: Array, units: Codes | None = None
) -> pd.DataFrame:
    """Compare treated units and their comparison, covariate by covariate, before and after.

    Conventions of MatchIt's ``summary`` for the average effect on the treated: the mean difference is divided by
    the standard deviation of the *treated before* in both stages, covariates of two values, whatever their codes, by
    sqrt(p(1 - p)) times their distance; the variance ratio is treated over comparison, empty for these; ``ks`` is the
    largest distance between the weighted distribution functions; ``ess`` is (sum w)^2 / sum w^2. What has no
    denominator is empty.

    Parameters
    ----------
    names
        Covariates, k.
    x : (n, k)
        Values; units with a missing value are left out of that covariate's row.
    treated : (n,)
        Who is treated.
    base_weights : (n,)
        Weights before (the panel's own).
    weights : (n,)
        What the comparison multiplies them by; zero: left out.
    units : (n,), optional
        Codes from zero of the units that stand in several lines: each is counted once, with the sum of its weights.

    Returns
    -------
    DataFrame
        Columns of `balance.csv`, two rows per covariate.
    """
    rows = []
    for j, name in enumerate(names):
        seen = np.isfinite(x[:, j])
        value, group = x[seen, j], treated[seen]
        whose = None if units is None else units[seen]
        before = base_weights[seen]
        for stage, w in (("before", before), ("after", (base_weights * weights)[seen])):
            rows.append({"covariate": name, "stage": stage, **_row(value, group, w, before, whose)})
    return pd.DataFrame(rows, columns=list(BALANCE_COLUMNS))


def _row(x: Array, treated: Mask, w: Array, before: Array, whose: Codes | None) -> dict[str, float]:
    """Return the numbers of one covariate in one stage."""
    each: Array = w[~treated] if whose is None else np.bincount(whose[~treated], w[~treated]).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.float64(weighted_variance(x[treated], w[treated])) / weighted_variance(x[~treated], w[~treated])
    return {
        "mean_treated": _mean(x[treated], w[treated]),
        "mean_comparison": _mean(x[~treated], w[~treated]),
        "std_mean_diff": standardised_difference(x, treated, w, before),
        "variance_ratio": np.nan if _is_binary(x) or not np.isfinite(ratio) else float(ratio),
        "ks": ks_distance(x, treated, w),
        "n_treated": int((w[treated] > 0).sum()),
        "n_comparison": int((each > 0).sum()),
        "ess_comparison": effective_size(each),
    }


def standardised_difference(x: Array, treated: Mask, w: Array, before: Array) -> float:
    """Difference of weighted means over the standard deviation of the treated before; NaN where that is zero.

    Parameters
    ----------
    x, treated, w, before : (n,)
        Values, who is treated, the weights of the means and those of the deviation.
    """
    scale = treated_deviations(x[:, None], treated, before)[0]
    return (_mean(x[treated], w[treated]) - _mean(x[~treated], w[~treated])) / scale if scale > 0 else float("nan")


def _is_binary(x: Array) -> bool:
    """Whether a covariate has two values at most: 0 and 1, 1 and 2, or any other codes."""
    return bool(len(x)) and bool(np.isin(x, (x.min(), x.max())).all())


def _mean(x: Array, w: Array) -> float:
    return float(x @ w / w.sum()) if w.sum() > 0 else float("nan")


def treated_deviations(x: Array, treated: Mask, w: Array) -> Array:
    """Return the treated units' standard deviation of each covariate, (k,): the scale of standardised differences.

    Of a covariate with two values sqrt(p (1 - p)) times their distance; zero where nothing varies.
    """
    return np.array([_deviation(column[treated], w[treated], two=_is_binary(column)) for column in x.T])


def _deviation(x: Array, w: Array, *, two: bool) -> float:
    """Return the standard deviation of some units, of two values by their shares; zero where nothing varies."""
    if (w > 0).sum() < 2 or _is_constant(x[w > 0]):
        return 0.0
    share = w / w.sum()
    return float(np.sqrt(share @ (x - x @ share) ** 2 if two else weighted_variance(x, w)))


def _is_constant(x: Array) -> bool:
    """Say whether numbers differ by rounding alone."""
    return bool(np.ptp(x) <= _ROUNDING * np.abs(x).max())


def weighted_variance(x: Array, w: Array) -> float:
    """Variance with reliability weights: sum w (x - mean)^2 / (1 - sum w^2), w summing to one.

    With equal weights the divisor is n - 1. NaN with fewer than two units of positive weight; zero where these differ
    by rounding alone.
    """
    if (w > 0).sum() < 2:
        return float("nan")
    if _is_constant(x[w > 0]):
        return 0.0
    share = w / w.sum()
    mean = x @ share
    return float(share @ (x - mean) ** 2 / (1 - share @ share))


def ks_distance(x: Array, treated: Mask, w: Array) -> float:
    """Largest distance between the weighted distribution functions of treated and comparison."""
    if not (w[treated].sum() > 0 and w[~treated].sum() > 0):
        return float("nan")
    order = np.argsort(x, kind="stable")
    signed = np.where(treated, w / w[treated].sum(), -w / w[~treated].sum())[order]
    last = np.append(np.diff(x[order]) > 0, True)
    return float(np.abs(np.cumsum(signed)[last]).max())
