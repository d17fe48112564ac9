"""The `panel:` block of a design: where the data are, and what each column means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BeforeValidator

from sos_eval.declare import Declared
from sos_eval.panel.events.spec import EventsSpec
from sos_eval.panel.imputation import GapFilling
from sos_eval.panel.own_names import Column
from sos_eval.panel.periods import Period, PeriodUnit
from sos_eval.terms import SAFETY_ROLES, YearConvention

__all__ = ["Exclusion", "Geography", "Omission", "OutcomeSpec", "PanelSpec", "PeriodStep", "Treatment", "Wide"]

Source = Literal["csv", "parquet", "xlsx", "duckdb", "england", "dfe", "ssda903", "world"]

#: constant: 148 areas, the same in all years; as_published: the authorities of each year.
Geography = Literal["constant", "as_published"]


@dataclass(frozen=True)
class OutcomeSpec(Declared):
    """One outcome: a count with the population at risk, or a value."""

    count: str | None = None
    """Column of counts; needs `exposure`."""
    exposure: str | None = None
    """Column of the population at risk."""
    per: Annotated[float, Ge(1e-12), Le(1e12)] = 1.0
    """Scale of the rate: 10000 means per 10,000."""
    value: str | None = None
    """Column of a ready value (a rate, a percentage, a mean), instead of `count`."""
    stock: bool | None = None
    """Whether `count` is of one day (children looked after on 31 March) rather than of events in a period: page one
    then says "at any one time" rather than "a year". Undeclared, it is for a column whose name ends in `_31march`."""
    transform: Literal["none", "log"] = "none"
    """`log` takes the natural logarithm of the rate or value; zeros are then refused."""
    label: str = ""
    """Words for a reader; the columns' names without it."""
    role: Literal["", "primary", "secondary", "sensitivity", "safety", "harm", "displacement", "benefit"] = ""
    """What the outcome is for; `safety` (or `harm`) marks one that should not get worse, `displacement` one to which
    children may be moved (kinship care, plans): page one shows them, with p adjusted for their number."""
    margin: float | None = None
    """Of a safety outcome: the largest worsening that would be accepted, on its scale. 2 where a rise is harm, -2
    where a fall is."""

    def __post_init__(self) -> None:
        if self.margin is not None and self.role not in SAFETY_ROLES:
            raise ValueError("a margin belongs to an outcome that should not get worse: write role: safety beside it")
        if self.margin == 0:
            raise ValueError("margin: 0 does not say which way is harm: write a small rise (0.01) or fall (-0.01)")
        if (self.count is None) == (self.value is None):
            raise ValueError("write either count (with exposure) or value, and only one of them")
        if (self.count is None) != (self.exposure is None):
            raise ValueError("count and exposure go together: a count needs the population at risk; else write value")
        if self.stock is not None and self.count is None:
            raise ValueError("stock says what a count is of: write it beside count, not value")

    @property
    def counted(self) -> bool:
        """Whether it is a count over an exposure."""
        return self.count is not None

    @property
    def of_one_day(self) -> bool:
        """Whether it counts who is there on a day, as declared or by the column's name."""
        return str(self.count).endswith("_31march") if self.stock is None else self.stock

    @property
    def words(self) -> str:
        """Return the label, or one made of the columns' names."""
        per = f"{self.per:,.10g} " if self.per != 1 else ""
        plain = f"{self.count} per {per}{self.exposure}" if self.counted else str(self.value)
        return self.label or (f"log of {plain}" if self.transform == "log" else plain)


@dataclass(frozen=True)
class Treatment(Declared):
    """Who was treated from when: one of `first_treated`, `adoption` and `status`."""

    first_treated: str | None = None
    """Column with a unit's first treated period; 0, inf and "never" mean never; an empty cell means what
    `untreated_means` says."""
    adoption: str | None = None
    """A register, csv or xlsx, relative to the design.

    Its columns are unit, first_treated, embedded, stopped, prior_use, evidence and note; the first two must be there.
    """
    status: str | None = None
    """Column that is 0 or 1 in each period."""
    absorbing: bool = True
    """Whether a treated unit stays treated; `false` lets `status` go back to 0."""
    dose: str | None = None
    """Column of an intensity (fidelity), beside any of the three."""
    untreated_means: Literal["never", "unknown"] = "unknown"
    """What an empty start means: never treated, or unknown (usual practice, may include the intervention)."""
    transition: Literal["drop", "partial"] | None = None
    """Periods from `first_treated` up to `embedded`: left out, or counted as partly treated."""
    overlapping: str | None = None
    """A register of other programmes: columns unit, programme, first_treated, note; carried into the caveats."""

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.first_treated, self.adoption, self.status)) != 1:
            raise ValueError("write exactly one of first_treated, adoption and status")
        if not self.absorbing and self.status is None:
            raise ValueError("absorbing: false goes with status; in a register, write the end under stopped")
        if self.transition and self.adoption is None:
            raise ValueError("transition needs adoption: a register with the column embedded")


