"""The gate: its thresholds are the specification's, its verdicts are reasoned by hand."""

from __future__ import annotations

import json
import re

import pytest

from sos_eval.economics.gate.dossier import check_dossier, gate_rule, read_dossier
from sos_eval.economics.gate.verdict import Override, judge, watermark
from sos_eval.errors import DesignFault
from tests.conftest import ROOT
from tests.reference.stored import stored

GOOD = {
    "sms": 3, "randomised": False, "treated": 30, "comparison": 80, "few_cluster": False, "pre_periods": 7,
    "pretrend_p": 0.5, "mbar": 1.4, "max_smd": 0.05, "ess_share": 0.8, "trimmed": 0.02, "placebo_time_ok": True,
    "placebo_outcome_ok": True, "robustness_ratio": 2.0, "mde_over_breakeven": 0.7, "complete": 0.99,
    "definition_fixed": True, "fidelity_share": 1.0, "cost_ab_share": 0.9, "emmie_econ": 3, "frame_all": True,
    "lines_sourced": True, "horizon_scenario": True, "draws": 10000, "mc_ratio": 0.01, "covariance": True,
    "structural": 3, "heap": True, "cheers": 28, "hashed": True,
}  # fmt: skip
ALL = tuple(f"G{i}" for i in range(1, 13))


def verdict(**changes):
    facts = {name: value for name, value in (GOOD | changes).items() if value != "absent"}
    return judge(check_dossier(facts))


@pytest.fixture
def spec():
    return stored("economics/evidence_gate")


@pytest.mark.reference
def test_every_threshold_is_the_specifications(spec):
    ours = {entry["id"]: entry for entry in gate_rule()["criteria"]}
    assert [entry["id"] for entry in spec["criteria"]] == list(ours)
    for theirs in spec["criteria"]:
        mine = ours[theirs["id"]]
        assert mine["name"] == theirs["name"]
        for tier in ("E1", "E2", "E3"):
            text = re.sub(r"\b[GE]\d+|without a pre-period counts 2|contain 0", "", theirs[tier].replace("28", ">=28"))
            want = [float(number) for number in re.findall(r"\d+\.?\d*", text)]
            got = [float(c[2]) for c in mine[tier] if c[1] not in ("is", "at")]
            assert sorted(got) == sorted(want), (theirs["id"], tier)
            assert len(re.findall("<=", theirs[tier])) == sum(c[1] == "<=" for c in mine[tier])


@pytest.mark.reference
def test_fields_and_example_are_the_specifications(spec):
    assert list(spec["dossier_fields"]) == list(gate_rule()["fields"])
    got = judge(check_dossier(spec["dossier_example"]))
    assert got.tier == "E3"
    assert got.binding == ()
    assert set(got.to_dict()) == {*spec["verdict_form"], "evidence"}


# Each verdict below is reasoned from the specification: what was changed, the tier, and the criteria that bind.
VERDICTS = [
    ("everything good", {}, "E3", ()),
    ("before-and-after without controls: level 2 grants E1", {"sms": 2}, "E1", ("G1",)),
    ("matching on a cross-section: counted as 2, and no pre-period fails G3 as well", {"pre_periods": 0}, "E1",
     ("G1", "G3")),
    ("randomised order without pre-periods: G3 does not apply, G1 stands", {"pre_periods": 0, "randomised": True,
     "pretrend_p": "absent", "mbar": "absent"}, "E3", ()),
    ("19 treated without few-cluster inference", {"treated": 19}, "E1", ("G2",)),
    ("19 treated with few-cluster inference", {"treated": 19, "few_cluster": True}, "E3", ()),
    ("7 treated and 15 comparison with few-cluster inference are E2", {"treated": 7, "comparison": 15,
     "few_cluster": True}, "E2", ("G2",)),
    ("p of 0.07: E2 in G3, hence G1 cannot be E3", {"pretrend_p": 0.07}, "E2", ("G1", "G3")),
    ("breakdown below one half", {"mbar": 0.4}, "E1", ("G3",)),
    ("balance exactly on the E2 bounds", {"max_smd": 0.25, "ess_share": 0.30, "trimmed": 0.20}, "E2", ("G1", "G4")),
    ("a placebo that does not contain zero", {"placebo_outcome_ok": False}, "E1", ("G5",)),
    ("robustness never computed", {"robustness_ratio": "absent"}, "E2", ("G1", "G5")),
    ("detectable effect 2.5 times the break-even effect", {"mde_over_breakeven": 2.5}, "E1", ("G6",)),
    ("three quarters of authority-years complete: nothing numeric", {"complete": 0.75}, "E0", ("G7",)),
    ("complete but the definition was not fixed", {"definition_fixed": False}, "E2", ("G7",)),
    ("fidelity never measured", {"fidelity_share": None}, "E1", ("G8",)),
    ("EMMIE economics score 0: no cost evidence at all", {"emmie_econ": 0}, "E0", ("G9",)),
    ("a cost line without a source", {"lines_sourced": False}, "E0", ("G10",)),
    ("4,999 draws", {"draws": 4999}, "E2", ("G11",)),
    ("999 draws", {"draws": 999}, "E1", ("G11",)),
    ("plan dated after the outcomes", {"heap": False}, "E2", ("G12",)),
    ("19 CHEERS items and a frame without a horizon scenario", {"cheers": 19, "horizon_scenario": False}, "E1",
     ("G12",)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "changes", "tier", "binding"), VERDICTS, ids=[v[0] for v in VERDICTS])
