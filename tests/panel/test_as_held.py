"""Tables as analysts hold them: read with a note, or refused; never another number in silence."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZipFile

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sos_eval.economics.model.psa import read_samples
from sos_eval.errors import DataFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.limits import raised
from sos_eval.panel.read.written import written
from tests.panel.small import SmallDesign, table


def steps(panel) -> dict[str, str]:
    return {row.step: row.reason for row in panel.flow}


def same(panel, other) -> None:
    for name in ("unit", "time", "first_treated", "outcome", "exposure"):
        assert panel.frame[name].tolist() == other.frame[name].tolist()


# -- units --------------------------------------------------------------------------------------------------------


def two_ways() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [
        (
            str(800 + i),
            year,
            2014 if i < 10 else 0,
            20 + i * 0.1 + (year - 2011) + 3 * (i < 10 and year >= 2014) + rng.normal() * 0.3,
        )
        for i in range(30)
        for year in range(2011, 2017)
    ]
    return pd.DataFrame(rows, columns=["la", "year", "g", "y"])


@pytest.mark.parametrize("write", ["{}.0", "0{}", "{}\u200b"])
def test_case_units_written_two_ways(write):
    """30 units, estimate 3.068; with the last years under other ids it was 2.914 on 50 units."""
    data = two_ways()
    clean = TWFE().fit(data, unit="la", time="year", outcome="y", first_treated="g")
    assert (round(clean["estimate"].iloc[0], 3), clean["n_units"].iloc[0]) == (3.068, 30)
    late = data["year"] >= 2015
    spoilt = data.assign(la=data["la"].where(~late, data["la"].map(write.format)))
    with pytest.raises(DataFault, match=r"probably one unit written two ways.*recode"):
        TWFE().fit(spoilt, unit="la", time="year", outcome="y", first_treated="g")


def test_blanks_around_an_id_are_no_part_of_it():
    data = two_ways()
    spoilt = data.assign(la=data["la"].where(data["year"] < 2015, data["la"].map(" {}\u00a0".format)))
    assert TWFE().fit(spoilt, unit="la", time="year", outcome="y", first_treated="g")["n_units"].iloc[0] == 30


def test_recode_is_the_way_out(small: SmallDesign):
    plain = small.load()
    small.cell("003", 2015, "la_code", "3.0")
    small.block["recode"] = {"la_code": {"3.0": "003"}}
    same(small.load(), plain)


def test_ids_that_are_seen_in_the_same_period_are_two_units(small: SmallDesign):
    small.data["la_code"] = small.data["la_code"].replace("008", "7")
    assert "7" in small.load().units


def test_a_total_is_refused_or_left_out_by_name(small: SmallDesign):
    total = small.data.groupby("year", as_index=False)[["entries", "children"]].sum()
    small.data = pd.concat([small.data, total.assign(la_code="E92000001", first_year=0)])
    with pytest.raises(DataFault, match=r'"E92000001", lines .* a total, not one of the units'):
        small.load()
    small.block["exclude"] = {"units": ["E92000001"], "why": "total"}
    assert small.load().n_units == 8


def test_regions_may_be_what_is_studied(small: SmallDesign):
    small.data["la_code"] = small.data["la_code"].map(lambda code: f"E12000{code}")
    assert small.load().n_units == 8


# -- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["1,234", "12", "1,234,567.5"], [1234, 12, 1234567.5]),
        (["12%", "3.5%"], [12, 3.5]),
        (["£1,000", "£2"], [1000, 2]),
        (["−3", "4"], [-3, 4]),
        (["-£3", "£4"], [-3, 4]),
    ],
)
def test_plain_forms_are_read(words, values):
    found = written(words)
    assert [found.values[word] for word in words] == values
    assert not found.why


@pytest.mark.parametrize(
    "words",
    [
        ["12%", "12"],
        ["£12", "12"],
        ["£12", "€12"],
        ["12,5", "13,1"],
        ["0,125", "1,250"],
        ["1,234", "1234"],
        ["1.234,5"],
    ],
)
def test_mixed_and_ambiguous_forms_are_refused(words):
    assert written(words).why


def test_case_numbers_as_text(small: SmallDesign):
    """A covariate in per cent is a number, not a category per value."""
    plain = small.data["idaci"] * 100
    small.data["idaci"] = plain.map("{:.0f}%".format)
    small.block["covariates"] = ["idaci"]
    panel = small.load()
    assert panel.frame["idaci"].tolist() == plain.round().tolist()
    assert steps(panel)["numbers as text"] == 'idaci: written like "12%", which is read as 12'


# -- layouts ------------------------------------------------------------------------------------------------------


def test_a_title_and_notes_are_left_aside(small: SmallDesign):
    plain = small.load()
    text = "Children starting to be looked after,,\nEngland 2011 to 2015\n\n" + small.data.to_csv(index=False)
    small.write("panel.csv", text + "Total,,,1234,80000,,,\n\nSource: DfE, SSDA903\nc = confidential\n")
    panel = small.load(write=False)
    same(panel, plain)
    assert "stand in row 4" in steps(panel)["header"]
    assert "lines 45, 47, 48 below the table" in steps(panel)["notes below the table"]


def test_a_workbook_with_a_title_and_names_in_two_rows(small: SmallDesign):
    from openpyxl import Workbook

    plain = small.load()
    book = Workbook()
    sheet = book.active
    sheet.append(["Looked-after children"])
    sheet.append([])
    sheet.append(["la_code", "year", "first_year", "Children", None])
    sheet.append([None, None, None, "entries", "children"])
    sheet.merge_cells("D3:E3")
    for row in small.data[["la_code", "year", "first_year", "entries", "children"]].itertuples(index=False):
        sheet.append([row.la_code, *map(int, row[1:])])
    book.save(small.folder / "p.xlsx")
    panel = small.load(override=small.folder / "p.xlsx")
    same(panel, plain)
    assert "rows (3 and 4), read as one" in steps(panel)["header"]


def test_a_declared_header_row(small: SmallDesign):
    plain = small.load()
    names = ",".join(small.data.columns)
    small.write("panel.csv", f"{names}\n" + small.data.to_csv(index=False))
    small.block["header_row"] = 2
    same(small.load(write=False), plain)


@pytest.mark.parametrize("prefix", ["", "entries_"])
def test_a_column_per_year(small: SmallDesign, prefix: str):
    plain = small.load()
    wide = small.data.pivot(index=["la_code", "first_year"], columns="year", values="entries")
    wide.columns = pd.Index([f"{prefix}{year}" for year in wide.columns])
    wide.reset_index().assign(children=10000).to_csv(small.folder / "panel.csv", index=False)
    with pytest.raises(DataFault, match=r'column per period: .*read it with wide: \{columns: "' + prefix + "20*"):
        small.load(write=False)
    small.block["wide"] = {"columns": f"{prefix}20*", "into": "year"}
    panel = small.load(write=False)
    same(panel, plain)
    assert steps(panel)["wide table"] == "5 columns of periods read as rows of year"


# -- stores -------------------------------------------------------------------------------------------------------


def stored(folder: Path, *statements: str) -> Path:
    given = table()
    with duckdb.connect(str(folder / "p.duckdb")) as connection:
        connection.register("given", given)
        for statement in statements:
            connection.execute(statement)
    return folder / "p.duckdb"


WIDEST = "170141183460469231731687303715884105"


def test_widest_integers_stay_apart(small: SmallDesign):
    ids = f"({WIDEST}000::HUGEINT + la_code::INT) AS la_code"
    path = stored(small.folder, f"CREATE TABLE a AS SELECT * REPLACE ({ids}) FROM given")
    panel = small.load(override=path)
    assert panel.units.tolist() == [f"{WIDEST}00{i}" for i in range(1, 9)]


def test_a_view_over_the_files_own_tables_is_read(small: SmallDesign):
    plain = small.load()
    path = stored(small.folder, "CREATE TABLE a AS FROM given", "CREATE VIEW b AS FROM a")
    small.block["table"] = "b"
    same(small.load(override=path), plain)


def test_a_view_that_reads_elsewhere_is_refused(small: SmallDesign):
    small.data.to_csv(small.folder / "panel.csv", index=False)
    path = stored(small.folder, f"CREATE VIEW a AS FROM read_csv('{small.folder}/panel.csv')")
    with pytest.raises(DataFault, match="reads something outside the file"):
        small.load(override=path)


@pytest.mark.parametrize(
    ("made", "sign"),
    [
        ("SELECT * REPLACE (entries + (random() * 3)::INT AS entries) FROM a", "random"),
        ("SELECT * FROM a USING SAMPLE 90%", "using sample"),
        ("SELECT * FROM a WHERE current_date > DATE '2020-01-01'", "current_date"),
        ("SELECT * REPLACE (entries + lot(entries) AS entries) FROM a", "random"),
    ],
)
def test_a_view_that_gives_other_rows_at_every_reading_is_refused(small: SmallDesign, made, sign):
    """Also where another view stands between; a column that is called random is a column."""
    path = stored(
        small.folder, "CREATE TABLE a AS FROM given", "CREATE MACRO lot(n) AS (random() * n)::INT",
        f"CREATE VIEW drawn AS {made}", "CREATE VIEW top AS FROM drawn",
        "CREATE VIEW named AS SELECT *, 1 AS random FROM a",
    )  # fmt: skip
    small.block["table"] = "top"
    with pytest.raises(DataFault, match=rf'the view "top" gives other rows at every reading \({sign}\)'):
        small.load(override=path)
    small.block["table"] = "named"
    assert small.load(override=path).n_units == 8


def test_a_database_is_left_as_it_is(small: SmallDesign):
    """Read-only: its hash, which a run keeps, is that of what was read."""
    path = stored(small.folder, "CREATE TABLE a AS FROM given", "CREATE VIEW b AS FROM a")
    before = path.read_bytes()
    small.block["table"] = "b"
    small.load(override=path, write=False)
    assert path.read_bytes() == before
    assert sorted(file.name for file in small.folder.iterdir()) == ["design.yaml", "p.duckdb"]


@pytest.mark.parametrize("made", [
    "SELECT * FROM sniff_csv('panel.csv')", "SELECT * FROM glob('*')", "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM 'panel.parquet'",
])  # fmt: skip
def test_nothing_outside_a_database_is_read(small: SmallDesign, made, monkeypatch):
    monkeypatch.chdir(small.folder)
    small.data.to_csv("panel.csv", index=False)
    small.data.to_parquet("panel.parquet")
    path = stored(small.folder, f"CREATE VIEW a AS {made}")
    with pytest.raises(DataFault, match="reads something outside the file"):
        small.load(override=path)


def test_changes_beside_a_database_are_refused(small: SmallDesign):
    path = stored(small.folder, "CREATE TABLE a AS FROM given")
    small.write("p.duckdb.wal", b"x")
    with pytest.raises(DataFault, match="has changes that are not in the file yet"):
        small.load(override=path)


ENDLESS = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i % 7 + 1 FROM n) SELECT count(i) AS entries FROM n"
CROSSED = "SELECT count(*) FROM range(10000000) a, range(10000000) b"


@pytest.mark.parametrize("slow", [ENDLESS, CROSSED], ids=["recursive", "cross join"])
def test_a_view_that_goes_on_for_ever_ends_with_its_name_and_the_option(small: SmallDesign, slow):
    view = f"CREATE VIEW slow AS SELECT given.* FROM given_too AS given WHERE ({slow}) > 0"
    path = stored(small.folder, "CREATE TABLE given_too AS FROM given", view)
    small.block["table"] = "slow"
    with raised(seconds=1), pytest.raises(DataFault, match='view "slow" took more than 1 seconds') as caught:
        small.load(override=path)
    assert "--limit-seconds" in str(caught.value)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(3), pa.dictionary(pa.int32(), pa.binary())])
def test_bytes_in_parquet_are_read_as_text_with_a_note(small: SmallDesign, kind):
    """A unit was called b'001'."""
    plain = small.load()
    frame = pa.Table.from_pandas(small.data)
    codes = pa.array([code.encode() for code in small.data["la_code"]])
    codes = codes.dictionary_encode() if pa.types.is_dictionary(kind) else codes.cast(kind)
    pq.write_table(frame.set_column(0, "la_code", codes), small.folder / "p.parquet")
    panel = small.load(override=small.folder / "p.parquet")
    same(panel, plain)
    assert [row.reason for row in panel.flow if row.step == "bytes as text"] == ["la_code: bytes, read as UTF-8 text"]


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
def test_a_parquet_file_without_rows_is_said_to_have_none(small: SmallDesign, kind):
    columns = {name: pa.array([], kind if name == "la_code" else pa.int64()) for name in small.data}
    pq.write_table(pa.table(columns), small.folder / "p.parquet")
    with pytest.raises(DataFault, match="the file has column names but no rows"):
        small.load(override=small.folder / "p.parquet")


def test_bytes_that_are_no_text_are_refused_by_name(small: SmallDesign):
    frame = pa.Table.from_pandas(small.data)
    pq.write_table(frame.set_column(0, "la_code", pa.array([b"\xff\xfe"] * 40)), small.folder / "p.parquet")
    with pytest.raises(DataFault, match=r'"la_code" \(binary\): bytes that are no UTF-8 text'):
        small.load(override=small.folder / "p.parquet")
    path = stored(small.folder, "CREATE TABLE a AS SELECT * REPLACE (encode(la_code) AS la_code) FROM given")
    with pytest.raises(DataFault, match=r'"la_code": bytes \(BLOB\), not text; write the column as text'):
        small.load(override=path)


def test_a_damaged_database_is_called_as_the_user_called_it(small: SmallDesign, monkeypatch):
    path = stored(small.folder, "CREATE TABLE a AS FROM given")
    path.write_bytes(path.read_bytes()[:13_000])
    monkeypatch.chdir(small.folder)
    with pytest.raises(DataFault) as caught:
        small.load(override=Path("p.duckdb"))
    assert str(caught.value).count("p.duckdb") == 2
    assert str(small.folder) not in str(caught.value)


def test_a_table_of_another_schema_is_named_with_it(small: SmallDesign):
    path = stored(small.folder, "CREATE SCHEMA care", "CREATE TABLE care.entries AS FROM given")
    assert small.load(override=path).n_units == small.load().n_units
    stored(small.folder, "CREATE TABLE care.other AS FROM given")
    with pytest.raises(DataFault, match=r"holds 2 tables: care\.entries, care\.other"):
        small.load(override=path)
    small.block["table"] = "care.entries"
    assert small.load(override=path).n_units > 0
    small.block["table"] = "entries"
    with pytest.raises(DataFault, match='has no table "entries"') as caught:
        small.load(override=path)
    assert "care.entries" in str(caught.value)


def test_whole_numbers_beside_missing_ones_stay_whole(small: SmallDesign):
    small.data["la_code"] = pd.array([2**53 + int(code) for code in small.data["la_code"]], dtype="Int64")
    small.data.loc[3, "la_code"] = pd.NA
    small.data.to_parquet(small.folder / "p.parquet")
    with pytest.raises(DataFault, match="no unit in row 3") as caught:
        small.load(override=small.folder / "p.parquet")
    assert len(caught.value.faults) == 1


def test_true_among_counts_is_no_one(small: SmallDesign):
    """A spreadsheet's TRUE was read as 1; a column of nothing else stays one of noughts and ones."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(list(small.data))
    for row in small.data.astype(object).where(small.data.notna(), None).itertuples(index=False):
        book.active.append(list(row))
    book.active.cell(3, list(small.data).index("entries") + 1).value = True
    book.save(small.folder / "p.xlsx")
    with pytest.raises(DataFault, match=r"entries.*TRUE"):
        small.load(override=small.folder / "p.xlsx")


