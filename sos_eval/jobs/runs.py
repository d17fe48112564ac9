"""The runs since a lock, a line each in `x.runs.jsonl` beside it: what was run, never what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from sos_eval.bundle.bundle import ResultBundle, is_bundle
from sos_eval.bundle.files import plain
from sos_eval.bundle.provenance import hash_file, hash_mapping
from sos_eval.bundle.whole import append_line
from sos_eval.design.design import Design, load_design
from sos_eval.design.lock import lock_path, locked_data, runs_path
from sos_eval.errors import DataFault, Fault, InputFault
from sos_eval.jobs.account import Account
from sos_eval.jobs.check import data_paths
from sos_eval.results.facts import LockFacts, LoggedRun, RunFacts
from sos_eval.terms import __version__

__all__ = ["data_files", "data_hashes", "kept_as", "logged", "refuse_unseen"]

SCHEMA = "sos-eval/run/1"
#: Letters of a file's hash that tell files of one name apart.
_LETTERS = 12
#: Keys of a design whose value is a file beside it, other than a panel's own.
_FILE_KEYS = ("adoption", "file", "overlapping")


def logged(design: Design, out: Path, facts: RunFacts, account: Account) -> RunFacts:
    """Add a run of a locked plan to the log beside its lock, and return its facts with what the log holds.

    A log that cannot be written or read stops no run: page one says so. Without a lock there is no log.
    """
    lock = facts.lock
    if not lock.locked_at:
        return facts
    path, read = runs_path(design), data_hashes(design)
    unwritten = _append(path, _line(design, out, lock, read))
    lines, unread = _read(path)
    since = tuple(_run(line) for line in lines if line.get("locked_at") == lock.locked_at)
    told = replace(lock, runs=since, runs_before=len(lines) - len(since))
    notes = (*_changed_data(told, locked_data(design), read), *unwritten, *unread, *_kept(out, told))
    account.log.extend(notes)
    told = replace(told, notes=notes)
    return replace(facts, lock=told)


def refuse_unseen(design: Design, outcomes_seen: str) -> None:
    """Refuse to lock a plan with outcomes "not seen" where the log of an earlier lock or a bundle shows a run.

    Raises
    ------
    InputFault
        Outcomes of this plan were estimated before.
    """
    if outcomes_seen != "no":
        return
    lines, _ = _read(runs_path(design)) if runs_path(design).is_file() else ((), ())
    out = Path("reports") / design.path.stem
    known = [f"{runs_path(design).name} lists {len(lines)} of its runs"] if lines else []
    known += [f"{out} holds its results"] if is_bundle(out) else []
    if known:
        what = f"outcomes_seen: no, but outcomes of this plan were estimated before: {'; '.join(known)}"
        raise InputFault(Fault(str(design.path), what, "answer yes, or published where the data are public"))


def kept_as(out: Path, lock: LockFacts) -> Path | None:
    """Return the name that a bundle as locked goes on under where a run that differs takes its place; else None."""
    beside = _beside(out)
    return None if beside.exists() or not _replaces(out, lock) else beside


def data_files(design: Design) -> list[Path]:
    """Return the data files that a run reads, each once: panels, and every file that the design names beside them."""
    spec = design.panel
    joined = spec.events.authorities.path if spec.events and spec.events.authorities else None
    beside = [design.base / name for name in (joined, *_named_files(design.resolved)) if name]
    return [file for file in dict.fromkeys([*data_paths(design), *beside]) if file.is_file()]


def files_read(path: str | Path, panel: str | Path | None = None) -> list[Path]:
    """Return every file that a command reads for a design: itself, its lock, and its data files."""
    design = load_design(path, panel=panel)
    return [design.path, lock_path(design), *data_files(design)]


def data_hashes(design: Design) -> list[tuple[str, str]]:
    """Return the data files that a run reads and that are there, by name, with their SHA-256."""
    return [(file.name, hash_file(file)) for file in data_files(design)]


def _named_files(value: Any) -> Iterator[str]:
    """Yield the files that a resolved design names: registers, sets, neighbours and theories, wherever they stand."""
    entries = value.items() if isinstance(value, Mapping) else ()
    for key, inner in entries:
        if key in _FILE_KEYS and isinstance(inner, str):
            yield inner
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from _named_files(inner)


def _beside(out: Path) -> Path:
    target = out.resolve()
    return target.with_name(f"{target.name}.as-locked")


def _changed_data(lock: LockFacts, then: Mapping[str, str], now: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say which data files changed since the plan was locked, and since an earlier run of it."""
    for name, sha256 in now:
        if then.get(name, sha256) != sha256:
            yield f"The data file {name} is not the one that was there when the plan was locked."
    for name, when in lock.other_data:
        yield f"The data file {name} is not the one of the run of {when}: the answer may differ because the data do."