def _texts(value: Any) -> Any:
    """Take unit ids that are written as numbers: 886 means "886"."""
    values = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(one, bool | Mapping | list) or one is None for one in values):
        raise ValueError("write unit ids: [886, E09000001]")
    return [str(int(one)) if isinstance(one, float) and one.is_integer() else str(one) for one in values]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


def _numbers(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


@dataclass(frozen=True)
class Exclusion(Declared):
    """Units that are left out, and why."""

    units: Annotated[tuple[str, ...], BeforeValidator(_texts, json_schema_input_type=list[str | int] | str | int)]
    """Unit ids."""
    why: str = ""
    """The reason, shown in the flow of units."""


@dataclass(frozen=True)
class Omission(Declared):
    """Periods that are left out, and why."""

    times: Annotated[
        tuple[Period, ...], BeforeValidator(_numbers, json_schema_input_type=list[float | str] | float | str)
    ]
    """Periods."""
    why: str = ""
    """The reason, shown in the flow of units."""


def _omissions(value: Any) -> Any:
    """Take ``[2015]``, ``{2015: why}``, ``{times: [2015], why: text}`` and a list of such mappings."""
    if isinstance(value, Mapping) and "times" not in value:
        return [{"times": [time], "why": why} for time, why in value.items()]
    given = value if isinstance(value, list | tuple) else [value]
    return [one if isinstance(one, Mapping | Omission) else {"times": [one]} for one in given]


def _exclusions(value: Any) -> Any:
    """Take one mapping, a list of them, and plain unit ids."""
    given = value if isinstance(value, list | tuple) else [value]
    return [one if isinstance(one, Mapping | Exclusion) else {"units": [one]} for one in given]


@dataclass(frozen=True)
class PeriodStep(Declared):
    """How far one period is from the next."""

    step: Annotated[int, Ge(1)]
    """2: every second year (or quarter, or month)."""
    of: PeriodUnit | None = None
    """year, quarter or month, where the notation does not say."""


@dataclass(frozen=True)
class Wide(Declared):
    """A table with a column per period, read as a row per unit and period."""

    columns: Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=list[str] | str)]
    """The columns, with * and ?: "20*", or one pattern per variable: [entries_20*, children_20*]."""
    into: str
    """Name of the column of periods that they become; panel.time."""

    def __post_init__(self) -> None:
        if any(not pattern.strip("*? ") for pattern in self.columns):
            raise ValueError('write what the names begin with: "20*", "entries_20*"')


