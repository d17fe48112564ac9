"""What an economic evaluation declares of its inputs: frame, strategies, effect, costs and care."""

from __future__ import annotations

from dataclasses import dataclass, field
from re import fullmatch
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BeforeValidator

from sos_eval.declare import Declared

__all__ = [
    "BEARERS",
    "CarePathway",
    "CostLine",
    "DecisionFrame",
    "DeclaredEffect",
    "DeflatorFile",
    "Discount",
    "Implementation",
    "Placement",
    "Prior",
    "Stays",
    "Strategy",
]


def _as_share(value: Any) -> Any:
    """Refuse a rate in per cent: it would be read as 350% a year."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 1
    if number or (isinstance(value, str) and fullmatch(r"[0-9.]+ ?%", value.strip())):
        percent = float(str(value).strip(" %"))
        raise ValueError(f"{value}: a rate is a share of one; write {percent / 100:g} for {percent:g}%")
    return value


Share = Annotated[float, Ge(0), Le(1)]
Rate = Annotated[str | Share, BeforeValidator(_as_share)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Perspective = Literal["authority", "public_sector", "societal"]
Bearer = Literal["authority", "health", "police_justice", "education", "other_public", "family", "society"]
Grade = Literal["A", "B", "C", "D"]
Law = Literal["fixed", "normal", "lognormal", "gamma"]

#: Perspective -> whose costs it counts.
BEARERS: dict[str, tuple[str, ...]] = {
    "authority": ("authority",),
    "public_sector": ("authority", "health", "police_justice", "education", "other_public"),
    "societal": ("authority", "health", "police_justice", "education", "other_public", "family", "society"),
}


@dataclass(frozen=True)
class DecisionFrame(Declared):
    """Whose costs, in which prices, over how long, against what."""

    perspective: Perspective
    """Whose costs count; costs on other bearers are shown and not added."""
    price_year: str | int
    """Prices of all results: `2023-24` (financial) or `2023` (calendar), as the deflator writes it."""
    currency: str
    """GBP."""
    horizon: Annotated[int, Ge(1), Le(100)]
    """Years that are counted."""
    comparator: str
    """What happens otherwise; the first strategy."""
    population: Positive
    """Children aged 0 to 17 in one authority that takes the programme up."""
    authorities: Annotated[int, Ge(1)] = 1
    """Authorities that take it up: the results are for all of them."""
    prices: Literal["real", "nominal"] = "real"
    """Whether amounts of later years are in the prices of `price_year` (real) or of their own year."""
    uplift: float | None = None
    """Nominal growth of costs a year; refused beside a real discount rate."""
    why: str = ""
    """Why this perspective and horizon."""


@dataclass(frozen=True)
class Discount(Declared):
    """Discount rates of costs and of effects: a dated schedule by name, or a yearly rate."""

    costs: Rate = "green_book_2003"
    """Name of a schedule, or a rate."""
    effects: Rate = "green_book_2003"
    """Name of a schedule, or a rate."""
    why: str = ""
    """Why these rates."""


@dataclass(frozen=True)
class DeflatorFile(Declared):
    """A price index of the user's own."""

    path: str
    """CSV with the columns price_year and index."""
    vintage: str
    """When the series was published."""
    source: str
    """Who published it."""


@dataclass(frozen=True)
class Strategy(Declared):
    """A course of action."""

    name: str
    """Its name in tables and figures."""
    effect: Share = 1.0
    """Share of the programme's effect; 0 for the comparator."""
    programme: Share = 1.0
    """Share of the programme's cost; 0 for the comparator."""
    uptake: tuple[Share, ...] = ()
    """For the budget: share of the authorities that have taken it up by year 1, 2 and so on; the last goes on. Empty:
    all in year 1."""


@dataclass(frozen=True)
class Prior(Declared):
    """A stated belief about the effect before good evidence: entries per `per` children a year, fewer is negative."""

    mean: float
    """Expected change."""
    sd: Positive
    """Its standard deviation."""
    source: str
    """Where the belief comes from; without one it would be an assumption in disguise."""


@dataclass(frozen=True)
class DeclaredEffect(Declared):
    """The effect on children entering care, where it comes from, and how it lasts."""

    baseline: Positive
    """Entries per `per` children a year without the programme."""
    baseline_se: NonNegative = 0.0
    """Standard error of the baseline."""
    baseline_source: str = ""
    """Where the baseline comes from."""
    per: Positive = 10000
    """Scale of the rates."""
    scale: Literal["rate_difference", "rate_ratio", "risk_difference", "odds_ratio"] = "rate_difference"
    """What `estimate` is. A risk is entries per child and year; the difference is per `per` children."""
    estimate: float | None = None
    """Effect; empty where it comes from the bundle, or where there is none fit to use."""
    std_error: NonNegative | None = None
    """Standard error; of the logarithm for ratios."""
    bundle: str | None = None
    """Folder of a result bundle to take the headline estimate from: of entries into care."""
    outcome: str = ""
    """Name of the run's primary outcome, where its own words do not say that it counts entries into care."""
    source: str = ""
    """Where a declared estimate comes from."""
    prior: Prior | None = None
    """Stated belief for the bound on the value of research (tier E1)."""
    persistence: Annotated[int, Ge(0)] | None = None
    """Years of full effect; empty: the whole horizon. Below the horizon it needs `decay`."""
    decay: Share = 0.0
    """Share of the effect lost each year after the years of full effect; refused where none come after them."""
    unit: Literal["care_entry", "week_of_care", "re_entry", "qaly"] = "care_entry"
    """What a unit of effect is, and so what a threshold prices."""
    constant: Literal["difference", "ratio"] | None = None
    """What is the same in every group of children (equity): the fall per `per` children, or the share of entries;
    empty: as `scale` says."""
    per_entry: float = 1.0
    """Units for each entry averted (re-entries, QALYs); refused for entries, which are one each, and for weeks of care,
    which follow from the pathway."""
    per_entry_se: NonNegative = 0.0
    """Its standard error."""
    per_entry_source: str = ""
    """Where it comes from; needed for re_entry and qaly."""


