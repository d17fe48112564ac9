"""Restriction: who may be a donor, and the faults of its keys."""

from pathlib import Path

import numpy as np
import pytest

from sos_eval.comparison import Excluded, Nearest, NoComparison, Rebuilding, Restrict, build
from sos_eval.declare import Document, json_schema
from sos_eval.declare import build as declared
from sos_eval.errors import DesignFault, NotIdentified
from tests.comparison.panels import eight

REGION = np.array(["N", "N", "S", "N", "S", "E", "N", "E"], dtype=object)


def test_donors_only_where_treated_units_are():
    kept = Restrict(same=("region",)).apply(eight(region=REGION))
    assert list(kept.units) == list("abcdeg")
    (row,) = kept.flow
    assert (row.step, row.units, row.rows, row.names) == ("comparison", 2, 8, "f, h")
    assert row.reason == "region: no treated unit there"


def test_columns_count_together():
    kind = np.array(list("xxyyxxxx"), dtype=object)
    # treated are at N-x, N-x, S-y: d (N-y) and e (S-x) are each in a region and a kind with treated, but not in both
    kept = Restrict(same=("region", "kind")).apply(eight(region=REGION, kind=kind))
    assert list(kept.units) == list("abcg")


def test_as_treated_false_switches_it_off():
    assert Restrict(same=("region",), as_treated=False).apply(eight(region=REGION)).n_units == 8


def test_named_donors_go_with_their_reasons():
    one = Restrict(exclude=("d", "e"), why="use another programme").apply(eight())
    assert [(row.names, row.reason) for row in one.flow] == [("d, e", "use another programme")]
    several = Restrict(exclude=(Excluded(("d",), "children alone"), Excluded(("e",), "programme"))).apply(eight())
    assert [(row.names, row.reason) for row in several.flow] == [("d", "children alone"), ("e", "programme")]


def test_every_fault_at_once():
    with pytest.raises(NotIdentified) as fault:
        Restrict(same=("regoin",), exclude=("a", "zz", "e")).apply(eight(region=REGION))
    lines = str(fault.value).split("\n")
    assert lines[0].startswith("panel.csv: comparison.restrict.exclude: a is treated, so it is no donor;")
    assert lines[1].startswith("panel.csv: comparison.restrict.exclude: zz is not in the panel;")
    assert lines[2].endswith('comparison.restrict.same: regoin is no covariate of the panel; did you mean "region"?')


def test_no_donor_left_is_a_fault():
    with pytest.raises(NotIdentified, match="no untreated unit is left"):
        Restrict(exclude=tuple("defgh")).apply(eight())


def test_a_unit_without_a_value_is_a_fault():
    gone = REGION.copy()
    gone[4] = None
    with pytest.raises(NotIdentified, match="no value of region for e"):
        Restrict(same=("region",)).apply(eight(region=gone))


def test_none_takes_everybody_and_the_panel_stays_unweighted():
    panel = eight()
    found = build(NoComparison(), panel)
    assert found.weights.tolist() == [1] * 8
    assert not found.panel.weighted
    assert found.panel.frame.equals(panel.frame)
    assert found.balance.empty


def test_restriction_is_the_same_alone_and_before_matching():
    panel = eight(region=REGION, poor=[1.6, 5, 9, 1.5, 4, 2, 8.25, 20])
    method = NoComparison(restrict=Restrict(same=("region",)), on=("poor",))
    found = build(method, panel)
    assert found.weights.tolist() == [1, 1, 1, 1, 1, 0, 1, 0]
    before = found.balance[found.balance["stage"] == "before"]
    assert before["n_comparison"].tolist() == [5]
    matching = Nearest(on=("poor",), distance="poor", ratio=2, restrict=Restrict(same=("region",)))
    whole = build(matching, panel)
    split = build(matching.unrestricted(), matching.restricted(panel))
    assert list(whole.panel.units) == list(split.panel.units)
    assert whole.panel.weights.tolist() == split.panel.weights.tolist()
    assert [row.names for row in whole.panel.flow] == [row.names for row in split.panel.flow]


def test_rebuilding_gives_the_panel_of_building():
    panel = eight(poor=[1.6, 5, 9, 1.5, 4, 2, 8.25, 20])
    method = Nearest(on=("poor", "outcome_pre"), distance="mahalanobis", ratio=2, replace=True)
    assert Rebuilding(method)(panel).frame.equals(build(method, panel).panel.frame)


def test_what_the_panel_has_to_carry():
    method = Nearest(on=("outcome_pre", "poor"), exact=("region",), distance="size", restrict=Restrict(same=("kind",)))
    assert method.columns == ("poor", "region", "size", "kind")


def read(kind, **data):
    return declared(kind, data, Document(data, Path("x.yaml")))


def test_the_contract_s_block_reads():
    method = read(
        Nearest, on=["idaci", "cin_rate", "outcome_pre"], distance="probability", ratio=3, replace=False,
        order="largest", caliper=0.2, exact=["region"], balance={"max_smd": 0.25, "max_variance_ratio": 2},
        restrict={"same": ["region"], "as_treated": True, "exclude": [306], "why": "unaccompanied children"},
    )  # fmt: skip
    assert method.restrict == Restrict(same=("region",), exclude=(306,), why="unaccompanied children")
    assert method.balance.max_smd == 0.25
    listed = read(NoComparison, restrict={"exclude": [{"units": [886, "306"], "why": "x"}, {"units": ["a"]}]})
    assert listed.restrict.exclude == (Excluded((886, "306"), "x"), Excluded(("a",)))
    one = read(NoComparison, restrict={"exclude": {"units": ["d"], "why": "x"}})
    assert [row.reason for row in one.restrict.apply(eight()).flow] == ["x"]


@pytest.mark.parametrize("kind", [NoComparison, Nearest])
def test_every_key_is_described_inherited_ones_too(kind):
    assert [name for name, key in json_schema(kind)["properties"].items() if "description" not in key] == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"calliper": 1}, 'calliper: no such key; did you mean "caliper"?'),
        ({"ratio": 0}, "ratio: 0: must be greater than or equal to 1"),
        ({"order": "bigest"}, "did you mean"),
        ({"restrict": {"sam": ["x"]}}, 'no such key; did you mean "same"?'),
        ({"distance": "mahalanobis", "caliper": 0.2}, "a caliper is in SD of a score"),
    ],
)
def test_faults_of_the_block(data, text):
    with pytest.raises(DesignFault) as fault:
        read(Nearest, on=["poor"], **data)
    assert text in str(fault.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"as_treated": False}, "nothing off without same"), ({"why": "too far away"}, "why goes with exclude")],
)
def test_what_would_do_nothing_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        Restrict(**options)
