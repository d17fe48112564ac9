"""Designs load what they declare: formats, selections, treatments, and the real panel."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.tables import programmes
from sos_eval.declare import build, read_yaml
from sos_eval.errors import DataFault, InputFault
from sos_eval.panel.dates import period_of
from sos_eval.panel.flow import flow_table
from sos_eval.panel.load import load_panel
from sos_eval.panel.spec import PanelSpec
from tests.panel.small import table

PILOTS = """\
unit,first_treated,embedded,stopped,prior_use,evidence,note
384,2015,,,none,BASW,
926,2015,,,none,BASW,
872,2015,,,none,BASW,
801,2015,,,none,BASW,
935,2015,,,2,BASW,
925,2015,,,2,BASW,
304,2015,,,2,BASW,
938,2015,,,2+,BASW,
855,2015,,,2+,BASW,
211,2015,,,2+,BASW,
"""

REAL = """\
panel:
  source: england
  unit: la_code
  time: year
  year_convention: ends_march
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {adoption: pilots.csv, untreated_means: unknown}
  window: {from: 2011, to: 2019}
  omit_times: {2015: the programme began in autumn 2014}
  exclude:
    - {units: [886], why: unaccompanied children}
    - {units: [306], why: unaccompanied children}
  recode: {region: {Inner London: London, Outer London: London}}
