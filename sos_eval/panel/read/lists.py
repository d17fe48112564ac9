"""Matched sets and lists of neighbours in files: who may stand in for whom, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import Faults
from sos_eval.panel.read.columns import texts
from sos_eval.panel.read.files import read_file, source_of
from sos_eval.panel.read.reading import Reading

__all__ = ["places_in", "read_lists"]

_NUMBERED = re.compile(r"(.*?)_?0*([1-9]\d*)")


def read_lists(
    path: Path, columns: tuple[str, str], faults: Faults, *, where: str, key: str
) -> dict[str, tuple[str, ...]]:
    """Read a list of units for each unit, in the order of the file's lines or of its numbered columns.

    Parameters
    ----------
    path
        A csv or xlsx: two columns, a line a pair; or a column of units and numbered ones (``SN_1``, ``SN_2`` …).
    columns
        Names of the two columns.
    where, key
        Where the file is named.

    Returns
    -------
    dict
        Unit -> units; empty where faults were noted.
    """
    source = source_of(path)
    if source not in {"csv", "xlsx"}:
        faults.add(where, f"{key}: {path.name} is neither csv nor xlsx", "write it as csv or xlsx")
        return {}
    one, many = columns
    rows = f"a line per pair below the line {one},{many}"
    reading = read_file(path, source, faults, where=where, key=key, rows=rows)
    if one not in reading.header:  # under a title
        reading = read_file(path, source, faults, where=where, key=key, keys=(one,), rows=rows)
    if one not in reading.header:
        reading.add(f'no column "{one}"', f"write the columns {one}, {many}, or {one}, {many}_1, {many}_2 …")
        return {}
    if "outcome" in reading.header:
        what = "outcome: a file holds the sets of every outcome that names it"
        reading.add(what, "write a file per outcome and name it under an estimator's `with:`")
        return {}
    names = [many] if many in reading.header else _numbered(reading, one)
    if not names:
        reading.add(f'no column "{many}"', f"write the columns {one}, {many}, or {one}, {many}_1, {many}_2 …")
        return {}
    return _gathered(reading, one, names)


def places_in(
    lists: Mapping[str, Sequence[str | int]], units: NDArray[np.object_], closest: int | None = None
) -> NDArray[np.float64]:
    """Return the place of the unit of a column in the list of the unit of a row, (n, n), from 1; infinite outside it.

    Parameters
    ----------
    closest
        How many of each list count; all unless given.
    """
    place = {str(unit): i for i, unit in enumerate(units)}
    rank = np.full((len(units), len(units)), np.inf)
    for unit, others in lists.items():
        if str(unit) not in place:
            continue
        for k, other in enumerate(map(str, others[:closest]), 1):
            if other in place:
                rank[place[str(unit)], place[other]] = k
    return rank


def _numbered(reading: Reading, one: str) -> list[str]:
    """Return the columns numbered from 1 on, in their order; none where two series are."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in reading.header:
        if name != one and (parts := _NUMBERED.fullmatch(name)):
            found.setdefault(parts[1], []).append((int(parts[2]), name))
    series = [sorted(some) for some in found.values()]
    return [name for _, name in series[0]] if len(series) == 1 else []


def _gathered(reading: Reading, one: str, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Gather each unit's list; a unit without a name, twice in a list, or in its own list is a fault."""
    codes, units = texts(reading.frame[one])
    if (codes < 0).any():
        reading.add(f"{one}: empty in {reading.lines(codes < 0)}", "every line names its unit")
        return {}
    lists: dict[str, list[str]] = {str(unit): [] for unit in units}
    for name in names:
        places, others = texts(reading.frame[name])
        for row in np.flatnonzero(places >= 0):
            unit, other = str(units[codes[row]]), str(others[places[row]])
            if other == unit or other in lists[unit]:
                said = "itself" if other == unit else f"{other} twice"
                reading.add(f"{unit} lists {said} ({reading.lines([row])})", "take it out")
            lists[unit].append(other)
    return {} if reading.faults.found else {unit: tuple(others) for unit, others in lists.items()}
