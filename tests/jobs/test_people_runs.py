"""Runs and matches of children within sets: what is left out, what is said of it, and what is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.design.design import load_design
from sos_eval.errors import InputFault
from sos_eval.jobs.match import match_design
from sos_eval.jobs.run import run
from tests.conftest import without_pages
from tests.jobs.children import SETS, children, laid_down

CEM = {"method": "cem", "on": ["age"], "cutpoints": {"age": [5]}}


def ran(folder, people=CEM, frame=None, **more):
    with without_pages():
        return run(laid_down(folder, people, frame, **more), out=folder / "out")


def overall(bundle):
    rows = bundle.estimates
    return rows[rows["aggregation"] == "overall"].iloc[0]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_set_without_children_on_a_side_of_its_window_moves_nothing(side, tmp_path):
    """C4 is the only comparator of P3; whatever P3's level is, the estimate is that of the other sets."""
    found = []
    for level in (0, 20):
        frame = children()
        frame["y"] += level * (frame["la"] == "P3")
        late = frame["day"] >= "2013-04-01"
        gone = (frame["la"] == "C4") & (late if side == "after" else ~(frame["day"] >= "2014-04-01"))
        bundle = ran(tmp_path / f"{side} {level}", frame=frame[~gone])
        found.append(overall(bundle))
        flow = pd.read_csv(tmp_path / f"{side} {level}" / "out" / "flow.csv")
        told = flow[flow["reason"].str.contains("no difference can be taken from it", na=False)].iloc[0]
        assert told["names"] == "C4, P3"
        assert told["units"] == 2
        assert told["rows"] == (frame[~gone]["la"].isin(["P3", "C4"])).sum() - in_window(frame[~gone])
    frame = children()
    two = {"method": "declared", "sets": {name: SETS[name] for name in ("P1", "P2")}, "people": CEM}
    without = overall(ran(tmp_path / "without", frame=frame, comparison=two))
    for row in found:
        assert row["estimate"] == pytest.approx(without["estimate"], rel=1e-10)
        assert row["n_obs"] == without["n_obs"]
        assert row["n_treated_units"] == 2


def in_window(frame):
    """Count the children of P3's set in its window, who leave before."""
    return (frame["la"].isin(["P3", "C4"]) & frame["day"].between("2013-04-01", "2014-03-31")).sum()


def test_match_says_who_is_compared_with_whom_and_what_each_set_weighs(tmp_path, capsys):
    design = laid_down(tmp_path / "a", CEM)
    (group,) = match_design(design)
    assert group.pairs == ["P1: C1, C2", "P2: C2, C3", "P3: C4"]
    sums = group.tables["set_weights"]
    assert len(sums) == 2 * (3 + 5)
    frame = panel_of(design)
    whole = frame.groupby(["matched_set", "unit", frame["post"].map({0.0: "before", 1.0: "after"})])["weight"]
    expected = whole.sum().reindex(pd.MultiIndex.from_frame(sums[["matched_set", "unit", "side"]]))
    assert sums["weight"].to_numpy() == pytest.approx(expected.to_numpy())
    assert sums["rows"].sum() == len(frame)
    # a side of a set weighs in its arms as the arms weigh together
    own = sums["matched_set"] == sums["unit"]
    sides = sums.assign(arm=own).pivot_table(
        index=["matched_set", "side"], columns="arm", values="weight", aggfunc="sum"
    )
    ratio = sides[False] / sides[True]
    assert ratio.to_numpy() == pytest.approx(ratio.iloc[0])
    assert answered(cli, ["match", str(design), "--out", str(tmp_path / "out")], Screen()) == 0
    told = capsys.readouterr().out
    assert "who is compared with whom:\nP1: C1, C2\nP2: C2, C3\nP3: C4" in told
    assert " comparison rows, worth " in told
    assert {"sets.csv", "set_weights.csv"} <= {file.name for file in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "out" / "weights.csv").exists()
    assert pd.read_csv(tmp_path / "out" / "sets.csv")["unit"].tolist() == [
        "P1",
        "C1",
        "C2",
        "P2",
        "C2",
        "C3",
        "P3",
        "C4",
    ]


def panel_of(design):
    """Return the matched rows of a design's first entry."""
    from sos_eval.jobs import steps

    loaded = load_design(design)
    (group,) = steps.compare(loaded, steps.load_panels(loaded)).values()
    return group.comparison.panel.frame


