"""Names of units: totals and averages under any mark are no units, one authority written two ways is one."""

from __future__ import annotations

import csv
import re
import unicodedata
from itertools import combinations

import pandas as pd
import pytest
from ruamel.yaml import YAML

from sos_eval.errors import DataFault
from sos_eval.panel.read.names import is_nobody, is_total
from sos_eval.panel.spellings import bare
from tests.conftest import shared
from tests.panel.small import SmallDesign

ENGLAND = "sos_eval/panel/england"
NO_UNITS = [
    "Average", "Mean", "Median", "Sum", "National average", "England¹", "ENGLAND [note 2]", "England (rounded)",
    "Total:", "total.", "Totals", "Grand total", "Subtotal", "Sub-total", "LA Total", "All LAs",
    "All local authorities",
    "Rest of England", "London Boroughs", "Inner London boroughs", "Unitary authorities", "Shire counties",
    "Metropolitan districts", "TOTAL (rounded)", "Total England", "England total", "England & Wales", "Region total",
    "England average", "SN average", "Statistical neighbours (median)", "London [1]", "South East region",
    "The South West", "North West England", "Yorkshire & the Humber",
    "Average of all authorities", "Other LAs", "England1", "England *",
]  # fmt: skip
NOBODY = [
    "(blank)",
    "Missing",
    "Other",
    "Not recorded",
    "n/a",
    "Unknown",
    "unknown authority",
    "MISSING [x]",
    "[blank]",
]


def published() -> set[str]:
    """Every name and code in the published panel and its programmes."""
    tables = [pd.read_csv(f"{ENGLAND}/{one}.csv.gz", dtype=str) for one in ("as_published", "constant", "programmes")]
    columns = ("la_code", "gss_code", "la_name", "unit")
    return {word for table in tables for one in columns if one in table for word in table[one].dropna()}


def neighbours() -> set[str]:
    """Every name and code in the published lists of statistical neighbours."""
    folder = shared("data/raw/sn_model_2025_wide.csv").parent
    found: set[str] = set()
    for path in [folder / "sn_model_2025_wide.csv", *folder.glob("*eighbour*.csv")]:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            rows = list(csv.DictReader(file))
        columns = [one for one in rows[0] if re.fullmatch(r"SN_?\d+|\w*la_name|\w*la_code", one, re.IGNORECASE)]
        found.update(row[one] for row in rows for one in columns if row[one])
    return found


@pytest.mark.parametrize("name", NO_UNITS)
def test_totals_averages_and_regions_are_known(name):
    assert is_total(name)
    assert not is_nobody(name)


def test_words_for_nobody_are_known():
    assert [name for name in NOBODY if not is_nobody(name) or is_total(name)] == []


@pytest.mark.parametrize(("listed", "least"), [(published, 450), (neighbours, 150)])
def test_no_authority_is_taken_for_a_total_or_for_another(listed, least):
    names = listed() | published()
    assert len(listed()) > least
    assert [name for name in sorted(names) if is_total(name) or is_nobody(name)] == []
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(bare(name), set()).add(name)
    alike = {" = ".join(sorted(group)) for group in groups.values() if len(group) > 1}
    assert alike <= {"St Helens = St. Helens"}  # the publications write it both ways


@pytest.mark.parametrize("name", ["Average", "England (rounded)", "Rest of England", "(blank)", "Other", "Total:"])
def test_a_row_of_no_unit_is_refused_and_what_is_said_to_be_written_works(name, small: SmallDesign):
    more = small.data.groupby("year", as_index=False)[["entries", "children"]].mean().round()
    small.data = pd.concat([small.data, more.assign(la_code=name, first_year=0)])
    with pytest.raises(DataFault) as said:
        small.load()
    (line,) = str(said.value).splitlines()
    assert "lines 42, 43, 44, 45 and 1 more" in line
    written = name if name.replace(" ", "").isalpha() else f"'{name}'"
    assert f"exclude: {{units: [{written}], why:" in line
    small.block["exclude"] = {"units": [name], "why": "no unit"}
    assert small.load().n_units == 8


