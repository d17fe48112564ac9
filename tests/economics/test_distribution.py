"""Inequality between groups of children, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.economics.distribution import distribution_table, equivalent, weighted_table
from sos_eval.economics.equity import equity_table
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
    assert (
        "more entries would be averted in the group than there are, in some draws"
        in row.loc[(1, "Programme"), "reason"]
    )


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


def test_a_group_cannot_have_more_entries_averted_than_it_has():
    # two fewer per 10,000 where one enters: none of it has a number; a ratio takes a fifteenth of each, .9667 x 58 / 30
    few = [{**HALVES[0], "baseline": 59}, {**HALVES[1], "baseline": 1}]
    ready = halves(few, distribution={**AVERSE, "weights": {"poor": 1, "rich": 1}})
    rows = equity_table(ready, with_effect=True).set_index("subgroup")
    empty = ["averted_per_year", "averted_if_difference_constant", "inc_effect", "inc_cost", "incremental_net_benefit"]
    for name in ("rich", "all groups"):
        assert rows.loc[name, empty].isna().all()
    assert rows.loc["poor", "averted_per_year"] == pytest.approx(1)
    assert rows.loc["rich", "averted_if_ratio_constant"] == pytest.approx(0.5 * 2 / 30)
    assert rows.loc["rich", "reason"] == (
        "more entries would be averted in the group than there are (2 of 1); declare constant: ratio"
    )
    assert rows.loc["all groups", "reason"] == "a group that it is made of has no number"
    weighted = weighted_table(ready, ready.section.distribution).set_index("subgroup")
    assert weighted.loc[["rich", "all groups"], "weighted_net_benefit"].isna().all()
    assert weighted.loc[["rich", "all groups"], "reason"].ne("").all()
    model = ready.model
    unlike = distribution_table(model, model.section.distribution, base(model)).set_index(["aversion", "strategy"])
    assert unlike.loc[(0, "Programme"), "reason"] == "more entries would be averted in the group than there are"
    assert unlike.loc[(0, "Programme"), ["mean_rate", "fall_in_equivalent", "low"]].isna().all()
    # a strategy with a part of the effect may leave the group enough
    part = [{"name": "usual", "effect": 0, "programme": 0}, {"name": "half", "effect": 0.5}]
    found = equity_table(halves(few, strategies=part), with_effect=True).set_index("subgroup")
    assert found.loc["rich", "averted_per_year"] == pytest.approx(0.5)
    assert not found["reason"].any()
    ratio = equity_table(halves(few, effect__constant="ratio"), with_effect=True)
    assert ratio["incremental_net_benefit"].notna().all()
    assert not ratio["reason"].any()


@pytest.mark.parametrize(("own", "effect", "says"), [
    ({"effect": -41}, {}, r"equity\.0\.effect: poor: -41: more entries averted in the group than there are \(40 per"),
    ({"effect": -0.2}, {"scale": "rate_ratio", "estimate": 0.9, "std_error": 0.05},
     r"equity\.0\.effect: poor: -0\.2: a ratio is above zero"),
    ({"baseline": 12_000}, {"scale": "odds_ratio", "estimate": 0.9, "std_error": 0.05, "baseline": 6_010},
     r"equity\.0\.baseline: poor: 12000 per 10,000 is a probability above 1"),
])  # fmt: skip
def test_a_groups_own_effect_that_cannot_be_is_refused(own, effect, says):
    given = {"baseline": 30, "estimate": -2.0, "std_error": 0.5, "source": "by hand", **effect}
    with pytest.raises(DesignFault, match=says):
        halves([{**HALVES[0], **own}, HALVES[1]], effect=given)
