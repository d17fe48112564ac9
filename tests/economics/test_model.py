"""The decision model and what E1 prints, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.declare import Document, build
from sos_eval.economics.assumptions import assumption_table
from sos_eval.economics.breakeven import break_even, break_even_rate, justifiable_cost, research_bound
from sos_eval.economics.budget import COUNTED, budget_impact
from sos_eval.economics.evaluate import evaluate
from sos_eval.economics.gate.evidence import Evidence
from sos_eval.economics.model.deflator import named_deflator
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsSection
from tests.pilots import pilots_facts

LINE = {"price_year": "2024-25", "source": "by hand", "grade": "B"}
#: All entries on the first day of the year and every stay the mean: the convention that a hand can work.
FIRST_DAY = {"stays": {"distribution": "fixed"}, "entries": "first_day"}
SHORTER = {"name": "shorter stay", "change": {"care_pathway.weeks": 30}}


def declared(**changes):
    """Two years, no discounting, 10,000 children, weeks 60 in foster care at 100 a week, programme 30,000 a year."""
    data = {
        "frame": {"perspective": "authority", "price_year": "2024-25", "currency": "GBP", "horizon": 2,
                  "comparator": "usual", "population": 10_000},
        "discount": {"costs": 0.0, "effects": 0.0},
        "effect": {"baseline": 30, "estimate": -2.0, "std_error": 0.5, "source": "by hand"},
        "care_pathway": {"weeks": 60, "cashable": 0.5, **FIRST_DAY,
                         "placements": [{"name": "foster", "share": 1, "weekly_cost": 100, **LINE}]},
        "implementation": {"licence": {"name": "licence", "amount": 30_000, **LINE}},
        "thresholds": [0, 1000],
        "decision_threshold": 1000,
        "psa": {"draws": 2000, "seed": 1},
        "scenarios": [SHORTER],
    }  # fmt: skip
    for key, value in changes.items():
        where, *rest = key.split("__")
        if rest:
            data[where] = {**data[where], rest[0]: value}
        else:
            data[where] = value
    return data


def prepared(**changes):
    document = Document(declared(**changes), Path("by_hand.yaml"))
    return prepare(build(EconomicsSection, document.data, document), document)


def base(model, **values):
    return {name: np.array([float(values.get(name, value))]) for name, value in model.base.items()}


def test_savings_run_on_into_later_years_and_end_with_the_horizon():
    # An entry averted in year 1 saves 52 weeks in year 1 and 8 in year 2; one in year 2 saves 52. At 100 a week:
    # 5,200 + 800 + 5,200 = 11,200 for one entry averted in each year. Two fewer per 10,000 children = 2 entries a year.
    model = prepared().model
    assert model.saving_per_averted(base(model))[0] == pytest.approx(11_200)
    assert model.averted(base(model))[0] == pytest.approx(2)
    effects, costs = model.evaluate(base(model))
    assert effects[0].tolist() == [0, pytest.approx(4)]
    assert costs[0].tolist() == [0, pytest.approx(60_000 - 22_400)]


def test_break_even_by_hand():
    # 60,000 over 11,200 = 5.357 entries a year; only half is cashable: 10.714
    model = prepared().model
    assert break_even_rate(model, base(model))[0] == pytest.approx(60_000 / 11_200)
    assert break_even_rate(model, base(model), cashable=True)[0] == pytest.approx(2 * 60_000 / 11_200)
    table = break_even(model, base(model)).set_index(["counting", "quantity"])
    assert set(table["strategy"]) == {"Programme"}
    assert table.loc[("all savings", "rate ratio"), "value"] == pytest.approx(1 - 60_000 / 11_200 / 30)
    curve = justifiable_cost(model, base(model))
    at = np.interp(60_000 / 11_200, curve["fall"], curve["max_cost"])
    assert at == pytest.approx(30_000, rel=1e-9)


def test_no_effect_can_pay_for_what_saves_nothing():
    shorter = {"name": "shorter", "change": {"care_pathway.weeks": 0.0005}}
    model = prepared(care_pathway__weeks=0.001, scenarios=[shorter], implementation={
        "licence": {"name": "licence", "amount": 9e9, **LINE}}).model  # fmt: skip
    table = break_even(model, base(model))
    assert "no effect pays for Programme" in table["text"][0]


def test_discounting_deflating_turnover_and_decay():
    # Year 2 at 10%; the licence is in 2019-20 prices; training 1,000 once and a fifth of it again in year 2;
    # full effect one year, then half of it is lost.
    model = prepared(
        discount={"costs": 0.10, "effects": 0.10}, effect__persistence=1, effect__decay=0.5,
        implementation={"turnover": 0.2, "training": {"name": "training", "amount": 1000, **LINE},
                        "licence": {"name": "licence", "amount": 500, **LINE, "price_year": "2019-20"}},
    ).model  # fmt: skip
    index = named_deflator("gdp_ons_2025_06").index
    licence = 500 * index["2024-25"] / index["2019-20"]
    want = 1000 + 200 / 1.1 + licence * (1 + 1 / 1.1)
    assert model.programme_cost(base(model))[0] == pytest.approx(want)
    saving = 5200 + (800 + 0.5 * 5200) / 1.1
    assert model.saving_per_averted(base(model))[0] == pytest.approx(saving)
    assert model.effect_units(base(model))[0] == pytest.approx(1 + 0.5 / 1.1)


def test_moves_between_placements_and_a_dear_one():
    # Half start in residential care at 1,000 a week; a tenth of foster children move there each year.
    # Year 1: 52 x (0.5 x 1000 + 0.5 x 100); then the mix is 0.55 to 0.45. Entry of year 2: 52 weeks at the first mix.
    places = [
        {"name": "foster", "share": 0.5, "weekly_cost": 100, "to": {"residential": 0.1}, **LINE},
        {"name": "residential", "share": 0.5, "weekly_cost": 1000, **LINE},
    ]
    model = prepared(care_pathway={"weeks": 60, "placements": places, **FIRST_DAY}).model
    want = 2 * 52 * 550 + 8 * (0.55 * 1000 + 0.45 * 100)
    assert model.saving_per_averted(base(model))[0] == pytest.approx(want)


@pytest.mark.parametrize(("scale", "estimate", "fall"), [
    ("rate_difference", -2.0, 2.0), ("rate_ratio", 0.9, 3.0),
    # odds 0.9 x 0.003 / 0.997 = 0.0027081; risk 0.00270081; fall per 10,000: 30 - 27.0081
    ("odds_ratio", 0.9, 30 - 1e4 * 0.9 * 0.003 / 0.997 / (1 + 0.9 * 0.003 / 0.997)),
])  # fmt: skip
def test_every_scale_becomes_a_fall_in_entries(scale, estimate, fall):
    model = prepared(
        effect={"baseline": 30, "scale": scale, "estimate": estimate, "std_error": 0.1, "source": "x"}
    ).model
    assert model.averted(base(model))[0] == pytest.approx(fall)


def test_costs_outside_the_perspective_are_listed_and_not_counted():
    health = {"name": "health visits", "amount": 700, "unit": "case", "bearer": "health", **LINE}
    narrow, wide = (prepared(costs=[health], frame__perspective=p).model for p in ("authority", "public_sector"))
    assert wide.saving_per_averted(base(wide))[0] - narrow.saving_per_averted(base(narrow))[0] == pytest.approx(1400)


def test_budget_shows_cashable_only_beside_all():
    model = prepared().model
    costs = budget_impact(model, base(model), with_savings=False)
    assert list(costs.columns) == [
        "strategy", "year", "bearer", "counted", "uptake", "cost", "cost_low", "cost_high"
    ]  # fmt: skip
    full = budget_impact(model, base(model), with_savings=True)
    full = full[full["bearer"] == "authority"]
    assert full["saving"].tolist() == pytest.approx([2 * 5200, 2 * 6000])
    assert full["cashable_saving"].tolist() == pytest.approx([5200, 6000])


def test_research_bound_by_hand():
    # Prior draws of the change: -10 and +10 entries per 10,000. Gains: 10 x 11,200 - 60,000 = 52,000 and -172,000;
    # on average -60,000: do not adopt; knowing gains 52,000 in half the cases: 26,000.
    model = prepared().model
    draws = {name: np.full(2, value) for name, value in model.base.items()}
    table = research_bound(model, draws, np.array([-10.0, 10.0]), np.array([0.0]), decisions=3.0)
    assert table["evpi_under_prior"][0] == pytest.approx(26_000)
    assert table["population_value"][0] == pytest.approx(78_000)


def test_draws_have_the_declared_moments_and_dependence():
    found = prepared(
        care_pathway__weeks_se=6, psa={"draws": 40_000, "seed": 3, "correlation": [
            {"between": ["effect", "weeks"], "rho": 0.6}]},
    )  # fmt: skip
    from sos_eval.economics.model.draws import draw_parameters

    drawn = draw_parameters(found.model.parameters, found.section.psa.correlation, 40_000, np.random.default_rng(1))
    assert drawn["weeks"].mean() == pytest.approx(60, abs=0.15)
    assert drawn["weeks"].std() == pytest.approx(6, rel=0.02)
    assert drawn["effect"].std() == pytest.approx(0.5, rel=0.02)
    assert np.corrcoef(drawn["effect"], drawn["weeks"])[0, 1] == pytest.approx(0.6, abs=0.02)


def test_scenarios_keep_the_estimate_that_a_run_gave():
    # One estimate of 3 fewer per 10,000 from a run: 3 entries a year, two years, in the base case and with dearer care.
    from sos_eval.economics.cost import effect_from
    from sos_eval.economics.scenarios import scenario_models, scenario_table

    row = {"aggregation": "overall", "scale": "rate_per", "estimate": -3.0, "std_error": 0.4, "subgroup": "",
           "estimator": "primary", "outcome": "entry", "inference": "randomization"}  # fmt: skip
    document = Document(
        declared(effect={"baseline": 30}, scenarios=[SHORTER, {"name": "dear", "change": {
            "care_pathway.placements.foster.weekly_cost": 200}}]), Path("by_hand.yaml"))  # fmt: skip
    declaration = build(EconomicsSection, document.data, document)
    section = effect_from(declaration, pd.DataFrame([row]), "a run", pilots_facts())
    found = prepare(section, document)
    table = scenario_table(found, scenario_models(found), with_effect=True).set_index("scenario")
    # 30 weeks: 3,000 in each of the two years
    assert table["inc_effect"].tolist() == pytest.approx([6, 6, 6])
    assert table["inc_cost"].tolist() == pytest.approx([60_000 - 3 * each for each in (11_200, 6_000, 22_400)])


def full_run(**changes):
    from tests.economics.test_gate import GOOD

    facts = {k: v for k, v in GOOD.items() if k not in ("draws", "mc_ratio", "covariance", "structural", "cheers",
                                                        "hashed", "frame_all", "lines_sourced", "cost_ab_share",
                                                        "horizon_scenario", "mde_over_breakeven")}  # fmt: skip
    found = prepared(
        gate={"facts": facts, "evidence": dict.fromkeys(facts, "by hand")}, psa={"draws": 5000, "seed": 1},
        effect={"baseline": 30, "estimate": -8.0, "std_error": 0.45, "source": "by hand"},
        cheers={str(i): "said" for i in range(1, 29)},
        voi={"evppi": [["effect"]], "decisions_per_year": 2, "years": 5},
        equity=[{"name": "poor", "dimension": "deprivation_fifth", "share": 0.2, "baseline": 60, "source": "x"}],
        **({"scenarios": [SHORTER, *(
            {"name": str(i), "change": {"frame.horizon": i}, "structural": True} for i in (1, 3, 5))]} | changes),
    )  # fmt: skip
    return evaluate(found, Evidence(), lambda *names: np.random.default_rng(len(names)), "by_hand.yaml")


def test_good_evidence_reaches_e3_and_fills_the_headline():
    got = full_run()
    assert got.verdict.tier == "E3", got.verdict.lift
    head = got.outputs["headline"]
    # 8 entries a year: 60,000 - 8 x 11,200 saves 29,600 and averts 16: dominant, so no ratio but words
    assert head["icer"] is None
    assert "dominates" in head["sentence"]
    assert head["inmb"]["low"] < head["inmb"]["value"] < head["inmb"]["high"]
    assert {"ceac", "psa", "evppi", "tornado", "one_way", "evpi_population"} <= set(got.outputs)
    assert got.outputs["quadrants"]["inc_cost"][0] == pytest.approx(-29_600, rel=0.05)


def test_e2_is_marked_conditional_and_its_headline_stays_empty():
    got = full_run(frame__why="", deflator="gdp_ons_2025_06", discount={"costs": 0.0, "effects": 0.0})
    assert got.verdict.tier == "E3"
    from tests.economics.test_gate import GOOD

    facts = {**GOOD, "sms": 3, "heap": False}
    for name in ("draws", "mc_ratio"):
        facts.pop(name)
    found = prepared(gate={"facts": facts, "evidence": dict.fromkeys(facts, "by hand")},
                     psa={"draws": 5000, "seed": 1}, cheers={str(i): "x" for i in range(1, 29)},
                     effect={"baseline": 30, "estimate": -8.0, "std_error": 0.5, "source": "x"},
                     scenarios=[SHORTER, {"name": "h", "change": {"frame.horizon": 4}, "structural": True}],
                     )  # fmt: skip
    two = evaluate(found, Evidence(), lambda *names: np.random.default_rng(1), "x.yaml")
    assert two.verdict.tier == "E2"
    assert two.outputs["headline"]["inmb"] is None
    assert "conditional" in two.outputs["headline"]["reason"]
    assert set(two.outputs["summary"]["condition"]) == {"conditional on the effect being causal"}


def test_a_measured_fact_goes_before_a_declared_one():
    found = prepared(gate={"facts": {"sms": 5, "treated": 40}})
    measured = Evidence()
    measured.measured("treated", 4, "estimates.csv")
    got = evaluate(found, measured, lambda *names: np.random.default_rng(1), "x.yaml")
    entry = got.verdict.evidence["G2"]
    assert entry["measured"]["treated"] == 4
    assert "declared as 40" in entry["pointer"]["treated"]


def test_a_declared_fact_without_its_evidence_counts_as_not_measured():
    facts = {"sms": 3, "emmie_econ": 2, "fidelity_share": 0.9, "heap": False}
    found = prepared(gate={"facts": facts, "evidence": {"emmie_econ": "a costing paper", "fidelity_share": " "}})
    got = evaluate(found, Evidence(), lambda *names: np.random.default_rng(1), "x.yaml").verdict
    assert got.evidence["G9"]["measured"]["emmie_econ"] == 2
    for criterion, name in (("G1", "sms"), ("G8", "fidelity_share")):
        assert got.evidence[criterion]["measured"][name] is None
        assert "without evidence" in got.evidence[criterion]["not_measured"][name]
    assert got.evidence["G12"]["measured"]["heap"] is False  # a no grants nothing and needs no support


def test_a_structural_scenario_that_changes_nothing_is_not_counted():
    both = [
        {"name": "who pays", "structural": True, "change": {"frame.perspective": "public_sector"}},
        {"name": "stay", "structural": True, "change": {"care_pathway.weeks": 26}},
    ]
    got = evaluate(prepared(scenarios=both), Evidence(), lambda *names: np.random.default_rng(1), "x.yaml")
    assert got.verdict.evidence["G11"]["measured"]["structural"] == 1  # nobody but the authority bears a cost here


def test_the_research_bound_says_no_probability():
    prior = {"mean": 0, "sd": 1, "source": "a stated belief"}
    found = prepared(effect={"baseline": 30, "prior": prior}, thresholds=[0, 1000])
    got = evaluate(found, Evidence(), lambda *names: np.random.default_rng(1), "x.yaml")
    want = ["threshold", "evpi_under_prior", "std_error", "decisions", "population_value"]
    # without an EMMIE score the evidence grants nothing numeric
    assert got.verdict.tier == "E0"
    assert "research_value" not in got.outputs
    facts = {"sms": 2, "emmie_econ": 1, "complete": 0.9}
    found = prepared(effect={"baseline": 30, "prior": prior}, thresholds=[0, 1000],
                     gate={"facts": facts, "evidence": dict.fromkeys(facts, "by hand")})  # fmt: skip
    got = evaluate(found, Evidence(), lambda *names: np.random.default_rng(1), "x.yaml")
    assert got.verdict.tier == "E1"
    assert list(got.outputs["research_value"]) == want


def test_an_averted_entry_that_costs_more_elsewhere_costs_it_in_cash():
    # Half of 11,200 can be cashed; support at home for each of the two averted entries, 500, is paid in full.
    home = {"name": "support at home", "amount": -500, "unit": "case", "distribution": "normal", **LINE}
    model = prepared(costs=[home]).model
    assert model.saving_per_averted(base(model))[0] == pytest.approx(11_200 - 1000)
    assert model.saving_per_averted(base(model), cashable=True)[0] == pytest.approx(5600 - 1000)
    budget = budget_impact(model, base(model), with_savings=True)
    budget = budget[budget["bearer"] == COUNTED]
    assert budget["cashable_saving"].tolist() == pytest.approx([2 * (2600 - 500), 2 * (3000 - 500)])


def test_the_budget_is_cash_and_the_perspective_is_added_up():
    # Training of 1,000 is of use for four years: two of them count, half the sum; the cash goes out in year 1.
    health = {"name": "visits", "amount": 700, "unit": "case", "bearer": "health", **LINE}
    programme = {"amortisation": 4, "training": {"name": "training", "amount": 1000, **LINE}}
    model = prepared(implementation=programme, costs=[health]).model
    assert model.programme_cost(base(model))[0] == pytest.approx(500)
    budget = budget_impact(model, base(model), with_savings=True)
    assert budget[budget["bearer"] == COUNTED]["cost"].tolist() == pytest.approx([1000, 0])
    assert budget.loc[~budget["counted"], "bearer"].tolist() == ["health", "health"]


def test_a_share_of_the_mix_is_varied_on_its_own_scale_and_the_others_take_the_rest():
    # First day, 60 weeks, two years: 112 weeks for an entry averted in each year, at x of 1,000 and 1 - x of 100. Eight
    # entries a year: -60,000 + 8 x 112 (100 + 900 x), and 16 at 1,000.
    places = [{"name": "residential", "share": 0.2, "weekly_cost": 1000, **LINE},
              {"name": "foster", "share": 0.5, "weekly_cost": 100, **LINE},
              {"name": "kinship", "share": 0.3, "weekly_cost": 100, **LINE}]  # fmt: skip
    pathway = {"weeks": 60, "concentration": 60, "placements": places, **FIRST_DAY}
    table = full_run(care_pathway=pathway, dsa={"ranges": {"mix[residential]": [0.1, 0.3]}}).outputs["tornado"]
    row = table.set_index("parameter").loc["mix[residential]"]
    want = [16_000 - 60_000 + 8 * 112 * (100 + 900 * x) for x in (0.1, 0.3, 0.2)]
    assert row[["inmb_low", "inmb_high", "inmb_base"]].tolist() == pytest.approx(want)
    # of two placements one share is the mirror image of the other: it stands there once
    two = [{**places[0], "share": 0.2}, {**places[1], "share": 0.8}]
    mirrored = full_run(care_pathway={**pathway, "placements": two}).outputs["tornado"]["parameter"]
    assert [name for name in mirrored if name.startswith("mix[")] == ["mix[residential]"]
    own = table.set_index("parameter").loc["mix[foster]"]  # beta(30, 30)
    assert own[["low", "high"]].tolist() == pytest.approx([0.374983, 0.625017], abs=1e-6)


def test_groups_add_up_to_the_total_whatever_is_constant():
    # A fifth of the children enters at 60, the rest at 22.5: 30 on average. Two fewer per 10,000: 0.4 and 1.6 entries
    # if the difference is constant; if the ratio is, 4 and 1.5 fewer per 10,000: 0.8 and 1.2.
    from sos_eval.economics.equity import equity_table

    groups = [{"name": "poor", "dimension": "fifth", "share": 0.2, "baseline": 60, "source": "x"},
              {"name": "others", "dimension": "fifth", "share": 0.8, "baseline": 22.5, "source": "x"}]  # fmt: skip
    table = equity_table(prepared(equity=groups), with_effect=True).set_index("subgroup")
    assert table["averted_if_difference_constant"].tolist() == pytest.approx([0.4, 1.6, 2.0])
    assert table["averted_if_ratio_constant"].tolist() == pytest.approx([0.8, 1.2, 2.0])
    assert table["averted_per_year"].tolist() == pytest.approx([0.4, 1.6, 2.0])
    assert table.loc["all groups", "inc_cost"] == pytest.approx(60_000 - 2 * 11_200)
    ratio = equity_table(prepared(equity=groups, effect__constant="ratio"), with_effect=True).set_index("subgroup")
    assert ratio["averted_per_year"].tolist() == pytest.approx([0.8, 1.2, 2.0])
    assert set(ratio["constant"].dropna()) == {"ratio"}


def test_every_input_is_listed_with_its_source():
    table = full_run().outputs["parameters"].set_index("parameter")
    assert table.loc["effect", "source"] == "by hand"
    assert table.loc["weeks", "source"] == "no source is declared"
    assert table.loc["mix[foster]", "mean"] == 1
    assert "effect" not in evaluate(
        prepared(gate={"facts": {"sms": 2, "emmie_econ": 1, "complete": 0.9},
                       "evidence": dict.fromkeys(("sms", "emmie_econ", "complete"), "x")}),
        Evidence(), lambda *names: np.random.default_rng(1), "x.yaml",
    ).outputs["parameters"]["parameter"].tolist()  # fmt: skip


def test_the_reporting_sheet_is_filled_only_from_what_is_there():
    from sos_eval.economics.cheers import cheers_sheet

    def answers(**changes):
        found = prepared(**changes)
        return cheers_sheet(found.section, found.model.strategies).set_index("item")["answer"]

    assert answers()[22] == ""  # neither the baseline nor the weeks say where they come from
    assert answers()[20] == "2,000 draws of the parameters; 1 scenarios; one-way ranges; gate on the evidence"
    assert "one-way" not in answers(decision_threshold=None)[20]
    assert answers()[17].endswith("entries on its first day, fixed stays")


def test_every_input_has_a_source_where_the_sheet_says_so():
    # the sheet of a run, beside the inputs of the same run: an entry of the unit is one by definition
    sourced = {"effect__baseline_source": "a table", "care_pathway__weeks_source": "returns"}
    for left_out in (None, *sourced):
        given = {key: value for key, value in sourced.items() if key != left_out}
        got = evaluate(prepared(**given), Evidence(), lambda *names: np.random.default_rng(1), "x.yaml").outputs
        unsourced = (got["parameters"]["source"] == "no source is declared").any()
        answer = got["cheers"].set_index("item").loc[22, "answer"]
        assert (answer == "") == unsourced == (left_out is not None)


def test_the_sheet_says_which_groups_count_for_more():
    halves = [{"name": name, "dimension": "means", "share": 0.5, "baseline": rate, "source": "x"}
              for name, rate in (("poor", 40), ("rich", 20))]  # fmt: skip
    averse = {"dimension": "means", "aversion": [0, 1], "why": "a panel's judgement"}

    def said(**changes):
        got = evaluate(prepared(**changes), Evidence(), lambda *names: np.random.default_rng(1), "x.yaml").outputs
        return got["cheers"].set_index("item").loc[19, "answer"]

    assert said() == ""
    assert said(equity=halves).endswith("no group is given a higher weight")
    assert "net benefits are not weighted (a panel's judgement)" in said(equity=halves, distribution=averse)
    weighted = said(equity=halves, distribution={**averse, "weights": {"poor": 1.5, "rich": 0.5}})
    assert "declared weights (poor 1.5, rich 0.5)" in weighted
    assert "no group" not in weighted


def test_a_stated_prior_is_among_the_inputs():
    prior = {"mean": 0.5, "sd": 2, "source": "a stated belief"}
    facts = {"sms": 2, "emmie_econ": 1, "complete": 0.9}
    found = prepared(effect={"baseline": 30, "prior": prior},
                     gate={"facts": facts, "evidence": dict.fromkeys(facts, "by hand")})  # fmt: skip
    got = evaluate(found, Evidence(), lambda *names: np.random.default_rng(1), "x.yaml").outputs["parameters"]
    row = got.set_index("parameter").loc["prior of the effect"]
    assert (row["mean"], row["std_error"], row["source"]) == (0.5, 2, "a stated belief")


def test_a_programme_without_evidence_gets_its_break_even_and_nothing_more():
    got = evaluate(prepared(effect={"baseline": 30}), Evidence(), lambda *names: np.random.default_rng(1), "x.yaml")
    assert got.verdict.tier == "E0"
    assert set(got.outputs) == {
        "gate", "cheers", "missing", "breakeven", "max_programme_cost", "assumptions", "parameters", "timing"
    }  # fmt: skip
    assert got.outputs["gate"]["condition"] == "break-even only: no evidence of effect"
    assert set(got.outputs["breakeven"]["label"]) == {"break-even only: no evidence of effect"}
    assert got.outputs["breakeven"]["value"][0] == pytest.approx(60_000 / 11_200)


def test_optimism_bias_raises_the_programme_and_nothing_else():
    raised = {"optimism_bias": 0.2, "optimism_source": "guidance", "licence": {
        "name": "licence", "amount": 30_000, **LINE}}  # fmt: skip
    model = prepared(implementation=raised).model
    assert model.programme_cost(base(model))[0] == pytest.approx(72_000)
    assert model.saving_per_averted(base(model))[0] == pytest.approx(11_200)


def test_what_no_draw_varies_is_listed_as_declared():
    # one year of full effect, then half: 1.5 entries for one averted in every year of full effect
    model = prepared(effect__persistence=1, effect__decay=0.5, decision_threshold_source="a panel", implementation={
        "turnover": 0.2, "training": {"name": "training", "amount": 1000, **LINE}}).model  # fmt: skip
    facts = {"sms": 2, "emmie_econ": 1, "complete": 0.9}
    got = evaluate(
        prepared(gate={"facts": facts, "evidence": dict.fromkeys(facts, "x")}, care_pathway__cashable=0.25,
                 care_pathway__age_at_entry={"3": 0.4, "10": 0.6}),
        Evidence(), lambda *names: np.random.default_rng(1), "x.yaml").outputs["assumptions"]  # fmt: skip
    rows, own = (table.set_index("assumption")["value"] for table in (got, assumption_table(model)))
    assert own["years of full effect"] == "1 of 2"
    assert own["share of the effect lost each year after them"] == "50%"
    assert own["one entry averted in every year of full effect, fading"] == "1.5 entries"
    assert own["staff that leave in a year and are trained anew"] == "20%"
    priced = assumption_table(model).set_index("assumption")["why"]
    assert priced["money a unit of effect at which the decision is taken"] == "a panel"
    assert rows["years of full effect"] == "2 of 2"
    assert rows["share of the saving that could be cashed"] == "25%"
    assert rows["age at entry: share of entries"] == "3: 40%, 10: 60%"
    assert rows["moves between placements in a year"] == "none"
    assert rows["children aged 0 to 17 in an authority"] == "10,000"
    assert rows["authorities that take it up"] == "1"


def test_value_for_money_by_hand():
    # 8 entries a year save 89,600 for 60,000; 16 units at 1,000 add 16,000. Only the effect varies.
    table = full_run().outputs["value_for_money"].set_index("quantity")
    assert table.loc["present cost of the programme", "value"] == pytest.approx(60_000)
    assert table.loc["benefit-cost ratio, savings only", "value"] == pytest.approx(89_600 / 60_000, rel=0.01)
    assert table.loc["benefit-cost ratio, effects priced", "value"] == pytest.approx(105_600 / 60_000, rel=0.01)
    wide = table.loc["net present value, savings only"]
    assert (wide["high"] - wide["low"]) == pytest.approx(2 * 1.96 * 0.45 * 11_200, rel=0.05)
