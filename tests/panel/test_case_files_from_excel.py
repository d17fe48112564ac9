"""One small panel, saved in the ways that people save it: every file gives the plain file's number or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault
from sos_eval.estimators import TWFE
from sos_eval.panel.load import load_panel
from sos_eval.panel.panel import Panel
from sos_eval.panel.spec import OutcomeSpec, PanelSpec, Treatment

RIGHT = -148.437302
#: With starts written as 1 October 2013, which is a start a year earlier.
EARLIER = -116.776113

Change = Callable[[pd.DataFrame], pd.DataFrame]


def plain() -> pd.DataFrame:
    """The case's panel, drawn as it was drawn there: 16 authorities of whom six start in 2014."""
    rng = np.random.default_rng(6)
    rows = [
        (
            f"{300 + i:04d}", f"Place {i}", year, 2014 if i < 6 else "",
            int(2000 + 50 * i + 20 * (year - 2011) + (-300 if i < 6 and year >= 2014 else 0) + rng.integers(0, 40)),
            20000 + 100 * i, round(12.5 + i * 0.3, 1), "North" if i % 2 else "South",
        )
        for i in range(16)
        for year in range(2011, 2018)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["la_code", "la_name", "year", "start", "entries", "children", "fsm", "region"])


def loaded(path: Path, covariates: tuple[str, ...] = ()) -> Panel:
    spec = PanelSpec(
        source=path.suffix[1:], path=path.name, unit="la_code", unit_name="la_name", time="year", covariates=covariates,
        treatment=Treatment(first_treated="start"),
        outcome=OutcomeSpec(count="entries", exposure="children", per=10000),
    )  # fmt: skip
    return load_panel(spec, base=path.parent)


def estimate(panel: Panel) -> float:
    return float(TWFE().complete(panel).values[-1])


def saved(folder: Path, table: pd.DataFrame, *, kind: str = "csv", encoding: str = "utf-8") -> Path:
    path = folder / f"p.{kind}"
    if kind == "csv":
        table.to_csv(path, index=False, encoding=encoding)
    else:
        table.to_excel(path, index=False)
    return path


def written(column: str, how: Callable[[object], object]) -> Change:
    return lambda table: table.assign(**{column: table[column].map(how)})


def span(year: object) -> object:
    return "" if year == "" else int(f"{year}{(int(str(year)) + 1) % 100:02d}")


def late(column: str, how: Callable[[object], object]) -> Change:
    """Write a column in another way from 2015 on."""
    return lambda table: table.assign(
        **{column: table[column].astype(object).where(table["year"] < 2015, table[column].map(how))}
    )


def with_total(code: str) -> Change:
    def more(table: pd.DataFrame) -> pd.DataFrame:
        total = table.groupby("year", as_index=False)[["entries", "children"]].sum()
        return pd.concat([table, total.assign(la_code=code, la_name="England", start="", fsm=15, region="England")])

    return more