def test_formulas_whose_values_were_never_saved_are_named(small: SmallDesign):
    """What a program writes holds formulas alone until a spreadsheet saves it: the cells were taken as empty."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(list(small.data))
    for row in small.data.astype(object).where(small.data.notna(), None).itertuples(index=False):
        book.active.append(list(row))
    place = list(small.data).index("entries") + 1
    for row in (3, 5):
        book.active.cell(row, place).value = "=10+2"
    book.save(small.folder / "p.xlsx")
    letter = book.active.cell(3, place).column_letter
    with pytest.raises(DataFault, match=f"2 formulas without a saved value, {letter}3, {letter}5; open the workbook"):
        small.load(override=small.folder / "p.xlsx")
    with ZipFile(small.folder / "p.xlsx") as packed, ZipFile(small.folder / "text.xlsx", "w") as other:
        for entry in packed.namelist():  # worked out, and an empty text
            part = re.sub(rb'<c r="(D[35])"><f>', rb'<c r="\1" t="str"><f>', packed.read(entry))
            other.writestr(entry, part)
    assert small.load(override=small.folder / "text.xlsx").frame["outcome"].isna().sum() == 2
    for row in (3, 5):
        book.active.cell(row, place).value = None
    book.active.cell(3, len(list(small.data)) + 3).value = "=1+1"  # beside the table
    book.save(small.folder / "q.xlsx")
    panel = small.load(override=small.folder / "q.xlsx")
    assert panel.frame["outcome"].isna().sum() == 2


@pytest.mark.parametrize(("count", "refused"), [(2**53 - 1, False), (2**53, True), (2**53 + 1, True)])
def test_counts_that_no_float_holds_are_refused_with_their_row(small: SmallDesign, count, refused):
    """2^53 + 1 less 2^53 was 0: a DuckDB column of whole numbers is read with its last digit or not at all."""
    kept = small.data.astype({"entries": "int64"})
    kept.loc[2, "entries"] = count
    if not refused:  # every row like it: one alone is more than there are children
        kept["entries"] = count - kept.index.to_numpy()
    with duckdb.connect(str(small.folder / "p.duckdb")) as connection:
        connection.register("kept", kept)
        connection.execute("CREATE TABLE entries AS SELECT * FROM kept")
    small.block |= {"source": "duckdb", "table": "entries"}
    if not refused:
        assert small.load(override=small.folder / "p.duckdb").frame["count"].max() == count
        return
    with pytest.raises(DataFault, match=r"entries: counts that no float holds exactly, \d+ .201\d. .row 2"):
        small.load(override=small.folder / "p.duckdb")


def test_a_limit_stops_what_unpacks_too_far(small: SmallDesign):
    small.data.to_csv(small.folder / "p.csv.gz", index=False)
    with (
        raised(size=300),
        pytest.raises(DataFault, match="unpacks to more than 300 bytes"),
    ):
        small.load(override=small.folder / "p.csv.gz")


@pytest.mark.parametrize("kind", ["parquet", "parquet, prefixes", "xlsx", "duckdb"])
def test_a_long_text_that_a_file_holds_once_is_counted_in_every_row(small: SmallDesign, kind):
    """Forty rows of 5,000 letters in a file of some kilobytes; twenty million took 20 GB."""
    data = small.data.assign(region="N" * 5000)
    small.block["covariates"] = ["region"]
    path = small.folder / f"p.{kind.partition(',')[0]}"
    if kind == "duckdb":
        with duckdb.connect(str(path)) as connection:
            connection.register("data", data)
            connection.execute("CREATE TABLE a AS FROM data")
    elif kind == "xlsx":
        data.to_excel(path, index=False)
    else:
        coded = {"use_dictionary": False, "column_encoding": {"region": "DELTA_BYTE_ARRAY"}} if "," in kind else {}
        pq.write_table(pa.Table.from_pandas(data), path, **coded)
    with raised(size=150_000), pytest.raises(DataFault, match=r"unpacks to more than 150,000 bytes; raise it with"):
        small.load(override=path)
    with raised(size=250_000):
        assert small.load(override=path).n_units == 8


# -- psa ----------------------------------------------------------------------------------------------------------


def test_case_psa_row_names(tmp_path: Path):
    """R's row names are no strategy: two strategies, or a refusal of the column without a name."""
    draws = pd.DataFrame({"Usual": [10.0, 10.1], "New": [10.3, 10.2]})
    for name in ("effects", "costs"):
        draws.to_csv(tmp_path / f"{name}.csv")
    with pytest.raises(DataFault, match=r"column 1 has no name.*row\.names = FALSE"):
        read_samples(tmp_path / "effects.csv", tmp_path / "costs.csv")
    for name in ("effects", "costs"):
        draws.to_csv(tmp_path / f"{name}.csv", index=False)
    assert read_samples(tmp_path / "effects.csv", tmp_path / "costs.csv").strategies == ("Usual", "New")


