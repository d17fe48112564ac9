"""Locks: the frozen plan, how a run differs from it, and what of it a later version must keep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from sos_eval.bundle.files import plain
from sos_eval.bundle.provenance import hash_mapping
from sos_eval.bundle.whole import write_file
from sos_eval.declare import Document
from sos_eval.design.design import Design
from sos_eval.design.difference_words import in_words
from sos_eval.design.differences import Differences, compare_plans, holding
from sos_eval.design.published import changed_panels, data_differences, published_hashes
from sos_eval.design.resolve import resolve
from sos_eval.errors import DesignFault, Fault, InputFault, nearest
from sos_eval.terms import __version__

__all__ = [
    "LockState",
    "OutcomesSeen",
    "as_locked",
    "lock_path",
    "lock_state",
    "locked_data",
    "runs_path",
    "write_lock",
]

OutcomesSeen = Literal["yes", "no", "published"]
SCHEMA = "sos-eval/lock/2"
#: Locks without ``written``: what their author wrote, with what the command line said.
_EARLIER = "sos-eval/lock/1"
#: By how much clocks of two machines may differ.
_CLOCKS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LockState:
    """How a run stands to its lock.

    Attributes
    ----------
    state
        ``as_locked``, ``changed`` or ``never_locked``.
    text
        Sentences for page one: the state, and what this version reads otherwise than the one that locked.
    differences
        What the author or the command line changed, a line per key: ``panel.window.to: 2019 -> 2025``.
    outcomes_seen
        As recorded when the plan was locked.
    words
        The differences for a reader: ``the window ends in 2025, the locked plan said 2019``.
    """

    state: Literal["as_locked", "changed", "never_locked"]
    text: str
    differences: tuple[str, ...] = ()
    outcomes_seen: str = ""
    locked_at: str = ""
    words: tuple[str, ...] = ()


def lock_path(design: Design) -> Path:
    """Return where a design's lock stands: ``x.yaml`` -> ``x.lock``."""
    return design.path.with_suffix(".lock")


def runs_path(design: Design) -> Path:
    """Return where the runs since the lock are kept: ``x.yaml`` -> ``x.runs.jsonl``."""
    return design.path.with_suffix(".runs.jsonl")


