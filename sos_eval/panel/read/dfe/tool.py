"""The interactive tool's long file: its periods, and which of its measures are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sos_eval.errors import Faults, listed
from sos_eval.panel.read.dfe.layout import measures_of

__all__ = ["WIDER", "ToolPeriod", "period_of", "rows_of_measures"]

#: Line and cells of each row.
Rows = Sequence[tuple[int, tuple[str, ...]]]

#: The tool's numbers of England, its regions, and their groups of neighbours.
WIDER = re.compile(r"9[789]\d")
_PERIOD = re.compile(r"((?:19|20)\d\d)(?:[-/](\d\d))?((?: \((?:OT|prov)\))*)")
_LONGEST = 10


@dataclass(frozen=True, slots=True)
class ToolPeriod:
    """A period as the tool writes it.

    Attributes
    ----------
    year
        The year in which it ends: 2016-17, a financial year, is the year to March 2017.
    several
        Whether it is more than a year (2014-16).
    provisional
        Whether it is marked so.
    """

    year: int
    several: bool
    provisional: bool


@cache
def period_of(text: str) -> ToolPeriod | None:
    """Read a period; None where it is none. ``(OT)`` says that spending is outturn, not budget.

    Examples
    --------
    >>> [period_of(text).year for text in ("2016", "2016-17 (OT)", "2025 (prov)", "1999-00")]
    [2016, 2017, 2025, 2000]
    >>> period_of("2014-16").several, period_of("2016-15"), period_of("16-17")
    (True, None, None)
    """
    match = _PERIOD.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    first = int(match[1])
    span = 0 if match[2] is None else (int(match[2]) - first) % 100
    if match[2] is not None and not 0 < span <= _LONGEST:
        return None
    return ToolPeriod(first + span, span > 1, "(prov)" in match[3])


def rows_of_measures(
    path: Path, header: tuple[str, ...], rows: Rows, faults: Faults
) -> tuple[Rows, tuple[str, ...]]:  # fmt: skip
    """Keep the rows of measures that are read, of one year each.

    Returns
    -------
    kept, left
        Rows; and what was left, by measure: those that are not read, and averages of several years. Periods that are
        none are faults, with their lines.
    """
    at, when = header.index("measure"), header.index("period")
    known = {measure.only[1] for measure in measures_of("tool", 9999)}
    left = dict.fromkeys(cells[at] for _, cells in rows if cells[at] not in known)
    read = [(line, cells, period_of(cells[when])) for line, cells in rows if cells[at] in known]
    odd = [(line, cells[when]) for line, cells, period in read if period is None]
    if odd:
        words = listed([repr(word[:20]) for word in dict.fromkeys(word for _, word in odd)], 3)
        what = f"{words} in line{'s' * (len(odd) > 1)} {listed([line for line, _ in odd], 4)}: no period of the tool"
        faults.add(str(path), what, "periods are written 2016, 2016-17 (OT), 2025 (prov)")
    several = dict.fromkeys(f"{cells[at]} {cells[when]}" for _, cells, period in read if period and period.several)
    kept = [(line, cells) for line, cells, period in read if period and not period.several]
    if not kept and not odd:
        faults.add(str(path), f"has no measure that is read: {listed(sorted(left), 6)}", "see docs/panel.md")
    return kept, (*sorted(left), *(f"{name} (of several years)" for name in several))
