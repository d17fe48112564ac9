"""Many Poisson regressions at once: effects of treated groups by period, unit and time effects, on a grid of units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.poisson_grid import CONVERGED, MAX_STEPS, stepped

__all__ = ["CellsFit", "cell_places", "fit_poisson_cells"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Variances, in units of what they are with every other parameter known, that add up to more leave fewer than eight
#: digits: such a draw is not settled here.
SINGULAR = 1e7


@dataclass(frozen=True, slots=True)
class CellsFit:
    """A batch of fits.

    Attributes
    ----------
    theta : (r, k, t)
        Log mean of each group in each period beyond exposure and unit effect; zero in the first period.
    effects : (r, k, t)
        What treatment adds to it; zero where a group is untreated.
    means : k arrays of (r, n_k, t)
        Fitted means.
    slopes : (r, k, t, t)
        Derivative of a group's fitted events in one period in its theta of another, unit effects adapting.
    inverse : (r, s, s)
        Inverse information of the parameters, in the order of `cell_places`; zeros for the first.
    converged : (r,)
        Where Newton steps settled; the others hold no estimate.
    """

    theta: Array
    effects: Array
    means: tuple[Array, ...]
    slopes: Array
    inverse: Array
    converged: Bools


def cell_places(treated: Bools) -> NDArray[np.intp]:
    """Return which parameter is the theta of each group and period, (k, t): the period's, or the treated cell's own."""
    places = np.tile(np.arange(treated.shape[1]), (len(treated), 1))
    places[treated] = treated.shape[1] + np.arange(np.count_nonzero(treated))
    return places


def fit_poisson_cells(y: Sequence[Array], at_risk: Sequence[Array], treated: Bools) -> CellsFit:
    """Maximise the Poisson pseudo-likelihood with unit effects concentrated out.

    Given its total Y_i, a unit's counts are multinomial with probabilities proportional to ``at_risk_it exp(theta_t)``,
    theta that of its group (Hausman, Hall and Griliches 1984, equation 2.7), so Newton steps are taken in the time
    effects and in the thetas of treated cells alone. What a unit adds to the information of its group is ``diag(m) - m
    m' / Y_i`` with m its fitted means: added up by group it is a matrix of periods by periods. Row weights multiply y
    and `at_risk`; a unit that takes no part has zeros in both.

    Parameters
    ----------
    y, at_risk : k arrays of (r, n_k, t) or (1, n_k, t)
        Counts and exposure of each group's units.
    treated : (k, t)
        Which cells are treated: none in the first period, none of the last group.
    """
    total, events = [one.sum(-1) for one in y], np.stack([one.sum(1) for one in y], axis=1)
    places = cell_places(treated)
    parameters = _start(events, np.stack([one.sum(1) for one in at_risk], axis=1), treated, places)
    settled = np.zeros(len(parameters), bool)
    for _ in range(MAX_STEPS):
        theta = parameters[:, places]
        means = _means(theta, total, at_risk)
        score, information = _newton(means, total, events, places)[:2]
        step = stepped(information[:, 1:, 1:], score[:, 1:])
        step[settled] = 0.0
        parameters[:, 1:] += step
        size = np.abs(step).max(-1)
        settled = size < CONVERGED  # steps are quadratic: what is left after this one is rounding
        if (settled | ~np.isfinite(size)).all():
            break
    theta = parameters[:, places]
    means = _means(theta, total, at_risk)
    _, information, slopes = _newton(means, total, events, places)
    inverse, regular = _inverse(information, settled)
    effects = np.where(treated, theta - parameters[:, None, : treated.shape[1]], 0.0)
    return CellsFit(theta, effects, means, slopes, inverse, settled & regular)


def _start(events: Array, at_risk: Array, treated: Bools, places: NDArray[np.intp]) -> Array:
    """Start from rates: the last group's over its first, and each treated cell's over its group's untreated ones.

    Draws with a cell without events have no finite start, and do not settle.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.log(events[:, -1] / at_risk[:, -1])
        time = rates - rates[:, :1]
        before = (events * ~treated).sum(-1) / (at_risk * ~treated * np.exp(time)[:, None]).sum(-1)
        theta = np.where(treated, np.log(events / at_risk / before[..., None]), time[:, None])
    start = np.zeros((len(theta), int(places.max()) + 1))
    start[:, places] = theta
    start[~np.isfinite(start).all(-1)] = np.nan
    return start


def _means(theta: Array, total: Sequence[Array], at_risk: Sequence[Array]) -> tuple[Array, ...]:
    """Return fitted means by group."""
    means = []
    with np.errstate(over="ignore", invalid="ignore"):  # draws that run away do not settle and are fitted by themselves
        factor = np.exp(theta)
        for k, (own, exposed) in enumerate(zip(total, at_risk, strict=True)):
            mean = exposed * factor[:, k, None]
            sums = mean.sum(-1)
            mean *= np.divide(own, sums, out=np.zeros_like(sums), where=sums > 0)[..., None]
            means.append(mean)
    return tuple(means)


def _newton(
    means: tuple[Array, ...], total: Sequence[Array], events: Array, places: NDArray[np.intp]
) -> tuple[Array, Array, Array]:
    """Return the concentrated score (r, s) and information (r, s, s), and the slopes that this is put together from."""
    draws, size = len(means[0]), int(places.max()) + 1
    slopes = np.empty((draws, *places.shape, places.shape[1]))
    score, information = np.zeros((draws, size)), np.zeros((draws, size, size))
    diagonal = np.arange(places.shape[1])
    for k, (mean, own, place) in enumerate(zip(means, total, places, strict=True)):
        root = mean * np.sqrt(np.divide(1.0, own, out=np.zeros_like(own), where=own > 0))[..., None]
        fitted = mean.sum(1)
        slopes[:, k] = -(root.swapaxes(1, 2) @ root)
        slopes[:, k, diagonal, diagonal] += fitted
        score[:, place] += events[:, k] - fitted
        information[:, place[:, None], place] += slopes[:, k]
    return score, information, slopes


def _inverse(information: Array, settled: Bools) -> tuple[Array, Bools]:
    """Return the inverse information (r, s, s), and for which of the draws that settled there is one."""
    scale = np.sqrt(np.diagonal(information, axis1=1, axis2=2)[:, 1:])
    usable = settled & np.isfinite(scale).all(-1) & (scale > 0).all(-1)
    scale[~usable] = 1.0
    unit = np.where(usable[:, None, None], information[:, 1:, 1:], np.eye(scale.shape[1]))
    inverse = np.zeros_like(information)
    unit /= scale[:, :, None] * scale[:, None, :]
    inverse[:, 1:, 1:] = np.linalg.inv(unit)
    usable &= np.trace(inverse, axis1=1, axis2=2) < SINGULAR
    inverse[:, 1:, 1:] /= scale[:, :, None] * scale[:, None, :]
    return inverse, usable