def write_lock(
    design: Design, outcomes_seen: str, *, force: bool = False, data: Mapping[str, str] | None = None
) -> Path:
    """Freeze a plan.

    Parameters
    ----------
    design
        The design as declared.
    outcomes_seen
        ``no``: nobody had seen the outcomes; ``yes``; ``published``: the data are public and others have. Locking
        a plan for data already seen is not pre-registration, and the report says so.
    force
        Replace an existing lock of another plan.
    data
        Data files that are there already, each with its SHA-256: a run on others says so.

    Raises
    ------
    InputFault
        The answer is none of the three, the lock exists for another plan, or the folder cannot be written.
    """
    if outcomes_seen not in get_args(OutcomesSeen):
        raise InputFault(
            Fault("", f"outcomes_seen: {outcomes_seen!r} is no answer", nearest(outcomes_seen, get_args(OutcomesSeen)))
        )
    path = lock_path(design)
    _refuse_shared(design)
    if path == design.path:
        raise InputFault(Fault(str(path), "is named as a lock", "name the design .yaml: its lock goes beside it"))
    if path.exists() and not force:
        locked = _read(path)
        if not compare_plans(locked, design).author and not any(_data_differences(locked, design)):
            _refuse_other_answer(path, locked, outcomes_seen)
            return path
        raise InputFault(Fault(str(path), "locks another plan", "use --force to replace it; the old lock is then lost"))
    content = _content(design, outcomes_seen) | {"data": dict(data or {})}
    write_file(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def locked_data(design: Design) -> dict[str, str]:
    """Return the data files that were there when a plan was locked, with their hashes; none without a lock."""
    path = lock_path(design)
    return {str(name): str(sha256) for name, sha256 in _read(path).get("data", {}).items()} if path.exists() else {}


def _refuse_other_answer(path: Path, locked: dict[str, Any], outcomes_seen: str) -> None:
    """Refuse another answer than the one in the lock: it would be dropped."""
    kept = locked.get("outcomes_seen")
    if kept != outcomes_seen:
        what = f"locks this plan with outcomes seen: {kept}, and the answer now is {outcomes_seen}"
        raise InputFault(Fault(str(path), what, "use --force to lock it again with the new answer"))


def _refuse_shared(design: Design) -> None:
    """Refuse a design whose lock would be that of another file beside it: ``x.yaml`` and ``x.yml``."""
    shared = [design.path.with_suffix(ending).name for ending in (".yaml", ".yml") if ending != design.path.suffix]
    beside = [name for name in shared if (design.path.parent / name).is_file()]
    if beside:
        what = f"shares its lock {lock_path(design).name} with {' and '.join(beside)}"
        raise InputFault(Fault(str(design.path), what, "give one of the designs another name"))


def _data_differences(locked: dict[str, Any], design: Design) -> Iterator[str]:
    return data_differences(locked.get("published", {}), design)


def _content(design: Design, outcomes_seen: str) -> dict[str, Any]:
    """Return what a lock holds: today's meaning of what was written, whatever an older lock kept."""
    resolved = resolve(design.document).resolved
    return {
        "schema": SCHEMA, "design_sha256": hash_mapping(resolved), "sos_eval": __version__,
        "locked_at": datetime.now(UTC).isoformat(timespec="seconds"), "outcomes_seen": outcomes_seen,
        "written": plain(design.document.data), "written_sha256": hash_mapping(plain(design.document.data)),
        "design": plain(resolved),
        "published": published_hashes(design),
    }  # fmt: skip


def lock_state(design: Design) -> LockState:
    """Compare what a design's file and the command line declare with its lock."""
    path = lock_path(design)
    if not path.exists():
        return LockState("never_locked", "This plan was never locked: nothing shows that it came before the outcomes.")
    _refuse_shared(design)
    locked = _read(path)
    seen, when = str(locked["outcomes_seen"]), str(locked["locked_at"])
    differences = compare_plans(locked, design)
    lines = (*(str(one) for one in differences.author), *_data_differences(locked, design))
    state: Literal["as_locked", "changed"] = "changed" if lines else "as_locked"
    words = (*in_words(differences), *_panel_words(locked, design))
    return LockState(state, _told(differences, len(words), seen, when[:10]), lines, seen, when, words)


def _panel_words(locked: dict[str, Any], design: Design) -> Iterator[str]:
    for geography in changed_panels(locked.get("published", {}), design):
        yield f"the published panel of England ({geography}) has other numbers than when the plan was locked"


def as_locked(design: Design) -> Design:
    """Return a design with the locked value wherever a later version of this package reads the same words otherwise.

    Without a lock, and where no meaning changed, it is the design itself. What its author changed stays changed.
    """
    path = lock_path(design)
    moved = compare_plans(_read(path), design).version if path.exists() else ()
    if not moved:
        return design
    kept = resolve(Document(holding(design, moved), design.path))
    return replace(kept, document=design.document, overrides=design.overrides)


def _told(differences: Differences, many: int, seen: str, day: str) -> str:
    """Say on page one how a run stands to its lock."""
    about = {
        "no": "before anyone in the team had seen the outcomes",
        "yes": "after the outcomes had been seen, which is not pre-registration",
        "published": "when the outcomes were already published, which is not pre-registration",
    }[seen]
    said = f"Run as locked on {day}, {about}."
    if many:
        counted = "1 difference" if many == 1 else f"{many} differences"
        said = f"The plan was locked on {day}, {about}; what is declared now differs from it ({counted})."
    kept = "; ".join(one.kept for one in differences.version)
    return f"{said} This version's defaults are others, and the locked ones are kept: {kept}." if kept else said


def _read(path: Path) -> dict[str, Any]:
    """Read a lock file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DesignFault(Fault(str(path), f"is not a readable lock ({error})", "lock the design again")) from None
    needed = {"schema", "design", "design_sha256", "locked_at", "outcomes_seen"}
    if not isinstance(content, dict) or not needed <= set(content) or content["schema"] not in (SCHEMA, _EARLIER):
        raise DesignFault(Fault(str(path), f"is not a lock of schema {SCHEMA}", "lock the design again"))
    if content["schema"] == SCHEMA and "written" not in content:
        raise DesignFault(Fault(str(path), "does not hold what its author wrote", "lock the design again"))
    _refuse_edited(path, content)
    return content


def _refuse_edited(path: Path, content: dict[str, Any]) -> None:
    """Refuse a lock whose parts are not of the kind that was written, or whose plan is not the one that was hashed."""
    kinds = {"design": dict, "locked_at": str, "written": dict, "published": dict, "data": dict}
    broken = [name for name, kind in kinds.items() if name in content and not isinstance(content[name], kind)]
    if content["outcomes_seen"] not in get_args(OutcomesSeen):
        broken.append("outcomes_seen")
    if broken:
        what = f"is damaged: {', '.join(broken)} is not what a lock holds"
        raise DesignFault(Fault(str(path), what, "lock the design again"))
    _refuse_future(path, content["locked_at"])
    edited = hash_mapping(content["design"]) != content["design_sha256"]
    if edited or content.get("written_sha256", "") not in ("", hash_mapping(content.get("written", {}))):
        what = "was edited after it was written: its plan does not have the hash that it names"
        raise DesignFault(Fault(str(path), what, "take the lock as it was written, or lock the design again"))


def _refuse_future(path: Path, told: str) -> None:
    """Refuse a lock whose day is no date, or has not come yet."""
    instead = "take the lock as it was written, or lock the design again"
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        raise DesignFault(Fault(str(path), f"was edited after it was written: {told!r} is no date", instead)) from None
    if (when if when.tzinfo else when.replace(tzinfo=UTC)) > datetime.now(UTC) + _CLOCKS:
        raise DesignFault(Fault(str(path), f"was edited after it was written: {told} has not come yet", instead))
