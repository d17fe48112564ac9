"""Runs since a lock: told where they differ, kept beside the lock, and none takes the place of the one as locked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sos_eval as se
from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.provenance import hash_file
from sos_eval.bundle.whole import append_line
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.design.lock import write_lock
from sos_eval.errors import DataFault, InputFault
from sos_eval.jobs.runs import refuse_unseen
from sos_eval.terms import __version__
from tests.cli.bad_inputs import DESIGN
from tests.cli.bad_inputs import panel as small_panel
from tests.conftest import drawn_once

SEED = "the seed is 2, the locked plan said 1"
KEYS = {
    "schema", "time", "locked_at", "state", "differences", "design_sha256", "data", "overrides", "sos_eval", "out",
}  # fmt: skip


def project(folder: Path, *, lock: bool = True) -> Path:
    """Lay out a small design, its panel and its lock; return the design."""
    path = folder / "small.yaml"
    path.write_text(DESIGN)
    (folder / "panel.csv").write_text(small_panel())
    if lock:
        write_lock(se.load_design(path), "no")
    return path


def run(path: Path, out: str = "out", **overrides: object) -> ResultBundle:
    with drawn_once():
        return se.run(se.load_design(path, **overrides), out=path.parent / out, force=True)


def page_of(bundle: ResultBundle) -> str:
    return (bundle.path / "report.html").read_text()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design that was run as locked, then with another seed in its file, then with the command line's own."""
    path = project(tmp_path_factory.mktemp("plan"))
    run(path)
    path.write_text(DESIGN.replace("seed: 1", "seed: 2"))
    run(path)
    path.write_text(DESIGN)
    other = path.parent / "elsewhere" / "other.csv"
    other.parent.mkdir()
    other.write_text(small_panel())
    run(path, "third", panel=other, seed=7)
    return path


def test_each_run_is_a_line_without_a_result_or_a_place(path):
    text = path.with_suffix(".runs.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["state"], line["out"]) for line in lines] == [
        ("as_locked", "out"), ("changed", "out"), ("changed", "third"),
    ]  # fmt: skip
    assert lines[1]["differences"] == [SEED]
    assert lines[2]["differences"] == [
        "the data are other.csv, the locked plan said panel.csv", "the seed is 7, the locked plan said 1",
    ]  # fmt: skip
    assert lines[2]["overrides"] == {"panel.path": ["panel.csv", "other.csv"], "seed": [1, 7]}
    assert lines[2]["data"] == [{"file": "other.csv", "sha256": hash_file(path.parent / "elsewhere" / "other.csv")}]
    third = ResultBundle(path.parent / "third")
    assert lines[2]["design_sha256"] == third.provenance["design"]["sha256"]
    assert all(set(line) == KEYS and line["sos_eval"] == __version__ for line in lines)
    assert str(path.parent) not in text


def test_the_page_says_how_a_run_differs_and_lists_the_runs(path):
    page = page_of(ResultBundle(path.parent / "third"))
    assert "; not as locked" in page
    assert "3 runs since the lock: 1 as locked, 2 not as locked (listed under provenance)." in page
    assert "What differs: the data are other.csv, the locked plan said panel.csv; the seed is 7" in page
    assert "Runs since the plan was locked" in page
    assert page.count(SEED) == 1  # in the table of runs
    assert "seed: 1 -&gt; 7" in page


def test_the_bundle_as_locked_is_kept(path):
    kept = ResultBundle(path.parent / "out.as-locked")
    assert (kept.facts.lock.state, len(kept.facts.lock.runs)) == ("as_locked", 1)
    assert "not as locked" not in page_of(kept)
    second = ResultBundle(path.parent / "out").facts.lock
    assert (second.state, second.words, len(second.runs)) == ("changed", (SEED,), 2)
    assert second.notes == ("The bundle as locked that stood here before is kept as out.as-locked.",)
    assert second.notes[0] in (path.parent / "out" / "log.txt").read_text()
    assert ResultBundle(path.parent / "third").facts.lock.notes == ()


def test_data_that_changed_since_an_earlier_run_are_told_and_its_bundle_kept(tmp_path):
    """The plan is as locked, and the data are others: a new answer does not quietly take the place of the first."""
    path = project(tmp_path)
    run(path)
    assert run(path).facts.lock.notes == ()
    data = tmp_path / "panel.csv"
    data.write_text(data.read_text().replace(",20,", ",24,"))
    lock = run(path).facts.lock
    when = lock.runs[1].time.replace("T", " ").removesuffix("+00:00")
    assert lock.state == "as_locked"
    assert lock.notes == (
        f"The data file panel.csv is not the one of the run of {when}: the answer may differ because the data do.",
        "The bundle as locked that stood here before is kept as out.as-locked.",
    )
    page = page_of(ResultBundle(tmp_path / "out"))
    assert lock.notes[0] in page
    assert all(one in page for run_ in lock.runs for one in run_.data)


