"""Confidence limits by inverting a test of a constant effect.

A value theta stays in the interval where the null "every treated unit-period moved by theta" is not rejected. Where
the estimator is linear in the outcome, each draw's statistic is a ratio of polynomials in theta and the limits are
found exactly; else the null is imposed on the data and everything estimated again (`search`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

__all__ = ["FARTHEST", "TIES", "Rejection", "Terms", "limits", "search"]

Array = NDArray[np.float64]

#: Statistics within this relative distance of the observed one are ties, and ties count as extreme.
TIES = 1e-9
_RESOLUTION = 1e-10
_DOUBLINGS = 60
#: How far an end may lie, in steps, before it is called open: beyond, what is left of a statistic is rounding.
FARTHEST = 511.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """When a null is rejected.

    Attributes
    ----------
    most_extreme
        The null is rejected where at most this many draws are as extreme as the observed statistic.
    always_extreme
        Draws that could not be estimated, counted as extreme whatever the null.
    """

    most_extreme: float
    always_extreme: int = 0

    @classmethod
    def at(cls, level: float, draws: int, *, complete: bool, always_extreme: int = 0) -> Rejection:
        """Translate ``p <= 1 - level``: p = #/R for a complete list, (1 + #)/(1 + R) for a sample."""
        alpha = round(1 - level, 12)
        return cls(alpha * draws if complete else alpha * (1 + draws) - 1, always_extreme)

    def rejects(self, extreme: Array | int) -> NDArray[np.bool_]:
        """Tell whether so many extreme draws reject."""
        return np.asarray(np.asarray(extreme) + self.always_extreme <= self.most_extreme + 1e-9)


@dataclass(frozen=True, slots=True)
class Terms:
    """A statistic under the null, for every draw: T(theta) = a - theta b, V(theta) = v0 - 2 theta v1 + theta**2 v2.

    Attributes
    ----------
    a, b : (draws,)
        Estimate on the outcome, and on the indicator of observed treatment.
    v0, v1, v2 : (draws,)
        Variance terms; ones and zeros for a statistic that is not studentised.
    observed
        The same five numbers under the observed assignment.
    """

    a: Array
    b: Array
    v0: Array
    v1: Array
    v2: Array
    observed: tuple[float, float, float, float, float]

    def excess(self, centre: float, unit: float) -> Array:
        """Coefficients, lowest first, of (T**2 V_obs - T_obs**2 V) in x, theta = centre + unit x: (5, draws).

        A draw is as extreme as the observed statistic where its polynomial is not negative.
        """
        square = _square(self.a - centre * self.b, -unit * self.b)
        variance = _shifted(self.v0, self.v1, self.v2, centre, unit)
        a, b, v0, v1, v2 = (np.array([value]) for value in self.observed)
        own_square = _square(a - centre * b, -unit * b)
        own_variance = _shifted(v0, v1, v2, centre, unit)
        return _product(square, own_variance) - (1 - TIES) ** 2 * _product(own_square, variance)


def _square(constant: Array, slope: Array) -> Array:
    return np.stack([constant**2, 2 * constant * slope, slope**2])


def _shifted(v0: Array, v1: Array, v2: Array, centre: float, unit: float) -> Array:
    return np.stack([v0 - 2 * centre * v1 + centre**2 * v2, 2 * unit * (centre * v2 - v1), unit**2 * v2])


def _product(one: Array, two: Array) -> Array:
    """Multiply quadratics, (3, draws) each, to quartics."""
    out = np.zeros((5, max(one.shape[1], two.shape[1])))
    for i in range(3):
        for j in range(3):
            out[i + j] += one[i] * two[j]
    return out


def limits(terms: Terms, rejection: Rejection, *, centre: float, unit: float) -> tuple[float, float]:
    """Lowest and highest theta that are not rejected; infinite where values so far out are not.

    Parameters
    ----------
    centre, unit
        A value that is not rejected (the estimate) and a natural step (its error), for the scale of the search.
    """
    upward = terms.excess(centre, unit)
    downward = upward * np.array([1.0, -1.0, 1.0, -1.0, 1.0])[:, None]
    below, above = (_open_beyond(_outermost(side, rejection)) for side in (downward, upward))
    return centre - unit * below, centre + unit * above


def _open_beyond(end: float) -> float:
    return end if end < FARTHEST else float(np.inf)


def _outermost(excess: Array, rejection: Rejection) -> float:
    """Largest x >= 0 that is not rejected.

    Branch and bound, outermost half first. The Bernstein coefficients of a polynomial on an interval bound it from
    above, so an interval in which too few draws can be extreme is discarded whole.
    """
    end = _rejected_beyond(excess, rejection)
    if np.isinf(end):
        return float(np.inf)
    pending = [(0.0, end)]
    while pending:
        low, high = pending.pop()
        if rejection.rejects(int((_bernstein(excess, low, high).max(0) >= 0).sum())):
            continue
        if high - low <= _RESOLUTION * (1 + high):
            return high
        middle = (low + high) / 2
        pending += [(low, middle), (middle, high)]
    return 0.0


