"""Practice outside the recorded adopters: spread to neighbours, and use that nobody records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.worlds.problems import Problem

__all__ = ["Contamination", "Spillover", "neighbours_of", "spilled", "unrecorded"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spillover(Declared):
    """Practice that spreads to untreated neighbours."""

    share: float = 0.25
    """Share of the effect, times the share of an authority's neighbours that have started."""
    neighbours: Annotated[int, Ge(2)] | None = None
    """How many neighbours an authority has, half of them on either side in its region's ring of codes, so that
    neighbours are each other's; without it, all authorities of its region, itself among them."""

    def problems(self, *, lacking: str = "", smallest: int | None = None) -> Iterator[Problem]:
        """Say what contradicts what.

        Parameters
        ----------
        lacking
            What would name the regions, where nothing does.
        smallest
            Authorities of the smallest region, where that is known.
        """
        if self.neighbours is None:
            if lacking:
                what = "neighbours are the authorities of a region"
                yield Problem((), what, f"add {lacking}, or neighbours: 4")
            return
        if self.neighbours % 2:
            what = f"{self.neighbours}: as many stand on either side"
            yield Problem(("neighbours",), what, "write an even number")
        if smallest is not None and self.neighbours >= smallest:
            what = f"{self.neighbours} neighbours in a region of {smallest} authorities"
            yield Problem(("neighbours",), what, "write a smaller number")


@dataclass(frozen=True)
class Contamination(Declared):
    """Untreated authorities that use the programme without anybody's record of it."""

    share: Annotated[float, Interval(ge=0, le=1)] = 0.2
    """Share of the never treated."""
    dose: float = 0.5
    """Share of the effect that they have, from `start`."""
    start: int | None = None
    """First period; without it, the first start of anyone."""


def spilled(spec: Spillover, regions: NDArray[np.object_], started: Array) -> Array:
    """Return the dose that the not yet treated have from their neighbours, (..., n, n_times).

    Parameters
    ----------
    started : (..., n, n_times)
        Ones from each authority's start.
    """
    beside = neighbours_of(regions, spec.neighbours)
    around = beside @ started / beside.sum(1, keepdims=True)
    return np.asarray(spec.share * around * (1 - started))


def neighbours_of(regions: NDArray[np.object_], neighbours: int | None) -> Array:
    """Return who is whose neighbour, (n, n) of zeros and ones.

    Without a number of neighbours: all authorities of the region, itself among them. With one: the nearest in the
    region's ring, half on either side.
    """
    if neighbours is None:
        return np.asarray(regions[:, None] == regions, float)
    beside = np.zeros((len(regions), len(regions)))
    for region in dict.fromkeys(regions):
        members = np.flatnonzero(regions == region)
        for step in range(1, neighbours // 2 + 1):
            beside[members, np.roll(members, step)] = 1.0
            beside[members, np.roll(members, -step)] = 1.0
    return beside


def unrecorded(spec: Contamination, first_treated: Array, times: Array, rng: np.random.Generator) -> Array:
    """Return the dose that unrecorded users have, (n, n_times)."""
    dose = np.zeros((len(first_treated), len(times)))
    never = np.flatnonzero(~np.isfinite(first_treated))
    users = rng.permutation(never)[: round(spec.share * len(never))]
    start = spec.start if spec.start is not None else float(first_treated.min())
    dose[users] = np.where(times >= start, spec.dose, 0.0)
    return dose
