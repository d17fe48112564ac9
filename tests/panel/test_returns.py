"""SSDA903 returns to counts: every rule with its own episodes, counts by hand, a world read back, bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault, Faults
from sos_eval.panel.care.counts import care_counts
from sos_eval.panel.care.rules import return_rules, with_policies
from sos_eval.panel.read.returns.files import return_files
from sos_eval.worlds.children import children_from
from sos_eval.worlds.children_source import children_tables
from tests.conftest import ROOT
from tests.panel.held import write_return, write_world


def counted(folder: Path, policies=None, **options):
    faults = Faults(DataFault)
    returns = return_files([folder], faults)
    return care_counts(returns, with_policies(return_rules(), policies or {}, faults), faults, **options)


@pytest.mark.parametrize("rule", return_rules(), ids=lambda rule: rule.name)
def test_each_rule_finds_its_own_episodes_and_no_others(rule, tmp_path):
    broken = counted(write_return(tmp_path / "a", list(rule.breaks), rule.dob), {rule.name: "keep"}).validation
    found = broken.loc[broken["rule"] == rule.name, "episodes"].sum()
    assert found == (len(rule.breaks) if rule.found is None else rule.found) > 0
    if rule.holds:
        held = counted(write_return(tmp_path / "b", list(rule.holds), rule.dob)).validation
        assert rule.name not in set(held["rule"])


BY_HAND = [
    "1 01/05/2016 S C2 N1 U1 01/08/2016 E4A", "1 01/10/2016 S C2 N1 U4 - -",  # two starts, one child
    "2 31/03/2017 S V2 N2 K2 01/04/2017 E13", "3 01/04/2016 S V3 N2 U4 05/04/2016 X1",  # short breaks alone
    "4 01/06/2016 S L1 N1 T0 04/06/2016 X1", "4 04/06/2016 B C1 N1 U4 01/12/2017 E4B",
    "5 10/04/2017 S J1 N6 K1 12/04/2017 E3", "5 10/06/2017 S V2 N6 K1 - -",
]  # fmt: skip


def test_counts_by_hand(tmp_path):
    panel = counted(write_return(tmp_path, BY_HAND), since=2016).panel.set_index("year")
    shown = panel[
        ["care_entries", "taken_into_care", "care_exits", "reunifications", "exits_relative", "re_entries_12m"]
    ]
    assert shown.loc[2017].tolist() == [3, 2, 1, 1, 0, 1]
    assert shown.loc[2018].tolist() == [1, 0, 3, 1, 1, 1]
    assert panel.loc[2017, "re_entries_after_home_12m"] == 1
    assert panel.loc[2018, "re_entries_after_home_12m"] == 0
    assert np.isnan(panel.loc[2016, "re_entries_12m"])  # who left care before the returns begin is not known
    assert panel["looked_after_at_end"].tolist() == [0, 3, 2]
    assert panel.loc[2018, "exits_mean_days"] == pytest.approx((1 + 548 + 2) / 3)


def test_quarters_of_a_reporting_year_follow_the_calendar(tmp_path):
    panel = counted(write_return(tmp_path, BY_HAND), since=2017, period="quarter").panel
    assert panel["quarter"].tolist()[:5] == ["2016Q2", "2016Q3", "2016Q4", "2017Q1", "2017Q2"]
    assert panel["care_entries"].tolist() == [2, 0, 1, 1, 1, 0, 0, 0]


def test_a_later_return_replaces_the_episode_of_an_earlier_one(tmp_path):
    write_return(tmp_path, ["1 01/05/2016 S C2 N1 U1 - -"], year=2017)
    write_return(tmp_path, ["1 01/05/2016 S C2 N1 U1 01/08/2017 E4A"], year=2018)
    counts = counted(tmp_path)
    assert counts.n_superseded == 1
    assert counts.panel["reunifications"].tolist() == [0, 1]


def test_authorities_and_the_order_of_files_do_not_touch_one_another(tmp_path):
    """Children, authorities and mixes of codes are numbered as they come: no count may depend on the numbers."""
    events = children_tables(children_from(ROOT / "synthetic" / "cin_cla_children.yaml"), 4)["events"]
    folder = write_world(tmp_path, events[events["la_code"].isin(sorted(events["la_code"].unique())[:3])], 2019)
    faults = Faults(DataFault)
    returns, rules = return_files([folder], faults), with_policies(return_rules(), {}, faults)
    whole = care_counts(returns, rules, faults, since=2009)
    back = care_counts(returns[::-1], rules, faults, since=2009)
    pd.testing.assert_frame_equal(whole.panel, back.panel)
    pd.testing.assert_frame_equal(whole.validation, back.validation)
    for authority in whole.panel["la_code"].unique():
        own = [file for file in returns if file.authority == authority]
        alone = care_counts(own, rules, faults, since=2009).panel
        there = whole.panel[whole.panel["la_code"] == authority].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, there)


def test_days_that_cannot_be_read_are_told_apart_by_what_is_written(tmp_path):
    """The same words in a later return are the same episode, other words another; alike rows are counted as copies."""
    read = "9 01/06/2016 S C2 N1 U1 01/07/2016 E8", "8 01/06/2017 S C2 N1 U1 01/07/2017 E8"
    write_return(tmp_path, ["1 soon S C2 N1 U1 - -", "1 later S C2 N1 U1 - -", read[0]], year=2017)
    write_return(tmp_path, ["1 soon S C2 N1 U1 - -", "1 soon S C2 N1 U1 - -", read[1]], year=2018)
    counts = counted(tmp_path)
    found = counts.validation.set_index(["rule", "year_of_return"])["episodes"]
    assert counts.n_superseded == 1
    assert found.to_dict() == {("impossible_date", 2017): 1, ("impossible_date", 2018): 2, ("repeated_row", 2018): 1}


def test_an_excluding_policy_leaves_the_episode_out_of_every_count(tmp_path):
    folder = write_return(tmp_path, ["1 01/05/2017 S C9 N1 U1 - -", "2 01/05/2017 S C2 N1 U1 - -"])
    assert counted(folder).panel["care_entries"].tolist() == [2]
    assert counted(folder, {"unknown_code": "exclude"}).panel["care_entries"].tolist() == [1]


def test_a_world_of_children_read_back_gives_its_own_truth(tmp_path):
    events = children_tables(children_from(ROOT / "synthetic" / "cin_cla_children.yaml"), 3)["events"]
    panel = counted(write_world(tmp_path, events, 2019), since=2009).panel
    care = events[events["event"] == "care"].copy()
    for name in ("care_start", "care_end"):
        care[name] = pd.to_datetime(care[name])
    starts = care[care["rne"] == "S"].sort_values("care_start")
    ends = care[~care["reason_ceased"].isin(["", "X1"])].sort_values("care_end")
    years = {"care_start": starts, "care_end": ends}
    for column, table in years.items():
        table["year"] = (table[column] + pd.DateOffset(months=9)).dt.year
    first = starts.drop_duplicates(["la_code", "child_id", "year"])
    last = ends.drop_duplicates(["la_code", "child_id", "year"], keep="last")
    before = pd.merge_asof(
        starts, ends[["la_code", "child_id", "care_end", "reason_ceased"]], left_on="care_start", right_on="care_end",
        by=["la_code", "child_id"], suffixes=("", "_before"), allow_exact_matches=False,
    )  # fmt: skip
    again = before[before["care_start"] <= before["care_end_before"] + pd.DateOffset(months=12)]
    truth = {
        "care_entries": first, "entries_unaccompanied": first[first["uasc"] == 1], "care_exits": last,
        "reunifications": last[last["reason_ceased"].isin(["E4A", "E4B"])],
        "re_entries_12m": again.drop_duplicates(["la_code", "child_id", "year"]),
    }  # fmt: skip
    keyed = panel.set_index(["la_code", "year"])
    for name, table in truth.items():
        want = table.groupby(["la_code", "year"]).size().reindex(keyed.index, fill_value=0)
        seen = keyed[name].notna()
        assert seen.sum() >= 200
        assert want[seen].sum() > 50
        assert (keyed[name][seen] == want[seen]).all(), name


def refused(folder: Path) -> list[str]:
    with pytest.raises(DataFault) as error:
        counted(folder)
    return [str(fault).replace(str(folder), "") for fault in error.value.faults]


def test_faults_of_all_files_come_together_with_their_lines(tmp_path):
    write_return(tmp_path, ["A/1 01/05/2016 S C2 N1 U1 - -", "B/1 01/05/2016 S C2 N1 U1 - -"])
    episodes = tmp_path / "A" / "2018" / "episodes.csv"
    episodes.write_text(episodes.read_text() + "2,01/05/2016,S\n")
    other = tmp_path / "B" / "2018" / "episodes.csv"
    other.write_text(other.read_text().replace("DECOM", "STARTED"))
    said = refused(tmp_path)
    assert len(said) == 2
    assert said[0].startswith("/A/2018/episodes.csv:3: 3 cells, where the first line has 13")
    assert said[1].startswith("/B/2018/episodes.csv:1: episodes without DECOM")


XML = (
    "<EXPSSDA903><CHILD><HEADER><CHILDID>7</CHILDID><SEX>1</SEX><DOB>01/01/2010</DOB><UASC>1</UASC></HEADER><EPISODE>"
    "<DECOM>01/05/2017</DECOM><RNE>S</RNE><LS>C2</LS><CIN>N1</CIN><PL>U1</PL><DEC/><REC/></EPISODE></CHILD></EXPSSDA903>"
)


def of_xml(tmp_path: Path, text: str) -> Path:
    (tmp_path / "A" / "2018").mkdir(parents=True)
    (tmp_path / "A" / "2018" / "return.xml").write_text(text)
    return tmp_path


def test_xml_is_the_same_return(tmp_path):
    row = counted(of_xml(tmp_path, XML)).panel.loc[0]
    assert row[["care_entries", "entries_unaccompanied", "looked_after_kinship_at_end"]].tolist() == [1, 1, 1]


def test_xml_with_entities_is_refused_unread(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")
    bomb = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret}">]>' + XML.replace("N1", "&b;")
    said = refused(of_xml(tmp_path, bomb))
    assert len(said) == 1
    assert "declares a document type" in said[0]
    assert "canary" not in said[0]


def of_years(folder, **years):
    """Write a return a year, `y2018=[…]`, and count them."""
    for year, episodes in years.items():
        write_return(folder, episodes, year=int(year[1:]))
    return counted(folder).panel.set_index("year")


def test_a_later_return_takes_no_episode_away_that_ended_before_its_year(tmp_path):
    """A start that ends on its own day is followed by one of the same day, which alone the next return holds."""
    begun, went_on = "1 01/05/2017 S L1 N1 U4 01/05/2017 X1", "1 01/05/2017 L C2 N1 U4 - -"
    alone = of_years(tmp_path / "alone", y2018=[begun, went_on]).loc[2018]
    both = of_years(tmp_path / "both", y2018=[begun, went_on], y2019=[went_on]).loc[2018]
    pd.testing.assert_series_equal(both, alone)
    assert both[["care_entries", "taken_into_care"]].tolist() == [1, 1]
    every = of_years(tmp_path / "every", y2018=[begun, went_on, begun], y2019=[begun, went_on]).loc[2018]
    assert every["care_entries"] == 1  # a return that holds all years again replaces all


def test_a_correction_in_a_later_return_replaces_what_it_corrects(tmp_path):
    panel = of_years(tmp_path, y2018=["1 01/05/2017 S V2 N1 U4 - -"], y2019=["1 01/05/2017 S C2 N1 K2 01/02/2018 E4A"])
    assert panel.loc[2018, ["care_entries", "taken_into_care", "reunifications"]].tolist() == [1, 1, 1]
    assert panel.loc[2018, "entries_placed_residential"] == 1


def test_reasons_of_earlier_years_are_known_and_others_end_care_all_the_same(tmp_path):
    old = of_years(
        tmp_path / "old",
        y2014=["1 01/05/2013 S C2 N1 U4 01/06/2013 E4", "2 01/05/2013 S C2 N1 U4 01/06/2013 E44"],
    ).loc[2014]
    assert old[["care_exits", "reunifications", "exits_guardianship"]].tolist() == [2, 1, 1]
    new = of_years(
        tmp_path / "new",
        y2018=[
            "1 01/05/2017 S C2 N1 U4 01/06/2017 E99",
            "1 01/09/2017 S C2 N1 U4 - -",
            "2 01/05/2017 S C2 N1 U4 02/06/2017 E4",
        ],
    ).loc[2018]  # E4 was parted into E4A and E4B
    assert new[["care_exits", "exits_not_known", "reunifications", "looked_after_at_end"]].tolist() == [2, 2, 0, 1]
    parts = [name for name in new.index if name.startswith("exits_") and name not in ("exits_timed", "exits_mean_days")]
    assert new[parts].sum() + new["reunifications"] == new["care_exits"]


def test_a_start_counts_whether_or_not_the_episode_before_it_was_closed(tmp_path):
    panel = of_years(
        tmp_path, y2017=["1 01/05/2016 S C2 N1 U4 - -"], y2018=["2 01/05/2017 S C2 N1 U4 - -"],
        y2019=["1 05/06/2018 S C2 N1 U4 - -", "3 01/05/2018 S C2 N1 U4 01/02/2019 X1", "3 01/09/2018 S C2 N1 U4 - -"],
    )  # fmt: skip
    assert panel["care_entries"].tolist() == [1, 1, 2]
    assert panel.loc[2019, "re_entries_12m"] == 0  # nobody is known to have left


def test_length_of_care_is_of_children_whose_start_is_held(tmp_path):
    known = [f"{k} {10 + k}/05/2017 S C2 N1 U4 {10 + k}/06/2017 E4A" for k in range(1, 10)]
    cut = "20 01/03/2017 P C2 N1 U4 10/05/2017 E4A"  # in care for as long as nobody knows
    panel = of_years(tmp_path / "a", y2018=[*known, cut]).loc[2018]
    assert panel[["care_exits", "exits_timed", "exits_mean_days"]].tolist() == [10, 9, 31]
    panel = of_years(tmp_path / "b", y2018=[*known[:8], cut]).loc[2018]
    assert panel["exits_timed"] == 8
    assert np.isnan(panel["exits_mean_days"])  # more than a tenth are not timed, and they stayed longest
    again = ["1 01/05/2015 S C2 N1 U4 01/06/2015 E4A", "1 01/05/2017 P C2 N1 U4 10/05/2017 E4A"]
    assert of_years(tmp_path / "c", y2018=again).loc[2018, "exits_timed"] == 0  # not from the start of an earlier time


def test_the_latest_return_says_until_when_a_child_is_unaccompanied(tmp_path):
    start = ["1 01/05/2017 S C2 N1 U4 - -"]
    held = write_return(write_return(tmp_path, start, year=2018), start, year=2019)
    for year, day in ((2018, "01/01/2026"), (2019, "01/12/2016")):
        (held / "A" / str(year) / "uasc.csv").write_text(f"CHILD,SEX,DOB,DUC\n1,1,01/01/2010,{day}\n")
    panel = counted(held).panel.set_index("year")
    assert panel.loc[2018, ["entries_unaccompanied", "entries_others"]].tolist() == [0, 1]


def test_who_came_unaccompanied_is_not_known_without_its_table(tmp_path):
    start = ["1 01/05/2017 S C2 N1 U4 - -"]
    held = write_return(write_return(tmp_path, start, year=2018), ["2 01/05/2016 S C2 N1 U4 - -"], year=2017)
    (held / "A" / "2018" / "uasc.csv").write_text("CHILD,SEX,DOB,DUC\n")
    panel = counted(held).panel.set_index("year")[["entries_unaccompanied", "entries_others"]]
    assert panel.loc[2018].tolist() == [0, 1]
    assert panel.loc[2017].isna().all()


def test_a_re_entry_follows_any_earlier_end_that_was_one(tmp_path):
    twice = [
        "1 01/05/2016 S C2 N1 U4 01/02/2017 E4A", "1 01/03/2017 S C2 N1 U4 15/03/2017 E13",
        "1 01/05/2017 S C2 N1 U4 - -",
    ]  # fmt: skip
    panel = of_years(tmp_path / "a", y2017=twice[:2], y2018=twice)
    assert panel.loc[2018, ["re_entries_12m", "re_entries_after_home_12m"]].tolist() == [1, 1]
    went_on = [
        "1 01/05/2016 S C2 N1 U4 01/02/2017 E4A", "1 01/02/2017 P C2 N1 U4 01/04/2017 X1",
        "1 01/05/2017 S C2 N1 U4 - -",
    ]  # fmt: skip
    panel = of_years(tmp_path / "b", y2017=went_on[:2], y2018=went_on)
    assert panel.loc[2017, "reunifications"] == 0  # the child did not leave
    assert panel.loc[2018, ["re_entries_12m", "re_entries_after_home_12m"]].tolist() == [0, 0]


def test_who_was_born_on_29_february_is_a_year_older_on_1_march(tmp_path):
    rows = ["1 28/02/2018 S C2 N1 U4 - -", "2 01/03/2018 S C2 N1 U4 - -"]
    panel = counted(write_return(tmp_path / "ten", rows, dob="29/02/2008")).panel.iloc[0]
    assert panel[["entries_age_5_to_9", "entries_age_10_to_15"]].tolist() == [1, 1]
    grown = counted(write_return(tmp_path / "grown", ["1 28/02/2018 S C2 N1 U4 - -"], dob="29/02/2000"), period="month")
    assert grown.panel.set_index("month").loc["2018-02", "looked_after_at_end"] == 1
