"""The job and command `match`: comparison groups before any outcome is read."""

import json

import numpy as np
import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.design.design import load_design
from sos_eval.errors import InputFault
from sos_eval.jobs.match import _bounded, match_design, write_groups

DESIGN = """\
schema: sos-eval/design/1
name: x
panel:
  {source: csv, path: panel.csv, unit: la, time: year, outcome: {value: y}, treatment: {first_treated: start},
   covariates: [poor]}
comparison: {method: nearest, on: [poor], distance: poor, balance: {max_smd: 0.1}}
estimators:
  - {id: one, method: callaway_santanna}
  - {id: two, method: twfe}
  - {id: all, method: twfe, role: sensitivity, with: {comparison: none}}
"""
POOR = [1.6, 5, 9, 1.5, 4, 2, 8.25, 20]


@pytest.fixture
def design(tmp_path):
    rows = [
        {"la": unit, "year": year, "y": year - 2000.0, "start": start, "poor": poor}
        for unit, start, poor in zip("abcdefgh", [2013, 2013, 2014, 0, 0, 0, 0, 0], POOR, strict=True)
        for year in range(2010, 2016)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "panel.csv", index=False)
    (tmp_path / "x.yaml").write_text(DESIGN, encoding="utf-8")
    return tmp_path / "x.yaml"


def test_every_group_once_with_its_users(design):
    matched, everybody = match_design(design)
    assert (matched.name, everybody.name) == ("one, two", "all")
    assert matched.unmet == ["balance.max_smd"]  # (5.2 - 4.583) / 3.704
    weights = matched.tables["weights"].set_index("unit")["weight"]
    assert weights.to_dict() == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 0, "g": 1, "h": 0}
    assert matched.tables["flow"]["names"].tolist()[-2] == "f, h"
    assert set(matched.tables) == {"balance", "balance_measures", "flow", "weights", "sets"}


def test_units_are_called_by_their_names_and_pairs_are_told(design, capsys):
    """Every set of sets.csv is one line, by name; who is left out has a name too."""
    panel = pd.read_csv(design.parent / "panel.csv")
    unit = panel.columns[0]
    panel.assign(called="Place " + panel[unit]).to_csv(design.parent / "panel.csv", index=False)
    design.write_text(design.read_text().replace(f"unit: {unit}", f"unit: {unit}, unit_name: called"))
    matched, _ = match_design(design)
    sets = matched.tables["sets"].groupby("matched_set")["unit"].apply(set)
    expected = [
        f"Place {name}: {', '.join(f'Place {u}' for u in sorted(units - {name}))}" for name, units in sets.items()
    ]
    assert matched.pairs == expected
    assert answered(cli, ["match", str(design)], Screen()) == 3
    told = capsys.readouterr().out
    assert "comparison: dropped 2 (Place f, Place h): not chosen" in told
    assert "\n".join(["who is compared with whom:", *expected]) in told


def test_rows_are_counted_where_no_whole_unit_is_dropped(tmp_path, capsys):
    """One of a's three children a year is of an age that no child of b has: four rows beside those of the window."""
    rows = [
        {"la": unit, "year": year, "y": float(age), "age": age}
        for unit, ages in (("a", (1, 2, 9)), ("b", (1, 2, 2)))
        for year in range(2011, 2016) for age in ages
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "panel.csv", index=False)
    pd.DataFrame({"unit": ["a"], "first_treated": [2013], "embedded": [2014]}).to_csv(tmp_path / "r.csv", index=False)
    (tmp_path / "x.yaml").write_text(
        "schema: sos-eval/design/1\nname: x\npanel: {source: csv, path: panel.csv, layout: cross_sections, unit: la, "
        "time: year, outcome: {value: y}, treatment: {adoption: r.csv, untreated_means: never}, covariates: [age]}\n"
        "comparison: {method: declared, sets: {a: [b]}, people: {method: exact, on: [age]}}\n"
        "estimators: [{id: one, method: matched_did}]\n",
        encoding="utf-8",
    )
    assert answered(cli, ["match", str(tmp_path / "x.yaml")], Screen()) == 0
    told = capsys.readouterr().out
    assert "comparison: dropped 4 rows: treated rows" in told
    assert "dropped 0" not in told
    assert "of outcomes it was seen which rows have one, after a start too, and no value\n" in told


