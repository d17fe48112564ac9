"""The published panel of England: its sums, its columns, its merged areas, and that it is what was published."""

from __future__ import annotations

import gzip
from io import StringIO

import pandas as pd
import pytest

from sos_eval.declare import build, read_yaml
from sos_eval.errors import DataFault, DesignFault
from sos_eval.panel.england.published import PROGRAMMES, SOURCES, panel_file
from sos_eval.panel.load import load_panel
from sos_eval.panel.spec import PanelSpec
from tests.conftest import ROOT, shared
from tests.panel.make_england import TABLES, text

#: Published national totals of children starting to be looked after, years to March.
NATIONAL = {2011: 27_310, 2025: 32_270}

DESIGN = """\
panel:
  source: england
  unit: la_code
  time: year
  year_convention: ends_march
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {adoption: pilots.csv}
"""


def read(geography: str) -> pd.DataFrame:
    return pd.read_csv(panel_file(geography), dtype={"la_code": str})


def loaded(folder, text: str = DESIGN, **more):
    (folder / "pilots.csv").write_text("unit,first_treated\n384,2015\n926,2015\n")
    (folder / "design.yaml").write_text(text)
    document = read_yaml(folder / "design.yaml")
    spec = build(PanelSpec, document.data["panel"], document, ("panel",))
    return load_panel(spec, document, base=folder, **more)


@pytest.mark.parametrize("name", TABLES)
def test_what_ships_is_what_was_published(name):
    """The script makes the same text from the published files; compressed without a time, so that bytes stay."""
    shared("data", "la_care_entry_panel_2011_2025.csv")
    content = (panel_file("constant").parent / f"{name}.csv.gz").read_bytes()
    assert gzip.decompress(content).decode() == text(name)
    assert content[4:8] == b"\0\0\0\0"


def test_authorities_add_up_to_the_national_total():
    """To its rounding to tens and what the City of London suppresses."""
    sums = read("as_published").groupby("year")["care_entries"].sum()
    assert (sums[2011], sums[2025]) == (27_301, 32_265)
    for year, total in NATIONAL.items():
        assert abs(sums[year] - total) < 10


def test_constant_geography_adds_up_to_all_but_the_city_of_london():
    areas, authorities = read("constant"), read("as_published")
    rest = authorities[authorities["la_code"] != "201"]
    counts = ["care_entries", "care_exits", "looked_after_31march"]
    pd.testing.assert_frame_equal(
        areas.groupby("year")[counts].sum(), rest.groupby("year")[counts].sum(), check_dtype=False
    )
    assert areas.groupby("la_code")["year"].nunique().tolist() == [15] * 148
    assert areas["care_entries"].notna().all()
    assert areas["children_0_17"].isna().sum() == 7


def test_a_merged_area_by_hand():
    """Northamptonshire 2023: North 189 entries and 15% unaccompanied, West 259 and 25%; Dorset's IDACI 2015."""
    areas = read("constant").set_index(["la_code", "year"])
    row = areas.loc[("H_NORTHANTS", 2023)]
    assert (row["care_entries"], row["children_0_17"], row["parts"]) == (189 + 259, 79_966 + 93_509, 2)
    assert row["uasc_percent_of_entries"] == round((15 * 189 + 25 * 259) / (189 + 259), 1)
    assert (row["gss_code"], row["counts_vintage"]) == ("mixed", "EES CLA 2024-25")
    parts = read("as_published").query("year == 2015 and la_code in ('835', '836', '837')")
    score = (parts["idaci_2015"] * parts["children_0_17"]).sum() / parts["children_0_17"].sum()
    assert areas.loc["H_DORSET", "idaci_2015"].to_numpy() == pytest.approx(score, abs=5e-6)


def test_every_column_is_on_the_page():
    page = SOURCES.read_text(encoding="utf-8")
    for geography in ("constant", "as_published"):
        for name in read(geography).columns:
            start = next((part for part in ("care_entries_", "care_exits_") if name.startswith(part)), None)
            assert f"`{name}`" in page or (start and f"`{start}" in page), name
    assert "Open Government Licence v3.0 (Department for Education; ONS; Ofsted; MHCLG; DWP)" in page


def test_columns_are_those_of_the_worlds():
    from sos_eval.worlds.source import world_frame

    world = world_frame(ROOT / "synthetic" / "england.yaml")
    same = {"la_code", "year", "region", "children_0_17", "care_entries", "idaci"}
    assert same == set(world) & set(read("constant"))
    assert set(world["region"]) == set(read("constant")["region"])


def test_a_design_reads_it(tmp_path):
    panel = loaded(tmp_path)
    assert (panel.n_units, panel.n_times, panel.n_rows) == (148, 15, 2220)
    assert panel.source == "the published panel of England (constant geography)"
    assert panel.matrix()[0, 0] == 152 / 37136 * 10000  # Camden, year ending March 2011
    # the City of London has fifteen rows too, ten of them with an outcome
    wider = loaded(tmp_path, DESIGN.replace("england\n", "england\n  geography: as_published\n"))
    assert (wider.n_units, wider.n_rows) == (157, 2265)


def test_another_panel_takes_its_place(tmp_path):
    small = read("constant").query("la_code in ('384', '926', '202')")
    small.to_csv(tmp_path / "other.csv", index=False)
    assert loaded(tmp_path, override=tmp_path / "other.csv").n_units == 3
    with pytest.raises(DataFault, match="--panel: the name does not say the format; name it"):
        loaded(tmp_path, override=tmp_path / "other.data")


@pytest.mark.parametrize(
    ("old", "new", "fault", "words"),
    [
        ("england\n", "england\n  path: p.csv\n", DataFault, "design.yaml:3: panel.path: source: england ships with"),
        ("england\n", "csv\n  geography: constant\n", DesignFault, "geography goes with source: england"),
        ("england\n", "england\n  geography: today\n", DesignFault, "geography: 'today'"),
        ("care_entries", "entries", DataFault, r"the published panel of England \(constant geography\) has no column"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, old, new, fault, words):
    with pytest.raises(fault, match=words):
        loaded(tmp_path, DESIGN.replace(old, new, 1))


def test_the_register_names_programmes_by_the_units_of_the_panel(tmp_path):
    register = pd.read_csv(StringIO(gzip.decompress(PROGRAMMES.read_bytes()).decode()), dtype={"unit": str})
    assert set(register["unit"]) <= set(read("constant")["la_code"])
    assert (register["programme"] == "Signs of Safety MTM pilots").sum() == 10
    register.to_csv(tmp_path / "programmes.csv", index=False)
    panel = loaded(tmp_path, DESIGN.replace("pilots.csv}", "pilots.csv, overlapping: programmes.csv}"))
    assert any("Norfolk" in text or "926 (" in text for text in panel.caveats)


def test_another_denominator_inside_the_earlier_years_is_told(tmp_path):
    """Children of 2011 and 2012 are scaled from those aged 0 to 16; those of 2013 on are the ONS's."""
    panel = loaded(tmp_path, DESIGN)
    assert any(
        text.startswith(
            "Children are counted by another source in 2011 and 2012 (named approx_scaled_0_16) than in 2014"
        )
        for text in panel.caveats
    )
