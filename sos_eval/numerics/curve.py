"""The joint test of many specifications of one question: all are recomputed under the same adoptions.

Simonsohn, Simmons and Nelson (2020): under the sharp null of no effect in any specification the whole curve has the
distribution of the curves that permuted treatments make, however the specifications depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.joint import joint_statistic
from sos_eval.numerics.lots import share_at_least

__all__ = ["CurveTest", "curve_test"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CurveTest:
    """The joint test of a curve.

    Attributes
    ----------
    median, p_median
        Median statistic over the specifications, and how often adoptions give one as far in the expected direction
        (as far from zero where none is expected).
    found, p_found
        How many specifications have a p of at most `alpha` and the expected sign (where none is expected, of the two
        signs that which more have), and how often adoptions give as many.
    p : (k,)
        Of each specification by the same adoptions, two-sided.
    """

    median: float
    p_median: float
    found: int
    p_found: float
    p: Array


def curve_test(statistics: Array, direction: int, *, complete: bool = False, alpha: float = 0.05) -> CurveTest:
    """Test that no specification has an effect.

    Parameters
    ----------
    statistics : (1 + draws, k)
        Estimates over their errors, the observed adoption first, the same adoptions for every specification. One that
        does not exist under an adoption counts as extreme there.
    direction
        -1 or 1: the expected sign; 0: none.
    complete
        Whether the draws are all adoptions there are, the observed one among them.

    Examples
    --------
    >>> t = np.array([[-3.0, -1.0], [1.0, 2.0], [-2.5, -0.5], [0.1, -3.5]])
    >>> test = curve_test(t, -1)
    >>> test.median, test.p_median, test.p.tolist()
    (-2.0, 0.25, [0.25, 0.75])
    """
    reached = _far(statistics, direction)
    columns = (column[:, None] for column in statistics.T)
    p = np.exp(-np.column_stack([joint_statistic((column,), complete=complete)[:, 0] for column in columns]))
    counts = _found(statistics, p <= alpha * (1 + 1e-9), direction)
    return CurveTest(
        median=float(np.median(statistics[0])),
        p_median=share_at_least(reached, complete=complete),
        found=int(counts[0]),
        p_found=share_at_least(counts, complete=complete),
        p=p[0],
    )


def _far(statistics: Array, direction: int) -> Array:
    """Return how far the median of every adoption lies in the expected direction, (1 + draws,)."""
    signs = (direction,) if direction else (-1, 1)
    each = [np.median(np.where(np.isnan(statistics), np.inf, sign * statistics), axis=1) for sign in signs]
    return np.asarray(np.maximum.reduce(each))


def _found(statistics: Array, small: NDArray[np.bool_], direction: int) -> Array:
    """Count the specifications with a small p and the expected sign under every adoption, (1 + draws,)."""
    signs = (direction,) if direction else (-1, 1)
    each = [(small & (np.isnan(statistics) | (sign * statistics > 0))).sum(1) for sign in signs]
    return np.asarray(np.maximum.reduce(each), float)
