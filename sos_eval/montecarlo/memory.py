"""Whether a study fits into this machine's memory, asked before anything is drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sos_eval.errors import Faults, InputFault, numeral
from sos_eval.montecarlo.line.draws import QUANTITIES
from sos_eval.montecarlo.line.pretest import PRETEST
from sos_eval.montecarlo.study import Study

__all__ = ["check_memory", "machine_memory"]

#: Bytes of a number, and how many a chunk holds at the same time of an authority's period in a draw: 6.0 as measured at
#: 148 x 15 with one outcome; every further outcome keeps what is expected with and without the intervention and what is
#: observed.
NUMBER, FIRST, FURTHER = 8, 6, 3
#: The tables are made of all chunks beside the whole that they make.
TWICE = 2
GIGABYTE = 1e9


def check_memory(study: Study, at_once: int, memory: float | None = None) -> None:
    """Refuse a study that does not fit.

    Parameters
    ----------
    at_once
        How many chunks are computed here at the same time; 0: they are computed elsewhere.
    memory
        In bytes; this machine's unless given.

    Raises
    ------
    InputFault
        Names ``chunk`` or ``reps``, and the largest number that fits.
    """
    memory = machine_memory() if memory is None else memory
    if memory is None:
        return
    faults = Faults(InputFault)
    asked = {
        "chunk": (min(study.chunk, study.reps), _drawn(study) * min(at_once, len(study.tasks))),
        "reps": (study.reps, _kept(study)),
    }
    for key, (draws, each) in asked.items():
        if draws * each > memory:
            faults.add("", *_too_many(key, draws, each, memory))
    faults.stop()


def machine_memory() -> float | None:
    """Return this machine's memory in bytes; None where its system does not say."""
    names: Mapping[str, int] = getattr(os, "sysconf_names", {})
    if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
        return None
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _drawn(study: Study) -> int:
    """Return the bytes that a draw takes while it is computed, at the point where it takes most."""
    cells = [len(study.at(i).frame.table) * len(point.world.periods) for i, point in enumerate(study.points)]
    numbers = [FIRST + FURTHER * len(point.world.further) for point in study.points]
    return max(NUMBER * n * per_cell for n, per_cell in zip(cells, numbers, strict=True))


def _kept(study: Study) -> int:
    """Return the bytes that a draw's estimates take at all points together, when they are put into tables."""
    tested = [len(PRETEST) if any(line.pretest for line in point.lines) else 0 for point in study.points]
    rows = [sum(len(ready.rows) for ready in study.at(i).lines) for i in range(len(study.points))]
    return sum(TWICE * NUMBER * n * (len(QUANTITIES) + more) for n, more in zip(rows, tested, strict=True))


def _too_many(key: str, draws: int, each: int, memory: float) -> tuple[str, str]:
    """Say what does not fit, and what does: two digits of the largest number of draws."""
    needed, there = draws * each / GIGABYTE, memory / GIGABYTE
    most = int(memory // each)
    rounded = most // 10 ** max(len(str(most)) - 2, 0) * 10 ** max(len(str(most)) - 2, 0)
    what = f"{key}: {draws} draws take {numeral(needed)} GB of memory, and this machine has {numeral(there)}"
    return what, f"write at most {rounded}" if rounded else "write fewer workers, or a smaller world"
