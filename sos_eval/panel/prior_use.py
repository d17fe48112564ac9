"""Use of an intervention before its recorded start, in the register's few words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from sos_eval.panel.caveats import Caveat

__all__ = ["VOCABULARY", "PriorUse", "prior_use", "prior_use_caveats"]

VOCABULARY = "none, some, full, years (2), or a range of years (1-3, 2+)"
_NONE = frozenset({"", "0", "none", "no", "never", "false"})
_YEARS = re.compile(r"(\d+(?:\.\d+)?)(?:\s*[-–]\s*(\d+(?:\.\d+)?)|(\+))?")


@dataclass(frozen=True, slots=True)
class PriorUse:
    """What a register says of one unit.

    Attributes
    ----------
    known
        True: it had used the intervention; False: it had not; None: it may or may not have (a range from 0).
    words
        For a reader: ``2 years or more``.
    """

    known: bool | None
    words: str


def prior_use(text: str) -> PriorUse | None:
    """Read an entry; None where it is none of the register's words.

    Examples
    --------
    >>> prior_use("2+"), prior_use("0-1").known, prior_use("none").known, prior_use("a little")
    (PriorUse(known=True, words='2 years or more'), None, False, None)
    """
    entry = text.strip().lower()
    if entry in _NONE:
        return PriorUse(False, "none")
    if entry in ("some", "full"):
        return PriorUse(True, entry)
    years = _YEARS.fullmatch(entry)
    if years is None:
        return None
    low, high, more = float(years[1]), years[2], years[3]
    if high is not None and float(high) < low:
        return None
    if more:
        return PriorUse(True if low > 0 else None, f"{low:g} years or more")
    if high is not None:
        return PriorUse(True if low > 0 else None, f"{low:g} to {float(high):g} years")
    return PriorUse(low > 0, f"{low:g} year" if low == 1 else f"{low:g} years")


def prior_use_caveats(entries: pd.Series) -> tuple[Caveat, ...]:
    """Say which units had used the intervention before, and of which that is not known; entries by unit."""
    read = {str(unit): prior_use(str(text)) for unit, text in entries.items()}
    used = tuple((unit, one.words) for unit, one in read.items() if one is not None and one.known)
    unsure = tuple((unit, one.words) for unit, one in read.items() if one is not None and one.known is None)
    caveats = []
    if used:
        text = "Use of the intervention before the recorded start is noted for {n} of {of} treated units: {names}."
        caveats.append(Caveat(text, used))
        caveats.append(
            Caveat("{n} of the {of} treated units had used it before their recorded start", used, place="basis")
        )
    if unsure:
        text = "Of {n} of {of} treated units it is not known whether they had used it before: {names}."
        caveats.append(Caveat(text, unsure))
    return tuple(caveats)
