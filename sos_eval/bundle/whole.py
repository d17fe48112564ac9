"""Files and folders that are written whole or not at all: the one way that this package writes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sos_eval.bundle.partial import holding, partial_name, replaced_name, sweep
from sos_eval.bundle.stopping import unbroken
from sos_eval.errors import DataFault, Fault, Faults, InputFault

__all__ = [
    "append_line", "check_folder", "make_folder", "refuse_existing", "refuse_inputs", "refuse_target", "unwritable",
    "write_file", "write_folder",
]  # fmt: skip

#: What a system says where a file does not fit: disk, quota, largest size of a file.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: The user's disk, not our code: full, read-only, not permitted, name too long.
_UNWRITABLE = {*NO_ROOM, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}


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
        The folder is missing or cannot be written, or has no room; or the place is a link, a folder or a device.
    """
    if not path.parent.is_dir():
        raise DataFault(Fault(str(path), f"the folder {path.parent} does not exist", "make it first"))
    _refuse_link_or_device(path)
    if path.is_dir():
        raise DataFault(Fault(str(path), "is a folder", "name a file"))
    partial = partial_name(path, hidden=True)
    try:
        sweep(path, hidden=True)
        with partial.open("xb") as file, holding(partial):
            file.write(content.encode() if isinstance(content, str) else content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
            file.close()
            partial.replace(path)
    except OSError as error:
        raise _fault(path, error, again) from None
    finally:
        partial.unlink(missing_ok=True)


def _refuse_link_or_device(path: Path) -> None:
    """Refuse to write where a link, a device or a pipe stands."""
    if path.is_symlink():
        raise DataFault(Fault(str(path), "is a link, and what it leads to is left as it is", "name the file itself"))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataFault(Fault(str(path), "is a device or a pipe, not a file", "name a file"))


def append_line(path: Path, line: str) -> None:
    """Add a line to a file in one write, on the disk before this returns; other writers' lines stay whole.

    A file that ends within a line, where a machine stopped, gets its line's end first.

    Raises
    ------
    DataFault
        The file cannot be written.
    """
    _refuse_link_or_device(path)
    try:
        torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        content = f"{chr(10) if torn else ''}{line}\n".encode()
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise _fault(path, error, "") from None


def refuse_inputs(targets: Iterable[Path], inputs: Iterable[Path | None]) -> None:
    """Refuse to write over what the same command reads, or over a folder that holds it.

    Raises
    ------
    InputFault
        With every such file.
    """
    faults = Faults(InputFault)
    read = [file.resolve() for file in inputs if file is not None]
    for target in targets:
        place = target.resolve()
        if any(place == file or (place.is_dir() and place in file.parents) for file in read):
            faults.add(str(target), "is, or holds, what this command reads", "choose another --out")
    faults.stop()


def refuse_existing(target: Path, *, force: bool) -> None:
    """Refuse to write over a file that is there, unless asked to: it may be somebody's data.

    Raises
    ------
    InputFault
        The file is there.
    """
    if target.is_file() and not (force or target.is_symlink()):  # a link is refused where it would be written
        raise InputFault(Fault(str(target), "exists", "add --force to replace it"))


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


def unwritable(error: BaseException) -> bool:
    """Whether an error is the user's disk, not our code: full, read-only, over quota, not permitted."""
    return isinstance(error, OSError) and error.errno in _UNWRITABLE


def _fault(path: Path, error: OSError, again: str) -> DataFault:
    room = f"make room in {path.parent} and run again {again}".strip() if error.errno in NO_ROOM else ""
    return DataFault(Fault(str(path), f"cannot be written ({error.strerror})", room))


def check_folder(out: str | Path) -> None:
    """Say early, before anything is computed, whether a folder can be written where `out` names it.

    Raises
    ------
    InputFault
        It cannot.
    """
    if Path(out).is_symlink():
        what = "is a link, and what it leads to is left as it is"
        raise InputFault(Fault(str(out), what, "name the folder itself"))
    target = Path(out).resolve()
    parent = next(folder for folder in target.parents if folder.exists())
    if not parent.is_dir():
        raise InputFault(Fault(str(out), f"{as_typed(parent, out)} is a file, not a folder", "choose another --out"))
    try:
        if parent == target.parent:
            sweep(target)
        # asking for permission is not enough: some file systems grant it and then refuse
        with unbroken():
            probe = partial_name(parent / target.name)
            probe.mkdir()
            probe.rmdir()
    except OSError as error:
        what = f"{as_typed(parent, out)} cannot be written to ({error.strerror})"
        raise InputFault(Fault(str(out), what, "choose another --out")) from error


def as_typed(path: Path, out: str | Path) -> str:
    """Return how a user who typed `out` calls a path beside it: from the working folder, unless `out` was not."""
    return str(path) if Path(out).is_absolute() else os.path.relpath(path)


def write_folder(
    out: str | Path, fill: Callable[[Path], object], *, keep: Path | None = None, replace: bool = True
) -> None:
    """Write a folder whole or not at all, in place of an older one of its name.

    Everything is written to a sibling ``<out>.partial-…`` that takes the name `out` at the very end; an exception or
    Ctrl-C leaves nothing behind, and an older folder untouched.

    Parameters
    ----------
    out
        The folder to appear.
    fill
        Writes the content into the folder that it is given.
    keep
        The name that the older folder goes on under; it is removed unless given.
    replace
        Whether an older folder may go; where not, one that appears while this is written stays, and this is refused.

    Raises
    ------
    InputFault
        The disk is full, read-only or not permitted; or the folder appeared meanwhile.
    """
    target = Path(out).resolve()
    made: list[Path] = []
    partial = partial_name(target)
    try:
        with unbroken():
            made = _make_parents(target, out)
            partial.mkdir()
        with holding(partial):
            fill(partial)
            with unbroken():
                _take_name(partial, target, keep, replace=replace)
    except BaseException as error:
        with unbroken():
            _take_back(partial, made)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST) and target.exists():
            what = "appeared while this was being made, and is left as it is"
            raise InputFault(Fault(str(out), what, "choose another --out")) from None
        if isinstance(error, OSError) and unwritable(error):
            raise InputFault(Fault(str(out), f"cannot be written: {error.strerror or error}", "")) from error
        raise


def _make_parents(target: Path, out: str | Path) -> list[Path]:
    """Make the folders above, and return those that were not there, innermost first."""
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputFault(Fault(str(out), f"cannot be written: {error.strerror}", "choose another --out")) from error
    return missing


def _take_back(partial: Path, made: list[Path]) -> None:
    """Remove what was written, and the folders made for it."""
    shutil.rmtree(partial, ignore_errors=True)
    for folder in made:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _take_name(partial: Path, target: Path, keep: Path | None, *, replace: bool) -> None:
    """Rename the finished folder; an older one goes, or takes its other name, only once the new one is in its place."""
    if not replace or not target.exists():
        partial.rename(target)
        return
    old = keep or replaced_name(partial)
    with holding(target):
        target.rename(old)
        try:
            partial.rename(target)
        except BaseException:
            if not target.exists():
                old.rename(target)
            raise
    if keep is None:
        shutil.rmtree(old)