def _rejected_beyond(excess: Array, rejection: Rejection) -> float:
    """Return an x from which on every value is rejected, or infinity."""
    end = 1.0
    for _ in range(_DOUBLINGS):
        ahead = _taylor(excess, end, 1.0)
        # negative at `end` and no positive coefficient ahead of it: negative from there on
        if rejection.rejects(int(((ahead[0] >= 0) | (ahead[1:] > 0).any(0)).sum())):
            return end
        end *= 2
    return float(np.inf)


def _taylor(coefficients: Array, at: float, width: float) -> Array:
    """Coefficients of p(at + width u) in u."""
    degree = len(coefficients) - 1
    move = np.zeros((degree + 1, degree + 1))
    for j in range(degree + 1):
        for i in range(j + 1):
            move[i, j] = comb(j, i) * at ** (j - i) * width**i
    return np.asarray(move @ coefficients)


def _bernstein(coefficients: Array, low: float, high: float) -> Array:
    """Bernstein coefficients on an interval: their largest bounds the polynomial from above."""
    degree = len(coefficients) - 1
    basis = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        for i in range(k + 1):
            basis[k, i] = comb(k, i) / comb(degree, i)
    return np.asarray(basis @ _taylor(coefficients, low, high - low))


def search(
    extreme: Callable[[float], int | None],
    rejection: Rejection,
    draws: int,
    *,
    centre: float,
    unit: float,
    tolerance: float,
    farthest: float = FARTHEST,
) -> tuple[float | None, float | None]:
    """Limits where every null must be estimated anew: step outward until one is rejected, then close in on the end.

    On the normal scale of p the end is near a straight line through two trial values, so few are needed.

    Parameters
    ----------
    extreme
        How many draws are as extreme as the observed statistic under a value of theta. None where the test cannot be
        made: such a value stays in.
    draws
        How many there are.
    centre, unit
        A value that is not rejected (the estimate), and a step that is near its error.
    farthest
        How many steps off an end is called open.
    tolerance
        Width of the final bracket, in `unit`. The outer end is reported, so the interval is never too short by it.

    Returns
    -------
    low, high
        Infinite where no value that was tried is rejected; None where the test cannot be made before one is.
    """

    def depth(count: int) -> float:
        """Return how far a value is on the side of rejection, on the normal scale; zero at the end."""
        return _normal(count + rejection.always_extreme, draws) - _normal(rejection.most_extreme + 0.5, draws)

    def side(sign: float) -> float | None:
        bracket = _Bracket(depth(draws), 0.0, depth(draws))
        while bracket.outer == np.inf:
            trial = bracket.farther()
            if trial >= farthest:
                return float(np.inf)
            count = extreme(centre + sign * unit * trial)
            if count is None:
                return None
            bracket.put(trial, depth(count), rejected=bool(rejection.rejects(count)))
        while bracket.outer - bracket.inner > tolerance:
            trial = bracket.between(tolerance)
            count = extreme(centre + sign * unit * trial)
            if count is None:
                bracket.put(trial, -np.inf, rejected=False)
            else:
                bracket.put(trial, depth(count), rejected=bool(rejection.rejects(count)))
        return bracket.outer

    low, high = side(-1.0), side(1.0)
    return (None if low is None else centre - unit * low), (None if high is None else centre + unit * high)


def _normal(count: float, draws: int) -> float:
    """Turn the number of extreme draws into a normal quantile: p is two-sided."""
    from scipy.special import ndtri

    share = min(max((count + 0.5) / (draws + 1), 0.5 / (draws + 1)), 1.0)
    return float(-ndtri(share / 2))


@dataclass(slots=True)
class _Bracket:
    """A value that is not rejected and one that is, in steps from the centre, and how deep each is in rejection."""

    centre_depth: float
    inner: float
    inner_depth: float
    outer: float = float(np.inf)
    outer_depth: float = float(np.inf)
    trials: int = 0

    def put(self, trial: float, depth: float, *, rejected: bool) -> None:
        """Take in a value that was tried."""
        self.trials += 1
        if rejected:
            self.outer, self.outer_depth = trial, depth
        else:
            self.inner, self.inner_depth = trial, depth

    def farther(self) -> float:
        """Go on from the inner value: once as far as a straight line from the centre says, then 3, 7, 15 and so on."""
        if self.inner == 0.0:
            return max(1.0, -self.centre_depth)
        if self.trials > 1:
            return float(2 ** np.ceil(np.log2(1.5 * self.inner + 1)) - 1)
        rise = self.inner_depth - self.centre_depth
        crossing = -self.inner * self.centre_depth / rise if rise > 0 else np.inf
        return float(np.clip(1.02 * crossing, 1.1 * self.inner, 2 * self.inner + 1))

    def between(self, tolerance: float) -> float:
        """Try both sides of where the line between the two crosses zero; the middle every third time."""
        middle = (self.inner + self.outer) / 2
        rise = self.outer_depth - self.inner_depth
        if self.trials % 3 == 0 or not np.isfinite(rise) or rise <= 0:
            return middle
        crossing = self.inner - self.inner_depth / rise * (self.outer - self.inner)
        nearer = crossing - self.inner < self.outer - crossing
        beyond = max(0.4 * tolerance, 0.05 * (self.outer - self.inner))
        trial = crossing + (beyond if nearer else -beyond)
        least = min(0.4 * tolerance, (self.outer - self.inner) / 4)
        return float(np.clip(trial, self.inner + least, self.outer - least))