@pytest.mark.parametrize(
    ("effects", "said"),
    [("a,a\n1,2\n2,3\n", '2 columns are called "a"'), ("a,b\n1%,2%\n2%,3%\n", "a draw is a plain number"),
     ("a,b\n1,2\n\n2,3\n", "blank rows between the draws")],
)  # fmt: skip
def test_draws_that_are_written_strangely_are_refused(tmp_path: Path, effects: str, said: str):
    (tmp_path / "effects.csv").write_text(effects)
    (tmp_path / "costs.csv").write_text("a,b\n1,2\n2,3\n")
    with pytest.raises(DataFault, match=said):
        read_samples(tmp_path / "effects.csv", tmp_path / "costs.csv")


# -- what is said without being asked -------------------------------------------------------------------------------


def test_case_level_only_untreated():
    """A level that only untreated units have is named, with the way out."""
    rng = np.random.default_rng(8)
    rows = [
        (
            f"u{i}",
            year,
            start,
            "Z" if i in (40, 41) else "ABC"[i % 3],
            5 + i * 0.1 + 2 * (0 < start <= year) + rng.normal(),
        )
        for i, start in enumerate([2014] * 15 + [2015] * 15 + [0] * 30)
        for year in range(2011, 2018)
    ]
    data = pd.DataFrame(rows, columns=["u", "t", "g", "r", "y"])
    found = CallawaySantAnna(adjust="ipw").fit(
        data, unit="u", time="t", outcome="y", first_treated="g", covariates=["r"]
    )
    (row,) = [row for row in found.attrs["flow"] if row.step == "level on one side"]
    assert row.names == "u40, u41"
    assert row.reason.startswith('r: only untreated units have the level "Z"')
    assert "comparison.restrict" in row.reason


