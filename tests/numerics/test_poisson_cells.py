"""Poisson regressions on groups by periods against Newton steps on a dummy for everything."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.poisson_cells import cell_places, fit_poisson_cells

TREATED = np.array([[0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]], bool)
SIZES, T = (3, 2, 5), 5
GROUP = np.repeat([0, 1, 2], SIZES)
RNG = np.random.default_rng(4)
EXPOSURE = RNG.uniform(50, 90, (10, T))
COUNTS = RNG.poisson(EXPOSURE * 0.2, (3, 10, T)).astype(float)


def by_group(values):
    return [values[:, k == GROUP] for k in range(3)]


def dummies():
    """Units, then the parameters of `cell_places` without the first, (50, 10 + 8)."""
    place = cell_places(TREATED)[GROUP].ravel()
    unit = np.repeat(np.arange(10), T)
    parameters = place[:, None] == np.arange(1, place.max() + 1)
    return np.column_stack([unit[:, None] == np.arange(10), parameters]).astype(float)


def brute_force(counts):
    """Fitted means (10, 5), coefficients and inverse information of everything but the units."""
    x, y, offset = dummies(), counts.ravel(), np.log(EXPOSURE.ravel())
    b = np.linalg.lstsq(x, np.log(y + 0.5) - offset, rcond=None)[0]
    for _ in range(50):
        mean = np.exp(offset + x @ b)
        b = b + np.linalg.solve(x.T @ (x * mean[:, None]), x.T @ (y - mean))
    mean = np.exp(offset + x @ b)
    return mean.reshape(10, T), b[10:], np.linalg.inv(x.T @ (x * mean[:, None]))[10:, 10:]


def test_places_are_periods_and_then_treated_cells():
    assert cell_places(TREATED).tolist() == [[0, 1, 5, 6, 7], [0, 1, 2, 3, 8], [0, 1, 2, 3, 4]]


def test_all_dummies():
    fit = fit_poisson_cells(by_group(COUNTS), by_group(EXPOSURE[None]), TREATED)
    assert fit.converged.all()
    for draw, counts in enumerate(COUNTS):
        mean, coef, inverse = brute_force(counts)
        np.testing.assert_allclose(np.concatenate([one[draw] for one in fit.means]), mean, rtol=1e-10)
        np.testing.assert_allclose(fit.theta[draw], np.append(0.0, coef)[cell_places(TREATED)], atol=1e-10)
        np.testing.assert_allclose(fit.inverse[draw, 1:, 1:], inverse, rtol=1e-9, atol=1e-13)
        assert (fit.inverse[draw, 0] == 0).all()
        effects = np.array([[0, 0, *(coef[4:7] - coef[1:4])], [0, 0, 0, 0, coef[7] - coef[3]], np.zeros(5)])
        np.testing.assert_allclose(fit.effects[draw], effects, atol=1e-10)


def test_slopes_are_what_fitted_events_move_by():
    """A unit's events stay as many as they are: theta moves their shares."""
    fit = fit_poisson_cells(by_group(COUNTS), by_group(EXPOSURE[None]), TREATED)
    step, k = 1e-6, 1
    own = EXPOSURE[k == GROUP]

    def fitted(theta):
        share = own * np.exp(theta)
        return (share / share.sum(1, keepdims=True) * COUNTS[0][k == GROUP].sum(1, keepdims=True)).sum(0)

    for s in range(T):
        up, down = (fitted(fit.theta[0, k] + sign * step * (np.arange(T) == s)) for sign in (1, -1))
        np.testing.assert_allclose(fit.slopes[0, k, s], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("units", "periods"),
    [((0, 3), 3), ((5, 10), 1), ((3, 5), slice(0, 4))],
    ids=["a treated cell", "a period of the untreated", "a group before its start"],
)
def test_draws_without_a_maximum_do_not_settle_and_leave_others_alone(units, periods):
    counts = COUNTS.copy()
    counts[1, slice(*units), periods] = 0
    with np.errstate(all="raise", under="ignore"):
        fit = fit_poisson_cells(by_group(counts), by_group(EXPOSURE[None]), TREATED)
    assert fit.converged.tolist() == [True, False, True]
    alone = fit_poisson_cells(by_group(counts[2:]), by_group(EXPOSURE[None]), TREATED)
    np.testing.assert_allclose(fit.theta[2], alone.theta[0], rtol=1e-12)
