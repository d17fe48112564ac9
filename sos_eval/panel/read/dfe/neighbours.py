"""`neighbour_lists`: the published lists of statistical neighbours, as a comparison group reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sos_eval.errors import Faults, listed
from sos_eval.panel.read.dfe.layout import named_release

__all__ = ["NeighbourLists", "holds_neighbours", "neighbour_lists"]

_UNIT, _NEIGHBOUR = ("old_la_code", "LA number"), re.compile(r"SN_?(\d+)")


@dataclass(frozen=True)
class NeighbourLists:
    """The lists of one release.

    Attributes
    ----------
    path, release
        The file, and the year in its name.
    table
        A row per authority: unit, and SN_1, SN_2 … the closest first, as DfE numbers.
    """

    path: Path
    release: int
    table: pd.DataFrame


def holds_neighbours(header: Sequence[str]) -> bool:
    """Whether a file's columns are those of the neighbours; what stands twice in it are bands of closeness.

    Examples
    --------
    >>> holds_neighbours(("LA num", "LA number", "SN1", "SNP", "SN2", "SNP"))
    True
    """
    return any(name in header for name in _UNIT) and any(_NEIGHBOUR.fullmatch(name) for name in header)


def neighbour_lists(
    path: Path, header: Sequence[str], rows: Sequence[tuple[int, tuple[str, ...]]], faults: Faults
) -> NeighbourLists | None:  # fmt: skip
    """Read the lists of a file; None, with its faults noted, where it cannot be read as such.

    Parameters
    ----------
    path, header
        The file, and the names of its columns; bands of closeness share names, and are not read.
    rows
        Line and cells of the rows below.
    """
    release = named_release(path.stem)
    found = {place: _NEIGHBOUR.fullmatch(name) for place, name in enumerate(header)}
    places = sorted((int(match[1]), place) for place, match in found.items() if match)
    unit = next(header.index(name) for name in _UNIT if name in header)
    if release is None:
        faults.add(str(path), "which year it is of is not known: its name says none", f"name it {path.stem}2025.csv")
    if [n for n, _ in places] != list(range(1, len(places) + 1)):
        faults.add(f"{path}:1", f"names neighbours {listed([n for n, _ in places], 12)}", "SN_1, SN_2 …, each once")
    lists = _lists(path, [unit, *(place for _, place in places)], rows, faults)
    if faults.found or release is None:
        return None
    return NeighbourLists(path, release, pd.DataFrame(lists, columns=["unit", *(f"SN_{n}" for n, _ in places)]))


def _lists(
    path: Path, places: Sequence[int], rows: Sequence[tuple[int, tuple[str, ...]]], faults: Faults
) -> list[list[str]]:  # fmt: skip
    """Return the numbers of each row; rows that hold none are titles between the lists."""
    named = [(line, [cells[at] if at < len(cells) else "" for at in places]) for line, cells in rows]
    lists = [(line, codes) for line, codes in named if any(codes)]
    odd = [line for line, codes in lists if not all(map(_is_code, codes)) or len(set(codes)) < len(codes)]
    if odd or len({codes[0] for _, codes in lists}) < len(lists):
        where = f"line {min(odd)}" if odd else "two lines"
        what = f"{where}: each authority once, with different neighbours, as three-digit numbers"
        faults.add(str(path), what, "take the file as it was published")
    return [codes for _, codes in lists]


def _is_code(word: str) -> bool:
    return re.fullmatch(r"\d{3}", word) is not None
