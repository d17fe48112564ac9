"""Tables that are refused say what was found; units that are the sum of some others are told with those."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from sos_eval.errors import DataFault, Fault, Faults
from sos_eval.jobs.check import check_design
from sos_eval.numerics.subset_sums import subset_sums
from sos_eval.panel.dates import is_date, is_moment
from sos_eval.panel.events.dates import days_of
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spellings import alike
from tests.panel.small import SmallDesign
from tests.panel.test_doubtful_tables import counted, loaded, notes, refused

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la_code
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: first_year, untreated_means: never}
estimators: [{id: a, method: twfe}]
inference: [{method: analytic}]
seed: 1
"""

# -- separators, and what nobody sees -------------------------------------------------------------------------------

MARKS = {"|": "upright lines (|)", ";": "semicolons", "\t": "tabs", "^": "carets (^)", "\x1f": "U+001F", "¦": '"¦"'}


@pytest.mark.parametrize("mark", MARKS)
def test_what_separates_the_columns_is_named(mark: str, small: SmallDesign):
    small.write("panel.csv", "Entries to care\n" + small.data.to_csv(index=False).replace(",", mark))
    with pytest.raises(DataFault) as fault:
        small.load(write=False)
    assert str(fault.value).endswith(f"columns are separated by {MARKS[mark]}; separate them by commas")


def test_a_title_that_holds_both_names_separates_nothing(small: SmallDesign):
    small.data = small.data.rename(columns={"la_code": "LA"})
    small.block["unit"] = "LA"
    small.write("panel.csv", "Entries by LA and year\n" + small.data.to_csv(index=False))
    assert small.load(write=False).n_units == 8


def test_a_byte_order_mark_that_stands_twice_is_of_no_name(small: SmallDesign):
    small.write("panel.csv", b"\xef\xbb\xbf\xef\xbb\xbf" + small.data.to_csv(index=False).encode())
    assert small.load(write=False).n_units == 8


def test_what_nobody_sees_is_written_by_its_number_in_every_fault(small: SmallDesign):
    small.block["unit"] = "la_codes"
    small.data = small.data.rename(columns={"la_code": "la\u00a0_\u200bcode"})
    with pytest.raises(DataFault, match=r'did you mean "la\\u00a0_\\u200bcode"\?'):
        small.load()
    said = str(Fault("", "‮Kent\ufe0f 🙂 Ynys Môn\n", "\x1b[31m"))
    assert said == "\\u202eKent\\ufe0f 🙂 Ynys Môn\n; \\u001b[31m"


# -- workbooks and databases ----------------------------------------------------------------------------------------


def test_a_chart_sheet_without_a_chart_is_named(small: SmallDesign):
    book = Workbook()
    book.create_chartsheet("Chart")
    book.save(small.folder / "p.xlsx")
    with zipfile.ZipFile(small.folder / "p.xlsx") as packed:
        kept = {name: packed.read(name) for name in packed.namelist() if "chartsheets/_rels" not in name}
    with zipfile.ZipFile(small.folder / "p.xlsx", "w") as packed:
        for name, content in kept.items():
            packed.writestr(name, content)
    small.block |= {"source": "xlsx", "path": "p.xlsx"}
    with pytest.raises(DataFault, match=r"p\.xlsx: holds 1 chart sheet without a chart; delete it"):
        small.load(write=False)


MOMENTS = ["2014-03-31 23:30:00", "2014-03-31T22:00:00Z", "2014-04-01 00:30:00+01:00"]


@pytest.mark.parametrize("word", MOMENTS)
def test_a_time_of_a_day_is_no_period_and_no_start(word: str, small: SmallDesign):
    """Which day, and so which year, it is depends on the zone."""
    small.data = small.data.assign(year=[f"{year}{word[4:]}" for year in small.data["year"]])
    instead = "write the day alone, 2014-10-01, as it was where it happened"
    with pytest.raises(
        DataFault, match=rf"year: times of a day, which are no period, '2011{re.escape(word[4:])}'.*{instead}"
    ):
        small.load()
    small.data = counted().assign(first_year=lambda d: [word if start else 0 for start in d["first_year"]])
    with pytest.raises(DataFault, match=rf"first_year: times of a day, which are no start, .*{instead}"):
        small.load()