def test_weights_that_change_over_time_are_noted(small: SmallDesign):
    small.data["w"] = 1.0
    small.block["weight"] = "w"
    assert "weights over time" not in steps(small.load())
    small.cell("003", 2015, "w", 2.0)
    assert "w: changes over time" in steps(small.load())["weights over time"]


@pytest.mark.parametrize(("anticipation", "noted"), [(0, False), (1, False), (2, True)])
def test_a_long_anticipation_is_noted(anticipation: int, noted: bool):
    data = two_ways()
    found = CallawaySantAnna(anticipation=anticipation).fit(
        data, unit="la", time="year", outcome="y", first_treated="g"
    )
    assert any("as in the paper; did and diff-diff" in note for note in found.attrs["notes"]) is noted


# -- what a breaker brought ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "total", ["England (total)", "England - total", "England1", "Total, England", "ENG", "Inner London"]
)
def test_totals_as_publications_write_them_are_no_units(total):
    data = two_ways()
    spoilt = pd.concat([data, data[data["la"] == "829"].assign(la=total)])
    with pytest.raises(DataFault, match="a total, not one of the units"):
        TWFE().fit(spoilt, unit="la", time="year", outcome="y", first_treated="g")


@pytest.mark.parametrize("name", ["N/A", "Unknown", "Err:502", "#REF"])
def test_what_names_nobody_is_no_unit(name):
    data = two_ways()
    spoilt = pd.concat([data, data[data["la"] == "829"].assign(la=name)])
    with pytest.raises(DataFault, match=r"names no unit|error of a spreadsheet"):
        TWFE().fit(spoilt, unit="la", time="year", outcome="y", first_treated="g")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("King's Lynn", "King’s Lynn"), ("Bath & X", "Bath and X"), ("1001", "1,001"), ("100", "1E+02"),
        ("Leeds", "Leeds [1]"), ("Leeds", "Leeds¹"), ("Leeds", "Leeds (r)"), ("E08000035", "E08000035*"),
        ("829", "８２９"),
    ],
)  # fmt: skip
def test_one_name_spelt_two_ways_is_one_unit(one, other):
    data = two_ways().assign(la=lambda table: table["la"].replace({"829": one}))
    late = data["year"] >= 2015
    spoilt = data.assign(la=data["la"].where(~(late & (data["la"] == one)), other))
    with pytest.raises(DataFault, match="probably one unit written two ways"):
        TWFE().fit(spoilt, unit="la", time="year", outcome="y", first_treated="g")


