"""Sets of effects that a path allows where it may have diverged by so much, and the divergence that reaches zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.fixed_length import FixedLength, fixed_length
from sos_eval.numerics.hybrid import accepted, moments
from sos_eval.numerics.restrictions import Bound, Monotone, Sign, Timeline

__all__ = ["Interval", "PathSets"]

Array = NDArray[np.float64]
#: The first stage's share of the size, as the paper has it.
KAPPA = 0.1
_DOUBLINGS, _HALVINGS = 10, 12
CUT = "the set reaches the end of the grid: declare a wider one (grid_reach)"
EMPTY = "no value is left: no path that the restriction allows fits the estimates"


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a set; NaN where one is not known, `reason` says why."""

    low: float
    high: float
    reason: str = ""

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is certainly outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class PathSets:
    """Sets for ``weights' (effects after the base)`` from estimates at event times.

    Without sign and direction the set of `smoothness` is the shortest interval of fixed length; all others are made of
    hybrid tests on a grid.

    Attributes
    ----------
    estimates : (q + p,)
        Effects before and after the base.
    covariance : (q + p, q + p)
        Regular, taken as known.
    timeline
        Their event times.
    weights : (p,)
        Of the effects after the base.
    bound, sign, monotone
        The restriction; see `Timeline.pieces`.
    alpha
        One minus the coverage.
    grid : (g,)
        Values of the effect that are tested, increasing.
    normal : (draws, q + p)
        Standard normal draws for the first stage.
    """

    estimates: Array
    covariance: Array
    timeline: Timeline
    weights: Array
    bound: Bound
    sign: Sign | None
    monotone: Monotone | None
    alpha: float
    grid: Array
    normal: Array

    @property
    def is_fixed_length(self) -> bool:
        """Whether the set is the shortest interval of fixed length."""
        return self.bound == "smoothness" and self.sign is None and self.monotone is None

    @cached_property
    def why_not(self) -> str:
        """Say what the restriction needs and the event times do not have; empty where there is nothing."""
        whole = self.timeline
        if self.bound == "relative_magnitudes":
            return ""
        if self.bound == "relative_trend" and len(whole.before) < 2:
            return "one period before the base has no change of step"
        needed = whole.whole[: len(whole.before) + 1] if self.is_fixed_length else whole.whole
        gaps = np.flatnonzero(np.diff(needed) != 1)
        if not len(gaps):
            return ""
        near = f"{needed[gaps[0]]:g} and {needed[gaps[0] + 1]:g}"
        return f"changes of step need every period, and one is missing between event times {near}"

    @property
    def error(self) -> float:
        """Standard error of the effect where paths are parallel."""
        p = len(self.weights)
        return float(np.sqrt(self.weights @ self.covariance[-p:, -p:] @ self.weights))

    def interval(self, m: float) -> Interval:
        """Return the hull of the set at M; ends on a grid are the first values outside, so that none is lost.

        Raises
        ------
        TooManyRays
            The restriction has too many vertices.
        """
        if self.is_fixed_length:
            made = self._fixed_length(m)
            centre = float(made.weights @ self.estimates)
            return Interval(centre - made.half, centre + made.half)
        inside = self._accepted(m, self.estimates, self.grid)
        if not inside.any():
            return Interval(np.nan, np.nan, EMPTY)
        first, last = np.flatnonzero(inside)[[0, -1]]
        low = np.nan if inside[0] else float(self.grid[first - 1])
        high = np.nan if inside[-1] else float(self.grid[last + 1])
        return Interval(low, high, CUT if inside[0] or inside[-1] else "")

    def holds_zero(self, m: float) -> bool:
        """Whether zero is certainly in the set at M: between its ends, which lie beyond the grid's where it is cut."""
        found = self.interval(m)
        if not found.reason:
            return found.low <= 0 <= found.high
        low, high = np.where(np.isnan([found.low, found.high]), self.grid[[0, -1]], [found.low, found.high])
        inside = found.reason == CUT and bool(low <= 0 <= high)
        return inside or not self.rejects_zero(m, self.estimates[None])[0]

    def rejects_zero(self, m: float, estimates: Array) -> NDArray[np.bool_]:
        """Say for which estimates (draws, q + p) the set at M leaves zero out."""
        if self.is_fixed_length:
            made = self._fixed_length(m)
            return np.asarray(np.abs(estimates @ made.weights) > made.half)
        return ~self._accepted(m, estimates, np.zeros(len(estimates)))

    def breakdown(self, unit: float) -> float:
        """Return the smallest M not known to leave zero out, by halving; NaN where 0 is not, infinite where all are.

        Parameters
        ----------
        unit
            M that is tried first; it is doubled until zero is inside.
        """
        if not self.interval(0.0).excludes_zero:
            return float("nan")
        low, high = 0.0, unit
        for _ in range(_DOUBLINGS):
            if not self.interval(high).excludes_zero:
                break
            low, high = high, 2 * high
        else:
            return float("inf")
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.interval(middle).excludes_zero else (low, middle)
        return high

    def _accepted(self, m: float, estimates: Array, theta: Array) -> NDArray[np.bool_]:
        pieces = self.timeline.pieces(self.bound, m, self.sign, self.monotone)
        kappa = KAPPA * self.alpha
        made = moments(pieces, self.weights, self.covariance, self.normal, kappa)
        return accepted(made, estimates, theta, alpha=self.alpha, kappa=kappa)

    def _fixed_length(self, m: float) -> FixedLength:
        after = self.timeline.after - self.timeline.base
        return fixed_length(self.covariance, after, self.weights, m=m, alpha=self.alpha)
