"""What could be found before funding: sizes a simulation confirms, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import InputFault
from sos_eval.jobs.feasible import FEASIBLE_COLUMNS, Scheme, feasible, quiet_panel
from tests.fakes import noise_panel
from tests.hostile import cases


def test_the_size_is_found_four_times_in_five():
    """A t test of changes in place of the permutation test: what is stated as found is found."""
    panel = noise_panel(80, 1, 8, seed=3)
    table = feasible(panel, Scheme(treated=(12,), windows=((4, 4),))).table
    quiet = panel.matrix()[~panel.ever_treated]
    change = quiet[:, 4:].mean(1) - quiet[:, :4].mean(1)
    rng, found = np.random.default_rng(1), []
    for _ in range(2000):
        own = rng.permutation(len(change)) < 12
        moved = change - table["fall"].item() * own
        error = np.sqrt(moved[own].var() / 12 + moved[~own].var() / (~own).sum())
        found.append(abs(moved[own].mean() - moved[~own].mean()) / error > 2.1)
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_strata_wide_differences_cost_nothing_within_strata():
    panel = noise_panel(80, 1, 8, seed=3)
    side = np.arange(80) % 2
    y = panel.matrix() + 20 * np.outer(side, np.arange(8) >= 4)
    panel = panel.with_outcome(y.ravel()).with_columns(side=np.repeat(side.astype(str), 8))
    table = feasible(panel, Scheme(treated=(12,), windows=((4, 4),), within=("", "side"))).table.set_index("within")
    assert table.loc["side", "fall"] < 0.5 * table.loc["", "fall"]


def test_what_cannot_be_asked_is_a_reason():
    panel = noise_panel(12, 2, 8)
    scheme = Scheme(treated=(4, 10), windows=((4, 4), (8, 8)), within=("",))
    table = feasible(panel, scheme).table.set_index(["treated", "before", "within"])
    assert table.loc[(4, 4, ""), "reason"] == ""
    assert "cannot be 10 starters" in table.loc[(10, 4, ""), "reason"]
    assert table.loc[(4, 8, ""), "reason"] == "the panel has 8 periods"
    assert table["fall"].notna().sum() == 1


def test_where_nothing_was_computed_the_sentence_says_so_and_what_to_try():
    said = feasible(noise_panel(12, 2, 8), Scheme(treated=(4,), windows=((8, 8),))).sentence
    assert said == "Nothing was computed: the panel has 8 periods; ask for fewer (--before N)."


def test_a_reason_that_is_no_number_of_periods_is_not_answered_by_fewer_periods():
    said = feasible(noise_panel(12, 2, 8), Scheme(treated=(12,), windows=((4, 4),))).sentence
    assert said == "Nothing was computed: 10 units cannot be 12 starters and their comparison."


def test_where_only_some_rows_were_computed_the_sentence_is_about_them_and_says_why_the_others_were_not():
    said = feasible(noise_panel(12, 2, 8), Scheme(treated=(4,), windows=((4, 4), (8, 8)))).sentence
    assert "a comparison over 4 periods before and 4 after the start would find four times in five with 4" in said
    assert said.endswith("1 of 2 rows were not computed: the panel has 8 periods; ask for fewer (--before N).")


def test_command_on_the_panel_that_ships(tmp_path, capsys):
    args = ["feasible", "--treated", "10", "--after", "4", "--within", "region", "--out", str(tmp_path / "f"), "--json"]
    assert answered(cli, args, Screen(log_folder=tmp_path)) == 0
    said = json.loads(capsys.readouterr().out)
    assert "with 10 authorities a fall of" in said["sentence"]
    assert "drawn by lot within each region (among all: the table's other rows), a comparison" in said["sentence"]
    table = pd.read_csv(tmp_path / "f" / "feasible.csv")
    assert tuple(table.columns) == FEASIBLE_COLUMNS
    assert (table["units"] == quiet_panel(None, None).n_units).all()
    assert (tmp_path / "f" / "feasible.svg").read_text().count("<svg") == 1
    assert answered(cli, args, Screen(log_folder=tmp_path)) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--treated", "ten"], "write whole numbers"),
        (["--before", "0"], "numbers from 1 on"),
        (["--panel", "nowhere.csv"], "nowhere.csv"),
        (["--within", "nope"], "no column 'nope'; what is read of"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_words_are_refused(args, words, tmp_path, capsys):
    assert answered(cli, ["feasible", *args], Screen(log_folder=tmp_path)) == 2
    assert words in capsys.readouterr().err


def test_a_design_under_a_profile_is_refused(tmp_path):
    """Its levels and sizes would leave without passing the gate."""
    (tmp_path / "d.yaml").write_text(f"{cases.DESIGN}disclosure: {{profile: dfe}}\n", encoding="utf-8")
    with pytest.raises(InputFault, match=r"disclosure: levels and sizes of feasible.*profile: open"):
        quiet_panel(tmp_path / "d.yaml", None)


def test_a_file_in_other_words_is_refused_with_its_own_columns(tmp_path):
    file = tmp_path / "councils.csv"
    file.write_text("council,yr,starts,kids\nA,2011,3,1000\n")
    with pytest.raises(InputFault, match="no column la_code, year, care_entries, children_0_17; its columns are"):
        quiet_panel(None, file)


def test_too_few_ways_to_choose_who_starts_have_a_reason_and_no_size():
    """One of the 12 that are not treated: no test can reject at 5% with 12 adoptions; two of 12 have 66."""
    panel = noise_panel(14, 2, 8)
    alone, pair = (feasible(panel, Scheme(treated=(n,), windows=((4, 4),))).table.iloc[0] for n in (1, 2))
    assert np.isnan(alone["rise"])
    assert alone["reason"] == "12 ways to choose who starts are too few for any test to reject"
    assert pair["rise"] > 0


def test_a_level_that_is_not_above_zero_has_sizes_in_the_outcomes_own_unit():
    panel = noise_panel(14, 3, 8)
    below = panel.with_outcome(panel.matrix() - 1e3)
    said = feasible(below, Scheme(treated=(3,), windows=((4, 4),))).sentence
    assert "nan" not in said
    assert " (error " in said


def test_the_panel_of_its_design_is_not_written_over(tmp_path, capsys):
    cases.data().to_csv(tmp_path / "feasible.csv", index=False)
    (tmp_path / "d.yaml").write_text(cases.DESIGN.replace("panel.csv", "feasible.csv"))
    before = (tmp_path / "feasible.csv").read_bytes()
    words = ["feasible", str(tmp_path / "d.yaml"), "--treated", "2", "--out", str(tmp_path), "--force"]
    assert answered(cli, words, Screen()) == 2
    assert "feasible.csv: is, or holds, what this command reads" in capsys.readouterr().err
    assert (tmp_path / "feasible.csv").read_bytes() == before
