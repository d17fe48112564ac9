"""Bad inputs and what is said about each: `python -m tests.panel.bad_inputs` prints the table.

What is said is pinned in `bad_inputs.txt`, as it was read and found clear. Each entry
 spoils the small design of `small.py` in one way (one entry in several) and loads it. Folders are cut from
the messages, so that they read as they do on a user's screen when working beside the design.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from sos_eval.errors import InputFault
from tests.panel.small import SmallDesign, table

REGISTER = {"adoption": "register.csv"}


@dataclass(frozen=True)
class Bad:
    """One way to spoil a design."""

    name: str
    spoil: Callable[[SmallDesign], Any]
    written: bool = False
    """Whether `spoil` has written panel.csv itself."""


def said(bad: Bad, folder: Path) -> str:
    """Load a spoiled design and return what is said; an `InputFault` or nothing."""
    design = SmallDesign(folder)
    bad.spoil(design)
    try:
        design.load(write=not bad.written)
    except InputFault as fault:
        return str(fault).replace(f"{folder}/", "")
    return ""


def cell(unit: str, year: int, column: str, value: Any) -> Callable[[SmallDesign], Any]:
    return lambda design: design.cell(unit, year, column, value)


def block(**keys: Any) -> Callable[[SmallDesign], Any]:
    return lambda design: design.block.update(keys)


def column(name: str, values: Any) -> Callable[[SmallDesign], Any]:
    return lambda design: design.data.__setitem__(name, values)


def file(name: str, content: str | bytes) -> Callable[[SmallDesign], Any]:
    return lambda design: design.write(name, content)


def both(*spoils: Callable[[SmallDesign], Any]) -> Callable[[SmallDesign], Any]:
    return lambda design: [spoil(design) for spoil in spoils]


def register(text: str, **keys: Any) -> Callable[[SmallDesign], Any]:
    return both(file("register.csv", text), block(treatment=REGISTER | keys))


def row_twice(design: SmallDesign) -> None:
    design.data = pd.concat([design.data, design.data.iloc[[6]]], ignore_index=True)


def csv_text() -> str:
    return table().to_csv(index=False)


def starts(values: dict[str, Any]) -> Callable[[SmallDesign], Any]:
    def spoil(design: SmallDesign) -> None:
        design.data["first_year"] = design.data["la_code"].map(values).fillna(0)

    return spoil


def directory(design: SmallDesign) -> None:
    (design.folder / "panel.csv").mkdir()


def workbook_of_two(design: SmallDesign) -> None:
    with pd.ExcelWriter(design.folder / "panel.xlsx") as writer:
        for sheet in ("2024", "2025"):
            design.data.to_excel(writer, sheet_name=sheet, index=False)
    design.block.update(source="xlsx", path="panel.xlsx")


def two_of(name: str) -> str:
    return csv_text().replace("idaci", name, 1)


WIDE = "la_code,first_year,2011,2012,2013\n001,2012,1,2,3\n002,,2,3,4\n"
UNITS = [f"00{i}" for i in range(1, 9)]

BAD: tuple[Bad, ...] = (
    # -- the file
    Bad("no such file", block(path="pannel.csv")),
    Bad("a directory", directory, True),
    Bad("an empty file", file("panel.csv", b""), True),
    Bad("column names only", file("panel.csv", csv_text().split("\n")[0] + "\n"), True),
    Bad("Latin-1 text", file("panel.csv", csv_text().replace("South", "Süd", 1).encode("latin-1")), True),
    Bad("UTF-16 text", file("panel.csv", csv_text().encode("utf-16")), True),
    Bad("UTF-32 text", file("panel.csv", csv_text().encode("utf-32")), True),
    Bad("UTF-7 text", file("panel.csv", b"+/v8-" + csv_text().encode("utf-7")), True),
    Bad("a device", block(path="/dev/zero")),
    Bad(
        "a workbook called csv",
        lambda design: (
            design.data.to_excel(design.folder / "a.xlsx")
            or (design.folder / "a.xlsx").rename(design.folder / "panel.csv")
        ),
        True,
    ),
    Bad("semicolons", file("panel.csv", csv_text().replace(",", ";")), True),
    Bad("a comma inside a name", file("panel.csv", csv_text().replace("North", "Bristol, City of", 1)), True),
    Bad("a header row that is not there", block(header_row=900)),
    Bad("an open quotation mark", file("panel.csv", csv_text().replace("North", '"North', 1)), True),
    Bad(
        "a cut-off gzip file",
        both(file("panel.csv.gz", gzip.compress(csv_text().encode())[:80]), block(path="panel.csv.gz")),
    ),
    Bad(
        "no parquet",
        both(file("p.parquet", b"hello, I am no parquet file"), block(source="parquet", path="p.parquet")),
    ),
    Bad(
        "no DuckDB",
        both(file("p.duckdb", b"hello, I am no database at all"), block(source="duckdb", path="p.duckdb")),
    ),
    Bad("two sheets", workbook_of_two),
    # -- columns
    Bad("a misspelt column", block(unit="la_cod")),
    Bad("a column of another name", block(covariates=["poverty"])),
    Bad("two columns of one name", file("panel.csv", two_of("entries")), True),
    # -- units and periods
    Bad("a row twice", row_twice),
    Bad("no unit", cell("003", 2012, "la_code", None)),
    Bad("no period", cell("003", 2012, "year", None)),
    Bad("a financial year", cell("003", 2012, "year", "2011/12")),
    Bad("every second year", column("year", 2 * table()["year"] - 2011)),
    Bad("a year that nobody has", lambda design: setattr(design, "data", design.data[design.data["year"] != 2012])),
    Bad("a mistyped year", cell("003", 2012, "year", -2010)),
    Bad("a column per year", file("panel.csv", WIDE), True),
    Bad("a unit written two ways", both(*[cell("003", year, "la_code", "3.0") for year in (2014, 2015)])),
    Bad("a spreadsheet's error for a unit", cell("003", 2012, "la_code", "#REF!")),
    Bad("a total among the units", both(*[cell("008", year, "la_code", "England") for year in range(2011, 2016)])),
    Bad("a fractional period", cell("003", 2012, "year", 2012.5)),
    Bad("one period", block(window={"from": 2012, "to": 2012})),
    Bad("an excluded unit that is not there", block(exclude={"units": [8]})),
    Bad("an omitted period that is not there", block(omit_times={2051: "typing"})),
    Bad("nothing left", block(window={"from": 2030})),
    Bad("a window before all periods", block(window={"from": 1990, "to": 2000})),
    Bad("a window backwards", block(window={"from": 2014, "to": 2012})),
    Bad("a window that ends in a word", block(window={"to": "2014/15"})),
    Bad("all units left out", block(exclude={"units": UNITS})),
    Bad("all periods left out", block(omit_times={year: "none" for year in range(2011, 2016)})),
    Bad("a flagged period that is not there", block(flag_times={2051: "typing"})),
    # -- numbers
    Bad("suppression symbols", both(cell("003", 2012, "entries", "c"), cell("004", 2012, "entries", ".."))),
    Bad("text in a number column", cell("003", 2012, "entries", "about 20")),
    Bad("a decimal comma", cell("003", 2012, "entries", "20,5")),
    Bad("per cent in some cells only", both(cell("003", 2012, "idaci", "20%"), block(covariates=["idaci"]))),
    Bad("two currencies", both(column("cost", "£12"), cell("003", 2012, "cost", "€12"), block(covariates=["cost"]))),
    Bad(
        "thousands commas in some cells only",
        both(cell("003", 2012, "entries", "1,020"), cell("004", 2012, "entries", "1020")),
    ),
    Bad("infinite", cell("003", 2012, "entries", "inf")),
    Bad("beyond what errors can be computed of", cell("003", 2012, "entries", "1e200")),
    Bad("a negative count", cell("003", 2012, "entries", -4)),
    Bad("zero exposure", cell("003", 2012, "children", 0)),
    Bad("negative exposure", cell("003", 2012, "children", -10000)),
    Bad("a constant outcome", both(column("entries", 20))),
    Bad("no outcome at all", column("entries", None)),
    Bad(
        "the logarithm of zero",
        both(
            cell("003", 2012, "entries", 0),
            block(outcome={"count": "entries", "exposure": "children", "transform": "log"}),
        ),
    ),
    Bad("a negative weight", both(column("w", 1.0), cell("003", 2012, "w", -1), block(weight="w"))),
    Bad("a missing weight", both(column("w", 1.0), cell("003", 2012, "w", None), block(weight="w"))),
    Bad("weights all zero", both(column("w", 0), block(weight="w"))),
    Bad("units with gaps, refused", both(cell("005", 2012, "entries", None), block(unbalanced="error"))),
    # -- treatment
    Bad("a unit that changes cohort", cell("003", 2012, "first_year", 2012)),
    Bad("a unit that changes cluster", both(cell("003", 2012, "region", "East"), block(cluster="region"))),
    Bad("a unit that changes region", both(cell("003", 2012, "region", "East"), block(covariates=["region"]))),
    Bad("a start that is no period", cell("003", 2012, "first_year", "autumn 2014")),
    Bad("a start that is a word", cell("007", 2012, "first_year", "Not using")),
    Bad(
        "a flag that says who, not when",
        both(column("pilot", (table()["first_year"] > 0).astype(int)), block(treatment={"status": "pilot"})),
    ),
    Bad("a flag in place of the first treated period", starts({"001": 1, "002": 1})),
    Bad("a status that goes back", both(cell("001", 2015, "status", 0), block(treatment={"status": "status"}))),
    Bad(
        "a status that is neither 0 nor 1",
        both(cell("001", 2015, "status", 2), block(treatment={"status": "status"})),
    ),
    Bad("nobody treated", starts({})),
    Bad("all treated in the first period", starts({"001": 2011, "002": 2010})),
    Bad("nobody untreated", starts(dict.fromkeys(UNITS, 2013))),
    Bad("a register without its file", block(treatment={"adoption": "regster.csv"})),
    Bad("a register without a column", register("unit,started\n001,2013\n")),
    Bad("a register with a unit twice", register("unit,first_treated\n001,2013\n001,2014\n")),
    Bad("a register with an unknown unit", register("unit,first_treated\n1,2013\n002,2013\n")),
    Bad("embedded before the start", register("unit,first_treated,embedded,stopped\n001,2013,2012,2013\n")),
    Bad("a transition without embedding", register("unit,first_treated\n001,2013\n", transition="drop")),
    Bad(
        "no dose for a treated unit",
        both(
            column("hours", None),
            cell("001", 2014, "hours", 3),
            block(treatment={"status": "status", "dose": "hours"}),
        ),
    ),
    # -- covariates
    Bad("a covariate measured after the start", both(column("imd_2019", 0.2), block(covariates=["imd_2019"]))),
    Bad("text among a covariate's numbers", both(cell("003", 2012, "idaci", "high"), block(covariates=["idaci"]))),
    Bad("a recoded value that is not there", block(recode={"region": {"Nort": "N"}})),
    # -- the design's own block
    Bad("returns whose year nobody knows", block(source="ssda903")),
    Bad("a misspelt key", block(covariate=["idaci"])),
    Bad("two kinds of treatment", block(treatment={"status": "status", "first_treated": "first_year"})),
    Bad("a count without exposure", block(outcome={"count": "entries"})),
    # -- all at once
    Bad(
        "several at once",
        both(
            cell("003", 2012, "entries", "x"),
            cell("004", 2013, "children", 0),
            cell("005", 2014, "first_year", 2013),
            row_twice,
            block(covariates=["idacci"]),
        ),
    ),
)


def told(bad: Bad) -> str:
    """Return one entry of the table: the name, and what is said below it."""
    with TemporaryDirectory() as folder:
        return f"{bad.name}\n    " + (said(bad, Path(folder)) or "NOTHING WAS SAID").replace("\n", "\n    ") + "\n"


def main() -> None:
    """Print every bad input and what is said about it."""
    for bad in BAD:
        print(told(bad), end="")


if __name__ == "__main__":
    main()
