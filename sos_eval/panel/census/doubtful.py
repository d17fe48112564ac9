"""CIN census returns that were written otherwise than they are read: refused before any rule leaves a part of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sos_eval.errors import Faults
from sos_eval.panel.care.doubtful import form_of, refuse_days, refuse_two_ways, two_ways
from sos_eval.panel.read.returns.census import EVENTS
from sos_eval.panel.read.returns.files import ReturnFile

__all__ = ["note_days", "refuse_doubtful"]

_DAYS = "2018-05-01 or 01/05/2018 (1 May)"
_OF_CHILD = "PersonBirthDate"
#: Texts that are days at first sight; which of the others is one in another form is asked of few.
_PLAIN = "({0} like '____-__-__%' or ({0} like '__/__/____' and substr({0}, 4, 2) <= '12'))"
#: Column of a piece -> the day that it is read as.
_COLUMNS = {"birth": "born", "beginning": "began", "ending": "ended"}


def note_days(base: Any, number: int) -> None:
    """Keep the days of the rows in `piece` that are not read, under a file's number."""
    for column in _COLUMNS:
        text = f"trim({column})"
        base.execute(
            f"insert into unread select {number}, kind, '{column}', {text} from piece "
            f"where {text} <> '' and not {_PLAIN.format(text)}"
        )


def refuse_doubtful(base: Any, returns: Sequence[ReturnFile], faults: Faults) -> None:
    """Note files of which a part of a column's days is in another form, and numbers of children in two ways."""
    found = base.execute(f"""with forms as (
        select file, kind, name, word, {form_of("word")} form from unread
      ), alike as (
        select file, kind, name, form, count(*) n from forms where form is not null group by all
        union all
        select file, kind, name, null, max(n) from (
          select file, kind, name, word, count(*) n from forms where form is null group by all) group by all
      )
      from alike order by all""").fetchall()
    told = set()
    for number, kind, name, form, n in found:
        _, beginning, ending = EVENTS.get(kind, ("", "DateOfInitialCPC", ""))
        column = {"birth": _OF_CHILD, "beginning": beginning, "ending": ending}[name]
        if (number, column, form) not in told:
            filled = n + _filled(base, returns[number], kind, name)
            refuse_days(str(returns[number].path), column, form, n, filled, _DAYS, faults)
        told.add((number, column, form))
    for authority, n in two_ways(base, "select distinct authority, child from seen"):
        refuse_two_ways(authority, "LAchildID", n, faults)


def _filled(base: Any, file: ReturnFile, kind: str, column: str) -> int:
    """Return how many days of a column of a return are read."""
    query = f"select count({_COLUMNS[column]}) from seen where authority = ? and year = ? and kind = ?"
    return int(base.execute(query, [file.authority, file.year, kind]).fetchone()[0])
