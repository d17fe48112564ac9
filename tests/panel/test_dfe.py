"""Published tables to a panel: layouts, labels, symbols and releases by hand; the shipped panel made again."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import DataFault
from sos_eval.estimators import PoissonDiD
from sos_eval.jobs.dfe import write_dfe
from sos_eval.panel.england.published import panel_file
from tests.conftest import ROOT, shared
from tests.panel.rebuild import UNEXPLAINED, comparison, text

WIDE = "New_geog_code,geog_l,geog_c,geog_n"
NATION = "E92000001,NATIONAL,999,ENGLAND"
TIDY = "time_period,time_identifier,geographic_level,country_code,country_name,region_code,region_name"
STARTS, STOCK = "Children starting to be looked after each year", "Children looked after on 31 March each year"


def underlying(columns: str, nation: str, camden: str, bristol: str) -> str:
    """Return a wide file of the nation and two authorities."""
    rows = [(NATION, nation), ("E09000007,LA,202,Camden", camden), ('E06000023,LA,801,"Bristol, City of"', bristol)]
    return "\n".join([f"{WIDE},{columns}", *(f"{place},{cells}" for place, cells in rows)]) + "\n"


def care(*rows: str) -> str:
    """Return an explore education statistics file: year, level, number, population_type, children, count, rate."""
    further = "population_type,population_estimate,children_count,rate_per_10000"
    made = [f"\ufeff{TIDY},old_la_code,la_name,new_la_code,{further}"]
    for row in rows:
        year, level, number, kind, *cells = row.split(";")
        place = f"{number},Camden,E09000007" if number else ",,"
        area = f"{year},Reporting year,{level},E92000001,England,E13000001,Inner London,{place}"
        made.append(",".join([area, kind, *cells]))
    return "\n".join(made) + "\n"


def built(folder: Path, as_of: int | None = None, **files: str | bytes):
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    for name, content in files.items():
        (raw / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    facts = write_dfe([raw], folder / "P.csv", as_of=as_of, force=True)
    return text(folder / "P.csv").set_index(["la_code", "year"]), facts


def test_a_wide_file_by_hand(tmp_path):
    """The nation is left out, a symbol keeps its flag, a hyphen and a trailing blank in names are read over."""
    columns = "CLA_started2013,CLA_taken2013,SCLA_U1 ,"
    panel, _ = built(tmp_path, SFR36_ADM2013=underlying(columns, "250,x,40,", "142,x,20,", "x,7,c,"))
    names = ["care_entries", "care_entries_flag", "taken_into_care", "taken_into_care_flag"]
    assert panel.loc[("202", "2013"), names].tolist() == ["142", "", "", "x"]
    assert panel.loc[("801", "2013"), names].tolist() == ["", "x", "7", ""]
    assert panel["care_entries_age_under1_flag"].tolist() == ["", "c"]
    assert panel["la_name"].tolist() == ["Camden", "Bristol, City of"]
    assert panel["counts_vintage"].tolist() == ["DfE ULD 2013"] * 2
    listing = text(tmp_path / "P.files.csv").iloc[0]
    assert listing[["authority_rows", "regional_and_national_rows_left_out"]].tolist() == ["2", "1"]


def test_a_label_that_was_not_changed_is_taken_for_the_file_s_year(tmp_path):
    panel, facts = built(tmp_path, SFR34_ADM2015=underlying("CLA_started2014", "30", "10", "20"))
    assert panel.index.tolist() == [("202", "2015"), ("801", "2015")]
    assert facts["relabelled"] == {"SFR34_ADM2015.csv": [2014, 2015]}


def test_five_years_in_one_file_and_the_last_release_wins(tmp_path):
    old = underlying("CLA_started2017", "30", "10", "20")
    new = underlying("CLA_started2017,CLA_started2018,SCLA_male", "30,40,9", "11,12,7", "c,22,8")
    panel, _ = built(tmp_path, SFR50_ADM2017=old, ADM2018_amended=new)
    assert panel.loc[("202", "2017"), ["care_entries", "counts_vintage"]].tolist() == ["11", "DfE ULD 2018"]
    assert panel.loc[("202", "2018"), ["care_entries", "care_entries_male"]].tolist() == ["12", "7"]
    cell = ("801", "2017")  # suppressed in the later release: the earlier number is not put in its place
    assert panel.loc[cell, ["care_entries", "care_entries_flag"]].tolist() == ["", "c"]
    said = text(tmp_path / "P.vintages.csv").query("la_code == '801' and year == '2017'")
    assert dict(zip(said["vintage"], said["written"], strict=True)) == {"DfE ULD 2017": "20", "DfE ULD 2018": "c"}
    panel, _ = built(tmp_path, as_of=2017)
    assert panel.loc[cell, ["care_entries", "counts_vintage"]].tolist() == ["20", "DfE ULD 2017"]


@pytest.mark.parametrize(("release", "years"), [(2018, ["2017", "2018"]), (2019, ["2018", "2019"])])
def test_a_population_column_means_another_year_in_each_release(tmp_path, release, years):
    """CLA_Pop2018 stands beside the year to March 2018 in the file of 2018, and is mid-2018 in that of 2019."""
    first = release - 1
    columns = f"CLA_Mar{first},CLA_Mar{release},CLA_Pop2017,CLA_Pop2018"
    panel, _ = built(tmp_path, **{f"CLA{release}": underlying(columns, "3,4,9,9", "30,40,900,910", "31,41,901,911")})
    used = panel["children_0_17_as_used_by_dfe"].xs("202")
    assert used.to_dict() == dict(zip(years, ["900", "910"], strict=True))


def test_a_tidy_file_by_hand(tmp_path):
    """By name and with a byte-order mark; regions and the nation left out; what does not apply is no row."""
    content = care(
        f"2024;National;;{STARTS};900;50;5", f"2024;Regional;;{STARTS};900;50;5",
        f"2024;Local authority;202;{STARTS};900;12;133",
        f"2024;Local authority;202;{STOCK};900;c;c", f"2023;Local authority;202;{STARTS};z;z;z",
    )  # fmt: skip
    panel, facts = built(tmp_path, cla=content)
    assert panel.index.tolist() == [("202", "2024")]
    row = panel.iloc[0]
    names = ["care_entries", "care_entry_rate_published", "children_0_17_as_used_by_dfe"]
    assert row[names].tolist() == ["12", "133", "900"]
    assert row[["looked_after_31march", "looked_after_31march_flag"]].tolist() == ["", "c"]
    assert row[["region", "counts_vintage"]].tolist() == ["Inner London", "EES CLA 2023-24"]
    assert facts["not_there"] == ["202 2023"]


def test_a_mid_year_estimate_belongs_to_the_year_after(tmp_path):
    place = "Reporting year,Local authority,E92000001,England,E12000007,London,202,E09000007,Camden"
    head = f"{TIDY},old_la_code,new_la_code,la_name,age_group,population_estimate"
    people = f"{head}\n2012,{place},Children aged 0 to 17 years,39314\n"
    panel, _ = built(tmp_path, ons=people, ADM2013=underlying("CLA_started2013", "30", "145", "20"))
    assert panel.loc[("202", "2013"), ["children_0_17", "care_entries"]].tolist() == ["39314", "145"]
    assert panel.loc[("202", "2013"), "children_0_17_source"] == "ONS MYE to mid-2012"


def test_latin_1_is_read_and_a_file_given_twice_counts_once(tmp_path):
    content = underlying("CLA_started2013", "30", "145", "20").replace("Camden", "Camdén").encode("latin-1")
    panel, facts = built(tmp_path, ADM2013=content, copy_ADM2013=content)
    assert panel.loc[("202", "2013"), ["la_name", "care_entries"]].tolist() == ["Camdén", "145"]
    assert facts["read"] == 2


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"ADM": underlying("CLA_started2013", "30", "many", "20")}, r"'many' in line 3: no number and no symbol"),
        ({"ADM": underlying("CLA_started2013", "30", "-3", "20")}, "a negative count in line 3"),
        ({"CEA": underlying("CLA_cease", "30", "3", "20")}, "which year it is of is not known"),
        ({"ADM2012": underlying("CLA_started2013,CLA_started2014", "3,3", "3,3", "3,3")},
         "is of 2012 by its name, and ends in 2014"),
        ({"ADM2013": underlying("CLA_started2013,SCLA_U1,SCLA_U1", "3,3,3", "3,3,3", "3,3,3")}, "names SCLA_U1 twice"),
        ({"ADM2013": underlying("CLA_started2013", "30", "3,4", "20")}, "line 3: another number of cells"),
        ({"ADM2013": underlying("CLA_started2013", "30", "3", "20").replace(",LA,", ",WARD,")}, "geog_l: ward"),
        ({name: underlying("CLA_started2013", "30", count, "20") for name, count in (("ADM2013", "3"), ("b2013", "4"))},
         "two files of one release differ in 2 cells"),
        ({"notes": "a,b\n1,2\n"}, "holds no published table that is known"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(tmp_path, files, words):
    with pytest.raises(DataFault, match=words):
        built(tmp_path, **files)


def test_measures_that_a_file_of_its_release_lacks_are_said(tmp_path, capsys):
    """Boys were lost in silence where a column was renamed; no file as it was published is told to lack any."""
    columns = "CLA_started2019,Started_CLA_Rate2019,CLA_taken2019,SCLA_female"
    _, facts = built(tmp_path, ADM2019=underlying(columns, "30,1,1,1", "10,1,1,1", "20,1,1,1"))
    gone = facts["lacking"]["ADM2019.csv"]
    assert {"care_entries_male (SCLA_male)", "care_entries_age_under1 (SCLA_U1)"} < set(gone)
    assert not {"care_entries_female (SCLA_female)", "taken_into_care (CLA_taken{year})"} & set(gone)
    assert "care_entries_male (SCLA_male)" in text(tmp_path / "P.files.csv")["lacks"].iloc[0]
    words = ["panel", "dfe", str(tmp_path / "raw"), "--out", str(tmp_path / "P.csv"), "--force"]
    assert answered(cli, words, Screen()) == 0
    assert "ADM2019.csv, without its care_entries_age_under1 (SCLA_U1)" in capsys.readouterr().out


@pytest.mark.parametrize(("old", "new", "words"), [
    ("children_count", "children_n", "of the kind care, and holds no care_entries.*: children_count or number"),
    ("Children starting", "Child starting", "is a table of the kind care, and holds no care_entries"),
])  # fmt: skip
def test_a_file_without_the_counts_of_its_kind_is_refused(tmp_path, old, new, words):
    content = care(f"2024;Local authority;202;{STARTS};900;12;133").replace(old, new)
    beside = underlying("CLA_started2019", "30", "10", "20")
    with pytest.raises(DataFault, match=words):
        built(tmp_path, cla=content, ADM2019=beside)


def test_a_file_that_is_named_and_known_as_nothing_is_a_fault(tmp_path):
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataFault, match="is no published table that is known: a, b"):
        write_dfe([tmp_path / "notes.csv", tmp_path / "nothing.csv"], tmp_path / "P.csv")


def test_the_shipped_panel_is_made_again_from_the_published_files():
    """Every cell equal, or explained by the release or source it was taken from."""
    table = comparison(shared("data", "raw")).set_index("measure")
    print(table.to_string())
    assert len(table) == 24
    assert table[UNEXPLAINED].sum() == 0
    assert table.loc["care_entries"].tolist() == [2041, 150, 69, 0, 0, 0, 0]
    assert table.loc["children_0_17"].tolist() == [1942, 0, 0, 292, 18, 0, 0]
    assert table["equal"].min() > 250


def ratio(path: Path, last: int) -> float:
    """Return the pilots' rate ratio, years to March 2013 to `last` without 2015, of authorities there throughout."""
    starts = set(text(ROOT / "designs" / "sos_pilots_register.csv")["unit"])
    table = pd.read_csv(path, dtype={"la_code": str})[["la_code", "year", "care_entries", "children_0_17"]].dropna()
    table = table[table["year"].between(2013, last) & (table["year"] != 2015)]
    held = table.groupby("la_code")["year"].transform("nunique")
    table = table[held == held.max()].assign(
        first=lambda d: d["la_code"].isin(starts) * 2015.0, period=lambda d: d["year"] - (d["year"] > 2015)
    )
    names = {"unit": "la_code", "time": "period", "outcome": "care_entries", "exposure": "children_0_17"}
    effects = PoissonDiD().fit(table, **names, per=10_000, first_treated="first")
    return float(effects.loc[effects["scale"] == "ratio", "estimate"].iloc[0])


