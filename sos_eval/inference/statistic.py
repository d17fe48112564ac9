"""What a randomization test compares: estimates, estimates over their errors, or the smaller p of both."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sos_eval.errors import OurFault
from sos_eval.numerics.joint import joint_statistic
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Batch

__all__ = ["Statistic", "compared", "statistics"]

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
