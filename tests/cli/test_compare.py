"""`sos-eval compare`: what differs is told by name, and nothing that a bundle holds back."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from sos_eval.bundle.bundle import read_bundle
from sos_eval.bundle.listing import list_files
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.jobs.compare import COLUMNS, compare_bundles
from tests.cli.bad_inputs import DESIGN, panel
from tests.conftest import without_pages


def call(*args):
    return answered(cli, [str(one) for one in args], Screen())


def made(folder, design, data):
    folder.mkdir()
    (folder / "small.yaml").write_text(design)
    (folder / "panel.csv").write_text(data)
    with without_pages():
        assert call("run", folder / "small.yaml", "--out", folder / "bundle", "--quiet") == 0
    return folder / "bundle"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A bundle; the same with another option and the last authority left out; the same two under a profile."""
    folder = tmp_path_factory.mktemp("compare")
    later = DESIGN.replace("callaway_santanna}", "callaway_santanna, anticipation: 1}").replace("seed: 1", "seed: 2")
    fewer = "".join(line for line in panel().splitlines(keepends=True) if not line.startswith("12,"))
    guard = "disclosure: {profile: dfe}\n"
    waits = DESIGN.replace("callaway_santanna}", "callaway_santanna, anticipation: 1}")
    return {
        "a": made(folder / "a", DESIGN, panel()), "b": made(folder / "b", later, fewer),
        "guarded a": made(folder / "ga", DESIGN + guard, panel()),
        "guarded b": made(folder / "gb", later + guard, fewer),
        "windowed": made(folder / "gw", DESIGN.replace("panel:", "panel:\n  window: {from: 2011}") + guard, panel()),
        "another method": made(folder / "gm", waits + guard, panel()),
        "seeded": made(folder / "gs", DESIGN.replace("seed: 1", "seed: 2") + guard, panel()),
    }  # fmt: skip


def test_what_changed_is_told_by_its_key(bundles):
    lines = compare_bundles(bundles["a"], bundles["b"]).lines
    assert "design: estimators.primary.anticipation: 0 -> 1" in lines
    assert "design: seed: 1 -> 2" in lines
    assert "data: units as read: 12 -> 11 (difference -1)" in lines
    assert "data: rows as read: 72 -> 66 (difference -6)" in lines
    assert any(line.startswith("data: panel.csv (SHA-256): ") for line in lines)
    assert "versions: seed: 1 -> 2" in lines


def test_estimates_are_those_of_the_two_bundles(bundles):
    rows = compare_bundles(bundles["a"], bundles["b"]).table
    head = rows[rows["verdict_before"].fillna("") != ""]
    assert len(head) == 1
    old, new = (read_bundle(bundles[name]).headline for name in ("a", "b"))
    row = head.iloc[0]
    assert (row["verdict_before"], row["verdict_after"]) == (old["verdict"], new["verdict"])
    assert (row["before"], row["after"]) == (old["estimate"], new["estimate"])
    assert row["difference"] == new["estimate"] - old["estimate"]
    assert (row["before_low"], row["after_high"]) == (old["conf_low"], new["conf_high"])


def test_a_bundle_does_not_differ_from_itself(bundles):
    answer = compare_bundles(bundles["a"], bundles["a"])
    count = len(read_bundle(bundles["a"]).estimates)
    assert [line for line in answer.lines if "nothing" in line] == [
        f"{part}: nothing differs" for part in ("design", "data", "versions")
    ]
    assert answer.lines[-1] == f"estimates: {count} are the same"


@pytest.mark.parametrize("other", ["guarded b", "windowed", "another method"])
def test_under_a_profile_no_estimate_on_other_units_periods_or_of_another_method_is_set_beside(bundles, other):
    rows = compare_bundles(bundles["guarded a"], bundles[other]).table
    estimates = rows[rows["part"] == "estimates"]
    assert len(estimates)
    assert estimates[["before", "after", "difference", "before_low", "after_high"]].isna().all(axis=None)
    assert estimates["note"].str.startswith("withheld: ").all()
    assert rows["difference"].isna().all()


def test_what_passed_no_gate_is_not_set_beside_what_did(bundles, capsys):
    for pair in (("a", "guarded a"), ("guarded a", "a")):
        assert call("compare", *(bundles[name] for name in pair)) == 2
        said = capsys.readouterr().err
        assert f"{bundles['a']}: written without a disclosure profile" in said
        assert "run its design under the same profile" in said


def test_what_is_no_bundle_is_refused_by_name_both_at_once(bundles, tmp_path, capsys):
    cut = shutil.copytree(bundles["a"], tmp_path / "cut")
    (cut / "estimates.csv").write_text("")
    assert call("compare", cut, tmp_path / "none") == 2
    said = capsys.readouterr().err
    assert "estimates.csv" in said
    assert f"{tmp_path / 'none'}: no such folder" in said


def test_a_provenance_of_another_hand_is_refused(bundles, tmp_path, capsys):
    foreign = shutil.copytree(bundles["a"], tmp_path / "foreign")
    (foreign / "provenance.json").write_text("{}")
    list_files(foreign)
    assert call("compare", foreign, bundles["a"]) == 2
    assert "provenance.json: `versions` is not what a run writes there" in capsys.readouterr().err


def test_the_table_is_written_and_nothing_over_a_bundle(bundles, tmp_path, capsys):
    assert call("compare", bundles["a"], bundles["b"], "--out", tmp_path / "c.csv") == 0
    assert list(pd.read_csv(tmp_path / "c.csv").columns) == list(COLUMNS)
    assert call("compare", bundles["a"], bundles["b"], "--out", tmp_path / "c.csv") == 2  # there already
    assert call("compare", bundles["a"], bundles["b"], "--out", tmp_path / "c.csv", "--force") == 0
    assert call("compare", bundles["a"], bundles["b"], "--out", bundles["a"] / "estimates.csv") == 2
    assert call("compare", bundles["a"], bundles["b"], "--out", tmp_path / "c.xlsx") == 2
    capsys.readouterr()
    assert call("compare", bundles["a"], bundles["b"], "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"lines", "rows"}


def test_under_a_profile_what_both_publish_of_the_same_is_shown_at_its_digits(bundles):
    rows = compare_bundles(bundles["guarded a"], bundles["seeded"]).table
    old, new = (read_bundle(bundles[name]).headline for name in ("guarded a", "seeded"))
    row = rows[rows["verdict_after"].fillna("") != ""].iloc[0]
    assert (row["before"], row["after"]) == (old["estimate"], new["estimate"])
    shown = rows[["before", "after", "before_low", "before_high", "after_low", "after_high"]].stack()
    numbers = [value for value in shown if isinstance(value, float) and value == value]
    assert numbers
    assert [value for value in numbers if float(f"{value:.3e}") != value] == []
    assert rows["difference"].isna().all()
