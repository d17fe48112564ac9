"""The size of an effect that a permutation test finds with a given power, from the draws of the test itself.

With the effect taken out, each random adoption says how large an effect it would have needed: under an estimate b with
error s an effect d of sign g is found where ``|b + g d| >= c s``, and so from ``d = c s - g b`` on. The power at d is
the share of adoptions that need no more. An effect moves the critical value c too, so it is asked again with effects
in place. Where all adoptions are listed each has a critical value of its own, which its mirror image does not enter.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.inversion import FARTHEST, TIES
from sos_eval.numerics.lots import symmetric_ranks

__all__ = ["FALL", "RISE", "Found", "Lots", "findable"]

Array = NDArray[np.float64]

FALL, RISE = -1.0, 1.0
#: Parts of the draws behind a Monte Carlo error.
BATCHES = 10
#: Step by which a size is moved until a list finds it so often, and how often the last step is halved.
STEP, HALVINGS = 0.25, 7


@dataclass(frozen=True, slots=True)
class Lots:
    """A quantity under random adoptions: estimates, (draws,), and what they are divided by, (draws, k).

    With k = 2 two statistics are taken together: the smaller of their p values is judged among the same draws.
    """

    estimate: Array
    error: Array

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which draws have all of it, (draws,)."""
        return np.asarray(np.isfinite(self.estimate) & (self.error > 0).all(1))

    @property
    def size(self) -> Array:
        """Statistics without a sign, (draws, k); those that do not exist are extreme."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.usable[:, None], np.abs(self.estimate)[:, None] / self.error, np.inf)

    def critical(self, alpha: float) -> Array:
        """Return the statistics, (k,), from which a test on a sample rejects: ``(1 + #)/(1 + R) <= alpha``."""
        return _critical(self.size, int(np.floor(alpha * (1 + len(self.size)) + 1e-9)))

    def critical_of(self, own: int, alpha: float) -> Array:
        """Return the same, (k,), for the adoption in one row of a complete list: ``#/R <= alpha``.

        Rows tied with it, as its mirror image is, are as extreme as it is whatever its statistic.
        """
        tied = self.tied(own)
        return _critical(self.size[~tied], int(np.floor(alpha * len(tied) + 1e-9)) - int(tied.sum()) + 1)

    def tied(self, own: int) -> NDArray[np.bool_]:
        """Tell which rows are as large as one of them in every statistic, itself among them, (draws,)."""
        if not self.usable[own]:
            return np.asarray(np.arange(len(self.estimate)) == own)
        return np.asarray((np.abs(self.size - self.size[own]) <= TIES * self.size[own]).all(1))

    def needed_of(self, own: int, effect: float, alpha: float) -> float:
        """Return the effect with which the adoption in one row of a complete list rejects, of the sign of `effect`.

        Parameters
        ----------
        effect
            The one that is in place in that row; the other rows are left as they are with it.

        Returns
        -------
        float
            Without a sign; infinite where no effect suffices, NaN where the row has no estimate.
        """
        if not self.usable[own]:
            return float("nan")
        bare = math.copysign(1.0, effect) * float(self.estimate[own]) - abs(effect)
        size, tied, error = self.size, self.tied(own)[:, None], self.error[own]
        others = size[~tied[:, 0]]
        passes = np.sort((others * error)[np.isfinite(others)])  # its estimate where it passes another row
        steps = np.r_[0.0, passes, 2 * passes[-1:] + 1]
        between = (steps[1:] + steps[:-1]) / 2

        def rejects(i: int) -> bool:
            smallest = _smallest_ranks(np.where(tied, between[i] / error, size))
            return bool((smallest <= smallest[own] * (1 + TIES)).mean() <= alpha + 1e-12)

        first = bisect_left(range(len(between)), True, key=rejects)
        return float(steps[first] - bare) if first < len(between) else float("inf")


def _smallest_ranks(size: Array) -> Array:
    """Return the smaller p of each row's statistics by their ranks, (draws,)."""
    return np.asarray(np.min([symmetric_ranks(column) for column in size.T], axis=0))


def _critical(size: Array, rank: int) -> Array:
    """Return the statistics, (k,), that so many draws (or the smaller p of so many) reach."""
    if rank < 1:
        return np.full(size.shape[1], np.inf)
    place = round(float(np.sort(_smallest_ranks(size))[rank - 1]) * len(size)) if rank <= len(size) else 0
    return np.asarray(-np.sort(-size, axis=0)[place - 1]) if place else np.zeros(size.shape[1])


@dataclass(frozen=True, slots=True)
class Found:
    """A size that is found with the power aimed at.

    Attributes
    ----------
    size
        Without a sign.
    error
        Monte Carlo error of `size`: of the draws and of the critical value; 0 of a complete list.
    needed : (draws,)
        What each adoption would have needed.
    asked
        Of all adoptions there are: gives what each would have needed with an effect of a size in place, which moves
        with the size. None of a sample, whose needs are those at `size`.
    """

    size: float
    error: float
    needed: Array
    asked: Callable[[float], Array] | None = field(default=None, compare=False)

    @property
    def listed(self) -> bool:
        """Whether these are all adoptions there are: a share of them has no Monte Carlo error."""
        return self.asked is not None

    def found_at(self, size: float) -> NDArray[np.bool_]:
        """Tell which adoptions find an effect of a size, with its sign, (draws,)."""
        return np.asarray((self.needed if self.asked is None else self.asked(size)) <= size)

    def power_at(self, size: float) -> tuple[float, float]:
        """Return the power at a size and its Monte Carlo error."""
        share = float(self.found_at(size).mean())
        return share, 0.0 if self.listed else float(np.sqrt(share * (1 - share) / len(self.needed)))


def findable(
    lots: Lots, placed: Callable[[float], Array], sign: float, *, alpha: float, power: float, listed: bool = False
) -> Found:
    """Find the size of an effect of one sign that a test at level alpha finds with some power.

    Parameters
    ----------
    lots
        Draws of the test with the effect taken out.
    placed
        Gives, for an effect with its sign, the test's critical values on a few adoptions in which it is in place,
        (places, k); where `listed`, what each adoption would have needed, (draws,), NaN where it has no estimate.
    sign
        `FALL` or `RISE`.
    listed
        Whether `lots` are all adoptions there are: each has needs of its own, and no error of draws is in them.

    Returns
    -------
    Found
        Infinite where no size is found so often.
    """
    usable = lots.usable
    known, critical = Lots(lots.estimate[usable], lots.error[usable]), lots.critical(alpha)
    needed = _needed(known, critical, sign)
    first = _size(needed, power)
    if not 0 < first < np.inf:  # nothing is found so often, or an effect of nought is
        return Found(max(first, 0.0), float("nan"), needed)
    if listed:
        return _in_list(lambda size: placed(math.copysign(size, sign)), first, power)
    critical = placed(sign * first)
    needed = _needed(known, critical.mean(0), sign)
    parts = [_size(part, power) for part in np.array_split(needed, BATCHES)]
    of_draws = float(np.var(parts, ddof=1)) / BATCHES
    of_critical = float((np.var(critical, axis=0, ddof=1) / len(critical) * np.median(known.error, axis=0) ** 2).max())
    return Found(_size(needed, power), float(np.sqrt(of_draws + of_critical)), needed)


def _in_list(placed: Callable[[float], Array], first: float, power: float) -> Found:
    """Return the smallest size that the share aimed at of a complete list finds, to a hundredth of `STEP`."""
    tried: dict[float, Array] = {}

    def asked(size: float) -> Array:
        if size not in tried:
            needed = placed(size)
            tried[size] = needed[~np.isnan(needed)]
        return tried[size]

    def enough(size: float) -> bool:
        return bool((asked(size) <= size).mean() >= power)

    high = first
    while not enough(high):
        if float((~np.isfinite(tried[high])).mean()) > 1 - power or high > FARTHEST * first:
            return Found(float("inf"), float("nan"), tried[high], asked)
        high *= 1 + STEP
    low = high / (1 + STEP)
    while low not in tried and enough(low):
        high, low = low, low / (1 + STEP)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return Found(high, 0.0, tried[high], asked)


def _needed(lots: Lots, critical: Array, sign: float) -> Array:
    return np.asarray((critical * lots.error).min(1) - sign * lots.estimate)


def _size(needed: Array, power: float) -> float:
    return float(np.quantile(needed, power))
