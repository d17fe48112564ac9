"""Absorbed effects against the full set of dummies."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.absorb import TwoWayEffects


def _dummies(unit, time):
    return np.hstack([unit[:, None] == np.unique(unit), time[:, None] == np.unique(time)]).astype(float)


def _by_dummies(columns, unit, time, weights):
    root = np.sqrt(np.ones(len(unit)) if weights is None else weights)
    d = _dummies(unit, time)
    coef = np.linalg.lstsq(d * root[:, None], (columns * root).T, rcond=None)[0]
    return columns - (d @ coef).T


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_residual_is_that_of_dummies(weighted, kept):
    rng = np.random.default_rng(1)
    unit, time = (a.ravel() for a in np.meshgrid(np.arange(12), np.arange(6), indexing="ij"))
    rows = rng.random(len(unit)) < kept
    unit, time = np.unique(unit[rows], return_inverse=True)[1], np.unique(time[rows], return_inverse=True)[1]
    weights = rng.uniform(0.5, 2, len(unit)) if weighted else None
    columns = rng.normal(size=(3, len(unit)))
    ours = TwoWayEffects(unit, time, weights).residual(columns)
    np.testing.assert_allclose(ours, _by_dummies(columns, unit, time, weights), atol=1e-12)
    np.testing.assert_allclose(TwoWayEffects(unit, time, weights).residual(columns[0]), ours[0], atol=1e-12)


def test_unconnected_parts_have_residuals_too():
    """Units 0 and 1 are seen in periods 0 and 1 only, units 2 and 3 in periods 2 and 3 only."""
    unit, time = np.repeat([0, 1, 2, 3], 2), np.array([0, 1, 0, 1, 2, 3, 2, 3])
    y = np.random.default_rng(2).normal(size=8)
    np.testing.assert_allclose(
        TwoWayEffects(unit, time).residual(y), _by_dummies(y[None], unit, time, None)[0], atol=1e-12
    )


def test_repeated_cells_of_cross_sections():
    unit, time = np.array([0, 0, 0, 1, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 1, 1, 0, 1])
    y = np.random.default_rng(3).normal(size=8)
    np.testing.assert_allclose(
        TwoWayEffects(unit, time).residual(y), _by_dummies(y[None], unit, time, None)[0], atol=1e-12
    )
