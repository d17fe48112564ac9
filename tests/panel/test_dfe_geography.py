"""Areas of constant geography: sums by hand, and the shipped panel of the one geography made from that of the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault, Faults
from sos_eval.jobs.dfe import write_dfe
from sos_eval.panel.england.published import panel_file
from sos_eval.panel.raw import raw_panel
from sos_eval.panel.read.dfe.geography import at_constant_geography
from tests.conftest import shared

WORDS = {"la_code": str}


def rows(*given):
    return pd.DataFrame(given, columns=["la_code", "gss_code", "la_name", "region", "year", *COLUMNS])


COLUMNS = ["care_entries", "care_entries_flag", "care_entries_low", "care_entries_high", "rereferral_percent"]


def test_parts_are_added_up_where_every_one_has_a_number():
    """Northamptonshire to 2021, North and West since: 5 and 7 are 12; of 5 and a hidden 1 to 4 it is 6 to 9."""
    panel = rows(
        ("928", "E1", "Northants", "East", 2021, 30.0, "", np.nan, np.nan, 20.0),
        ("940", "E2", "North", "East", 2022, 5.0, "", np.nan, np.nan, 10.0),
        ("941", "E3", "West", "East", 2022, 7.0, "", np.nan, np.nan, 12.0),
        ("940", "E2", "North", "East", 2023, 5.0, "", np.nan, np.nan, 10.0),
        ("941", "E3", "West", "East", 2023, np.nan, "low", 1.0, 4.0, 12.0),
        ("940", "E2", "North", "East", 2024, 5.0, "", np.nan, np.nan, 10.0),
        ("202", "E4", "Camden", "London", 2022, 9.0, "", np.nan, np.nan, 15.0),
    )
    made, lacking = at_constant_geography(panel, ["care_entries", "rereferral_percent"])
    area = made[made["la_code"] == "H_NORTHANTS"].set_index("year")
    np.testing.assert_array_equal(area["care_entries"].astype(float), [30, 12, np.nan, np.nan])
    assert area.loc[2023, ["care_entries_flag", "care_entries_low", "care_entries_high"]].tolist() == ["low", 6, 9]
    assert area.loc[2022, ["gss_code", "la_name", "region", "parts"]].tolist() == ["mixed", "Northants area", "East", 2]
    np.testing.assert_array_equal(area["rereferral_percent"].astype(float), [20, np.nan, np.nan, np.nan])
    assert made.loc[made["la_code"] == "202", ["care_entries", "parts"]].to_numpy().tolist() == [[9, 1]]
    assert lacking == ["H_NORTHANTS 2024"]


def test_the_one_shipped_panel_is_made_of_the_other():
    """148 areas: every count and number of children of the constant panel, merged areas among them, from its parts."""
    measures = ["care_entries", "care_exits", "looked_after_31march", "children_0_17", "children_0_17_as_used_by_dfe"]
    of_years = pd.read_csv(panel_file("as_published"), dtype=WORDS)
    constant = pd.read_csv(panel_file("constant"), dtype=WORDS).set_index(["la_code", "year"])
    made, lacking = at_constant_geography(of_years, measures)
    ours = made.set_index(["la_code", "year"]).reindex(constant.index)
    assert lacking == []
    merged = ours["parts"] > 1
    assert merged.sum() == 15 + 4 + 2
    for name in measures:
        np.testing.assert_array_equal(ours.loc[merged, name].astype(float), constant.loc[merged, name])
    assert (ours["parts"] == constant["parts"]).all()


@pytest.mark.parametrize(("geography", "areas"), [("constant", {"H_DORSET"}), ("as_published", set())])
def test_the_command_writes_it(tmp_path, geography, areas):
    raw = shared("data", "raw")
    facts = write_dfe([raw / "cla_number_and_rate_per_10k_children.csv"], tmp_path / "P.csv", geography=geography)
    made = pd.read_csv(tmp_path / "P.csv", dtype=WORDS)
    assert set(made["la_code"]) & {"H_DORSET", "838"} == (areas or {"838"})
    assert facts["geography"] == geography


def test_a_design_reads_either():
    raw, names = shared("data", "raw") / "cla_number_and_rate_per_10k_children.csv", {}
    for geography in ("constant", "as_published"):
        names[geography] = set(raw_panel("dfe", raw, Faults(DataFault), geography).frame["la_code"])
    assert names["constant"] - names["as_published"] == {"H_DORSET", "H_NORTHANTS", "H_CUMBRIA"}
