"""Estimates and standard errors to rows: statistics, p-values, intervals, uniform bands, and reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from sos_eval.inference.bands import Bands
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Estimate, cluster_sums
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import Inferred
from sos_eval.results.table import effect_table

__all__ = [
    "cluster_scores", "fixed_by_construction", "interval", "refused", "too_few_treated", "two_sided", "wald_rows",
    "why_no_error",
]  # fmt: skip


def two_sided(statistic: Array, df: float | Array = np.inf) -> Array:
    """Two-sided p-value of a t statistic; infinite ``df`` is the normal."""
    size = -np.abs(statistic)
    finite = np.isfinite(df)
    return np.asarray(2 * np.where(finite, stdtr(np.where(finite, df, 1.0), size), ndtr(size)))


def interval(values: Array, std_error: Array, level: float, df: float | Array = np.inf) -> tuple[Array, Array]:
    """Symmetric interval, (m,) each side."""
    tail = (1 + level) / 2
    finite = np.isfinite(df)
    quantile = np.where(finite, stdtrit(np.where(finite, df, 1.0), tail), ndtri(tail))
    return values - quantile * std_error, values + quantile * std_error


def cluster_scores(estimate: Estimate, influence: Array) -> Array:
    """Influence summed within clusters over n, (n_clusters, m): its cross product is the covariance."""
    return cluster_sums(influence, estimate.panel.clusters) / estimate.panel.n_influence


def fixed_by_construction(estimate: Estimate, std_error: Array) -> NDArray[np.bool_]:
    """Rows whose error is zero up to rounding: the base period of a universal base, or a constant outcome.

    Errors are held against the largest outcome; those of ratios are on the log scale and held against one.
    """
    outcome = np.abs(estimate.panel.frame["outcome"].to_numpy(float))
    size = float(np.nanmax(outcome)) if np.isfinite(outcome).any() else 0.0
    ratio = estimate.cells["scale"].to_numpy() == "ratio"
    return np.asarray(std_error <= 1e-12 * np.where(ratio, 1.0, size))


def why_no_error(estimate: Estimate, std_error: Array) -> tuple[Array, list[str]]:
    """Empty the errors that do not exist and say why; caution where one treated cluster stands behind a row.

    Parameters
    ----------
    std_error : (m,)
        As computed from the influence.

    Returns
    -------
    std_error : (m,)
        NaN where there is a reason to have none.
    reasons
        A text per row, empty where there is nothing to say.
    """
    constant = fixed_by_construction(estimate, std_error)
    known = np.isfinite(estimate.values)
    lonely = estimate.cells["n_treated_units"].to_numpy(int) == 1
    empty = np.where(constant, np.nan, std_error)
    reasons = np.full(len(known), "", dtype=object)
    reasons[known & lonely] = "one treated unit stands behind this row: its error leaves out how treated units vary"
    reasons[known & ~np.isfinite(empty)] = "the estimator gives no influence for this row"
    reasons[known & constant] = "does not vary between units (base period, or a constant outcome): no error"
    reasons[estimate.cells["reason"].to_numpy() != ""] = ""  # the estimator has said it already
    return np.where(known, empty, np.nan), list(reasons)


def too_few_treated(estimate: Estimate) -> str:
    """Say why no error can be had from fewer than two clusters on a side; empty where there are enough.

    A single comparison cluster is fitted perfectly where it is all that anybody is compared with: its residuals sum to
    zero, and the error would hold the treated units' variation alone.
    """
    panel = estimate.panel
    count = panel.n_treated_clusters
    if count < 2:
        return f"{'one' if count else 'no'} treated cluster: its variation cannot be estimated from the data"
    if panel.n_clusters - count == 1 and _fitted_perfectly(estimate):
        return "one comparison cluster: its variation cannot be estimated from the data"
    return ""


def _fitted_perfectly(estimate: Estimate) -> bool:
    """Whether the one cluster that is never treated adds nothing to the error of any effect, up to rounding.

    Rows before the start are left out: two-stage's are of the residuals that the first stage leaves this cluster.
    """
    panel, influence = estimate.panel, estimate.influence
    if influence is None:
        return len(panel.cohorts) == 1
    starts = panel.first_treated if panel.layout == "panel" else panel.frame["first_treated"].to_numpy(float)
    effects = ~(estimate.cells["event_time"].to_numpy(float) < 0) & ~np.isnan(influence).any(0)
    sums = cluster_sums(influence[:, effects], panel.clusters)
    untreated = np.bincount(panel.clusters[np.isfinite(starts)], minlength=len(sums)) == 0
    return bool((np.abs(sums[untreated]) <= 1e-6 * np.abs(sums).max(0, initial=0.0)).all())


def wald_rows(
    fitted: Fitted,
    name: str,
    *,
    level: float,
    std_error: Array,
    df: float | Array = np.inf,
    bands: Bands | None = None,
    reasons: list[str] | None = None,
    facts: dict[str, Any] | None = None,
    p_value: Array | None = None,
    conf: tuple[Array, Array] | None = None,
) -> Inferred:
    """Lay out estimates with symmetric intervals and two-sided p-values (unless given).

    Parameters
    ----------
    std_error : (m,)
        On the working scale; NaN where there is none.
    df
        Degrees of freedom of the t distribution; infinite for the normal (an empty cell in the table).
    """
    values = fitted.estimate.values
    statistic = values / std_error
    band = None if bands is None else (values - bands.critical * std_error, values + bands.critical * std_error)
    table = effect_table(
        fitted,
        name,
        level=level,
        std_error=std_error,
        conf=interval(values, std_error, level, df) if conf is None else conf,
        band=band,
        statistic=statistic,
        df=np.where(np.isfinite(df) & np.isfinite(std_error), df, np.nan),
        p_value=two_sided(statistic, df) if p_value is None else p_value,
        reason=reasons if bands is None else bands.explained(reasons),
    )
    told = dict(facts or {})
    if bands is not None and bands.facts:
        told["bands"] = bands.facts
    return Inferred(table, facts=told)


def refused(fitted: Fitted, name: str, level: float, reason: str, **facts: Any) -> Inferred:
    """Return the estimates with empty errors and the reason on every row."""
    return Inferred(effect_table(fitted, name, level=level, reason=reason), facts={"refused": reason, **facts})
