"""The economics job end to end: contract files, refusals, atomic writing, and what a tier may not print."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sos_eval.cli.main import cli, main
from sos_eval.declare import read_yaml
from sos_eval.design.design import load_design
from sos_eval.design.lock import write_lock
from sos_eval.errors import InputFault
from sos_eval.jobs.economics import run_economics
from sos_eval.jobs.run import run
from sos_eval.report.named_tables import named_tables
from tests.conftest import ROOT
from tests.economics.reference import RTOL, data, expected

BREAK_EVEN = ROOT / "designs" / "economics_sos_breakeven.yaml"
#: Words that nothing below tier E2 may contain, in any file.
FORBIDDEN = re.compile(r"\b(icer|inmb|inhb|ceac|ceaf)s?\b|cost-effectiveness (ratio|acceptability)|net.benefit", re.I)

SMOKING = """
schema: sos-eval/economics/1
name: smoking
psa: {effects: effects.csv, costs: costs.csv, params: params.csv}
reference: No treatment
thresholds: {from: 0, to: 500, step: 1}
voi: {evpi: true, evppi: [[d_2], [d_2, d_3]]}
"""


def smoking(folder, more="gate: {override: E3, why: method check on a published data set}\n"):
    for ours, theirs in (("effects", "smoking_eff.csv"), ("costs", "smoking_cost.csv"),
                         ("params", "smoking_params.csv.gz")):  # fmt: skip
        data(theirs).to_csv(folder / f"{ours}.csv", index=False)
    file = folder / "smoking.yaml"
    file.write_text(SMOKING + more)
    return file


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoking")
    return run_economics(smoking(folder), folder / "out").folder


@pytest.mark.reference
def test_contract_files_hold_the_reference_numbers(done):
    want = expected("smoking_cea")
    at = [float(k) for k in want["k"]]
    ceac = pd.read_csv(done / "ceac.csv").pivot(index="threshold", columns="strategy", values="probability")
    for name, values in want["prob_best_multi"].items():
        np.testing.assert_allclose(ceac.loc[at, name], values, rtol=RTOL)
    np.testing.assert_allclose(
        pd.read_csv(done / "evpi.csv").set_index("threshold").loc[at, "evpi"], want["evpi_bcea"], rtol=RTOL
    )
    np.testing.assert_allclose(
        pd.read_csv(done / "ceaf.csv").set_index("threshold").loc[at, "probability"], want["ceaf"], rtol=RTOL
    )
    table = pd.read_csv(done / "incremental.csv")
    assert list(table.columns) == ["strategy", "cost", "effect", "inc_cost", "inc_effect", "icer", "status"]
    assert list(table["status"]) == want["icer_table"]["Status"]
    evppi = pd.read_csv(done / "evppi.csv")
    assert set(evppi["parameters"]) == {"d_2", "d_2+d_3"}
    assert evppi["std_error"].notna().all()
    assert len(pd.read_csv(done / "net_benefit.csv")) == 501 * 4
    pairs = pd.read_csv(done / "pairwise.csv")
    assert list(pairs.columns[:4]) == ["threshold", "strategy", "eib", "prob_cost_effective"]
    assert "No treatment" not in set(pairs["strategy"])


def test_an_override_is_watermarked_and_never_fills_the_headline(done):
    gate, head = (json.loads((done / f"{name}.json").read_text()) for name in ("gate", "headline"))
    assert gate["tier"] == "E0"
    assert gate["printed_as"] == "E3"
    assert gate["watermark"].startswith("OVERRIDE")
    assert head["icer"] is None
    assert head["inmb"] is None
    assert "OVERRIDE" in (done / "report.html").read_text()
    figures = list((done / "figures").glob("*.svg"))
    assert len(figures) >= 6
    tables = named_tables(done)
    assert {"incremental", "ceac", "pairwise", "evpi"} <= set(tables.makers)
    assert all(tables.notes[name][0].startswith("OVERRIDE") for name in tables.makers)


def test_without_the_override_draws_alone_are_not_evidence(tmp_path):
    found = run_economics(smoking(tmp_path, ""), tmp_path / "out")
    assert found.verdict.tier == "E0"
    assert sorted(f.name for f in found.folder.iterdir()) == [
        "cheers.csv", "figures", "files.json", "gate.json", "missing.csv", "provenance.json", "report.html",
    ]  # fmt: skip
    assert_silent(found.folder)


def assert_silent(folder, *endings):
    """No file, figure text or page of a folder holds what tiers below E2 may not print."""
    files = [f for f in folder.rglob("*") if f.is_file() and (not endings or f.suffix in endings)]
    assert files
    for file in files:
        assert not FORBIDDEN.search(file.name), file
        found = FORBIDDEN.search(file.read_text(encoding="utf-8"))
        assert not found, f"{file}: {found}"


def test_the_worked_break_even_design_lands_at_e1_and_says_nothing_more(tmp_path):
    found = run_economics(BREAK_EVEN, tmp_path / "out")
    assert found.verdict.tier == "E1"
    assert not found.watermark
    assert_silent(found.folder)
    assert f'"{BREAK_EVEN.name}"' in (found.folder / "provenance.json").read_text()
    names = {f.stem for f in found.folder.glob("*.csv")}
    assert {"breakeven", "max_programme_cost", "cost_consequence", "budget_impact", "research_value"} <= names
    assert {"scenarios", "equity", "cheers", "missing", "parameters"} <= names
    assert not {"psa", "incremental", "pairwise", "net_benefit", "evpi"} & names
    assert list(pd.read_csv(found.folder / "budget_impact.csv").columns) == [
        "strategy", "year", "bearer", "counted", "uptake", "cost", "cost_low", "cost_high"
    ]  # fmt: skip


def test_the_scan_would_notice(done):
    # The same scan on a full analysis must fail, else it proves nothing.
    with pytest.raises(AssertionError):
        assert_silent(done)


def test_same_seed_same_bytes_and_another_seed_moves_draws_only(tmp_path):
    one, two = (run_economics(BREAK_EVEN, tmp_path / name).folder for name in ("a", "b"))
    other = run_economics(BREAK_EVEN, tmp_path / "c", seed=7).folder
    assert (one / "breakeven.csv").read_bytes() == (two / "breakeven.csv").read_bytes()
    assert (one / "report.html").read_bytes() == (two / "report.html").read_bytes()
    first, second = (pd.read_csv(f / "breakeven.csv") for f in (one, other))
    assert (first["value"].dropna() == second["value"].dropna()).all()
    assert (first["low"].dropna() != second["low"].dropna()).all()


def test_an_existing_folder_is_kept_unless_forced(tmp_path):
    run_economics(BREAK_EVEN, tmp_path / "out")
    with pytest.raises(InputFault, match="exists already"):
        run_economics(BREAK_EVEN, tmp_path / "out")
    run_economics(BREAK_EVEN, tmp_path / "out", force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputFault, match="something else"):
        run_economics(BREAK_EVEN, tmp_path / "mine", force=True)
    assert not list(tmp_path.glob("*.partial*"))


def test_a_folder_that_cannot_take_its_name_leaves_the_older_one_whole(tmp_path, monkeypatch):
    out = run_economics(BREAK_EVEN, tmp_path / "out").folder
    before = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    rename, calls = Path.rename, []

    def killed(self, target):
        calls.append(self.name)
        if len(calls) == 2:  # the older folder has gone aside, the new one has not taken its name
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        run_economics(BREAK_EVEN, tmp_path / "out", force=True, seed=7)
    assert {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()} == before
    assert [folder.name for folder in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_the_worked_design_on_good_data_reaches_e3_once_it_is_locked(tmp_path):
    # As it stands in designs/, but locked before its outcomes are drawn: without the lock the same run is E2.
    shutil.copytree(ROOT / "synthetic", tmp_path / "synthetic")
    (tmp_path / "designs").mkdir()
    design = tmp_path / "designs" / "rollout.yaml"
    shutil.copy(ROOT / "designs" / "economics_randomised_rollout.yaml", design)
    open_plan = run(load_design(design), out=tmp_path / "open")
    gate = open_plan.economics["gate"]
    assert gate["tier"] == "E2"
    assert gate["binding"] == ["G7", "G12"]
    assert open_plan.economics["headline"]["inmb"] is None
    write_lock(load_design(design), "no")
    locked = run(load_design(design), out=tmp_path / "locked").economics
    assert locked["gate"]["tier"] == "E3"
    assert locked["gate"]["watermark"] is None
    head = locked["headline"]
    assert head["inmb"]["low"] < head["inmb"]["value"] < head["inmb"]["high"]
    # the world's true effect is about 4 fewer per 10,000; the estimate in use is the run's own
    row = open_plan.estimates.query("role == 'primary' and aggregation == 'overall'").iloc[0]
    draws = locked["psa"]
    assert draws["inc_effect"].mean() == pytest.approx(-row["estimate"] * 6 * locked_years(), rel=0.03)


@pytest.mark.slow
def test_a_run_on_weak_evidence_is_silent_in_every_file_and_can_be_judged_again(tmp_path):
    # The same design without its lot: nobody bounds the trends, so the run grants E1 although it has an estimate.
    shutil.copytree(ROOT / "synthetic", tmp_path / "synthetic")
    (tmp_path / "designs").mkdir()
    design = tmp_path / "designs" / "rollout.yaml"
    text = (ROOT / "designs" / "economics_randomised_rollout.yaml").read_text()
    design.write_text(text.replace("randomised: true,", "randomised: false,"))
    found = run(load_design(design), out=tmp_path / "out")
    gate = found.economics["gate"]
    assert gate["tier"] == "E1"
    assert "G3" in gate["binding"]
    assert gate["evidence"]["G6"]["measured"]["mde_over_breakeven"] < 1
    assert_silent(tmp_path / "out" / "economics")
    assert_silent(tmp_path / "out" / "figures", ".svg", ".csv")
    assert not FORBIDDEN.search((tmp_path / "out" / "report.html").read_text().split("The design as it was run")[0])
    again = run_economics(tmp_path / "out", tmp_path / "again")
    assert again.verdict.to_dict() == {key: gate[key] for key in again.verdict.to_dict()}
    first, second = (pd.read_csv(folder / "breakeven.csv") for folder in (tmp_path / "out" / "economics", again.folder))
    pd.testing.assert_frame_equal(first, second)  # the same draws: the design's seed
    for file in (tmp_path / "out" / "economics").glob("*.csv"):  # nothing parts but where the effect is said to be from
        tables = [pd.read_csv(folder / file.name) for folder in (file.parent, again.folder)]
        without = [table.drop(columns=["source"], errors="ignore") for table in tables]
        pd.testing.assert_frame_equal(*without)
    # a file of its own may take the effect from the bundle
    own = read_yaml(design).data["economics"]
    own["effect"]["bundle"] = "out"
    file = tmp_path / "own.yaml"
    file.write_text(json.dumps({"schema": "sos-eval/economics/1", "name": "own", **own}))
    assert run_economics(file, tmp_path / "own").verdict.criteria == again.verdict.criteria


def locked_years():
    """Discounted full-effect years of the design: three full, then 80% and 64%, at 3.5%."""
    return sum(share / 1.035**t for t, share in enumerate((1, 1, 1, 0.8, 0.64)))


def test_the_command_judges_a_dossier_and_prints_json(tmp_path):
    (tmp_path / "d.json").write_text('{"sms": 3, "treated": 30}')
    shown = CliRunner().invoke(cli, ["economics", "--gate", str(tmp_path / "d.json"), "--json"])
    verdict = json.loads(shown.output)
    assert verdict["tier"] == "E0"
    assert {"tier", "criteria", "binding", "lift", "evidence"} <= set(verdict)
    words = CliRunner().invoke(cli, ["economics", "--gate", str(tmp_path / "d.json")]).output
    assert words.startswith("E0")
    assert "What would lift it" in words


def test_wrong_input_leaves_with_code_two(tmp_path, capsys):
    for command in ("economics", "run"):
        with pytest.raises(SystemExit) as left:
            main([command, str(tmp_path / "nothing")])
        assert left.value.code == 2
        assert "no such file; name a file, such as x.yaml" in capsys.readouterr().err
    (tmp_path / "d.json").write_text('{"smss": 3}')
    with pytest.raises(SystemExit) as left:
        main(["economics", "--gate", str(tmp_path / "d.json")])
    assert left.value.code == 2
    assert 'did you mean "sms"?' in capsys.readouterr().err


def test_the_shipped_roll_out_is_still_the_plan_that_was_locked():
    # a default that changes after the lock would change the plan, and with it the tier
    from sos_eval.design.lock import lock_state

    state = lock_state(load_design(ROOT / "designs" / "economics_randomised_rollout.yaml"))
    assert (state.state, state.differences) == ("as_locked", ())


def test_the_terminal_and_the_page_open_with_what_was_found(tmp_path):
    shown = CliRunner().invoke(cli, ["economics", str(BREAK_EVEN), "--out", str(tmp_path / "out")]).output
    table = pd.read_csv(tmp_path / "out" / "breakeven.csv").set_index(["counting", "quantity"])["value"]
    share = table["all savings", "share of all entries averted"]
    cash = table["cashable savings only", "share of all entries averted"]
    first = shown.splitlines()[0]
    assert first.startswith(f"To pay for itself Signs of Safety would have to avert {share:.1%} of entries to care, ")
    assert first.endswith(f"in each year of full effect; {cash:.1%} if only cashable savings count.")
    assert f"{table['all savings', 'fewer entries a year, one authority']:.3g} a year (" in first
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index(first[:60]) < page.index("Tier granted by the evidence") < page.index("What would lift it")


def test_a_scenario_that_changes_nothing_says_so(tmp_path):
    run_economics(BREAK_EVEN, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "scenarios.csv", keep_default_na=False).set_index("scenario")["note"]
    assert table["public sector perspective"] == "changes no result here"  # nobody but the authority bears a cost
    assert table["horizon of ten years"] == ""
