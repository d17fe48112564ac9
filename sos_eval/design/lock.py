"""Locks: the frozen plan, and how a run differs from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from sos_eval.bundle.files import plain
from sos_eval.bundle.provenance import hash_mapping
from sos_eval.design.design import Design
from sos_eval.design.published import data_differences, published_hashes
from sos_eval.errors import DesignFault, Fault, InputFault, nearest
from sos_eval.terms import __version__

__all__ = ["LockState", "OutcomesSeen", "lock_path", "lock_state", "write_lock"]

OutcomesSeen = Literal["yes", "no", "published"]
SCHEMA = "sos-eval/lock/1"


@dataclass(frozen=True, slots=True)
class LockState:
    """How a run stands to its lock.

    Attributes
    ----------
    state
        ``as_locked``, ``changed`` or ``never_locked``.
    text
        A sentence for page one.
    differences
        One line per key: ``panel.window.to: 2019 -> 2025``.
    outcomes_seen
        As recorded when the plan was locked.
    """

    state: Literal["as_locked", "changed", "never_locked"]
    text: str
    differences: tuple[str, ...] = ()
    outcomes_seen: str = ""
    locked_at: str = ""


def lock_path(design: Design) -> Path:
    """Return where a design's lock stands: ``x.yaml`` -> ``x.lock``."""
    return design.path.with_suffix(".lock")


def write_lock(design: Design, outcomes_seen: str, *, force: bool = False) -> Path:
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

    Raises
    ------
    InputFault
        The answer is none of the three, the lock exists for another plan, or the folder cannot be written.
    """
    if outcomes_seen not in get_args(OutcomesSeen):
        raise InputFault(
            Fault("", f"outcomes_seen: {outcomes_seen!r} is no answer", nearest(outcomes_seen, get_args(OutcomesSeen)))
        )
    path, digest = lock_path(design), hash_mapping(design.resolved)
    if path.exists() and not force:
        locked = _read(path)
        if locked["design_sha256"] == digest and not any(data_differences(locked.get("published", {}), design)):
            return path
        raise InputFault(Fault(str(path), "locks another plan", "use --force to replace it; the old lock is then lost"))
    content = {
        "schema": SCHEMA, "design_sha256": digest, "sos_eval": __version__,
        "locked_at": datetime.now(UTC).isoformat(timespec="seconds"), "outcomes_seen": outcomes_seen,
        "design": plain(design.resolved), "published": published_hashes(design),
    }  # fmt: skip
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputFault(Fault(str(path), f"cannot be written ({error.strerror})", "choose another folder")) from None
    return path


def lock_state(design: Design) -> LockState:
    """Compare a design, as it is about to run, with its lock."""
    path = lock_path(design)
    if not path.exists():
        return LockState("never_locked", "This plan was never locked: nothing shows that it came before the outcomes.")
    locked = _read(path)
    seen, when = str(locked["outcomes_seen"]), str(locked["locked_at"])
    about = {
        "no": "before anyone in the team had seen the outcomes",
        "yes": "after the outcomes had been seen, which is not pre-registration",
        "published": "when the outcomes were already published, which is not pre-registration",
    }[seen]
    data = data_differences(locked.get("published", {}), design)
    differences = (*_differences(locked["design"], plain(design.resolved)), *data)
    if not differences:
        return LockState("as_locked", f"Run as locked on {when[:10]}, {about}.", (), seen, when)
    many = "1 difference" if len(differences) == 1 else f"{len(differences)} differences"
    text = f"The plan was locked on {when[:10]}, {about}, and has been changed since ({many})."
    return LockState("changed", text, differences, seen, when)


def _read(path: Path) -> dict[str, Any]:
    """Read a lock file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DesignFault(Fault(str(path), f"is not a readable lock ({error})", "lock the design again")) from None
    needed = {"schema", "design", "design_sha256", "locked_at", "outcomes_seen"}
    if not isinstance(content, dict) or not needed <= set(content) or content["schema"] != SCHEMA:
        raise DesignFault(Fault(str(path), f"is not a lock of schema {SCHEMA}", "lock the design again"))
    return content


def _differences(old: Any, new: Any, key: str = "") -> list[str]:
    """List the keys that differ between two plain values, as ``key: old -> new``."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(name for name in new if name not in old)]
        inner = [_differences(old.get(name), new.get(name), f"{key}.{name}".strip(".")) for name in names]
        return [line for lines in inner for line in lines]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        inner = [_differences(a, b, f"{key}.{i}") for i, (a, b) in enumerate(zip(old, new, strict=True))]
        return [line for lines in inner for line in lines]
    return [] if old == new else [f"{key}: {_short(old)} -> {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
