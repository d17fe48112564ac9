"""What is read of published tables, as data: kinds of file by their columns, measures by column, release and filter."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product

__all__ = [
    "Area", "AreaColumns", "PublishedKind", "PublishedMeasure", "added_up", "areas_of_parts", "code_at",
    "codes_of_authorities", "grades", "kind_of",
    "last_years", "measure_names", "measures_of", "named_release", "places_of", "symbol_ranges", "wholes_of_parts",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AreaColumns:
    """Where a layout says whose row it is, and of when; empty where it does not.

    Attributes
    ----------
    code, gss, name, region
        Columns of the DfE's number, the ONS's code, the name, the region.
    level
        Column of authority, region or nation.
    period
        Column of the period.
    """

    code: str
    gss: str
    name: str
    region: str
    level: str
    period: str


@dataclass(frozen=True, slots=True)
class Area:
    """An area of constant geography that is made of several authorities.

    Attributes
    ----------
    code, name
    parts
        Numbers of the authorities that it was ever made of.
    """

    code: str
    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedKind:
    """A kind of published file.

    Attributes
    ----------
    name
        starts, ends, stock (wide underlying data); care, population, need, referrals, plans (tidy); tool (the
        interactive tool's long file); deprivation; inspections.
    layout
        wide: a row is an authority, years stand in names of columns; tidy and tool: a row has its year; averages: a
        row is an authority, of the release's year; inspections: a row is an inspection.
    marks
        Columns by which it is told; `|` parts the names that one has had, `{year}` stands for a year, `{yy}` for its
        last two digits.
    vintage
        What its release is called.
    rank
        Of two releases of one year the higher counts: what a source published before what the tool put together.
    """

    name: str
    layout: str
    marks: tuple[str, ...]
    vintage: str
    rank: int

    @property
    def wide(self) -> bool:
        """Whether years stand in the names of columns."""
        return self.layout == "wide"

    @property
    def area(self) -> AreaColumns:
        """Where it says whose row it is, and of when."""
        return _layouts()[self.layout]


@dataclass(frozen=True, slots=True)
class PublishedMeasure:
    """A measure, and where a kind of file holds it.

    Attributes
    ----------
    columns
        The names that its column has had.
    only
        Column and value of the rows that it stands in; empty: of all.
    name, group
        Our name, and the group whose vintage it shares.
    first, last
        Releases in which the column means that.
    shift
        Years from the year that is written to the year to March: a mid-year estimate belongs to the year after.
    """

    columns: tuple[str, ...]
    only: tuple[str, ...]
    name: str
    group: str
    first: int
    last: int
    shift: int


def _rows(name: str) -> list[dict[str, str]]:
    text = files("sos_eval.panel.read.dfe").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _kinds() -> tuple[PublishedKind, ...]:
    return tuple(
        PublishedKind(row["kind"], row["layout"], tuple(row["marks"].split(";")), row["vintage"], int(row["rank"]))
        for row in _rows("kinds.csv")
    )


@cache
def _layouts() -> dict[str, AreaColumns]:
    return {row.pop("layout"): AreaColumns(**row) for row in _rows("layouts.csv")}


@cache
def measures_of(kind: str, release: int) -> tuple[PublishedMeasure, ...]:
    """Return what a release of a kind of file holds."""
    made = [
        PublishedMeasure(
            tuple(row["column"].split("|")), tuple(filter(None, row["only"].split("="))), row["measure"], row["group"],
            int(row["first"] or 0), int(row["last"] or 9999), int(row["shift"]),
        ) for row in _rows("measures.csv") if row["kind"] == kind
    ]  # fmt: skip
    return tuple(measure for measure in made if measure.first <= release <= measure.last)


@cache
def measure_names() -> tuple[str, ...]:
    """Return our names of the measures, in their order."""
    return tuple(dict.fromkeys(row["measure"] for row in _rows("measures.csv")))


def named_release(stem: str) -> int | None:
    """Return the release that a file's name says, or that is known of a file that says none.

    Examples
    --------
    >>> named_release("SFR36_ADM2013"), named_release("SFE21_ADM"), named_release("SFR21_CEA")
    (2013, None, 2011)
    """
    match = re.search(r"(?<!\d)(20\d\d)(?!\d)", stem)
    listed = {row["stem"]: int(row["release"]) for row in _rows("releases.csv")}
    return int(match[1]) if match else listed.get(stem)


def kind_of(header: Sequence[str]) -> PublishedKind | None:
    """Return the kind whose marks are all among the columns; None where there is none."""
    return next((kind for kind in _kinds() if all(any(places_of(mark, header)) for mark in kind.marks)), None)


def places_of(column: str, header: Sequence[str]) -> Iterator[tuple[int, int | None]]:
    """Yield where a column stands, with the year in its name where `{year}` is one.

    Examples
    --------
    >>> list(places_of("CLA_Mar{year}|CLA_Mar", ("geog_c", "CLA_Mar2018", "CLA_Mar2018_pc")))
    [(1, 2018)]
    """
    for name, (place, word) in product(column.split("|"), enumerate(header)):
        form = re.escape(name).replace(r"\{year\}", r"(\d{4})").replace(r"\{yy\}", r"\d\d")
        match = re.fullmatch(form, word)
        if match:
            yield place, int(match[1]) if match.groups() else None


@cache
def wholes_of_parts() -> dict[str, tuple[str, str]]:
    """Return of every measure that counts what it is a part of, and the list of parts that exclude one another.

    Both are empty where there is none; rates, percentages and populations are not among them.
    """
    return {row["measure"]: (row["of"], row["parts"]) for row in _rows("measures.csv") if row["of"] != "no count"}


@cache
def symbol_ranges() -> dict[tuple[str, bool], tuple[float, float]]:
    """Return the least and largest count behind a symbol, by symbol and whether the table is wide.

    The largest is infinite where the symbol does not say it; symbols of what was not measured or not there are no keys.
    """
    return {
        (row["symbol"], wide): (float(row["low"]), float(row["high"] or "inf"))
        for row in _rows("symbols.csv") for wide in (False, True) if row["layout"] in ("", "wide" if wide else "tidy")
    }  # fmt: skip


@cache
def codes_of_authorities() -> dict[str, str]:
    """Return the DfE's number of every ONS code that an upper-tier authority has had since 2011."""
    return {row["gss_code"]: row["la_code"] for row in _rows("codes.csv")}


@cache
def code_at(la_code: str, year: int) -> str:
    """Return the ONS code under which tables of a year list an authority; empty where it is not known.

    Examples
    --------
    >>> code_at("825", 2020), code_at("825", 2021), code_at("838", 2019)
    ('E10000002', 'E06000060', '')
    """
    rows = [row for row in _rows_of_codes() if row["la_code"] == la_code]
    held = [row for row in rows if int(row["first"] or 0) <= year <= int(row["last"] or 9999)]
    return held[0]["gss_code"] if held else ""


@cache
def _rows_of_codes() -> tuple[dict[str, str], ...]:
    return tuple(_rows("codes.csv"))


@cache
def areas_of_parts() -> tuple[Area, ...]:
    """Return the areas of constant geography that are made of several authorities, of any year."""
    rows = _rows("areas.csv")
    named = dict.fromkeys((row["area"], row["name"]) for row in rows)
    return tuple(Area(code, name, tuple(r["la_code"] for r in rows if r["area"] == code)) for code, name in named)


@cache
def added_up(measure: str) -> bool:
    """Whether a measure of an area is the sum of its parts': numbers of people and staff are, and total spending.

    Examples
    --------
    >>> added_up("care_entries"), added_up("children_0_17"), added_up("rereferral_percent"), added_up("idaci_2019")
    (True, True, False, False)
    """
    rows = [row for row in _rows("measures.csv") if row["measure"] == measure]
    people = all(row["of"] != "no count" and row["parts"] != "no count" for row in rows)
    return (
        people
        or any(row["group"] in ("children", "denominators") for row in rows)
        or measure.endswith("_fte")
        or measure.startswith("spend_")
    )


@cache
def last_years() -> dict[str, int]:
    """Return the last year to March of each authority that is there no more."""
    ends: dict[str, int] = {}
    for row in _rows_of_codes():
        ends[row["la_code"]] = max(ends.get(row["la_code"], 0), int(row["last"] or 9999))
    return {code: year for code, year in ends.items() if year < 9999}


@cache
def grades() -> dict[str, int]:
    """Return the number of each word of the four-point scale, in lower case: 1 outstanding to 4 inadequate."""
    return {row["words"]: int(row["number"]) for row in _rows("judgements.csv")}
