"""A randomization test on completed data sets, all assignments of eight units listed by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from sos_eval.inference.averaged import averaged, is_permuted
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.imputed import AVERAGED, NOT_POOLED, _of_method
from tests.fakes import InfluenceOnly, fit, panel_of

STARTS = [2002] * 4 + [np.inf] * 4
#: Changes of eight units in two completed data sets: adjusted for what was filled, they differ a little.
CHANGES = np.array([[3, 5, 1, 3, 1, 0, 2, 1.0], [2, 5, 2, 4, 1.5, 0, 1, 2.0]])


def answers_on(changes, **options):
    panels = [panel_of([[10.0, 10.0 + one] for one in row], STARTS) for row in changes]
    return [
        Randomization(interval="none", **options).infer(fit(InfluenceOnly(), panel), np.random.default_rng(1))
        for panel in panels
    ]


def overall(one):
    return one.table[one.table["aggregation"] == "overall"].iloc[0]


def by_hand(studentised):
    """p of the mean over both data sets, over all 70 ways to treat four of eight."""

    def statistic(treated, changes):
        own, rest = changes[list(treated)], np.delete(changes, list(treated))
        error = np.sqrt(((own - own.mean()) ** 2).sum() / 16 + ((rest - rest.mean()) ** 2).sum() / 16)
        return (own.mean() - rest.mean()) / (error if studentised else 1)

    drawn = [np.mean([statistic(one, row) for row in CHANGES]) for one in combinations(range(8), 4)]
    observed = np.mean([statistic((0, 1, 2, 3), row) for row in CHANGES])
    return np.mean(np.abs(drawn) >= abs(observed) - 1e-9), observed


@pytest.mark.parametrize("statistic", ["studentised", "coefficient"])
def test_the_mean_statistic_is_set_among_its_means(statistic):
    found = averaged(answers_on(CHANGES, statistic=statistic))
    p, observed = by_hand(statistic == "studentised")
    assert found.p == pytest.approx(p, rel=1e-12)
    assert found.observed == pytest.approx(observed, rel=1e-12)
    assert found.complete
    assert found.facts["p_monte_carlo_error"] == 0
    one = [overall(test)["p_value"] for test in answers_on(CHANGES, statistic=statistic)]
    assert len({*one, found.p}) > 1  # it is not that of one of them


def test_a_pooled_table_has_it_with_its_reason_and_the_mean_estimate():
    pooled = _of_method(answers_on(CHANGES))
    row = overall(pooled)
    p, observed = by_hand(True)
    assert (row["p_value"], row["statistic"]) == pytest.approx((p, observed), rel=1e-12)
    assert row["estimate"] == pytest.approx(CHANGES[:, :4].mean() - CHANGES[:, 4:].mean())
    assert np.isnan(row["conf_low"])
    assert row["reason"] == AVERAGED
    assert pooled.facts["p_value"] == row["p_value"]
    assert len(pooled.tables["randomization"]) == 70


def test_the_same_data_twice_are_one_test():
    alone = answers_on(CHANGES[:1])[0]
    assert is_permuted(alone)
    assert averaged([alone, alone]).p == overall(alone)["p_value"]


@pytest.mark.slow
def test_other_lots_two_statistics_and_tests_without_p_are_not_averaged():
    fewer = answers_on(CHANGES[:1], draws=20)
    assert averaged([*answers_on(CHANGES[1:]), *fewer]) == "the completed data sets do not have the same lots"
    assert "smaller of two p" in averaged(answers_on(CHANGES, statistic="both"))
    exact = answers_on([[3.0] * 4 + [1.0] * 4] * 2)
    assert averaged(exact) == "the test has no p on every completed data set"
    pooled = _of_method(exact)
    assert overall(pooled)["reason"] == "no statistic to permute"
    assert np.isnan(pooled.facts["p_value"])
    both = overall(_of_method(answers_on(CHANGES, statistic="both")))
    assert both["reason"].startswith(NOT_POOLED)
    assert np.isnan(both["p_value"])