def _replaces(out: Path, lock: LockFacts) -> bool:
    """Whether a run that differs from its lock, or reads other data, takes the place of a bundle as locked."""
    if not (lock.state == "changed" or lock.other_data) or not is_bundle(out):
        return False
    return (ResultBundle(out).results.get("lock") or {}).get("state") == "as_locked"


def _kept(out: Path, lock: LockFacts) -> Iterator[str]:
    """Say what becomes of a bundle as locked."""
    if not _replaces(out, lock):
        return
    name = _beside(out).name
    if kept_as(out, lock):
        yield f"The bundle as locked that stood here before is kept as {name}."
    else:
        yield f"{name} was there already and is left as it is; the bundle as locked that stood here before is replaced."


def _line(design: Design, out: Path, lock: LockFacts, read: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a run's line: names of files and folders only, nothing of a result."""
    return {
        "schema": SCHEMA, "time": datetime.now(UTC).isoformat(timespec="seconds"), "locked_at": lock.locked_at,
        "state": lock.state, "differences": list(lock.words), "design_sha256": hash_mapping(design.resolved),
        "data": [{"file": name, "sha256": sha256} for name, sha256 in read],
        "overrides": {key: [_bare(value) for value in values] for key, values in design.overrides.items()},
        "sos_eval": __version__, "out": out.resolve().name,
    }  # fmt: skip


def _bare(value: Any) -> Any:
    """Return a value, of a whole path its last name."""
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else plain(value)


def _append(path: Path, line: Mapping[str, Any]) -> tuple[str, ...]:
    """Add a line; say so where that cannot be done."""
    try:
        append_line(path, json.dumps(line, ensure_ascii=False))
    except DataFault as fault:
        why = fault.faults[0].what
        return (f"This run is not in {path.name}, which {why}: the runs since the lock are not all known.",)
    return ()


def _read(path: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the lines of a log, and a sentence where it or some lines cannot be read."""
    if not path.exists():
        return [], ()
    try:
        texts = [text for text in path.read_text(encoding="utf-8", errors="replace").split("\n") if text.strip()]
    except OSError as error:
        return [], (f"{path.name} cannot be read ({error.strerror}): the runs since the lock are not known.",)
    lines = [line for text in texts if (line := _parsed(text)) is not None]
    torn = len(texts) - len(lines)
    return lines, (f"{torn} of the {len(texts)} lines of {path.name} cannot be read.",) if torn else ()


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and line.get("schema") == SCHEMA else None


def _run(line: Mapping[str, Any]) -> LoggedRun:
    """Return a line as a run."""
    said = {name: str(line.get(name, "")) for name in ("time", "state", "out", "sos_eval")}
    read = [one for one in line.get("data") or () if isinstance(one, dict)]
    files = tuple(f"{one.get('file', '')} {str(one.get('sha256', ''))[:_LETTERS]}" for one in read)
    return LoggedRun(**said, differences=tuple(str(one) for one in line.get("differences") or ()), data=files)
