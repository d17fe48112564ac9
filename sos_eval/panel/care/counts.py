"""From returns to counts by authority and period, in DuckDB: typed episodes, rules, starts and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, OurFault
from sos_eval.panel.care.emptied import refuse_emptied
from sos_eval.panel.care.load import load, run_sql
from sos_eval.panel.care.queries import COUNTED_AT, again, ends, starts, stock
from sos_eval.panel.care.rules import ReturnRule
from sos_eval.panel.read.returns.files import ReturnFile

__all__ = ["CareCounts", "CarePeriod", "care_counts"]

CarePeriod = Literal["year", "quarter", "month"]


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
            authorities = load(base, returns, faults)
            faults.stop()
            counts = _counted(base, authorities, rules, faults, period, windows, since)
            faults.stop()
            return counts
    except duckdb.Error as error:  # its words may hold cells of a return
        raise OurFault(f"counting the returns stopped ({type(error).__name__})") from None


def _counted(
    base: Any, authorities: Sequence[str], rules: Sequence[ReturnRule], faults: Faults, period: CarePeriod,
    windows: Sequence[int], since: int | None,
) -> CareCounts:  # fmt: skip
    run_sql(base, "care", "episodes.sql", [since])
    reports = _judged(base, authorities, rules, "row", "kept")
    base.execute("drop table judged cascade")
    run_sql(base, "care", "order.sql")
    reports += _judged(base, authorities, rules, "order", "left_in")
    base.execute("drop table ordered cascade")
    _refuse_emptied(base, authorities, rules, since, faults)
    run_sql(base, "care", "spells.sql")
    rows, episodes = base.execute("select n_rows, n_episodes from counted").fetchone()
    panel = _panel(base, authorities, period, windows, since)
    return CareCounts(panel, pd.concat(reports, ignore_index=True), int(rows - episodes))


def _refuse_emptied(
    base: Any, authorities: Sequence[str], rules: Sequence[ReturnRule], since: int | None, faults: Faults
) -> None:  # fmt: skip
    """Note authorities' returns, and their years by first day, of which the rules exclude every episode."""
    chosen = {at: [rule for rule in rules if rule.at == at] for at in ("row", "order")}
    bits = [
        (rule, at, 1 << n) for at, kind in chosen.items() for n, rule in enumerate(kind) if rule.policy == "exclude"
    ]

    def emptied(group: str, where: str = "true") -> dict[tuple[int, int], int]:
        """Return the groups of which nothing is left, with how many there were."""
        count = f"select authority, {group} y, count(*) n from {{}} where {where} group by all"
        every = (
            f"select e.* from ({count.format('seen_row')}) e anti join ({count.format('left_in')}) using (authority, y)"
        )
        return {(authority, year): n for authority, year, n in base.execute(every).fetchall()}

    def told(authority: int, condition: str, n: int, when: str, what: str) -> None:
        broken = {
            rule.name: base.execute(
                f"select count(*) from seen_{at} where broken & {bit} <> 0 and authority = {authority} and {condition}"
            ).fetchone()[0] for rule, at, bit in bits
        }  # fmt: skip
        by_rule = {rule: count for rule, count in broken.items() if count}
        refuse_emptied(f"{authorities[authority]}{when}", what, n, by_rule, faults)

    whole = {(authority, year): n for authority, year, n in base.execute("from told").fetchall()}
    for (authority, year), n in sorted(emptied("year").items()):
        if n == whole[authority, year]:  # no later return holds any of them again
            told(authority, f"year = {year}", n, f", {year}", "episodes")
    if faults.found:
        return
    begun = COUNTED_AT["year"].format("decom")
    returned = base.execute(f"select authority, coalesce({since or 'null'}, min(year)), max(year) from told group by 1")
    held = {authority: range(first, last + 1) for authority, first, last in returned.fetchall()}
    for (authority, year), n in sorted(emptied(begun, "decom is not null").items()):
        if year in held[authority]:
            told(authority, f"{begun} = {year}", n, "", f"episodes that begin in the year to March {year}")


