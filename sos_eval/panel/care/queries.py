"""The counts of a panel of care as queries over `looked` and `grid`: starts, re-entries, ends, children in care.

Children are put together by authority, period and mix of codes first; what is counted is read off that small table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

__all__ = ["COUNTED_AT", "again", "ends", "starts", "stock"]

#: Number of the period that a day lies in; April to March is named by its end.
COUNTED_AT = {
    "year": "year({0}) + (month({0}) > 3)::integer", "quarter": "4 * year({0}) + quarter({0}) - 1",
    "month": "12 * year({0}) + month({0}) - 1",
}  # fmt: skip

#: Which part of the ends must be of children whose start the returns hold, for a mean of days: those whose start they
#: do not hold were in care for longer.
_TIMED = 0.9
_AGES = {
    "under_1": "age < 1", "1_to_4": "age between 1 and 4", "5_to_9": "age between 5 and 9",
    "10_to_15": "age between 10 and 15", "16_and_over": "age >= 16", "not_known": "age is null",
}  # fmt: skip


def _sums(conditions: Mapping[str, str]) -> str:
    return ", ".join(
        f'coalesce(sum(n) filter ({condition}), 0)::double "{name}"' for name, condition in conditions.items()
    )


def _groups(codes: pd.DataFrame, field: str, prefix: str, column: str) -> dict[str, str]:
    """Return a column per group of codes, and one for codes that are not known."""
    groups = codes.loc[codes["field"] == field, "group"]
    return {f"{prefix}_{group}": f"{column} = '{group}'" for group in dict.fromkeys([*groups, "not_known"])}


def starts(codes: pd.DataFrame, number: str) -> str:
    """Count children by their first start in the period."""
    legal = _groups(codes[codes["group"] != "short_break"], "ls", "entries_legal", "legal")
    named = {
        "entries_unaccompanied": "unaccompanied", "entries_others": "not unaccompanied",
        "taken_into_care": "ls in ('C1', 'C2', 'L1', 'L2', 'L3')",
        **{f"entries_age_{name}": condition for name, condition in _AGES.items()}, **legal,
        **_groups(codes, "need", "entries_need", "need_group"),
        **_groups(codes, "place", "entries_placed", "place_group"),
    }  # fmt: skip
    return f"""with numbered as (
        select authority, {number.format("decom")} number, who, mix, unaccompanied, age, decom, spot
        from looked where began
    ), firsts as (
        select authority, number, mix, unaccompanied, age from numbered
        qualify row_number() over (partition by who, number order by decom, spot) = 1
    ), alike as (select *, count(*) n from firsts group by all)
    select authority, period, sum(n)::double care_entries, {_sums(named)}
    from alike join mixes using (mix) join grid using (authority, number) group by all"""


def again(windows: Sequence[int], number: str) -> str:
    """Count children with a start in the period that follows an end within a window."""
    named = ", ".join(
        f"count(distinct who) filter (decom <= {before} + interval {months} month)::double re_entries{of}_{months}m"
        for months in windows
        for of, before in (("", "ended_before"), ("_after_home", "home_before"))
    )
    return f"""with following as (
        select authority, {number.format("decom")} number, who, decom, ended_before, home_before from looked
        where began and ended_before is not null
    )
    select authority, period, {named} from following join grid using (authority, number) group by all"""


def ends(codes: pd.DataFrame, number: str) -> str:
    """Count children by their last end in the period."""
    groups = _groups(codes[codes["code"] != "X1"], "rec", "exits", "exit_group")
    groups = {name: condition for name, condition in groups.items() if name != "exits_home"}
    return f"""with numbered as (
        select authority, {number.format("dec")} number, who, mix, since, dec, spot from looked where left_care
    ), lasts as (
        select authority, number, mix, dec - since as days from numbered
        qualify row_number() over (partition by who, number order by dec desc, spot desc) = 1
    ), alike as (
        select authority, number, mix, count(*) n, sum(days) as days, count(days) timed from lasts group by all
    )
    select authority, period, sum(n)::double care_exits, {_sums({"reunifications": "exit_group = 'home'", **groups})},
        sum(timed)::double exits_timed,
        case when sum(timed) >= {_TIMED} * sum(n) then sum(days)::double / nullif(sum(timed), 0) end exits_mean_days
    from alike join mixes using (mix) join grid using (authority, number) group by all"""


def stock(number: str) -> str:
    """Count children in care at the end of the period: an open episode as long as returns hold it, and under 18."""
    return f"""with until as (
        select authority, {number.format("decom")} since, who, mix, dec, make_date(year::integer, 3, 31) year_end,
            birthday_18, {number.format("coalesce(dec, make_date(year::integer, 3, 31))")} until_number
        from looked join people using (authority, who)
    )
    select authority, period, count(distinct who)::double looked_after_at_end,
        count(distinct who) filter (place_group = 'kinship')::double looked_after_kinship_at_end
    from until join mixes using (mix) join grid g using (authority)
    where g.number between since and until_number and (dec > last_day or (
        dec is null and year_end >= last_day and (birthday_18 is null or birthday_18 > last_day))) group by all"""
