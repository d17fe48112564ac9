"""Ofsted's judgements: of every authority and year, the one that was in force on 31 March."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from sos_eval.errors import Faults, listed
from sos_eval.panel.read.dfe.layout import grades, measures_of

__all__ = ["day_of", "in_force", "last_known", "refuse_inspections"]

#: Line and cells of each row.
Rows = Sequence[tuple[int, tuple[str, ...]]]

_CODE, _PUBLISHED, _INSPECTED = "Local authority area code", "Publication date", "Inspection date"
#: Days between the last two reports of a history; more of them are a year that was mistyped.
_LONGEST_PAUSE = 5 * 366


def day_of(text: str) -> date | None:
    """Read 2019-04-01 or 01/04/2019; None where it is no day of the calendar, or a year of two digits.

    Examples
    --------
    >>> day_of("2019-04-01") == day_of("01/04/2019"), day_of("01/04/19"), day_of("2019-02-30")
    (True, None, None)
    """
    iso, british = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text), re.fullmatch(r"(\d\d)/(\d\d)/(\d{4})", text)
    if iso is None and british is None:
        return None
    year, month, day = map(int, iso.groups() if iso else reversed(british.groups()) if british else ())
    try:
        return date(year, month, day)
    except ValueError:
        return None


def last_known(days: Sequence[date]) -> int:
    """Return the last year to March that is over when the last report is published.

    Examples
    --------
    >>> last_known([date(2025, 5, 14)]), last_known([date(2025, 3, 31)]), last_known([date(2025, 3, 30)])
    (2025, 2025, 2024)
    """
    last = max(days)
    return last.year if last >= date(last.year, 3, 31) else last.year - 1


def refuse_inspections(path: Path, header: tuple[str, ...], rows: Rows, faults: Faults) -> None:
    """Note days that are none, reports before their inspection, unknown judgements, and reports of one day."""
    published = header.index(_PUBLISHED)
    days = {line: day_of(cells[published]) for line, cells in rows}
    for name in [name for name in (_PUBLISHED, _INSPECTED) if name in header]:
        odd = [line for line, cells in rows if day_of(cells[header.index(name)]) is None]
        if odd:
            faults.add(str(path), f"{name} is no day in {_lines(odd)}", "days are written 2019-04-01 or 01/04/2019")
    if _INSPECTED in header:
        begun = {line: day_of(cells[header.index(_INSPECTED)]) for line, cells in rows}
        odd = [line for line, day in days.items() if day and (was := begun[line]) and day < was]
        if odd:
            faults.add(str(path), f"published before the inspection in {_lines(odd)}", "mend the days")
    for name in [name for measure in measures_of("inspections", 9999) for name in measure.columns if name in header]:
        at = header.index(name)
        words = {line: cells[at] for line, cells in rows if cells[at] and cells[at].lower() not in grades()}
        if words:
            shown = listed([repr(word[:40]) for word in dict.fromkeys(words.values())], 3)
            meant = "judgements are Outstanding, Good, Requires improvement to be good, Inadequate"
            faults.add(str(path), f"{name}: {shown} in {_lines(list(words))}", meant)
    known = sorted((day, line) for line, day in days.items() if day)
    if len(known) > 1 and (known[-1][0] - known[-2][0]).days > _LONGEST_PAUSE:
        what = f"the last report, in line {known[-1][1]}, is published more than five years after the one before it"
        faults.add(str(path), what, "mend its day: judgements are carried forward to it")
    code = header.index(_CODE)
    reports: dict[tuple[str, date | None], dict[tuple[str, ...], int]] = defaultdict(dict)
    for line, cells in rows:
        reports[cells[code], days[line]].setdefault(cells, line)
    twice = [line for (_, day), same in reports.items() if day and len(same) > 1 for line in same.values()]
    if twice:
        faults.add(str(path), f"two reports of one authority and day in {_lines(twice)}", "keep the one that holds")


def in_force(header: tuple[str, ...], rows: Rows, column: int, last: int) -> Iterator[tuple[str, int, str, date, int]]:
    """Yield the judgement in force on each 31 March up to the last year that is known.

    The last that was published by that day is carried forward, never back: nothing stands before the first. An
    inspection that did not judge this leaves the judgement before it in force.

    Yields
    ------
    code, year, words, published, line
        Of an ONS code and year to March.
    """
    code, published = header.index(_CODE), header.index(_PUBLISHED)
    judged: dict[str, list[tuple[date, str, int]]] = defaultdict(list)
    for line, cells in rows:
        day = day_of(cells[published])
        if cells[column] and day is not None:
            judged[cells[code]].append((day, cells[column], line))
    for authority, reports in judged.items():
        for year in range(min(reports)[0].year, last + 1):
            before = [report for report in reports if report[0] <= date(year, 3, 31)]
            if before:
                day, words, line = max(before)
                yield authority, year, words, day, line


def _lines(lines: Sequence[int]) -> str:
    return f"line{'s' * (len(lines) > 1)} {listed(sorted(lines), 4)}"
