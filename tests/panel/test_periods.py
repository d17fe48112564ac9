"""Periods in the user's notation: read as consecutive numbers, written back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.panel.periods import Periods
from tests.panel.small import SmallDesign, table

#: Each notation of the years 2011 to 2015, by what a year is written as.
NOTATIONS = {
    "201415": lambda year: int(f"{year}{(year + 1) % 100:02d}"),
    "2014/15": lambda year: f"{year}/{(year + 1) % 100:02d}",
    "2014-15": lambda year: f"{year}-{(year + 1) % 100:02d}",
    "2014/2015": lambda year: f"{year}/{year + 1}",
    "2015Q2": lambda year: f"{2014 + (year - 2010) // 4}Q{(year - 2010) % 4 + 1}",
    "2015-06": lambda year: f"{2014 + (year - 2003) // 12}-{(year - 2003) % 12 + 1:02d}",
    "201506": lambda year: 100 * (2014 + (year - 2003) // 12) + (year - 2003) % 12 + 1,
}


def noise() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    rows = [
        (f"u{i}", year, start, 50 + i * 0.1 + 0.5 * (year - 2011) * (i < 20) + 3 * (0 < start <= year) + rng.normal())
        for i, start in enumerate([2015] * 12 + [2016] * 8 + [0] * 30)
        for year in range(2011, 2019)
    ]
    return pd.DataFrame(rows, columns=["u", "t", "g", "y"])


def fitted(data: pd.DataFrame, estimator: CallawaySantAnna | TWFE) -> pd.DataFrame:
    return estimator.fit(data, unit="u", time="t", outcome="y", first_treated="g")


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("estimator", [CallawaySantAnna(), CallawaySantAnna(anticipation=1), TWFE()])
def test_the_notation_changes_no_number(notation, estimator):
    data, write = noise(), NOTATIONS[notation]
    coded = data.assign(t=data["t"].map(write), g=data["g"].map(lambda year: write(year) if year else 0))
    plain, other = fitted(data, estimator), fitted(coded, estimator)
    pd.testing.assert_frame_equal(
        other.drop(columns=["cohort", "time"]), plain.drop(columns=["cohort", "time"]), check_exact=True
    )
    for name in ("cohort", "time"):
        written = [write(int(year)) if np.isfinite(year) else None for year in plain[name]]
        assert [None if pd.isna(value) else value for value in other[name]] == written


def test_case_period_codes():
    """One period of anticipation is one period whatever the code: 4.42967, not 3.77207 (a code's step is 101)."""
    data, write = noise(), NOTATIONS["201415"]
    coded = data.assign(t=data["t"].map(write), g=data["g"].map(lambda year: write(year) if year else 0))
    table = fitted(coded, CallawaySantAnna(anticipation=1))
    assert table.loc[table["aggregation"] == "overall", "estimate"].iloc[0] == pytest.approx(4.42967, abs=5e-6)
    events = table.loc[table["aggregation"] == "event_time", "event_time"].dropna()
    assert events.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]


def test_every_second_year_is_refused_without_a_step():
    data = noise()
    data = data.assign(t=2 * data["t"], g=2 * data["g"])
    with pytest.raises(DataFault, match="periods are 2 apart"):
        fitted(data, TWFE())


def test_a_declared_step_counts_periods(tmp_path: Path):
    design = SmallDesign(tmp_path)
    design.data = table().assign(
        year=lambda d: 2 * d["year"] - 2011, first_year=lambda d: (2 * d["first_year"] - 2011).clip(0)
    )
    design.block["period"] = {"step": 2}
    panel = design.load()
    assert np.diff(panel.times).tolist() == [1.0] * 4
    assert panel.periods.written(panel.times).tolist() == [2011, 2013, 2015, 2017, 2019]
    assert panel.periods.written(panel.cohorts).tolist() == [2015, 2017]


def test_a_gap_is_declared_or_refused(tmp_path: Path):
    design = SmallDesign(tmp_path)
    design.data = design.data[design.data["year"] != 2012]
    with pytest.raises(DataFault, match=r"year: no row in 2012, .*declare omit_times"):
        design.load()
    design.block["omit_times"] = {2012: "the return was not collected"}
    panel = design.load()
    assert panel.times.tolist() == [2011, 2013, 2014, 2015]
    assert [row.reason for row in panel.flow if row.step == "omit_times"] == ["the return was not collected"]


@pytest.mark.parametrize("year", [-2010, 20130, 1e20])
def test_a_lone_far_period_is_named(tmp_path: Path, year: float):
    design = SmallDesign(tmp_path).cell("003", 2013, "year", year)
    with pytest.raises(DataFault, match=", far from all other periods, line 14"):
        design.load()


@pytest.mark.parametrize(
    ("convention", "years"),
    [("ends_march", [2012, 2013, 2014, 2015, 2016]), ("calendar", [2011, 2012, 2013, 2014, 2015])],
)
def test_a_span_is_the_year_that_the_convention_names(tmp_path: Path, convention: str, years: list[int]):
    design = SmallDesign(tmp_path)
    write = NOTATIONS["2014/15"]
    design.data["year"] = design.data["year"].map(write)
    design.data["first_year"] = design.data["first_year"].map(lambda year: write(year) if year else "")
    design.block |= {"year_convention": convention, "window": {"from": "2011/12"}, "flag_times": {"2014/15": "why"}}
    panel = design.load()
    assert panel.times.tolist() == years
    assert panel.flagged_times == {years[3]: "why"}
    assert panel.periods.written(panel.times[:2]).tolist() == ["2011/12", "2012/13"]


def test_dates_as_starts_on_an_axis_of_spans_need_a_convention(tmp_path: Path):
    design = SmallDesign(tmp_path)
    design.data["year"] = design.data["year"].map(NOTATIONS["201415"])
    design.data["first_year"] = design.data["first_year"].map({2013: "2013-10-01", 2014: "01/02/2015", 0: ""})
    with pytest.raises(DataFault, match="a date needs year_convention"):
        design.load()
    design.block["year_convention"] = "starts_april"
    assert design.load().cohorts.tolist() == [2013, 2014]


def test_a_start_in_another_notation_is_refused(tmp_path: Path):
    design = SmallDesign(tmp_path)
    design.data["year"] = design.data["year"].map(NOTATIONS["201415"])
    with pytest.raises(DataFault, match=r"starts that are no period, '2013', '2014'.* as 201415"):
        design.load()


def test_codes_that_may_be_years_or_months_are_asked_for():
    data = pd.DataFrame({"u": list("aabb"), "t": [201112, 201112, 201112, 201112], "g": 0, "y": 1.0})
    with pytest.raises(DataFault, match=r"may be years or months; say which: period: year"):
        fitted(data, TWFE())


def test_dates_are_taken_for_the_period_they_fall_in(tmp_path: Path):
    design = SmallDesign(tmp_path)
    design.data["year"] = design.data["year"].map("31/03/{}".format)
    design.block["year_convention"] = "ends_march"
    panel = design.load()
    assert panel.times.tolist() == [2011, 2012, 2013, 2014, 2015]
    assert panel.periods.written(panel.times).tolist() == [2011, 2012, 2013, 2014, 2015]


def test_a_covariate_of_a_year_is_dated_on_an_axis_of_quarters():
    quarters = Periods("quarter", "quarter")
    assert quarters.name(quarters.last_of_year(2015.0)) == "2015Q4"
    assert Periods("number", "quarter").last_of_year(2015.0) is None