WAYS = [
    ("St. Helens", "St Helens"), ("Southend-on-Sea", "Southend on Sea"), ("Stoke on Trent", "Stoke-on-Trent"),
    ("Bristol, City of", "Bristol City of"), ("Bristol", "City of Bristol"), ("Kent", "Kent County Council"),
    ("Medway", "Medway UA"), ("Camden", "London Borough of Camden"), ("Bury", "Bury Metropolitan Borough Council"),
    ("Bath & NE Somerset", "Bath and NE Somerset"), ("Ynys Môn", "Ynys Mon"),
    ("Kingston upon Hull", "Kingston Upon Hull, City of"),
    ("Herefordshire", "Herefordshire, County of"), ("Ynys Môn", unicodedata.normalize("NFD", "Ynys Môn")),
    ("E06000004", "E06000004 (1)"), ("E06000004", "E06000004."), ("E06000004", "EO6000004"),
    ("E06000004", "E06-000004"),
    ("E06000004", "\u041506000004"), ("E06000004", "E06000004\ufe0f"), ("E06000004", "E060000042"),
    ("E06000004", "E0600OOO4"), ("E06000001", "E0600000l"), ("Kent", "Kent [note 2]"), ("800", "0800"),
    ("800", "800.0"),
    ("2100", "2,100"), ("Kent", "Kent\u2014"), ("Kent", "\u039aent"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_one_authority_written_two_ways_is_known(one, other):
    assert one != other
    assert bare(one) == bare(other)


@pytest.mark.parametrize(
    "names",
    [
        ["Bournemouth", "Bournemouth, Christchurch and Poole", "Poole"], ["Northumberland", "North Tyneside"],
        ["Leicester", "Leicestershire"], ["Nottingham", "Nottinghamshire"], ["Southampton", "Southend-on-Sea"],
        ["E10000002", "E06000060"], ["Northamptonshire", "North Northamptonshire", "West Northamptonshire"],
        ["London", "City of London"], ["1-2", "12", "1.2"], ["A1", "A2", "A", "A-1-2", "A12"], ["0", "00a", "O"],
        ["City", "County", "Borough"], ["Site 1", "Site 11", "Site 1.1"], ["East Sussex", "West Sussex"],
        ["Newcastle upon Tyne", "Newcastle-under-Lyme"], ["Kingston upon Hull", "Kingston upon Thames"], ["*1", "*2"],
        ["oil", "011"],
    ],
)  # fmt: skip
def test_others_stay_apart(names):
    assert [pair for pair in combinations(names, 2) if bare(pair[0]) == bare(pair[1])] == []


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("Kent", "Kent County Council", "'Kent County Council'"),
        ("E06000004", "EO6000004", "'EO6000004'"),
        ("E06000004", "\u041506000004", r"'\u041506000004'"),
        ("E06000004", "\u200eE06000004", r"'\u200eE06000004'"),
    ],
)
def test_one_authority_as_two_is_refused_and_recode_puts_it_right(one, other, shown, small: SmallDesign):
    """What nobody sees is written by its number, so that what is said to be written can be."""
    small.data["la_code"] = small.data["la_code"].replace("003", one)
    plain = small.load().frame
    small.cell(one, 2014, "la_code", other).cell(one, 2015, "la_code", other)
    with pytest.raises(DataFault, match="probably one unit written two ways") as said:
        small.load()
    assert f"'{one}' and {shown}" in str(said.value)
    recode = re.search(r"or recode: (\{la_code: .*\}\})", str(said.value))
    assert recode is not None
    small.block["recode"] = YAML(typ="safe").load(recode[1])
    assert small.block["recode"] == {"la_code": {other: one}}
    assert small.load().frame.equals(plain)