def test_midnight_is_the_day_that_it_shows():
    words = ["2014-04-01 00:00:00", "2014-04-01T00:00Z", "2014-04-01 00:00:00.000+01:00"]
    assert [is_date(word) for word in [*words, *MOMENTS]] == [True] * 3 + [False] * 3
    assert [is_moment(word) for word in [*words, *MOMENTS]] == [False] * 3 + [True] * 3


def test_a_zoned_day_of_an_event_is_the_day_that_it_shows():
    """London's 1 April 2014 was 31 March, a year before, as its moment in UTC."""

    def read(*words: str) -> tuple[list[str], list[str]]:
        days = pd.to_datetime(list(words), format="mixed").tz_localize("Europe/London")
        reading = Reading(pd.DataFrame({"day": days}), "events", Faults(DataFault))
        return days_of(reading, "day").astype(str).tolist(), [str(fault) for fault in reading.faults.found]

    assert read("2014-04-01", "2014-12-01") == (["2014-04-01", "2014-12-01"], [])
    days, faults = read("2014-04-01 10:00", "2014-12-01")
    assert days == ["NaT", "2014-12-01"]
    assert faults[0].startswith(
        "events: day: 1 cell that are times of a day, and no date, '2014-04-01 10:00:00+01:00', row 0"
    )


@pytest.mark.parametrize("word", ["01-Mar", "Mar-01", "2024-03-01 00:00:00", "01/03/2024", "1-Sept-24"])
def test_a_date_is_no_unit(word: str, small: SmallDesign):
    """1-3 and MAR1 become dates in a spreadsheet, in some rows or all."""
    small.data["la_code"] = small.data["la_code"].replace("003", word)
    with pytest.raises(DataFault, match=rf"la_code: '{word}', lines 12, .*: a date, as spreadsheets make of codes"):
        small.load()
    small.block["recode"] = {"la_code": {word: "003"}}
    assert small.load().n_units == 8


def test_numbers_that_a_spreadsheet_shortened_are_refused(small: SmallDesign):
    """3.8E+04 was read as 38,000 people; R's 1e+05 is all that there is."""
    table = counted()
    said = refused(small, table.assign(children=[f"{value:.1E}" for value in table["children"]]))
    assert 'children: 126 cells like "' in said
    assert "shortened by a spreadsheet; format the column as a plain number (0)" in said
    small.cell("001", 2011, "children", "1e+05")
    assert loaded(small, table.assign(children="1e+05")).frame["exposure"].eq(1e5).all()


# -- wide tables ----------------------------------------------------------------------------------------------------


def test_a_year_that_one_variable_lacks_is_named(small: SmallDesign):
    wide = small.data.pivot(index="la_code", columns="year", values=["entries", "children"])
    wide.columns = [f"{name}_{year}" for name, year in wide.columns]
    starts = small.data.groupby("la_code")["first_year"].first()
    small.data = wide.assign(first_year=starts).reset_index().drop(columns=["entries_2013", "children_2011"])
    small.block["wide"] = {"columns": ["entries_20*", "children_20*"], "into": "year"}
    with pytest.raises(DataFault) as fault:
        small.load()
    said = str(fault.value)
    assert "\"entries_20*\": no column 'entries_2013', of a period that others have; add it, empty" in said
    assert "\"children_20*\": no column 'children_2011', of" in said
    assert "no unit" not in said


# -- units ----------------------------------------------------------------------------------------------------------


def test_a_footnotes_number_on_a_name_makes_no_second_unit(small: SmallDesign):
    names = {"001": "Kent", "002": "Area1", "003": "Area2"}
    small.data["la_code"] = small.data["la_code"].replace(names)
    assert small.load().n_units == 8
    small.data.loc[(small.data["la_code"] == "Kent") & (small.data["year"] > 2013), "la_code"] = "Kent1"
    with pytest.raises(DataFault, match=r"'Kent' and 'Kent1' are probably one unit written two ways.*'Kent1': 'Kent'"):
        small.load()
    assert alike(["A", "A1", "Kent", "Bristol, City of3", "Bristol, City of", "Area1", "Area2"]) == [[3, 4]]


def with_sum(table: pd.DataFrame, units: list[str], code: str = "R001") -> pd.DataFrame:
    own = table[table["la_code"].isin(units)].groupby("year", as_index=False)[["entries", "children"]].sum()
    return pd.concat([table, own.assign(la_code=code, name=code, first_year="")], ignore_index=True)


