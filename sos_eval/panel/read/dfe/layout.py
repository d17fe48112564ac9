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
    "PublishedKind", "PublishedMeasure", "kind_of", "measure_names", "measures_of", "named_release", "places_of",
    "symbol_ranges", "wholes_of_parts",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublishedKind:
    """A kind of published file.

    Attributes
    ----------
    name
        starts, ends, stock (wide underlying data); care, population, need, referrals, plans (tidy).
    wide
        Whether a row holds an authority, with years in the names of columns; else a row holds its year.
    marks
        Columns by which it is told; `|` parts the names that one has had, `{year}` stands for a year.
    vintage
        What its release is called.
    """

    name: str
    wide: bool
    marks: tuple[str, ...]
    vintage: str


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
        PublishedKind(row["kind"], row["layout"] == "wide", tuple(row["marks"].split()), row["vintage"])
        for row in _rows("kinds.csv")
    )


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
        match = re.fullmatch(re.escape(name).replace(r"\{year\}", r"(\d{4})"), word)
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
