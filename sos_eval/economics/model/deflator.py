"""Prices of different years brought to one, by a dated series."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from re import fullmatch

from sos_eval.errors import DataFault, Fault, nearest

__all__ = ["Deflator", "deflator_names", "named_deflator", "read_deflator"]


@dataclass(frozen=True, slots=True)
class Deflator:
    """A price index by year.

    Attributes
    ----------
    name, called, vintage, source
        Where it comes from, and of when; `called` for readers.
    index
        Price year as written (``2023`` is a calendar year, ``2023-24`` a financial year) to index.
    """

    name: str
    called: str
    vintage: str
    source: str
    index: Mapping[str, float]

    def problem(self, year: str) -> str:
        """Say why a price year cannot be used, or nothing."""
        if year in self.index:
            return ""
        if rightly := self.written(year):
            return f"price year {year}: a financial year is written {rightly}"
        span = [key for key in self.index if ("-" in key) == ("-" in year)]
        covers = f"{span[0]} to {span[-1]}" if span else f"{next(iter(self.index))} and others"
        return f"price year {year} is outside the deflator {self.name} ({self.vintage}), which covers {covers}"

    def written(self, year: str) -> str:
        """Return a financial year as it has to be written, where it is written in another way; else nothing."""
        found = fullmatch(r"(\d{2})?(\d{2})[-/\u2013_ ](\d{2})?(\d{2})", year)
        if found is None or (int(found[2]) + 1) % 100 != int(found[4]):
            return ""
        century = found[1] or ("19" if int(found[2]) > 50 else "20")
        rightly = f"{century}{found[2]}-{found[4]}"
        return rightly if rightly != year else ""

    def instead(self, year: str) -> str:
        """Say what to write in place of a price year that cannot be used."""
        rightly = self.written(year)
        return f"write {rightly}" if rightly in self.index else "name another deflator"

    def factor(self, given: str, wanted: str) -> float:
        """Return what a pound of one year's prices is in another's."""
        return self.index[wanted] / self.index[given]


@cache
def _shipped() -> dict[str, dict[str, str]]:
    text = files("sos_eval.economics").joinpath("data/deflators.json").read_text(encoding="utf-8")
    shipped: dict[str, dict[str, str]] = json.loads(text)
    return shipped


def deflator_names() -> list[str]:
    """List the series that come with the package."""
    return sorted(_shipped())


@cache
def named_deflator(name: str) -> Deflator:
    """Return a series that comes with the package."""
    entry = _shipped()[name]
    text = files("sos_eval.economics").joinpath("data", entry["file"]).read_text(encoding="utf-8")
    return Deflator(name, entry["called"], entry["vintage"], entry["source"], _parse(text, entry["file"]))


def read_deflator(path: Path, vintage: str, source: str) -> Deflator:
    """Read a series from a CSV with the columns ``price_year`` and ``index``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in sorted(path.parent.glob("*.csv"))]) if path.parent.is_dir() else ""
        raise DataFault(Fault(str(path), "no such file", near)) from None
    return Deflator(path.name, path.name, vintage, source, _parse(text, str(path)))


def _parse(text: str, where: str) -> dict[str, float]:
    """Read the two columns."""
    rows = csv.DictReader(text.splitlines())
    if not {"price_year", "index"} <= set(rows.fieldnames or ()):
        raise DataFault(Fault(where, "a deflator needs the columns price_year and index"))
    index: dict[str, float] = {}
    for row in rows:
        try:
            value = float(row["index"])
        except ValueError:
            value = 0.0
        if value <= 0:
            raise DataFault(Fault(f"{where}:{rows.line_num}", f"index: {row['index']!r} is not a positive number"))
        index[row["price_year"].strip()] = value
    return index
