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
    sides = sums.assign(arm=own).groupby(["matched_set", "side", "arm"])["weight"].sum().unstack()
    ratio = sides[False] / sides[True]
    assert ratio.to_numpy() == pytest.approx(ratio.iloc[0])
    assert answered(cli, ["match", str(design), "--out", str(tmp_path / "out")], Screen()) == 0
    told = capsys.readouterr().out
    assert "who is compared with whom:\nP1: C1, C2\nP2: C2, C3\nP3: C4" in told
    assert " comparison rows, worth " in told
    assert {"sets.csv", "set_weights.csv"} <= {file.name for file in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "out" / "weights.csv").exists()
    sets = pd.read_csv(tmp_path / "out" / "sets.csv")
    assert sets["unit"].tolist() == ["P1", "C1", "C2", "P2", "C2", "C3", "P3", "C4"]


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
    panel = {"covariates": ["age", "place"]}
    design = laid_down(tmp_path / "a", {}, frame, comparison=pairs, panel=panel)
    (group,) = match_design(design)
    assert group.pairs == ["P1: C1", "P2: C2", "P3: C3"]
    assert not [note for note in group.notes if "changed nothing" in note]
    twfe = [{"id": "primary", "method": "twfe"}]
    alone = laid_down(tmp_path / "b", {}, frame, comparison={**pairs, "people": None}, estimators=twfe, panel=panel)
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
    assert fault.what.startswith(f"comparison.people.missing: {how} finds no gap: panel.imputation fills")
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


@pytest.mark.parametrize(
    ("people", "instead"),
    [
        ({"method": "ipw", "on": ["age"], "trim_chance": [0.001, 0.002]}, "widen trim_chance"),
        ({"method": "exact", "on": ["row"]}, "write method: cem, or match on fewer covariates"),
        (
            {"method": "cem", "on": ["row"], "cutpoints": {"row": list(range(1, 900))}},
            "coarsen more, or match on fewer",
        ),
    ],
)
def test_where_nothing_is_matched_the_hint_is_of_what_was_declared(people, instead, tmp_path):
    frame = children().assign(row=range(900))
    design = laid_down(tmp_path / "a", people, frame, panel={"covariates": ["age", "row"]})
    with pytest.raises(InputFault, match=instead):
        match_design(design)


def test_rows_that_pairs_leave_over_are_told_apart(tmp_path):
    people = {"method": "nearest", "on": ["age"], "caliper": 0.01}
    (group,) = match_design(laid_down(tmp_path / "a", people))
    told = group.tables["flow"].set_index("reason")["rows"]
    treated = "treated rows for which no comparison row of the same set and period is left, or near enough"
    assert told[treated] > 0
    assert told["comparison rows that were matched with no treated row of the same set and period"] > told[treated]


def test_a_missing_number_has_a_line_of_balance_as_a_missing_text_has(tmp_path):
    frame = children(gaps=0.1)
    (group,) = match_design(laid_down(tmp_path / "a", {**CEM, "on": ["age", "group"], "missing": "category"}, frame))
    balance = group.tables["balance"].query("stage == 'after'").set_index("covariate")
    for name in ("age=missing", "group=missing"):
        assert 0.02 < balance.loc[name, "mean_treated"] < 0.2
        assert balance.loc[name, "std_mean_diff"] == pytest.approx(0, abs=1e-10)  # a stratum of its own
    (whole,) = match_design(laid_down(tmp_path / "b", {**CEM, "missing": "category"}, children()))
    assert "age=missing" not in set(whole.tables["balance"]["covariate"])


def test_a_file_of_sets_says_what_it_lacks_and_whom_it_names(tmp_path):
    design = laid_down(tmp_path / "a", {}, comparison={"method": "declared", "file": "s.csv", "people": CEM})
    for text in ("P1,C1\n", "treated,comparison\n"):
        design.with_name("s.csv").write_text(text, encoding="utf-8")
        with pytest.raises(InputFault, match="add a line per pair below the line treated,comparison"):
            match_design(design)
    design.with_name("s.csv").write_text("treated,comparison\nP1,C1\nP2,Q1\nP2,C2\nZ9,C3\n", encoding="utf-8")
    (group,) = match_design(design)
    assert "2 unit(s) that s.csv lists are not in the data (Q1, Z9)" in group.notes


def test_clusters_of_children_who_are_seen_in_several_authorities_are_noted(tmp_path):
    frame = children()
    (group,) = match_design(laid_down(tmp_path / "a", CEM, frame, panel={"cluster": "child_id"}))
    flow = group.tables["flow"]
    (told,) = flow[flow["step"] == "person in several units"].to_dict("records")
    several = frame.groupby("child_id")["la"].nunique() > 1
    assert told["reason"].startswith(f"child_id: {several.sum()} of {len(several)} clusters have rows in several units")
    assert told["rows"] == frame["child_id"].isin(several.index[several]).sum()
    own = frame.assign(child_id=frame["la"] + frame["child_id"], region=frame["la"].str[0])
    for column in ("child_id", "region"):
        (group,) = match_design(laid_down(tmp_path / column, CEM, own, panel={"cluster": column}))
        assert not {"person in several units", "rows that stand twice"} & set(group.tables["flow"]["step"])


def test_rows_of_a_child_that_stand_twice_are_noted_and_kept(tmp_path):
    frame = children()
    twice = pd.concat([frame, frame.iloc[[3, 70, 70]]], ignore_index=True)
    (group,) = match_design(laid_down(tmp_path / "a", CEM, twice, panel={"cluster": "child_id"}))
    flow = group.tables["flow"]
    (told,) = flow[flow["step"] == "rows that stand twice"].to_dict("records")
    assert (told["what"], told["rows"]) == ("noted", 3)
    assert told["reason"].startswith("child_id: the same as another row in every column that is read")


def test_a_chance_with_few_rows_a_parameter_is_warned_of(tmp_path):
    """Three sets on two sides of their windows are six cells; age is one parameter more."""
    frame = children(n=60)
    (group,) = match_design(
        laid_down(tmp_path / "a", {"method": "ipw", "on": ["age"], "trim_chance": [0.01, 0.99]}, frame)
    )
    [told] = [note for note in group.notes if note.startswith("the propensity has")]
    assert told.startswith("the propensity has 7 parameters for ")
    assert "treated rows, fewer than 5 a parameter: it fits these rows rather than a rule" in told
    (group,) = match_design(laid_down(tmp_path / "b", {"method": "ipw", "on": ["age"], "trim_chance": [0.01, 0.99]}))
    assert not [note for note in group.notes if note.startswith("the propensity has")]
