"""Locks: what is frozen, and how a later run is told apart from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sos_eval.bundle.provenance import hash_file
from sos_eval.design.design import load_design
from sos_eval.design.lock import lock_state, write_lock
from sos_eval.errors import DesignFault, InputFault
from sos_eval.panel.england.published import panel_file

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {value: rate}
  treatment: {first_treated: start}
estimators:
  - {id: primary, method: callaway_santanna}
inference: {method: analytic}
seed: 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(DESIGN)
    return file


def test_never_locked(path):
    assert lock_state(load_design(path)).state == "never_locked"


def test_as_locked_whatever_the_layout_of_the_file(path):
    write_lock(load_design(path), "no")
    path.write_text(DESIGN.replace("{value: rate}", "\n    value: rate") + "# a comment\n")
    state = lock_state(load_design(path))
    assert state.state == "as_locked"
    assert "before anyone in the team had seen the outcomes" in state.text


def test_a_change_is_named_with_both_values(path):
    write_lock(load_design(path), "published")
    path.write_text(DESIGN.replace("seed: 1", "seed: 2").replace("value: rate", "value: other"))
    state = lock_state(load_design(path))
    assert state.state == "changed"
    assert state.differences == ('panel.outcome.value: "rate" -> "other"', "seed: 1 -> 2")
    assert "not pre-registration" in state.text


def test_overrides_count_as_changes(path):
    write_lock(load_design(path), "no")
    state = lock_state(load_design(path, panel="elsewhere.csv", seed=7))
    assert state.differences == ('panel.path: "panel.csv" -> "elsewhere.csv"', "seed: 1 -> 7")


def test_a_panel_named_when_locking_is_part_of_the_plan(path):
    write_lock(load_design(path, panel="elsewhere.csv"), "published")
    assert lock_state(load_design(path, panel="elsewhere.csv")).state == "as_locked"
    assert lock_state(load_design(path)).state == "changed"


def test_the_answer_must_be_one_of_three(path):
    with pytest.raises(InputFault, match="outcomes_seen: 'maybe' is no answer; write one of: yes, no, published"):
        write_lock(load_design(path), "maybe")
    assert not path.with_suffix(".lock").exists()


def test_another_plan_is_not_overwritten(path):
    write_lock(load_design(path), "no")
    path.write_text(DESIGN.replace("seed: 1", "seed: 2"))
    with pytest.raises(InputFault, match="locks another plan; use --force"):
        write_lock(load_design(path), "no")
    write_lock(load_design(path), "no", force=True)
    assert lock_state(load_design(path)).state == "as_locked"


def test_locking_twice_keeps_the_first_date(path):
    first = write_lock(load_design(path), "no").read_text()
    assert write_lock(load_design(path), "no").read_text() == first


@pytest.mark.parametrize("text", ["not json", "{}", json.dumps({"schema": "other/1"})])
def test_a_broken_lock_is_a_fault(path, text):
    path.with_suffix(".lock").write_text(text)
    with pytest.raises(DesignFault, match="is not a"):
        lock_state(load_design(path))


def test_a_lock_holds_the_data_that_ship(path):
    """A later version whose published panel was revised makes the plan read "changed"; its words are the same."""
    path.write_text(DESIGN.replace("source: csv\n  path: panel.csv", "source: england"))
    lock = write_lock(load_design(path), "published")
    assert lock_state(load_design(path)).state == "as_locked"
    content = json.loads(lock.read_text())
    assert content["published"] == {"constant": hash_file(panel_file("constant"))}
    lock.write_text(json.dumps(content | {"published": {"constant": "0" * 64}}))
    state = lock_state(load_design(path))
    assert state.state == "changed"
    assert state.differences == (
        f"the published panel of England, constant: 00000000 -> {content['published']['constant'][:8]} (SHA-256)",
    )
    with pytest.raises(InputFault, match="locks another plan"):
        write_lock(load_design(path), "published")
    assert lock_state(load_design(path, panel="mine.csv")).differences == ('panel.path: "" -> "mine.csv"',)


def test_two_designs_of_one_stem_do_not_share_a_lock(path):
    other = path.with_suffix(".yml")
    write_lock(load_design(path), "no")
    other.write_text(DESIGN)
    for one, beside in ((path, "small.yml"), (other, "small.yaml")):
        for asked in (lambda one=one: write_lock(load_design(one), "no"), lambda one=one: lock_state(load_design(one))):
            with pytest.raises(InputFault, match=f"shares its lock small.lock with {beside}"):
                asked()


def test_another_answer_on_outcomes_seen_is_not_dropped(path):
    """An admission after a lock is recorded or refused, never passed over."""
    design = load_design(path)
    write_lock(design, "no")
    with pytest.raises(InputFault, match="locks this plan with outcomes seen: no, and the answer now is yes"):
        write_lock(design, "yes")
    assert json.loads(write_lock(design, "yes", force=True).read_text())["outcomes_seen"] == "yes"
