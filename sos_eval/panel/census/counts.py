"""From CIN census returns to counts by authority and year, in DuckDB; the events of children stay in its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, OurFault
from sos_eval.panel.care.emptied import refuse_emptied
from sos_eval.panel.care.load import run_sql
from sos_eval.panel.census.doubtful import note_days, refuse_doubtful
from sos_eval.panel.census.rules import CensusRule
from sos_eval.panel.read.returns.census import EVENT, census_events
from sos_eval.panel.read.returns.files import ReturnFile

__all__ = ["COUNTED", "CensusCounts", "census_counts"]

#: Column -> what it counts, over `counted`: events that no rule excluded, with `again` where a referral is the second
#: of a child (`who`) within twelve months.
COUNTED = {
    "referrals": "kind = 'referral'",
    "referrals_no_further_action": "kind = 'referral' and nfa",
    "rereferrals_12m": "kind = 'referral' and again",
    "assessments": "kind = 'assessment'",
    "section47_enquiries": "kind = 'section47'",
    "initial_conferences": "kind = 'conference'",
    "plans_started": "kind = 'plan'",
}
_WORDS = ", ".join(f"trim({name}) {name}" for name in EVENT)
_INTO = f"""
    insert into seen select ?, ?, spot, kind, child, lower(nfa) in ('1', 'true', 'y', 'yes'),
        day_of(birth), day_of(referral), begun, over,
        (kind = 'assessment' and ending <> '' and over is null) or (beginning <> '' and begun is null)
    from (select *, day_of(beginning) begun, day_of(ending) as over from (select spot, {_WORDS} from piece))
"""
_AGAIN = """
    create view counted as
        with dated as (
            select who, authority, kind, nfa, began, year(counted_on) + (month(counted_on) > 3)::integer counts_in
            from left_in where counted_on is not null
        )
        select authority, kind, nfa, counts_in, false again from dated where kind <> 'referral'
        union all
        select authority, kind, nfa, counts_in, coalesce(max(began) over (partition by who order by began
            range between interval 12 month preceding and interval 1 day preceding) is not null, false) again
        from dated where kind = 'referral'
"""


@dataclass(frozen=True)
class CensusCounts:
    """What returns say.

    Attributes
    ----------
    panel
        A row per authority and year of return, la_code and year before the columns of `COUNTED`.
    validation
        A row per rule, authority and year of return: events and children that break it, and what was done.
    """

    panel: pd.DataFrame
    validation: pd.DataFrame


def census_counts(returns: Sequence[ReturnFile], rules: Sequence[CensusRule], faults: Faults) -> CensusCounts:
    """Count the events of returns by the year to March that they fall in, where that year was returned.

    Raises
    ------
    InputFault
        With every file that cannot be read; nothing in it tells of a child.
    """
    import duckdb

    try:
        with duckdb.connect(config={"enable_external_access": "false", "lock_configuration": "true"}) as base:
            run_sql(base, "care", "days.sql")
            run_sql(base, "census", "events.sql")
            _load(base, returns, faults)
            faults.stop()
            refuse_doubtful(base, returns, faults)
            faults.stop()
            _refuse_unread(base, returns, faults)
            faults.stop()
            run_sql(base, "census", "judged.sql")
            report = pd.concat([_reported(base, rule) for rule in rules], ignore_index=True)
            _refuse_emptied(base, rules, faults)
            faults.stop()
            return CensusCounts(_panel(base, rules, returns), report)
    except duckdb.Error as error:  # its words may hold cells of a return
        raise OurFault(f"counting the returns stopped ({type(error).__name__})") from None


def _load(base: Any, returns: Sequence[ReturnFile], faults: Faults) -> None:
    """Put every event into a table, typed as it comes, with authority, year of return and place."""
    import pyarrow as pa

    first = 0
    for number, file in enumerate(returns):
        for piece in census_events(file, faults):
            place = pa.array(np.arange(first, first + piece.num_rows))
            base.register("piece", piece.append_column("spot", place))
            note_days(base, number)
            base.execute(_INTO, [file.authority, file.year])
            base.unregister("piece")
            first += piece.num_rows


def _refuse_unread(base: Any, returns: Sequence[ReturnFile], faults: Faults) -> None:
    """Note returns that hold no event, or none with a day that can be read: zeros would look like counts."""
    days = base.execute("select authority, year, count(began) from seen group by all").fetchall()
    read = {(authority, year): n for authority, year, n in days}
    for authority, year in sorted({(file.authority, file.year) for file in returns}):
        where = f"{authority}, {year}"
        if (authority, year) not in read:
            faults.add(where, "the return holds no event of a child", "give the whole return, or leave its year out")
        elif not read[authority, year]:
            faults.add(where, "no day of any event can be read", "days are written 2018-05-01 or 01/05/2018")


def _refuse_emptied(base: Any, rules: Sequence[CensusRule], faults: Faults) -> None:
    """Note every kind of event of a return of which the rules exclude all, and no later return holds any again."""
    excluding = {rule.name: f"coalesce({rule.finds}, false)" for rule in rules if rule.policy == "exclude"}
    any_of = " or ".join(excluding.values()) or "false"
    by_rule = "".join(f", count(*) filter ({finds})" for finds in excluding.values())
    emptied = base.execute(
        f"""with told as (
            select authority, year, kind, count(*) filter (kind <> 'conference')
                + count(distinct (child, began)) filter (kind = 'conference') every from seen group by all
        )
        select authority, year, kind, count(*) n{by_rule} from judged join told using (authority, year, kind)
        group by authority, year, kind, every having n = every and n = count(*) filter ({any_of}) order by all"""
    ).fetchall()
    for authority, year, kind, n, *found in emptied:
        broken = {rule: count for rule, count in zip(excluding, found, strict=True) if count}
        refuse_emptied(f"{authority}, {year}", f"events of the kind {kind}", n, broken, faults)


def _reported(base: Any, rule: CensusRule) -> pd.DataFrame:
    """Count the events and children that break a rule."""
    rows: pd.DataFrame = base.execute(
        f"select authority la_code, year year_of_return, count(*) events, count(distinct child) children "
        f"from judged where coalesce({rule.finds}, false) group by all order by all"
    ).df()
    rows.insert(0, "rule", rule.name)
    return rows.assign(policy=rule.policy, says=rule.says)


def _panel(base: Any, rules: Sequence[CensusRule], returns: Sequence[ReturnFile]) -> pd.DataFrame:
    """Count what no rule excludes, in the years that were returned; re-referrals where the year before was too."""
    excluding = [f"coalesce({rule.finds}, false)" for rule in rules if rule.policy == "exclude"]
    base.execute(f"create view left_in as select * from judged where not ({' or '.join(excluding) or 'false'})")
    base.execute(_AGAIN)
    sums = ", ".join(f"count(*) filter ({finds}) {name}" for name, finds in COUNTED.items())
    counts = base.execute(f"select authority la_code, counts_in as year, {sums} from counted group by all").df()
    held = sorted({(file.authority, file.year) for file in returns})
    panel = pd.DataFrame(held, columns=["la_code", "year"]).merge(counts, on=["la_code", "year"], how="left")
    panel[list(COUNTED)] = panel[list(COUNTED)].astype(float).fillna(0.0)
    before = np.array([(code, year - 1) in held for code, year in held], dtype=bool)
    panel["rereferrals_12m"] = panel["rereferrals_12m"].where(before)
    return panel
