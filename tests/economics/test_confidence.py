"""The effect is drawn from the confidence distribution of the test that gave its interval."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.declare import Document, build
from sos_eval.economics.cost import effect_from, test_of_effect
from sos_eval.economics.evaluate import parameter_table
from sos_eval.economics.model.confidence import ConfidenceDistribution, distribution_of
from sos_eval.economics.model.draws import draw_parameters
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsSection
from sos_eval.inference.randomization import Randomization
from tests.economics.test_facts import estimates, facts
from tests.economics.test_model import declared
from tests.fakes import FastLinear, fit, panel_of

test_of_effect.__test__ = False  # type: ignore[attr-defined]

#: Three of twelve treated; one of them fell far more than the others, so that the test is skewed.
CHANGES = np.array([-9.0, -2.0, -1.0, 0.4, -0.7, 1.1, 0.2, -0.3, 0.8, -1.2, 0.5, -0.1])


@cache
def few_treated(level=0.95):
    panel = panel_of([[10, 10 + change] for change in CHANGES], [2002] * 3 + [np.inf] * 9)
    lots = Randomization(level=level, statistic="coefficient")
    return lots.infer(fit(FastLinear(), panel), np.random.default_rng(1))


def overall(level=0.95):
    table = few_treated(level).table
    return table[table["aggregation"] == "overall"].iloc[0]


def curve():
    return few_treated().tables["confidence.{}.randomization"]


def p_by_hand(theta):
    """p of an effect taken out of the three treated, over all 220 assignments, in a loop."""
    changes = CHANGES - theta * (np.arange(12) < 3)
    means = [changes[list(c)].mean() - np.delete(changes, list(c)).mean() for c in combinations(range(12), 3)]
    return np.mean(np.abs(means) >= abs(means[0]) * (1 - 1e-9))


def section(**changes):
    data = declared(effect={"baseline": 30}, **changes)
    document = Document(data, Path("by_hand.yaml"))
    return build(EconomicsSection, document.data, document), document


def row():
    ends = overall()
    return estimates().iloc[[0]].assign(
        estimate=ends["estimate"], std_error=np.nan, conf_low=ends["conf_low"], conf_high=ends["conf_high"],
        conf_level=0.95,
    )  # fmt: skip


def test_quantiles_are_the_ends_of_the_test_at_every_level():
    found = distribution_of(curve(), ratio=False)
    for level in (0.5, 0.8, 0.9, 0.95):
        ends = overall(level)
        low, high = found.quantile(np.array([(1 - level) / 2, (1 + level) / 2]))
        assert low == pytest.approx(ends["conf_low"], abs=0.12)  # the curve's step out there
        assert high == pytest.approx(ends["conf_high"], abs=0.12)
    # the estimate: -12/3 less 0.7/9, to the curve's first step
    assert found.quantile(np.array([0.5]))[0] == pytest.approx(-4 - 0.7 / 9, abs=0.01)


def test_draws_have_the_inverted_tests_quantiles_and_its_skewness():
    taken, document = section()
    test = test_of_effect(taken, row(), facts(), curve())
    assert isinstance(test, ConfidenceDistribution)
    used = effect_from(taken, row(), "a run", facts(), test)
    model = prepare(used, document, (), test).model
    drawn = draw_parameters(model.parameters, (), 100_000, np.random.default_rng(3))["effect"]
    for level in (0.5, 0.8, 0.9):
        ends = overall(level)
        for end, q in ((ends["conf_low"], (1 - level) / 2), (ends["conf_high"], (1 + level) / 2)):
            error = np.sqrt(q * (1 - q) / len(drawn))
            share = [np.mean(drawn <= end + shift) for shift in (-0.12, 0.12)]
            assert share[0] - 4 * error <= q <= share[1] + 4 * error
    low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95])
    assert high - middle > 1.15 * (middle - low)  # a normal would have both alike
    assert p_by_hand(low) == pytest.approx(0.1, abs=0.02)


def test_at_expected_values_stands_the_mean_of_the_draws_not_the_estimate():
    """The distribution is skewed: base case, tornado and groups would else part from the means of the draws."""
    taken, document = section()
    test = test_of_effect(taken, row(), facts(), curve())
    used = effect_from(taken, row(), "a run", facts(), test)
    model = prepare(used, document, (), test).model
    drawn = draw_parameters(model.parameters, (), 100_000, np.random.default_rng(3))["effect"]
    assert model.base["effect"] == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(len(drawn)))
    # by hand: -1 + 4 z below the median, -1 + z / 2 above it; the mean of z above zero is 1 / root(2 pi)
    skewed = ConfidenceDistribution(np.array([-2.0, 0, 2]), np.array([-9.0, -1, 0]), ratio=False)
    assert skewed.mean == pytest.approx(-1 - 3.5 / np.sqrt(2 * np.pi), abs=2e-4)
    assert f"its mean, {test.mean:.4g}, stands in tables at expected values" in used.effect.source
    averted = model.averted({name: np.full(1, value) for name, value in model.base.items()} | {"effect": drawn})
    assert float(model.averted(model.expected)[0]) == pytest.approx(averted.mean(), rel=0.01)


def test_the_output_says_which_was_used_and_why():
    taken, document = section()
    test = test_of_effect(taken, row(), facts(), curve())
    used = effect_from(taken, row(), "a run", facts(), test)
    table = parameter_table(prepare(used, document, (), test).model, with_effect=True).set_index("parameter")
    assert table.loc["effect", "distribution"] == "confidence distribution of the inverted test"
    assert "whose intervals are the test's own" in table.loc["effect", "source"]
    ends = overall()
    assert table.loc["effect", "low"] == pytest.approx(ends["conf_low"], abs=0.12)
    without = test_of_effect(taken, row(), facts(), None)
    normal = effect_from(taken, row(), "a run", facts(), without)
    table = parameter_table(prepare(normal, document).model, with_effect=True).set_index("parameter")
    assert table.loc["effect", "distribution"] == "normal"
    assert "normal distribution (the headline's inference has no inverted test" in table.loc["effect", "source"]


def test_another_unit_and_ratios():
    taken, _ = section()
    outcomes = {"entry": replace(facts().outcome, per=1000.0)}
    per_1000 = replace(facts(), panel=replace(facts().panel, outcomes=outcomes))
    q = np.array([0.1, 0.5, 0.9])
    same, tenfold = (test_of_effect(taken, row(), known, curve()).quantile(q) for known in (facts(), per_1000))
    np.testing.assert_allclose(tenfold, 10 * same)
    logs = pd.DataFrame({"effect": np.exp([-2.0, -1.0, 0.0, 0.5, 1.0]), "p_value": [0.04, 0.32, 1.0, 0.32, 0.04]})
    found = distribution_of(logs, ratio=True)
    np.testing.assert_allclose(np.log(found.quantile(np.array([0.02, 0.16, 0.5, 0.84, 0.98]))), [-2, -1, 0, 0.5, 1],
                               atol=1e-9)  # fmt: skip
    # beyond the last point the line from the median goes on: score -2.0537 is at -2, so -3 is at -2.9215
    far = np.log(found.quantile(np.array([0.0013498980316301])))[0]
    assert far == pytest.approx(-3 * 2 / 2.053748910631823)


def test_a_test_that_cannot_close_its_interval_gives_no_distribution():
    open_below = pd.DataFrame({"effect": [-9.0, 0.0, 1.0], "p_value": [0.06, 1.0, 0.01]})
    assert "stays above 0.05" in distribution_of(open_below, ratio=False)


def test_a_scenario_keeps_the_test_unless_it_has_an_estimate_of_its_own():
    from sos_eval.economics.scenarios import scenario_models

    other = {"name": "half", "change": {"effect.estimate": -1.0, "effect.std_error": 0.5, "effect.source": "x"}}
    longer = {"name": "shorter stay", "change": {"care_pathway.weeks": 30}}
    taken, document = section(scenarios=[longer, other])
    test = test_of_effect(taken, row(), facts(), curve())
    used = effect_from(taken, row(), "a run", facts(), test)
    laws = [model.parameters[0].law for _, model in scenario_models(prepare(used, document, (), test))]
    assert laws == ["confidence", "confidence", "normal"]
    document.data["effect"]["estimate"] = None  # as a bundle's design.yaml has it
    kept = [model for _, model in scenario_models(prepare(used, document, (), test))]
    assert [model.parameters[0].law for model in kept] == laws
    assert kept[1].base["effect"] == kept[0].base["effect"] != 0
