"""Hostile inputs as data: who makes the file, what is typed, and what has to come back.

What comes back (exit code and the first fault) is stored in `expected.txt`, as it was read and found right;
`python -m tests.hostile.cases` prints the table anew. Every case must end in 0, 2 or 3, in half a minute, without a
traceback.
"""

# ruff: noqa: E501  a case is a line

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tests.hostile.fork import Outcome, run
from tests.panel.small import table

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la_code
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: first_year}
  covariates: [idaci, region]
estimators: [{id: a, method: twfe}]
inference: [{method: analytic}]
seed: 1
"""
WORLD = """\
schema: sos-eval/world/1
name: w
times: {first: 2011, last: 2016}
authorities: {n: 12}
outcome: {name: care_entries, mean: {2011: 28}}
adoption: {pattern: calendar, treated: 4, start: 2014}
"""
ECONOMICS = """\
schema: sos-eval/economics/1
name: e
psa: {effects: effects.csv, costs: costs.csv}
reference: a
thresholds: [0, 100]
gate: {override: E3, why: a check}
"""
#: As many draws as an interval needs.
DRAWS = {
    "effects.csv": "a,b\n1,2\n" + "1.1,2.1\n1.2,2.0\n1.3,2.2\n" * 13,
    "costs.csv": "a,b\n10,20\n" + "11,21\n12,22\n13,23\n" * 13,
}

Make = Callable[[Path], None]


@dataclass(frozen=True)
class Hostile:
    """One input: its name, who writes the files, what is typed, and how large a file may become (0: any size)."""

    name: str
    make: Make
    command: tuple[str, ...] = ("check", "design.yaml")
    file_bytes: int = 0

    def outcome(self, folder: Path) -> Outcome:
        """Write the files and run the command in a fork."""
        data().to_csv(folder / "panel.csv", index=False)
        write(folder, {"design.yaml": DESIGN, "world.yaml": WORLD, "economics.yaml": ECONOMICS, **DRAWS})
        self.make(folder)
        return run(list(self.command), folder, self.file_bytes)


def data() -> pd.DataFrame:
    return table().assign(entries=lambda d: d["entries"] * 7 % 31 + 20)


def write(folder: Path, texts: dict[str, str | bytes]) -> None:
    for name, text in texts.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


def files(**texts: str | bytes) -> Make:
    """Write files; `panel_csv` is panel.csv."""
    return lambda folder: write(folder, {name.replace("_", ".", 1): text for name, text in texts.items()})


def cell(column: str, value: Any, row: int = 6) -> Make:
    def make(folder: Path) -> None:
        frame = data().astype(object)
        frame.loc[row, column] = value
        frame.to_csv(folder / "panel.csv", index=False)

    return make


def whole(column: str, write_as: Callable[[Any], Any]) -> Make:
    return lambda folder: (
        data().assign(**{column: data()[column].map(write_as)}).to_csv(folder / "panel.csv", index=False)
    )


def design(old: str, new: str) -> Make:
    if old not in DESIGN:
        raise AssertionError(f"the design does not hold {old!r}")
    return files(design_yaml=DESIGN.replace(old, new))


def stored(source: str, name: str, save: Callable[[Path, pd.DataFrame], None], change: str = "") -> Make:
    def make(folder: Path) -> None:
        save(folder / name, data())
        text = DESIGN.replace("source: csv", f"source: {source}").replace("panel.csv", name)
        write(folder, {"design.yaml": text.replace("  unit:", f"{change}  unit:") if change else text})

    return make


#: Written into one cell of each column.
CELLS: tuple[Any, ...] = (
    "", " ", "NA", "#REF!", "#N/A", "c", "..", "-", "*", "x", "nan", "inf", "-inf", "1e400", "-1", "0", "1.5",
    "1,234", "12%", "£12", "12,5", "−3", "(3)", "2014/15", "201415", "1e20", "-2010", "TRUE", "é\u200b", "'=1+1", "0x10",
    "1_000", "９", "9" * 400, "a" * 5000, "\u202e12", "2013-10-01", "31/02/2014", "unknown", "Not using", "never", "None",
)  # fmt: skip
COLUMNS = ("la_code", "year", "first_year", "entries", "children", "idaci", "region")


def in_cells() -> Iterator[Hostile]:
    for column in COLUMNS:
        for value in CELLS:
            shown = repr(value) if len(str(value)) < 30 else f"{str(value)[0]!r} x {len(value)}"
            yield Hostile(f"cell {column} {shown}", cell(column, value))


COLUMN_FORMS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "years as 2014/15, starts not": ("year", lambda y: f"{y}/{(y + 1) % 100}"),
    "years as text": ("year", lambda y: f"y{y}"),
    "every second year": ("year", lambda y: 2 * y),
    "years as floats": ("year", lambda y: f"{y}.0"),
    "years with commas": ("year", lambda y: f"{y:,}"),
    "all in one year": ("year", lambda y: 2011),
    "rates in per cent": ("idaci", lambda v: f"{100 * v:.0f}%"),
    "decimal commas": ("idaci", lambda v: f"{v:.2f}".replace(".", ",")),
    "counts with commas": ("entries", lambda v: f"{1000 * v:,}"),
    "counts with dots": ("entries", lambda v: f"{40 * v:,}".replace(",", ".")),
    "exposures with dots": ("children", lambda v: "10.000"),
    "counts in pounds": ("entries", lambda v: f"£{v}"),
    "counts as words": ("entries", lambda v: "many"),
    "all suppressed": ("entries", lambda v: "c"),
    "no counts": ("entries", lambda v: ""),
    "all the same": ("entries", lambda v: 5),
    "no exposure": ("children", lambda v: 0),
    "one unit": ("la_code", lambda v: "001"),
    "a unit a row": ("la_code", lambda v: ""),
    "starts never": ("first_year", lambda v: "never"),
    "starts unknown": ("first_year", lambda v: "unknown"),
    "starts before all": ("first_year", lambda v: 1900),
    "starts as a flag": ("first_year", lambda v: int(v > 0)),
    "starts in another notation": ("first_year", lambda v: f"{v}15" if v else 0),
}


def csv_text() -> str:
    return data().to_csv(index=False)


def wide_csv() -> str:
    return data().pivot(index="la_code", columns="year", values="entries").reset_index().to_csv(index=False)


def total_rows(code: str) -> str:
    sums = data().groupby("year", as_index=False)[["entries", "children"]].sum()
    return "".join(f"{code},{row.year},0,{row.entries},{row.children},All,0.3,0\n" for row in sums.itertuples())


FILES: dict[str, Make] = {
    "missing": lambda folder: (folder / "panel.csv").unlink(),
    "a directory": lambda folder: ((folder / "panel.csv").unlink(), (folder / "panel.csv").mkdir())[0],
    "empty": files(panel_csv=b""),
    "a line break": files(panel_csv=b"\n"),
    "null bytes": files(panel_csv=b"\0" * 4000),
    "random bytes": files(panel_csv=bytes(i * 7919 % 256 for i in range(5000))),
    "latin-1": files(panel_csv=csv_text().replace("North", "Nørth").encode("latin-1")),
    "utf-16": files(panel_csv=csv_text().encode("utf-16")),
    "a byte-order mark": files(panel_csv=csv_text().encode("utf-8-sig")),
    "semicolons": files(panel_csv=csv_text().replace(",", ";")),
    "tabs": files(panel_csv=csv_text().replace(",", "\t")),
    "carriage returns": files(panel_csv=csv_text().replace("\n", "\r")),
    "an open quotation mark": files(panel_csv=csv_text().replace("North", '"North', 1)),
    "columns only": files(panel_csv=csv_text().split("\n")[0]),
    "a column twice": files(panel_csv=csv_text().replace("idaci", "entries", 1)),
    "no column of units": files(panel_csv=csv_text().replace("la_code", "code", 1)),
    "nameless columns": files(panel_csv="," + csv_text().replace("\n", "\n,")),
    "a title": files(panel_csv="Children by authority,,\n\n" + csv_text()),
    "seventy titles": files(panel_csv="title\n" * 70 + csv_text()),
    "notes below": files(panel_csv=csv_text() + "\nSource: DfE, SSDA903\nc = confidential, not shown\n"),
    "a total below": files(panel_csv=csv_text() + "Total,,,900,80000,,,\n"),
    "an England row a year": files(
        panel_csv=csv_text() + "".join(f"England,{y},0,900,80000,All,0.3,0\n" for y in range(2011, 2016))
    ),
    "a total under a code of its own": files(panel_csv=csv_text() + total_rows("E99")),
    "a row twice": files(panel_csv=csv_text() + csv_text().split("\n")[7] + "\n"),
    "rows of commas": files(panel_csv=csv_text() + ",,,,,,,\n" * 500),
    "a row too long": files(panel_csv=csv_text().replace("North", "North,more", 1)),
    "a row too short": files(panel_csv=csv_text() + "009,2011\n"),
    "a cell of a megabyte": files(panel_csv=csv_text().replace("North", "N" * 1_000_000, 1)),
    "ten thousand columns": files(
        panel_csv="\n".join(line + ",1" * 10_000 for line in csv_text().splitlines()).replace(
            ",1" * 10_000, "".join(f",x{i}" for i in range(10_000)), 1
        )
    ),
    "a column per year": files(panel_csv=wide_csv()),
    "a workbook's name on a csv": lambda folder: write(
        folder, {"panel.xlsx": csv_text(), "design.yaml": DESIGN.replace("csv", "xlsx")}
    ),
    "gzip cut short": lambda folder: write(
        folder,
        {
            "panel.csv.gz": gzip.compress(csv_text().encode())[:90],
            "design.yaml": DESIGN.replace("panel.csv", "panel.csv.gz"),
        },
    ),
    "a unit written two ways": cell("la_code", "2", 5),
}


def gzip_bomb(folder: Path) -> None:
    with gzip.open(folder / "panel.csv.gz", "wb") as packed:
        packed.write(csv_text().encode())
        for _ in range(200):
            packed.write(b"," * 1_000_000)
    write(folder, {"design.yaml": DESIGN.replace("panel.csv", "panel.csv.gz")})


def chart_sheet(path: Path, frame: pd.DataFrame) -> None:
    from openpyxl import Workbook
    from openpyxl.chart import BarChart

    book = Workbook()
    book.remove(book.active)
    book.create_chartsheet("Chart").add_chart(BarChart())
    book.save(path)


def titled_sheet(path: Path, frame: pd.DataFrame) -> None:
    frame.to_excel(path, index=False, startrow=3)


def formatted(change: Callable[[Any], object]) -> Callable[[Path, pd.DataFrame], None]:
    """Save a workbook and change how it looks."""

    def save(path: Path, frame: pd.DataFrame) -> None:
        from openpyxl import load_workbook

        frame.to_excel(path, index=False)
        book = load_workbook(path)
        change(book.active)
        book.save(path)

    return save


def hide(sheet: Any) -> None:
    for row in (2, 3, 7):
        sheet.row_dimensions[row].hidden = True
    sheet.column_dimensions["D"].hidden = True


def by_year(frame: pd.DataFrame) -> list[list[Any]]:
    """Return rows with a column per year and variable, below their names."""
    wide = frame.pivot(index="la_code", columns="year", values=["entries", "children"])
    kept = frame.groupby("la_code")[["first_year", "region", "idaci"]].first()
    rows = zip(kept.itertuples(), wide.to_numpy().tolist(), strict=True)
    return [
        ["la_code", *kept.columns, *(f"{name}_{year}" for name, year in wide.columns)],
        *([*a, *b] for a, b in rows),
    ]


def sheet_of(rows: list[list[Any]], path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def years_twice(path: Path, frame: pd.DataFrame) -> None:
    names, *rows = by_year(frame)
    above = ["", "", "", "", "entries", *[""] * 4, "children"]
    sheet_of([above, [name.split("_")[-1] if name[-1].isdigit() else name for name in names], *rows], path)


def wide_with_notes(path: Path, frame: pd.DataFrame) -> None:
    rows = by_year(frame)
    total = ["Total", None, None, None, *(sum(column) for column in list(zip(*rows[1:], strict=True))[4:])]
    sheet_of([*rows, total, [], ["Note: provisional"], ["Source: DfE"]], path)


def two_sheets(path: Path, frame: pd.DataFrame) -> None:
    with pd.ExcelWriter(path) as writer:
        frame.to_excel(writer, sheet_name="a", index=False)
        frame.to_excel(writer, sheet_name="b", index=False)


def parquet(**columns: Any) -> Callable[[Path, pd.DataFrame], None]:
    return lambda path, frame: frame.assign(**columns).to_parquet(path)


def column_twice(path: Path, frame: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole_table = pa.Table.from_pandas(frame)
    pq.write_table(whole_table.append_column("entries", whole_table.column("entries")), path)


def duckdb(*statements: str) -> Callable[[Path, pd.DataFrame], None]:
    def save(path: Path, frame: pd.DataFrame) -> None:
        import duckdb as library

        with library.connect(str(path)) as connection:
            connection.register("given", frame)
            for statement in statements:
                connection.execute(statement.format(csv=path.parent / "panel.csv"))

    return save


STORED: dict[str, Make] = {
    "a gzip bomb": gzip_bomb,
    "a chart sheet": stored("xlsx", "p.xlsx", chart_sheet),
    "a titled sheet": stored("xlsx", "p.xlsx", titled_sheet),
    "two sheets": stored("xlsx", "p.xlsx", two_sheets),
    "a sheet that is not there": stored("xlsx", "p.xlsx", two_sheets, "  table: c\n"),
    "an empty zip": stored("xlsx", "p.xlsx", lambda path, _: path.write_bytes(b"PK\5\6" + b"\0" * 18) and None),
    "half a workbook": stored(
        "xlsx", "p.xlsx", lambda path, f: (f.to_excel(path), path.write_bytes(path.read_bytes()[:3000]))[0]
    ),
    "a column of lists": stored("parquet", "p.parquet", parquet(entries=[[1, 2]] * 40)),
    "a column of mappings": stored("parquet", "p.parquet", parquet(idaci=[{"a": 1}] * 40)),
    "a parquet column twice": stored("parquet", "p.parquet", column_twice),
    "half a parquet": stored(
        "parquet", "p.parquet", lambda path, f: (f.to_parquet(path), path.write_bytes(path.read_bytes()[:900]))[0]
    ),
    "duckdb of two tables": stored("duckdb", "p.duckdb", duckdb("CREATE TABLE a AS FROM given", "CREATE TABLE b AS FROM given")),
    "duckdb, a view that reads a file": stored("duckdb", "p.duckdb", duckdb("CREATE VIEW a AS FROM read_csv('{csv}')")),
    "duckdb, a view over its table": stored(
        "duckdb", "p.duckdb", duckdb("CREATE TABLE a AS FROM given", "CREATE VIEW b AS FROM a"), "  table: b\n"
    ),
    "duckdb, lists": stored("duckdb", "p.duckdb", duckdb("CREATE TABLE a AS SELECT * REPLACE ([1, 2] AS entries) FROM given")),
    "duckdb, widest integers": stored(
        "duckdb", "p.duckdb",
        duckdb("CREATE TABLE a AS SELECT * REPLACE ((170141183460469231731687303715884105000 + la_code::INT)::HUGEINT AS la_code) FROM given"),
    ),
    "duckdb, a view that goes on for ever": stored(
        "duckdb", "p.duckdb",
        duckdb("CREATE TABLE a AS FROM given", "CREATE VIEW b AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i % 7 + 1 FROM n) "
               "SELECT a.* FROM a WHERE (SELECT count(*) FROM n) > 0"), "  table: b\n",
    ),
    "half a duckdb": stored(
        "duckdb", "p.duckdb",
        lambda path, f: (duckdb("CREATE TABLE a AS FROM given")(path, f), path.write_bytes(path.read_bytes()[:13_000]))[0],
    ),
    "duckdb, bytes for units": stored("duckdb", "p.duckdb", duckdb("CREATE TABLE a AS SELECT * REPLACE (encode(la_code) AS la_code) FROM given")),
    "parquet, bytes that are no text": stored("parquet", "p.parquet", parquet(la_code=[b"\xff\xfe"] * 40)),
    "parquet, bytes for units": stored("parquet", "p.parquet", parquet(la_code=[code.encode() for code in data()["la_code"]])),
    "a share shown in per cent among plain numbers": stored("xlsx", "p.xlsx", formatted(lambda sheet: setattr(sheet["G8"], "number_format", "0%"))),
    "a merged count": stored("xlsx", "p.xlsx", formatted(lambda sheet: sheet.merge_cells("D4:D6"))),
    "merged units": stored("xlsx", "p.xlsx", formatted(lambda sheet: [sheet.merge_cells(f"A{row}:A{row + 4}") for row in range(2, 42, 5)])),
    "cells merged over columns": stored("xlsx", "p.xlsx", formatted(lambda sheet: sheet.merge_cells("D4:E4"))),
    "rows and a column that are hidden": stored("xlsx", "p.xlsx", formatted(hide)),
    "years below two merged names": stored("xlsx", "p.xlsx", years_twice, '  wide: {columns: "20*", into: year}\n  header_row: 2\n'),
    "notes and a total below a wide sheet": stored(
        "xlsx", "p.xlsx", wide_with_notes, "  wide: {columns: [entries_20*, children_20*], into: year}\n"
    ),
    "no duckdb": stored("duckdb", "p.duckdb", lambda path, _: path.write_bytes(b"x" * 4096) and None),
}  # fmt: skip

#: A word of the design, and what stands there instead.
SLIPS: dict[str, tuple[str, str]] = {
    "estimators empty": ("estimators: [{id: a, method: twfe}]", "estimators:"),
    "estimators a word": ("estimators: [{id: a, method: twfe}]", "estimators: twfe"),
    "estimators a list of lists": ("[{id: a, method: twfe}]", "[[a, twfe]]"),
    "no such method": ("method: twfe", "method: twff"),
    "a method that is a number": ("method: twfe", "method: 3"),
    "an unknown key": ("seed: 1", "sed: 1"),
    "seed true": ("seed: 1", "seed: true"),
    "seed a word": ("seed: 1", "seed: one"),
    "seed negative": ("seed: 1", "seed: -1"),
    "seed endless": ("seed: 1", "seed: .inf"),
    "seed huge": ("seed: 1", "seed: " + "9" * 400),
    "not an integer": ("seed: 1", "seed: !!int abc"),
    "a python tag": ("seed: 1", "seed: !!python/object/apply:os.system [ls]"),
    "an anchor to itself": ("seed: 1", "seed: &a [*a]"),
    "merged keys": ("seed: 1", "seed: 1\n<<: {name: other}"),
    "merged keys of a block": ("outcome: {count: entries,", "outcome: {<<: {per: 3}, count: entries,"),
    "nesting of 300": ("seed: 1", "seed: " + "[" * 300 + "]" * 300),
    "nesting of 10000": ("seed: 1", "seed: " + "[" * 10_000),
    "a billion laughs": (
        "seed: 1", "x:\n" + "\n".join(f"  - &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'lol'}]" for i in range(10)),
    ),
    "a lone surrogate": ("name: small", 'name: "\\ud800"'),
    "a control character": ("name: small", 'name: "a\\u0007b"'),
    "a name of 5000 letters": ("name: small", "name: " + "n" * 5000),
    "a tab": ("  unit:", "\tunit:"),
    "years as number and text": ("  covariates", "  flag_times: {2013: a, '2013': b}\n  covariates"),
    "a key twice": ("seed: 1", "seed: 1\nseed: 2"),
    "a window backwards": ("  covariates", "  window: {from: 2014, to: 2012}\n  covariates"),
    "a window of words": ("  covariates", "  window: {from: early}\n  covariates"),
    "a window in spans": ("  covariates", "  window: {from: 2011/12}\n  covariates"),
    "a window in the far future": ("  covariates", "  window: {from: 1e300}\n  covariates"),
    "a header row that is not there": ("  covariates", "  header_row: 90\n  covariates"),
    "a header row of zero": ("  covariates", "  header_row: 0\n  covariates"),
    "a step of zero": ("  covariates", "  period: {step: 0}\n  covariates"),
    "a step of three": ("  covariates", "  period: {step: 3}\n  covariates"),
    "a period that is none": ("  covariates", "  period: week\n  covariates"),
    "wide of nothing": ("  covariates", '  wide: {columns: "19*", into: year}\n  covariates'),
    "wide of everything": ("  covariates", '  wide: {columns: "*", into: year}\n  covariates'),
    "wide into another": ("  covariates", '  wide: {columns: "20*", into: time}\n  covariates'),
    "a recode of a column that is not there": ("  covariates", "  recode: {nothing: {a: b}}\n  covariates"),
    "a recode to nothing": ("  covariates", "  recode: {region: {North: }}\n  covariates"),
    "a negative scale": ("per: 10000", "per: -1"),
    "a scale that is text": ("per: 10000", "per: many"),
    "a scale that is true": ("per: 10000", "per: true"),
    "a path to a device": ("path: panel.csv", "path: /dev/zero"),
    "a path of null": ("path: panel.csv", 'path: "a\\0b"'),
    "a path of 5000 letters": ("path: panel.csv", "path: " + "p" * 5000),
    "a covariate that is the unit": ("[idaci, region]", "[la_code]"),
    "a covariate twice": ("[idaci, region]", "[idaci, idaci]"),
    "a covariate called unit": ("[idaci, region]", "[unit]"),
    "the outcome as a covariate": ("[idaci, region]", "[entries]"),
    "returns in place of a table": ("source: csv", "source: ssda903"),
    "published tables in place of a table": ("source: csv", "source: dfe"),
    "another schema": ("design/1", "design/9"),
    "the file of a world": ("sos-eval/design/1", "sos-eval/world/1"),
}  # fmt: skip

TEXTS: dict[str, str | bytes] = {
    "empty": b"", "a list": b"- a\n- b\n", "a word": b"word", "latin-1": "name: é".encode("latin-1"), "zeros": b"\0" * 99,
    "five megabytes": b"a: " + b"x" * 5_000_000, "an alias of nothing": b"a: *b", "two documents": b"a: 1\n---\nb: 2\n",
    "a directive": b"%YAML 9.9\n---\na: 1\n", "a brace": b"{", "a colon": b":", "a question": b"? [a, b]\n: c\n",
    "a date for a key": b"2014-10-01: a\n", "a key of null": b"~: a\n", "a set": b"!!set {a, b}\n", "binary": b"a: !!binary aGk=\n",
}  # fmt: skip


def others() -> Iterator[Hostile]:
    for name, (column, form) in COLUMN_FORMS.items():
        yield Hostile(f"column {name}", whole(column, form))
    yield from (Hostile(f"file {name}", make) for name, make in {**FILES, **STORED}.items())
    yield Hostile("file a gzip bomb, limited", gzip_bomb, ("check", "design.yaml", "--limit-bytes", "1000000"))
    yield from (Hostile(f"design {name}", design(*change)) for name, change in SLIPS.items())
    for name, text in TEXTS.items():
        for command, file in (("check", "design"), ("simulate", "world"), ("economics", "economics")):
            more = ("--out", "p.csv") if command == "simulate" else ()
            yield Hostile(f"{file} {name}", files(**{f"{file}_yaml": text}), (command, f"{file}.yaml", *more))


JSON_TEXTS: dict[str, str | bytes] = {
    "a list": "[1, 2]", "a word": '"a"', "nothing": "", "half": '{"sms": ', "nesting of 300": '{"sms": ' + "[" * 300 + "]" * 300 + "}",
    "nesting of 100000": "[" * 100_000, "a surrogate": '{"sms": "\\ud800"}', "endless": '{"sms": Infinity}', "no number": '{"sms": NaN}',
    "true for a number": '{"sms": true}', "a field twice": '{"sms": 3, "sms": 4}', "latin-1": "é".encode("latin-1"),
}  # fmt: skip

PSA: dict[str, dict[str, str | bytes]] = {
    "row names": {"effects.csv": ",a,b\n1,1,2\n2,1,3\n", "costs.csv": ",a,b\n1,1,2\n2,1,3\n"},
    "a strategy twice": {"effects.csv": "a,a\n1,2\n2,3\n"},
    "one strategy": {"effects.csv": "a\n1\n2\n3\n", "costs.csv": "a\n1\n2\n3\n"},
    "words": {"effects.csv": DRAWS["effects.csv"].replace("1,2", "1,x", 1)},
    "an empty draw": {"effects.csv": DRAWS["effects.csv"].replace("1,2", "1,", 1)},
    "infinite": {"effects.csv": DRAWS["effects.csv"].replace("1,2", "1,inf", 1)},
    "per cent": {"effects.csv": "a,b\n1%,2%\n2%,3%\n3%,4%\n"},
    "a blank row": {"effects.csv": "a,b\n1,2\n\n2,3\n3,4\n"},
    "fewer draws": {"effects.csv": "a,b\n1,2\n"},
    "one draw": {"effects.csv": "a,b\n1,2\n", "costs.csv": "a,b\n1,3\n"},
    "no draws": {"effects.csv": "a,b\n", "costs.csv": "a,b\n"},
    "empty": {"effects.csv": b""},
    "semicolons": {"effects.csv": "a;b\n1;2\n"},
    "another strategy": {"effects.csv": "a,c\n1,2\n2,3\n3,4\n"},
    "the same twice": {"effects.csv": "a,b\n1,1\n2,2\n3,3\n", "costs.csv": "a,b\n1,1\n2,2\n3,3\n"},
}

COMMANDS: dict[str, tuple[str, ...]] = {
    "run into this folder": ("run", "design.yaml", "--out", "."),
    "run into a file": ("run", "design.yaml", "--out", "panel.csv"),
    "run over the design": ("run", "design.yaml", "--out", "design.yaml", "--force"),
    "run on another panel": ("run", "design.yaml", "--panel", "nothing.csv"),
    "run on vintages of which one is not there": ("run", "design.yaml", "--vintages", "panel.csv", "nothing.csv"),
    "run on one vintage": ("run", "design.yaml", "--vintages", "panel.csv"),
    "run on a vintage twice": ("run", "design.yaml", "--vintages", "panel.csv", "panel.csv"),
    "run on a design as a vintage": ("run", "design.yaml", "--vintages", "panel.csv", "world.yaml"),
    "run on a panel without a format": ("run", "design.yaml", "--panel", "world"),
    "run with a seed of words": ("run", "design.yaml", "--seed", "one"),
    "run a folder": ("run", "."),
    "check a data file": ("check", "panel.csv"),
    "check nothing": ("check", "nothing.yaml"),
    "check with a limit of zero": ("check", "design.yaml", "--limit-bytes", "0"),
    "check with a limit of ten bytes": ("check", "design.yaml", "--limit-bytes", "10"),
    "check with a depth of one": ("check", "design.yaml", "--limit-depth", "1"),
    "simulate without out": ("simulate", "world.yaml"),
    "simulate into a folder": ("simulate", "world.yaml", "--out", "."),
    "simulate a design": ("simulate", "design.yaml", "--out", "p.csv"),
    "power without a world": ("power", "design.yaml"),
    "power of no draws": ("power", "design.yaml", "--world", "world.yaml", "--reps", "0"),
    "power of a sweep of nothing": ("power", "design.yaml", "--world", "world.yaml", "--sweep", "world.effect.size="),
    "power of a sweep of a key that is none": ("power", "design.yaml", "--world", "world.yaml", "--sweep", "world.no=1,2"),
    "power of a world that is a design": ("power", "design.yaml", "--world", "design.yaml"),
    "economics of a design": ("economics", "design.yaml"),
    "economics of a folder": ("economics", "."),
    "a report of a folder": ("report", "."),
    "a figure of nothing": ("figure", "nothing"),
    "a table of a file": ("table", "panel.csv"),
    "a comparison with nothing": ("compare", "nothing", "."),
    "a comparison of files": ("compare", "panel.csv", "design.yaml"),
    "a comparison of one": ("compare", "."),
    "doctor": ("doctor", "--quiet"),
    "doctor of a file": ("doctor", "panel.csv"),
    "doctor with an option that is none": ("doctor", "--mend"),
    "no such command": ("rum", "design.yaml"),
    "a synthesis of nothing": ("synthesise", "nothing.csv"),
    "a synthesis of a folder": ("synthesise", "."),
    "returns that are not there": ("panel", "ssda903", "nothing.csv", "--out", "P.csv"),
    "returns that are a folder": ("panel", "ssda903", ".", "--out", "P.csv"),
    "a census that is not there": ("panel", "cin", "nothing.xml", "--out", "P.csv"),
    "a census that is this folder": ("panel", "cin", ".", "--out", "P.csv"),
    "a census that is a panel": ("panel", "cin", "panel.csv", "--authority", "301", "--year", "2019", "--out", "P.csv"),
    "a census over its input": ("panel", "cin", "panel.csv", "--authority", "301", "--year", "2019", "--out", "panel.csv", "--force"),
}  # fmt: skip


_STUDY = "study,estimate,std_error,scale\n"
STUDIES = {
    "empty": "", "head alone": _STUDY, "one": _STUDY + "a,1,1,log\n", "zero error": _STUDY + "a,1,0,log\nb,1,1,log\n",
    "infinite": _STUDY + "a,inf,1,log\nb,1,1,log\n", "text": _STUDY + "a,high,1,log\nb,1,1,log\n",
    "two scales": _STUDY + "a,1,1,log\nb,1,1,difference\n", "no such scale": _STUDY + "a,1,1,odds\nb,1,1,log\n",
    "negative ratio": _STUDY + "a,-1,1,ratio\nb,1,1,ratio\n", "vast error": _STUDY + "a,1,1e200,log\nb,1,1,log\n",
    "tiny error": _STUDY + "a,1,1e-200,log\nb,1,1,log\n", "vast logs": _STUDY + "a,800,1,log\nb,801,1,log\n",
    "column twice": "study,estimate,std_error,std_error,scale\na,1,1,1,log\nb,1,1,1,log\n",
    "script": _STUDY + "<script>alert(1)</script>,1,1,log\n=1+1,2,1,log\n", "not a table": "\x00\x01\x02",
    "identical": _STUDY + "a,1,1,log\nb,1,1,log\nc,1,1,log\n",
}  # fmt: skip

_CELLS = b"la_code,year,n\n"
#: What `panel describe` and `panel diff` are given as mine.csv.
TABLES: dict[str, bytes] = {
    "empty": b"", "a head alone": _CELLS, "symbols alone": _CELLS + b"1,2011,c\n1,2012,x\n", "one row": _CELLS + b"1,2011,3\n",
    "a row twice": _CELLS + b"1,2011,3\n1,2011,3\n", "a key that is empty": _CELLS + b",2011,3\n2,,3\n",
    "periods of words": _CELLS + b"1,then,3\n1,now,4\n", "periods far apart": _CELLS + b"1,1,3\n1,9999999,4\n",
    "endless numbers": _CELLS + b"1,2011,inf\n1,2012,1e308\n", "nulls": b"\x00\x01\x02", "latin-1": _CELLS + b"\xe9,2011,3\n",
    "a column twice": b"la_code,year,n,n\n1,2011,1,2\n", "no key": b"a,b\n1,2\n", "a return": b"CHILD,SEX,DOB,DUC\nSECRET,1,01/01/2010,\n",
    "a script": _CELLS + b"<script>alert(1)</script>,2011,=1+1\n", "ragged": _CELLS + b"1,2011\n2,2011,3,4\n",
}  # fmt: skip

_WIDE = "New_geog_code,geog_l,geog_c,geog_n,CLA_started2013"
#: What `panel dfe` is given as ADM2013.csv.
PUBLISHED: dict[str, bytes] = {
    "empty": b"", "a head alone": f"{_WIDE}\n".encode(), "nulls": f"{_WIDE}\nE1,LA,202,\0,3\n".encode(), "in order": f"{_WIDE}\nE1,LA,202,Camden,3\n".encode(),
    "a formula": f"{_WIDE}\nE1,LA,202,Camden,=1+1\n".encode(), "an error of a spreadsheet": f"{_WIDE}\nE1,LA,202,Camden,#VALUE!\n".encode(),
    "symbols alone": f"{_WIDE}\nE1,LA,202,Camden,c\n".encode(), "the nation alone": f"{_WIDE}\nE92,NATIONAL,999,ENGLAND,30\n".encode(),
    "ragged": f"{_WIDE}\nE1,LA,202,Camden\n".encode(), "an open quote": f'{_WIDE}\nE1,LA,202,"Camden,3\n'.encode(), "utf-16": f"{_WIDE}\nE1,LA,202,Camden,3\n".encode("utf-16"),
    "a year that is none": b"time_period,geographic_level,old_la_code,CPP_start\nsoon,Local authority,202,3\n", "a zip": b"PK\x03\x04" + bytes(200),
    "endless": f"{_WIDE}\nE1,LA,202,Camden,inf\n".encode(), "a decimal comma": f'{_WIDE}\nE1,LA,202,Camden,"3,5"\n'.encode(),
}  # fmt: skip

#: What `panel cin` is given as C.xml.
CENSUS: dict[str, bytes] = {
    "empty": b"", "nulls": bytes(40), "an entity": b'<!DOCTYPE m [<!ENTITY a "b">]><Message>&a;</Message>',
    "a file elsewhere": b'<!DOCTYPE m SYSTEM "elsewhere.dtd"><Message/>', "another root": b"<EXPSSDA903/>", "cut off": b"<Message><Children><Child>",
    "too deep": b"<a>" * 100_000, "no child": b"<Message><Children/></Message>", "utf-16": "<Message/>".encode("utf-16"), "a zip": b"PK\x03\x04" + bytes(200),
}  # fmt: skip


def tables() -> Iterator[Hostile]:
    """Yield what is described and compared."""
    for name, text in TABLES.items():
        yield Hostile(f"describe {name}", files(mine_csv=text), ("panel", "describe", "mine.csv"))
        if name in {"one row", "symbols alone", "a row twice", "endless numbers"}:
            yield Hostile(
                f"describe {name}, dfe", files(mine_csv=text), ("panel", "describe", "mine.csv", "--profile", "dfe")
            )
            yield Hostile(f"diff {name}", files(mine_csv=text), ("panel", "diff", "mine.csv", "mine.csv"))
    for name, text in PUBLISHED.items():
        yield Hostile(f"published {name}", files(ADM2013_csv=text), ("panel", "dfe", "ADM2013.csv", "--out", "P.csv"))
    typed = ("panel", "cin", "C.xml", "--authority", "301", "--year", "2019", "--out", "P.csv")
    for name, text in CENSUS.items():
        yield Hostile(f"census {name}", files(C_xml=text), typed)
    for name, piece in JSON_TEXTS.items():
        yield Hostile(f"piece {name}", files(d_json=piece), ("panel", "join", "d.json", "--out", "P.csv"))
    for name, words in {
        "piece of nothing": ("join", "nothing.json", "--out", "P.csv"), "piece that is a panel": ("join", "panel.csv", "--out", "P.csv"),
        "piece and panel at once": ("ssda903", ".", "--out", "P.csv", "--piece", "p.json"), "piece as a table": ("ssda903", ".", "--piece", "p.csv"),
        "published nothing": ("dfe", "nothing.csv", "--out", "P.csv"), "published this folder": ("dfe", ".", "--out", "P.csv"),
        "published before all": ("dfe", "panel.csv", "--out", "P.csv", "--as-of", "1999"),
        "published with no largest": ("dfe", "panel.csv", "--out", "P.csv", "--largest-suppressed", "0"),
        "published over its input": ("dfe", "panel.csv", "--out", "panel.csv", "--force"),
        "describe nothing": ("describe", "nothing.csv"), "describe a design": ("describe", "design.yaml"),
        "describe this folder": ("describe", "."), "describe by one key": ("describe", "panel.csv", "--key", "la_code"),
        "describe by a key that is none": ("describe", "panel.csv", "--key", "la_cod", "--key", "year"),
        "diff of one file": ("diff", "panel.csv"), "diff with nothing": ("diff", "panel.csv", "nothing.csv"),
        "diff over its own input": ("diff", "panel.csv", "panel.csv", "--out", "panel.csv", "--force"),
        "diff into a workbook": ("diff", "panel.csv", "panel.csv", "--out", "d.xlsx"),
    }.items():  # fmt: skip
        yield Hostile(name, lambda folder: None, ("panel", *words))


def cases() -> list[Hostile]:
    """List every case; names are unique."""
    gates = [Hostile(f"dossier {n}", files(d_json=t), ("economics", "--gate", "d.json")) for n, t in JSON_TEXTS.items()]
    draws = [
        Hostile(
            f"psa {name}",
            lambda folder, texts=texts: write(folder, texts),
            ("economics", "economics.yaml", "--out", "o"),
        )
        for name, texts in PSA.items()
    ]
    studies = [
        Hostile(f"studies {name}", files(s_csv=text), ("synthesise", "s.csv", "--out", "o"))
        for name, text in STUDIES.items()
    ]
    typed = [Hostile(f"command {name}", lambda folder: None, command) for name, command in COMMANDS.items()]
    from tests.hostile.folders import folders
    from tests.hostile.found import found
    from tests.hostile.groups import groups

    return [*in_cells(), *others(), *gates, *draws, *studies, *typed, *tables(), *folders(), *groups(), *found()]


def main(part: int = 0, of: int = 1) -> None:
    """Print the table anew: name, exit code, first fault; `part` of several to share the work."""
    from tempfile import TemporaryDirectory

    for case in cases()[part::of]:
        with TemporaryDirectory() as folder:
            print(json.dumps([case.name, *case.outcome(Path(folder)).told], ensure_ascii=True), flush=True)


if __name__ == "__main__":
    import sys

    main(*map(int, sys.argv[1:]))
