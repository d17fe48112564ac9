"""Tables with a column per period: read as a row per unit and period, where the design says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from sos_eval.errors import listed
from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import PanelSpec, Wide

__all__ = ["long", "matches", "refuse_wide"]

#: What looks like a period in a column's name: 2015, 201415, 2014/15, 2015Q2.
_PERIOD = re.compile(r"(?:.*\D)?(?:19|20)\d\d(?:\d\d|[/-]\d\d(?:\d\d)?|[ -]?Q[1-4])?")


def matches(wide: Wide, name: str) -> bool:
    """Say whether a column holds one period of a wide table."""
    return any(fnmatchcase(name, pattern) for pattern in wide.columns)


def refuse_wide(reading: Reading, spec: PanelSpec) -> None:
    """Stop where the column of periods is missing and the names of other columns are periods."""
    periods = [name for name in reading.header if _PERIOD.fullmatch(name)]
    if spec.time in reading.header or len(periods) < 3:
        return
    stem = re.split(r"(?<=19|20)\d\d", periods[0])[0]
    reading.fault_of(
        ("time",), f'{reading.name} has no column "{spec.time}", but a column per period: {listed(periods, 3)}',
        f'read it with wide: {{columns: "{stem}*", into: {spec.time}}}',
    )  # fmt: skip
    reading.faults.stop()


def long(reading: Reading, spec: PanelSpec, names: Sequence[str]) -> Reading:
    """Turn the columns of a wide table into rows.

    A pattern's values become the column that its names begin with (``entries_2015`` gives ``entries``); where they are
    periods and nothing else, the one column that the design names and the table lacks.

    Parameters
    ----------
    reading, spec
        The table as it was read, and the block with `wide`.
    names
        Columns that the design names.
    """
    if spec.wide is None:
        return reading
    frame = reading.frame
    there = [str(name) for name in frame.columns]
    kept = [name for name in there if not matches(spec.wide, name)]
    lacking = [name for name in dict.fromkeys(names) if name not in kept and name != spec.time]
    _refuse_twice(reading, spec.wide, there, lacking)
    pieces = [_of_pattern(reading, spec, pattern, there, kept, lacking) for pattern in spec.wide.columns]
    _refuse_gaps(reading, spec.wide, there)
    reading.faults.stop()
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole.merge(piece.drop(columns=kept), on=["_row", spec.time], how="outer")
    whole = whole.sort_values(["_row", spec.time], kind="stable")
    whole.index = pd.Index(whole.pop("_row"))
    periods = len(dict.fromkeys(whole[spec.time]))
    row = FlowRow("wide table", "noted", 0, len(whole), "", f"{periods} columns of periods read as rows of {spec.time}")
    return replace(reading, frame=whole, header=tuple(map(str, whole.columns)), flow=(*reading.flow, row))


def _refuse_twice(reading: Reading, wide: Wide, there: Sequence[str], lacking: Sequence[str]) -> None:
    """Stop where two columns have one name, as years have below two merged names."""
    twice = [name for name in dict.fromkeys(there) if there.count(name) > 1]
    periods = [name for name in twice if matches(wide, name)]
    if periods:
        instead = "give each column a name of its own"
        if periods[0][0].isdigit():
            first, second = lacking[:2] if len(lacking) > 1 else ("entries", "children")
            columns = [f"{name}_{periods[0][:2]}*" for name in (first, second)]
            instead += f", in one row: {first}_{periods[0]}, {second}_{periods[0]}; and wide: {{columns: {columns}}}"
        reading.add(f"{listed(periods, 3)}: more than one column of that name", instead.replace("'", ""))
    for name in twice:
        if name not in periods:
            reading.add(f'{there.count(name)} columns are called "{name}"', "give each column a name of its own")
    reading.faults.stop()


def _refuse_gaps(reading: Reading, wide: Wide, there: Sequence[str]) -> None:
    """Note a fault where one variable has no column of a period that another has."""
    stems = {pattern: _prefix(pattern) for pattern in wide.columns}
    periods = {
        pattern: [name[len(stem) :] for name in there if fnmatchcase(name, pattern)] for pattern, stem in stems.items()
    }
    every = list(dict.fromkeys(period for own in periods.values() for period in own))
    for pattern, own in periods.items():
        if lacking := [f"{stems[pattern]}{period}" for period in every if period not in own] if own else []:
            what = f'"{pattern}": no column {listed([repr(name) for name in lacking], 4)}, of a period that others have'
            reading.fault_of(
                ("wide", "columns"),
                what,
                "add it, empty where nothing is known, or write patterns of names with periods alone",
            )


def _prefix(pattern: str) -> str:
    """Return what stands before the period in the names of a pattern."""
    return re.split(r"[\d*?\[]", pattern)[0]


def _of_pattern(
    reading: Reading, spec: PanelSpec, pattern: str, there: list[str], kept: list[str], lacking: list[str]
) -> pd.DataFrame:
    """Return the rows of one variable: what is kept, the period, the value, and the row of the file."""
    columns = [name for name in there if fnmatchcase(name, pattern)]
    if not columns:
        reading.fault_of(("wide", "columns"), f'{reading.name} has no column like "{pattern}"', "write what they share")
    prefix = _prefix(pattern)
    called = prefix.rstrip("_ -.:") or (lacking[0] if len(lacking) == 1 else "")
    if not called:
        what = f'the values of "{pattern}" may be any of {listed(lacking) or "no column that the design names"}'
        reading.fault_of(("wide", "columns"), what, "name the outcome: {value: COLUMN}, or columns entries_20*")
    pieces = []
    for name in columns:
        piece = reading.frame[kept].copy()
        piece[spec.time], piece[called] = name[len(prefix) :], _cells(reading.frame[name])
        piece["_row"] = np.asarray(reading.frame.index)
        pieces.append(piece)
    return pd.concat(pieces) if pieces else reading.frame[kept].assign(_row=np.asarray(reading.frame.index))


def _cells(column: pd.Series) -> np.ndarray:
    """Return a column as it stands, so that pieces of several types stay one column."""
    return np.asarray(column) if pd.api.types.is_numeric_dtype(column) else np.asarray(column, dtype=object)
