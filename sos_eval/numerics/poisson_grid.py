"""Many Poisson regressions at once: one treatment, covariates, unit and time effects, on a grid of units by times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONVERGED", "MAX_STEPS", "GridFit", "fit_poisson_grid", "stepped"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

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


def fit_poisson_grid(y: Array, at_risk: Array, treated: Array, covariates: Array, strata: Codes) -> GridFit:
    """Maximise the Poisson pseudo-likelihood with unit effects concentrated out.

    Given its total Y_i, a unit's counts are multinomial with probabilities proportional to
    ``at_risk_it exp(treated_it b + z_it g + d_t)`` (Hausman, Hall and Griliches 1984, equation 2.7), so Newton steps
    are taken in b, g and the time effects d alone, from the fit without treatment and covariates. Strata have time
    effects of their own. Row weights multiply
    y and `at_risk`; a row that is missing has zero in both.

    Parameters
    ----------
    y : (r, n, t) or (1, n, t)
        Counts; every period has an event.
    at_risk : (n, t)
        Exposure.
    treated : (r, n, t) or (1, n, t)
        Zeros and ones.
    covariates : (c, n, t)
        z, of like size, free of unit and time effects.
    strata : (n,)
        Codes from 0.
    """
    draws, t = max(len(y), len(treated)), y.shape[-1]
    columns = (treated, *(column[None] for column in covariates))
    q, members = len(columns), _members(strata)
    total, events = y.sum(-1), _events(y, columns, members)
    theta = np.zeros((draws, q + len(members) * (t - 1)))
    theta[:, q:] = _time_effects(y, at_risk, members)
    settled, done = np.zeros(draws, bool), np.zeros(draws, bool)
    for _ in range(MAX_STEPS):
        mean = _means(theta, total, at_risk, columns, strata)
        score, information = _newton(mean, events, columns, total, members)
        step = stepped(information, score)
        step[done] = 0.0
        theta += step
        done |= settled
        settled = np.abs(step).max(-1) < CONVERGED
        if done.all():
            break
    mean = _means(theta, total, at_risk, columns, strata)
    _, information = _newton(mean, events, columns, total, members)
    row = _solved(information, np.broadcast_to(np.eye(theta.shape[1])[0], theta.shape))
    rest = y - mean
    by_time = row[:, q:].reshape(draws, len(members), t - 1)
    unit = (rest[..., 1:] * by_time[:, strata]).sum(-1)
    for j, column in enumerate(columns):
        unit += row[:, j, None] * (column * rest).sum(-1)
    return GridFit(theta[:, 0], unit, done & np.isfinite(theta).all(-1) & np.isfinite(row).all(-1))


def _members(strata: Codes) -> list[Codes]:
    """List the units of each stratum."""
    return [np.flatnonzero(strata == s) for s in range(int(strata.max()) + 1)]


def _time_effects(y: Array, at_risk: Array, members: list[Codes]) -> Array:
    """Start from each later period's rate over the first one's, stratum by stratum, (r, strata x (t - 1))."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = [y[:, inside].sum(1) / at_risk[..., inside, :].sum(-2) for inside in members]
        return np.concatenate([np.log(rate[:, 1:] / rate[:, :1]) for rate in rates], axis=1)


def _means(theta: Array, total: Array, at_risk: Array, columns: tuple[Array, ...], strata: Codes) -> Array:
    """Return fitted means (r, n, t); theta holds a coefficient for each column, then the later time effects."""
    treated, *covariates = columns
    with np.errstate(over="ignore", invalid="ignore"):  # draws that run away do not settle and are fitted by themselves
        later = np.exp(theta[:, len(columns) :]).reshape(len(theta), -1, at_risk.shape[-1] - 1)
        by_time = np.concatenate([np.ones((*later.shape[:2], 1)), later], axis=2)
        factor = treated * (np.exp(theta[:, :1, None]) - 1)
        factor += 1
        mean: Array = at_risk * by_time[:, strata]
        mean *= factor
        if covariates:
            mean *= np.exp(np.einsum("rc,cnt->rnt", theta[:, 1 : len(columns)], np.concatenate(covariates)))
        sums = mean.sum(-1)
        mean *= np.divide(total, sums, out=np.zeros_like(sums), where=sums > 0)[..., None]
    return mean


def _events(y: Array, columns: tuple[Array, ...], members: list[Codes]) -> Array:
    """Return the events times each column, then by stratum and period from the second on, (r, s)."""
    crossed = np.broadcast_arrays(*((column * y).sum((-2, -1)) for column in columns))
    by_time = np.concatenate([y[:, inside, 1:].sum(1) for inside in members], axis=1)
    return np.column_stack([*crossed, np.broadcast_to(by_time, (len(crossed[0]), by_time.shape[1]))])


def _newton(
    mean: Array, events: Array, columns: tuple[Array, ...], total: Array, members: list[Codes]
) -> tuple[Array, Array]:
    """Return the concentrated score (r, s) and information (r, s, s) in the columns and the later time effects."""
    q, s = len(columns), events.shape[1]
    later, inverse = mean[:, :, 1:], np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    weighted = [column * mean for column in columns]
    by_unit = [column.sum(-1) for column in weighted]
    parts = [later[:, inside] for inside in members]
    by_time = np.concatenate([part.sum(1) for part in parts], axis=1)
    score = events - np.column_stack([*(column.sum(-1) for column in by_unit), by_time])
    information = np.zeros((len(mean), s, s))
    blocks = [slice(q + i * later.shape[2], q + (i + 1) * later.shape[2]) for i in range(len(members))]
    for inside, part, block in zip(members, parts, blocks, strict=True):
        information[:, block, block] = -(part * inverse[:, inside, None]).swapaxes(1, 2) @ part
    information[:, np.arange(q, s), np.arange(q, s)] += by_time
    for j in range(q):
        share = by_unit[j] * inverse
        for inside, part, block in zip(members, parts, blocks, strict=True):
            cross = weighted[j][:, inside, 1:].sum(1) - (share[:, None, inside] @ part)[:, 0]
            information[:, j, block] = information[:, block, j] = cross
        for k in range(j + 1):
            square = (columns[k] * weighted[j]).sum((-2, -1)) - (share * by_unit[k]).sum(-1)
            information[:, j, k] = information[:, k, j] = square
    return score, information


def stepped(information: Array, score: Array) -> Array:
    """Solve the system of each step; how near to singular it is, is asked at the end alone."""
    usable = np.isfinite(information).all(axis=(-2, -1))
    step = np.full(score.shape, np.nan)
    try:
        step[usable] = np.linalg.solve(information[usable], score[usable][..., None])[..., 0]
    except np.linalg.LinAlgError:  # one of them is exactly singular
        return _solved(information, score)
    return step


def _solved(information: Array, score: Array) -> Array:
    """Solve each symmetric system; one that is singular gives NaN."""
    usable = np.isfinite(information).all(axis=(-2, -1)).reshape(len(information))
    sizes = np.abs(np.linalg.eigvalsh(information[usable]))
    usable[usable] = sizes.max(-1, initial=0.0) < 1e14 * sizes.min(-1, initial=np.inf)
    step = np.full(score.shape, np.nan)
    step[usable] = np.linalg.solve(information[usable], score[usable][..., None])[..., 0]
    return step
