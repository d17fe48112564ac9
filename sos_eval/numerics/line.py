"""Greedy matching on one number, without a matrix of distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.assignment import TIE

__all__ = ["nearest_on_line"]

Array = NDArray[np.float64]
Chosen = NDArray[np.intp]


def nearest_on_line(near: Array, far: Array, *, order: Chosen, ratio: int = 1, reach: float = np.inf) -> Chosen:
    """Match as `assignment.nearest` does on distances of one number, without replacement, in memory linear in units.

    Donors stand on a line, those of equal number in the order of their positions; a treated unit looks at the next that
    is left on either side. Numbers closer than 1e-12 of the largest distance are equal.

    Parameters
    ----------
    near : (n_treated,)
        The number of the treated units.
    far : (n_untreated,)
        That of the donors.
    order : (n_treated,)
        Positions of the treated in the order in which they choose.
    ratio
        Donors per treated unit, at most.
    reach
        Largest distance of a pair.

    Returns
    -------
    chosen : (n_treated, ratio)
        Positions of donors, -1 where there was none left.
    """
    chosen = np.full((len(near), ratio), -1, dtype=np.intp)
    if not len(far) or not len(near):
        return chosen
    low = min(near.min(), far.min())
    step = TIE * (max(near.max() - far.min(), far.max() - near.min()) or 1.0)
    places, group = np.unique(np.round((far - low) / step), return_inverse=True)
    here = np.round((near - low) / step)
    line = _Line(places, group)
    at = np.searchsorted(places, here)
    for rank in range(ratio):
        for unit in order.tolist():
            donor = line.next_to(float(here[unit]), int(at[unit]))
            if donor is not None and abs(near[unit] - far[donor]) <= reach:
                chosen[unit, rank] = donor
                line.take(int(group[donor]))
    return chosen


class _Line:
    """Donors at their places, from left to right; those that were taken are gone."""

    def __init__(self, places: Array, group: Chosen) -> None:
        self.places: list[float] = places.tolist()
        self.queue: list[int] = np.argsort(group, kind="stable").tolist()
        ends = np.cumsum(np.bincount(group, minlength=len(places)))
        self.first: list[int] = np.concatenate([[0], ends[:-1]]).tolist()
        self.end: list[int] = ends.tolist()
        # the nearest place that is not empty, itself at first; one place more on either side is never empty
        self.left = list(range(len(places) + 2))
        self.right = list(range(len(places) + 2))

    def next_to(self, number: float, at: int) -> int | None:
        """Return the nearest donor left; `at` is the first place not below the number. Ties: the first by position."""
        right, left = _found(self.right, at + 1), _found(self.left, at)
        above = self.places[right - 1] - number if right <= len(self.places) else np.inf
        below = number - self.places[left - 1] if left >= 1 else np.inf
        if above == below == np.inf:
            return None
        if above == below:
            return min(self._head(left), self._head(right))
        return self._head(right if above < below else left)

    def _head(self, node: int) -> int:
        return self.queue[self.first[node - 1]]

    def take(self, place: int) -> None:
        """Take the first donor of a place away."""
        self.first[place] += 1
        if self.first[place] == self.end[place]:
            self.left[place + 1], self.right[place + 1] = place, place + 2


def _found(links: list[int], node: int) -> int:
    """Follow links to a place that is not empty, and shorten the way."""
    root = node
    while links[root] != root:
        root = links[root]
    while links[node] != root:
        links[node], node = root, links[node]
    return root