def test_verdicts_reasoned_by_hand(why, changes, tier, binding):
    got = verdict(**changes)
    assert (got.tier, got.binding) == (tier, binding), why
    assert set(got.lift) == set(binding)
    assert all(got.lift.values())


def test_nothing_measured_is_never_passed():
    got = judge(check_dossier({}))
    # E1 is "any" for G2 to G6, G8 and G11; the others ask for something even at E1
    zero = {name for name in ALL if got.criteria[name] == "E0"}
    assert got.tier == "E0"
    assert zero == {"G1", "G7", "G9", "G10", "G12"}
    assert all(got.criteria[name] == "E1" for name in set(ALL) - zero)


def test_a_lot_is_said_to_be_declared_where_trends_do_not_apply():
    said = verdict(randomised=True).evidence["G3"]["notes"]
    assert said == ["does not apply where a lot drew the starts: that it did is declared, not shown by the run"]


@pytest.mark.parametrize("field", [name for name in GOOD if name not in ("randomised", "few_cluster")])
def test_taking_any_fact_away_never_raises_and_always_lowers(field):
    assert verdict(**{field: "absent"}).tier < "E3"


def test_what_would_lift_precision_is_said_in_authorities():
    # (1.5 / 1)^2 = 2.25 times the authorities: 30 -> 67.5 -> 68, 80 -> 180
    text = verdict(mde_over_breakeven=1.5).lift["G6"]
    assert "2.25 times" in text
    assert "68 treated and 180 comparison" in text


def test_a_pass_by_imprecision_is_flagged():
    wide = verdict(mde_over_breakeven=1.8)
    assert wide.criteria["G3"] == "E3"
    assert wide.evidence["G3"]["notes"][0].startswith("FLAG")
    assert "1.8 times the break-even" in wide.evidence["G5"]["notes"][0]
    own = verdict(pretrend_detectable=0.4)
    assert "0.4 times" in own.evidence["G3"]["notes"][0]
    assert not own.evidence["G3"]["notes"][0].startswith("FLAG")
    unknown = verdict(mde_over_breakeven="absent")
    assert "not known" in unknown.evidence["G3"]["notes"][0]


def test_an_override_is_marked_and_a_granted_tier_needs_none():
    assert "grants E1, printed as E3 (a method check)" in watermark(verdict(sms=2), Override("E3", "a method check"))
    assert watermark(verdict(), Override("E3", "not needed")) == ""
    assert watermark(verdict(), None) == ""


def test_a_dossier_is_checked_in_full(tmp_path):
    file = tmp_path / "d.json"
    file.write_text(json.dumps({
        "sms": 7, "treatd": 3, "randomised": 1, "pretrend_p": 1.2, "draws": 5000.5, "cheers": "all", "mbar": -1,
        "trimmed": float("nan"),
    }))  # fmt: skip
    with pytest.raises(DesignFault) as caught:
        read_dossier(file)
    text = str(caught.value)
    assert len(caught.value.faults) == 8
    assert 'treatd: no such field; did you mean "treated"?' in text
    assert "sms: 7 is out of range; write a whole number from 1 to 5" in text
    assert "randomised: 1 is neither true nor false" in text
    assert "draws: 5000.5 is not a whole number" in text
    assert "trimmed: nan is not a finite number" in text


def test_the_example_dossier_names_every_field_and_reaches_e2():
    """Twelve authorities, a breakdown value of 0.5 and a detectable effect of 1.6 break-evens: E2, and what binds."""
    file = ROOT / "designs" / "economics_dossier.json"
    assert set(json.loads(file.read_text(encoding="utf-8"))) == set(gate_rule()["fields"])
    got = judge(read_dossier(file))
    assert got.tier == "E2"
    assert {"G3", "G6"} <= set(got.lift)


def test_a_file_that_is_no_dossier_is_refused_in_words(tmp_path):
    (tmp_path / "dossier.json").write_text("[1]")
    with pytest.raises(DesignFault, match="holds no object"):
        read_dossier(tmp_path / "dossier.json")
    with pytest.raises(DesignFault, match=r'did you mean "dossier.json"'):
        read_dossier(tmp_path / "dosier.json")
    (tmp_path / "dossier.json").write_text('{"sms": 3,}')
    with pytest.raises(DesignFault, match="not valid JSON"):
        read_dossier(tmp_path / "dossier.json")


def test_a_field_that_stands_twice_is_refused_and_a_whole_number_may_have_a_point(tmp_path):
    (tmp_path / "twice.json").write_text('{"sms": 5, "mbar": 1.0, "sms": 3}')
    with pytest.raises(DesignFault, match="sms: stands 2 times"):
        read_dossier(tmp_path / "twice.json")
    assert check_dossier({"treated": 8.0}).get("treated") == 8