@pytest.mark.parametrize("start", [20144, 14, 1900, 9999])
def test_a_start_far_from_every_period_is_a_slip(start):
    data = two_ways()
    spoilt = data.assign(g=data["g"].where(data["la"] != "800", start))
    with pytest.raises(DataFault, match=f"starts more than 50 periods from the data.*{start}.*never"):
        TWFE().fit(spoilt, unit="la", time="year", outcome="y", first_treated="g")


def test_thousands_set_apart_by_a_dot_are_refused(tmp_path):
    """A denominator like 50.277 made a rate a thousand times too large, without a word."""
    design = SmallDesign(tmp_path)
    design.data = design.data.assign(children=[f"{50 + k % 7}.{277 + k % 9}" for k in range(len(design.data))])
    with pytest.raises(DataFault, match=r'children: "50\.277" \(line 2\) and 39 cells more: thousands set'):
        design.load()
    design.data = design.data.assign(children=design.data["children"] + "5")
    assert design.load().n_units == 8


def test_a_stray_cell_far_below_a_table_is_refused_at_once(tmp_path):
    """A workbook of 98 rows with one cell in its last row took 107 s."""
    from openpyxl import Workbook

    book, design = Workbook(), SmallDesign(tmp_path)
    for row in [design.data.columns.tolist(), *design.data.to_numpy(dtype=object).tolist()]:
        book.active.append(row)
    book.active.cell(1_000_000, 1).value = "x"
    book.save(tmp_path / "p.xlsx")
    design.block |= {"source": "xlsx", "path": "p.xlsx"}
    with pytest.raises(DataFault, match="more than 100,000 empty rows below row 41"):
        design.load(write=False)


