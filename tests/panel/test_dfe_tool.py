"""The interactive tool's long file, averages of deprivation and Ofsted's judgements, by hand and as published."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from sos_eval.errors import DataFault
from sos_eval.jobs.dfe import write_dfe
from sos_eval.limits import raised
from sos_eval.panel.england.published import panel_file
from tests.conftest import shared
from tests.panel.rebuild import text
from tests.panel.test_dfe import underlying

JUDGED = (
    "Local authority area code,Local authority name,Inspection date,Publication date,Overall effectiveness,"
    "The experiences and progress of care leavers"
)


def tool(*rows: str) -> str:
    """Return a long file: measure, number, area, period, value; Camden unless another area is named."""
    cells = [row.split(";") for row in rows]
    lines = [
        f"{m},{code},{'England' if code == '970' else 'Camden'},Inner London,{when},{v}" for m, code, when, v in cells
    ]
    return "\n".join(["measure,la_number,area,region,period,value", *lines]) + "\n"


def inspections(*rows: str) -> str:
    return "\n".join([JUDGED, *rows]) + "\n"


def built(folder: Path, as_of: int | None = None, **files: str):
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    for name, content in files.items():
        packed = name.endswith("_gz")
        path = raw / f"{name.removesuffix('_gz')}.csv{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    facts = write_dfe([raw], folder / "P.csv", as_of=as_of, force=True)
    return text(folder / "P.csv").set_index(["la_code", "year"]), facts


def test_the_tool_s_periods_symbols_and_what_is_not_read(tmp_path):
    """A financial year is the year it ends in; a census of September belongs to the year to March after it."""
    panel, facts = built(tmp_path, lait_gz=tool(
        "LACnum_Start;202;2016;102", "LACnum_Start;970;2016;32165", "LACnum_Start;202;2017 (prov);103",
        "LACnum;202;2016;-", "LACnum_Start;202;2014-16;100", "TotalLACFinance;202;2016-17 (OT);-1500",
        "Work_Force_Vac_Rate;202;2016;16.100000000000001", "Work_Force_Vac_Rate;202;2017;15", "SWFinance;202;2016;20",
    ))  # fmt: skip
    assert panel.index.tolist() == [("202", "2016"), ("202", "2017")]
    assert panel["care_entries"].tolist() == ["102", "103"]
    assert panel["care_entries_flag"].tolist() == ["", "prov"]
    assert panel[["looked_after_31march", "looked_after_31march_flag"]].iloc[0].tolist() == ["", "-"]
    assert panel["spend_looked_after"].tolist() == ["", "-1500"]
    assert panel["social_workers_vacancy_percent"].tolist() == ["", "16.1"]
    assert panel[["gss_code", "la_name", "region"]].iloc[0].tolist() == ["E09000007", "Camden", "Inner London"]
    assert panel["counts_vintage"].tolist() == ["LAIT to 2017"] * 2
    assert facts["not_read"] == {"lait.csv.gz": ["SWFinance", "LACnum_Start 2014-16 (of several years)"]}
    assert facts["not_there"] == ["202 2018"]
    listing = text(tmp_path / "P.files.csv").iloc[0]
    assert listing[["authority_rows", "regional_and_national_rows_left_out"]].tolist() == ["6", "1"]


def test_the_tool_counts_after_older_releases_and_before_one_of_its_own_year(tmp_path):
    old = underlying("CLA_started2016,SCLA_male", "30,9", "11,7", "20,8")
    panel, _ = built(tmp_path, ADM2016=old, lait=tool("LACnum_Start;202;2016;12", "LACnum_Start;202;2017;13"))
    assert panel.loc[("202", "2016"), ["care_entries", "care_entries_male"]].tolist() == ["12", "7"]
    panel, _ = built(tmp_path, ADM2017=underlying("CLA_started2017", "30", "14", "20"))
    assert panel.loc[("202", "2017"), ["care_entries", "counts_vintage"]].tolist() == ["14", "DfE ULD 2017"]


def test_averages_stand_in_every_year_of_the_authority_that_they_are_of(tmp_path):
    """By the ONS's code of the release; a number for the old county is none for the two that it was split into."""
    averages = "utla19cd,idaci_2019_avg_score,imd_2019_avg_score\nE10000021,0.2,20.5\nE09000007,0.19,19\n"
    counts = tool("LACnum;202;2017;200", "LACnum;202;2018;210", "LACnum;928;2021;900", "LACnum;940;2022;500")
    panel, _ = built(tmp_path, lait=counts, imd=averages)
    assert panel["idaci_2019"].to_dict() == {
        ("202", "2017"): "0.19", ("202", "2018"): "0.19", ("928", "2021"): "0.2", ("940", "2022"): ""
    }  # fmt: skip
    assert panel.loc[("928", "2021"), "imd_2019"] == "20.5"


