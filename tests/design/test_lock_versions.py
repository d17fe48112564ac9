"""A lock and a later version of the package: what the version added, dropped or reads otherwise is not the author's."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sos_eval.bundle.provenance import hash_mapping
from sos_eval.design.design import load_design
from sos_eval.design.lock import as_locked, lock_state, write_lock
from sos_eval.errors import InputFault
from sos_eval.report.protocol_file import protocol_file
from tests.conftest import ROOT
from tests.design.test_lock import DESIGN

OLDER = Path(__file__).parent / "locks"
BANDS = "inference.0.band_draws"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(DESIGN)
    write_lock(load_design(file), "no")
    return file


def written_by_another(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a lock to what a version with other keys or defaults writes."""
    lock = path.with_suffix(".lock")
    content = json.loads(lock.read_text())
    change(content)
    content["design_sha256"] = hash_mapping(content["design"])
    if "written" in content:
        content["written_sha256"] = hash_mapping(content["written"])
    lock.write_text(json.dumps(content))


def as_first_schema(content: dict[str, Any]) -> None:
    content.pop("written")
    content.pop("written_sha256")
    content["schema"] = "sos-eval/lock/1"


def test_a_lock_of_an_earlier_version_is_as_locked_under_the_plan_of_its_day(tmp_path):
    for ending in ("lock", "yaml"):
        shutil.copy(OLDER / f"2026-11-22.{ending}", tmp_path / f"plan.{ending}")
    design = load_design(tmp_path / "plan.yaml")
    assert (lock_state(design).state, lock_state(design).differences) == ("as_locked", ())
    kept = as_locked(design)
    assert kept.inference[0].band_draws == 20_000  # 5,000 in later versions
    assert kept.estimators[0].inference[0].band_draws == 20_000
    assert kept.estimators[0].method.gaps == "levels"  # what the version of that day did, before there was a key
    assert kept.panel.treatment.untreated_means == kept.estimators[0].panel.treatment.untreated_means == "never"
    assert lock_state(kept) == lock_state(design)
    assert "estimators.0.inference.0.band_draws: 20000 (5000 in this version)" in lock_state(design).text


@pytest.mark.parametrize("lock", sorted((ROOT / "designs").glob("*.lock")), ids=lambda lock: lock.stem)
def test_every_lock_that_ships_is_as_locked_under_the_plan_that_ships(lock):
    state = lock_state(load_design(lock.with_suffix(".yaml")))
    assert (state.state, state.differences) == ("as_locked", ())


def test_a_plan_that_asks_for_more_than_its_lock_is_changed(tmp_path):
    """The plan of 2026-11-22 has since got a decision threshold and a distribution of stays: that is the author's."""
    shutil.copy(OLDER / "2026-11-22.lock", tmp_path / "plan.lock")
    shutil.copy(ROOT / "designs" / "economics_randomised_rollout.yaml", tmp_path / "plan.yaml")
    state = lock_state(load_design(tmp_path / "plan.yaml"))
    assert state.state == "changed"
    assert any(text.startswith("economics.decision_threshold: ") for text in state.differences)


@pytest.mark.parametrize("older", [False, True])
def test_a_key_added_later_at_its_default_is_no_difference(path, older):
    written_by_another(path, lambda lock: lock["design"]["panel"].pop("suppressed"))
    written_by_another(path, lambda lock: lock["design"]["estimators"][0].pop("trim"))
    if older:
        written_by_another(path, as_first_schema)
        written_by_another(path, lambda lock: lock["design"]["estimators"][0].update(gaps=None))
    design = load_design(path)
    assert (lock_state(design).state, lock_state(design).differences) == ("as_locked", ())
    assert "defaults" not in lock_state(design).text
    assert as_locked(design) is design
    assert write_lock(design, "no") == path.with_suffix(".lock")


def test_an_added_key_is_the_authors_change_once_it_is_written_otherwise(path):
    written_by_another(path, lambda lock: lock["design"]["estimators"][0].pop("base_period"))
    path.write_text(DESIGN.replace("callaway_santanna}", "callaway_santanna, base_period: universal}"))
    assert lock_state(load_design(path)).differences == ('estimators.0.base_period: "varying" -> "universal"',)
    path.write_text(DESIGN.replace("callaway_santanna}", "callaway_santanna, base_period: varying}"))
    assert lock_state(load_design(path)).state == "as_locked"


@pytest.mark.parametrize("older", [False, True])
def test_a_key_removed_that_nobody_wrote_is_no_difference(path, older):
    def dropped_since(lock):
        lock["design"]["panel"]["colour"] = "none"
        lock["design"]["inference"][0]["speed"] = 1
        lock["design"]["estimators"][0]["old"] = None

    written_by_another(path, dropped_since)
    if older:
        written_by_another(path, as_first_schema)
    assert lock_state(load_design(path)).state == "as_locked"
    assert as_locked(load_design(path)).resolved == load_design(path).resolved


def test_a_key_that_its_author_wrote_and_this_version_refuses_is_told(path):
    def wrote(lock):
        for plan in (lock["design"], lock["written"]):
            plan["panel"]["colour"] = "red"

    written_by_another(path, wrote)
    state = lock_state(load_design(path))
    assert (state.state, state.differences) == ("changed", ('panel.colour: "red" -> null',))


