"""What a declaration can get wrong: each fault with its words, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_eval.declare import Document, build
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsFile, EconomicsSection, threshold_grid
from sos_eval.errors import DesignFault, InputFault
from sos_eval.jobs.economics import run_economics
from tests.economics.test_model import LINE, SHORTER, declared


def refused(**changes):
    document = Document(declared(**changes), Path("bad.yaml"))
    with pytest.raises(InputFault) as caught:
        prepare(build(EconomicsSection, document.data, document), document)
    return str(caught.value)


def cost(**changes):
    line = {"name": "visits", "amount": 10.0, "unit": "case", **LINE, **changes}
    return {"costs": [{key: value for key, value in line.items() if value is not None}]}


def group(name, share, baseline, **more):
    return {"name": name, "dimension": "fifth", "share": share, "baseline": baseline, "source": "x", **more}


PLACE = {"name": "foster", "share": 1.0, "weekly_cost": 100, **LINE}
#: What is declared, and words that the fault must hold.
CASES = {
    "a cost without source": (cost(source=None), "visits: a cost without a source"),
    "a cost without price year": (cost(price_year=None), "visits: a cost without its price year"),
    "a cost without unit": (cost(unit=None), "visits: a cost without its unit; write child_week, case"),
    "nominal among real": (cost(prices="nominal"), "nominal and real are mixed"),
    "uplift beside a real rate": ({"frame__uplift": 0.02}, "mixes nominal and real"),
    "nominal prices, real schedule": (
        {"frame__prices": "nominal", "discount": {"costs": "green_book_2003", "effects": 0.0}}, "by a real schedule"),
    "price year outside the deflator": (cost(price_year="1999-00"), "which covers 2009-10 to 2024-25"),
    "frame outside the deflator": ({"frame__price_year": "2031-32"}, "frame.price_year: price year 2031-32 is outside"),
    "shares that do not sum": ({"care_pathway__placements": [{**PLACE, "share": 0.7}]}, "the shares sum to 0.7"),
    "moves above one": ({"care_pathway__placements": [
        {**PLACE, "share": 0.5, "to": {"a": 0.6, "b": 0.6}}, {**PLACE, "name": "a", "share": 0.25},
        {**PLACE, "name": "b", "share": 0.25}]}, "the probabilities sum to 1.2"),
    "correlations that cannot be": ({"psa": {"correlation": [
        {"between": ["effect", "weeks"], "rho": 0.9}, {"between": ["weeks", "baseline"], "rho": 0.9},
        {"between": ["effect", "baseline"], "rho": -0.9}]}, "care_pathway__weeks_se": 6, "effect__baseline_se": 1},
        "not positive definite"),
    "a shape that is needed": ({"care_pathway__stays": {"distribution": "gamma"}}, "stays.shape: gamma stays need it"),
    "a shape that does nothing": ({"care_pathway__stays": {"distribution": "fixed", "shape": 2}},
        "fixed stays have none"),
    "a mean that is missing": ({"care_pathway__weeks": None}, "stays need their mean"),
    "an age of an adult": ({"care_pathway__age_at_entry": {"18": 1}}, "from 0 to below 18"),
    "ages that do not sum": ({"care_pathway__age_at_entry": {"3": 0.5, "10": 0.4}}, "the shares sum to 0.9"),
    "no room before 18": ({"care_pathway__age_at_entry": {"17": 1}, "care_pathway__weeks_se": 3},
        "the ages at entry leave 52 on average before 18"),
    "a unit of training": ({"implementation": {"training": {"name": "t", "amount": 1, "unit": "case", **LINE}}},
        "training is counted once for each authority, not per case"),
    "a unit of a licence": ({"implementation": {"licence": {"name": "l", "amount": 1, "unit": "fixed", **LINE}}},
        "licence is counted each year for each authority, not per fixed"),
    "an annuity that only spreads": ({"implementation": {"amortisation": 2, "training": {
        "name": "t", "amount": 1, **LINE}}}, "only spreads: nothing changes"),
    "a reversed range": ({"dsa": {"ranges": {"weeks": [80, 40]}}}, "the first is not the lower; [40, 80]"),
    "a stay of less than nothing": ({"dsa": {"ranges": {"weeks": [-50, 150]}}},
        "dsa.ranges.weeks: [-50, 150]: a stay is longer than nothing"),
    "a stay beyond 18": ({"dsa": {"ranges": {"weeks": [50, 2000]}}}, "of at most 939 weeks on average end at 18"),
    "a stay beyond the room that ages leave": ({"dsa": {"ranges": {"weeks": [50, 420]}},
        "care_pathway__age_at_entry": {"10": 1}}, "of at most 416 weeks on average end at 18"),
    "a range that averts more than there is": ({"dsa": {"ranges": {"effect": [-31, 0]}}},
        "[-31, 0]: more entries averted than there are (baseline 30)"),
    "a baseline below what is averted": ({"dsa": {"ranges": {"baseline": [1, 40]}}}, "(2 of 1)"),
    "a baseline of nothing": ({"dsa": {"ranges": {"baseline": [0, 40]}}}, "a rate is above zero"),
    "a price below zero": ({"dsa": {"ranges": {"weekly[foster]": [-5, 100]}}}, "a gamma cost is not below zero"),
    "a shape of nothing": ({"care_pathway__stays": {"distribution": "weibull", "shape": 0.04}},
        "stays.shape: 0.04: nearly every stay would end at once; write 0.05 or more"),
    "a shape that fixes": ({"care_pathway__stays": {"distribution": "gamma", "shape": 1001}}, "distribution: fixed"),
    "a share beyond one": ({"dsa": {"ranges": {"mix[foster]": [0.5, 1.5]}}}, "lies in 0 to 1"),
    "a share that is all": ({"dsa": {"ranges": {"mix[foster]": [0.5, 0.9]}}}, "foster is the whole mix"),
    "a grid over what does not vary": ({"dsa": {"two_way": [["effect", "weeks"]]}},
        "weeks does not vary; give its range under dsa.ranges.weeks"),
    "a grid given twice": ({"dsa": {"ranges": {"weeks": [40, 80]},
        "two_way": [["effect", "weeks"], ["weeks", "effect"]]}}, "dsa.two_way.1: weeks, effect: given twice"),
    "a correlation given twice": ({"psa": {"correlation": [{"between": ["effect", "weeks"], "rho": 0.9},
        {"between": ["weeks", "effect"], "rho": 0.1}]}}, "psa.correlation.1: weeks, effect: given twice"),
    "a correlation with what does not vary": ({"psa": {"correlation": [{"between": ["effect", "weeks"], "rho": 0.9}]}},
        "weeks does not vary: a correlation with it does nothing"),
    "a loss after no years of full effect": ({"effect__decay": 0.3},
        "effect.decay: 0.3: without persistence the effect is full over the horizon of 2"),
    "a loss after the horizon": ({"effect__decay": 0.3, "effect__persistence": 2}, "the effect is full for 2 years"),
    "years of full effect that do not end": ({"effect__persistence": 1},
        "effect.persistence: 1: with a decay of 0 the effect stays full"),
    "a programme that is cashable": ({"implementation": {"running": {
        "name": "r", "amount": 1, "cashable": 0.5, **LINE}}}, "running.cashable: r: a cost of the programme is paid"),
    "a yearly cost that is cashable": (cost(unit="authority_year", cashable=0.5),
        "costs.0.cashable: visits: a cost of the programme is paid in full"),
    "an extra cost that is cashable": (cost(amount=-10.0, distribution="normal", cashable=0.5),
        "costs.0.cashable: visits: an averted entry costs this more, and it is paid in full"),
    "two scenarios of one name": ({"scenarios": [SHORTER, {**SHORTER, "change": {"care_pathway.weeks": 20}}]},
        "scenarios.1.name: shorter stay: two scenarios have this name"),
    "a scenario called as the base": ({"scenarios": [{**SHORTER, "name": "base case"}]}, "a row of their own so"),
    "two groups of one name": ({"equity": [group("poor", 0.5, 40), group("poor ", 0.5, 20)]},
        "equity.1.name: poor: two groups of fifth have this name"),
    "a group called as all": ({"equity": [group("all groups", 0.5, 40)]}, "equity.0.name: all groups: the tables"),
    "a nameless cost": (cost(name=" "), "costs.0.name: is empty"),
    "a cost called as a placement": (cost(name="foster care"), "costs.0.name: foster care: two cost lines have this"),
    "a cost called as training anew": ({**cost(name="t of new staff"), "implementation": {"turnover": 0.1, "training": {
        "name": "t", "amount": 1, **LINE}}}, "costs.0.name: t of new staff: two cost lines have this name"),
    "two placements of one name": ({"care_pathway__placements": [{**PLACE, "share": 0.5}, {**PLACE, "share": 0.5}]},
        "placements.1.name: foster: two placements have this name"),
    "two studies of one name": ({"voi": {"studies": [{"name": "s", "parameter": "effect", "sizes": [1], "sd": 1},
        {"name": "s", "parameter": "weeks", "sizes": [1], "sd": 1}]}}, "studies.1.name: s: two proposed studies have"),
    "two strategies of one name": ({"strategies": [{"name": "usual", "effect": 0, "programme": 0}, {"name": "x"},
        {"name": "x", "effect": 0.5}]}, "strategies.2.name: x: two strategies have this name"),
    "evidence of nothing": ({"gate": {"evidence": {"sms": "page 3"}}}, "evidence.sms: evidence of sms, which is not"),
    "a group of no parameters": ({"voi": {"evppi": [[]]}}, "voi.evppi.0: names no parameter"),
    "an answer that says nothing": ({"cheers": {"2": " "}}, "cheers.2: is empty: the item stays open"),
    "a range of one value": ({"dsa": {"ranges": {"weeks": [50, 50]}}}, "a range has two ends"),
    "turnover without training": ({"implementation": {"turnover": 0.1, "licence": {
        "name": "l", "amount": 1, **LINE}}}, "no training is declared"),
    "an annuity of nothing": ({"implementation": {"amortisation": 9, "licence": {
        "name": "l", "amount": 1, **LINE}}}, "there is nothing to spread"),
    "a mix of one that varies": ({"care_pathway__concentration": 50}, "one placement is the whole mix"),
    "entries that count twice": ({"effect__per_entry": 2}, "effect.per_entry: 2: an averted entry is one unit"),
    "an error of one": ({"effect__per_entry_se": 0.1}, "effect.per_entry_se: 0.1: an averted entry is one unit"),
    "units of weeks": ({"effect__unit": "week_of_care", "effect__per_entry": 2}, "weeks follow from the care_pathway"),
    "a lower rate for a short horizon": ({"discount": {"costs": "green_book_2026_lower", "effects": 0.0}},
        "for horizons over 50 years; this one has 2"),
    "another comparator": ({"reference": "Programme"}, "the comparator of a declared model is the frame's, 'usual'"),
    "groups that are not the whole": ({"equity": [group("poor", 0.2, 90), group("rich", 0.8, 25)]},
        "fifth: shares times rates give 38 per 10,000, the baseline is 30: more than 1% apart"),
    "groups with more entries than all": ({"equity": [group("poor", 0.5, 80)]}, "more entries than there are"),
    "stays that are not the whole": ({"equity": [group("poor", 0.2, 50, weeks=100), group("rich", 0.8, 25)]},
        "the groups' weeks make up 73.33 on average over entries, the mean stay is 60"),
    "effects that are not the whole": ({"equity": [group("poor", 0.2, 50, effect=-5), group("rich", 0.8, 25,
        effect=-2)]}, "the groups' own effects avert 2.6 per 10,000, the effect 2"),
    "a sensitivity about no threshold": ({"decision_threshold": None, "dsa": {"ranges": {"weeks": [40, 80]}}},
        "add decision_threshold"),
    "optimism from nowhere": ({"implementation": {"optimism_bias": 0.1, "licence": {"name": "l", "amount": 1, **LINE}}},
        "optimism_source: is missing"),
    "a rate in per cent": ({"discount": {"costs": 3.5, "effects": 0.0}}, "write 0.035 for 3.5%"),
    "a rate with its sign": ({"discount": {"costs": "3.5%", "effects": 0.0}}, "write 0.035 for 3.5%"),
    "a financial year with a stroke": ({"frame__price_year": "2023/24"}, "a financial year is written 2023-24"),
    "an effect without any error": ({"effect": {"baseline": 30, "estimate": -1.0, "std_error": 0, "source": "x"}},
        "std_error: 0: no estimate is known without error"),
    "identical strategies": ({"strategies": [
        {"name": "usual", "effect": 0, "programme": 0}, {"name": "x"}, {"name": "y"}]}, "y and x are identical"),
    "an error without an estimate": ({"effect": {"baseline": 30, "std_error": 0.5}},
        "effect.std_error: 0.5: no estimate is declared"),
    "a source without an estimate": ({"effect": {"baseline": 30, "source": "a report"}},
        "effect.source: a report: no estimate is declared"),
    "a run's outcome beside an estimate": ({"effect__outcome": "entries"}, "effect.outcome: entries: an estimate is"),
    "an effect without its error": ({"effect": {"baseline": 30, "estimate": -1.0, "source": "x"}},
        "std_error: is missing"),
    "more averted than there are": (
        {"effect": {"baseline": 30, "estimate": -31.0, "std_error": 1, "source": "x"}}, "more entries averted than"),
    "a ratio below zero": ({"effect": {"baseline": 30, "scale": "rate_ratio", "estimate": -0.1, "std_error": 0.1,
                                       "source": "x"}}, "a ratio is above zero"),
    "an unknown parameter": ({"voi": {"evppi": [["week"]]}}, 'no parameter is called \'week\'; did you mean "weeks"?'),
    "an unknown schedule": ({"discount": {"costs": "green_book_2030"}}, 'did you mean "green_book_2003"?'),
    "an unknown deflator": ({"deflator": "gdp_ons"}, 'did you mean "gdp_ons_2025_06"?'),
    "an unknown fact": ({"gate": {"facts": {"treatd": 3}}}, 'did you mean "treated"?'),
    "an override without a reason": ({"gate": {"override": "E3"}}, "an override needs its reason"),
    "an empty currency": ({"frame__currency": " "}, "frame.currency: is empty"),
    "a frame without rates": ({"discount": None}, "discount: is missing"),
    "half of the files": ({"psa": {"effects": "e.csv"}}, "effects and costs go together"),
    "a range of entries": ({"dsa": {"ranges": {"per_entry": [1, 2]}}}, "per_entry: an averted entry is one unit"),
    "a financial year in full": ({"frame__price_year": "2023-2024"}, "a financial year is written 2023-24"),
    "a financial year without its century": ({"frame__price_year": "23-24"}, "a financial year is written 2023-24"),
    "QALYs from nowhere": ({"effect__unit": "qaly"}, "per_entry_source: is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), CASES.values(), ids=list(CASES))
def test_a_contradiction_is_refused_in_words(changes, words):
    assert words in refused(**changes)


def test_all_faults_come_together():
    text = refused(**cost(source=None, price_year=None), frame__uplift=0.02)
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize(("changes", "words"), [
    ({"care_pathway__placements": [{**PLACE, "share": 1.2}]}, "less than or equal to 1"),
    ({"frame__horizon": 0}, "greater than or equal to 1"),
    ({"frame__persepctive": "authority"}, 'did you mean "perspective"?'),
    ({"frame__perspective": "nhs"}, "is not one of the options"),
    ({"psa": {"draws": 39}}, "greater than or equal to 40"),
])  # fmt: skip
def test_types_and_ranges_are_refused_with_the_key(changes, words):
    assert words in refused(**changes)


def test_a_scenario_that_changes_what_is_not_there():
    from sos_eval.economics.scenarios import scenario_models, scenario_table

    document = Document(
        declared(scenarios=[SHORTER, {"name": "longer", "change": {"fram.horizon": 3}},
                            {"name": "minus", "change": {"frame.horizon": -3}}]), Path("bad.yaml"))  # fmt: skip
    found = prepare(build(EconomicsSection, document.data, document), document)
    with pytest.raises(DesignFault) as caught:
        scenario_table(found, scenario_models(found), with_effect=False)
    assert "no such key as 'fram'; did you mean \"frame\"?" in str(caught.value)
    assert "greater than or equal to 1" in str(caught.value)


@pytest.mark.parametrize(("given", "words"), [
    ({"from": 0, "to": 10}, "step missing"), ({"from": 5, "to": 1, "step": 1}, "must not be below"),
    ({"from": 0, "to": 1, "step": 0}, "above zero"), ({"from": 0, "to": 1, "step": 1e-7}, "write a wider step"),
])  # fmt: skip
def test_thresholds_that_make_no_grid(given, words):
    with pytest.raises(ValueError, match=words):
        threshold_grid(given)


def test_a_grid_of_thresholds_holds_both_ends():
    assert len(threshold_grid({"from": 0, "to": 500, "step": 1})) == 501
    assert threshold_grid({"from": 0, "to": 1, "step": 0.1})[-1] == pytest.approx(1)


def test_files_that_do_not_fit_name_the_draw(tmp_path):
    (tmp_path / "e.csv").write_text("a,b\n1,2\n3,\n")
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    (tmp_path / "x.yaml").write_text(
        "schema: sos-eval/economics/1\nname: x\npsa: {effects: e.csv, costs: c.csv}\nthresholds: [1]\n"
    )
    with pytest.raises(InputFault) as caught:
        run_economics(tmp_path / "x.yaml", tmp_path / "out")
    assert "different numbers of draws (effects 2, costs 1)" in str(caught.value)
    assert '"b" has 1 draws that are empty or not finite numbers (draw 2)' in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_full_analysis_needs_an_effect(tmp_path):
    # The break-even design has none: an override cannot print more than there is.
    from tests.economics.test_job import BREAK_EVEN

    file = tmp_path / "x.yaml"
    file.write_text(BREAK_EVEN.read_text().replace("gate:\n", "gate:\n  override: E3\n  why: to see\n"))
    with pytest.raises(DesignFault, match=r"effect: no estimate is declared and none came from a bundle"):
        run_economics(file, tmp_path / "out")


def test_another_schema_is_refused_by_name(tmp_path):
    (tmp_path / "x.yaml").write_text("schema: sos-eval/economics/2\nname: x\n")
    with pytest.raises(DesignFault, match="write schema: sos-eval/economics/1"):
        run_economics(tmp_path / "x.yaml", tmp_path / "out")


def test_every_key_says_what_it_is_for():
    from sos_eval.declare import json_schema

    # keys of the file beyond the block are its own; the block's descriptions stand in the block
    schema, own = json_schema(EconomicsSection), json_schema(EconomicsFile)["properties"]
    assert all(own[key].get("description") for key in ("schema", "name", "title"))
    for name, entry in [("EconomicsSection", schema), *schema["$defs"].items()]:
        for key, field in entry.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"
