"""The decomposition of a two-way coefficient by hand, as a mean that is the coefficient, and where it is not done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks import GoodmanBacon
from sos_eval.estimators import TWFE, SunAbraham
from sos_eval.numerics.bacon import decomposed
from sos_eval.results.fitted import Fitted
from tests.estimators.panels import INF, panel

RNG = np.random.default_rng(4)
Y = RNG.normal(size=(9, 6)).cumsum(1)
STARTS = np.array([3, 3, 5, 5, 5, 1, INF, INF, 9])


def check(made, method=None, **options):
    method = method or TWFE()
    fitted = Fitted("one", "primary", method, method.complete(made), made)
    (found,) = GoodmanBacon(**options).check(fitted, np.random.default_rng(0))
    return found


def test_by_hand_on_three_groups():
    """Starts 2 and 3 of three periods and one never: four units each, so that shares are halves and thirds."""
    y = np.array([[0.0, 1, 3], [0, 0, 2], [0, 0, 0]]).repeat(4, 0)
    found = {(one.treated, one.compared): one for one in decomposed(y, np.repeat([2, 3, INF], 4), np.arange(1.0, 4))}
    assert found[2, INF].estimate == pytest.approx(2)
    assert found[2, 3].estimate == pytest.approx(1)
    assert found[3, 2].estimate == pytest.approx(2 - 2)
    # (2/3)^2 1/4 times: 2/3 1/3, 1/3 2/3; with two of three periods: 4/9 1/2 1/2 twice
    weights = np.array([2 / 9, 2 / 9, 1 / 9, 1 / 9])
    pairs = [(2, INF), (3, INF), (2, 3), (3, 2)]
    np.testing.assert_allclose([found[pair].weight for pair in pairs], weights / weights.sum())
    assert found[3, 2].kind == "earlier"


def test_the_mean_is_the_coefficient():
    kept = STARTS != 1
    made = panel(Y[kept], STARTS[kept])
    parts = decomposed(Y[kept], STARTS[kept], made.times)
    mean = sum(one.weight * one.estimate for one in parts)
    assert mean == pytest.approx(TWFE().complete(made).values[0], rel=1e-10)
    found = check(made)
    assert found.value == pytest.approx(sum(one.weight for one in parts if one.kind == "earlier"))
    assert "units treated already" in found.text
    assert found.passed is None
    assert check(made, max_share=0.0).passed is False
    always = decomposed(Y, STARTS, made.times)
    assert {one.compared for one in always if one.treated == 3} == {1, 5, INF}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: made.with_columns(weight=np.repeat(np.arange(1.0, 9), 6)), "units weigh differently"),
        (lambda made: replace(made, frame=made.frame.drop(index=5).reset_index(drop=True)), "units lack periods"),
        (
            lambda made: replace(made.with_columns(z=RNG.normal(size=48)), covariates=("z",)),
            "the regression has covariates",
        ),
    ],
)
def test_it_is_not_done_with_a_reason(change, said):
    kept = STARTS != 1
    found = check(change(panel(Y[kept], STARTS[kept])))
    assert np.isnan(found.value)
    assert said in found.text
    assert "another estimator" in check(panel(Y[kept], STARTS[kept]), SunAbraham()).text
