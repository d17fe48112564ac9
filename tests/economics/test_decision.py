"""The verdict is about the best strategy at the declared threshold, not the last one listed or the middle of a plot."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.economics.decision import choose
from tests.economics.test_model import full_run

#: "half" costs the whole programme and averts half: dominated, and listed last.
THREE = [{"name": "usual", "effect": 0, "programme": 0}, {"name": "whole"},
         {"name": "half", "effect": 0.5, "programme": 1}]  # fmt: skip


def rows(outputs, quantity):
    table = outputs["summary"]
    return table[table["quantity"] == quantity].set_index("strategy")


def test_the_headline_is_about_the_best_strategy_and_a_dominated_one_has_no_ratio():
    outputs = full_run(strategies=THREE).outputs
    head = outputs["headline"]
    assert (head["strategy"], head["best"], head["status"]) == ("whole", "whole", "ND")
    assert head["sentence"].startswith("At GBP 1,000 for an averted entry to care whole is best on average, by GBP ")
    ratios = rows(outputs, "incremental cost-effectiveness ratio")
    assert np.isnan(ratios.loc["half", "value"])
    assert ratios.loc["half", "text"].startswith("dominated")
    assert rows(outputs, "best on average").index.tolist() == ["whole"]


def test_scenarios_are_about_every_strategy_and_name_the_best():
    table = full_run(strategies=THREE).outputs["scenarios"]
    assert table.groupby("scenario")["strategy"].apply(list).map(lambda names: names == ["whole", "half"]).all()
    base = table[table["scenario"] == "base case"].set_index("strategy")
    assert base["best"].tolist() == ["whole", "whole"]
    assert base.loc["half", "status"] == "D"
    assert np.isnan(base.loc["half", "icer"])
    # by hand: 8 entries a year over two years are 16; half of them 8, at 1,000 each less 60,000 - 8 x 11,200 / 2
    assert base["inc_effect"].tolist() == pytest.approx([16, 8])
    assert base["incremental_net_benefit"].tolist() == pytest.approx([16_000 + 29_600, 8_000 - 60_000 + 44_800])


@pytest.mark.parametrize("plotted", [[0, 1000], [0, 1000, 5000, 50_000], [1000], {"from": 0, "to": 9000, "step": 300}])
def test_a_wider_plot_does_not_turn_the_verdict(plotted):
    head = full_run(strategies=THREE, thresholds=plotted).outputs["headline"]
    assert head["threshold"] == 1000
    assert head["inmb"]["value"] == pytest.approx(45_600, rel=0.03)


def test_where_the_comparator_is_best_the_sentence_is_about_the_next():
    dear = {"licence": {"name": "licence", "amount": 90_000, "price_year": "2024-25", "source": "x", "grade": "B"}}
    head = full_run(strategies=THREE, implementation=dear).outputs["headline"]
    assert (head["best"], head["strategy"]) == ("usual", "whole")
    # 180,000 - 89,600 = 90,400 more, less 16 x 1,000
    assert head["inmb"]["value"] == pytest.approx(-74_400, rel=0.03)
    assert "usual is best on average; the next is whole" in head["sentence"]


def test_without_a_decision_threshold_no_single_verdict_is_given():
    outputs = full_run(strategies=THREE, decision_threshold=None).outputs
    assert outputs["headline"]["inmb"] is None
    assert "no decision_threshold is declared" in outputs["headline"]["reason"]
    assert "tornado" not in outputs
    assert {"ceac", "incremental", "scenarios"} <= set(outputs)
    assert (outputs["scenarios"]["best"] == "").all()


def test_the_best_and_the_best_of_the_others():
    assert choose(np.array([0.0, -5.0, -2.0]), 0) == (0, 2)
    assert choose(np.array([0.0, 3.0, 7.0]), 0) == (2, 2)


@pytest.mark.parametrize("scenarios", [
    [], [{"name": "longer", "change": {"care_pathway.weeks": 61}}],
    # shorter, and dearer by more than that: no less is saved
    [{"name": "dear", "change": {"care_pathway.weeks": 59, "care_pathway.placements.foster.weekly_cost": 200}}],
    # the same stay, and less saved for another reason
    [{"name": "cheap", "change": {"care_pathway.placements.foster.weekly_cost": 50}}],
])  # fmt: skip
def test_without_the_marginal_childs_shorter_stay_there_is_no_headline(scenarios):
    outputs = full_run(scenarios=[*scenarios, *(
        {"name": str(i), "change": {"frame.horizon": i}, "structural": True} for i in (1, 3, 5))]).outputs  # fmt: skip
    assert outputs["headline"]["inmb"] is None
    assert "no scenario has a shorter stay" in outputs["headline"]["reason"]
    assert "no scenario has a shorter stay" in outputs["timing"]["text"][0]