def test_the_judgement_in_force_on_31_march_is_carried_forward_never_back(tmp_path):
    """Camden: good from 31 March 2019 itself, inadequate from the report of April 2020 on; care leavers once."""
    panel, _ = built(
        tmp_path,
        lait=tool(*(f"LACnum;202;{year};{year}" for year in range(2018, 2023))),
        ofsted=inspections(
            "E09000007,Camden,2020-02-01,2020-04-01,Inadequate,",
            "E09000007,Camden,2019-02-01,31/03/2019,Good,Outstanding",
            "E09000001,City of London,2021-02-01,2021-04-01,Outstanding,",
        ),
    )  # fmt: skip
    assert panel["ofsted_overall"].tolist() == ["", "2", "2", "4", ""]  # nothing of 2022: the last report is of 2021
    assert panel["ofsted_overall_words"].tolist() == ["", "Good", "Good", "Inadequate", ""]
    assert panel["ofsted_care_leavers"].tolist() == ["", "1", "1", "1", ""]
    assert panel["ofsted_vintage"].tolist()[1:3] == ["Ofsted 2019-03-31"] * 2
    said = text(tmp_path / "P.vintages.csv").query("measure == 'ofsted_overall' and la_code == '202'")
    assert said[["year", "written", "line"]].to_numpy().tolist() == [
        ["2019", "Good", "3"], ["2020", "Good", "3"], ["2021", "Inadequate", "2"]
    ]  # fmt: skip
    panel, _ = built(tmp_path, ofsted=inspections("E10000009,Dorset,2018-02-01,2018-03-20,Good,", *(
        f"E09000007,Camden,2022-02-0{day},2022-05-0{day},Good," for day in (1, 2))))  # fmt: skip
    assert panel.loc["202", "ofsted_overall"].tolist() == [""] * 5


def test_an_authority_that_is_no_more_has_no_judgement_after_its_last_year(tmp_path):
    panel, _ = built(tmp_path, ofsted=inspections(
        "E10000009,Dorset,2018-02-01,2018-03-20,Good,", "E09000007,Camden,2021-02-01,2021-04-01,Good,"
    ))  # fmt: skip
    assert panel.index.tolist() == [("835", "2018"), ("835", "2019")]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"lait": tool("LACnum;202;2016;many")}, "'many' in line 2: no number and no symbol"),
        ({"lait": tool("LACnum;202;2016;3", "LACnum;202;16/17;3")}, "'16/17' in line 3: no period of the tool"),
        ({"lait": tool("LACnum;202;2016;3", "LACnum;202;2017 (prov);some")}, "'some' in line 3: no number"),
        ({"lait": tool("LACnum;202;2016;-3")}, "a negative count in line 2"),
        ({"lait": tool("LACnum;202;2016;3", "LACnum;202;2016;4")}, "two files of one release differ in 2 cells"),
        ({"lait": tool("LACnum;2.02E+02;2016;3")}, "la_number is no number of three digits in line 2"),
        ({"lait": tool("LACnum;;2016;3")}, "la_number is no number of three digits in line 2"),
        ({"lait": tool("LACnum;202;2016;3.5")}, "a count that is not whole in line 2"),
        ({"lait": tool(f"LACnum;202;2016;{'9' * 400}")}, "'9{40}' in line 2: no number"),
        ({"ADM2013": underlying("CLA_started2013", "30", "3", "20").replace(",202,", ",202.0,")}, "geog_c is no"),
        ({"imd": "utla19cd,idaci_2099_avg_score\nE09000007,0.2\n"}, "no table has a number of a measure that is known"),
        ({"ofsted": inspections("E09000007,Camden,2019-02-01,2019-04-01,Good,")}, "in a year that is over"),
        ({"ofsted": inspections("E09000007,Camden,2019-02-01,2019-04-01,Good,",
                                "E09000001,City,2019-02-01,2091-04-01,Good,")}, "more than five years after the one"),
        ({"lait": tool("SWFinance;202;2016;3")}, "has no measure that is read: SWFinance"),
        ({"lait": tool("LACnum;970;2016;3")}, "has no row of an authority"),
        ({"imd2019": "utla19cd,idaci_2019_avg_score\nE99,0.2\n"}, "'E99' in line 2: no upper-tier authority's code"),
        ({"ofsted": inspections("E99,X,2019-02-01,2019-04-01,Good,")}, "'E99' in line 2: no upper-tier"),
        ({"ofsted": inspections("E09000007,Camden,2019-02-01,1/4/19,Good,")}, "Publication date is no day in line 2"),
        ({"ofsted": inspections("E09000007,Camden,2019-05-01,2019-04-01,Good,")}, "before the inspection in line 2"),
        ({"ofsted": inspections("E09000007,Camden,2019-02-01,2019-04-01,Fine,")}, "Overall effectiveness: 'Fine'"),
        ({"ofsted": inspections(*(f"E09000007,Camden,2019-02-01,2019-04-01,{word}," for word in ("Good", "")))},
         "two reports of one authority and day in lines 2, 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_line(tmp_path, files, words):
    with pytest.raises(DataFault, match=words):
        built(tmp_path, **files)


def test_every_fault_of_every_file_is_said_at_once(tmp_path):
    odd = inspections("E09000007,Camden,2019-02-01,1/4/19,Fine,")
    with pytest.raises(DataFault) as caught:
        built(tmp_path, ofsted=odd, lait=tool("LACnum;202;2016;many"), imd2019="utla19cd,idaci_2019_avg_score\nE9,1\n")
    said = str(caught.value)
    assert len(caught.value.faults) == 4, said
    assert all(word in said for word in ("no day", "'Fine'", "'many'", "'E9'"))


def test_a_packed_file_that_is_damaged_or_too_large_is_refused(tmp_path):
    packed = gzip.compress(tool("LACnum;202;2016;3").encode() * 1000)
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-20])
    (tmp_path / "whole.csv.gz").write_bytes(packed)
    with pytest.raises(DataFault, match=r"cut\.csv\.gz: is no csv"):
        write_dfe([tmp_path / "cut.csv.gz"], tmp_path / "P.csv")
    assert len(packed) < 20_000
    with raised(size=20_000), pytest.raises(DataFault, match=r"unpacks to more than 20,000 bytes; .*limit-bytes"):
        write_dfe([tmp_path / "whole.csv.gz"], tmp_path / "P.csv")


