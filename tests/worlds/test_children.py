"""A world of children: the same seed the same tables, dates in order, codes of the returns, effects that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DesignFault
from sos_eval.jobs.simulate import write_simulation
from sos_eval.worlds.children import EVENTS, children_from
from sos_eval.worlds.children_source import children_tables
from tests.conftest import ROOT

WORLD = ROOT / "synthetic" / "cin_cla_children.yaml"


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return children_tables(children_from(WORLD))


def dates(events: pd.DataFrame, name: str) -> np.ndarray:
    return pd.to_datetime(events[name].replace("", None)).to_numpy("datetime64[D]")


def test_a_seed_gives_its_tables_again_and_another_gives_others(tables):
    again = children_tables(children_from(WORLD))
    assert all(tables[name].equals(again[name]) for name in tables)
    assert not children_tables(children_from(WORLD), 2)["events"].equals(tables["events"])


def test_nine_pilots_have_up_to_two_comparators_who_are_no_pilots(tables):
    sets, register = tables["sets"], tables["register"]
    assert len(register) == sets["treated"].nunique() == 9
    assert sets.groupby("treated").size().between(1, 2).all()
    assert not set(sets["comparison"]) & set(sets["treated"])
    assert sets["comparison"].duplicated().any()  # one serves several
    assert (register["first_treated"] < register["embedded"]).all()


def test_dates_are_in_order_and_codes_are_those_of_the_returns(tables):
    events = tables["events"]
    born, day = dates(events, "birth_date"), dates(events, "event_date")
    assert ((day - born).astype(int) >= 0).all()
    assert ((day - born).astype(int) < 18.01 * 365.25).all()
    assert ~(dates(events, "assessment_end") < dates(events, "assessment_start")).any()
    assert ~(dates(events, "care_end") < dates(events, "care_start")).any()
    care = events[events["event"] == "care"]
    assert set(care["rne"]) == {"S", "P"}
    assert set(care["reason_ceased"]) <= {"", "X1", "E4A", "E4B", "E11", "E13", "E45", "E48", "E17"}
    assert ((care["reason_ceased"] == "") == (care["care_end"] == "")).all()


def test_children_come_back_into_care_after_a_return_home(tables):
    care = tables["events"].query("event == 'care' and rne == 'S'")
    assert care.duplicated("child_id").sum() > 50
    assert 0.15 < care["reason_ceased"].isin(["E4A", "E4B"]).mean() < 0.35


def test_what_is_missing_is_what_was_declared(tables):
    events = tables["events"]
    assert (events["housing"] == "").mean() == pytest.approx(0.4, abs=0.01)
    assert (events["ethnicity"] == "").mean() == pytest.approx(0.07, abs=0.02)
    assert events["disabled"].notna().all()


def test_effects_are_known_by_outcome(tables):
    truth = tables["truth"].set_index("outcome")["true_effect"]
    assert list(truth.index) == list(EVENTS)
    assert truth["assessment_days"] == pytest.approx(-4.0)
    assert truth["re_referral"] == pytest.approx(-0.039, abs=0.004)
    assert truth["kinship"] > 0 > truth["conference"]


def test_effects_are_known_by_pilot_year_and_phase(tables):
    """Nothing before the start, half within the window, all after it; the register says where a year lies."""
    effects = tables["effects"].query("outcome == 'assessment_days'")
    size = effects.groupby("phase")["effect"].agg(["min", "max"])
    assert size.loc["before"].tolist() == [0, 0]
    assert size.loc["window"].tolist() == pytest.approx([-2, -2])
    assert size.loc["embedded"].tolist() == pytest.approx([-4, -4])
    first = effects[effects["unit"] == "P01"].pivot_table(index="time", columns="phase", values="rows", aggfunc="sum")
    assert first.loc[2014, ["before", "window"]].notna().all()  # started on 1 October 2014
    assert first.loc[:2013, ["window", "embedded"]].isna().to_numpy().all()
    assert first.loc[2016:, ["before", "window"]].isna().to_numpy().all()
    truth = tables["truth"].set_index("outcome")["true_effect"]
    for name, part in tables["effects"].query("phase == 'embedded'").groupby("outcome"):
        assert np.average(part["effect"], weights=part["rows"]) == pytest.approx(truth[name], abs=1e-12)


def test_without_an_effect_the_truth_is_zero():
    text = WORLD.read_text()
    world = children_from(WORLD)
    none = {name: type(event)(**{**vars(event), "effect": 0.0}) for name, event in world.children.events.items()}
    still = type(world)(**{**vars(world), "children": type(world.children)(**{**vars(world.children), "events": none})})
    assert "effect" in text
    assert (children_tables(still)["truth"]["true_effect"] == 0).all()


def test_simulate_writes_what_a_design_reads(tmp_path):
    events, truth = write_simulation(WORLD, tmp_path / "c.csv", seed=3)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [
        "c.authorities.csv", "c.csv", "c.effects.csv", "c.register.csv", "c.sets.csv", "c.truth.csv",
    ]  # fmt: skip
    assert len(pd.read_csv(events, low_memory=False)) > 50_000
    assert pd.read_csv(truth)["outcome"].tolist() == list(EVENTS)


def test_faults_of_a_world_of_children_stand_at_their_lines(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text("""schema: sos-eval/world/1
name: w
children:
  referals: 3
  pilots:
    P1: {start: 2014-10-01, embedded: 2013-10-01}
    P2: {start: 2014-10-01, embedded: 2015-10-01, comparators: [P1]}
  events:
    kinship: {level: 0.2}
""")
    with pytest.raises(DesignFault) as refused:
        children_from(path)
    found = [str(fault).replace(str(path), "w.yaml") for fault in refused.value.faults]
    assert 'w.yaml:4: children.referals: no such key; did you mean "referrals"?' in found
    assert any("w.yaml:6: children.pilots.P1: embedded 2013-10-01 is before start 2014-10-01" in one for one in found)