def test_an_estimate_is_the_same_on_the_panel_made_of_raw_files_but_for_revisions(tmp_path):
    """To March 2017 no count was revised between the releases, so that the estimate is the same; to 2019 it drifts."""
    write_dfe([shared("data", "raw")], tmp_path / "P.csv")
    both = {
        last: [ratio(path, last) for path in (panel_file("as_published"), tmp_path / "P.csv")] for last in (2017, 2019)
    }
    assert both[2017][0] == pytest.approx(both[2017][1], rel=1e-12)
    assert both[2019] == pytest.approx([0.944340, 0.945240], abs=1e-6)


def test_authorities_add_up_to_the_published_national_totals(tmp_path):
    """To the nation's rounding to tens, and what is suppressed: the City of London's few."""
    raw = shared("data", "raw")
    assert write_dfe([raw], tmp_path / "P.csv")["lacking"] == {}
    sums = pd.read_csv(tmp_path / "P.csv").groupby("year")[["care_entries", "care_exits", "looked_after_31march"]].sum()
    published = {}
    with (raw / "cla_number_and_rate_per_10k_children.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["geographic_level"] == "National":
                published[int(row["time_period"]), row["population_type"].split()[1]] = int(row["children_count"])
    assert len(published) == 15
    for name, word in zip(sums, ("starting", "ceasing", "looked"), strict=True):
        for year in range(2021, 2026):
            assert abs(sums.loc[year, name] - published[year, word]) <= 10, (name, year)


def test_numbers_that_a_spreadsheet_shortened_are_refused(tmp_path):
    with pytest.raises(DataFault, match=r"care\.csv: numbers in line 2 that a spreadsheet shortened, as 3.8E\+04"):
        built(tmp_path, care=care(f"2023;Local authority;202;{STARTS};50000;3.4E+02;28"))


def test_a_number_beside_another_authoritys_code_is_refused(tmp_path):
    """A table with the code alone, such as deprivation, would be joined to the wrong authority."""
    wrong = care(f"2023;Local authority;202;{STARTS};50000;142;28").replace("E09000007", "E09000012")
    with pytest.raises(DataFault, match="old_la_code and new_la_code are of two authorities in line 2; take the file"):
        built(tmp_path, care=wrong)
    new = care(f"2023;Local authority;202;{STARTS};50000;142;28").replace("E09000007", "E09999999")
    panel, _ = built(tmp_path, care=new)  # a code that is not known yet is as it is written
    assert panel.loc[("202", "2023"), "gss_code"] == "E09999999"
