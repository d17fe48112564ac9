"""Files that are written whole or not at all, and their folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from sos_eval.errors import DataFault, Fault, Faults, InputFault

__all__ = ["make_folder", "refuse_target", "write_file"]

#: What a system says where a file does not fit: disk, quota, largest size of a file.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_file(path: Path, content: str | bytes, *, again: str = "", sync: bool = False) -> None:
    """Write a file beside its place and move it there, so that nobody ever sees half of it.

    Parameters
    ----------
    again
        How the user begins again where there was no room, e.g. ``with --resume``.
    sync
        Whether it is on the disk before it takes its place, so that a machine that stops leaves no empty file there.

    Raises
    ------
    DataFault
        The folder is missing or cannot be written, or has no room.
    """
    if not path.parent.is_dir():
        raise DataFault(Fault(str(path), f"the folder {path.parent} does not exist", "make it first"))
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise _fault(path, error, again) from None
    finally:
        partial.unlink(missing_ok=True)


def refuse_target(target: Path, beside: Sequence[Path], what: str, *, force: bool) -> None:
    """Refuse a CSV file that cannot or should not be written, before anything is computed for it.

    Parameters
    ----------
    beside
        Files that are written with it.
    what
        What it holds, e.g. ``a simulated panel``.

    Raises
    ------
    InputFault
        With every fault: its name, its folder, a file that is there without `force`.
    """
    faults = Faults(InputFault)
    if target.suffix != ".csv":
        faults.add(str(target), f"--out: {what} is written as CSV", f"write {target.stem or 'panel'}.csv")
    if target.is_dir():
        faults.add(str(target), "--out: is a folder", f"write {target}/panel.csv")
    elif not target.parent.is_dir():
        faults.add(str(target), f"--out: there is no folder {target.parent}", "make it first")
    for file in (target, *beside):
        if file.is_file() and not force:
            faults.add(str(file), "exists", "add --force to replace it")
    faults.stop()


def make_folder(path: Path, *, again: str = "") -> None:
    """Make a folder and those above it; one that is there is left as it is.

    Raises
    ------
    DataFault
        It cannot be made, or there is no room.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _fault(path, error, again) from None


def _fault(path: Path, error: OSError, again: str) -> DataFault:
    room = f"make room in {path.parent} and run again {again}".strip() if error.errno in NO_ROOM else ""
    return DataFault(Fault(str(path), f"cannot be written ({error.strerror})", room))
