"""Rates that cannot be: an exposure in thousands in some rows, more people counted than there are."""

from __future__ import annotations

import pandas as pd
import pytest

from sos_eval.errors import DataFault
from tests.panel.small import SmallDesign

JUMP = "about a thousand times more or less than in the unit's other rows"


def refused(small: SmallDesign) -> list[str]:
    with pytest.raises(DataFault) as said:
        small.load()
    return str(said.value).splitlines()


@pytest.mark.parametrize("children", [10.0, 12.5, 9_700_000, 0.0104])
def test_an_exposure_in_thousands_in_one_year_is_refused(children, small: SmallDesign):
    """26.434 beside 38,312 made 4,794 more per 10,000."""
    small.cell("003", 2012, "children", children)
    (line,) = refused(small)
    assert f"children: {JUMP}, line 13; write people in every row, not thousands" in line


def test_years_in_thousands_of_every_unit_are_named(small: SmallDesign):
    early = small.data["year"] <= 2012
    small.data["children"] = small.data["children"].astype(float).mask(early, 10.0)
    (line,) = refused(small)
    assert f"{JUMP}, lines 2, 3, 7, 8 and 12 more" in line


def test_a_unit_that_jumps_can_be_left_out(small: SmallDesign):
    small.cell("003", 2012, "children", 10.0)
    small.block["exclude"] = {"units": ["003"], "why": "opened in 2013"}
    assert small.load().n_units == 7


@pytest.mark.parametrize("children", [100, 4_000, 250_000, 2_000_000])
def test_other_changes_are_an_authoritys_own(children, small: SmallDesign):
    small.cell("003", 2012, "children", children)
    assert small.load().frame["exposure"].max() == max(children, 10000)


def test_more_people_counted_than_there_are_is_refused(small: SmallDesign):
    """890,000 on 62,007 made 5,832 more per 10,000."""
    small.cell("003", 2012, "entries", 24_000).cell("005", 2013, "entries", 10_001)
    (line,) = refused(small)
    assert "entries: more than children, lines 13, 24; mend the cells" in line
    assert "write its rate as value" in line


def test_the_rate_as_a_value_is_the_way_out(small: SmallDesign):
    small.data["rate"] = small.data["entries"] / small.data["children"] * 10000
    small.cell("003", 2012, "rate", 24_000.0)
    small.block["outcome"] = {"value": "rate"}
    assert small.load().frame["outcome"].max() == 24_000


def test_as_many_as_there_are_is_no_fault_nor_a_few_in_a_tiny_place(small: SmallDesign):
    small.cell("003", 2012, "entries", 10_000)
    assert small.load().frame["outcome"].max() == 10_000
    small.data.loc[small.data["la_code"] == "005", ["entries", "children"]] = [3, 2]
    assert small.load().frame["outcome"].max() == 15_000


@pytest.mark.parametrize("factor", [2, 500])
def test_events_that_a_child_has_several_of_are_noted(factor, small: SmallDesign):
    small.data["entries"] = small.data["children"] + factor * small.data["entries"]
    panel = small.load()
    (note,) = [row for row in panel.flow if row.step == "count as written"]
    assert (note.rows, note.units) == (40, 8)
    assert note.reason == "entries: more than children: is that what it counts, or is children in thousands?"


@pytest.mark.parametrize("children", ["1e19", "1e-320", "1e13", "1e-10"])
def test_exposures_that_nothing_has_are_refused(children, small: SmallDesign):
    small.cell("003", 2012, "children", children)
    (line,) = refused(small)
    assert "children: beyond 1e+12 or below 1e-09, line 13; an exposure is a number of people" in line


def test_rows_of_people_may_have_more_events_than_years(small: SmallDesign):
    people = pd.concat([small.data.assign(entries=one, children=0.001 + one) for one in (0, 12, 1)], ignore_index=True)
    people.loc[people["entries"] == 12, "children"] = 1.5
    small.data = people
    small.block["layout"] = "cross_sections"
    assert small.load().n_rows == 120
