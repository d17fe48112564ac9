"""Returns that were written otherwise than they are read: refused before any rule, for rules would leave a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sos_eval.errors import Faults, listed
from sos_eval.panel.care.emptied import roughly
from sos_eval.panel.read.returns.files import ReturnFile

__all__ = ["form_of", "refuse_days", "refuse_doubtful", "refuse_two_ways", "two_ways"]

#: Fewest cells, and which part of a column's filled ones, that are a way of writing and no slips of single rows.
_FEWEST, _PART = 3, 20
#: Fewest episodes of a return of which some begin or end in its year.
_SOME = 20
#: How days are written that are not read as dd/mm/yyyy, told by the first pattern that holds.
_FORMS = {
    "with the month before the day (12/31/2018)": r"(0\d|1[0-2])/(1[3-9]|2\d|3[01])/\d{4}",
    "without zeros (1/5/2018)": r"(\d/\d{1,2}|\d\d/\d)/\d{4}",
    "with two figures for the year (01/05/18)": r"\d{1,2}[-/.]\d{1,2}[-/.]\d\d",
    "with the year first (2018-05-01)": r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*",
    "with a time (01/05/2018 00:00)": r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}[ T].*",
    "with dots or dashes (01.05.2018)": r"\d{1,2}[-.]\d{1,2}[-.]\d{4}",
    "with the month as a word (01-May-2018)": r"\d{1,2}[- /.]?[A-Za-z]{3,9}[- /.,]*\d{2,4}.*",
    "as the numbers of a spreadsheet (43221)": r"\d{4,5}(\.\d+)?",
}
_DAYS = {"raw": ("decom", "dec"), "header": ("dob",), "uasc": ("duc",)}
_CODED = {"rne": "true", "ls": "true", "need": "true", "place": "true", "rec": "dec is not null"}
_NAMES = {"need": "CIN"}
_DAY = "01/05/2018 (1 May), as text"
#: What a code looks like, a new one too, where a word in its place would take starts or ends from the counts.
_LIKE_CODES = {"rne": "[A-Z]", "rec": "[A-Z][0-9]{1,2}[A-Z]?"}


def refuse_doubtful(
    base: Any, returns: Sequence[ReturnFile], authorities: Sequence[str], lines: int, faults: Faults
) -> None:
    """Note days, codes and children's numbers that a whole table writes otherwise than a return does.

    Rules judge single rows: of a table whose program wrote days in another way they would leave those few that can be
    read, some of them wrongly.

    Parameters
    ----------
    base
        The database with `raw`, `header`, `uasc` and `codes`.
    returns, lines
        Files by their number, and how many places each has.
    authorities
        By their number.
    """
    for table, columns in _DAYS.items():
        for column in columns:
            for number, form, n, filled in _other_days(base, table, column, lines):
                refuse_days(str(returns[number].path), column.upper(), form, n, filled, _DAY, faults)
    of_year = [*_unknown_codes(base), *_contradicted(base), *_other_year(base)]
    for authority, year, what, instead in of_year:
        faults.add(f"{authorities[authority]}, {year}", what, instead)
    named = " union ".join(f"select authority, child from {table}" for table in _DAYS)
    for authority, n in two_ways(base, named):
        refuse_two_ways(authorities[authority], "CHILD", n, faults)


def form_of(column: str) -> str:
    """Return, as SQL, in which form a text is written that was not read as a day; null for none of them."""
    forms = " ".join(f"when regexp_full_match({column}, '{pattern}') then '{form}'" for form, pattern in _FORMS.items())
    return f"case {forms} end"


def refuse_days(where: str, column: str, form: str | None, n: int, filled: int, days: str, faults: Faults) -> None:
    """Note that cells of a column of days are in another form, or hold one text for none, where they are no slips.

    Parameters
    ----------
    form
        As `form_of` says; None where they hold one and the same text or a day far from any return.
    n, filled
        How many cells do, and how many are not empty.
    days
        How days are read.
    """
    if n < _FEWEST:
        return
    if form is None:
        faults.add(
            where, f"{column}: one and the same text or day stands for none in {roughly(n)} cells", "leave them empty"
        )
    elif n * _PART >= filled:
        faults.add(where, f"{column}: {roughly(n)} days are written {form}", f"write every day of the file as {days}")


def _other_days(base: Any, table: str, column: str, lines: int) -> list[tuple[int, str | None, int, int]]:
    """Return files with the forms of days that are not read, how many there are, and how many cells are filled."""
    odd = f"{column}_odd"
    # a day far from any return, for none: 31/12/9999, 01/01/1900
    far = f"{column} is not null and (year({column}) < 1910 or year({column}) > year + 20)"
    found: list[tuple[int, str | None, int, int]] = base.execute(f"""with cells as (
        select spot // {lines} file, case when {odd} <> '' then {form_of(odd)} end form,
          case when {odd} <> '' then {odd} when {far} then {column}::varchar end odd
        from {table} where {odd} <> '' or ({far})
      ), alike as (
        select file, form, count(*) n from cells where form is not null group by all
        union all
        select file, null, max(n) from (
          select file, odd, count(*) n from cells where form is null and odd is not null group by all) group by file
      ), filled as (
        select spot // {lines} file, count(*) filled from {table} where {column} is not null or {odd} <> '' group by all
      )
      select file, form, n, filled from alike join filled using (file) order by all""").fetchall()
    return found


def _unknown_codes(base: Any) -> Iterator[tuple[int, int, str, str]]:
    """Yield returns of which no cell of a coded column is in the year's list."""
    for column, where in _CODED.items():
        found = base.execute(f"""select r.authority, r.year, count(*) n from raw r left join codes c
            on c.field = '{column}' and c.code = r.{column} and r.year between c.first and c.last
            where {where} group by all having count(c.code) = 0 and count(*) >= {_FEWEST} order by all""").fetchall()
        known = base.execute("select distinct code from codes where field = ? order by all", [column]).fetchall()
        name = _NAMES.get(column, column.upper())
        instead = f"write codes: {listed([code for (code,) in known], 6)}"
        for authority, year, n in found:
            yield authority, year, f"{name}: none of {roughly(n)} cells holds a code of the return", instead
        if like := _LIKE_CODES.get(column):
            for authority, year, n in _words(base, column, like):
                yield authority, year, f"{name}: {roughly(n)} cells hold a word in place of a code", instead


