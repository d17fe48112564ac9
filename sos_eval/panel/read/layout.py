"""Tables as people lay them out: titles above the names, names in two rows, notes and totals below."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.columns import SUPPRESSION, as_text, texts
from sos_eval.panel.read.names import is_total
from sos_eval.panel.read.reading import Reading, Wanted

__all__ = ["DEEPEST", "Header", "header_of", "trimmed"]

#: Rows among which the names of the columns are looked for.
DEEPEST = 60

#: A number that begins a word: what any period holds, and a note seldom does.
_PERIOD_LIKE = re.compile(r"(?<![^\W_])\d")
#: One word with a digit in it, as units are numbered.
_CODE = re.compile(r"[\w-]*\d[\w-]*")


@dataclass(frozen=True, slots=True)
class Header:
    """Where the names of the columns stand.

    Attributes
    ----------
    names
        One per column, empty where it has none.
    rows
        How many rows stand above the first row of data, those of the names included.
    flow
        What was done to find them.
    """

    names: tuple[str, ...]
    rows: int
    flow: tuple[FlowRow, ...] = ()


def header_of(rows: Sequence[Sequence[Any]], wanted: Wanted, places: Sequence[int]) -> Header:
    """Find the names of the columns among the first rows of a table.

    The first row has them, unless another is declared (`header_row`) or is the first to name unit and time, or the unit
    where none names both. Where a
    needed name stands in the row below, beside blanks under unit and time, the two rows are read as one (merged cells).

    Parameters
    ----------
    rows
        The first rows, as they stand.
    wanted
        What is asked of the file.
    places
        Line or row of each.
    """
    words = [[as_text(cell).lstrip("\ufeff") for cell in row] for row in rows]  # a byte-order mark is of no name
    at = _place_of(words, wanted, places)
    names = tuple(words[at]) if at < len(words) else ()
    below = words[at + 1] if at + 1 < len(words) else []
    merged = _merged(names, below, wanted)
    depth = 1 if merged == names else 2
    flow = []
    if at > 0 and wanted.header_row is None:
        why = f"the names of the columns stand in row {places[at]}; what stands above them is left aside"
        flow.append(FlowRow("header", "noted", 0, at, "", why))
    if depth == 2:
        why = f"names of columns in two rows ({places[at]} and {places[at + 1]}), read as one"
        flow.append(FlowRow("header", "noted", 0, 2, "", why))
    return Header(merged, at + depth, tuple(flow))


def _place_of(words: list[list[str]], wanted: Wanted, places: Sequence[int]) -> int:
    if wanted.header_row is not None:
        if wanted.header_row not in places:
            wanted.refuse(f"header_row: there is no row {wanted.header_row}", f"rows are counted from {places[0]}")
        return list(places).index(wanted.header_row)
    if not wanted.keys:
        return 0
    whole = (i for i, row in enumerate(words) if set(wanted.keys) <= set(row))
    unit = (i for i, row in enumerate(words) if wanted.keys[0] in row)  # a table with a column per period has no other
    return next(whole, next(unit, 0))


def _merged(names: tuple[str, ...], below: list[str], wanted: Wanted) -> tuple[str, ...]:
    """Return names that stand in two rows as one; the upper row where there is nothing to add."""
    under = {name: below[i] for i, name in enumerate(names) if name in wanted.keys and i < len(below)}
    further = [word for word in below if word and wanted.needed(word) and word not in names]
    if not wanted.keys or not further or len(under) < len(wanted.keys) or any(under.values()):
        return names
    width = max(len(names), len(below))
    upper, lower = [*names, *[""] * width][:width], [*below, *[""] * width][:width]
    return tuple(low or up for up, low in zip(upper, lower, strict=True))


def trimmed(reading: Reading, wanted: Wanted) -> Reading:
    """Leave rows aside that are blank, and notes and totals below the table, and say so."""
    frame = reading.frame
    if not frame.size:
        return reading
    blank = np.column_stack([_blank(frame.iloc[:, i]) for i in range(frame.shape[1])])
    empty = blank.all(axis=1)
    notes = _below(reading, wanted, blank)
    flow = list(reading.flow)
    if empty.any():
        flow.append(FlowRow("blank rows", "noted", 0, int(empty.sum()), "", "rows without any value were left aside"))
    notes &= ~empty
    if notes.any():
        why = f"{reading.lines(notes)} below the table, notes or totals, are left aside"
        flow.append(FlowRow("notes below the table", "noted", 0, int(notes.sum()), "", why))
    if not (empty | notes).any():
        return reading
    kept = reading.kept(~(empty | notes))
    return Reading(kept.frame, kept.name, kept.faults, place=kept.place, header=kept.header, flow=tuple(flow))


def _below(reading: Reading, wanted: Wanted, blank: Any) -> Any:
    """Say which rows at the end have no period and are notes or totals, (n_rows,).

    A row is a note where its cells hold no number, a total where its first word says so; the last one is neither where
    all that it holds is the beginning of a unit. In a table with a column per
    period a row is one where it holds a text and nothing else.
    """
    frame = reading.frame
    notes = np.zeros(len(frame), bool)
    if len(wanted.keys) == 1 and wanted.keys[0] in frame.columns:
        return _below_wide(frame, blank)
    if len(wanted.keys) < 2 or wanted.keys[1] not in frame.columns:
        return notes
    last, columns = list(frame.columns).index(wanted.keys[1]), [frame.iloc[:, k].array for k in range(frame.shape[1])]
    for i in np.flatnonzero(~blank.all(axis=1))[::-1]:
        if not blank[i, last] and _PERIOD_LIKE.search(as_text(columns[last][i])):
            break
        words = [word for word in (as_text(column[i]) for column in columns) if word]
        if i == len(frame) - 1 and not blank[i, 0] and len(words) == 1 and _is_cut(columns[0], words[0]):
            break
        notes[i] = is_total(words[0]) or not any(map(_is_number, words[1:]))
        if not notes[i]:
            break
    return notes


def _is_cut(column: Any, word: str) -> bool:
    """Say whether a word is the beginning of another in its column: the last line of a file that was cut."""
    values = getattr(column, "categories", None)
    others = (as_text(value) for value in (pd.unique(column) if values is None else values))
    return any(other.startswith(word) and other != word for other in others)


def _below_wide(frame: pd.DataFrame, blank: Any) -> Any:
    """Say which rows at the end hold one text alone, (n_rows,); a code is a unit of which nothing is told."""
    notes = np.zeros(len(frame), bool)
    columns = [frame.iloc[:, k].array for k in range(frame.shape[1])]
    for i in np.flatnonzero(~blank.all(axis=1))[::-1]:
        told = np.flatnonzero(~blank[i])
        word = as_text(columns[told[0]][i])
        if len(told) > 1 or _CODE.fullmatch(word) or _is_number(word) or word in SUPPRESSION:
            break
        notes[i] = True
    return notes


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _blank(column: pd.Series) -> Any:
    codes, _ = texts(column)
    return codes < 0