@pytest.mark.parametrize(
    ("units", "code"),
    [
        (["E03", "E04", "E05", "E06", "E07", "E08", "E09", "E10", "E11"], "E99"),  # side by side, however many
        (["E00", "E07", "E09", "E15"], "R001"),  # a few of any, for a code of a rare form
        (["E01", "E08", "E16"], "E99"),  # and for the largest
    ],
)
def test_a_subtotal_is_told_with_the_units_that_it_sums(units: list[str], code: str, small: SmallDesign):
    panel = loaded(small, with_sum(counted(), units, code))
    (row,) = [row for row in panel.flow if row.step == "subtotals"]
    assert row.names.startswith(f"{code} (the sum of {', '.join(units[:8])}")
    assert row.reason.startswith("entries and children: in every period those of other units")
    assert any(text.startswith("Some units look like others") and code in text for text in panel.caveats)
    small.block["exclude"] = [{"units": [code], "why": "a subtotal"}]
    panel = small.load()
    assert not notes(panel, "subtotals")
    assert not any("look like others" in text for text in panel.caveats)


def test_units_of_one_category_are_found_wherever_they_stand(small: SmallDesign):
    table = counted().assign(region=lambda d: np.where(d["la_code"].str[-1].isin(list("13579")), "Odd", "Even"))
    odd = sorted(set(table.loc[table["region"] == "Odd", "la_code"]))
    small.block["covariates"] = ["region"]
    panel = loaded(small, with_sum(table, odd, "E99").assign(region=lambda d: d["region"].fillna("None")))
    assert [row.step for row in panel.flow if row.step == "subtotals"] == ["subtotals"]


def test_one_period_or_one_column_that_adds_up_is_no_subtotal(small: SmallDesign):
    table = with_sum(counted(), ["E00", "E07", "E09", "E15"])
    table.loc[(table["la_code"] == "R001") & (table["year"] == 2013), "entries"] += 1
    assert not notes(loaded(small, table), "subtotals")
    assert not notes(loaded(small, counted()), "subtotals")


def test_a_unit_under_two_codes_is_told(small: SmallDesign):
    panel = loaded(small, with_sum(counted(), ["E07"], "E77"))
    (row,) = [row for row in panel.flow if row.step == "subtotals"]
    assert row.names == "E77 (the same as E07)"
    assert any("E77 (the same as E07)" in text for text in panel.caveats)


@pytest.mark.parametrize("factor", [10, 100, 0.1])
def test_an_exposure_that_leaps_in_a_steady_table_is_asked_about(factor: float, small: SmallDesign):
    table = counted().astype({"children": float})
    assert not notes(loaded(small, table), "exposure as written")
    table.loc[5, "children"] *= factor
    asked = "3 times as much as in the unit's other rows or more, or as little, line 7: is it the same population?"
    told = [(1, f"children: {asked}")]
    assert notes(loaded(small, table.assign(entries=table["entries"] // 20)), "exposure as written") == told


def test_sums_by_hand():
    """4 = 1 + 3 and 9 = 4 + 5 in both columns; the last row would take a row twice."""
    rows = np.array([[1.0, 2], [3, 5], [4, 7], [5, 1], [9, 8], [2, 4]])
    every, none = np.ones(6, bool), np.zeros(6, bool)
    assert subset_sums(rows, [np.arange(6)], every, none) == {2: (0, 1), 4: (2, 3)}
    assert subset_sums(rows, [np.array([0, 2, 1, 5, 3, 4])], every, none) == {}
    assert subset_sums(rows[:5], [], np.arange(5) == 2, every[:5]) == {2: (0, 1)}


def test_check_tells_of_a_subtotal_and_a_profile_refuses_it(tmp_path, monkeypatch):
    """Told of, the sum would be one more equation on the counts of its parts."""
    with_sum(counted(), ["E03", "E04", "E05"]).to_csv(tmp_path / "panel.csv", index=False)
    (tmp_path / "d.yaml").write_text(DESIGN)
    assert "\nR001 (the sum of E03, E04, E05): entries and children: in every" in check_design(tmp_path / "d.yaml").text
    (tmp_path / "d.yaml").write_text(DESIGN + "disclosure: {profile: dfe}\n")
    with pytest.raises(DataFault, match=r"panel\.csv: … \(the sum of …\): entries and .*; under a disclosure"):
        check_design(tmp_path / "d.yaml")