@dataclass(frozen=True)
class CostLine(Declared):
    """A cost: an amount a unit, from whom, how sure, and who bears it."""

    name: str
    """Its name in tables; unique."""
    amount: float
    """Money a unit, in prices of `price_year`."""
    unit: Literal["child_week", "case", "authority_year", "fixed"] | None = None
    """child_week: a week in care; case: an entry to care; authority_year; fixed: once for each authority."""
    price_year: str | int | None = None
    """Year of the prices."""
    source: str = ""
    """Where the amount comes from."""
    quantity: Positive = 1.0
    """Units of it each."""
    se: NonNegative = 0.0
    """Standard error of the amount; 0: taken as known."""
    distribution: Law = "gamma"
    """Shape of the uncertainty."""
    grade: Grade = "D"
    """A bottom-up child level; B national unit cost, dated; C other published; D judgement."""
    bearer: Bearer = "authority"
    """Who bears it."""
    cashable: Share = 0.0
    """Share of a saving that could be released as money within the horizon; refused on costs of the programme."""
    prices: Literal["real", "nominal"] = "real"
    """Must agree with the frame."""


@dataclass(frozen=True)
class Placement(Declared):
    """A kind of placement in care."""

    name: str
    """residential, foster, kinship …"""
    share: Share
    """Share of entries that start in it; the shares sum to one."""
    weekly_cost: Positive
    """Cost of a child-week, in prices of `price_year`."""
    price_year: str | int | None = None
    """Year of the prices."""
    source: str = ""
    """Where the weekly cost comes from."""
    se: NonNegative = 0.0
    """Standard error of the weekly cost."""
    grade: Grade = "D"
    """As for a cost line."""
    bearer: Bearer = "authority"
    """Who bears it."""
    to: dict[str, Share] = field(default_factory=dict)
    """Probability a year of moving to another placement."""


@dataclass(frozen=True)
class Stays(Declared):
    """How stays in care vary around their mean."""

    distribution: Literal["empirical", "weibull", "gamma", "fixed"]
    """empirical: from a file of entry cohorts; weibull or gamma with a shape; fixed: every stay is the mean."""
    shape: Positive | None = None
    """Of the Weibull or gamma distribution; 1 is exponential: leaving is as likely at any length of stay."""
    path: str | None = None
    """CSV of entry cohorts, ended and still open: columns weeks and ended (1 or 0). Never the stock on one day: long
    stays are overrepresented there."""
    why: str = ""
    """Why this distribution, or where the file comes from."""


@dataclass(frozen=True)
class CarePathway(Declared):
    """What an entry to care leads to: where, for how many weeks, at what cost."""

    placements: Annotated[tuple[Placement, ...], MinLen(1)]
    """Placement mix at entry, and moves."""
    weeks: Positive | None = None
    """Expected weeks in care of an averted entry; empty: the mean of the file of stays."""
    weeks_se: NonNegative | None = None
    """Standard error of it; empty: that of the file's mean, in proportion where `weeks` is another mean; without a file
    the mean is taken as known."""
    weeks_source: str = ""
    """Where it comes from."""
    stays: Stays | None = None
    """How stays vary around their mean: with the same mean, long ones run beyond the horizon. Empty: exponential (a
    gamma of shape 1), which the output says is assumed."""
    age_at_entry: dict[str, Share] = field(default_factory=dict)
    """Age in years at entry -> share of entries: no stay runs beyond 18, the mean stays as declared. Empty: the tail of
    the distribution is not ended, and the output says so."""
    entries: Literal["spread", "first_day"] = "spread"
    """Whether averted entries fall evenly through the year, or all on its first day."""
    concentration: Positive | None = None
    """Children behind the placement mix: total of the Dirichlet distribution; empty: the mix is taken as known."""
    cashable: Share = 0.0
    """Share of the saving that could be released as money within the horizon."""


@dataclass(frozen=True)
class Implementation(Declared):
    """What the programme costs one authority."""

    training: CostLine | None = None
    """Training all staff once."""
    set_up: CostLine | None = None
    """Setting up, once."""
    licence: CostLine | None = None
    """Licence, each year."""
    running: CostLine | None = None
    """Leadership and coaching time, each year."""
    turnover: Share = 0.0
    """Share of staff that leaves in a year: the part of the training that is repeated from the second year on."""
    optimism_bias: NonNegative = 0.0
    """Share by which the programme's costs are raised because plans cost more than they say (Green Book supplementary
    guidance): 0.1 adds a tenth to every line of the programme."""
    optimism_source: str = ""
    """Where that share comes from; needed with it."""
    amortisation: Annotated[int, Ge(1)] | None = None
    """Years that training and set-up are of use, where that is longer than the horizon: only the years within it are
    charged, as an annuity. Empty: they fall in the first year. The budget shows the cash that is paid."""