READ: dict[str, tuple[str, Change]] = {
    "plain": ("csv", lambda table: table),
    "names with blanks": ("csv", lambda table: table.rename(columns={"year": " year ", "entries": "entries\u00a0"})),
    "thousands commas": ("csv", written("entries", "{:,}".format)),
    "codes of spans": ("csv", lambda table: table.assign(year=table["year"].map(span), start=table["start"].map(span))),
    "dates as periods": ("csv", written("year", "31/03/{}".format)),
    "scientific": ("csv", written("entries", "{:.6E}".format)),
    "full-width digits": ("csv", written("entries", lambda n: "".join(chr(0xFF10 + int(c)) for c in str(n)))),
    "text codes in a workbook": ("xlsx", lambda table: table),
    "numbers for codes in a workbook": ("xlsx", written("la_code", int)),
    "codes that turn into numbers": (
        "xlsx", lambda table: late("la_code", int)(table.assign(la_code=table["la_code"].str[1:])),
    ),
    "dates as years in a workbook": ("xlsx", written("year", lambda year: pd.Timestamp(int(str(year)), 3, 31))),
    "years as floats in a workbook": ("xlsx", written("year", float)),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_it_gives_the_number_of_the_plain_file(name: str, tmp_path: Path):
    kind, change = READ[name]
    panel = loaded(saved(tmp_path, change(plain()), kind=kind))
    assert (panel.n_units, panel.n_rows) == (16, 112)
    assert estimate(panel) == pytest.approx(RIGHT, abs=5e-7)


@pytest.mark.parametrize(
    ("kind", "start"), [("csv", lambda year: year and "01/10/2013"), ("xlsx", lambda year: pd.Timestamp(2013, 10, 1))]
)
def test_starts_as_dates_are_read_with_a_note(kind: str, start: Callable[[object], object], tmp_path: Path):
    table = plain()
    table["start"] = table["start"].map(lambda year: start(year) if year else None)
    panel = loaded(saved(tmp_path, table, kind=kind))
    assert estimate(panel) == pytest.approx(EARLIER, abs=5e-7)
    assert any(row.step == "starts as dates" and row.names.endswith(" is 2013") for row in panel.flow)


@pytest.mark.parametrize("form", ["{}%", "£{}", "\u2212{}"])
def test_covariates_with_signs_stay_numbers(form: str, tmp_path: Path):
    panel = loaded(saved(tmp_path, written("fsm", form.format)(plain())), ("fsm",))
    assert np.abs(panel.frame["fsm"].to_numpy(float)).tolist() == plain()["fsm"].tolist()
    assert "numbers as text" in {row.step for row in panel.flow}


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path):
    assert estimate(loaded(saved(tmp_path, plain(), encoding="utf-8-sig"))) == pytest.approx(RIGHT, abs=5e-7)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: f"{text}\nSource: DfE\nc = confidential,,,,,,,\n",
        lambda text: text.replace("\n", ",,,\n"),
        lambda text: "\n".join(
            f"{i - 1 if i else ''},{line}" if line else "" for i, line in enumerate(text.split("\n"))
        ),
    ],
    ids=["notes below", "empty columns", "row numbers without a name"],
)
def test_what_stands_around_the_table_is_left_aside(spoil: Callable[[str], str], tmp_path: Path):
    (tmp_path / "p.csv").write_text(spoil(plain().to_csv(index=False)))
    panel = loaded(tmp_path / "p.csv")
    assert panel.n_units == 16
    assert estimate(panel) == pytest.approx(RIGHT, abs=5e-7)


REFUSED: dict[str, tuple[str, Change, str]] = {
    "spans for periods, years for starts": ("csv", written("year", span), r"start: starts that are no period, '2014'"),
    "2014/15 for periods, years for starts": (
        "csv", written("year", lambda year: f"{year}/{str(int(str(year)) + 1)[2:]}"), "starts that are no period",
    ),
    "an error of a spreadsheet in a number": ("csv", late("entries", lambda _: "#N/A"), "text in a number column"),
    "an error of a spreadsheet in a code": ("csv", late("la_code", lambda _: "#REF!"), "#REF!, an error of a spreads"),
    "underscores": ("csv", written("entries", "{:_}".format), "text in a number column"),
    "a total": ("csv", with_total("E92000001"), '"E92000001", lines 114.*a total, not one of the units'),
    "a total without a code": ("csv", with_total(""), "no unit in lines 114"),
    "codes that lose their zeros": ("xlsx", late("la_code", int), "'0300' and '300'.*one unit written two ways"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_what_to_mend(name: str, tmp_path: Path):
    kind, change, words = REFUSED[name]
    with pytest.raises(DataFault, match=words):
        loaded(saved(tmp_path, change(plain()), kind=kind))


def test_a_decimal_comma_is_refused(tmp_path: Path):
    table = written("fsm", lambda value: str(value).replace(".", ","))(plain())
    with pytest.raises(DataFault, match="fsm: decimal commas"):
        loaded(saved(tmp_path, table), ("fsm",))


def test_another_encoding_is_refused(tmp_path: Path):
    with pytest.raises(DataFault, match="is not UTF-8 text"):
        loaded(saved(tmp_path, plain().assign(la_name=plain()["la_name"] + " é"), encoding="latin-1"))
