"""What suppressed values leave open of a number that is linear in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Margin", "imbens_manski", "linear_bounds", "why_empty"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Margin:
    """What a published total leaves for the suppressed values under it.

    Attributes
    ----------
    cells : (k,)
        Positions of the suppressed values that it is the total of.
    left
        The total less what is published.
    complete
        Whether nothing else is under it, so that the values sum to it; otherwise they sum to no more.
    name
        In words, for faults.
    """

    cells: NDArray[np.intp]
    left: float
    complete: bool
    name: str


def why_empty(low: Array, high: Array, margins: Sequence[Margin]) -> str:
    """Say which range or total cannot hold; empty where each can."""
    if (low > high).any():
        return "a range ends below where it begins"
    for one in margins:
        least, most = low[one.cells].sum(), high[one.cells].sum()
        if least > one.left + 1e-9 or (one.complete and most < one.left - 1e-9):
            return f"{one.name}: {one.left:g} is left of the total for values of {least:g} to {most:g}"
    return ""


def linear_bounds(slope: Array, low: Array, high: Array, margins: Sequence[Margin]) -> tuple[Array, Array]:
    """Return the values that make ``slope @ x`` smallest and largest, (m,) each.

    Parameters
    ----------
    slope : (m,)
        What one more of each value adds.
    low, high : (m,)
        Its range; an infinite end is cut by a margin or leaves the number without a bound.

    Raises
    ------
    ValueError
        No values satisfy ranges and totals together, or nothing bounds the number.
    """
    from scipy.optimize import linprog

    rows = np.zeros((len(margins), len(slope)))
    for row, one in zip(rows, margins, strict=True):
        row[one.cells] = 1.0
    whole = np.array([one.complete for one in margins], bool)
    left = np.array([one.left for one in margins], float)
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(
            sign * slope, A_ub=rows[~whole], b_ub=left[~whole], A_eq=rows[whole], b_eq=left[whole],
            bounds=list(zip(low.tolist(), high.tolist(), strict=True)), method="highs",
        )  # fmt: skip
        if found.x is None:
            raise ValueError(_WHY.get(found.status, str(found.message)))
        ends.append(np.asarray(found.x, float))
    return ends[0], ends[1]


_WHY = {
    2: "no values satisfy the declared ranges and the published totals together",
    3: "a value without an upper end is under no published total",
}


def imbens_manski(low: float, high: float, errors: tuple[float, float], level: float) -> tuple[float, float]:
    """Return an interval that holds the number, wherever between two bounds it lies, with the level.

    Imbens and Manski (2004), equations 6 and 7: ``low - c s_low`` to ``high + c s_high`` with
    ``Phi(c + (high - low) / max(s)) - Phi(-c) = level``: two-sided where the bounds meet, one-sided where they are far
    apart.

    Examples
    --------
    >>> [round(end, 2) for end in imbens_manski(0.0, 0.0, (1.0, 1.0), 0.95)]
    [-1.96, 1.96]
    >>> [round(end, 2) for end in imbens_manski(0.0, 100.0, (1.0, 1.0), 0.95)]
    [-1.64, 101.64]
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    width = (high - low) / max(errors)
    critical = float(brentq(lambda c: ndtr(c + width) - ndtr(-c) - level, 0.0, 40.0, xtol=1e-12))
    return low - critical * errors[0], high + critical * errors[1]
