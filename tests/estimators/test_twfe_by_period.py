"""Covariates that do not change over time, with a coefficient in every period: by hand on eight units."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE
from tests.fakes import panel_of

#: Poverty of eight units, changes of two later years, the last three start in the second year.
POVERTY = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.4, 0.6])
STARTS = np.array([np.inf] * 5 + [2002.0] * 3)


def panel(times=2, seed=3):
    outcome = np.random.default_rng(seed).normal(size=(8, times)) + np.outer(POVERTY, 3.0 * np.arange(times))
    return panel_of(outcome, STARTS, poverty=POVERTY)


def test_two_years_are_a_regression_of_changes_on_treatment_and_the_covariate():
    made = panel()
    change = np.diff(made.matrix(), axis=1)[:, 0]
    x = np.column_stack([np.ones(8), STARTS == 2002, POVERTY])
    expected = np.linalg.lstsq(x, change, rcond=None)[0][1]
    got = TWFE(covariates=("poverty",), by="period").complete(made)
    assert got.values[0] == pytest.approx(expected, abs=1e-8)
    assert got.values[0] != pytest.approx(TWFE(covariates=()).complete(made).values[0], abs=1e-3)


def test_four_years_with_dummies_written_out():
    made = panel(times=4)
    y, unit, time = made.matrix().ravel(), np.repeat(np.arange(8), 4), np.tile(np.arange(4), 8)
    treated = (STARTS[unit] <= 2001 + time).astype(float)
    by_period = np.column_stack([POVERTY[unit] * (time == t) for t in (1, 2, 3)])
    x = np.column_stack([treated, by_period, np.eye(8)[unit], np.eye(4)[time][:, 1:]])
    expected = np.linalg.lstsq(x, y, rcond=None)[0][0]
    got = TWFE(covariates=("poverty",), by="period").complete(made)
    assert got.values[0] == pytest.approx(expected, abs=1e-8)


def test_many_adoptions_equal_one_at_a_time():
    made, method = panel(times=4), TWFE(covariates=("poverty",), by="period")
    rng = np.random.default_rng(0)
    starts = np.array([STARTS, *(rng.permutation(STARTS) for _ in range(6))])
    batch = method.estimate_assignments(made, starts)
    alone = [method.complete(made.with_first_treated(start)).values[0] for start in starts]
    np.testing.assert_allclose(batch.values[:, 0], alone, atol=1e-8)
    outcomes = np.stack([made.matrix(), made.matrix() ** 2])
    many = method.estimate_many(made, outcomes)
    np.testing.assert_allclose(many.values[0, 0], alone[0], atol=1e-8)


def test_what_it_is_not_for_is_refused():
    made = panel(times=3)
    varying = made.with_columns(poverty=np.arange(24.0))
    with pytest.raises(InputFault, match="changes over time"):
        TWFE(covariates=("poverty",), by="period").complete(varying)
    with pytest.raises(ValueError, match="goes with covariates"):
        TWFE(by="period")
