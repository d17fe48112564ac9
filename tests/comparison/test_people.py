"""Rows of people within declared sets: expanded, dated by the set's window, matched and weighed, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison import DeclaredSets, Mahalanobis, Nearest, Optimal, build
from sos_eval.comparison.build import RebuildingPeople, rebuilding
from sos_eval.comparison.people import People
from sos_eval.errors import NotIdentified
from sos_eval.estimators import MatchedDiD
from sos_eval.panel.flow import flow_table
from tests.comparison.people_panel import SETS, many, people_of

#: (authority, day, outcome, x)
ROWS = [
    ("A", 5, 1.0, 0), ("A", 12, 9.0, 0), ("A", 25, 2.0, 0), ("A", 50, 3.0, 1),
    ("B", 5, 1.0, 0), ("B", 45, 4.0, 0),
    ("C", 6, 1.0, 0), ("C", 26, 2.0, 0), ("C", 51, 2.0, 1), ("C", 52, 2.0, 1),
    ("D", 7, 1.0, 0), ("D", 27, 2.0, 0), ("D", 46, 5.0, 0), ("D", 47, 5.0, 2),
]  # fmt: skip


def built(rows=ROWS, columns=("x",), panel=None, **people):
    method = DeclaredSets(sets=SETS, people=People(**({"method": "exact", "on": ("x",)} | people)))
    panel = people_of(rows, columns) if panel is None else panel
    return build(method, method.restricted(panel))


def by_row(found, name):
    """Return a column by authority, day and set."""
    frame = found.panel.frame
    keys = zip(frame["unit"], frame["event_day"], frame["matched_set"], strict=True)
    return dict(zip(keys, frame[name], strict=True))


def test_rows_stand_once_for_each_set_and_are_dated_by_its_window():
    found = built()
    post = by_row(found, "post")
    # D on day 27: after A's window (20) and before B's (30); in B's set it is before, in A's after
    assert post["D", 27, "A"] == 1
    assert post["D", 27, "B"] == 0
    assert ("A", 12, "A") not in post  # in its window
    assert by_row(found, "treated")["A", 25, "A"] == 1
    assert by_row(found, "treated")["D", 27, "A"] == 0


def test_weights_by_hand():
    weights = by_row(built(), "weight")
    # D's rows of days 7, 27 and 46 stand in two sets: 1/2 each; day 47 (x = 2) finds no pilot's row
    # set A before, x = 0: A(5) against C(6) 1, D(7) 1/2               w_T 1, w_C 3/2
    # set A after,  x = 0: A(25) against C(26) 1, D(27) 1/2, D(46) 1/2  w_T 1, w_C 2
    # set A after,  x = 1: A(50) against C(51), C(52)                   w_T 1, w_C 2
    # set B before, x = 0: B(5) against D(7) 1/2, D(27) 1/2             w_T 1, w_C 1
    # set B after,  x = 0: B(45) against D(46) 1/2                      w_T 1, w_C 1/2
    # W_T 5, W_C 7: a comparison row's factor is w_T / w_C * 7/5
    scale = 7 / 5
    expected = {
        ("A", 5, "A"): 1, ("A", 25, "A"): 1, ("A", 50, "A"): 1, ("B", 5, "B"): 1, ("B", 45, "B"): 1,
        ("C", 6, "A"): scale * 2 / 3, ("D", 7, "A"): scale / 3,
        ("C", 26, "A"): scale / 2, ("D", 27, "A"): scale / 4, ("D", 46, "A"): scale / 4,
        ("C", 51, "A"): scale / 2, ("C", 52, "A"): scale / 2,
        ("D", 7, "B"): scale / 2, ("D", 27, "B"): scale / 2, ("D", 46, "B"): scale,
    }  # fmt: skip
    assert weights == pytest.approx(expected)


def test_the_flow_adds_up_and_says_both_counts_of_rows():
    """Of 15 rows one has no outcome, A's day 12 lies in its window, D's row with x = 2 has no partner: 12 are left.

    D's days 7, 27 and 46 serve both sets: in sets there are 15.
    """
    flow = flow_table(built([*ROWS, ("C", 8, np.nan, 0)]).panel)
    dropped = flow[flow["what"] == "dropped"].set_index("step")["rows"]
    assert dropped.to_dict() == {"missing outcome": 1, "transition": 1, "comparison": 1}
    end = flow.iloc[-1]
    assert end["rows"] == 15 - dropped.sum() == 12
    assert end["reason"].endswith("; 15 rows with those that serve several sets counted in each")


def test_years_are_counted_from_the_ends_of_the_window():
    rows = [*ROWS, ("A", 10 - 366, 1.0, 0), ("C", 10 - 366, 1.0, 0), ("A", 20 + 366, 1.0, 0), ("C", 386, 1.0, 0)]
    since = by_row(built(rows), "since_window")
    assert since["A", 5, "A"] == -1
    assert since["A", 10 - 366, "A"] == -2
    assert since["A", 25, "A"] == 0
    assert since["A", 386, "A"] == 1


def test_covariates_are_balanced_within_sets_and_periods_and_l1_goes_to_zero():
    found = built(panel=many(), on=("x", "kind"))
    balance = found.balance.query("stage == 'after'").set_index("covariate")
    assert np.abs(balance["std_mean_diff"]).max() < 1e-12
    l1 = found.measures.query("measure == 'l1'").set_index("stage")["value"]
    assert l1["before"] > 0.05
    assert l1["after"] == pytest.approx(0, abs=1e-12)
    assert any(
        "weights of matched rows sum to 1 times the rows' own (treated) and 1 times the rows' own (comparison)" in note
        for note in found.notes
    )


def test_no_value_of_an_outcome_is_seen_but_which_rows_have_one_is():
    panel = many()
    found = built(panel=panel, on=("x", "kind"))
    noise = np.random.default_rng(5).normal(size=panel.n_rows)
    other = built(panel=panel.with_columns(outcome=noise), on=("x", "kind"))
    assert found.panel.frame["weight"].equals(other.panel.frame["weight"])
    assert found.balance.equals(other.balance)
    assert not found.panel.frame["outcome"].equals(other.panel.frame["outcome"])
    fewer = built(panel=panel.with_columns(outcome=np.where(np.arange(panel.n_rows) % 2, noise, np.nan)), on=("x",))
    assert fewer.panel.n_rows < found.panel.n_rows
    assert fewer.panel.frame["outcome"].notna().all()


def test_cut_points_and_groupings_are_those_of_cem():
    panel = many()
    cut = {"cutpoints": {"x": (0.5,)}, "groupings": {"kind": (("north", "south"),)}}
    found = built(panel=panel, on=("x", "kind"), method="cem", **cut)
    by_hand = panel.with_columns(high=(panel.frame["x"] >= 0.5).astype(float))
    expected = built(panel=by_hand, on=("high",))
    np.testing.assert_allclose(found.panel.frame["weight"], expected.panel.frame["weight"], rtol=1e-12)


def test_a_missing_value_is_refused_left_out_or_a_category():
    rows = [(*row[:3], None if row[1] in (25, 26) else row[3]) for row in ROWS]
    with pytest.raises(NotIdentified, match="rows have no value of x") as refused:
        built(rows)
    assert "missing: category" in refused.value.faults[0].instead
    assert ("A", 25, "A") not in by_row(built(rows, missing="exclude"), "weight")
    alike = by_row(built(rows, missing="category"), "weight")
    assert alike["A", 25, "A"] == 1
    assert ("C", 26, "A") in alike


def test_faults_name_what_is_wrong():
    with pytest.raises(NotIdentified, match=r"people\.on: y is no covariate"):
        built(on=("y",))
    with pytest.raises(NotIdentified, match="no stratum of a set and period holds rows of both groups"):
        built([(*row[:3], i) for i, row in enumerate(ROWS)])
    with pytest.raises(ValueError, match="go with method: cem"):
        People(method="exact", on=("x",), cutpoints={"x": (1.0,)})
    with pytest.raises(NotIdentified, match='kind has no category "nrth"'):
        built(panel=many(), on=("kind",), method="cem", groupings={"kind": (("nrth",),)})


def test_without_days_the_window_is_the_registers_periods():
    panel = people_of(ROWS, ("x",))
    panel = panel.changed(adoption=panel.adoption[["embedded"]])
    post = by_row(built(panel=panel), "post")
    # A starts in period 1 and is embedded in 2, B in 3 and 4
    assert post["A", 25, "A"] == 1
    assert post["D", 27, "B"] == 0
    assert ("A", 12, "A") not in post


def test_a_set_matched_on_one_side_of_its_window_is_left_out_and_counted():
    """As if it had not been declared, to the last bit: rows that it shared count whole for the other set."""
    rows = [row for row in ROWS if row[:2] != ("B", 45)]
    found = built(rows)
    alone = DeclaredSets(sets={"A": SETS["A"]}, people=People(method="exact", on=("x",)))
    panel = people_of([row for row in rows if row[0] != "B"], ("x",))
    expected = build(alone, alone.restricted(panel))
    columns = ["unit", "event_day", "matched_set", "weight", "post", "arm"]
    pd.testing.assert_frame_equal(found.panel.frame[columns], expected.panel.frame[columns])
    assert by_row(found, "weight")["D", 7, "A"] > 0
    out = next(row for row in found.panel.flow if "no difference can be taken from it" in row.reason)
    # B on day 5; D's rows are those of A's set too
    assert (out.what, out.units, out.names, out.rows) == ("dropped", 1, "B", 1)
    assert out.reason.startswith("the set of B has no matched rows after its window")
    assert found.off_support == {"B": "its set has no matched rows after its window"}
    assert set(found.sets["matched_set"]) == {"A"}
    assert found.weights.tolist() == [1, 0, 1, 1]
    before = built([row for row in ROWS if row[:2] != ("B", 5)])
    assert before.off_support == {"B": "its set has no matched rows before its window"}


def test_where_no_set_is_matched_on_both_sides_all_stay_and_a_difference_is_refused():
    found = built([row for row in ROWS if row[:2] not in (("B", 45), ("A", 5))])
    assert "no set has matched rows on both sides of its window: A, B" in found.notes
    assert set(found.panel.frame["matched_set"]) == {"A", "B"}
    later = built([row for row in ROWS if row[:2] not in (("B", 5), ("A", 5))])
    with pytest.raises(NotIdentified, match="rows of both arms do not lie on both sides of a window"):
        MatchedDiD(covariates=()).estimate(later.panel)


WITHIN = People(method="exact", on=("kind", "x"))


@pytest.mark.parametrize(
    "method",
    [
        Nearest(on=("x", "outcome_pre"), distance="mahalanobis", people=WITHIN),
        Optimal(on=("x", "outcome_pre"), distance="mahalanobis", people=WITHIN),
        Mahalanobis(on=("x", "outcome_pre"), people=WITHIN),
    ],
)
def test_authorities_are_paired_and_their_rows_matched_within_the_pairs(method):
    """In sequence: the rows are those of the same pairs written by hand, to the byte."""
    panel = many()
    found = build(method, panel)
    pairs = found.sets[found.sets["unit"] != found.sets["matched_set"]]
    by_hand = DeclaredSets(
        sets={u: (o,) for u, o in zip(pairs["matched_set"], pairs["unit"], strict=True)}, people=WITHIN
    )
    declared = build(by_hand, by_hand.restricted(panel))
    columns = ["unit", "event_day", "outcome", "matched_set", "arm", "post", "weight"]
    assert found.panel.frame[columns].equals(declared.panel.frame[columns])
    assert found.uses_outcomes
    assert not declared.uses_outcomes
    assert abs(MatchedDiD().complete(found.panel).values[0] - 2.0) < 0.6
    after = found.balance.query("stage == 'after'").set_index("covariate")
    assert abs(after.loc["x", "std_mean_diff"]) < 1e-12
    pre = panel.frame[panel.frame["time"] < 1].groupby("unit")["x"].mean()
    assert after.loc["x of units", "mean_treated"] == pytest.approx(pre[["A", "B"]].mean())
    assert {"kind", "x", "outcome_pre"} - {*method.columns} == {"outcome_pre"}
    assert isinstance(rebuilding(method), RebuildingPeople)


def test_no_outcome_since_the_first_start_pairs_anybody():
    panel = many()
    method = Nearest(on=("outcome_pre",), distance="mahalanobis", people=WITHIN)
    noise = np.random.default_rng(5).normal(size=panel.n_rows) * 100
    since = panel.frame["time"].to_numpy() >= 1
    other = panel.with_columns(outcome=np.where(since, noise, panel.frame["outcome"]))
    before = panel.with_columns(outcome=np.where(since, panel.frame["outcome"], noise))
    sets = [build(method, one).sets for one in (panel, other, before)]
    assert sets[0].equals(sets[1])
    assert not sets[0]["distance"].equals(sets[2]["distance"])


def test_units_without_a_pair_take_no_part_with_their_rows():
    panel = many()
    found = build(Nearest(on=("x",), distance="x", caliper=0.1, people=WITHIN), panel)
    assert found.off_support["B"].startswith("no comparison unit is close enough")
    assert set(found.panel.frame["unit"]) == {"A", "D"}
    rows = {row.names: row.rows for row in found.panel.flow if row.step == "comparison" and row.names}
    assert rows["B"] == (panel.frame["unit"] == "B").sum()


def test_pairs_of_cohorts_apart_are_not_matched_further():
    with pytest.raises(NotIdentified, match="within pairs of cohorts apart"):
        build(Nearest(on=("x",), distance="x", cohorts="apart", people=WITHIN), many())
