"""Budget impact by strategy, uptake and year, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.economics.budget import COUNTED, budget_impact
from sos_eval.errors import DesignFault
from tests.economics.test_model import LINE, base, prepared

STRATEGIES = [
    {"name": "usual", "effect": 0, "programme": 0},
    {"name": "light", "effect": 0.5, "programme": 0.4, "uptake": [0.5]},
    {"name": "full", "uptake": [0.25, 1]},
]
TRAINING = {"training": {"name": "training", "amount": 8_000, **LINE},
            "licence": {"name": "licence", "amount": 30_000, **LINE}}  # fmt: skip


def rolled_out(strategies=STRATEGIES, **changes):
    return prepared(strategies=strategies, implementation=TRAINING, **changes)


def test_every_strategy_has_its_own_cash_as_authorities_take_it_up():
    # One authority pays 38,000 in its first year and 30,000 in its second; two entries averted a year save 10,400 in
    # the first and 12,000 in the second, half of it cashable (test_model).
    # light: four tenths of the cost, half the effect, half of the authorities from year 1 on
    # full: a quarter in year 1, three quarters more in year 2
    model = rolled_out().model
    table = budget_impact(model, base(model), with_savings=True)
    table = table[table["bearer"] == COUNTED].set_index("strategy")
    assert list(dict.fromkeys(table.index)) == ["light", "full"]
    assert table.loc["light", "cost"].tolist() == pytest.approx([0.5 * 0.4 * 38_000, 0.5 * 0.4 * 30_000])
    assert table.loc["light", "saving"].tolist() == pytest.approx([0.5 * 0.5 * 10_400, 0.5 * 0.5 * 12_000])
    assert table.loc["full", "uptake"].tolist() == [0.25, 1]
    cost = [0.25 * 38_000, 0.25 * 30_000 + 0.75 * 38_000]
    saving = [0.25 * 10_400, 0.25 * 12_000 + 0.75 * 10_400]
    assert table.loc["full", "cost"].tolist() == pytest.approx(cost)
    assert table.loc["full", "saving"].tolist() == pytest.approx(saving)
    impact = [c - s / 2 for c, s in zip(cost, saving, strict=True)]
    assert table.loc["full", "impact"].tolist() == pytest.approx(impact)


def test_intervals_are_those_of_the_draws_of_the_sum():
    # savings are linear in the effect: quantiles of the impact follow from those of the effect
    model = rolled_out().model
    values = {name: np.repeat(value, 1001) for name, value in base(model).items()}
    values["effect"] = np.linspace(-4, 0, 1001)  # 0 to 4 entries averted a year, 95% of them 0.1 to 3.9
    table = budget_impact(model, values, with_savings=True)
    row = table[(table["bearer"] == COUNTED) & (table["strategy"] == "full")].iloc[0]
    assert (row["impact_low"], row["impact_high"]) == pytest.approx(
        (0.25 * (38_000 - 3.9 * 2600), 0.25 * (38_000 - 0.1 * 2600))
    )
    assert row["cost_low"] == row["cost_high"] == pytest.approx(9_500)


def test_prices_grow_by_the_calendar_not_by_the_age_of_an_authoritys_programme():
    plain = rolled_out().model
    grown = replace(plain, growth=np.array([1.0, 1.1]))
    before, after = (budget_impact(model, base(plain), with_savings=True) for model in (plain, grown))
    np.testing.assert_allclose(after["cost"], before["cost"] * np.where(before["year"] == 2, 1.1, 1))


def test_bearers_outside_the_perspective_are_apart():
    health = {"name": "health visits", "amount": 700, "unit": "case", "bearer": "health", **LINE}
    model = rolled_out(costs=[health]).model
    table = budget_impact(model, base(model), with_savings=True).set_index(["strategy", "bearer", "year"])
    assert not table.loc[("full", "health", 1), "counted"]
    assert table.loc[("full", "health", 1), "saving"] == pytest.approx(0.25 * 2 * 700)
    assert table.loc[("full", COUNTED, 1), "saving"] == pytest.approx(0.25 * 10_400)


@pytest.mark.parametrize(("uptake", "at", "says"), [
    ([0.2, 0.1], 1, "shares fall"), ([0.2, 0.5, 1], 1, "3 years within a horizon of 2"), ([0, 0], 1, "nobody ever"),
    ([1], 0, "the comparator is what happens anyway"), ([1.2], 1, "uptake"),
])  # fmt: skip
def test_uptake_that_cannot_be_is_refused(uptake, at, says):
    strategies = [dict(one) for one in ({"name": "usual", "effect": 0, "programme": 0}, {"name": "full"})]
    strategies[at]["uptake"] = uptake
    with pytest.raises(DesignFault, match=says):
        rolled_out(strategies)