"""


@pytest.fixture
def pilots(tmp_path):
    (tmp_path / "pilots.csv").write_text(PILOTS)
    (tmp_path / "design.yaml").write_text(REAL)
    document = read_yaml(tmp_path / "design.yaml")
    spec = build(PanelSpec, document.data["panel"], document, ("panel",))
    return load_panel(spec, document, base=tmp_path, also=["region"])


def test_the_pilot_design_loads_the_real_panel(pilots):
    # 148 units less Kent and Croydon; nine years less 2015
    assert (pilots.n_units, pilots.n_times, pilots.n_rows) == (146, 8, 1168)
    assert pilots.cohorts.tolist() == [2015]
    assert int(pilots.ever_treated.sum()) == 10
    assert pilots.untreated_means == "unknown"
    # Camden, year ending March 2011: 152 starters of 37,136 children
    assert pilots.matrix()[0, 0] == 152 / 37136 * 10000
    assert "London" in set(pilots.unit_values("region"))
    assert "Inner London" not in set(pilots.unit_values("region"))


def test_the_real_panels_flow_names_what_is_missing_and_adds_up(pilots):
    flow = flow_table(pilots)
    missing = flow[flow["step"] == "missing exposure"].iloc[0]
    assert missing["names"] == "825 (2011, 2012), H_DORSET (2011, 2012, 2013), H_NORTHANTS (2011, 2012)"
    dropped = flow.loc[flow["what"] == "dropped", "rows"].sum()
    assert flow.loc[flow["step"] == "start", "rows"].item() - dropped == pilots.n_rows == flow["rows"].iloc[-1]
    assert flow.loc[flow["step"] == "omit_times", "reason"].item() == "the programme began in autumn 2014"


def test_the_real_panels_caveats_say_prior_use_and_unknown_adoption(pilots):
    said = "\n".join(pilots.caveats)
    assert "before the recorded start is noted for 6 of 10 treated units: 211 (2 years or more)" in said
    assert "any of the 136 untreated units" in said
    assert "6 of the 10 treated units had used it before their recorded start" in pilots.support


def test_caveats_speak_of_the_units_that_are_left(pilots):
    """After a restriction page one must not count authorities that are no longer compared."""
    left = pilots.keep([*pilots.units[pilots.ever_treated][:4], "202", "203"])
    said = "\n".join(left.caveats)
    assert "any of the 2 untreated units" in said
    assert "of 4 treated units" in said


def same_everywhere(panel):
    return panel.frame[["unit", "time", "outcome", "first_treated", "region"]]


def test_every_format_gives_the_same_panel(small):
    """Codes keep their zeros and the same numbers arrive from csv, gz, xlsx, parquet, DuckDB and a DataFrame."""
    import duckdb

    data = table()
    expected = same_everywhere(small.load(also=["region"]))
    assert expected["unit"].iloc[0] == "001"
    data.to_csv(small.folder / "p.csv.gz", index=False)
    data.to_excel(small.folder / "p.xlsx", index=False)
    data.to_parquet(small.folder / "p.parquet")
    with duckdb.connect(str(small.folder / "p.duckdb")) as connection:
        connection.execute("CREATE TABLE panel AS SELECT * FROM data")
    for name in ("p.csv.gz", "p.xlsx", "p.parquet", "p.duckdb"):
        panel = small.load(override=small.folder / name, also=["region"])
        pd.testing.assert_frame_equal(same_everywhere(panel), expected)
    pd.testing.assert_frame_equal(same_everywhere(small.load(override=data, also=["region"])), expected)


def test_byte_order_mark_spaces_and_blank_lines_are_harmless(small):
    text = table().to_csv(index=False)
    small.write("panel.csv", ("\ufeff" + text.replace("la_code", " la_code ") + ",,,,,,,\n\n").encode())
    panel = small.load(write=False)
    assert panel.n_rows == 40
    assert panel.flow[0].step == "blank rows"
    assert panel.flow[0].rows == 2


def test_a_world_is_drawn_by_the_caller(small):
    small.write("world.yaml", "schema: sos-eval/world/1\n").block.update(source="world", path="world.yaml")
    drawn = []
    panel = small.load(world=lambda path: drawn.append(path.name) or table())
    assert drawn == ["world.yaml"]
    assert panel.n_units == 8


def test_adoption_register(small):
    small.write("register.csv", "unit,first_treated,embedded,stopped,prior_use\n001,2013,2014,2015,2\n002,2013,,,\n")
    small.block["treatment"] = {"adoption": "register.csv", "untreated_means": "unknown"}
    panel = small.load()
    assert panel.first_treated[:3].tolist() == [2013, 2013, np.inf]
    assert panel.matrix("treated")[0].tolist() == [0, 0, 1, 1, 0]
    assert panel.matrix("treated")[1].tolist() == [0, 0, 1, 1, 1]
    assert not panel.absorbing
    assert panel.untreated_means == "unknown"
    assert panel.adoption.loc["001", "embedded"] == 2014
    assert any("001 (2 years)" in caveat for caveat in panel.caveats)
    assert any("ended again in 1 of 2 treated units: 001 (2015)" in caveat for caveat in panel.caveats)


def test_a_register_may_hold_dates(small):
    """By ends_march October 2012 falls in 2013; what is embedded in June 2013 is whole from 2015."""
    small.write(
        "register.csv", "unit,first_treated,embedded,stopped\n001,2012-10,2013-06,\n002,2012-10-15,,2014-04-01\n"
    )
    small.block |= {"treatment": {"adoption": "register.csv"}, "year_convention": "ends_march"}
    panel = small.load()
    assert panel.first_treated[:2].tolist() == [2013, 2013]
    assert panel.adoption.loc["001", "embedded"] == 2015
    assert panel.adoption.loc["002", "stopped"] == 2015
    row = next(row for row in panel.flow if row.step == "starts as dates")
    assert row.names == "2012-10 is 2013, 2012-10-15 is 2013"
    assert "ends_march" in row.reason


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("2014-09-01,2014-02-28,", "embedded is before first_treated"),  # both of the year to March 2015
        ("2013-10-01,2013-06-01,", "embedded is before first_treated"),
        ("2013-10-01,,2013-06-01", "stopped is not after first_treated"),
        ("2013-10-01,,2013-10-01", "stopped is not after first_treated"),
        ("2013-10-01,2014-09-01,2014-06-01", "stopped is not after embedded"),
        ("2013-10-01,2017-06-01,2015-01-01", "stopped is not after embedded"),
    ],
)
def test_days_out_of_order_within_a_period_are_refused(small, dates, said):
    small.write("register.csv", f"unit,first_treated,embedded,stopped\n001,{dates}\n002,2013-10-01,2013-10-01,\n")
    small.block |= {"treatment": {"adoption": "register.csv"}, "year_convention": "ends_march"}
    with pytest.raises(InputFault) as refused:
        small.load()
    [fault] = refused.value.faults
    assert said in fault.what
    assert "line 2" in fault.what


@pytest.mark.parametrize(("convention", "start"), [("calendar", 2013), ("ends_march", 2014), ("starts_april", 2013)])
def test_year_conventions_place_a_date(small, convention, start):
    """November 2013 under the three conventions."""
    small.data["first_year"] = small.data["first_year"].map({2013: "2013-11", 2014: "2014", 0: ""})
    small.block["year_convention"] = convention
    assert small.load().first_treated[0] == start


def test_units_may_be_excluded_without_a_reason(small):
    small.block["exclude"] = ["001", "002"]
    assert small.load().n_units == 6


def test_a_stop_after_the_window_does_not_count(small):
    """Treatment that ends in 2015 is absorbing in data that end in 2014."""
    small.write("register.csv", "unit,first_treated,stopped\n001,2013,2015\n")
    small.block |= {"treatment": {"adoption": "register.csv"}, "window": {"to": 2014}}
    assert small.load().absorbing


@pytest.mark.parametrize("key", ["weight", "cluster"])
def test_a_column_that_the_file_lacks_is_one_fault(key, small):
    """Its stand-in is empty in every row, which is no fault of the rows."""
    small.block[key] = "nowhere"
    with pytest.raises(InputFault) as caught:
        small.load()
    assert [fault.what for fault in caught.value.faults if "nowhere" in fault.what] == [
        fault.what for fault in caught.value.faults if 'has no column "nowhere"' in fault.what
    ]
    assert any('has no column "nowhere"' in fault.what for fault in caught.value.faults)


def test_missing_covariates_are_named(small):
    small.cell("004", 2012, "idaci", None).block["covariates"] = ["idaci"]
    row = next(row for row in small.load().flow if row.step == "missing covariate")
    assert (row.units, row.rows, row.names, row.reason) == (1, 1, "004 (2012)", "idaci: empty")


@pytest.mark.parametrize(("transition", "expected"), [("partial", [0, 0, 1 / 3, 2 / 3, 1]), (None, [0, 0, 1, 1, 1])])
def test_transition_counts_as_partial_or_whole(small, transition, expected):
    small.write("register.csv", "unit,first_treated,embedded\n001,2013,2015\n")
    small.block["treatment"] = {"adoption": "register.csv"} | ({"transition": transition} if transition else {})
    assert small.load().matrix("treated")[0].tolist() == expected


def test_transition_can_be_dropped(small):
    small.write("register.csv", "unit,first_treated,embedded\n001,2013,2015\n")
    small.block["treatment"] = {"adoption": "register.csv", "transition": "drop"}
    panel = small.load()
    assert panel.frame.loc[panel.frame["unit"] == "001", "time"].tolist() == [2011, 2012, 2015]
    row = next(row for row in panel.flow if row.step == "transition")
    assert (row.step, row.what, row.rows, row.names) == ("transition", "dropped", 2, "001")


def test_status_gives_starts(small):
    small.block["treatment"] = {"status": "status"}
    panel = small.load()
    assert panel.first_treated.tolist() == [2013, 2013, 2014, 2014, *[np.inf] * 4]
    assert panel.absorbing


def test_status_may_switch_when_declared(small):
    small.cell("001", 2015, "status", 0).block["treatment"] = {"status": "status", "absorbing": False}
    panel = small.load()
    assert panel.matrix("treated")[0].tolist() == [0, 0, 1, 1, 0]
    assert panel.first_treated[0] == 2013
    assert not panel.absorbing


def test_a_start_that_nobody_saw_is_noted(small):
    """Unit 1 has no row in 2012 and is treated in 2013: it may have started in 2012."""
    small.data = small.data[~((small.data["la_code"] == "001") & (small.data["year"] == 2012))]
    small.block["treatment"] = {"status": "status"}
    row = next(row for row in small.load().flow if row.step == "start not seen")
    assert row.names == "001 (2013)"


def test_cross_sections_take_many_rows_of_a_unit(small):
    """Rows are people: units repeat, categories and clusters may differ between people of one authority."""
    small.data = pd.concat([small.data, small.data.assign(entries=99, region="East")], ignore_index=True)
    small.block |= {"layout": "cross_sections", "covariates": ["region"], "outcome": {"value": "entries"}}
    panel = small.load()
    assert (panel.n_rows, panel.n_units, panel.n_influence) == (80, 8, 80)
    assert set(panel.frame["region"]) == {"North", "South", "East"}


def test_dose_is_zero_where_untreated(small):
    small.data["fidelity"] = np.where(small.data["status"] == 1, 0.5, np.nan)
    small.block["treatment"] = {"first_treated": "first_year", "dose": "fidelity"}
    assert small.load().matrix("dose")[0].tolist() == [0, 0, 0.5, 0.5, 0.5]


def test_overlapping_programmes_become_caveats(small):
    small.write(
        "other.csv", "unit,programme,first_treated\n001,No Wrong Door,2014\n008,Family Valued,\n999,Elsewhere,\n"
    )
    small.block["treatment"] = {"first_treated": "first_year", "overlapping": "other.csv"}
    assert small.load().caveats == (
        "Other programmes name 1 of the 4 treated units as taking part: 001 (No Wrong Door, 2014).",
        "Other programmes name 1 of the 4 untreated units as taking part: 008 (Family Valued, start not stated).",
    )


def test_a_list_of_other_programmes_that_names_nobody_here_is_told(small):
    small.write("other.csv", "unit,programme,first_treated\n998,Family Valued,2013\n999,Elsewhere,\n")
    small.block["treatment"] = {"first_treated": "first_year", "overlapping": "other.csv"}
    assert small.load().caveats == (
        "None of the 2 units that the list of other programmes names is in the panel: those are not known.",
    )


def test_overlapping_programmes_stand_in_a_matrix_by_unit_and_period(small):
    """A start is a period or a date of the panel's year; other words say no period."""
    small.write(
        "other.csv",
        "unit,programme,first_treated\n001,No Wrong Door,2014\n"
        "001,Family Valued,not verified\n008,Family Valued,2013-11\n",
    )
    small.block["treatment"] = {"first_treated": "first_year", "overlapping": "other.csv"}
    panel = small.load()
    table = programmes(panel).set_index(["unit", "programme"])
    years = [panel.periods.name(time) for time in panel.times]
    assert table["status"].tolist() == ["treated", "treated", "untreated"]
    assert table.loc[("001", "No Wrong Door"), years].tolist() == [float(int(year) >= 2014) for year in years]
    assert table.loc[("001", "Family Valued"), years].isna().all()
    start = table.loc[("008", "Family Valued"), "first_treated"]
    assert start == period_of("2013-11", panel.periods.convention)
    del small.block["treatment"]["overlapping"]
    assert programmes(small.load()).empty


