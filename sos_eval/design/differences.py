"""How a locked plan and a design differ, and whose change each difference is: the author's or the version's.

Both are read by this version, so that what it added at its default, or dropped, stands on neither side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sos_eval.bundle.files import plain
from sos_eval.declare import Document
from sos_eval.design.design import Design
from sos_eval.design.resolve import resolve
from sos_eval.errors import DesignFault, Fault

__all__ = ["Difference", "Differences", "compare_plans", "holding"]

_REFUSED = ": no such key"
#: What changed its meaning before locks held what their author wrote: key to (then, now). A key that a lock lacks
#: had the first.
_MOVED: Mapping[str, tuple[Any, Any]] = {
    "band_draws": (20_000, 5_000),
    "gaps": ("levels", None),
    "untreated_means": ("never", "unknown"),
}

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that differs; None stands for a side without it."""

    key: Key
    locked: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.dotted}: {_short(self.locked)} -> {_short(self.now)}"

    @property
    def dotted(self) -> str:
        """The key as a user writes it."""
        return ".".join(str(part) for part in self.key)

    @property
    def kept(self) -> str:
        """The difference where the locked value is kept."""
        return f"{self.dotted}: {_short(self.locked)} ({_short(self.now)} in this version)"


@dataclass(frozen=True, slots=True)
class Differences:
    """What the author changed, and what the version did."""

    author: tuple[Difference, ...]
    version: tuple[Difference, ...]


def compare_plans(lock: Mapping[str, Any], design: Design) -> Differences:
    """Tell what differs between a lock and a design, as its file and the command line declare it.

    A difference is the version's where what the author wrote then reads otherwise today, and reads today as what is
    written now. A key that the author wrote and this version refuses is a difference; one never written is none.
    """
    now = _read_today(design.document.data, design.path)[0]
    try:
        then, _ = _read_today(_spelled(_with_earlier_meanings(lock)), design.path)
        reads, refused = _read_today(lock["written"], design.path) if "written" in lock else (None, ())
    except DesignFault:  # this version has no such option: it cannot run the plan as it was locked
        return Differences(tuple(_differ(lock["design"], now)), ())
    total = list(_differ(then, now))
    moved = _known(total, design.document.data) if reads is None else _moved(then, reads, now)
    author = [one for one in total if one.key not in moved]
    return Differences((*author, *refused), tuple(one for one in total if one.key in moved))


def holding(design: Design, differences: tuple[Difference, ...]) -> dict[str, Any]:
    """Return a design's declaration, every default spelled out, with locked values for what a version changed."""
    data: dict[str, Any] = plain(design.resolved)
    for one in differences:
        node: Any = data
        for part in one.key[:-1]:
            node = node[part]
        node[one.key[-1]] = one.locked
    return _spelled(data)


def _read_today(data: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], tuple[Difference, ...]]:
    """Resolve a declaration, and say which of its keys this version refuses; those are left out."""
    left, refused = deepcopy(dict(data)), list[Difference]()
    while True:
        try:
            return plain(resolve(Document(left, path)).resolved), tuple(refused)
        except DesignFault as fault:
            without = [_without(left, one.what.removesuffix(_REFUSED)) for one in fault.faults if _refuses(one)]
            if not any(without):
                raise
            refused += [one for one in without if one is not None]


def _refuses(fault: Fault) -> bool:
    """Whether a fault is a key that this version does not have."""
    return fault.what.endswith(_REFUSED)


def _without(data: dict[str, Any], dotted: str) -> Difference | None:
    """Take a key out of a declaration; None where it does not stand there by this name."""
    node: Any = data
    *above, last = dotted.split(".")
    for part in above:
        node = node[int(part)] if isinstance(node, list) else node.get(part, {})
    if not isinstance(node, dict) or last not in node:
        return None
    return Difference((*above, last), node.pop(last), None)


def _spelled(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved design as it can be declared: checks by their names."""
    checks = [{one["check"]: {k: v for k, v in one.items() if k != "check"}} for one in resolved["checks"]]
    return {**resolved, "checks": checks}


def _with_earlier_meanings(lock: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a lock's plan; one that is older than `gaps` meant levels."""
    plan: Mapping[str, Any] = lock["design"]
    if "written" in lock:
        return plan
    entries = [
        {"gaps": _MOVED["gaps"][0], **entry} if entry["method"] == "callaway_santanna" else entry
        for entry in plan["estimators"]
    ]
    return {**plan, "estimators": entries}


def _moved(then: Any, reads: Any, now: Any) -> set[Key]:
    """Return the keys at which what the author wrote then reads otherwise today (`reads`), and reads as it does now."""
    changed, own = ({one.key for one in _differ(old, new)} for old, new in ((then, reads), (reads, now)))
    return changed - own


def _known(total: list[Difference], written: Any) -> set[Key]:
    """Return the keys that are known to have changed their meaning and that the author does not name."""
    moved = [one for one in total if _MOVED.get(str(one.key[-1])) == (one.locked, one.now)]
    return {one.key for one in moved if not _names(written, str(one.key[-1]))}


def _names(written: Any, key: str) -> bool:
    """Whether a key stands anywhere in a declaration."""
    if isinstance(written, dict):
        return key in written or any(_names(value, key) for value in written.values())
    return isinstance(written, list) and any(_names(value, key) for value in written)


def _differ(old: Any, new: Any, key: Key = ()) -> Iterator[Difference]:
    """Yield the keys that differ between two plain values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _differ(old.get(name), new.get(name), (*key, name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _differ(a, b, (*key, i))
    elif old != new:
        yield Difference(key, old, new)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