def test_blank_lines_below_a_table_cost_nothing(tmp_path):
    """Each of them was looked at as a note."""
    design = SmallDesign(tmp_path)
    text = design.data.to_csv(index=False)
    design.write(
        "panel.csv", text + "," * 7 + "\n" + ",,,,,,,\n" * 50_000 + "Source: DfE,,,,,,,\n" + ",,,,,,,\n" * 50_000
    )
    panel = design.load(write=False)
    assert panel.n_units == 8
    assert "notes below the table" in steps(panel)


def noted(panel):
    return {row.reason: row for row in panel.flow if row.what == "noted"}


def test_parts_of_people_are_taken_as_written_and_noted(small: SmallDesign):
    plain = small.load()
    assert not any("whole numbers" in reason for reason in noted(plain))
    small.cell("003", 2012, "entries", 23.5).cell("004", 2013, "entries", 25.25).cell("005", 2011, "children", 10000.5)
    panel = small.load()
    row = noted(panel)["entries: no whole numbers of people; taken as written"]
    assert (row.units, row.rows, row.names) == (2, 2, "003 (2012), 004 (2013)")
    assert panel.matrix("count")[2, 1] == 23.5
    assert panel.matrix("exposure")[4, 0] == 10000.5
    assert not any(reason.startswith("children") for reason in noted(panel))  # an exposure may be person-years


def test_booleans_declared_as_counts_are_read_as_one_and_nought_and_noted(small: SmallDesign):
    small.data["entries"] = small.data["entries"] % 2 == 0
    small.data.to_parquet(small.folder / "p.parquet")
    small.block["source"] = "parquet"
    panel = small.load(override=small.folder / "p.parquet")
    assert set(panel.matrix("count").ravel()) == {0.0, 1.0}
    row = noted(panel)["entries: true and false, read as 1 and 0: is it a number of people?"]
    assert (row.units, row.rows) == (8, 40)