def test_caveats_call_units_by_their_names(small):
    small.write("other.csv", "unit,programme,first_treated\n001,No Wrong Door,2014\n")
    small.data["name"] = "Authority " + small.data["la_code"]
    small.block |= {"unit_name": "name", "treatment": {"first_treated": "first_year", "overlapping": "other.csv"}}
    assert small.load().caveats == (
        "Other programmes name 1 of the 4 treated units as taking part: Authority 001 (No Wrong Door, 2014).",
    )


def test_several_outcomes(small):
    small.block.pop("outcome")
    small.block["outcomes"] = {
        "entry": {"count": "entries", "exposure": "children", "per": 10000},
        "deprivation": {"value": "entries", "transform": "log", "role": "harm"},
    }
    panel = small.load()
    assert panel.outcome.name == "entry"
    other = panel.select("deprivation")
    assert other.matrix()[0, 0] == np.log(21)
    assert other.outcome.role == "harm"
    assert np.isnan(other.matrix("count")).all()


def test_suppressed_cells_are_missing_when_declared(small):
    small.cell("001", 2011, "entries", "c").cell("002", 2012, "entries", "..").block["suppressed"] = "missing"
    panel = small.load()
    assert np.isnan(panel.matrix()[0, 0])
    row = next(row for row in panel.flow if row.step == "suppressed")
    assert (row.units, row.rows, row.names) == (2, 2, "001 (2011), 002 (2012)")
    assert '"c" confidential: a small number' in row.reason