def _judged(
    base: Any, authorities: Sequence[str], rules: Sequence[ReturnRule], at: str, into: str
) -> list[pd.DataFrame]:
    """Judge every episode by all rules of one kind in one scan; report, and keep those that none of them excludes.

    Which rules an episode breaks is one whole number, a bit for each.
    """
    chosen = [rule for rule in rules if rule.at == at]
    bits = " | ".join(f"(coalesce({rule.finds}, false)::integer << {n})" for n, rule in enumerate(chosen))
    excluding = sum(1 << n for n, rule in enumerate(chosen) if rule.policy == "exclude")
    columns = f"authority, year, who, spot, decom, dec, mix, {bits or 0} broken"
    base.execute(f"create temp table seen_{at} as select {columns} from by_{at}")
    base.execute(f"create temp view {into} as select * exclude (broken) from seen_{at} where broken & {excluding} = 0")
    return [_reported(base, authorities, rule, f"seen_{at}", 1 << n) for n, rule in enumerate(chosen)]


def _reported(base: Any, authorities: Sequence[str], rule: ReturnRule, table: str, bit: int) -> pd.DataFrame:
    """Count the episodes and children that break a rule by authority and year of return."""
    rows: pd.DataFrame = base.execute(
        f"select authority la_code, year year_of_return, count(*) episodes, count(distinct who) children "
        f"from {table} where broken & {bit} <> 0 group by all order by all"
    ).df()
    rows["la_code"] = [authorities[number] for number in rows["la_code"]]
    rows.insert(0, "rule", rule.name)
    return rows.assign(policy=rule.policy, says=rule.says)


def _panel(
    base: Any, authorities: Sequence[str], period: CarePeriod, windows: Sequence[int], since: int | None
) -> pd.DataFrame:  # fmt: skip
    """Lay out every authority and period that the returns cover, and count."""
    grid = _grid(base, period, since)
    base.register("given_grid", grid)
    number = COUNTED_AT[period]
    base.execute(f"create temp table grid as select *, {number.format('first_day')} number from given_grid")
    codes = base.execute("select * from codes").df()
    panel = grid
    for query in (starts(codes, number), again(windows, number), ends(codes, number), stock(number)):
        panel = panel.merge(base.execute(query).df(), on=["authority", "period"], how="left")
    counts = panel.columns.difference(
        ["authority", "period", "first_day", "last_day", "held", "return_year", "exits_mean_days"]
    )
    panel[counts] = panel[counts].fillna(0).astype(float)
    for months in windows:
        unseen = panel["first_day"] - pd.DateOffset(months=months) < panel["held"]
        panel.loc[unseen, [f"re_entries_{months}m", f"re_entries_after_home_{months}m"]] = np.nan
    told = {*base.execute("from uasc_told").fetchall()}
    untold = [(row.authority, row.return_year) not in told for row in panel.itertuples()]
    panel.loc[untold, ["entries_unaccompanied", "entries_others"]] = np.nan
    panel.insert(0, "la_code", [authorities[place] for place in panel["authority"]])
    panel = panel.drop(columns=["authority", "first_day", "last_day", "held", "return_year"]).rename(
        columns={"period": period}
    )
    return panel.sort_values(["la_code", period], ignore_index=True)


def _grid(base: Any, period: CarePeriod, since: int | None) -> pd.DataFrame:
    """Return the periods that are held, from when on there is no hole, and the year of the return that holds each."""
    years = base.execute("select authority, year::integer as year from returned order by all").df()
    rows = []
    for authority, theirs in years.groupby("authority")["year"]:
        held = sorted({*theirs, *range(since or min(theirs), min(theirs))})
        for year in held:
            returned = min(one for one in theirs if one >= year)
            begun = next(first for first in range(year, 0, -1) if first - 1 not in held)
            days = pd.period_range(f"{year - 1}-04", f"{year}-03", freq="M")
            for name, months in _periods(days, year, period):
                first, last = months[0].start_time, months[-1].end_time.normalize()
                rows.append((authority, name, first, last, pd.Timestamp(begun - 1, 4, 1), returned))
    return pd.DataFrame(rows, columns=["authority", "period", "first_day", "last_day", "held", "return_year"])


def _periods(months: Any, year: int, period: CarePeriod) -> Iterator[tuple[int | str, Any]]:
    """Yield the periods of a reporting year with their months."""
    if period == "year":
        yield year, months
    size = {"year": 12, "quarter": 3, "month": 1}[period]
    for start in range(0, 12, size) if period != "year" else ():
        first = months[start]
        yield (f"{first.year}Q{first.quarter}" if size == 3 else str(first)), months[start : start + size]
