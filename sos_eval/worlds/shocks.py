"""Shocks: a pandemic year for everybody, a surge of unaccompanied children for a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import nearest
from sos_eval.worlds.problems import Problem

__all__ = ["Shock", "add_shocks"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shock(Declared):
    """An event in named periods."""

    name: str
    """What it was."""
    change: dict[int, float]
    """Period to proportional change: {2021: -0.09}. With ``link: identity``, the change itself."""
    spread: Annotated[float, Ge(0)] = 0.0
    """Standard deviation over authorities and draws, on the scale of `outcome.link`."""
    authorities: Annotated[int, Ge(1)] | None = None
    """How many it hits; without it, all."""
    regions: tuple[str, ...] = ()
    """Where those are; empty: anywhere."""

    def problems(self, regions: Sequence[str], n: int, times: tuple[int, int], *, log: bool) -> Iterator[Problem]:
        """Say what contradicts what."""
        first, last = times
        for time, change in self.change.items():
            if log and change <= -1:
                yield Problem(("change", str(time)), f"{change} leaves no rate above zero", "write more than -1")
            if not first <= time <= last:
                yield Problem(("change",), f"{time} is outside the world's times", f"write {first} to {last}")
        for name in self.regions:
            if name not in regions:
                yield Problem(("regions",), f"no region is called {name!r}", nearest(name, regions))
        if self.authorities and self.authorities > n:
            yield Problem(("authorities",), f"{self.authorities} of {n} authorities", "write a smaller number")


def add_shocks(
    eta: Array,
    shocks: tuple[Shock, ...],
    regions: NDArray[np.object_],
    times: Array,
    rng: np.random.Generator,
    *,
    log: bool,
) -> None:
    """Add shocks to the linear predictor, (reps, n, n_times), in place.

    On the log scale their mean factor is the declared change. Who is hit by a concentrated shock is drawn anew in
    every draw, among the authorities of its regions.
    """
    every = np.arange(len(eta))[:, None]
    for shock in shocks:
        hit = _who(shock, regions, len(eta), rng)
        for time, change in shock.change.items():
            size = np.log1p(change) - shock.spread**2 / 2 if log else change
            noise = shock.spread * rng.standard_normal((len(eta), hit.shape[1])) if shock.spread else 0.0
            eta[every, hit, np.searchsorted(times, time)] += size + noise


def _who(shock: Shock, regions: NDArray[np.object_], reps: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Say who is hit, (reps, k); (1, k) where it is everybody there."""
    inside = np.flatnonzero(np.isin(regions, shock.regions) if shock.regions else np.ones(len(regions), bool))
    if shock.authorities is None or shock.authorities >= len(inside):
        return inside[None]
    return np.asarray(inside[np.argsort(rng.random((reps, len(inside))), axis=-1)[:, : shock.authorities]])