@pytest.mark.parametrize(("symbol", "meaning"), [
    ("[c]", "confidential: a small number"), ("[low]", "rounds to zero but is not zero"), ("~", "suppressed or not"),
    ("<5", "a number under 5"),
])  # fmt: skip
def test_symbols_in_brackets_tildes_and_bounds_are_named_and_missing_when_declared(symbol, meaning, small):
    small.cell("001", 2011, "entries", symbol)
    with pytest.raises(DataFault) as caught:
        small.load()
    assert f'1 suppression symbol in a number column, "{symbol}" ({meaning}' in str(caught.value)
    assert "line 2" in str(caught.value)
    assert "panel.suppressed: missing does so" in str(caught.value)
    small.block["suppressed"] = "missing"
    panel = small.load()
    assert np.isnan(panel.matrix()[0, 0])
    row = next(row for row in panel.flow if row.step == "suppressed")
    assert (row.names, f'"{symbol}" {meaning}' in row.reason) == ("001 (2011)", True)


def test_balance_names_those_left_out(small):
    small.cell("005", 2012, "entries", None).block["unbalanced"] = "balance"
    panel = small.load()
    assert panel.is_balanced
    row = next(row for row in panel.flow if row.step == "unbalanced")
    assert (row.what, row.names) == ("dropped", "005")


