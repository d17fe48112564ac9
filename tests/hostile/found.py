"""Hostile files whose fault has to say what was found: separators, dates, times, shortened numbers, sums of units."""

# ruff: noqa: E501  a case is a line

from __future__ import annotations

import bz2
import gzip
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.hostile.cases import (
    DESIGN,
    Hostile,
    Make,
    by_year,
    cell,
    chart_sheet,
    csv_text,
    data,
    design,
    duckdb,
    files,
    formatted,
    parquet,
    sheet_of,
    stored,
    total_rows,
    whole,
    write,
)

WIDE = "  wide: {columns: [entries_20*, children_20*], into: year}\n"


def packed_again(path: Path, parts: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
    """Change the parts of a zip."""
    with zipfile.ZipFile(path) as packed:
        kept = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts(kept).items():
            packed.writestr(name, content)


def chart_sheet_without_chart(path: Path, frame: pd.DataFrame) -> None:
    chart_sheet(path, frame)
    packed_again(path, lambda kept: {name: one for name, one in kept.items() if "chartsheets/_rels" not in name})


def book(pattern: bytes = b"", instead: bytes = b"") -> Callable[[Path, pd.DataFrame], None]:
    """Save a workbook whose parts hold something else where they match."""

    def save(path: Path, frame: pd.DataFrame) -> None:
        named = path.with_name("named.xlsx")
        frame.to_excel(named, index=False)
        packed_again(named, lambda kept: {name: re.sub(pattern, instead, one) for name, one in kept.items()})
        named.rename(path)

    return save


def zipped(parts: dict[str, str | bytes]) -> Callable[[Path, pd.DataFrame], None]:
    """Write a zip of some files."""

    def save(path: Path, _: pd.DataFrame) -> None:
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in parts.items():
                packed.writestr(name, content)

    return save


def codes_by_format(sheet: Any) -> None:
    for row in range(2, 42):
        sheet.cell(row, 1).value = int(str(sheet.cell(row, 1).value))
        sheet.cell(row, 1).number_format = '"E060000"00'


def dates_for_codes(sheet: Any) -> None:
    for row in range(7, 12):
        sheet.cell(row, 1).value = pd.Timestamp("2024-03-01").to_pydatetime()


def lacking(*names: str) -> Callable[[Path, pd.DataFrame], None]:
    """Save a table with a column per year and variable, without some."""

    def save(path: Path, frame: pd.DataFrame) -> None:
        rows = by_year(frame)
        kept = [k for k, name in enumerate(rows[0]) if name not in names]
        sheet_of([[row[k] for k in kept] for row in rows], path)

    return save


def summed(units: list[str], code: str) -> Make:
    def make(folder: Path) -> None:
        frame = data().assign(children=lambda d: d["children"] + 37 * d["la_code"].astype(int) * (d["year"] - 2009))
        own = frame[frame["la_code"].isin(units)].groupby("year", as_index=False)[["entries", "children"]].sum()
        more = own.assign(la_code=code, first_year=0, region="All", idaci=0.3, status=0)
        pd.concat([frame, more]).to_csv(folder / "panel.csv", index=False)

    return make


def renamed(names: dict[str, str], since: int) -> Make:
    def make(folder: Path) -> None:
        frame = data()
        late = frame["year"] >= since
        frame["la_code"] = frame["la_code"].where(~late, frame["la_code"].replace(names))
        frame.to_csv(folder / "panel.csv", index=False)

    return make


PROFILE = "  covariates: [idaci, region]\ndisclosure: {profile: dfe}\n"
FOUND: dict[str, Make] = {
    **{f"separated by {mark!r}": files(panel_csv=csv_text().replace(",", mark)) for mark in ("|", "^", ":", "~", " ", "\x1f", "¦")},
    "pipes below a title": files(panel_csv="Children | by authority\n\n" + csv_text().replace(",", "|")),
    "pipes between quoted names": files(panel_csv=csv_text().replace(",", "|").replace("la_code", '"la_code"', 1)),
    "two byte-order marks": files(panel_csv=b"\xef\xbb\xbf\xef\xbb\xbf" + csv_text().encode()),
    "a name of a column with what nobody sees": files(panel_csv=csv_text().replace("la_code", "la_co\u200bde", 1)),
    "a unit with what nobody sees": renamed({"003": "\u200e003\ufe0f"}, 2014),
    "a start with what nobody sees": cell("first_year", "n\u00ada"),
    "a terminal's own signs": cell("entries", "\x1b[31m7\x07"),
    "a chart sheet without a chart": stored("xlsx", "p.xlsx", chart_sheet_without_chart),
    "codes made by a number format": stored("xlsx", "p.xlsx", formatted(codes_by_format)),
    "dates for codes, workbook": stored("xlsx", "p.xlsx", formatted(dates_for_codes)),
    "dates for codes": renamed({"003": "01-Mar"}, 2011),
    "dates for codes, left out": lambda folder: (renamed({"003": "01-Mar"}, 2011)(folder), design("  covariates", "  exclude: [{units: [01-Mar], why: lost}]\n  covariates")(folder))[0],
    "a year that one variable lacks": stored("xlsx", "p.xlsx", lacking("children_2013"), WIDE),
    "a year that both variables lack": stored("xlsx", "p.xlsx", lacking("children_2013", "entries_2013"), WIDE),
    "periods as times with a zone": stored("parquet", "p.parquet", lambda path, frame: frame.assign(year=pd.to_datetime(frame["year"].astype(str) + "-03-31 23:30", utc=True)).to_parquet(path)),
    "periods as midnights with a zone": stored("parquet", "p.parquet", lambda path, frame: frame.assign(year=pd.to_datetime(frame["year"].astype(str) + "-03-31").dt.tz_localize("Europe/London")).to_parquet(path)),
    "periods as times": stored("duckdb", "p.duckdb", duckdb("CREATE TABLE a AS SELECT * REPLACE (make_timestamp(year, 12, 31, 23, 30, 0.0) AS year) FROM given")),
    "starts as times": stored("duckdb", "p.duckdb", duckdb("CREATE TABLE a AS SELECT * REPLACE (CASE WHEN first_year > 0 THEN make_timestamp(first_year, 12, 31, 23, 30, 0.0) END AS first_year) FROM given")),
    "counts that are days": stored("parquet", "p.parquet", parquet(entries=pd.to_timedelta(range(40), unit="D"))),
    "counts shortened by a spreadsheet": whole("children", lambda value: f"{value:.2E}"),
    "counts in powers of ten with all digits": whole("children", lambda value: f"{value:.6E}"),
    "a footnote's number on a name": renamed({"003": "Kent", "004": "Medway"}, 2011),
    "a footnote's number on a name in some years": lambda folder: data().assign(la_code=lambda d: d["la_code"].replace("003", "Kent").where(~d["la_code"].eq("003") | (d["year"] < 2014), "Kent1")).to_csv(folder / "panel.csv", index=False),
    "a subtotal of a few": summed(["001", "004", "006"], "R001"),
    "a subtotal of neighbours": summed(["003", "004", "005"], "009"),
    "a subtotal of a few, dfe": lambda folder: (summed(["001", "004", "006"], "R001")(folder), design("  covariates: [idaci, region]\n", PROFILE)(folder))[0],
    "a total under a code of its own, dfe": lambda folder: (files(panel_csv=csv_text() + total_rows("E99"))(folder), design("  covariates: [idaci, region]\n", PROFILE)(folder))[0],
    "too few periods, dfe": lambda folder: design("  covariates: [idaci, region]\n", "  window: {from: 2013}\n" + PROFILE)(folder),
    "too few periods for the method, dfe": lambda folder: write(folder, {"design.yaml": DESIGN.replace("  covariates: [idaci, region]\n", "  window: {from: 2012}\n" + PROFILE).replace("method: twfe", "method: synthetic_control")}),
    "a workbook under another name": stored("xlsx", "p.dat", book()),
    "a workbook named as a binary one": stored("xlsx", "p.xlsb", book()),
    "a zip of a csv": stored("csv", "p.csv.zip", zipped({"p.csv": csv_text()})),
    "a zip of a csv for a workbook": stored("xlsx", "p.zip", zipped({"p.csv": csv_text()})),
    "an OpenDocument spreadsheet": stored("xlsx", "p.ods", zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<a/>"})),
    "a binary workbook": stored("xlsx", "p.xlsb", zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": b"0"})),
    "an old workbook named csv": files(panel_csv=bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000)),
    "gzip named csv": files(panel_csv=gzip.compress(csv_text().encode())),
    "bzip2 named csv": files(panel_csv=bz2.compress(csv_text().encode())),
    "utf-16 without a mark": files(panel_csv=csv_text().encode("utf-16-le")),
    "rows of a sheet swapped": stored("xlsx", "p.xlsx", book(rb'(<row r="7".*?</row>)(<row r="8".*?</row>)', rb"\2\1")),
    "a row of a sheet twice": stored("xlsx", "p.xlsx", book(rb'(<row r="7".*?</row>)', rb"\1\1")),
    "a cell of a sheet twice": stored("xlsx", "p.xlsx", book(rb'(<c r="D7".*?</c>)', rb"\1\1")),
    "a cell of another row": stored("xlsx", "p.xlsx", book(b'r="D7"', b'r="D8"')),
    "a sheet with an entity": stored("xlsx", "p.xlsx", book(rb"<worksheet ", b'<!DOCTYPE x [<!ENTITY a "1500">]><worksheet ')),
    "a Strict workbook": stored("xlsx", "p.xlsx", book(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main")),
}  # fmt: skip


def found() -> Iterator[Hostile]:
    """Yield every case."""
    yield from (Hostile(f"found {name}", make) for name, make in FOUND.items())
