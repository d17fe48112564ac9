"""Draws that memory does not hold are refused before anything is drawn."""

from __future__ import annotations

import os
from pathlib import Path

from sos_eval.errors import DesignFault
from sos_eval.panel.panel import Panel

__all__ = ["fitting", "refuse_too_many"]

#: Share of the memory that draws may take.
SHARE = 0.25
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def fitting(numbers: int) -> int:
    """Return how many draws of so many numbers each a quarter of the memory holds, to two digits."""
    most = int(SHARE * _memory() / (8 * max(numbers, 1)))
    scale = int(10 ** max(len(str(most)) - 2, 0))
    return most // scale * scale


def refuse_too_many(panel: Panel, key: str, draws: int, numbers: int) -> None:
    """Refuse draws that memory does not hold.

    Parameters
    ----------
    key
        The option that asks for them.
    numbers
        Numbers that each draw holds.

    Raises
    ------
    DesignFault
        With a number that fits.
    """
    most = fitting(numbers)
    if draws > most:
        what = f"inference.{key}: {draws:,} draws of {numbers:,} numbers each do not fit into memory"
        raise DesignFault(panel.fault(what, f"write {key}: {most}, or fewer"))


def _memory() -> int:
    """Return the bytes of memory of this machine, or of the container it runs in."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in map(Path, _LIMITS):
        text = file.read_text(encoding="ascii").strip() if file.is_file() else ""
        sizes += [int(text)] if text.isdigit() else []
    return min(sizes)
