"""Columns of the user's that are called like one of ours: how the panel carries them.

A panel holds our columns (`unit`, `time`, `outcome` …) beside the user's covariates. One that bears such a name is
carried as ``column unit``, so that neither is taken for the other; so is every key of a design that names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

__all__ = [
    "CUT",
    "MATCHED_ROWS",
    "OUR_NAMES",
    "PARTS",
    "STRATA_WORDS",
    "Column",
    "Stratum",
    "as_written",
    "carried",
    "column_or",
    "in_parts",
    "is_ours",
]

#: Columns that a panel, or its matched rows of people, may hold under names of ours.
OUR_NAMES = frozenset({
    "unit", "time", "unit_name", "first_treated", "treated", "cluster", "weight", "outcome", "count", "exposure",
    "dose", "stratum", "matched_sets", "matched_set", "source_row", "arm", "post", "since_window", "event_day",
})  # fmt: skip

#: Column of a panel whose rows of people were matched: their places in the panel before.
MATCHED_ROWS = "source_row"
#: What `outcome:entries` and its like begin with, where there are several outcomes.
_OF_OUTCOMES = ("outcome:", "count:", "exposure:")
#: What the columns begin with that keep in which part a unit fell when strata were cut.
CUT = "cut:"
_CARRIED = "column "

#: Parts that a stratum may cut a number into.
PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5}
_CUT = re.compile(rf"(.+)_({'|'.join(PARTS)})")

#: Words for what strata are made of that are the panel's own.
STRATA_WORDS = frozenset({"exposure", "outcome", "cluster", "unit"})


def is_ours(name: str) -> bool:
    """Say whether a column of a panel is one of ours."""
    return name in OUR_NAMES or name.startswith((*_OF_OUTCOMES, CUT))


def carried(name: str) -> str:
    """Return the name under which a panel carries a column of the user's.

    Examples
    --------
    >>> carried("idaci"), carried("unit")
    ('idaci', 'column unit')
    """
    return _CARRIED + name if is_ours(name) else name


def as_written(name: str) -> str:
    """Return the user's own name of a carried column.

    Examples
    --------
    >>> as_written("idaci"), as_written("column unit"), as_written("column sum")
    ('idaci', 'unit', 'column sum')
    """
    rest = name.removeprefix(_CARRIED)
    return rest if is_ours(rest) else name


def in_parts(name: str) -> tuple[str, str]:
    """Return a stratum's column and the part that it is cut in, "" where it is the column itself.

    Examples
    --------
    >>> in_parts("idaci_half"), in_parts("region")
    (('idaci', 'half'), ('region', ''))
    """
    match = _CUT.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def _stratum(name: str) -> str:
    """Return a stratum by its carried column: `time_half` becomes ``column time_half``, `exposure_half` stays."""
    column, _ = in_parts(name)
    return name if column in STRATA_WORDS else carried(column) + name[len(column) :]


#: A key that names a column of the user's.
Column = Annotated[str, AfterValidator(carried)]
#: One that names a column, its half or third, or what the panel makes itself: exposure, outcome, cluster, unit.
Stratum = Annotated[str, AfterValidator(_stratum)]


def column_or(words: Sequence[str]) -> AfterValidator:
    """Return what reads a key that holds one of some words, or else names a column."""
    return AfterValidator(lambda name: name if name in words else carried(name))
