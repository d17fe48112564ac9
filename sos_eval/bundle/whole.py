"""Files that are written whole or not at all, and their folders."""

from __future__ import annotations

import errno
from pathlib import Path

from sos_eval.errors import DataFault, Fault

__all__ = ["make_folder", "write_file"]

#: What a system says where a file does not fit: disk, quota, largest size of a file.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_file(path: Path, content: str | bytes, *, again: str = "") -> None:
    """Write a file beside its place and move it there, so that nobody ever sees half of it.

    Parameters
    ----------
    again
        How the user begins again where there was no room, e.g. ``with --resume``.

    Raises
    ------
    DataFault
        The folder is missing or cannot be written, or has no room.
    """
    if not path.parent.is_dir():
        raise DataFault(Fault(str(path), f"the folder {path.parent} does not exist", "make it first"))
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    except OSError as error:
        raise _fault(path, error, again) from None
    finally:
        partial.unlink(missing_ok=True)


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
