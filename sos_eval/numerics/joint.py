"""Two tests of one number taken together by the draws that they share: the smaller of their p values, and its own p."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.lots import place_of_observed, share_reached, symmetric_ranks

__all__ = ["joint_p", "joint_statistic"]

Array = NDArray[np.float64]


def joint_statistic(statistics: tuple[Array, ...], *, complete: bool) -> Array:
    """Return minus the log of the smallest p of several statistics, (1 + draws, m): large is extreme.

    Parameters
    ----------
    statistics
        Each (1 + draws, m), without regard to sign; the observed assignment first.
    complete
        Whether the draws are all assignments there are, the observed one among them: ranks are then among them alone.
    """
    smallest = np.minimum.reduce([_ranks(one, complete=complete) for one in statistics])
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(smallest))


def joint_p(statistics: tuple[Array, ...], *, complete: bool) -> float:
    """Return the p of the smaller p of several statistics, each (1 + draws,), judged among the same draws."""
    columns = tuple(one[:, None] for one in statistics)
    return share_reached(joint_statistic(columns, complete=complete)[:, 0], complete=complete)


def _ranks(statistic: Array, *, complete: bool) -> Array:
    """Return the p of every row by its rank, column by column; NaN where the observed one does not exist."""
    out = np.full(statistic.shape, np.nan)
    for j in np.flatnonzero(np.isfinite(statistic[0])):
        column = statistic[:, j]
        if not complete:
            out[:, j] = symmetric_ranks(column)
            continue
        drawn = symmetric_ranks(column[1:])
        out[0, j], out[1:, j] = drawn[place_of_observed(column)], drawn
    return out
