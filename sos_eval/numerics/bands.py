"""Critical values of simultaneous (sup-t) bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

__all__ = ["Critical", "at_level", "enough_draws", "pointwise", "quantile_with_error", "sup_t"]

Array = NDArray[np.float64]

#: Below so many draws all are simulated plainly.
_PLAIN = 2_000
#: Vectors of the tail for each plain draw beyond the quantile, as precise; and draws for each vector of the pilot.
_IN_TAIL, _PILOT = 2.5, 20


@dataclass(frozen=True, slots=True)
class Critical:
    """A critical value, and the standard error that comes from simulating it (zero where it is exact)."""

    value: float
    monte_carlo_error: float


def sup_t(correlation: Array, *, level: float, draws: int, rng: np.random.Generator, df: float = np.inf) -> Critical:
    """Quantile of the largest absolute entry of a multivariate normal (or t) vector.

    Montiel Olea and Plagborg-Møller (2019), algorithm 1, with the plug-in correlation; with finite ``df`` every
    draw is divided by the root of one chi-square over its degrees of freedom. Many draws at a high level are replaced
    by fewer vectors that are simulated where they matter (`_tail`), which is as precise.

    Parameters
    ----------
    correlation : (m, m)
        Correlation of the estimates; may be singular.
    level
        Joint coverage.
    draws
        Simulated vectors, or what their precision is worth.
    rng
        Source of randomness.
    df
        Degrees of freedom; infinite for the normal.

    Returns
    -------
    Critical
        Exact for a single estimate.
    """
    if len(correlation) == 1:
        return Critical(pointwise(level, df), 0.0)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    kept = eigenvalues > 0
    root = (vectors[:, kept] * np.sqrt(eigenvalues[kept])).T
    fewer = int(np.ceil(_IN_TAIL * draws * (1 - level) / level))
    if draws < _PLAIN or fewer > draws / 2:
        return quantile_with_error(_largest(root, draws, rng, df), level)
    pilot = np.sort(_largest(root, draws // _PILOT, rng, df))
    for share in (3, 6, 12):  # a threshold below the quantile: of the pilot, so with a margin
        threshold = at_level(pilot, max(1 - share * (1 - level), 0.0)) if share * (1 - level) < 1 else pilot[0]
        largest, weight = _tail(correlation, root, float(threshold), fewer, rng, df)
        if weight.sum() >= 1.5 * (1 - level):
            return _tail_quantile(largest, weight, level)
    return quantile_with_error(_largest(root, draws, rng, df), level)


def _largest(root: Array, draws: int, rng: np.random.Generator, df: float) -> Array:
    """Simulate the largest absolute entry, (draws,); root (r, m) has the correlation as its cross product."""
    drawn = rng.standard_normal((draws, len(root))) @ root
    largest = np.maximum(drawn.max(1), -drawn.min(1))
    scale = np.sqrt(rng.chisquare(df, draws) / df) if np.isfinite(df) else 1.0
    return np.asarray(largest / scale)


def _tail(
    correlation: Array, root: Array, threshold: float, draws: int, rng: np.random.Generator, df: float
) -> tuple[Array, Array]:
    """Simulate vectors with an entry beyond a threshold: their largest entries (draws,), and what each draw counts.

    Adler, Blanchet and Liu (2012), section 3: an entry j is picked at random and drawn beyond the threshold, the others
    given it. A vector with N entries beyond the threshold is drawn N times too often, so that the draws whose largest
    entry exceeds c count, together, P(largest > c), for every c from the threshold on.
    """
    m = len(correlation)
    beyond = 2 * (1 - float(ndtr(threshold) if np.isinf(df) else stdtr(df, threshold)))
    picked, tail = rng.integers(m, size=draws), 1 - beyond / 2 * rng.random(draws)
    entry = ndtri(tail) if np.isinf(df) else stdtrit(df, tail)
    drawn = rng.standard_normal((draws, len(root))) @ root
    row = np.arange(draws)
    if np.isfinite(df):  # given an entry, the others are t with a degree of freedom more
        drawn *= np.sqrt((df + entry**2) / rng.chisquare(df + 1, draws))[:, None]
    drawn += correlation[picked] * (entry - drawn[row, picked])[:, None]
    size = np.abs(drawn, out=drawn)
    size[row, picked] = entry
    return size.max(1), m * beyond / (size >= threshold).sum(1) / draws


def _tail_quantile(largest: Array, weight: Array, level: float) -> Critical:
    """Quantile of the largest entry and its standard error, from draws of `_tail`."""
    order = np.argsort(-largest)
    ordered, exceeding = largest[order], np.cumsum(weight[order])

    def where(tail: float) -> int:
        return min(int(np.searchsorted(exceeding, tail)), len(ordered) - 1)

    at = where(1 - level)
    inside = np.where(np.arange(len(ordered)) <= at, weight[order], 0.0)
    spread = float(np.sqrt(len(ordered)) * inside.std())
    low, high = ordered[where(1 - level + spread)], ordered[where(1 - level - spread)]
    return Critical(float(ordered[at]), float(high - low) / 2)


def pointwise(level: float, df: float = np.inf) -> float:
    """Two-sided critical value of one estimate, normal or t."""
    tail = (1 + level) / 2
    return float(ndtri(tail) if np.isinf(df) else stdtrit(df, tail))


def enough_draws(draws: int, level: float) -> bool:
    """Tell whether a quantile of so many draws has an order statistic one binomial standard deviation above it."""
    return int(np.ceil(level * draws)) + _step(draws, level) <= draws


def _step(draws: int, level: float) -> int:
    """Return one binomial standard deviation of the number of draws below the quantile, rounded up."""
    return int(np.ceil(np.sqrt(draws * level * (1 - level))))


def at_level(ordered: Array, level: float) -> Array:
    """Quantile of values ordered along the first axis, (draws, ...) -> (...): inverse of the empirical distribution."""
    return np.asarray(ordered[int(np.ceil(level * len(ordered))) - 1])


def quantile_with_error(simulated: Array, level: float) -> Critical:
    """Quantile of simulated values (inverse of the empirical distribution) and its standard error.

    The error is half the distance between the order statistics one binomial standard deviation to either side.

    Parameters
    ----------
    simulated : (draws,)
        Independent draws.
    level
        Between 0 and 1.
    """
    ordered = np.sort(simulated)
    draws = len(ordered)
    at = int(np.ceil(level * draws)) - 1
    step = _step(draws, level)
    low, high = ordered[max(at - step, 0)], ordered[min(at + step, draws - 1)]
    return Critical(float(ordered[at]), float(high - low) / 2)
