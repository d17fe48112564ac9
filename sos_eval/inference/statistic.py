"""What a randomization test compares: estimates, estimates over their errors, or the smaller p of both."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import OurFault
from sos_eval.numerics.inversion import TIES
from sos_eval.numerics.joint import joint_statistic
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Batch

__all__ = ["Statistic", "compared", "error_of_p", "extreme_draws", "share_as_extreme", "statistics"]

Statistic = Literal["studentised", "coefficient", "both"]


def statistics(batch: Batch, *, studentised: bool) -> Array:
    """Estimates, or estimates over their own errors, (draws, m); NaN where 0/0."""
    if not studentised:
        return batch.values
    if batch.std_error is None:
        raise OurFault("a studentised statistic needs errors, and the batch has none")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(batch.values / batch.std_error)


def compared(batch: Batch, statistic: Statistic, *, complete: bool) -> Array:
    """Return the statistic of every draw, (1 + draws, m), the observed assignment first; large is extreme."""
    if statistic != "both":
        return statistics(batch, studentised=statistic == "studentised")
    each = (statistics(batch, studentised=True), statistics(batch, studentised=False))
    return joint_statistic(each, complete=complete)


def extreme_draws(observed: Array, drawn: Array) -> NDArray[np.intp]:
    """Count draws, (draws, m), at least as extreme as the observed, (m,): by absolute value, ties and NaN included."""
    reached = np.abs(drawn) >= (1 - TIES) * np.abs(observed)
    return np.asarray((reached | np.isnan(drawn)).sum(0), np.intp)


def share_as_extreme(observed: Array, drawn: Array, *, complete: bool) -> Array:
    """#/R over a complete list, (1 + #)/(1 + R) over a sample (Phipson and Smyth 2010), (m,); NaN: no statistic."""
    draws, extra = len(drawn), 0 if complete else 1
    return np.where(np.isfinite(observed), (extreme_draws(observed, drawn) + extra) / (draws + extra), np.nan)


def error_of_p(p: Array, draws: int, *, complete: bool) -> Array:
    """Binomial standard error of a sampled p; zero for a complete list, (m,)."""
    return np.where(np.isnan(p), np.nan, 0.0 if complete else np.sqrt(p * (1 - p) / draws))
