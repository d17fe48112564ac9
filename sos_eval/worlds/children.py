"""`ChildWorld`: a declared world of children: referrals, assessments and care, pilots with windows, known effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Interval, MinLen

from sos_eval.declare import Declared, Document, Seed, build, read_yaml
from sos_eval.errors import DesignFault, Faults, nearest
from sos_eval.worlds.problems import Problem
from sos_eval.worlds.world import Times

__all__ = ["EVENTS", "ChildEvent", "ChildWorld", "Children", "Gaps", "Pilot", "children_from", "is_of_children"]

Share = Annotated[float, Interval(ge=0, lt=1)]
Probability = Annotated[float, Interval(gt=0, lt=1)]

#: The five things that a world of children says of its rows; each may be an outcome of a design.
EVENTS = ("assessment_days", "conference", "re_referral", "escalation", "kinship")


@dataclass(frozen=True)
class Pilot(Declared):
    """An authority that starts, and who it is compared with."""

    start: date
    """First day of the programme."""
    embedded: date
    """First day on which it is fully embedded; effects before it are half as large."""
    comparators: tuple[str, ...] = ()
    """Authorities of its matched set, at most two; one may serve several pilots."""

    def __post_init__(self) -> None:
        if self.embedded < self.start:
            raise ValueError(f"embedded {self.embedded} is before start {self.start}")
        if len(self.comparators) > 2:
            raise ValueError("a pilot has at most two comparators")


@dataclass(frozen=True)
class ChildEvent(Declared):
    """How long or how likely something is, and what the programme does to it."""

    level: Annotated[float, Gt(0)]
    """Mean working days, or the probability, of a child of average covariates without the programme."""
    effect: float = 0.0
    """What the programme adds: working days, or log odds."""
    authority_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation between authorities, on the same scale as `effect`."""
    shock_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of shocks to an authority's year: what errors clustered by child leave out."""
    trend: float = 0.0
    """Change a year, everywhere."""


@dataclass(frozen=True)
class Gaps(Declared):
    """Shares of children without a value; what is missing depends on age and authority, never on an outcome."""

    gender: Share = 0.0
    """Of gender."""
    ethnicity: Share = 0.0
    """Of ethnicity."""
    low_income: Share = 0.0
    """Of eligibility for free school meals; twice as often below school age."""
    school_phase: Share = 0.0
    """Of the phase of schooling."""
    housing: Share = 0.0
    """Of housing tenure: a column that is too empty to be used."""


@dataclass(frozen=True)
class Children(Declared):
    """How many events there are, whose, and what is missing."""

    pilots: Mapping[str, Pilot]
    """Authority -> its window and its comparators."""
    events: Mapping[str, ChildEvent]
    """assessment_days, conference (within 90 days of referral), re_referral (within 183 days of no further action),
    escalation (plan or care within 183 days of a re-referral), kinship (placed with relatives or friends)."""
    referrals: Annotated[float, Gt(0)] = 250.0
    """First referrals of an authority in a year, on average."""
    no_further_action: Probability = 0.3
    """Share of referrals that end without further action."""
    care: Probability = 0.08
    """Share of open referrals that end in care."""
    days_sd: Annotated[float, Gt(0)] = 10.0
    """Standard deviation of assessments within an authority's year, in working days."""
    outliers: Share = 0.0
    """Share of assessments whose dates are wrong by months."""
    reunified: Probability = 0.27
    """Share of ended periods of care that end with a return home."""
    re_entry: Probability = 0.2
    """Share of returns home that end in care again within a year."""
    moved: Probability = 0.3
    """Share of periods of care with a second placement."""
    missing: Gaps = field(default_factory=Gaps)
    """What is not recorded."""

    @property
    def authorities(self) -> tuple[str, ...]:
        """Pilots, then their comparators in the order of their first mention."""
        others = [name for pilot in self.pilots.values() for name in pilot.comparators]
        return tuple(dict.fromkeys([*self.pilots, *others]))


@dataclass(frozen=True)
class ChildWorld(Declared):
    """A declared world of children."""

    schema: Literal["sos-eval/world/1"]
    """Version of this file's form."""
    name: Annotated[str, MinLen(1)]
    """Short name, used in files."""
    children: Children
    """Events, pilots and gaps."""
    title: str = ""
    """Words for a reader."""
    seed: Seed = 1
    """Seed where none is given."""
    times: Times = field(default_factory=lambda: Times(2008, 2018))
    """First and last year, each named by its start: 2008 is April 2008 to March 2009."""

    def problems(self) -> Iterator[Problem]:
        """Say what contradicts what, with the key it stands at."""
        children, (first, last) = self.children, (self.times.first, self.times.last)
        if last <= first:
            yield Problem(("times", "last"), f"{last} is not after {first}", "give the world at least two years")
        for name in [name for name in children.events if name not in EVENTS]:
            yield Problem(("children", "events", name), "no such event", nearest(name, EVENTS))
        for name in EVENTS:
            event = children.events.get(name)
            if event is None:
                yield Problem(("children", "events"), f"{name} is missing", "declare its level")
            elif name != "assessment_days" and event.level >= 1:
                yield Problem(("children", "events", name, "level"), f"{event.level:g} is no probability", "below 1")
        if not children.pilots:
            yield Problem(("children", "pilots"), "nobody starts", "name at least one pilot")
        for name, pilot in children.pilots.items():
            key = ("children", "pilots", name)
            if not date(first, 4, 1) < pilot.start <= pilot.embedded <= date(last + 1, 3, 31):
                yield Problem(key, "its window lies outside the years", "start and embed within `times`")
            for other in pilot.comparators:
                if other in children.pilots:
                    yield Problem((*key, "comparators"), f"{other} is a pilot itself", "take it out")


def is_of_children(document: Document) -> bool:
    """Say whether a world's file declares children."""
    return "children" in document.data


def children_from(path: str | Path | Document) -> ChildWorld:
    """Read a world of children.

    Raises
    ------
    DesignFault
        With every fault of the file, each with its line.
    """
    document = path if isinstance(path, Document) else read_yaml(path)
    faults = Faults()
    world: Any = build(ChildWorld, document.data, document, (), faults)
    for problem in world.problems() if world is not None else ():
        key = ".".join(str(part) for part in problem.path)
        faults.add(document.where(problem.path), f"{key}: {problem.what}", problem.instead)
    faults.stop()
    if not isinstance(world, ChildWorld):
        raise DesignFault(f"{document.path}: not a world of children")
    return world