def test_pairs_that_the_tool_chose_are_told_and_change_something(tmp_path):
    """All seven authorities are in pairs with weight one: still the pairs decide whose children are alike."""
    frame = children()
    frame = frame[frame["la"] != "C4"].assign(place=lambda one: one["la"].str[1:].astype(int))
    pairs = {"method": "optimal", "on": ["place"], "distance": "place", "people": CEM}
    design = laid_down(tmp_path / "a", {}, frame, comparison=pairs, panel={"covariates": ["age", "place"]})
    (group,) = match_design(design)
    assert group.pairs == ["P1: C1", "P2: C2", "P3: C3"]
    assert not [note for note in group.notes if "changed nothing" in note]
    alone = laid_down(tmp_path / "b", {}, frame, comparison={**pairs, "people": None},
                      estimators=[{"id": "primary", "method": "twfe"}], panel={"covariates": ["age", "place"]})  # fmt: skip
    (units,) = match_design(alone)
    assert [note for note in units.notes if "changed nothing" in note]
    assert set(group.tables["set_weights"]["unit"]) == {"P1", "P2", "P3", "C1", "C2", "C3"}


@pytest.mark.parametrize("written", [[[0, 1]], [[0.0, 1.0]], [["0", "1"]]])
def test_groups_of_numbers_are_written_as_they_are_read(written, tmp_path):
    """Joined, the two values of a number make no stratum: the match is that without it."""
    panel = {"covariates": ["flag", "age"]}
    joined, without, apart = (
        match_design(laid_down(tmp_path / name, {**CEM, **people}, panel=panel))[0].tables["set_weights"]
        for name, people in (
            ("joined", {"on": ["flag", "age"], "groupings": {"flag": written}}), ("without", {}),
            ("apart", {"on": ["flag", "age"]}),
        )
    )  # fmt: skip
    pd.testing.assert_frame_equal(joined, without)
    assert not apart.equals(without)


def test_a_number_that_does_not_occur_is_named_as_it_is_written(tmp_path):
    people = {**CEM, "on": ["flag", "age"], "groupings": {"flag": [[0, 2]]}}
    design = laid_down(tmp_path / "a", people, panel={"covariates": ["flag", "age"]})
    with pytest.raises(InputFault, match='flag has no category "2"; write one of: 0, 1'):
        match_design(design)


@pytest.mark.parametrize("how", ["exclude", "category"])
def test_gaps_that_imputation_fills_are_not_said_twice(how, tmp_path):
    frame, filled = children(gaps=0.1), {"imputation": {"number": 2}}
    people = {**CEM, "missing": how}
    with pytest.raises(InputFault) as refused:
        load_design(laid_down(tmp_path / "a", people, frame, panel=filled))
    (fault,) = refused.value.faults
    assert (
        fault.what == f"comparison.people.missing: {how} finds no gap: panel.imputation fills those of every covariate"
    )
    # a column beside the covariates keeps its gaps, and there it says what becomes of them
    beside = laid_down(tmp_path / "b", people, frame, panel={**filled, "covariates": ["sex", "group"]})
    rows = len(panel_of(beside))
    assert (rows < len(panel_of(laid_down(tmp_path / "c", CEM, children(), panel={"covariates": ["sex"]})))) == (
        how == "exclude"
    )


def test_imputation_without_a_gap_is_none(tmp_path):
    """The same answer to the last byte as without it, and it is said."""
    found = []
    for name, panel in (("plain", {}), ("filled", {"imputation": {"number": 3}})):
        bundle = ran(tmp_path / name, panel=panel)
        found.append((tmp_path / name / "out" / "estimates.csv").read_bytes())
    assert found[0] == found[1]
    assert "No covariate has a gap: nothing was imputed, and there is one data set." in str(bundle.results["notes"])


def test_gaps_of_children_who_are_in_no_set_cost_no_degrees_of_freedom(tmp_path):
    frame = children()
    frame.loc[frame["la"] == "C4", "age"] = np.nan  # only P3 is compared with C4
    sets = {"method": "declared", "sets": {name: SETS[name] for name in ("P1", "P2")}, "people": CEM}
    entry = [{"id": "primary", "method": "matched_did", "covariates": ["sex"]}]
    plain, filled = (
        ran(tmp_path / name, frame=table, comparison=sets, estimators=entry, panel=panel).estimates
        for name, table, panel in (("plain", children(), {}), ("filled", frame, {"imputation": {"number": 2}}))
    )
    numbers = ["estimate", "std_error", "df", "conf_low", "conf_high", "p_value"]
    np.testing.assert_array_equal(filled[numbers].to_numpy(float), plain[numbers].to_numpy(float))
