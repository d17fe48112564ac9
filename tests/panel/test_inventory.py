"""What a panel holds and lacks, by hand on eight units; what changed; nothing small under a profile."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sos_eval.errors import DataFault, InputFault
from sos_eval.jobs.inventory import compare_panels, describe_panel, describe_returns
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.england.published import panel_file
from tests.panel.held import write_return

DFE = Disclosure(profile="dfe")


def eight() -> pd.DataFrame:
    """Eight authorities, 2011 to 2016: A lacks 2013, H begins in 2014; one symbol, one outlier, one release breaks."""
    rows = [
        {"la_code": unit, "year": str(year), "region": "N" if unit < "E" else "S",
         "starts": str(100 + 10 * i + (7 * i + 5 * year) % 11), "release": "old" if year < 2014 else "new",
         "code": f"c{unit}"}
        for i, unit in enumerate("ABCDEFGH") for year in range(2011, 2017)
        if (unit, year) != ("A", 2013) and (unit != "H" or year > 2013)
    ]  # fmt: skip
    frame = pd.DataFrame(rows).set_index(["la_code", "year"])
    frame.loc[("B", "2012"), "starts"] = "c"
    frame.loc[("C", "2015"), "starts"] = "1000"
    frame.loc[[("D", str(year)) for year in (2015, 2016)], "code"] = "new D"
    return frame.reset_index()


def written(folder: Path, frame: pd.DataFrame, name: str = "p.csv") -> Path:
    frame.to_csv(folder / name, index=False)
    return folder / name


def told(folder: Path, frame: pd.DataFrame, disclosure: Disclosure | None = None, key=()) -> dict:
    facts = describe_panel(written(folder, frame), key, disclosure or Disclosure())
    json.dumps(facts, allow_nan=False)
    return facts


def test_rows_units_periods_and_gaps_by_hand(tmp_path):
    facts = told(tmp_path, eight())
    assert (facts["rows"], facts["units"], facts["key"]) == (44, 8, ["la_code", "year"])
    assert facts["periods"] == ["2011", "2012", "2013", "2014", "2015", "2016"]
    assert facts["gaps"] == [{"unit": "A", "periods": ["2013"]}]
    assert facts["come_and_gone"] == [{"unit": "H", "first": "2014", "last": "2016"}]
    assert (facts["periods_missing"], facts["doubled"]) == ([], [])


def test_columns_symbols_and_outliers_by_hand(tmp_path):
    facts = told(tmp_path, eight())
    starts, region = (next(one for one in facts["columns"] if one["name"] == name) for name in ("starts", "region"))
    assert (starts["kind"], starts["filled"], starts["missing"], starts["flags"]) == ("number", 43, 1, {"c": 1})
    assert (starts["min"], starts["max"]) == (101, 1000)  # A in 2011: 5 * 2011 leaves 1 over elevens
    assert region["levels"] == {"N": 23, "S": 21}
    assert [(one["unit"], one["period"], one["value"]) for one in facts["outliers"]] == [("C", "2015", 1000.0)]


def test_another_release_and_a_new_code_are_breaks(tmp_path):
    found = told(tmp_path, eight())["breaks"]
    shown = {(one["kind"], one["column"], one["period"]): one for one in found}
    assert set(shown) == {("all", "release", "2014"), ("some", "code", "2015")}
    assert shown["all", "release", "2014"]["before"] == ["old"]
    assert shown["all", "release", "2014"]["units"] == 6  # A lacks 2013, H begins in 2014
    assert shown["some", "code", "2015"]["names"] == ["D"]


def test_a_period_that_nobody_has_is_missing(tmp_path):
    frame = eight()
    facts = told(tmp_path, frame[frame["year"] != "2012"])
    assert facts["periods_missing"] == ["2012"]
    quarters = frame[frame["year"] != "2012"].assign(year=lambda d: d["year"] + "Q1")
    assert told(tmp_path, quarters)["periods_missing"][:2] == ["2011Q2", "2011Q3"]


def test_small_counts_and_rates_stay_inside_under_a_profile(tmp_path):
    frame = eight().assign(few="3", rate="1.2345", note="4 children")
    facts = told(tmp_path, frame, DFE)
    columns = {one["name"]: one for one in facts["columns"]}
    assert facts["masked"] == 44
    assert (columns["few"]["filled"], columns["few"].get("max")) == (0, None)
    assert (columns["starts"]["min"], columns["starts"]["max"]) == (100, 1000)  # rounded to 5
    assert [columns[name].get("withheld") for name in ("rate", "note")] == [True, True]
    assert "1.2345" not in json.dumps(facts)
    assert "4 children" not in json.dumps(facts)


def test_a_small_count_changes_nothing_that_is_told(tmp_path):
    """The adversary: whatever stands in a small cell, the description under a profile is the same bytes."""
    table, small = eight(), eight()["la_code"] == "F"
    texts = {json.dumps(told(tmp_path, table.assign(starts=table["starts"].mask(small, str(n))), DFE)) for n in "12345"}
    assert len(texts) == 1


def test_rows_that_may_be_people_are_refused_under_a_profile(tmp_path):
    frame = pd.concat([eight(), eight().head(1)])
    assert told(tmp_path, frame)["doubled"] == [{"unit": "A", "period": "2011"}]
    with pytest.raises(DataFault, match="they may be people"):
        told(tmp_path, frame, DFE)


def test_a_table_of_a_return_is_no_panel(tmp_path):
    folder = write_return(tmp_path, ["SECRET1 01/05/2017 S C2 N1 U1 - -"])
    with pytest.raises(DataFault, match="its rows are children") as said:
        describe_panel(folder / "A" / "2018" / "episodes.csv", ("CHILD", "DECOM"), Disclosure())
    assert "SECRET1" not in str(said.value)


def test_returns_are_described_by_their_masked_counts(tmp_path):
    good = [f"{n} 01/05/2017 S C2 N1 U1 - -" for n in range(12)]
    facts = describe_returns(write_return(tmp_path, [*good, "SECRET1 01/06/2017 S C9 N1 U4 - -"]), DFE)
    assert (facts["rows"], facts["periods"]) == (1, ["2018"])
    columns = {one["name"]: one for one in facts["columns"]}
    assert columns["care_entries"]["max"] == 15  # 13, rounded to 5
    rule = next(one for one in facts["rules_broken"] if one["rule"] == "unknown_code")
    assert (rule["episodes"], rule["children"]) == (None, None)
    assert "SECRET1" not in json.dumps(facts, allow_nan=False)


def test_a_folder_has_a_figure_for_every_series_and_what_it_shows(tmp_path):
    """Starts of 2012 by hand: seven units, of whom B has a symbol: 101, 108 … of the six others."""
    panel, out = written(tmp_path, eight()), tmp_path / "out"
    facts = describe_panel(panel, (), Disclosure(), out)
    assert json.loads((out / "described.json").read_text()) == facts
    shown = pd.read_csv(out / "figures" / "series_01.csv", dtype={"period": str}).set_index("period")
    here = eight().query("year == '2012' and la_code != 'B'")["starts"].astype(float)
    assert shown.loc["2012", ["filled", "symbols", "missing"]].tolist() == [6, 1, 0]
    assert shown.loc["2012", "median"] == here.median()
    assert shown.loc["2012", "q25"] == here.quantile(0.25)
    assert (shown.loc["2013", "filled"], shown.loc["2015", "filled"]) == (6, 8)
    page = (out / "report.html").read_text()
    assert page.count("<img ") == 1  # starts: the other columns are words
    assert "Dots: far from their unit&#39;s own level." in page
    assert pd.read_csv(out / "outliers.csv")["value"].tolist() == [1000]
    assert pd.read_csv(out / "gaps.csv")["unit"].tolist() == ["A"]
    with pytest.raises(InputFault, match="--force"):
        describe_panel(panel, (), Disclosure(), out)
    with pytest.raises(InputFault, match="left as it is"):
        describe_panel(panel, (), Disclosure(), tmp_path, force=True)
    describe_panel(panel, (), Disclosure(), out, force=True)


def test_a_folder_under_a_profile_is_the_same_whatever_a_small_count_is(tmp_path):
    def all_of(count):
        frame = eight()
        frame.loc[5, "starts"] = count
        out = tmp_path / f"out{count}"
        (tmp_path / count).mkdir()
        describe_panel(written(tmp_path / count, frame), (), DFE, out)
        return {
            file.name: file.read_bytes().replace(str(tmp_path / count).encode(), b"")
            for file in sorted(out.rglob("*")) if file.is_file() and file.name != "files.json"
        }  # fmt: skip

    one, four = all_of("1"), all_of("4")
    assert one == four
    assert len(one) > 6


def test_differences_by_hand(tmp_path):
    before, after = eight(), eight()
    after.loc[after["la_code"].eq("B") & after["year"].eq("2012"), "starts"] = "7"  # the symbol was filled in
    after.loc[0, "starts"] = "102.0"
    before.loc[0, "starts"] = "102"  # the same number
    after = after[(after["la_code"] != "G") & ~(after["la_code"].eq("E") & after["year"].eq("2011"))]
    before = before[before["year"] != "2016"]
    files = written(tmp_path, before, "a.csv"), written(tmp_path, after.assign(more="1"), "b.csv")
    found = compare_panels(*files, (), Disclosure(), tmp_path / "d.csv")
    assert found.counted() == {
        "changed": 1, "unit went": 1, "period came": 1, "row went": 1, "column came": 1,
    }  # fmt: skip
    table = pd.read_csv(tmp_path / "d.csv", dtype=str, keep_default_na=False)
    assert table.iloc[0].tolist() == ["changed", "B", "2012", "starts", "c", "7"]
    assert table.set_index("what").loc["row went", ["unit", "period"]].tolist() == ["E", "2011"]
    assert found.compared == (4 + 5 * 5 + 2 - 1) * 4  # A, B to F, H to 2015, without E in 2011; four columns


def test_a_panel_does_not_differ_from_itself():
    file = panel_file("constant")
    assert compare_panels(file, file, (), Disclosure()).counted() == {}


def test_differences_under_a_profile_are_of_what_may_leave(tmp_path):
    files = [written(tmp_path, eight().assign(few=n), f"{n}.csv") for n in ("2", "5", "6")]
    assert compare_panels(*files[:2], (), DFE).counted() == {}
    changed = compare_panels(*files[1:], (), DFE).table
    assert set(zip(changed["before"], changed["after"], strict=True)) == {("", "5")}
    rates = [written(tmp_path, eight().assign(rate=rate), f"r{rate}.csv") for rate in ("1.5", "2.5")]
    found = compare_panels(*rates, (), DFE)
    assert (found.counted(), found.withheld) == ({}, ("rate",))


def test_a_doubled_row_is_refused_by_diff(tmp_path):
    file = written(tmp_path, pd.concat([eight(), eight().head(1)]))
    with pytest.raises(DataFault, match="stand twice, lines 2, 46"):
        compare_panels(file, file, (), Disclosure())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("la_code",), "--key: 1 given; give two"),
        (("la_cod", "year"), 'no column "la_cod"; did you mean "la_code"'),
        (("la_code", "year", "region"), "--key: 3 given"),
    ],
)
def test_keys_are_two_columns_that_are_there(tmp_path, key, words):
    with pytest.raises(DataFault, match=words.replace("?", r"\?")):
        told(tmp_path, eight(), key=key)


def test_without_a_usual_name_the_key_is_asked_for(tmp_path):
    frame = eight().rename(columns={"la_code": "authority"})
    with pytest.raises(DataFault, match="which column names the units is not plain"):
        told(tmp_path, frame)
    assert told(tmp_path, frame, key=("authority", "year"))["units"] == 8