def test_data_that_changed_since_the_lock_are_told_at_the_first_run(tmp_path):
    path = project(tmp_path, lock=False)
    assert answered(cli, ["lock", str(path), "--outcomes-seen", "yes"], Screen()) == 0
    data = tmp_path / "panel.csv"
    data.write_text(data.read_text().replace(",20,", ",24,"))
    lock = run(path).facts.lock
    assert lock.state == "as_locked"
    assert lock.notes == ("The data file panel.csv is not the one that was there when the plan was locked.",)


def test_what_is_kept_already_is_never_written_over(tmp_path):
    path = project(tmp_path)
    run(path)
    (tmp_path / "out.as-locked").mkdir()
    (tmp_path / "out.as-locked" / "mine.txt").write_text("kept")
    assert run(path, seed=2).facts.lock.notes == (
        "out.as-locked was there already and is left as it is; "
        "the bundle as locked that stood here before is replaced.",
    )
    assert [file.name for file in (tmp_path / "out.as-locked").iterdir()] == ["mine.txt"]
    assert ResultBundle(tmp_path / "out").facts.lock.state == "changed"


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A locked design in a folder that nobody may write to."""
    folder = tmp_path / "plan"
    folder.mkdir()
    path = project(folder)
    folder.chmod(0o500)
    yield path
    folder.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_cannot_be_written_stops_no_run(unwritable, tmp_path):
    bundle = se.run(unwritable, out=tmp_path / "out")
    assert "This run is not in small.runs.jsonl, which cannot be written (Permission denied)" in page_of(bundle)
    assert not unwritable.with_suffix(".runs.jsonl").exists()


def test_a_log_that_cannot_be_written_stops_no_run(tmp_path, capsys):
    """A folder of its name: nobody, root neither, writes a line there."""
    path = project(tmp_path)
    path.with_suffix(".runs.jsonl").mkdir()
    assert answered(cli, ["run", str(path), "--out", str(tmp_path / "out")], Screen()) == 0
    said = (
        "This run is not in small.runs.jsonl, which cannot be written (Is a directory): the runs since the lock are "
        "not all known."
    )
    assert said in capsys.readouterr().out
    assert said in page_of(ResultBundle(tmp_path / "out"))


def test_without_a_lock_nothing_is_kept(tmp_path):
    path = project(tmp_path, lock=False)
    assert run(path).facts.lock.runs == ()
    assert not path.with_suffix(".runs.jsonl").exists()


def test_a_new_lock_counts_anew_and_says_how_many_came_before_it(tmp_path):
    path = project(tmp_path)
    earlier = {"schema": "sos-eval/run/1", "locked_at": "2020-01-01T00:00:00+00:00", "state": "changed"}
    path.with_suffix(".runs.jsonl").write_text(json.dumps(earlier) + '\n{"schema": "sos-eval/ru')
    bundle = run(path)
    assert (len(bundle.facts.lock.runs), bundle.facts.lock.runs_before) == (1, 1)
    assert bundle.facts.lock.notes == ("1 of the 3 lines of small.runs.jsonl cannot be read.",)
    page = page_of(bundle)
    assert "1 run since the lock: 1 as locked (listed under provenance)." in page
    assert "Under earlier locks of this plan: 1 run." in page


def test_the_terminal_and_json_say_how_a_run_differs(tmp_path, capsys):
    path = project(tmp_path)
    call = ["run", str(path), "--out", str(tmp_path / "out"), "--seed", "2"]
    assert answered(cli, call, Screen()) == 0
    assert f"not as locked: {SEED}\n" in f"{capsys.readouterr().out}\n"
    assert answered(cli, [*call, "--force", "--json"], Screen()) == 0
    assert json.loads(capsys.readouterr().out)["lock"] == {
        "state": "changed", "differs": [SEED], "runs": 2, "notes": [],
    }  # fmt: skip


def test_lines_of_several_writers_stay_whole(tmp_path):
    file = tmp_path / "log.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: append_line(file, str(k) * 3_000), range(10)))
    assert sorted(line for line in file.read_text().splitlines() if line) == [str(k) * 3_000 for k in range(10)]


def test_a_line_is_added_after_one_that_was_torn(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text("whole\nto")
    append_line(file, "next")
    assert file.read_text() == "whole\nto\nnext\n"
    with pytest.raises(DataFault, match="cannot be written"):
        append_line(tmp_path / "absent" / "log.jsonl", "next")


def test_a_plan_that_was_run_is_not_locked_as_unseen(path):
    """The log of a lock shows that outcomes were estimated."""
    design = se.load_design(path)
    with pytest.raises(InputFault, match=r"estimated before: small\.runs\.jsonl lists \d+ of its"):
        refuse_unseen(design, "no")
    refuse_unseen(design, "yes")


def test_a_bundle_in_reports_shows_that_outcomes_were_seen(tmp_path, monkeypatch):
    design = se.load_design(project(tmp_path, lock=False))
    monkeypatch.chdir(tmp_path)
    refuse_unseen(design, "no")
    run(design.path, "reports/small")
    with pytest.raises(InputFault, match="reports/small holds its results"):
        refuse_unseen(design, "no")
