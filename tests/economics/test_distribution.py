"""Inequality between groups of children, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.economics.distribution import distribution_table, equivalent, weighted_table
from sos_eval.errors import DesignFault
from tests.economics.test_model import base, prepared

HALVES = [
    {"name": "poor", "dimension": "means", "share": 0.5, "baseline": 40, "source": "by hand"},
    {"name": "rich", "dimension": "means", "share": 0.5, "baseline": 20, "source": "by hand"},
]
AVERSE = {"dimension": "means", "aversion": [0, 1], "why": "by hand"}


def halves(equity=HALVES, **changes):
    return prepared(equity=equity, **{"distribution": AVERSE, **changes})


def test_equivalents_of_a_bad_by_hand():
    # 40 and 10 in equal halves: mean 25; squares 1,600 and 100, mean 850, root 29.1548
    rates, shares = np.array([[40.0, 10.0]]), np.array([0.5, 0.5])
    assert equivalent(rates, shares, 0)[0] == pytest.approx(25)
    assert equivalent(rates, shares, 1)[0] == pytest.approx(np.sqrt(850))
    assert equivalent(rates, shares, 1e3)[0] == pytest.approx(40, rel=1e-3)  # the worst-off alone
    assert equivalent(np.array([[25.0, 25.0]]), shares, 3)[0] == pytest.approx(25)
    assert np.isnan(equivalent(np.array([[-1.0, 25.0]]), shares, 1)[0])


@pytest.mark.parametrize(("constant", "after"), [
    ("difference", (38, 18)), ("ratio", (40 - 2 * 40 / 30, 20 - 2 * 20 / 30)),
])  # fmt: skip
def test_a_fall_counts_by_where_it_falls(constant, after):
    # two fewer per 10,000 in both groups, or the same fifteenth of each: the mean falls by 2 either way
    model = halves(effect__constant=constant).model
    table = distribution_table(model, model.section.distribution, base(model)).set_index(["aversion", "strategy"])
    plain, averse = table.loc[(0, "Programme")], table.loc[(1, "Programme")]
    assert (plain["mean_rate"], plain["equivalent_rate"]) == pytest.approx((28, 28))
    assert plain["due_to_distribution"] == pytest.approx(0)
    old, new = np.sqrt((1600 + 400) / 2), np.sqrt((after[0] ** 2 + after[1] ** 2) / 2)
    assert averse["equivalent_rate"] == pytest.approx(new)
    assert averse["atkinson"] == pytest.approx(new / 28 - 1)
    assert averse["fall_in_equivalent"] == pytest.approx(old - new)
    assert averse["due_to_distribution"] == pytest.approx(old - new - 2)
    assert table.loc[(1, "usual"), "atkinson"] == pytest.approx(old / 30 - 1)
    if constant == "ratio":  # a fall in proportion leaves the index as it was
        assert averse["atkinson"] == pytest.approx(old / 30 - 1)


def test_the_interval_is_that_of_the_draws():
    model = halves().model
    values = {name: np.repeat(value, 1001) for name, value in base(model).items()}
    values["effect"] = np.linspace(-4, 0, 1001)
    row = distribution_table(model, model.section.distribution, values).set_index(["aversion", "strategy"])
    assert row.loc[(0, "Programme"), ["low", "high"]].tolist() == pytest.approx([0.1, 3.9])
    values["effect"] = np.linspace(-41, 0, 1001)
    row = distribution_table(model, model.section.distribution, values).set_index(["aversion", "strategy"])
    assert np.isnan(row.loc[(1, "Programme"), "low"])
    assert "more entries averted in a group than there are" in row.loc[(1, "Programme"), "reason"]


def test_weights_are_brought_to_a_mean_of_one_over_children():
    # 30,000 in each half; an averted entry saves 11,200 and is two units at 1,000; weights 3 and 1 become 1.5 and 0.5
    ready = halves(distribution={**AVERSE, "weights": {"poor": 3, "rich": 1}}, effect__constant="ratio")
    table = weighted_table(ready, ready.section.distribution).set_index("subgroup")
    assert table.loc["poor", "weight"] == pytest.approx(1.5)
    assert table.loc["rich", "weight"] == pytest.approx(0.5)
    # a ratio: 2/3 of the two averted entries in the poorer half
    poor, rich = ((4 / 3) * 13_200 - 30_000, (2 / 3) * 13_200 - 30_000)
    assert table.loc["poor", "incremental_net_benefit"] == pytest.approx(poor)
    assert table.loc["all groups", "incremental_net_benefit"] == pytest.approx(poor + rich)
    assert table.loc["all groups", "weighted_net_benefit"] == pytest.approx(1.5 * poor + 0.5 * rich)
    assert not len(weighted_table(halves(), halves().section.distribution))


@pytest.mark.parametrize(("distribution", "says"), [
    ({**AVERSE, "dimension": "mean"}, "no group of 'mean' under equity"), ({**AVERSE, "why": " "}, "why: is empty"),
    ({**AVERSE, "weights": {"poor": 2}}, "rich: no weight"), ({**AVERSE, "weights": {"por": 2}}, "no group is called"),
    ({**AVERSE, "aversion": [-1]}, "aversion"), ({**AVERSE, "aversion": []}, "aversion"),
])  # fmt: skip
def test_a_distribution_that_does_not_hold_together_is_refused(distribution, says):
    with pytest.raises(DesignFault, match=says):
        halves(distribution=distribution)


def test_groups_that_are_not_all_children_are_refused():
    with pytest.raises(DesignFault, match=r"are 0\.5 of all children"):
        halves(HALVES[:1])
