"""Declared limits on imbalance."""

import numpy as np
import pytest

from sos_eval.checks.balance import balance_results
from sos_eval.comparison import BalanceLimits, Nearest, NoComparison, build
from tests.comparison.panels import eight

POOR = [1.6, 5, 9, 1.5, 4, 2, 8.25, 20]


def judged(method):
    return {one.name: one for one in balance_results(method, build(method, eight(poor=POOR)))}


def test_limits_are_judged_on_the_worst_covariate_after():
    method = Nearest(on=("poor",), distance="poor", balance=BalanceLimits(max_smd=0.1, max_variance_ratio=2))
    found = judged(method)
    # treated 1.6, 5, 9 against 1.5, 4, 8.25: means 5.2 and 4.58333; SD of the treated 3.704051
    smd = found["balance.max_smd"]
    assert smd.value == pytest.approx((5.2 - 13.75 / 3) / np.std([1.6, 5, 9], ddof=1))
    assert (smd.threshold, smd.passed) == (0.1, False)
    assert smd.text.endswith("(poor); the declared limit is 0.1.")
    ratio = found["balance.max_variance_ratio"]
    assert ratio.value == pytest.approx(np.var([1.6, 5, 9], ddof=1) / np.var([1.5, 4, 8.25], ddof=1))
    assert ratio.passed is True


def test_a_ratio_below_one_counts_as_its_inverse():
    found = judged(NoComparison(on=("poor",), balance=BalanceLimits(max_variance_ratio=2)))
    ratio = found["balance.max_variance_ratio"]
    expected = np.var([1.5, 4, 2, 8.25, 20], ddof=1) / np.var([1.6, 5, 9], ddof=1)
    assert expected > 2
    assert ratio.value == pytest.approx(expected)
    assert ratio.passed is False
    # the table has 0.065, treated over comparison: the sentence says both
    assert f"is {expected:.2f} (poor; {1 / expected:.3g}, counted the other way round)" in ratio.text


def test_without_a_limit_balance_informs():
    found = judged(NoComparison(on=("poor",)))
    assert {one.passed for one in found.values()} == {None}
    assert np.isfinite([one.value for one in found.values()]).all()


def test_nothing_to_judge_is_said_and_not_passed():
    assert judged(NoComparison()) == {}
    found = judged(NoComparison(balance=BalanceLimits(max_smd=0.1)))
    assert np.isnan(found["balance.max_smd"].value)
    assert found["balance.max_smd"].passed is None
    assert "no covariate is named" in found["balance.max_smd"].text
