"""Rubin's rules: one estimate and error of several completed data sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pooled", "pool"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Estimates pooled over m data sets, each (q,).

    Attributes
    ----------
    estimate, std_error
        Mean of the estimates, and the root of ``ubar + (1 + 1/m) b``.
    df
        Degrees of freedom of t, Barnard and Rubin (1999).
    within, between
        Mean of the squared errors (ubar), and variance of the estimates (b).
    missing
        Fraction of missing information, with its correction for few degrees of freedom.
    """

    estimate: Array
    std_error: Array
    df: Array
    within: Array
    between: Array
    missing: Array


def pool(estimates: Array, errors: Array, df_complete: Array) -> Pooled:
    """Pool estimates (m, q) with their standard errors (m, q).

    Rubin (1987), equations 3.1.2 to 3.1.6; degrees of freedom by Barnard and Rubin (1999), equation 3, which for
    infinite `df_complete` are Rubin's own. Where the estimates do not differ nothing is lost, and the degrees of
    freedom are those of complete data as Barnard and Rubin shrink them.

    Parameters
    ----------
    df_complete : (q,)
        Degrees of freedom of complete data; infinite for the normal.
    """
    m = len(estimates)
    within, between = (errors**2).mean(0), estimates.var(axis=0, ddof=1)
    extra = (1 + 1 / m) * between
    total = within + extra
    with np.errstate(divide="ignore", invalid="ignore"):
        share = extra / total
        old = (m - 1) / share**2
        finite = np.isfinite(df_complete)
        nu = np.where(finite, df_complete, 1.0)
        observed = np.where(finite, (nu + 1) / (nu + 3) * nu * (1 - share), np.inf)
        df = 1 / (1 / old + 1 / observed)
        increase = extra / within
        missing = (increase + 2 / (df + 3)) / (1 + increase)
    return Pooled(estimates.mean(0), np.sqrt(total), df, within, between, missing)
