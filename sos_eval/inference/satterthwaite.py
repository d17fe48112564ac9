"""Adjusted sandwiches as rows: what CR2 and CR3 share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sos_eval.errors import OurFault
from sos_eval.inference.wald import refused, too_few_treated, wald_rows, why_no_error
from sos_eval.numerics.covariance import ClusterDesign, Sandwich, cluster_design, hotelling_t
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Estimate
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import Inferred

__all__ = ["adjusted_sandwich", "regression_clusters", "why_not_linear"]

_ALONE = "one cluster alone identifies a coefficient, so leaving it out is not defined"


def why_not_linear(estimate: Estimate) -> str:
    """Say why an estimate is no linear regression whose cells are its contrasts; empty where it is."""
    fit = estimate.linear
    if fit is None:
        return "defined for linear regressions only, and this estimator is none; use randomization or jackknife"
    if fit.family != "linear":
        return f"defined for linear regressions only, and this one is {fit.family}; use randomization or jackknife"
    if len(fit.contrast) != len(estimate.values):
        return "the rows are not combinations of the regression's coefficients alone"
    return too_few_treated(estimate)


def regression_clusters(estimate: Estimate) -> ClusterDesign:
    """Lay out the regression behind an estimate by the panel's clusters."""
    if estimate.linear is None:
        raise OurFault("an estimate without a regression has no design")
    return cluster_design(estimate.linear, estimate.panel.clusters[estimate.linear.unit_codes])


def adjusted_sandwich(
    fitted: Fitted, name: str, level: float, make: Callable[[ClusterDesign], Sandwich], *, joint_tests: bool = False
) -> Inferred:
    """Return rows with t quantiles of Satterthwaite's degrees of freedom; with joint tests among the facts if asked."""
    estimate = fitted.estimate
    if why := why_not_linear(estimate):
        return refused(fitted, name, level, why)
    design = regression_clusters(estimate)
    found = make(design)
    raw = np.sqrt(np.diag(found.covariance))
    std_error, reasons = why_no_error(estimate, raw)
    reasons = [_ALONE if np.isnan(value) else reason for value, reason in zip(raw, reasons, strict=True)]
    df = np.where(np.isfinite(std_error), found.df, np.nan)
    facts = {"joint_tests": _joint(estimate, design, std_error)} if joint_tests else {}
    return wald_rows(fitted, name, level=level, std_error=std_error, df=df, reasons=reasons, facts=facts)


def _joint(estimate: Estimate, design: ClusterDesign, std_error: Array) -> dict[str, Any]:
    """HTZ tests that all event-time effects before, and all from, the start are zero."""
    time = estimate.cells["event_time"].to_numpy(float)
    told: dict[str, Any] = {}
    for name, side in (("before_start", time < 0), ("since_start", time >= 0)):
        rows = np.flatnonzero(side & np.isfinite(std_error))
        if len(rows) and np.linalg.matrix_rank(design.contrast[rows]) == len(rows):
            test = hotelling_t(design, design.contrast[rows], estimate.values[rows])
            defined = test.df_denom > 0
            told[name] = {
                "rows": len(rows), "statistic": test.statistic if defined else None, "df_num": test.df_num,
                "df_denom": test.df_denom, "p_value": test.p_value if defined else None,
            }  # fmt: skip
    return told
