"""From returns to counts by authority and period, in DuckDB: typed episodes, rules, starts and ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, OurFault
from sos_eval.panel.care.rules import ReturnRule
from sos_eval.panel.read.returns.files import ReturnFile
from sos_eval.panel.read.returns.layout import READ
from sos_eval.panel.read.returns.tables import pieces_of, recognised
from sos_eval.panel.read.returns.xml import xml_pieces

__all__ = ["CareCounts", "CarePeriod", "care_counts"]

CarePeriod = Literal["year", "quarter", "month"]

_AGES = {
    "under_1": "age < 1", "1_to_4": "age between 1 and 4", "5_to_9": "age between 5 and 9",
    "10_to_15": "age between 10 and 15", "16_and_over": "age >= 16", "not_known": "age is null",
}  # fmt: skip


@dataclass(frozen=True)
class CareCounts:
    """What returns say.

    Attributes
    ----------
    panel
        A row per authority and period; every column after the second counts children, except `exits_mean_days`.
    validation
        A row per rule, authority and year of return: episodes and children that break it, and what was done.
    n_superseded
        Rows that a later return of the same authority holds again.
    """

    panel: pd.DataFrame
    validation: pd.DataFrame
    n_superseded: int


def care_counts(
    returns: Sequence[ReturnFile], rules: Sequence[ReturnRule], faults: Faults, *,
    period: CarePeriod = "year", windows: Sequence[int] = (12,), since: int | None = None,
) -> CareCounts:  # fmt: skip
    """Count starts, ends, re-entries and returns home of the children in returns.

    Parameters
    ----------
    returns
        Files with their authority and year.
    rules
        With their policies; those that exclude leave episodes out before anything is counted.
    faults
        The collector; files that cannot be read stop all.
    period
        year (April to March, named by its end), quarter or month of the calendar.
    windows
        Months after an end of care within which a new start is a re-entry.
    since
        First year whose episodes the files hold; without it the year of each authority's first return.
    """
    import duckdb

    try:
        with duckdb.connect(config={"enable_external_access": "false", "lock_configuration": "true"}) as base:
            _load(base, returns, faults)
            faults.stop()
            return _counted(base, rules, period, windows, since)
    except duckdb.Error as error:  # its words may hold cells of a return
        raise OurFault(f"counting the returns stopped ({type(error).__name__})") from None


def _load(base: Any, returns: Sequence[ReturnFile], faults: Faults) -> None:
    """Put what is read of every file into tables of text."""
    for table in READ:
        texts = ", ".join(f"{name} varchar" for name in READ[table])
        into = "raw" if table == "episodes" else table
        base.execute(f"create temp table {into} (authority varchar, year int, file int, {texts}, line bigint)")
    for number, file in enumerate(returns):
        for table, piece in _pieces(file, faults):
            into = "raw" if table == "episodes" else table
            base.register("piece", piece)
            columns = ", ".join(READ[table])
            base.execute(
                f"insert into {into} select ?, ?, ?, {columns}, line from piece", [file.authority, file.year, number]
            )
            base.unregister("piece")


def _pieces(file: ReturnFile, faults: Faults) -> Iterator[tuple[str, Any]]:
    """Yield the tables of a file in pieces with lines."""
    import pyarrow as pa

    if file.path.suffix.lower() == ".xml":
        yield from xml_pieces(file.path, faults)
        return
    table = recognised(file.path, faults)
    if table not in READ:
        return
    line = 2
    for piece in pieces_of(file.path, table, faults):
        yield table, piece.append_column("line", pa.array(np.arange(line, line + piece.num_rows)))
        line += piece.num_rows


def _sql(base: Any, name: str, values: Sequence[object] = ()) -> None:
    """Run the statements of a file of this room; the one with a place for a value is given it."""
    text = files("sos_eval.panel.care").joinpath(name).read_text(encoding="utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            base.execute(statement, values if "?" in statement else [])


def _codes() -> pd.DataFrame:
    """Return the lists of codes with the years in which each is valid."""
    codes = pd.read_csv(str(files("sos_eval.panel.care").joinpath("codes.csv")), dtype=str, keep_default_na=False)
    first, last = codes["first"].replace("", "0").astype(int), codes["last"].replace("", "9999").astype(int)
    return codes.assign(first=first, last=last)


def _counted(
    base: Any, rules: Sequence[ReturnRule], period: CarePeriod, windows: Sequence[int], since: int | None
) -> CareCounts:  # fmt: skip
    codes = _codes()
    base.register("codes", codes)
    _sql(base, "episodes.sql", [since])
    found = _judged(base, rules, "row", "judged", "kept")
    _sql(base, "order.sql")
    found += _judged(base, rules, "order", "ordered", "left_in")
    _sql(base, "spells.sql")
    rows = base.execute("select (select count(*) from raw) - (select count(*) from judged)").fetchone()[0]
    panel = _panel(base, codes, period, windows, since)
    return CareCounts(panel, pd.concat(found, ignore_index=True), int(rows))


def _judged(base: Any, rules: Sequence[ReturnRule], at: str, table: str, into: str) -> list[pd.DataFrame]:
    """Report the rules of one kind, and keep the episodes that none of them excludes."""
    chosen = [rule for rule in rules if rule.at == at]
    said = []
    for rule in chosen:
        rows = base.execute(
            f"select authority la_code, year year_of_return, count(*) episodes, count(distinct child) children "
            f"from {table} where {rule.finds} group by all order by all"
        ).df()
        rows.insert(0, "rule", rule.name)
        said.append(rows.assign(policy=rule.policy, says=rule.says))
    out = " or ".join(f"coalesce({rule.finds}, false)" for rule in chosen if rule.policy == "exclude") or "false"
    base.execute(f"create temp table {into} as select * from {table} where not ({out})")
    return said


def _panel(
    base: Any, codes: pd.DataFrame, period: CarePeriod, windows: Sequence[int], since: int | None
) -> pd.DataFrame:  # fmt: skip
    """Lay out every authority and period that the returns cover, and count."""
    grid = _grid(base, period, since)
    base.register("grid", grid)
    panel = grid
    for query in (_starts(codes), _again(windows), _ends(codes), _STOCK):
        panel = panel.merge(base.execute(query).df(), on=["la_code", "period"], how="left")
    counts = panel.columns.difference(["la_code", "period", "first_day", "last_day", "held", "exits_mean_days"])
    panel[counts] = panel[counts].fillna(0).astype(float)
    for months in windows:
        unseen = panel["first_day"] - pd.DateOffset(months=months) < panel["held"]
        panel.loc[unseen, [f"re_entries_{months}m", f"re_entries_after_home_{months}m"]] = np.nan
    panel = panel.drop(columns=["first_day", "last_day", "held"]).rename(columns={"period": period})
    return panel.sort_values(["la_code", period], ignore_index=True)


def _grid(base: Any, period: CarePeriod, since: int | None) -> pd.DataFrame:
    """Return the periods of the years that each authority returned, and from when on its returns have no hole."""
    years = base.execute("select distinct authority la_code, year from raw order by all").df()
    rows = []
    for authority, own in years.groupby("la_code")["year"]:
        held = sorted({*own, *range(since or min(own), min(own))})
        for year in held:
            begun = next(first for first in range(year, 0, -1) if first - 1 not in held)
            days = pd.period_range(f"{year - 1}-04", f"{year}-03", freq="M")
            for name, months in _periods(days, year, period):
                first, last = months[0].start_time, months[-1].end_time.normalize()
                rows.append((authority, name, first, last, pd.Timestamp(begun - 1, 4, 1)))
    return pd.DataFrame(rows, columns=["la_code", "period", "first_day", "last_day", "held"])


def _periods(months: Any, year: int, period: CarePeriod) -> Iterator[tuple[int | str, Any]]:
    """Yield the periods of a reporting year with their months."""
    if period == "year":
        yield year, months
    size = {"year": 12, "quarter": 3, "month": 1}[period]
    for start in range(0, 12, size) if period != "year" else ():
        first = months[start]
        yield (f"{first.year}Q{first.quarter}" if size == 3 else str(first)), months[start : start + size]


def _sums(conditions: Mapping[str, str]) -> str:
    return ", ".join(f'count(*) filter ({condition}) "{name}"' for name, condition in conditions.items())


def _groups(codes: pd.DataFrame, field: str, prefix: str, column: str) -> dict[str, str]:
    """Return a column per group of codes, and one for codes that are not known."""
    groups = codes.loc[codes["field"] == field, "group"]
    return {f"{prefix}_{one}": f"{column} = '{one}'" for one in dict.fromkeys([*groups, "not_known"])}


def _starts(codes: pd.DataFrame) -> str:
    """Count children by their first start in the period."""
    legal = _groups(codes[codes["group"] != "short_break"], "ls", "entries_legal", "legal")
    named = {
        "entries_unaccompanied": "unaccompanied", "entries_others": "not unaccompanied",
        "taken_into_care": "ls in ('C1', 'C2', 'L1', 'L2', 'L3')",
        **{f"entries_age_{name}": condition for name, condition in _AGES.items()}, **legal,
        **_groups(codes, "need", "entries_need", "need_group"),
        **_groups(codes, "place", "entries_placed", "place_group"),
    }  # fmt: skip
    return f"""select la_code, period, count(*) care_entries, {_sums(named)} from (
        select looked.*, la_code, period, row_number() over (partition by authority, child, period order by decom) nth
        from looked join grid on authority = la_code and decom between first_day and last_day where began
    ) where nth = 1 group by all"""


def _again(windows: Sequence[int]) -> str:
    """Count children with a start in the period that follows an end within a window."""
    within = {months: f"began and decom <= ended_before + interval {months} month" for months in windows}
    named = ", ".join(
        f"count(distinct child) filter ({condition}) re_entries_{months}m, "
        f"count(distinct child) filter ({condition} and ended_how = 'home') re_entries_after_home_{months}m"
        for months, condition in within.items()
    )
    return f"""select la_code, period, {named} from looked
        join grid on authority = la_code and decom between first_day and last_day group by all"""


def _ends(codes: pd.DataFrame) -> str:
    """Count children by their last end in the period."""
    groups = _groups(codes[codes["code"] != "X1"], "rec", "exits", "exit_group")
    groups = {name: condition for name, condition in groups.items() if name not in {"exits_home", "exits_not_known"}}
    return f"""select la_code, period, count(*) care_exits,
        count(*) filter (exit_group = 'home') reunifications, {_sums(groups)},
        avg(date_diff('day', since, dec)) exits_mean_days from (
        select looked.*, la_code, period,
            row_number() over (partition by authority, child, period order by dec desc) nth
        from looked join grid on authority = la_code and dec between first_day and last_day where left_care
    ) where nth = 1 group by all"""


#: Children looked after at the end of the period: an open episode counts as long as returns hold it, and under 18.
_STOCK = """select la_code, period, count(distinct child) looked_after_at_end,
    count(distinct child) filter (place_group = 'kinship') looked_after_kinship_at_end
    from looked join grid on authority = la_code and decom <= last_day and (dec > last_day or (
        dec is null and year_end >= last_day and (birthday_18 is null or birthday_18 > last_day))) group by all"""