@pytest.fixture(scope="module")
def with_all_files(tmp_path_factory):
    """Return the panel made of every published file, and the one that ships, by authority and year."""
    folder = tmp_path_factory.mktemp("all")
    data = shared("data")
    given = [data / name for name in ("raw", "lait_children_social_care_subset.csv.gz", "imd2015_utla.csv",
                                      "imd2019_utla.csv", "ofsted_ilacs_history_2018_2025.csv")]  # fmt: skip
    write_dfe(given, folder / "P.csv")
    keys = ["la_code", "year"]
    cells = text(folder / "P.vintages.csv")
    return text(folder / "P.csv").set_index(keys), text(panel_file("as_published")).set_index(keys), cells


def test_with_the_tool_s_file_every_count_of_the_shipped_panel_is_made_again(with_all_files):
    """All 2,265 rows: what the rebuild without the tool explains by its later counts is equal with them."""
    ours, shipped, _ = with_all_files
    assert len(shipped) == 2265
    ours = ours.reindex(shipped.index)
    for name in ("care_entries", "care_exits", "looked_after_31march", "uasc_31march", "uasc_percent_of_entries"):
        assert pd.to_numeric(ours[name]).equals(pd.to_numeric(shipped[name])), name
    for name, was in {"idaci_2019": "idaci", "idaci_2015": "idaci_2015", "imd_2019": "imd"}.items():
        assert pd.to_numeric(ours[name]).equals(pd.to_numeric(shipped[was])), name
    assert (ours["gss_code"] == shipped["gss_code"]).all()
    assert (ours["region"] == shipped["region"]).all()


def test_the_tool_s_file_beside_the_releases_that_it_was_put_together_from(with_all_files):
    """Equal to the last release of each cell, or that is of 2018 or 2019 and was revised after it."""
    _, _, cells = with_all_files
    cells = cells.assign(number=pd.to_numeric(cells["written"], errors="coerce")).dropna(subset="number")
    told = cells["vintage"].str.startswith("LAIT")
    keys = ["measure", "la_code", "year"]
    theirs = (
        cells[~told]
        .sort_values("vintage", kind="stable")
        .drop_duplicates(keys, keep="last")
        .set_index(keys)[["number", "vintage"]]
    )
    both = cells[told].set_index(keys)[["number"]].rename(columns={"number": "tool"}).join(theirs, how="inner")
    both["equal"] = both["tool"].round(6) == both["number"].round(6)
    table = both.groupby("measure")["equal"].agg(["size", "sum"])
    print(table.to_string())
    assert table.loc["referrals"].tolist() == [1515, 1515]
    assert table.loc["rereferral_percent"].tolist() == [1503, 1503]
    assert table.loc["cpp_starts_subsequent_percent"].tolist() == [1488, 1488]
    assert table.loc["care_entries"].tolist() == [1364, 1295]
    assert table.loc["care_exits"].tolist() == [1363, 1259]
    assert table.loc["looked_after_31march"].tolist() == [1363, 1243]
    assert set(both.loc[~both["equal"], "vintage"]) == {"DfE ULD 2019"}


def test_judgements_of_march_2025_are_those_that_the_history_ends_with(with_all_files):
    """Barking by hand: nothing before April 2019, requires improvement from the year to March 2020 on; all: 153."""
    ours, _, _ = with_all_files
    barking = ours.loc["301", "ofsted_overall"]
    assert barking.loc["2019"] == ""
    assert barking.loc["2020":"2025"].tolist() == ["3"] * 6
    assert ours.loc[("390", "2019"), "ofsted_overall"] == ""  # Gateshead, under its new code, from June 2019
    assert ours.loc[("390", "2020"), "ofsted_overall_words"] == "Good"
    last = ours.xs("2025", level="year")["ofsted_overall"].value_counts().to_dict()
    assert last == {"1": 33, "2": 67, "3": 34, "4": 19}
