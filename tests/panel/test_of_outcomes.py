"""Which columns are an outcome or made of one, and that no design matches on them or adjusts for them."""

from __future__ import annotations

import pytest

from sos_eval.design.design import load_design
from sos_eval.errors import InputFault
from sos_eval.panel.events.spec import EventRule, EventsSpec
from sos_eval.panel.of_outcomes import of_outcomes
from sos_eval.panel.spec import OutcomeSpec, PanelSpec, Treatment
from tests.jobs.children import laid_down

RULES = {
    "days": EventRule(working_days=("day", "end")), "late": EventRule(code="days", is_in=("40",)),
    "later": EventRule(code="late", is_in=("1",)), "years": EventRule(years=("day", "end")),
    "lag": EventRule(working_days=("born", "end")), "age": EventRule(years=("born", "day")),
    "kin": EventRule(code="placement", is_in=("U1",)),
    "own": EventRule(code="placement", is_in=("A1",)),
    "of_those": EventRule(code="sex", is_in=("F",), among={"days": ("1",)}),
    "rest": EventRule(code="sex", is_in=("F",), among={"placement": ("U1",)}),
}  # fmt: skip


def spec(**outcomes):
    return PanelSpec(
        source="csv", unit="la", time="year", treatment=Treatment(first_treated="start"), layout="cross_sections",
        events=EventsSpec(date="day", derive=RULES), outcomes=outcomes,
    )  # fmt: skip


def test_rules_are_followed_both_ways():
    every = [*RULES, "day", "end", "placement", "sex", "born"]
    days, kin = (spec(one=OutcomeSpec(value=name)) for name in ("days", "kin"))
    assert of_outcomes(days, every) == {
        "days": "is the outcome itself", "late": "is made of the outcome", "later": "is made of the outcome",
        "of_those": "is made of the outcome", "years": "tells what the outcome is made of",
        "day": "is a date that the outcome is made of", "end": "is a date that the outcome is made of",
        "lag": "reads a date at which the outcome ended",
    }  # fmt: skip
    assert of_outcomes(kin, every) == {
        "kin": "is the outcome itself", "own": "tells what the outcome is made of",
        "placement": "tells what the outcome is made of",
    }  # fmt: skip


def test_a_count_is_the_outcome_and_its_population_is_not():
    both = spec(one=OutcomeSpec(count="n", exposure="children"), two=OutcomeSpec(value="kin"))
    assert of_outcomes(both, ["n", "children", "kin"], ["one"]) == {"n": "is the outcome itself"}
    assert set(of_outcomes(both, ["n", "children", "kin"])) == {"n", "kin"}


@pytest.mark.parametrize(
    ("people", "panel", "more", "told"),
    [
        ({"method": "cem", "on": ["age", "y"]}, {}, {}, "comparison.people.on: y is the outcome itself"),
        ({"method": "nearest", "on": ["y"]}, {}, {}, "comparison.people.on: y is the outcome itself"),
        ({"method": "exact", "on": ["z"]}, {"outcome": {"value": "low"}, "events": {
            "date": "day", "until": "2017-03-31", "derive": {"low": {"code": "z", "is_in": [1]}}}}, {},
         "comparison.people.on: z tells what the outcome is made of"),
        ({"method": "cem", "on": ["age"]}, {"covariates": ["age", "y"]}, {},
         "panel.covariates: y is the outcome itself"),
        ({"method": "cem", "on": ["age"]}, {"covariates": ["age", "y"], "imputation": {"number": 2}},
         {"estimators": [{"id": "primary", "method": "matched_did", "covariates": ["age"]}]},
         "panel.covariates: y is the outcome itself"),
    ],
    ids=["cem", "nearest", "of a code", "adjusted for", "models of gaps"],
)  # fmt: skip
def test_no_child_is_matched_on_what_became_of_it(people, panel, more, told, tmp_path):
    file = laid_down(tmp_path / "a", people, panel=panel, **more)
    with pytest.raises(InputFault) as refused:
        load_design(file)
    assert [f"{one.what}; {one.instead}" for one in refused.value.faults] == [f"{told}; leave it out"]


def test_pairs_of_authorities_with_people_neither(tmp_path):
    pairs = {"method": "nearest", "on": ["y"], "distance": "y", "people": {"method": "cem", "on": ["age"]}}
    with pytest.raises(InputFault, match="comparison: y is the outcome itself; match on outcome_pre"):
        load_design(laid_down(tmp_path / "a", {}, comparison=pairs))


def test_another_outcome_of_the_panel_is_a_covariate_of_the_first(tmp_path):
    outcomes = {"days": {"value": "y"}, "low": {"value": "z"}}
    panel = {"outcome": None, "outcomes": outcomes, "covariates": ["age", "z"]}
    entry = {"id": "primary", "method": "matched_did", "outcome": "days"}
    people = {"method": "cem", "on": ["age"]}
    assert load_design(laid_down(tmp_path / "a", people, panel=panel, estimators=[entry])).name == "children"
    with pytest.raises(InputFault, match=r"panel\.covariates: z is the outcome itself"):
        load_design(laid_down(tmp_path / "b", people, panel=panel, estimators=[{**entry, "outcome": "low"}]))
