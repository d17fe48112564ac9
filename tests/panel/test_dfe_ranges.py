"""Suppressed counts of published tables as ranges: by symbol, by what is left of the whole, and to the bundle."""

from __future__ import annotations

import sos_eval
from sos_eval.jobs.dfe import write_dfe
from tests.panel.rebuild import text
from tests.panel.test_dfe import built, underlying

COLUMNS = "CLA_started2013,SCLA_U1,SCLA_1to4,SCLA_5to9,SCLA_10to15,SCLA_16over,CLA_taken2013"
_AGE, _TAKEN = "care_entries_age_under1", "taken_into_care"


def ends(panel, code: str, name: str) -> list[str]:
    return panel.loc[(code, "2013"), [name, f"{name}_low", f"{name}_high"]].tolist()


def test_the_whole_less_the_other_parts_is_the_largest_value(tmp_path):
    """142 starts, of whom 20 + 30 + 60 are told by age: two hidden ages have at most 32 each."""
    camden, bristol = "142,x,20,30,60,x,x", "90,10,20,20,20,20,40"
    panel, _ = built(tmp_path, SFR36_ADM2013=underlying(COLUMNS, "250,,,,,,", camden, bristol))
    assert ends(panel, "202", _AGE) == ["", "0", "32"]
    assert ends(panel, "202", "care_entries_age_16plus") == ["", "0", "32"]
    assert ends(panel, "202", _TAKEN) == ["", "0", "142"]
    assert ends(panel, "801", _AGE) == ["10", "", ""]
    assert "care_entries_age_1to4_low" not in panel


def test_a_declared_largest_bounds_all_and_what_rounds_to_zero_is_below_five(tmp_path):
    wide = underlying(COLUMNS, "250,,,,,,", "142,low,20,30,60,c,x", "90,k,20,20,20,20,40")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "SFR36_ADM2013.csv").write_text(wide)
    write_dfe([tmp_path / "raw"], tmp_path / "P.csv", most=5)
    panel = text(tmp_path / "P.csv").set_index(["la_code", "year"])
    assert ends(panel, "202", _AGE) == ["", "1", "4"]
    assert ends(panel, "801", _AGE) == ["", "1", "4"]
    assert ends(panel, "202", "care_entries_age_16plus") == ["", "0", "5"]
    assert ends(panel, "202", _TAKEN) == ["", "0", "5"]


def test_without_a_whole_nothing_bounds_it_and_what_contradicts_itself_has_no_largest(tmp_path):
    camden, bristol = "x,x,20,30,60,10,1", "50,x,20,20,20,20,40"
    panel, _ = built(tmp_path, SFR36_ADM2013=underlying(COLUMNS, "250,,,,,,", camden, bristol))
    assert ends(panel, "202", "care_entries") == ["", "0", ""]
    assert ends(panel, "202", _AGE) == ["", "0", ""]
    assert ends(panel, "801", _AGE) == ["", "0", ""]  # parts that are told sum to 80 of 50


def test_the_whole_is_that_of_the_same_release(tmp_path):
    """A later release corrects the whole of 2013 to 100; the hidden age of the first is bounded by the first's own."""
    first = underlying(COLUMNS, "250,,,,,,", "142,x,20,30,60,12,10", "90,10,20,20,20,20,40")
    later = underlying("CLA_started2013,CLA_started2014", "250,250", "100,110", "90,91")
    panel, _ = built(tmp_path, SFR36_ADM2013=first, SFR36_ADM2014=later)
    assert panel.loc[("202", "2013"), "care_entries"] == "100"
    assert ends(panel, "202", _AGE) == ["", "0", "20"]


def release(year: int) -> str:
    """Twelve authorities; under ones are hidden in 306 in 2014 and 2016, and told by the whole to lie in 0 to 9."""
    ages = "SCLA_U1,SCLA_1to4,SCLA_5to9,SCLA_10to15,SCLA_16over"
    rows = [f"New_geog_code,geog_l,geog_c,geog_n,CLA_started{year},{ages}"]
    for k in range(12):
        under1 = 20 + (7 * k + 3 * year) % 11 - (4 if k < 4 and year >= 2015 else 0)
        parts = ["x", 1, 1, 1, 1] if k == 6 and year in (2014, 2016) else [under1, 5, 5, 5, 5]
        whole = 13 if parts[0] == "x" else sum(parts)
        rows.append(",".join(map(str, [f"E{k:08d}", "LA", 300 + k, f"Place {k}", whole, *parts])))
    return "\n".join(rows) + "\n"


def test_the_bounds_of_an_estimate_from_published_tables_to_bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {2012: "SFR20_ADM2012", 2013: "SFR36_ADM2013", 2014: "SFR36_ADM2014", 2015: "SFR34_ADM2015",
             2016: "SFR41_ADM2016", 2017: "SFR50_ADM2017"}  # fmt: skip
    built(tmp_path, **{name: release(year) for year, name in names.items()})
    (tmp_path / "register.csv").write_text("unit,first_treated\n300,2015\n301,2015\n302,2015\n303,2015\n")
    (tmp_path / "x.yaml").write_text(DESIGN)
    bundle = sos_eval.run(tmp_path / "x.yaml")
    table = bundle.table("suppression_bounds")
    assert table["suppressed"].tolist() == [2, 2]
    low, high = table["estimate"]
    # 306 is one of eight untreated, a year before and a year after of three: each moves the effect by 9 / (8 x 3)
    assert abs(high - low - 2 * 9 / 24) < 1e-8
    assert low < high


DESIGN = """\
schema: sos-eval/design/1
name: x
title: Under ones
question: {intervention: a practice model, outcome: children under one starting care}
panel:
  source: csv
  path: P.csv
  unit: la_code
  time: year
  year_convention: ends_march
  outcome: {value: care_entries_age_under1}
  treatment: {adoption: register.csv, untreated_means: never}
  suppressed: missing
estimators: [{id: a, method: twfe}]
inference: {method: analytic}
checks: [{suppression_bounds: {low: care_entries_age_under1_low, high: care_entries_age_under1_high, draws: 99}}]
seed: 1
"""
