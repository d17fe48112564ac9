"""Power by formula, where theory gives one: the cross-check of the simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.jobs.mdes import normal_mdes
from sos_eval.panel.panel import Array

__all__ = ["Detects", "pre_post", "serial_error", "stepped_wedge_error"]


@dataclass(frozen=True)
class Detects:
    """An error by formula and what it can detect.

    Attributes
    ----------
    std_error
        Of the estimate.
    mdes
        Effect with the target power in a two-sided normal test, in the outcome's units.
    share
        The same as a share of the mean outcome.
    """

    std_error: float
    mdes: float
    share: float


def pre_post(
    outcome: Array, post: NDArray[np.bool_], n_treated: int, *, target: float = 0.8, level: float = 0.95
) -> Detects:
    """Return what a two-period comparison of changes can detect, from the spread of real changes.

    Every unit's change is its mean after less its mean before; with the standard deviation s of changes the error is
    ``s sqrt(1/n1 + 1/n0)``: that of the difference of two mean changes of equal variance.

    Parameters
    ----------
    outcome : (n, n_times)
        Untreated outcomes.
    post : (n_times,)
        True in the periods after the start.
    n_treated
        How many of the n units would be treated.
    """
    after = np.asarray(post, bool)
    change = outcome[:, after].mean(1) - outcome[:, ~after].mean(1)
    n = len(change)
    error = float(change.std(ddof=1) * np.sqrt(1 / n_treated + 1 / (n - n_treated)))
    mdes = normal_mdes(error, target, level)
    return Detects(error, mdes, mdes / float(outcome.mean()))


def serial_error(
    *, n: int, n_treated: int, before: int, after: int, variance: float, rho: float, noise: float = 0.0
) -> float:
    """Return the error of a difference in differences whose errors follow an AR(1), plus independent noise.

    Burlig, Preonas and Woerman (2020), equation 2: the variance of the estimate is ``1/(P(1-P)J)`` times
    ``(m+r)/(mr) s2 + (m-1)/m psi_B + (r-1)/r psi_A - 2 psi_X``, with m periods before and r after and psi the mean
    covariances within the periods before, within those after, and across.

    Parameters
    ----------
    n, n_treated
        Units, and those treated.
    before, after
        Periods, m and r.
    variance, rho
        Of the AR(1).
    noise
        Variance of independent noise, added to s2 only.
    """
    m, r = before, after
    within = [variance * rho ** abs(s - t) for t in range(m) for s in range(t)]
    later = [variance * rho ** abs(s - t) for t in range(r) for s in range(t)]
    across = [variance * rho ** (m + s - t) for t in range(m) for s in range(r)]
    psi_b, psi_a = (float(np.mean(one)) if one else 0.0 for one in (within, later))
    share = n_treated / n
    spread = (m + r) / (m * r) * (variance + noise) + (m - 1) / m * psi_b + (r - 1) / r * psi_a - 2 * np.mean(across)
    return float(np.sqrt(spread / (share * (1 - share) * n)))


def stepped_wedge_error(treated: Array, *, variance: float, between: float) -> float:
    """Return the error of the effect in a stepped wedge with known variances.

    Hussey and Hughes (2007), equation 8. ``between`` infinite gives fixed unit effects: two-way regression.

    Parameters
    ----------
    treated : (n, n_times)
        Ones where a unit is treated.
    variance, between
        Of a unit-period mean about its expectation, and of units' levels.
    """
    x = np.asarray(treated, float)
    n, t = x.shape
    u, w, v = x.sum(), (x.sum(0) ** 2).sum(), (x.sum(1) ** 2).sum()
    if np.isinf(between):
        return float(np.sqrt(n * variance * t / (u**2 + n * t * u - t * w - n * v)))
    bottom = (n * u - w) * variance + (u**2 + n * t * u - t * w - n * v) * between
    return float(np.sqrt(n * variance * (variance + t * between) / bottom))