def test_a_unit_never_observed_is_left_out(small):
    for year in range(2011, 2016):
        small.cell("008", year, "children", None)
    panel = small.load()
    assert "008" not in panel.units
    assert any(row.step == "no outcome" and row.names == "008" for row in panel.flow)


def test_starts_after_the_window_are_untreated_within_it(small):
    small.block["window"] = {"to": 2013}
    panel = small.load()
    assert np.isinf(panel.first_treated[2:4]).all()
    row = next(row for row in panel.flow if row.step == "starts later")
    assert row.names == "003 (2014), 004 (2014)"


def test_excluded_rows_may_be_faulty(small):
    """What is left out is not read: a suppressed authority does not stand in the way once it is excluded."""
    small.cell("008", 2011, "entries", "c").block["exclude"] = {"units": ["008"], "why": "suppressed"}
    assert small.load().n_units == 7


def test_numbers_exclude_texts(small):
    small.data["la_code"] = small.data["la_code"].str.replace("00", "88")
    small.block["exclude"] = {"units": [886], "why": "Kent"}
    assert "886" not in small.load().units


def test_omitted_periods_take_a_list_too(small):
    small.block["omit_times"] = [2013]
    small.block["flag_times"] = {2014: "pandemic"}
    panel = small.load()
    assert 2013 not in panel.times
    assert panel.omitted_times == {2013: ""}
    assert panel.flagged_times == {2014: "pandemic"}


def test_blinded_outcomes_end_before_the_first_start(small):
    blind = small.load().blinded()
    assert np.isnan(blind.matrix()[:, 2:]).all()
    assert np.isfinite(blind.matrix()[:, :2]).all()
    assert np.isnan(blind.matrix("count")[:, 2:]).all()


# -- covariate timing -----------------------------------------------------------------------------------------------


def test_a_covariate_dated_by_its_name_is_refused_after_the_first_start(small):
    small.data["idaci_2019"] = small.data["idaci"]
    small.block["covariates"] = ["idaci_2019"]
    with pytest.raises(DataFault, match=r"idaci_2019 is measured in 2019, at or after the first start \(2013\)"):
        small.load()
    small.block["measured"] = {"idaci_2019": 2019}
    panel = small.load()
    assert "idaci_2019 (2019)" in panel.caveats[0]
    assert any(row.step == "covariate timing" for row in panel.flow)


def test_a_covariate_first_seen_after_the_start_is_refused(small):
    small.data["cin"] = np.where(small.data["year"] >= 2013, 1.0, np.nan)
    small.block["covariates"] = ["cin"]
    with pytest.raises(DataFault, match="cin is measured in 2013"):
        small.load()


def test_a_covariate_declared_before_the_start_is_fine(small):
    small.block |= {"covariates": ["idaci"], "measured": {"idaci": 2010}}
    panel = small.load()
    assert panel.caveats == ()
    assert not any(row.step == "covariate timing" for row in panel.flow)


def test_a_constant_undated_covariate_is_kept_and_noted(small):
    small.block["covariates"] = ["idaci"]
    row = small.load().flow[-1]
    assert (row.step, row.names) == ("covariate timing", "idaci")


def test_measured_must_name_a_covariate(small):
    small.block |= {"covariates": ["idaci"], "measured": {"idacci": 2010}}
    with pytest.raises(DataFault, match=r"design.yaml:\d+: panel.measured.idacci: is none of the covariates"):
        small.load()


def test_a_row_without_an_outcome_needs_no_weight(small):
    small.data["w"] = small.data["children"]
    small.cell("003", 2012, "w", None).cell("003", 2012, "children", None).block["weight"] = "w"
    panel = small.load()
    assert panel.weights.tolist() == [10000] * 8


def test_readable_names_are_each_units_last(small):
    small.data["name"] = "Area " + small.data["la_code"]
    small.cell("001", 2015, "name", "Area 001, City of").block["unit_name"] = "name"
    assert small.load().unit_values("unit_name")[:2].tolist() == ["Area 001, City of", "Area 002"]


def test_an_empty_start_is_unknown_unless_declared(small):
    small.write("register.csv", "unit,first_treated\n001,2013\n")
    small.block["treatment"] = {"adoption": "register.csv"}
    panel = small.load()
    assert panel.untreated_means == "unknown"
    assert any("of the 7 untreated units used the intervention is unknown" in caveat for caveat in panel.caveats)
    small.block["treatment"]["untreated_means"] = "never"
    assert small.load().untreated_means == "never"
