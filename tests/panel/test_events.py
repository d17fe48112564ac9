"""Rows of dated events, worked out by hand on eight of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.declare import Document, build
from sos_eval.errors import DataFault, DesignFault
from sos_eval.panel.events.rows import as_rows
from sos_eval.panel.load import load_panel
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.tabular import reading_of

#: Two children of A (one referred three times), two of B; the last two rows are care.
ROWS = pd.DataFrame(
    [
        ("A", 1, "referral", "2012-02-29", 1, "", "", "", ""),
        ("A", 1, "referral", "2012-03-30", 0, "2012-04-05", "2012-04-11", "2012-05-01", ""),
        ("A", 1, "referral", "2013-04-01", 0, "2013-04-01", "2013-04-02", "", ""),
        ("A", 2, "referral", "2012-06-01", 1, "", "", "", ""),
        ("B", 3, "referral", "2014-03-31", 0, "2014-03-31", "2014-12-31", "2014-09-01", ""),
        ("B", 4, "referral", "2014-12-01", 1, "", "", "", ""),
        ("B", 4, "care", "2014-12-20", None, "", "", "", "U1"),
        ("A", 2, "care", "2013-01-01", None, "", "", "", "K2"),
    ],
    columns=["la", "child", "event", "date", "nfa", "begun", "ended", "conference", "place"],
)
EVENTS = {
    "date": "date",
    "until": "2015-03-31",
    "derive": {
        "days": {"working_days": ["begun", "ended"]},
        "conferred": {"within": 90, "after": "date", "event": "conference", "among": {"nfa": [0]}},
        "following": {"next": "date", "by": ["child"], "among": {"event": ["referral"]}},
        "again": {"within": 183, "after": "date", "event": "following", "among": {"nfa": [1]}},
        "before": {"previous": "nfa", "by": ["child"], "among": {"event": ["referral"]}},
        "kin": {"code": "place", "is_in": ["U1", "U2"], "among": {"event": ["care"]}},
    },
}


def spec(**events: object) -> PanelSpec:
    declared = {"source": "csv", "unit": "la", "time": "year", "layout": "cross_sections"}
    declared |= {"year_convention": "starts_april", "treatment": {"first_treated": "start"}}
    declared |= {"outcome": {"value": "days"}, "events": {**EVENTS, **events}}
    made = build(PanelSpec, declared, Document({}, Path("d.yaml")))
    assert made is not None
    return made


def made(rows: pd.DataFrame = ROWS, **events: object) -> pd.DataFrame:
    return as_rows(reading_of(rows), spec(**events), Path()).frame


def derive(**rules: object) -> dict[str, object]:
    return {"derive": rules}


def test_years_are_named_by_their_start():
    assert made(**derive()).loc[:, "year"].tolist() == [2011, 2011, 2013, 2012, 2013, 2014, 2014, 2012]


def test_working_days_leave_out_easter():
    # 6 and 9 April 2012 are Good Friday and Easter Monday: 10 and 11 April count
    days = made(**derive(days=EVENTS["derive"]["days"]))["days"]
    assert days[1] == 2
    assert days[2] == 1
    assert days[[0, 3, 5]].isna().all()


def test_an_event_within_days_is_yes_no_or_not_yet_known():
    column = made(**derive(conferred=EVENTS["derive"]["conferred"]))["conferred"]
    # row 1: after 32 days; row 2: never, two years of follow-up; row 4: after 154 days; others are no open referrals
    np.testing.assert_array_equal(column, [np.nan, 1, 0, np.nan, 0, np.nan, np.nan, np.nan])
    early = ROWS[ROWS["date"] <= "2014-05-31"]
    late = made(early, until="2014-05-31", **derive(conferred=EVENTS["derive"]["conferred"]))["conferred"]
    assert np.isnan(late[4])  # 61 days of follow-up do not say that none came within 90


def test_the_next_and_the_row_before_are_the_same_childs():
    rules = {name: EVENTS["derive"][name] for name in ("following", "again", "before")}
    frame = made(**derive(**rules))
    assert frame["following"].fillna("").tolist() == ["2012-03-30", "2013-04-01", "", "", "", "", "", ""]
    np.testing.assert_array_equal(frame["again"], [1, np.nan, np.nan, 0, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(frame["before"].astype(float), [np.nan, 1, 0, np.nan, np.nan, np.nan, np.nan, np.nan])


def test_a_code_is_yes_or_no_among_the_rows_that_have_one():
    kin = {"code": "place", "is_in": ["U1"], "among": {"event": ["care"]}}
    np.testing.assert_array_equal(made(**derive(kin=kin))["kin"], [*[np.nan] * 6, 1, 0])
    other = {"code": "place", "is_not": ["K2"], "among": {"event": ["care"]}}
    np.testing.assert_array_equal(made(**derive(kin=other))["kin"], [*[np.nan] * 6, 1, 0])


def test_outliers_above_the_fence_are_left_empty_and_counted():
    rule = {"working_days": ["begun", "ended"], "outliers": 1.5}
    reading = as_rows(reading_of(ROWS), spec(**derive(days=rule)), Path())
    # 1, 2 and 190: quartiles 1.5 and 96, the fence stands at 237.75; with a narrower one 190 goes
    assert reading.frame["days"].notna().sum() == 3
    reading = as_rows(reading_of(ROWS), spec(**derive(days={**rule, "outliers": 0.5})), Path())
    assert reading.frame["days"].notna().sum() == 2
    assert [row.step for row in reading.notes] == ["outlier"]


def test_a_child_of_two_authorities_is_one_child_and_that_is_said():
    moved = ROWS.assign(la=["A", "B", *ROWS["la"][2:]])
    reading = as_rows(reading_of(moved), spec(**derive(following=EVENTS["derive"]["following"])), Path())
    assert [row.step for row in reading.notes] == ["person in several units"]


@pytest.mark.parametrize(
    ("change", "rules", "words"),
    [
        ({"ended": ["", "2012-04-01", *ROWS["ended"][2:]]}, {"days": EVENTS["derive"]["days"]},
         "days: ended comes before begun in 1 row, row 1; mend the dates, or out_of_order: missing"),
        ({"date": ["2013-02-29", *ROWS["date"][1:]]}, {}, "date: 1 cell that are no date, '2013-02-29', row 0"),
        ({"date": ["2015-04-01", *ROWS["date"][1:]]}, {}, "date: 1 event after 2015-03-31, row 0; mend the date"),
        ({}, {"kin": EVENTS["derive"]["kin"]}, 'is_in: place holds no "U2"; write one of: K2, U1'),
        ({}, {"date": EVENTS["derive"]["days"]}, 'events: the file has a column "date" already'),
        ({}, {"kin": {"code": "place", "is_not": ["U2"]}}, 'is_not: place holds no "U2"; write one of: K2, U1'),
        ({}, {"kin": {"code": "plce", "is_in": ["U1"]}}, 'data has no column "plce"; did you mean "place"?'),
    ],
)  # fmt: skip
def test_faults_say_where_what_and_what_to_write(change, rules, words):
    with pytest.raises(DataFault) as refused:
        as_rows(reading_of(ROWS.assign(**change)), spec(**derive(**rules)), Path())
    assert words in str(refused.value)


def test_dates_out_of_order_are_empty_and_counted_where_declared():
    rows = ROWS.assign(ended=["", "2012-04-01", *ROWS["ended"][2:]])
    rule = {**EVENTS["derive"]["days"], "out_of_order": "missing"}
    reading = as_rows(reading_of(rows), spec(**derive(days=rule)), Path())
    assert np.isnan(reading.frame["days"][1])
    assert reading.notes[0].rows == 1


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "exactly one of"),
        ({"within": 90, "after": "date"}, "go together"),
        ({"next": "date"}, "need by"),
        ({"code": "place"}, "code goes with is_in or is_not"),
        ({"code": "place", "is_in": ["U1"], "is_not": ["K2"]}, "code goes with is_in or is_not"),
        ({"code": "place", "is_in": ["U1"], "outliers": 1.5}, "outliers goes with"),
    ],
)
def test_rules_that_say_nothing_are_refused(rule, words):
    with pytest.raises(DesignFault, match=words):
        spec(**derive(x=rule))


def test_an_open_follow_up_needs_the_last_day():
    with pytest.raises(DesignFault, match="until is missing"):
        spec(until="")


AUTHORITIES = pd.DataFrame(
    {"la": ["A", "A", "A", "B", "B", "B"], "year": [2011, 2012, 2014, 2011, 2012, 2014],
     "fsm": [10.0, 12, 16, 5, 6, 8], "ofsted": [np.nan, 2, np.nan, 3, np.nan, np.nan]}
)  # fmt: skip


def with_authorities(tmp_path: Path, **table: object) -> pd.DataFrame:
    AUTHORITIES.to_csv(tmp_path / "a.csv", index=False)
    declared = {"path": "a.csv", "columns": ["fsm", "ofsted"], **table}
    return as_rows(reading_of(ROWS), spec(authorities=declared, **derive()), tmp_path).frame


def test_figures_of_authorities_are_joined_by_their_own_year(tmp_path):
    fill = {"fsm": "linear", "ofsted": "carry"}
    frame = with_authorities(tmp_path, fill=fill)
    # A in 2011, 2011, 2013 (between 12 and 16), 2012; B in 2013 (between 6 and 8), 2014, 2014; A in 2012
    assert frame["fsm"].tolist() == [10, 10, 14, 12, 7, 8, 8, 12]
    assert frame["ofsted"].tolist() == [2, 2, 2, 2, 3, 3, 3, 2]
    earlier = with_authorities(tmp_path, fill=fill, belongs_to={"fsm": -1})
    # now what the table calls 2012 belongs to 2011, and 2014 is beyond: 16 in 2013, and 2 a year more
    assert earlier["fsm"].tolist() == [12, 12, 16, 14, 8, 9, 9, 14]


def test_a_gap_that_is_not_declared_is_a_fault(tmp_path):
    with pytest.raises(DataFault) as refused:
        with_authorities(tmp_path)
    assert "fsm: no value for A in 2013, and 1 more gaps" in str(refused.value)
    assert "fill: {ofsted: linear}" in str(refused.value)


def test_a_panel_of_events_has_its_outcomes_by_name():
    rows = ROWS.assign(start=np.where(ROWS["la"] == "A", 2013, 0))
    panel = load_panel(spec(**derive(days=EVENTS["derive"]["days"])), override=rows)
    assert panel.layout == "cross_sections"
    assert panel.n_rows == 8
    assert panel.frame["outcome"].notna().sum() == 3
    assert panel.frame["event_day"].iloc[0] == (pd.Timestamp("2012-02-29") - pd.Timestamp("1970-01-01")).days


def test_means_of_events_are_a_row_per_authority_and_year():
    declared = spec(**derive(days=EVENTS["derive"]["days"]))
    assert declared.layout == "cross_sections"
    with pytest.raises(DesignFault, match=r"layout: panel and events\.means"):
        spec(means=["days"], **derive(days=EVENTS["derive"]["days"]))
    plain = {"source": "csv", "unit": "la", "time": "year", "layout": "panel", "year_convention": "starts_april"}
    plain |= {"treatment": {"first_treated": "start"}, "outcome": {"value": "days"}}
    plain["events"] = {**EVENTS, "means": ["days"], **derive(days=EVENTS["derive"]["days"])}
    made = build(PanelSpec, plain, Document({}, Path("d.yaml")))
    rows = as_rows(reading_of(ROWS.assign(start=np.where(ROWS["la"] == "A", 2013, 0))), made, Path())
    # A: 2011 (empty and 2), 2012 (none), 2013 (1); B: 2013 (31 March to 31 December 2014: 197 weekdays less 7 holidays)
    assert rows.frame["la"].tolist() == ["A", "A", "A", "B", "B"]
    assert rows.frame["year"].tolist() == [2011, 2012, 2013, 2013, 2014]
    np.testing.assert_array_equal(rows.frame["days"], [2, np.nan, 1, 190, np.nan])
    assert rows.frame["start"].tolist() == [2013, 2013, 2013, 0, 0]
