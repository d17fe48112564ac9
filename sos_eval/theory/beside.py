"""A file that a design names beside itself: what cannot be read of it stands at the design's own line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sos_eval.declare import Document
from sos_eval.errors import Faults

__all__ = ["noted_beside"]

T = TypeVar("T")


def noted_beside(
    document: Document, key: tuple[str, ...], named: str, faults: Faults, read: Callable[[Path], T]
) -> T | None:
    """Return what is read of a file; note its faults and return None where there are any.

    A fault of the whole file, which has no line of its own, stands at the key of the design that names the file.

    Parameters
    ----------
    named
        The file as the design names it, beside itself.
    """
    own, file = Faults(), document.path.parent / named
    found = own.noted(lambda: read(file))
    where, what = document.where(key), f"{'.'.join(key)}: {named}"
    faults.found += [
        replace(fault, where=where, what=f"{what}: {fault.what}") if fault.where == str(file) else fault
        for fault in own.found
    ]
    return found
