"""What is printed is about the strategies, each by its own: groups, break-even, what turns the decision; by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.economics.breakeven import break_even, justifiable_cost, research_bound
from sos_eval.economics.equity import equity_table
from sos_eval.economics.evaluate import evaluate
from sos_eval.economics.gate.evidence import Evidence
from sos_eval.economics.scenarios import marginal_child, scenario_models
from sos_eval.economics.summary import finding
from sos_eval.errors import DesignFault, numeral
from tests.economics.test_model import SHORTER, base, full_run, prepared

#: 30,000 a year and 2 fewer entries per 10,000 in full; the light programme costs a tenth and averts two fifths.
THREE = [{"name": "usual", "effect": 0, "programme": 0}, {"name": "light", "effect": 0.4, "programme": 0.1},
         {"name": "full"}]  # fmt: skip
HALVES = [{"name": name, "dimension": "means", "share": 0.5, "baseline": rate, "source": "x"}
          for name, rate in (("poor", 40), ("rich", 20))]  # fmt: skip


def judged(**changes):
    return evaluate(prepared(**changes), Evidence(), lambda *names: np.random.default_rng(len(names)), "x.yaml")


def test_groups_have_rows_for_every_strategy_with_its_own_cost_and_effect():
    # full: one averted entry a year in each half, 11,200 each, for 30,000; light: 0.4 for 3,000
    table = equity_table(prepared(strategies=THREE, equity=HALVES), with_effect=True).set_index(
        ["strategy", "subgroup"]
    )
    for name, part, cost in (("light", 0.4, 3_000), ("full", 1.0, 30_000)):
        for group in ("poor", "rich"):
            row = table.loc[(name, group)]
            assert row["averted_per_year"] == pytest.approx(part)
            assert row["programme_cost"] == pytest.approx(cost)
            assert row["inc_cost"] == pytest.approx(cost - part * 11_200)
            assert row["incremental_net_benefit"] == pytest.approx(part * (2 * 1000 + 11_200) - cost)
        assert table.loc[(name, "all groups"), "inc_cost"] == pytest.approx(2 * (cost - part * 11_200))
    # the share of the group's entries that would pay for it: 3,000 / 11,200 of 20 a year, 30,000 / 11,200 of them
    assert table.loc[("light", "poor"), "breakeven_share"] == pytest.approx(3_000 / 11_200 / 20)
    assert table.loc[("full", "poor"), "breakeven_share"] == pytest.approx(30_000 / 11_200 / 20)
    assert table["saving_single_entry"].dropna().tolist() == pytest.approx([6000] * 4)


@pytest.mark.parametrize("constant", ["difference", "ratio"])
def test_a_groups_own_effect_leaves_the_rest_to_the_others(constant):
    # 2 fewer per 10,000 are 2 entries; the poorer half has 3 fewer of its own, 1.5 entries: 0.5 are left
    groups = [{**HALVES[0], "share": 0.5, "effect": -3.0},
              {**HALVES[1], "name": "middle", "share": 0.25, "baseline": 25},
              {**HALVES[1], "share": 0.25, "baseline": 15}]  # fmt: skip
    found = equity_table(prepared(equity=groups, effect__constant=constant), with_effect=True).set_index("subgroup")
    rest = [0.25, 0.25] if constant == "difference" else [0.5 * 25 / 40, 0.5 * 15 / 40]
    assert found["averted_per_year"].tolist() == pytest.approx([1.5, *rest, 2.0])
    assert found["constant"].tolist()[:3] == ["own effect", f"rest, {constant}", f"rest, {constant}"]
    assert found.loc["all groups", "averted_if_ratio_constant"] == pytest.approx(2)


def test_own_effects_of_all_groups_move_with_the_total():
    from sos_eval.economics.equity import group_falls

    groups = [{**HALVES[0], "effect": -3.0}, {**HALVES[1], "effect": -1.0}]
    ready = prepared(equity=groups)
    values = {**base(ready.model), "effect": np.array([-2.0, -1.0])}
    falls = [group_falls(ready.model, one, ready.section.equity, values)["own effect"] for one in ready.section.equity]
    np.testing.assert_allclose(falls, [[3, 1.5], [1, 0.5]])


def test_every_strategy_has_a_break_even_and_a_highest_cost_of_its_own():
    model = prepared(strategies=THREE).model
    rows = break_even(model, base(model)).set_index(["strategy", "counting", "quantity"])["value"]
    share = "share of all entries averted"
    assert rows["full", "all savings", share] == pytest.approx(60_000 / 11_200 / 30)
    assert rows["light", "all savings", share] == pytest.approx(6_000 / 11_200 / 30)
    assert rows["light", "cashable savings only", share] == pytest.approx(12_000 / 11_200 / 30)
    table = justifiable_cost(model, base(model))
    for name, cost in (("light", 3_000), ("full", 30_000)):
        own = table[table["strategy"] == name]
        assert own["declared_cost"].tolist() == pytest.approx([cost] * len(own))
        assert np.interp(2 * cost / 11_200, own["fall"], own["max_cost"]) == pytest.approx(cost)


def test_the_first_line_names_the_strategy_that_is_decided_on_else_each():
    # twice the effect of all averts 8 entries a year: 6.7% of entries would pay for the full programme
    undecided = finding(judged(strategies=THREE).outputs)
    assert "To pay for itself light would have to avert 1.8% of entries to care, 0.536 a year" in undecided
    assert "To pay for itself full would have to avert 17.9% of entries to care, 5.36 a year" in undecided
    # E3 without a shorter stay: no headline, and the line is about full alone, which is best at 1,000
    longer = [{"name": str(i), "change": {"frame.horizon": i}, "structural": True} for i in (1, 3, 5)]
    decided = full_run(strategies=THREE, scenarios=longer).outputs
    assert decided["headline"]["sentence"] is None
    assert decided["summary"].set_index("quantity").loc["best on average", "strategy"] == "full"
    assert finding(decided).startswith("To pay for itself full would have to avert 17.9%")
    assert "light" not in finding(decided)


def test_the_line_holds_what_the_scenarios_say_beside_the_interval():
    # 30 weeks save 3,000 for each of two years: 60,000 / 6,000 = 10 entries a year; a quarter of the cost: 1.34
    dear = {"name": "cheap", "change": {"implementation.licence.amount": 7_500}}
    got = judged(scenarios=[SHORTER, dear]).outputs
    rows = got["breakeven"].set_index(["counting", "quantity"])
    row = rows.loc[("all savings", "fewer entries a year, one authority")]
    assert row[["scenario_low", "scenario_high"]].tolist() == pytest.approx([15_000 / 11_200, 10])
    assert "; over the scenarios 1.34 to 10)" in finding(got)
    ratio = rows.loc[("all savings", "rate ratio")]
    assert ratio[["scenario_low", "scenario_high"]].tolist() == pytest.approx([1 - 10 / 30, 1 - 15_000 / 11_200 / 30])


def test_scenarios_have_the_costs_of_each_strategy():
    table = judged(strategies=THREE, gate={"override": "E1", "why": "to see"}).outputs["scenarios"]
    rows = table.set_index(["scenario", "strategy"])
    assert rows.loc[("base case", "light"), "programme_cost"] == pytest.approx(6_000)
    assert rows.loc[("shorter stay", "light"), "breakeven_fall"] == pytest.approx(1)
    assert rows.loc[("shorter stay", "full"), "breakeven_fall"] == pytest.approx(10)
    assert rows["saving_single_entry"].unique().tolist() == pytest.approx([6000, 3000])


def test_a_scenario_that_changes_what_only_an_effect_would_show_says_so_without_one():
    # the rate of effects moves units alone, which nothing at E1 holds; more children move the break-even
    both = [{"name": "flat", "change": {"discount.effects": 0.1}},
            {"name": "larger", "change": {"frame.population": 20_000}}]  # fmt: skip
    notes = [judged(scenarios=both, gate={"override": tier, "why": "to see"}).outputs["scenarios"] for tier in
             ("E1", "E2")]  # fmt: skip
    first, second = (table.set_index("scenario")["note"] for table in notes)
    assert first[["flat", "larger"]].tolist() == ["changes no result here", ""]
    assert second[["flat", "larger"]].tolist() == ["", ""]


def test_research_is_about_the_choice_among_all_strategies():
    # Prior of -10 and +10 per 10,000: full gains 52,000 or -172,000, light 4 x 11,200 - 6,000 = 38,800 or -50,800. On
    # average nothing is best; knowing the first, full is: 26,000. Where full costs 90,000 a year: 38,800 - 12,000 for
    # light beats -68,000.
    model = prepared(strategies=THREE).model
    draws = {name: np.full(2, value) for name, value in model.base.items()}
    table = research_bound(model, draws, np.array([-10.0, 10.0]), np.array([0.0]), 1.0)
    assert table["evpi_under_prior"][0] == pytest.approx(26_000)
    dear = {"licence": {"name": "licence", "amount": 90_000, "price_year": "2024-25", "source": "x", "grade": "B"}}
    model = prepared(strategies=THREE, implementation=dear).model
    draws = {name: np.full(2, value) for name, value in model.base.items()}
    table = research_bound(model, draws, np.array([-10.0, 10.0]), np.array([0.0]), 1.0)
    assert table["evpi_under_prior"][0] == pytest.approx((44_800 - 18_000) / 2)


def test_two_probabilities_have_two_names():
    outputs = full_run(strategies=THREE, decision_threshold=1000).outputs
    rows = outputs["summary"].set_index(["quantity", "strategy"])["value"]
    pairs = outputs["pairwise"].set_index(["threshold", "strategy"])["prob_cost_effective"]
    chances = outputs["ceac"].set_index(["threshold", "strategy"])["probability"]
    head = outputs["headline"]
    assert rows["probability better than comparator", "light"] == pairs[1000, "light"] == 1  # beats usual practice
    assert rows["probability best of all", "light"] == chances[1000, "light"] < 0.05  # and hardly ever the best
    assert head["probability_better_than_comparator"] == pairs[1000, "full"]
    assert head["probability_best_of_all"] == chances[1000, "full"]
    assert "probability cost-effective" not in set(outputs["summary"]["quantity"])
    own = outputs["scenarios_probabilistic"].set_index(["scenario", "strategy"]).loc[("base case", "light")]
    assert own["prob_better_than_comparator"] == 1
    assert own["prob_best_of_all"] < 0.05


def test_the_headline_says_how_far_and_how_sure_against_both_the_comparator_and_the_second_best():
    # 8 entries a year: full 16 x 1,000 + 89,600 - 60,000 = 45,600; light 0.4 x 105,600 - 6,000 = 36,240
    head = full_run(strategies=THREE).outputs["headline"]
    assert head["second_best"]["strategy"] == "light"
    assert head["second_best"]["behind_by"] == pytest.approx(45_600 - 36_240, rel=0.05)
    said = head["sentence"]
    assert said.startswith("At GBP 1,000 for an averted entry to care full is best on average, by GBP ")
    assert f"GBP {numeral(head['inmb']['value'])} over usual and GBP " in said
    assert "over light, the second best (95% interval over usual " in said
    assert f"{numeral(head['inmb']['low'])} to {numeral(head['inmb']['high'])}" in said
    assert f"probability {head['probability_better_than_comparator']:.2f}, best of all with " in said
    # light is the cheapest on the frontier, full costs 60,000 - 6,000 - 0.6 x 89,600 more: 0.6 x 16 entries
    assert head["icer"] == pytest.approx(240 / 9.6, abs=60)
    assert f" ICER GBP {numeral(head['icer'])} for an averted entry to care, over light." in said


@pytest.mark.parametrize(("weeks", "found"), [(30, "46.43% less"), (59.9, "0.09% less"), (60.1, ""), (300, "")])
def test_a_shorter_stay_is_below_the_mean_in_use_and_saves_less(weeks, found, tmp_path, monkeypatch):
    # declared: 30 weeks save 6,000 of 11,200; 59.9 weeks 10 of it
    change = {"name": "other", "change": {"care_pathway.weeks": weeks}}
    assert found in marginal_child(scenario_models(prepared(scenarios=[change])))
    assert bool(marginal_child(scenario_models(prepared(scenarios=[change])))) == bool(found)
    # the mean of the file, 28.75 weeks, is the one in use where none is declared
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stays.csv").write_text("weeks,ended\n10,1\n20,0\n30,1\n40,1\n")
    filed = {"care_pathway__stays": {"distribution": "empirical", "path": "stays.csv"}, "care_pathway__weeks": None}
    assert marginal_child(scenario_models(prepared(scenarios=[change], **filed))) == ""
    shorter = {"name": "other", "change": {"care_pathway.weeks": 20}}
    assert "20 weeks for 28.75" in marginal_child(scenario_models(prepared(scenarios=[shorter], **filed)))


def test_the_label_says_whether_there_is_an_effect_that_is_not_used():
    without, unused = judged(effect={"baseline": 30}), judged()
    assert (without.printed, unused.printed) == ("E0", "E0")
    assert set(without.outputs["breakeven"]["label"]) == {"break-even only: no evidence of effect"}
    label = "break-even only: the evidence gate grants E0, so no estimate of the effect is used"
    assert set(unused.outputs["breakeven"]["label"]) == {label}
    assert unused.outputs["gate"]["condition"] == label
    assert finding(unused.outputs).startswith("Break-even only: the evidence gate grants E0")


def test_draws_from_files_are_not_called_no_result():
    said = finding({"quadrants": pd.DataFrame({"strategy": ["a", "b"], "reference": ["usual", "usual"]})})
    assert said == "Costs and effects of a and b against usual: draws from files hold no break-even."
    assert finding({}) == "No economic result: the evidence carries none."


def test_the_precision_asked_for_is_that_of_the_strategy_that_pays_at_the_smallest_effect():
    # 2.80 x 0.5 = 1.40 detected; the programme pays at 60,000 / 11,200 = 5.357 fewer, light (0.1 of the cost for 0.4
    # of the effect) at a quarter of that: .2615 and 1.0459 times
    got = judged(strategies=THREE).verdict.evidence["G6"]
    assert got["measured"]["mde_over_breakeven"] == pytest.approx(4 * 2.801585 * 0.5 * 11_200 / 60_000)
    assert got["tier"] == "E2"
    assert (
        "at which light pays for itself, the smallest of the strategies' own (light 1.05, full 0.261)"
        in (got["pointer"]["mde_over_breakeven"])
    )
    alone = judged().verdict.evidence["G6"]
    assert alone["measured"]["mde_over_breakeven"] == pytest.approx(2.801585 * 0.5 * 11_200 / 60_000)
    assert alone["tier"] == "E3"


@pytest.mark.parametrize(("part", "tier", "ratio"), [(1.0, "E3", 0.2615), (0.2, "E2", 1.3074), (0.1, "E1", 2.6148)])
def test_a_strategy_that_costs_a_part_needs_its_part_of_the_precision(part, tier, ratio):
    only = [THREE[0], {"name": "part", "programme": part}]
    got = judged(strategies=only).verdict.evidence["G6"]
    assert got["measured"]["mde_over_breakeven"] == pytest.approx(ratio, abs=5e-5)
    assert got["tier"] == tier


def test_a_strategy_that_costs_nothing_has_no_break_even_to_be_precise_about():
    free = [*THREE, {"name": "free", "effect": 0.5, "programme": 0}]
    got = judged(strategies=free).verdict.evidence["G6"]
    assert got["not_measured"]["mde_over_breakeven"] == "free costs nothing, so that any fall breaks even"
    # a strategy without a part in the effect rests on no estimate of it
    idle = [*THREE, {"name": "idle", "effect": 0, "programme": 0.5}]
    assert judged(strategies=idle).verdict.evidence["G6"]["measured"]["mde_over_breakeven"] == pytest.approx(
        1.0459, abs=5e-5
    )


def test_a_scenario_with_other_strategies_or_another_threshold_changes_a_result():
    # light for a fifth of the cost: 4 x 0.4 x 1000 + 0.4 x 22,400 - 12,000 = -1,440; at 20,000 an entry full gains
    # 4 x 20,000 + 22,400 - 60,000 = 42,400 and is best
    cheaper = [THREE[0], {**THREE[1], "programme": 0.2}, THREE[2]]
    both = [SHORTER, {"name": "dearer light", "change": {"strategies": cheaper}, "structural": True},
            {"name": "priced", "change": {"decision_threshold": 20_000}, "structural": True}]  # fmt: skip
    got = judged(strategies=THREE, scenarios=both, gate={"override": "E2", "why": "to see"})
    rows = got.outputs["scenarios"].set_index(["scenario", "strategy"])
    assert set(rows["note"]) == {""}
    assert rows.loc[("dearer light", "light"), "incremental_net_benefit"] == pytest.approx(-1_440)
    assert rows.loc[("priced", "full"), ["incremental_net_benefit", "best"]].tolist() == [pytest.approx(42_400), "full"]
    # other strategies are another structure; another price of the same effects is none
    assert got.verdict.evidence["G11"]["measured"]["structural"] == 1
    # without an effect nothing is priced
    first = judged(strategies=THREE, scenarios=both, gate={"override": "E1", "why": "to see"}).outputs["scenarios"]
    notes = first.groupby("scenario", sort=False)["note"].first()
    assert notes.tolist() == ["", "", "", "changes no result here"]


@pytest.mark.parametrize(("change", "says"), [
    ({"effect.per_entry": 2}, "effect.per_entry: 2: an averted entry is one unit"),
    ({}, "it changes nothing"), ({"care_pathway.weeks": 60}, "it says what the base case says"),
    ({"care_pathway.entries": "first_day", "care_pathway.weeks": 60.0}, "it says what the base case says"),
    ({"frame.currency": "EUR"}, "frame.currency: no result by scenario depends on it"),
    ({"care_pathway.weeks": 30, "effect.source": "x"}, "effect.source: no result by scenario"),
    ({"voi.years": 3}, "voi.years: no result by scenario"), ({"gate.override": "E3"}, "gate.override: no result"),
    ({"psa.seed": 3}, "psa.seed: no result"), ({"strategies.full.uptake": [0.5, 1]}, "uptake: no result by scenario"),
    ({"costs.0.grade": "A"}, "grade: no result by scenario"), ({"effect.bundle": "b"}, "not another run"),
    ({"psa.effects": "e.csv", "psa.costs": "c.csv"}, "psa.costs: a scenario is the same model"),
    ({"equity.0.share": 0.5}, "equity.0.share: no result by scenario"),
])  # fmt: skip
def test_a_scenario_that_can_change_no_result_is_refused(change, says):
    with pytest.raises(DesignFault) as caught:
        judged(strategies=THREE, scenarios=[SHORTER, {"name": "idle", "change": change}])
    assert "scenario idle: " in str(caught.value)
    assert says in str(caught.value)


def test_a_scenario_of_draws_and_of_errors_is_none_of_those():
    for change in (
        {"psa.draws": 100},
        {"effect.std_error": 0.1, "effect.source": "x"},
        {"frame.perspective": "societal"},
    ):
        got = judged(scenarios=[SHORTER, {"name": "other", "change": change}], gate={"override": "E2", "why": "x"})
        assert got.outputs["scenarios"]["note"].tolist() == ["", "", "changes no result here"]
