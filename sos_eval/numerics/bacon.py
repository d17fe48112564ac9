"""A two-way coefficient as a weighted mean of comparisons of two groups (Goodman-Bacon 2021, theorem 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Comparison2x2", "Kind", "decomposed"]

Array = NDArray[np.float64]
Kind = Literal["untreated", "later", "earlier"]


@dataclass(frozen=True, slots=True)
class Comparison2x2:
    """Two groups compared over the periods in which one of them does not change.

    Attributes
    ----------
    treated, compared : float
        Starts; ``inf`` for units untreated throughout.
    kind
        Whether the others are untreated, start later, or are treated already (earlier).
    estimate, weight : float
        Weights sum to one over all comparisons.
    """

    treated: float
    compared: float
    kind: Kind
    estimate: float
    weight: float


def decomposed(outcomes: Array, starts: Array, times: Array) -> list[Comparison2x2]:
    """Decompose the coefficient of a two-way regression on treatment.

    Parameters
    ----------
    outcomes : (n, t)
        Without gaps.
    starts : (n,)
        First treated periods, ``inf`` for never; units of those up to ``times[0]`` are only compared with.
    times : (t,)
    """
    merged = np.where(starts > times[-1], np.inf, np.where(starts <= times[0], times[0], starts))
    groups = np.unique(merged)
    means = {float(one): outcomes[merged == one].mean(0) for one in groups}
    sizes = {float(one): float((merged == one).mean()) for one in groups}
    found = [
        _compared(means, sizes, times, float(own), float(other))
        for own in groups[np.isfinite(groups) & (groups > times[0])]
        for other in groups
        if other != own
    ]
    total = sum(one.weight for one in found)
    return [Comparison2x2(one.treated, one.compared, one.kind, one.estimate, one.weight / total) for one in found]


def _compared(
    means: dict[float, Array], sizes: dict[float, float], times: Array, treated: float, other: float
) -> Comparison2x2:
    """Compare a group that starts with another over the periods in which the other does not change."""
    kind: Kind = "untreated" if np.isinf(other) else "later" if other > treated else "earlier"
    during = times >= other if kind == "earlier" else times < other
    after = during & (times >= treated)
    before = during & (times < treated)
    change = [means[one][after].mean() - means[one][before].mean() for one in (treated, other)]
    size, share = sizes[treated] + sizes[other], sizes[treated] / (sizes[treated] + sizes[other])
    length, part = during.mean(), after.sum() / during.sum()
    weight = (size * length) ** 2 * share * (1 - share) * part * (1 - part)
    return Comparison2x2(treated, other, kind, float(change[0] - change[1]), float(weight))