def test_each_group_says_what_of_outcomes_was_seen(design):
    """Columns that a later rule makes of one with `outliers` are bounded by later values as it is."""
    assert {group.notes[-1] for group in match_design(design)} == {
        "of outcomes after the first start of anyone nothing was seen"
    }
    text = design.read_text(encoding="utf-8").replace("method: nearest, on", "method: nearest, cohorts: apart, on")
    design.write_text(text, encoding="utf-8")
    assert match_design(design)[0].notes[-1] == "of outcomes after a cohort’s own start nothing was seen"
    published = load_design("designs/sos_evaluation_2020.yaml")
    assert [_bounded(published, name) for name in ("days", "conferred", "with_kin", "")] == ["days", "", "", ""]


def test_outcomes_from_the_first_start_on_are_never_seen(design):
    design.write_text(
        design.read_text().replace("on: [poor], distance: poor", "on: [outcome_pre], distance: outcome_pre")
    )
    before = match_design(design)[0].tables["balance"]
    panel = pd.read_csv(design.parent / "panel.csv")
    panel["y"] = panel["y"].where(panel["year"] < 2013, np.random.default_rng(3).normal(size=len(panel)) * 1e6)
    panel.to_csv(design.parent / "panel.csv", index=False)
    pd.testing.assert_frame_equal(match_design(design)[0].tables["balance"], before)


def test_command_tells_writes_and_ends_with_3_where_a_limit_is_not_kept(design, capsys, tmp_path):
    out = tmp_path / "out"
    assert answered(cli, ["match", str(design), "--out", str(out)], Screen()) == 3
    told = capsys.readouterr().out
    assert "3 treated and 3 comparison units, worth 3.0 equally weighted" in told
    assert "comparison: dropped 2 (f, h): not chosen as a donor by matching" in told
    assert "the declared limit is 0.1" in told
    measured = {line.split()[0]: line.split()[1:] for line in told.split("also measured:")[1].splitlines()[2:8]}
    assert [float(one) for one in measured["ess_treated"]] == [3, 3]
    assert [float(one) for one in measured["ess_comparison"]] == [5, 3]
    assert {"balance.1.csv", "flow.1.csv", "weights.1.csv", "flow.2.csv"} <= {file.name for file in out.iterdir()}
    with pytest.raises(InputFault, match="is there already"):
        write_groups(match_design(design), out, force=False)
    write_groups(match_design(design), out, force=True)


def test_a_propensity_is_shown_beside_what_was_observed(design, capsys):
    design.write_text(design.read_text().replace("distance: poor, balance: {max_smd: 0.1}", "distance: probability"))
    assert answered(cli, ["match", str(design)], Screen()) == 0
    told = capsys.readouterr().out
    assert "the propensity by tenths, as estimated and as observed" in told
    (table, _) = (group.tables.get("calibration") for group in match_design(design))
    table = table[table["chance"] == "fitted"]
    assert (table["n_units"].sum(), table["n_treated"].sum()) == (8, 3)
    assert table["expected"] @ table["n_units"] == pytest.approx(3)  # a logistic model with a constant


def test_json_and_no_limit(design, capsys):
    design.write_text(design.read_text().replace(", balance: {max_smd: 0.1}", ""))
    assert answered(cli, ["match", str(design), "--json"], Screen()) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unmet"] == []
    assert [group["estimators"] for group in told["groups"]] == ["one, two", "all"]
    assert told["groups"][0]["limits"][0]["threshold"] is None


def test_a_design_with_a_disclosure_profile_is_refused(design):
    # the tables of a match do not pass the gate that a bundle passes
    design.write_text(design.read_text() + "disclosure: {profile: dfe}\n")
    with pytest.raises(InputFault, match="do not pass the gate that a bundle passes; use `sos-eval run`"):
        match_design(design)


def test_what_it_reads_and_what_a_link_leads_to_are_not_written_over(design, tmp_path, capsys):
    """The panel is called like one of the files that are written."""
    (tmp_path / "panel.csv").rename(tmp_path / "balance.1.csv")
    design.write_text(design.read_text().replace("panel.csv", "balance.1.csv"))
    before = (tmp_path / "balance.1.csv").read_bytes()
    assert answered(cli, ["match", str(design), "--out", str(tmp_path), "--force"], Screen()) == 2
    assert "balance.1.csv: is, or holds, what this command reads" in capsys.readouterr().err
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    assert answered(cli, ["match", str(design), "--out", str(tmp_path / "link"), "--force"], Screen()) == 2
    assert "link: is a link" in capsys.readouterr().err
    assert not any((tmp_path / "theirs").iterdir())
    assert (tmp_path / "balance.1.csv").read_bytes() == before
