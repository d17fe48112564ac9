"""The size of an effect that a permutation test finds with a given power, from the draws of the test itself.

With the effect taken out, each random adoption says how large an effect it would have needed: under an estimate b with
error s an effect d of sign g is found where ``|b + g d| >= c s``, and so from ``d = c s - g b`` on. The power at d is
the share of adoptions that need no more. An effect moves the critical value c too, so it is asked again with effects
in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FALL", "RISE", "Found", "Lots", "findable"]

Array = NDArray[np.float64]

FALL, RISE = -1.0, 1.0
#: Parts of the draws behind a Monte Carlo error.
BATCHES = 10


@dataclass(frozen=True, slots=True)
class Lots:
    """A quantity under random adoptions, (draws,): estimates, and the errors that they are divided by."""

    estimate: Array
    error: Array

    @property
    def usable(self) -> Lots:
        """The draws that have both."""
        kept = np.isfinite(self.estimate) & (self.error > 0)
        return Lots(self.estimate[kept], self.error[kept])

    def critical(self, alpha: float) -> float:
        """Return the statistic from which a test on these draws rejects: ``(1 + #)/(1 + R) <= alpha``."""
        size = np.sort(np.abs(self.estimate) / self.error)[::-1]
        rank = int(np.floor(alpha * (1 + len(size)) + 1e-9))
        return float(size[rank - 1]) if rank >= 1 else float("inf")


@dataclass(frozen=True, slots=True)
class Found:
    """A size that is found with the power aimed at.

    Attributes
    ----------
    size
        Without a sign.
    error
        Monte Carlo error of `size`: of the draws and of the critical value.
    needed : (draws,)
        What each adoption would have needed.
    """

    size: float
    error: float
    needed: Array

    def power_at(self, size: float) -> tuple[float, float]:
        """Return the power at a size and its Monte Carlo error."""
        share = float((self.needed <= size).mean())
        return share, float(np.sqrt(share * (1 - share) / len(self.needed)))


def findable(lots: Lots, placed: Callable[[float], list[Lots]], sign: float, *, alpha: float, power: float) -> Found:
    """Find the size of an effect of one sign that a test at level alpha finds with some power.

    Parameters
    ----------
    lots
        Draws of the test with the effect taken out.
    placed
        Gives, for an effect with its sign, the test's draws on a few adoptions in which it is in place.
    sign
        `FALL` or `RISE`.
    """
    first = _size(_needed(lots, lots.critical(alpha), sign), power)
    critical = np.array([one.critical(alpha) for one in placed(sign * first)])
    needed = _needed(lots, float(critical.mean()), sign)
    parts = [_size(part, power) for part in np.array_split(needed, BATCHES)]
    of_draws = float(np.var(parts, ddof=1)) / BATCHES
    of_critical = float(np.var(critical, ddof=1)) / len(critical) * float(np.median(lots.error)) ** 2
    return Found(_size(needed, power), float(np.sqrt(of_draws + of_critical)), needed)


def _needed(lots: Lots, critical: float, sign: float) -> Array:
    return np.asarray(critical * lots.error - sign * lots.estimate)


def _size(needed: Array, power: float) -> float:
    return float(np.quantile(needed, power))
