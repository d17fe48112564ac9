"""Page one on costs: an answer where the evidence gate grants one, else that there is none, why, and what would do."""

import pandas as pd
import pytest

from sos_eval.report.content import Text
from sos_eval.report.draw import draw_all
from sos_eval.report.economics_answer import economics_answer
from sos_eval.report.first_page import first_page
from tests.economics.test_model import full_run

BREAK_EVEN = pd.DataFrame([
    {"strategy": "Programme", "counting": counting, "quantity": quantity, "value": value, "low": value / 2,
     "high": value * 2, "scenario_low": None, "scenario_high": None, "text": ""}
    for counting, times in (("all savings", 1), ("cashable savings only", 2))
    for quantity, value in (("fewer entries a year, one authority", 16 * times), ("share of all entries averted",
                                                                                  0.1 * times))
])  # fmt: skip
NAMES = {"G9": {"name": "cost_quality"}, "G3": {"name": "parallel_trends"}}
#: No verdict may read as one.
VERDICTS = ("best on average", "worth", "cost-effective", "better", "saves")


def gate(tier, **more):
    return {"tier": tier, "printed_as": tier, "binding": ["G3", "G9"], "evidence": NAMES, "watermark": None} | more


def test_a_run_without_costs_has_no_word_on_them():
    assert economics_answer({}) == ""


@pytest.mark.parametrize(("tier", "end"), [
    ("E0", "To pay for itself Programme would have to avert 10.0% of entries to care, 16 a year (95% interval from "
     "costs and care 8 to 32), in each year of full effect; 20.0% if only cashable savings count."),
    ("E2", "What chapter Economics sets against costs holds only if the effect is causal."),
])  # fmt: skip
def test_a_gate_that_refuses_gives_no_verdict_and_says_what_holds_it_back(tier, end):
    said = economics_answer({"gate": gate(tier), "breakeven": BREAK_EVEN, "headline": {"sentence": None}})
    assert said == (
        "Costs: this evaluation gives no verdict on value for money: the evidence gate grants tier "
        f"{tier} of E0 to E3, held back by G3 parallel trends, G9 cost quality. {end}"
    )
    assert not any(word in said for word in VERDICTS)


def test_an_override_fills_no_verdict():
    mark = {"watermark": "OVERRIDE", "printed_as": "E3"}
    said = economics_answer({"gate": gate("E0", **mark), "breakeven": BREAK_EVEN, "headline": {"sentence": None}})
    assert said.endswith("prints as E3 was asked for against the gate and is no evidence of value.")
    assert not any(word in said for word in VERDICTS)


def test_the_best_evidence_without_a_threshold_gives_no_verdict_either():
    said = economics_answer({"gate": gate("E3", binding=[]), "headline": {"reason": "no decision_threshold is named."}})
    assert said == ("Costs: this evaluation gives no verdict on value for money: no decision_threshold is named.")


def test_a_verdict_that_is_granted_has_rounded_amounts():
    outputs = full_run().outputs
    benefit = outputs["headline"]["inmb"]["value"]
    said = economics_answer(outputs)
    best = outputs["headline"]["best"]
    assert said.startswith(f"Costs: at GBP 1,000 for an averted entry to care, {best} comes out best on average, by ")
    assert f"{benefit:,.0f}" not in said
    assert "The evidence gate lets this be said (tier E3, the highest)" in said


def test_it_stands_on_page_one(case, monkeypatch):
    bundle = case("full")
    monkeypatch.setitem(bundle.__dict__, "economics", {"gate": gate("E0"), "breakeven": BREAK_EVEN})
    texts = [one.text for one in first_page(bundle, draw_all(bundle, (), only="none")) if isinstance(one, Text)]
    assert sum(text.startswith("Costs: ") for text in texts) == 1
