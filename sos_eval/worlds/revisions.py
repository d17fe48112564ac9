"""Revisions: what the figures of one release still have to be put right, counts and populations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval, MinLen
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DesignFault, Fault
from sos_eval.worlds.problems import Problem

__all__ = ["Error", "Rebasing", "Revisions", "publish", "publish_children"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Error(Declared):
    """What is wrong with counts of one age."""

    share: Annotated[float, Interval(ge=0, le=1)]
    """Share of the figures that later releases will change."""
    size: Annotated[float, Ge(1)] = 1.0
    """Mean absolute change of those, in people; geometric, at least 1."""


@dataclass(frozen=True)
class Rebasing(Declared):
    """Population estimates drift away from the last census, until the next one puts the whole series right."""

    census: Annotated[tuple[int, ...], MinLen(1)]
    """Periods in which children were counted. A number rests on the last census before it that the release knows, and
    is true where the release knows a later one, or none."""
    delay: Annotated[int, Ge(0)] = 2
    """Periods from a census to the release that has the series rebased on it."""
    drift: float = 0.0
    """Mean over authorities of the relative error a period since the census: 0.002 is 0.2% too many children."""
    drift_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation over authorities of that error."""


@dataclass(frozen=True)
class Revisions(Declared):
    """The panel as one release has it. What is true is drawn first: another `release` of the same seed revises it."""

    release: int | None = None
    """Period of the release; without it the world's last one, whose figures are then new (age 0)."""
    by_age: dict[Annotated[int, Ge(0)], Error] = field(default_factory=dict)
    """Age of a count (release less its period) to what is wrong with it; ages that are not named are final."""
    too_low: Annotated[float, Interval(ge=0, le=1)] = 0.5
    """Share of the wrong counts that are too low: late returns add children more often than corrections remove them."""
    rebasing: Rebasing | None = None
    """What is wrong with the population; without it nothing."""

    def problems(self, last: int) -> Iterator[Problem]:
        """Say what contradicts what."""
        if self.release is not None and self.release < last:
            what = f"{self.release} is before the world's last period {last}, which it could not have published"
            yield Problem(("release",), what, f"write {last} or later, or end times earlier")


def publish(spec: Revisions, counts: Array, times: Array, rng: np.random.Generator) -> Array:
    """Return counts as the release has them, (reps, n, n_times).

    Three uniforms a figure, whatever its age, decide whether it is wrong, by how much and in which direction; so
    the same seed and a later release give the same true counts with some of the errors mended. An error that would
    take a count below zero is not made.
    """
    wrong, size, low = rng.random((3, *counts.shape))
    ages = (times[-1] if spec.release is None else spec.release) - times
    errors = [spec.by_age.get(int(age), Error(0.0)) for age in ages]
    share, mean = np.array([one.share for one in errors]), np.array([one.size for one in errors])
    change = _geometric(size, mean) * np.where(low < spec.too_low, -1.0, 1.0)
    change[(wrong >= share) | (counts + change < 0)] = 0.0
    return np.asarray(counts + change)


def _geometric(uniform: Array, mean: Array) -> Array:
    """Turn uniforms into whole numbers from 1 on, geometric with a mean, by inversion."""
    with np.errstate(divide="ignore"):
        rate = np.log1p(-1 / mean)  # minus infinity where every error is 1
    return np.asarray(np.maximum(np.ceil(np.log1p(-uniform) / rate), 1.0))


def publish_children(spec: Revisions, children: Array, times: Array, rng: np.random.Generator) -> Array:
    """Return the population as the release has it, (n, n_times), in whole children.

    Raises
    ------
    DesignFault
        The drift leaves an authority without children.
    """
    drifting = spec.rebasing
    if drifting is None:
        return children
    release = times[-1] if spec.release is None else spec.release
    known = np.sort([year for year in drifting.census if year + drifting.delay <= release])
    based = np.searchsorted(known, times, side="right")  # how many censuses lie at or before each period
    last = (based == len(known)) & (len(known) > 0)
    since = np.where(last, times - known[-1] if len(known) else 0.0, 0.0)
    drift = drifting.drift + drifting.drift_sd * rng.standard_normal(len(children))
    published = np.round(children * (1 + drift[:, None] * since))
    if (published < 1).any():
        what = "revisions.rebasing: the drift leaves an authority without children"
        raise DesignFault(Fault("world", what, "write a smaller drift_sd"))
    return np.asarray(published)
