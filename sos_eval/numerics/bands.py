"""Critical values of simultaneous (sup-t) bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

__all__ = ["Critical", "at_level", "enough_draws", "pointwise", "quantile_with_error", "sup_t"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Critical:
    """A critical value, and the standard error that comes from simulating it (zero where it is exact)."""

    value: float
    monte_carlo_error: float


def sup_t(correlation: Array, *, level: float, draws: int, rng: np.random.Generator, df: float = np.inf) -> Critical:
    """Quantile of the largest absolute entry of a multivariate normal (or t) vector.

    Montiel Olea and Plagborg-Møller (2019), algorithm 1, with the plug-in correlation; with finite ``df`` every
    draw is divided by the root of one chi-square over its degrees of freedom.

    Parameters
    ----------
    correlation : (m, m)
        Correlation of the estimates; may be singular.
    level
        Joint coverage.
    draws
        Simulated vectors.
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
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    largest = np.abs(rng.standard_normal((draws, len(correlation))) @ root.T).max(1)
    if np.isfinite(df):
        largest = largest / np.sqrt(rng.chisquare(df, draws) / df)
    return quantile_with_error(largest, level)


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