@dataclass(frozen=True)
class PanelSpec(Declared):
    """The data of a design: source, columns, treatment, and what is left out."""

    source: Source
    """What is read: csv, xlsx, parquet, a DuckDB file, a declared world, england: the panel that ships, dfe: published
    tables as they are, ssda903: returns laid out as AUTHORITY/YEAR/."""
    unit: str
    """Column of unit ids."""
    time: str
    """Column of periods, one apart: 2015, or what is read as such: 201415, 2014/15, 201506, 2015-06, 2015Q2, dates."""
    treatment: Treatment
    """Who was treated from when."""
    path: str = ""
    """The file, relative to the design; for `source: world` the world's YAML, for dfe and ssda903 a file or a folder;
    none for `source: england`."""
    geography: Geography | None = None
    """constant, the same areas throughout (of `source: england` unless declared), or as_published, the areas of each
    year (of `source: dfe` unless declared)."""
    table: str | None = None
    """Table of a DuckDB file or sheet of a workbook; not needed where there is only one."""
    header_row: Annotated[int, Ge(1)] | None = None
    """Line or row that names the columns, in csv and xlsx; found where it is the first that names unit and time."""
    wide: Wide | None = None
    """Of a table with a column per period: which columns, and what the column of periods is called."""
    imputation: GapFilling | None = None
    """Of rows of people: gaps in covariates are filled several times, and estimates pooled by Rubin's rules."""
    outcome: OutcomeSpec | None = None
    """The outcome; or `outcomes`."""
    outcomes: dict[str, OutcomeSpec] = field(default_factory=dict)
    """Several outcomes by name; an estimator's `outcome:` chooses."""
    period: PeriodUnit | PeriodStep | None = None
    """year, quarter or month, where the notation of `time` is not plain; {step: 2} where a period is two of them."""
    year_convention: YearConvention = "calendar"
    """calendar; ends_march: 2015 is April 2014 to March 2015; starts_april: 2015 is April 2015 to March 2016.

    Starts that are written as dates (2014-10) are taken for the year they fall in.
    """
    covariates: tuple[Column, ...] = ()
    """Columns to adjust for or match on."""
    measured: dict[Column, Period] = field(default_factory=dict)
    """Covariate to the period it was measured in; needed where that is not before the first start."""
    unit_name: str | None = None
    """Column of readable names of units, for figures and the report; a unit's last name counts."""
    cluster: str | None = None
    """Column of clusters for standard errors; default: the unit."""
    weight: str | None = None
    """Column of weights; without it estimands average units."""
    layout: Literal["panel", "cross_sections"] = "panel"
    """panel: a row per unit and time; cross_sections: rows are people or events."""
    events: EventsSpec | None = None
    """Of rows that are events with dates: the year of each, outcomes by rule, figures of authorities."""
    unbalanced: Literal["allow", "balance", "error"] = "allow"
    """allow; balance: keep units seen in every period and name the others; error: refuse."""
    window: dict[Literal["from", "to"], Period] = field(default_factory=dict)
    """First and last period that are used."""
    omit_times: Annotated[
        tuple[Omission, ...],
        BeforeValidator(_omissions, json_schema_input_type=list[float | str | Omission] | Omission | dict[str, str]),
    ] = ()
    """Periods left out: a list, a mapping of period to reason, or {times, why}."""
    exclude: Annotated[
        tuple[Exclusion, ...],
        BeforeValidator(_exclusions, json_schema_input_type=list[Exclusion | str | int] | Exclusion),
    ] = ()
    """Units left out: {units, why}, or a list of such mappings."""
    flag_times: dict[Period, str] = field(default_factory=dict)
    """Periods that are kept and marked in figures and report, with words: {2021: pandemic year}."""
    recode: dict[str, dict[str, str | int | float]] = field(default_factory=dict)
    """Column to replacements, applied before anything else: {region: {Inner London: London}}."""
    suppressed: Literal["refuse", "missing"] = "refuse"
    """Suppression symbols (c, x, z, k, ..) in an outcome: refused, or taken as missing, counted and named."""

    def __post_init__(self) -> None:
        if self.geography is not None and self.source not in ("england", "dfe"):
            raise ValueError("geography goes with source: england, or dfe")
        if self.source == "england" and (self.table, self.header_row, self.wide) != (None, None, None):
            raise ValueError("table, header_row and wide are for files; source: england ships with the package")
        if self.events is not None and (self.layout == "panel") != bool(self.events.means):
            raise ValueError("events goes with layout: cross_sections, or with layout: panel and events.means")
        if self.imputation is not None and self.layout != "cross_sections":
            raise ValueError("imputation goes with layout: cross_sections")
        if (self.outcome is None) == (not self.outcomes):
            raise ValueError("write either outcome or outcomes, and only one of them")
        if self.wide is not None and self.wide.into != self.time:
            raise ValueError(f"wide.into is {self.wide.into!r}, time is {self.time!r}: they are the same column")
        if len(self.path) > 1000:
            raise ValueError(f"path: {len(self.path):,} letters are no path; write a shorter one")
        ends = [self.window.get(key) for key in ("from", "to")]
        if isinstance(ends[0], float) and isinstance(ends[1], float) and ends[0] > ends[1]:
            raise ValueError(f"window.from ({ends[0]:.10g}) is after window.to ({ends[1]:.10g}): swap them")

    @property
    def named_outcomes(self) -> dict[str, OutcomeSpec]:
        """Outcomes by name; a single one is called "outcome"."""
        return {"outcome": self.outcome} if self.outcome else dict(self.outcomes)

    @property
    def counted_columns(self) -> tuple[tuple[str, str], ...]:
        """The columns that are counts, each with that of its denominators."""
        return tuple((str(one.count), str(one.exposure)) for one in self.named_outcomes.values() if one.counted)
