"""Many Poisson regressions at once: one treatment, unit and time effects, on a grid of units by times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GridFit", "fit_poisson_grid"]

Array = NDArray[np.float64]

#: Newton steps are quadratic near the maximum: the step after one below this leaves an error below rounding.
CONVERGED = 1e-7
MAX_STEPS = 25


@dataclass(frozen=True, slots=True)
class GridFit:
    """A batch of fits.

    Attributes
    ----------
    coef : (r,)
        Coefficient of treatment.
    score : (r, n)
        What each unit contributes to the error of `coef`: its score times the inverse information.
    converged : (r,)
        Where Newton steps settled; the others hold no estimate.
    """

    coef: Array
    score: Array
    converged: NDArray[np.bool_]


def fit_poisson_grid(y: Array, at_risk: Array, treated: Array) -> GridFit:
    """Maximise the Poisson pseudo-likelihood with unit effects concentrated out.

    Given its total Y_i, a unit's counts are multinomial with probabilities proportional to
    ``at_risk_it exp(treated_it b + d_t)`` (Hausman, Hall and Griliches 1984, equation 2.7), so Newton steps are taken
    in b and the time effects d alone, from the fit without treatment. Row weights multiply y and `at_risk`; a row
    that is missing has zero in both.

    Parameters
    ----------
    y : (r, n, t) or (1, n, t)
        Counts; every period has an event.
    at_risk : (n, t)
        Exposure.
    treated : (r, n, t) or (1, n, t)
        Zeros and ones.
    """
    draws = max(len(y), len(treated))
    t = y.shape[-1]
    total, events = y.sum(-1), _events(y, treated)
    theta = np.zeros((draws, t))
    theta[:, 1:] = _time_effects(y, at_risk)[:, 1:]
    settled, done = np.zeros(draws, bool), np.zeros(draws, bool)
    for _ in range(MAX_STEPS):
        mean = _means(theta, total, at_risk, treated)
        score, information = _newton(mean, events, treated, total)
        step = _solved(information, score)
        step[done] = 0.0
        theta += step
        done |= settled
        settled = np.abs(step).max(-1) < CONVERGED
        if done.all():
            break
    mean = _means(theta, total, at_risk, treated)
    _, information = _newton(mean, events, treated, total)
    row = _solved(information, np.broadcast_to(np.eye(t)[0], (draws, t)))
    rest = y - mean
    effects = rest[..., 1:] @ row[:, 1:, None]
    unit = row[:, :1] * (treated * rest).sum(-1) + effects[..., 0]
    return GridFit(theta[:, 0], unit, done & np.isfinite(theta).all(-1))


def _time_effects(y: Array, at_risk: Array) -> Array:
    """Start from each period's rate over the first one's, (r, t)."""
    rate = y.sum(1) / at_risk.sum(0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(rate / rate[:, :1]))


def _means(theta: Array, total: Array, at_risk: Array, treated: Array) -> Array:
    """Return fitted means (r, n, t); theta holds b, then the time effects from the second period on."""
    with np.errstate(over="ignore", invalid="ignore"):  # draws that run away do not settle and are fitted by themselves
        effects = np.exp(theta)
        by_time = np.concatenate([np.ones((len(theta), 1)), effects[:, 1:]], axis=1)
        mean: Array = at_risk * by_time[:, None, :] * (1 + treated * (effects[:, :1, None] - 1))
        sums = mean.sum(-1)
        mean *= np.divide(total, sums, out=np.zeros_like(sums), where=sums > 0)[..., None]
    return mean


def _events(y: Array, treated: Array) -> Array:
    """Return the events under treatment, then by period from the second on, (r, t)."""
    under = (treated * y).sum((-2, -1))
    by_time = y.sum(1)[:, 1:]
    return np.column_stack([under, np.broadcast_to(by_time, (len(under), by_time.shape[1]))])


def _newton(mean: Array, events: Array, treated: Array, total: Array) -> tuple[Array, Array]:
    """Return the concentrated score (r, t) and information (r, t, t) in b and the time effects."""
    r, _, t = mean.shape
    treated_mean = treated * mean
    under = treated_mean.sum(-1)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    by_time = mean.sum(1)
    score = np.empty((r, t))
    score[:, 0] = events[:, 0] - under.sum(-1)
    score[:, 1:] = events[:, 1:] - by_time[:, 1:]
    information = np.empty((r, t, t))
    later = mean[:, :, 1:]
    information[:, 1:, 1:] = -(later * inverse[..., None]).swapaxes(1, 2) @ later
    information[:, np.arange(1, t), np.arange(1, t)] += by_time[:, 1:]
    cross = treated_mean.sum(1)[:, 1:] - ((under * inverse)[:, None, :] @ later)[:, 0]
    information[:, 0, 1:] = information[:, 1:, 0] = cross
    information[:, 0, 0] = (under - under**2 * inverse).sum(-1)
    return score, information


def _solved(information: Array, score: Array) -> Array:
    """Solve each symmetric system; one that is singular gives NaN."""
    usable = np.isfinite(information).all(axis=(-2, -1)).reshape(len(information))
    sizes = np.abs(np.linalg.eigvalsh(information[usable]))
    usable[usable] = sizes.max(-1, initial=0.0) < 1e14 * sizes.min(-1, initial=np.inf)
    step = np.full(score.shape, np.nan)
    step[usable] = np.linalg.solve(information[usable], score[usable][..., None])[..., 0]
    return step
