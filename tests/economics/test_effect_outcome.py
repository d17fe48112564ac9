"""An effect that comes from a run is one on entries into care, or the run's outcome is named and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.declare import Document, build
from sos_eval.design.design import load_design
from sos_eval.economics.cost import refuse_other_outcome
from sos_eval.economics.evaluate import evaluate
from sos_eval.economics.gate.evidence import Evidence
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import DesignFault
from sos_eval.jobs.check import check_design
from sos_eval.jobs.run import run
from sos_eval.results.facts import HeadlineKey, OutcomeFacts, PanelFacts, RunFacts
from tests.economics.test_facts import estimates
from tests.economics.test_model import declared
from tests.jobs.test_primary_outcome import DESIGN


def told(name="entry", rows=None, own=None, panel=None, **outcome):
    data = declared(effect={"baseline": 30, "bundle": "b", **(own or {})})
    document = Document(data, Path("by_hand.yaml"))
    known = OutcomeFacts(**{"scale": "rate_per", "per": 10_000.0, "counted": True, **outcome})
    key = HeadlineKey("primary", name, "randomization")
    ran = RunFacts(headline=key, panel=replace(panel or PanelFacts(), outcomes={name: known}))
    table = (estimates() if rows is None else rows).assign(outcome=name)
    section = build(EconomicsSection, document.data, document)
    refuse_other_outcome(section, table, ran, document, (), "the bundle b")


def refused(**changes):
    with pytest.raises(DesignFault) as caught:
        told(**changes)
    return str(caught.value)


@pytest.mark.parametrize("words", [
    {"name": "care_entries"}, {"label": "Children starting to be looked after per 10,000 children"},
    {"label": "Children who started being looked after"}, {"label": "Children taken into care"},
    {"label": "Admissions to care"},
])  # fmt: skip
def test_entries_into_care_are_known_by_their_words(words):
    told(**{"name": "outcome", **words})


@pytest.mark.parametrize("words", [
    {"label": "Children with a protection plan"}, {"label": "Re-entries to care"}, {"label": "Children who left care"},
])  # fmt: skip
def test_another_outcome_is_named_with_what_to_write(words):
    said = refused(name="plans", **words)
    assert f"effect: the primary outcome of the bundle b is “{words['label']}” (plans)" in said
    assert "it does not say that it counts entries into care" in said
    assert "if it counts entries into care write effect.outcome: plans" in said
    told(name="plans", own={"outcome": "plans"}, **words)


def test_days_and_children_on_one_day_are_no_entries_whatever_is_declared():
    days = refused(name="days", label="Days in care after entry", counted=False, scale="value", own={"outcome": "days"})
    assert "“Days in care after entry” (days): a measured value, no count over a population at risk" in days
    assert "or declare estimate and std_error" in days
    assert "children who are there on one day" in refused(label="Children in care after entry", stock=True)


def test_another_name_and_another_scale_are_refused():
    assert "effect.outcome: 'other': the primary outcome of the bundle b is “entry” (entry)" in refused(
        own={"outcome": "other"}
    )
    assert "of “entry”, is on the scale log: an effect on entries is a difference" in refused(
        rows=estimates(scale="log")
    )


def test_a_bundle_without_an_estimate_is_named_where_an_analysis_needs_one():
    data = declared(effect={"baseline": 30, "bundle": "b"}, gate={"override": "E2", "why": "x"})
    document = Document(data, Path("by_hand.yaml"))
    found = prepare(build(EconomicsSection, document.data, document), document)
    with pytest.raises(DesignFault, match="the primary estimate of the bundle b is empty or has no error"):
        evaluate(found, Evidence(), lambda *names: np.random.default_rng(1), "x.yaml")


def test_a_design_says_so_before_it_is_run(tmp_path):
    pd.DataFrame({"la_code": [1], "year": [2010], "start": [0]}).to_csv(tmp_path / "panel.csv", index=False)
    (tmp_path / "d.yaml").write_text(DESIGN.replace("per: 1000}", "per: 1000, role: primary}").replace(
        ", role: primary}\n  treatment", "}\n  treatment"))  # fmt: skip
    with pytest.raises(DesignFault) as caught:
        load_design(tmp_path / "d.yaml")
    assert "economics.effect: the primary outcome of the design is “other per 1,000 children” (other)" in str(
        caught.value
    )
    load = DESIGN.replace("persistence: 3, decay: 0.2}", "persistence: 3, decay: 0.2, outcome: entries}")
    (tmp_path / "e.yaml").write_text(load)
    assert load_design(tmp_path / "e.yaml").economics.effect.outcome == "entries"


def test_a_scale_beside_a_run_of_another_is_refused():
    assert (
        "effect.scale: rate_ratio: the primary estimate of the bundle b, of “entry”, is a rate_difference"
        in refused(own={"scale": "rate_ratio"})
    )
    told(own={"scale": "rate_ratio"}, rows=estimates(scale="ratio"))


@pytest.mark.parametrize("look", [check_design, run], ids=["check", "run"])
def test_faults_of_a_designs_economics_come_before_the_work(tmp_path, look):
    # the panel is not there: nothing of it has been read
    text = DESIGN.replace("  psa: {draws: 1000}", "  psa: {draws: 1000}\n  scenarios: [{name: idle, change: {}}]")
    (tmp_path / "d.yaml").write_text(text.replace("weeks: 130\n", "weeks: 940\n"))
    with pytest.raises(DesignFault, match=r"care_pathway\.weeks: 940 weeks on average, but 18 years are 939"):
        look(tmp_path / "d.yaml")
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(DesignFault, match="scenario idle: it changes nothing"):
        look(tmp_path / "d.yaml")


def test_an_effect_a_quarter_is_none_a_year():
    def by(period):
        return PanelFacts(period=period)

    assert "has an effect on entries a quarter; an evaluation counts entries a year" in refused(
        name="care_entries", panel=by("quarter")
    )
    assert "say what a period is (panel.period)" in refused(name="care_entries", panel=by("period"))
    told(name="care_entries", panel=by("year"))
