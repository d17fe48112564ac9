"""What is being written stands beside its place under a name of its own, and is swept once its writer is dead."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

__all__ = ["holding", "partial_name", "replaced_name", "sweep"]

_PARTIAL, _OLD = ".partial-", ".old-"


def partial_name(target: Path, *, hidden: bool = False) -> Path:
    """Return the name under which a file or folder is written until it is whole: with its writer's number."""
    return target.with_name(f"{_stem(target, hidden=hidden)}{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}")


def replaced_name(partial: Path) -> Path:
    """Return the name that an older folder has while the new one takes its place."""
    stem, _, rest = partial.name.rpartition(_PARTIAL)
    return partial.with_name(f"{stem}{_OLD}{rest}")


def _stem(target: Path, *, hidden: bool) -> str:
    return f".{target.name}"[:120] if hidden else target.name


@contextmanager
def holding(*paths: Path) -> Iterator[None]:
    """Mark files or folders as in the hands of this process for as long as it lives, whatever ends it."""
    if sys.platform == "win32":  # there nothing tells a dead writer from a slow one, and nothing is swept
        yield
        return
    import fcntl

    files = [os.open(path, os.O_RDONLY) for path in paths]
    try:
        for file in files:
            with suppress(OSError):  # a network disk without locks: nothing on it passes for abandoned, or is swept
                fcntl.flock(file, fcntl.LOCK_SH)
        yield
    finally:
        for file in files:
            os.close(file)


def sweep(target: Path, *, hidden: bool = False) -> None:
    """Remove what dead writers of a file or folder left, and put back an older folder that one had moved aside."""
    stem = escape(_stem(target, hidden=hidden))
    for left in sorted(target.parent.glob(f"{stem}{_PARTIAL}*")):
        if _abandoned(left, _PARTIAL):
            _remove(left)
    for left in sorted(target.parent.glob(f"{stem}{_OLD}*")):
        if not _abandoned(left, _OLD):
            continue
        if target.exists():
            _remove(left)
        else:
            left.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _abandoned(path: Path, mark: str) -> bool:
    """Whether nobody is writing a file or folder any more: its writer neither runs here nor holds it anywhere."""
    if sys.platform == "win32":
        return False
    ours = re.fullmatch(r"(\d+)-[0-9a-f]{8}", path.name.rpartition(mark)[2])
    if ours is None or _runs_elsewhere(int(ours[1])):
        return False
    import fcntl

    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # its writer has just moved it to its place, or it is not ours to touch
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _runs_elsewhere(number: int) -> bool:
    """Whether another process of this machine has this number; containers give the same one again and again."""
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