def _words(base: Any, column: str, like: str) -> list[tuple[int, int, int]]:
    """Return the returns of which a part of a coded column's filled cells look like no code, beside cells that do."""
    wordy = f"not regexp_full_match({column}, '{like}')"
    found: list[tuple[int, int, int]] = base.execute(f"""select authority, year, count(*) filter ({wordy}) n from raw
        where {column} <> '' group by all having n >= {_FEWEST} and n * {_PART} >= count(*) and n < count(*)
        order by all""").fetchall()
    return found


def _contradicted(base: Any) -> Iterator[tuple[int, int, str, str]]:
    """Yield returns whose header has a child twice with another day of birth or sex."""
    found = base.execute("""select authority, year, count(*) n from (
          select authority, year, child from header group by all
          having count(distinct dob) > 1 or count(distinct nullif(sex, '')) > 1)
        group by all order by all""").fetchall()
    for authority, year, n in found:
        what = f"the header has {roughly(n)} children more than once, with another day of birth or sex"
        yield authority, year, what, "keep one row a child"


def _other_year(base: Any) -> Iterator[tuple[int, int, str, str]]:
    """Yield returns in whose year no episode begins or ends."""
    inside = "{0} between make_date(year::integer - 1, 4, 1) and make_date(year::integer, 3, 31)"
    found = base.execute(f"""select authority, year, count(*) n from raw group by all having count(*) >= {_SOME}
        and count(*) filter ({inside.format("decom")} or {inside.format("dec")}) = 0 order by all""").fetchall()
    for authority, year, n in found:
        what = f"no episode of {roughly(n)} begins or ends in the year to March {year}"
        yield authority, year, what, "zeros would look like counts: say of which year the return is"


def refuse_two_ways(authority: str, column: str, n: int, faults: Faults) -> None:
    """Note that an authority writes the number of one child in two ways: it would count as two children."""
    what = f"{column}: the numbers of {roughly(n)} children are written in two ways, such as 00123, 123 and 123.0"
    faults.add(authority, what, "write a child's number in one way in all files and years")


def two_ways(base: Any, named: str) -> list[tuple[Any, int]]:
    """Return authorities of which children's numbers are written in two ways, and of how many children.

    Parameters
    ----------
    named
        A query for every authority and child.
    """
    found: list[tuple[Any, int]] = base.execute(rf"""select authority, count(*) n from (
          select authority, ltrim(regexp_replace(upper(replace(child, ' ', '')), '\.0+$', ''), '0') one
          from ({named}) where child <> '' group by all having count(distinct child) > 1)
        group by all order by all""").fetchall()
    return found
