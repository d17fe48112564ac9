"""Tables that read as another table: points for thousands, totals under a code of their own, years named twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from sos_eval.errors import DataFault, Faults
from sos_eval.panel.panel import Panel
from sos_eval.panel.read.lists import read_lists
from tests.panel.small import SmallDesign

YEARS = range(2011, 2018)
Write = Callable[[pd.DataFrame], None]


def counted() -> pd.DataFrame:
    """18 authorities, 2011 to 2017, of whom seven start; counts of 290 to 3,560, most of them over a thousand."""
    rng = np.random.default_rng(77)
    rows = []
    for i in range(18):
        children = int(rng.integers(12_000, 60_000))
        for year in YEARS:
            start = 2014 if i < 4 else 2015 if i < 7 else ""
            entries = int(rng.poisson(children * 0.006)) * 10
            rows.append((f"E{i:02d}", f"Place {i}", year, start, entries, children + 50 * (year - 2011)))
    return pd.DataFrame(rows, columns=["la_code", "name", "year", "first_year", "entries", "children"])


def loaded(small: SmallDesign, table: pd.DataFrame) -> Panel:
    small.data = table
    return small.load()


def refused(small: SmallDesign, table: pd.DataFrame) -> str:
    with pytest.raises(DataFault) as fault:
        loaded(small, table)
    return str(fault.value)


def notes(panel: Panel, step: str) -> list[tuple[int, str]]:
    return [(row.rows, row.reason) for row in panel.flow if row.step == step]


# -- points ---------------------------------------------------------------------------------------------------------


def pointed(number: float) -> str:
    return f"{number:,}".replace(",", ".")


@pytest.mark.parametrize("column", ["entries", "children"])
def test_points_between_thousands_are_a_fault_that_names_a_cell(column: str, small: SmallDesign):
    """117 of 126 counts were read a thousand times too small."""
    table = counted()
    text = table[column].map(pointed)
    first = int(np.flatnonzero(text.str.contains(".", regex=False))[0])
    said = refused(small, table.assign(**{column: text}))
    cell, line, cells = text[first], first + 2, int((table[column] > 999).sum())
    assert f'{column}: "{cell}" (line {line}) and {cells - 1} cells more: thousands set apart by a dot' in said
    assert f"write whole numbers ({cell.replace('.', '')})" in said


def test_what_to_write_is_said_in_the_cells_own_digits(small: SmallDesign):
    small.data = small.data.astype({"entries": object})
    small.cell("001", 2011, "entries", "1.020").cell("001", 2012, "entries", "3.500")
    with pytest.raises(DataFault, match=r'entries: "1\.020" \(line 2\) and 1 cell more: .*\(1020\), or .* \(1\.02\)'):
        small.load()
    small.cell("001", 2011, "entries", "1.125")
    with pytest.raises(DataFault, match=r"\(1125\), or .* \(1\.1250\)"):
        small.load()


@pytest.mark.parametrize(
    "words",
    [
        ("1.020", "2.5"),  # another number of decimals
        ("0.512", "1.020"),  # no group of thousands begins with 0
        ("1020.500", "1.020"),  # nor is one parted off in 1020
        ("101.25", "12.125"),
    ],
)
def test_true_fractions_are_read_as_before(words: tuple[str, str], small: SmallDesign):
    small.data = small.data.astype({"entries": object})
    small.cell("001", 2011, "entries", words[0]).cell("001", 2012, "entries", words[1])
    assert small.load().frame["count"].tolist()[:2] == [float(word) for word in words]


def test_rates_and_covariates_have_three_decimals_as_they_like(small: SmallDesign):
    table = counted()
    table["share"] = (table["entries"] / 1000).map("{:.3f}".format)
    small.block |= {"covariates": ["share"], "outcome": {"value": "share"}}
    assert loaded(small, table).frame["outcome"].tolist() == (table["entries"] / 1000).tolist()


@pytest.mark.parametrize("wide", [False, True])
def test_numbers_of_a_workbook_are_numbers(wide: bool, small: SmallDesign):
    """A cell that holds the number 1.125 holds no text with a point, however the table is laid out."""
    table = counted().assign(entries=lambda one: one["entries"] // 10 + 0.125)
    small.block |= {"source": "xlsx", "path": "panel.xlsx"}
    if wide:
        book(small, *by_year(table))
        small.block["wide"] = {"columns": ["entries_20*", "children_20*"], "into": "year"}
    else:
        table.assign(first_year=table["first_year"].replace("", None)).to_excel(
            small.folder / "panel.xlsx", index=False
        )
    assert small.load(write=False).frame["count"].tolist() == table["entries"].tolist()


# -- totals ---------------------------------------------------------------------------------------------------------


def with_total(table: pd.DataFrame, code: str = "E99", years: range = YEARS) -> pd.DataFrame:
    total = table[table["year"].isin(years)].groupby("year", as_index=False)[["entries", "children"]].sum()
    return pd.concat([table, total.assign(la_code=code, name="all of them", first_year="")], ignore_index=True)


def few(units: int) -> pd.DataFrame:
    table = counted()
    codes = ["E00", "E08", "E09", "E10"][:units]
    return table[table["la_code"].isin(codes)].reset_index(drop=True)


@pytest.mark.parametrize("years", [YEARS, range(2014, 2018), range(2017, 2018)])
def test_a_total_under_an_unknown_code_is_named(years: range, small: SmallDesign):
    """E99 was the largest comparison unit."""
    table = with_total(counted(), years=years)
    said = refused(small, table)
    assert said.count("\n") == 0
    assert 'la_code: "E99", line' in said
    assert "the sum of all other units in entries and children" in said
    assert "exclude: {units: [E99], why: total}" in said
    small.block["exclude"] = {"units": ["E99"], "why": "total"}
    assert loaded(small, table).n_units == 18


def test_a_total_of_two_units_needs_two_periods(small: SmallDesign):
    assert '"E99"' in refused(small, with_total(few(2)))
    assert loaded(small, with_total(few(2), years=range(2017, 2018))).n_units == 3


def test_of_two_units_none_is_a_total(small: SmallDesign):
    table = few(2)
    table.loc[table["la_code"] == "E08", ["entries", "children"]] = table[["entries", "children"]].to_numpy()[:7]
    assert loaded(small, table).n_units == 2


@pytest.mark.parametrize("column", ["entries", "children"])
def test_one_sum_that_is_right_by_chance_is_no_total(column: str, small: SmallDesign):
    table = with_total(counted())
    table.loc[len(table) - 1, column] += 10
    assert loaded(small, table).n_units == 19


def test_counts_that_are_all_zero_are_no_sum(small: SmallDesign):
    table = with_total(few(4)).assign(entries=0).astype(object)
    table.loc[0, "entries"] = 10  # in a year in which E99 is not told
    table.loc[(table["la_code"] == "E99") & (table["year"] == 2011), ["entries", "children"]] = ""
    assert loaded(small, table).n_units == 5


def test_a_suppressed_cell_takes_its_period_out_of_the_comparison(small: SmallDesign):
    table = with_total(counted()).astype({"entries": object})
    table.loc[[0, 15], "entries"] = "c"
    small.block["suppressed"] = "missing"
    assert '"E99"' in refused(small, table)


def test_a_total_beside_one_that_is_left_out_is_named(small: SmallDesign):
    """The sum of the authorities is a total, whether England stands beside it or not."""
    table = pd.concat([with_total(counted()), with_total(counted(), "England").tail(7)], ignore_index=True)
    small.block["exclude"] = {"units": ["England"], "why": "total"}
    assert '"E99"' in refused(small, table)
    small.block["exclude"] = {"units": ["England", "E99"], "why": "total"}
    assert loaded(small, table).n_units == 18


def test_a_total_is_named_once_by_its_name_or_by_its_sum(small: SmallDesign):
    table = pd.concat([with_total(counted()), with_total(counted(), "England").tail(7)], ignore_index=True)
    said = refused(small, table).splitlines()
    assert ["England" in line for line in said] == [True, False]
    assert ["E99" in line for line in said] == [False, True]


def test_england_beside_its_regions_is_their_sum(small: SmallDesign):
    regions = counted().assign(la_code=lambda one: one["la_code"].str.replace("E", "E120000"))
    assert loaded(small, regions).n_units == 18
    assert "the sum of all other units" in refused(small, with_total(regions, "E92000001"))


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_all_measure_are_told_without_a_warning(small: SmallDesign):
    table = with_total(counted()).astype({"entries": object})
    table.loc[table["year"] == 2012, "entries"] = "1e308"
    said = refused(small, table)
    assert "entries: beyond 1e+60" in said
    assert '"E99"' in said


def test_a_total_needs_every_outcome(small: SmallDesign):
    table = with_total(counted()).assign(exits=range(133))
    of = {"exposure": "children", "per": 10000}
    del small.block["outcome"]
    small.block["outcomes"] = {"entries": {"count": "entries", **of}, "exits": {"count": "exits", **of}}
    assert loaded(small, table).n_units == 19


# -- a column per year ----------------------------------------------------------------------------------------------


def by_year(table: pd.DataFrame) -> list[list[object]]:
    """Lay a table out with a column per year and variable."""
    names = [f"{name}_{year}" for name in ("entries", "children") for year in YEARS]
    rows: list[list[object]] = [["la_code", "first_year", *names]]
    for code, own in table.groupby("la_code"):
        rows.append([code, own["first_year"].iloc[0] or None, *own["entries"].tolist(), *own["children"].tolist()])
    return rows


def book(small: SmallDesign, *rows: list[object]) -> Workbook:
    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.save(Path(small.folder) / "panel.xlsx")
    small.block |= {"source": "xlsx", "path": "panel.xlsx"}
    return workbook


def test_years_below_two_merged_names_are_refused_by_name(small: SmallDesign):
    """This ended as a fault of ours."""
    years = [*YEARS, *YEARS]
    rows = [[*row[:2], *years] if i == 0 else row for i, row in enumerate(by_year(counted()))]
    workbook = book(small, ["la_code", "first_year", "entries", *[None] * 6, "children", *[None] * 6], *rows)
    workbook.active.merge_cells("C1:I1")
    workbook.active.merge_cells("J1:P1")
    workbook.save(Path(small.folder) / "panel.xlsx")
    small.block |= {"wide": {"columns": "20*", "into": "year"}, "header_row": 2}
    with pytest.raises(
        DataFault, match=r"2011, 2012, 2013 and 4 more: more than one column.*\[entries_20\*, children_20\*\]"
    ):
        small.load(write=False)


def test_a_kept_column_that_stands_there_twice_is_refused_in_a_wide_table(small: SmallDesign):
    rows = by_year(counted())
    book(small, *[[*row, "first_year" if i == 0 else row[1]] for i, row in enumerate(rows)])
    small.block["wide"] = {"columns": ["entries_20*", "children_20*"], "into": "year"}
    with pytest.raises(DataFault, match=r"2 columns are called \"first_year\""):
        small.load(write=False)


@pytest.mark.parametrize("source", ["xlsx", "csv"])
def test_notes_below_a_wide_table_are_left_aside(source: str, small: SmallDesign):
    below: list[list[object]] = [[], ["Note: provisional"], ["Source: DfE, 2018"]]
    rows = [*by_year(counted()), *below]
    book(small, *rows)
    small.block["wide"] = {"columns": ["entries_20*", "children_20*"], "into": "year"}
    if source == "csv":
        small.block |= {"source": "csv", "path": "wide.csv"}
        text = "\n".join(",".join("" if cell is None else f"{cell}" for cell in row) for row in rows)
        small.write("wide.csv", text.replace("DfE, 2018", '"DfE 2018"'))
    panel = small.load(write=False)
    assert (panel.n_units, panel.n_rows) == (18, 126)
    place = "rows" if source == "xlsx" else "lines"
    assert notes(panel, "notes below the table") == [
        (2, f"{place} 21, 22 below the table, notes or totals, are left aside")
    ]
    assert next(row for row in panel.flow if row.step == "start").units == 18


def test_notes_below_the_names_of_units_are_left_aside(small: SmallDesign):
    rows = [["name" if i == 0 else f"Place {i}", *row] for i, row in enumerate(by_year(counted()))]
    book(small, *rows, ["Note: provisional"])
    small.block |= {"wide": {"columns": ["entries_20*", "children_20*"], "into": "year"}, "unit_name": "name"}
    assert (small.load(write=False).n_units, len(notes(small.load(write=False), "notes below the table"))) == (18, 1)


@pytest.mark.parametrize("cell", ["c", 12, "12.5"])
def test_a_value_alone_below_a_wide_table_is_no_note(cell: object, small: SmallDesign):
    book(small, *by_year(counted()), [None, None, cell])
    small.block["wide"] = {"columns": ["entries_20*", "children_20*"], "into": "year"}
    with pytest.raises(DataFault, match="la_code: no unit in row 20"):
        small.load(write=False)


@pytest.mark.parametrize("row", [["E99"], ["E99", None, *["c"] * 14], ["New Place", 2014]])
def test_a_unit_without_a_number_is_no_note(row: list[object], small: SmallDesign):
    book(small, *by_year(counted()), row)
    small.block |= {
        "wide": {"columns": ["entries_20*", "children_20*"], "into": "year"}, "suppressed": "missing",
    }  # fmt: skip
    panel = small.load(write=False)
    assert notes(panel, "notes below the table") == []
    assert next(one for one in panel.flow if one.step == "no outcome").names == row[0]


def test_a_total_below_a_wide_table_is_named_with_its_row_once(small: SmallDesign):
    table = counted()
    sums = [int(table.loc[table["year"] == year, name].sum()) for name in ("entries", "children") for year in YEARS]
    book(small, *by_year(table), ["Total", None, *sums], ["Note: provisional"])
    small.block["wide"] = {"columns": ["entries_20*", "children_20*"], "into": "year"}
    with pytest.raises(DataFault, match=r'la_code: "Total", row 20: a total, not one of the units'):
        small.load(write=False)


# -- titles above registers and lists ---------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["entries", "children"])
def test_one_point_among_whole_numbers_is_as_doubtful_as_two(column: str, small: SmallDesign):
    """2.106 in one year, 2,106 in truth, was read as two children and a tenth."""
    small.data = small.data.astype({column: object})
    small.cell("001", 2012, column, "2.106")
    with pytest.raises(
        DataFault, match=rf'{column}: "2\.106" \(line 3\) and 0 cells more: .*\(2106\), or .* \(2\.1060\)'
    ):
        small.load()
    small.cell("001", 2012, column, "2106")
    assert small.load().frame[{"entries": "count", "children": "exposure"}[column]][1] == 2106


def test_one_point_beside_a_comma_is_thousands(small: SmallDesign):
    """1,234 in one cell says what 1.234 in another is not known to be."""
    small.data = small.data.astype({"entries": object})
    small.cell("001", 2011, "entries", "1,234").cell("001", 2012, "entries", "1.234")
    with pytest.raises(DataFault, match=r'entries: "1\.234" \(line 3\) and 0 cells more: thousands set apart by a dot'):
        small.load()


def test_a_register_under_a_title_is_read(small: SmallDesign):
    book = Workbook()
    for row in (["Register of adoption"], [], ["unit", "first_treated"], ["001", 2013], ["002", 2014]):
        book.active.append(row)
    book.save(small.folder / "register.xlsx")
    small.block["treatment"] = {"adoption": "register.xlsx", "untreated_means": "never"}
    del small.data["first_year"]
    panel = small.load()
    assert dict(zip(panel.units, panel.first_treated, strict=True))["002"] == 2014
    assert np.isfinite(panel.first_treated).sum() == 2


def test_a_list_of_neighbours_under_a_title_is_read(tmp_path: Path):
    (tmp_path / "near.csv").write_text("Statistical neighbours 2021,\n,\nunit,neighbour\na,b\na,c\n")
    faults = Faults()
    assert read_lists(tmp_path / "near.csv", ("unit", "neighbour"), faults, where="near", key="neighbours") == {
        "a": ("b", "c")
    }
    assert not faults.found


@pytest.mark.parametrize("last", ["E", "E0"])
def test_a_file_that_was_cut_in_its_last_units_code_is_refused(last: str, small: SmallDesign):
    lines = counted().to_csv(index=False).splitlines()[:64]
    small.write("panel.csv", "\n".join([*lines, last]))
    with pytest.raises(DataFault, match="line 65 has 1 cells"):
        small.load(write=False)


def test_a_note_below_is_none_of_the_units(small: SmallDesign):
    small.write("panel.csv", counted().to_csv(index=False) + "Estimates are provisional")
    assert len(notes(small.load(write=False), "notes below the table")) == 1