def test_an_option_that_is_gone_is_a_difference_not_a_crash(path):
    written_by_another(path, lambda lock: lock["design"]["estimators"][0].update(control="random"))
    written_by_another(path, lambda lock: lock["written"]["estimators"][0].update(control="random"))
    assert lock_state(load_design(path)).differences == ('estimators.0.control: "random" -> "never_treated"',)
    assert as_locked(load_design(path)).estimators[0].method.control == "never_treated"


def test_a_default_whose_value_changed_is_the_versions_change_and_the_plan_keeps_the_locked_one(path):
    written_by_another(path, lambda lock: lock["design"]["inference"][0].update(band_draws=20_000, level=0.9))
    design = load_design(path)
    state, kept = lock_state(design), as_locked(design)
    assert (state.state, state.differences) == ("as_locked", ())
    assert (
        f"the locked ones are kept: inference.0.level: 0.9 (0.95 in this version); {BANDS}: 20000 (5000 in"
        in state.text
    )
    assert (kept.inference[0].level, kept.inference[0].band_draws) == (0.9, 20_000)
    assert kept.resolved["inference"][0]["band_draws"] == 20_000  # what the bundle says was run
    assert state.text in protocol_file(kept, "md").decode()
    assert write_lock(design, "no") == path.with_suffix(".lock")


def test_beside_a_change_of_the_author_the_versions_is_kept_and_told_apart(path):
    written_by_another(path, lambda lock: lock["design"]["inference"][0].update(band_draws=20_000))
    design = load_design(path, seed=7, panel="other.csv")
    state = lock_state(design)
    assert state.differences == ('panel.path: "panel.csv" -> "other.csv"', "seed: 1 -> 7")
    assert f"the locked ones are kept: {BANDS}: 20000 (5000 in this version)." in state.text
    kept = as_locked(design)
    assert (kept.inference[0].band_draws, kept.seed, kept.panel.path) == (20_000, 7, "other.csv")
    assert kept.overrides == design.overrides


@pytest.mark.parametrize("value", [5_000, 300])
def test_what_the_author_writes_in_place_of_a_locked_default_is_the_authors(path, value):
    written_by_another(path, lambda lock: lock["design"]["inference"][0].update(band_draws=20_000))
    written_by_another(
        path, lambda lock: lock["written"].update(inference={"method": "analytic", "band_draws": 20_000})
    )
    path.write_text(DESIGN.replace("analytic}", f"analytic, band_draws: {value}}}"))
    state = lock_state(load_design(path))
    assert state.differences[-1] == f"{BANDS}: 20000 -> {value}"
    assert as_locked(load_design(path)).inference[0].band_draws == value


def test_a_lock_of_the_first_schema_leaves_a_named_key_to_its_author(path):
    written_by_another(path, lambda lock: lock["design"]["inference"][0].update(band_draws=20_000))
    written_by_another(path, as_first_schema)
    assert as_locked(load_design(path)).inference[0].band_draws == 20_000
    path.write_text(DESIGN.replace("analytic}", "analytic, band_draws: 5000}"))
    assert lock_state(load_design(path)).differences[-1] == f"{BANDS}: 20000 -> 5000"


def test_a_new_lock_takes_the_meanings_of_its_own_version(path):
    written_by_another(path, lambda lock: lock["design"]["inference"][0].update(band_draws=20_000))
    kept = as_locked(load_design(path))
    content = json.loads(write_lock(kept, "no", force=True).read_text())
    assert content["design"]["inference"][0]["band_draws"] == 5_000
    assert content["written"]["inference"] == {"method": "analytic"}


def test_a_lock_that_has_no_room_is_a_fault_and_the_old_one_stays(path, monkeypatch):
    before = path.with_suffix(".lock").read_text()

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputFault, match=r"cannot be written .No space left"):
        write_lock(load_design(path), "yes", force=True)
    assert sorted(file.name for file in path.parent.iterdir()) == ["small.lock", "small.yaml"]
    assert path.with_suffix(".lock").read_text() == before


@pytest.mark.parametrize(
    "edit",
    [
        {"outcomes_seen": "maybe"}, {"outcomes_seen": ["no"]}, {"design": [1]}, {"design": None}, {"written": "abc"},
        {"written": None}, {"locked_at": None}, {"published": None}, {"design_sha256": "00"}, {"written": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_lock_that_was_edited_or_damaged_is_refused_by_name(tmp_path, edit):
    from sos_eval.design.lock import lock_path
    from sos_eval.errors import DesignFault

    shutil.copy(ROOT / "designs" / "matched_did_care_entry.yaml", tmp_path / "d.yaml")
    text = (tmp_path / "d.yaml").read_text().replace("../synthetic/", f"{ROOT / 'synthetic'}/")
    (tmp_path / "d.yaml").write_text(text, encoding="utf-8")
    design = load_design(tmp_path / "d.yaml")
    write_lock(design, "no")
    lock = lock_path(design)
    lock.write_text(json.dumps(json.loads(lock.read_text()) | edit), encoding="utf-8")
    with pytest.raises(DesignFault, match=r"is damaged|was edited"):
        lock_state(design)
    lock.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(DesignFault, match="not a readable lock"):
        lock_state(design)


@pytest.mark.parametrize(("when", "words"), [("2999-01-01T00:00:00+00:00", "has not come yet"), ("soon", "is no date")])
def test_a_lock_from_the_future_was_edited(path, when, words):
    written_by_another(path, lambda content: content.update(locked_at=when))
    with pytest.raises(InputFault, match=f"was edited after it was written: .*{words}"):
        lock_state(load_design(path))
