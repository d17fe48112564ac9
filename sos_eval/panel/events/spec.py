"""The `panel.events:` block: what rows of dated events become before a panel is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt
from pydantic import BeforeValidator

from sos_eval.declare import Declared

__all__ = ["EVENT_DAY", "AuthorityTable", "EventRule", "EventsSpec"]

#: Column that the block adds: days since 1 January 1970.
EVENT_DAY = "event_day"


def _words(value: Any) -> Any:
    """Take values that are written as numbers, and a single one, as a list of words."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(one) for one in values]


Words = Annotated[tuple[str, ...], BeforeValidator(_words, json_schema_input_type=list[str | int] | str | int)]
_KINDS = ("working_days", "years", "within", "first_of", "next", "previous", "code")


@dataclass(frozen=True)
class EventRule(Declared):
    """One column that is made of others; one of working_days, years, within, first_of, next, previous and code."""

    working_days: tuple[str, str] | None = None
    """Working days from one date to another, without the bank holidays of England and Wales."""
    years: tuple[str, str] | None = None
    """Years from one date to another: an age."""
    within: Annotated[int, Ge(1)] | None = None
    """1 where the date `event` comes at most so many days after the date `after`, else 0; empty where the follow-up is
    not over by `events.until`."""
    after: str | None = None
    """Of `within`: the date from which days are counted."""
    event: str | None = None
    """Of `within`: the date that is waited for; empty where it did not come."""
    first_of: tuple[str, ...] = ()
    """The earliest of some dates."""
    next: str | None = None
    """The value of a column in the next row of the same person."""
    previous: str | None = None
    """The value of a column in the row before, of the same person."""
    by: tuple[str, ...] = ()
    """Of `next` and `previous`: the columns that say who the same person is."""
    code: str | None = None
    """1 where a column holds one of the codes `is_in`, or another than those of `is_not`; else 0."""
    is_in: Words = ()
    """Of `code`: the codes."""
    is_not: Words = ()
    """Of `code`, in place of `is_in`: the codes that count as 0; a count of plans from 1 up is {is_not: [0]}."""
    among: Mapping[str, Words] = field(default_factory=dict)
    """The rows that can have it: column -> values; others are empty."""
    outliers: Annotated[float, Gt(0)] | None = None
    """Of numbers: empty above the third quartile and so many times the distance between the quartiles. Both are of all
    rows, those after a start too: a group that sees which rows have the outcome sees as much of later ones."""
    out_of_order: Literal["fault", "missing"] = "fault"
    """Where the second date comes before the first: refused, or empty and counted."""

    def __post_init__(self) -> None:
        if len(self.kinds) != 1:
            raise ValueError(f"write exactly one of {', '.join(_KINDS)}")
        if (self.within is None) != (self.after is None) or (self.within is None) != (self.event is None):
            raise ValueError("within, after and event go together: {within: 90, after: referral, event: conference}")
        if (self.next or self.previous) and not self.by:
            raise ValueError("next and previous need by: the columns that say who the same person is")
        if (self.code is None) != (not self.is_in and not self.is_not) or (self.is_in and self.is_not):
            raise ValueError("code goes with is_in or is_not: {code: placement, is_in: [U1, U2]}")
        if self.outliers is not None and not (self.working_days or self.years):
            raise ValueError("outliers goes with working_days or years")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of the seven is written."""
        return tuple(name for name in _KINDS if getattr(self, name) not in (None, ()))

    @property
    def dates(self) -> tuple[str, ...]:
        """Columns that it reads as dates."""
        between = tuple(name for name in (self.after, self.event) if name)
        return (self.working_days or ()) + (self.years or ()) + self.first_of + between

    @property
    def ends(self) -> tuple[str, ...]:
        """Of the dates that it reads those that come later: what happened after the event."""
        pairs = tuple(pair[1] for pair in (self.working_days, self.years) if pair)
        return (*pairs, *((self.event,) if self.event else ()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""
        read = (self.working_days or ()) + (self.years or ()) + self.first_of + self.by + tuple(self.among)
        named = (self.after, self.event, self.next, self.previous, self.code)
        return tuple(dict.fromkeys([*read, *(name for name in named if name)]))


@dataclass(frozen=True)
class AuthorityTable(Declared):
    """A table with a row per authority and year, joined to the events."""

    path: str
    """csv or xlsx, relative to the design."""
    columns: tuple[str, ...]
    """What is joined."""
    unit: str = ""
    """Its column of units; that of the panel unless given."""
    year: str = "year"
    """Its column of years."""
    belongs_to: Mapping[str, int] = field(default_factory=dict)
    """Column -> how many years after the year that the table writes a value belongs to: -1 where the January census of
    2010 tells of the year that began in April 2009, named 2009."""
    fill: Mapping[str, Literal["linear", "carry"]] = field(default_factory=dict)
    """Column -> how years without a value are filled: linear, between and beyond by the nearest two; carry, the last
    one on, and the first one back. A gap in another column is a fault."""

    def __post_init__(self) -> None:
        for key, given in (("belongs_to", self.belongs_to), ("fill", self.fill)):
            strange = [name for name in given if name not in self.columns]
            if strange:
                raise ValueError(f"{key}: {strange[0]} is not among columns")


@dataclass(frozen=True)
class EventsSpec(Declared):
    """Rows are events with dates: the year of each, columns by rule, and the authorities' own figures."""

    date: str
    """The event's date: the period of its row is the year that it falls in, by `year_convention`."""
    until: str = ""
    """Last day on record, 2019-03-31: what may still come after it is not known. Needed by `within`."""
    derive: Mapping[str, EventRule] = field(default_factory=dict)
    """New columns in their order; a later rule may read an earlier column."""
    authorities: AuthorityTable | None = None
    """Figures of authorities by year."""
    means: tuple[str, ...] = ()
    """With `layout: panel`: a row per unit and year, holding the means of these columns over its events."""

    def __post_init__(self) -> None:
        if not self.until and any(rule.within for rule in self.derive.values()):
            raise ValueError("until is missing: write the last day on record, so that an open follow-up is not a no")

    @property
    def made(self) -> tuple[str, ...]:
        """Columns that the block makes."""
        joined = self.authorities.columns if self.authorities else ()
        return (*self.derive, *joined, EVENT_DAY)

    def read(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the columns of the file that the block reads, each with the key that names it."""
        yield self.date, ("events", "date")
        for name, rule in self.derive.items():
            for column in rule.columns:
                if column not in self.derive:
                    yield column, ("events", "derive", name)
