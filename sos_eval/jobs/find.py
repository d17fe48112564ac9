"""Search the smallest whole number of a world key at which a design has the power that is aimed at.

With a test that holds its level: one that finds effects that are not there finds true ones too, and the fewest adopters
have the most of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Fault, InputFault, NotIdentified
from sos_eval.jobs.power import power
from sos_eval.montecarlo.sweep import APART
from sos_eval.numerics.random import stream
from sos_eval.results.table import overall_rows
from sos_eval.worlds.frame import draw_frame
from sos_eval.worlds.theory import PRACTICE
from sos_eval.worlds.world import World, document_of, world_from

__all__ = ["SmallestValue", "find_smallest"]

AT_MOST = 1_000_000
#: Values that are tried between others where none of those has the power.
BETWEEN = 6
#: A test holds its level where it rejects no more than this many times as often without an effect, and where chance
#: explains what is more: two Monte Carlo errors.
HELD, CHANCE = 1.3, 2.0
#: Errors of a difference in power beyond which it is a fall: several pairs of values are compared.
FALLEN = 3.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What a value gives: how often the primary estimate is significant with the effect and without any.

    Without numbers, and with a `reason`, where the design cannot be estimated at that value.
    """

    power: float
    power_mcse: float
    size: float
    size_mcse: float
    level: float
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether the test holds its level."""
        return self.size - CHANCE * self.size_mcse <= HELD * (1 - self.level)

    def has(self, target: float) -> bool:
        """Whether the power is there, with a test that holds its level."""
        return self.power >= target and self.holds


@dataclass(frozen=True, eq=False)
class SmallestValue:
    """What a search found.

    Attributes
    ----------
    value
        The smallest value with the power and a test that holds its level; None where none has both.
    low, high
        Values between which it lies for all that so many draws can say; None where no value that was tried bounds it.
    table
        Every value that was tried: value, power, power_mcse, size, size_mcse, reason, holds.
    sentence
        In plain English.
    """

    key: str
    value: int | None
    low: int | None
    high: int | None
    table: pd.DataFrame
    sentence: str

    @property
    def facts(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "key": self.key, "value": self.value, "low": self.low, "high": self.high,
            "tried": self.table.to_dict("records"), "sentence": self.sentence,
        }  # fmt: skip


def find_smallest(
    design: Any,
    world: World,
    key: str,
    *,
    target: float = 0.8,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    **plan: Any,
) -> SmallestValue:
    """Double a key from its declared value until the power is there, then halve the gap.

    Where none of these values has it, look between them, beside the best: power rises with the number of adopters and
    falls again where few are left to compare with. Below the first value that has it power is taken to rise with the
    key. The draws of neighbouring values share their random numbers, and the table shows the Monte Carlo error of each.

    Parameters
    ----------
    key
        ``world.KEY`` of a whole number, e.g. ``world.adoption.treated``.
    """
    if sweep:
        raise InputFault(Fault("--find", "a search and a sweep do not go together", "leave out --sweep"))
    start, nothing, possible = _declared(world, key), _without_effects(world), _possible(world, key)

    def simulate(value: int) -> Tried:
        sweep = {key: [value]}
        try:
            effect, none = (_share_at(design, there, sweep, target=target, **plan) for there in (world, nothing))
        except NotIdentified as fault:
            return Tried(np.nan, np.nan, np.nan, np.nan, np.nan, fault.faults[0].what)
        return Tried(*effect[:2], *none)

    search = _Search(target, possible, simulate)
    smallest = search.smallest(start)
    rows = [{key: value, **asdict(one), "holds": one.holds} for value, one in sorted(search.tried.items())]
    table = pd.DataFrame(rows).drop(columns="level")
    ends = _ends(search.tried, target)
    said = _sentence(key, smallest, ends, search.tried, target) + _fall(search.tried)
    return SmallestValue(key, smallest, *ends, table, said)


@dataclass
class _Search:
    """A search over whole numbers, and what it has tried so far.

    Attributes
    ----------
    possible
        Whether a value gives a world; one that does not is passed over.
    simulate
        What a value gives.
    """

    target: float
    possible: Callable[[int], bool]
    simulate: Callable[[int], Tried]
    tried: dict[int, Tried] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)

    def smallest(self, start: int) -> int | None:
        """Return the smallest value found that has the power."""
        high = self._doubled(start) or self._between()
        if high is None:
            return None
        low = max((value for value in self.tried if value < high), default=0)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._has(middle) else (middle, high)
        return high

    def _has(self, value: int) -> bool:
        if not self.possible(value):
            self.passed.add(value)
            return False
        if value not in self.tried:
            self.tried[value] = self.simulate(value)
        return self.tried[value].has(self.target)

    def _doubled(self, value: int) -> int | None:
        """Double a value until it has the power, up to the largest that gives a world."""
        while not self._has(value):
            low, value = value, 2 * value
            if not self.possible(value):
                largest = _largest(low, value, self.possible)
                return largest if self._has(largest) else None
        return value

    def _between(self) -> int | None:
        """Try the middles of gaps between tried values, those beside the most power first, then the widest."""
        for _ in range(BETWEEN):
            values = sorted({0, *self.tried, *self.passed})
            gaps = [(a, b) for a, b in pairwise(values) if b - a > 1]
            if not gaps:
                return None
            low, high = max(gaps, key=lambda gap: (sum(map(self._power, gap)), gap[1] - gap[0]))
            if self._has((low + high) // 2):
                return (low + high) // 2
        return None

    def _power(self, value: int) -> float:
        """Return a tried value's power; what was refused or passed over has none to go by."""
        there = self.tried.get(value)
        return there.power if there is not None and not there.reason else 0.0


def _without_effects(world: World) -> World:
    """Return the world in which nobody's adoption does anything."""
    sizes = [world.effect.size, *(one.effect.size for one in world.further)]
    through = world.theory.edges.get(PRACTICE, {}) if world.theory else {}
    if not any((*sizes, *through.values())):
        raise InputFault(Fault("--find", "effect.size: 0 in this world: there is nothing to find", "write an effect"))
    changes: dict[str, Any] = {f"further.{one.name}.effect.size": 0.0 for one in world.further}
    changes |= {f"theory.edges.{PRACTICE}.{name}": 0.0 for name in through}
    return world_from(document_of(world), {"effect.size": 0.0, **changes})


def _share_at(design: Any, world: World, sweep: dict[str, list[Any]], **plan: Any) -> tuple[float, float, float]:
    """Return the share of significant draws, its error, and the level."""
    row = _primary(power(design, world, sweep=sweep, **plan).summary)
    return float(row["power"]), float(row["power_mcse"]), float(row["level"])


def _ends(tried: Mapping[int, Tried], target: float) -> tuple[int | None, int | None]:
    """Return the values between which the smallest one lies, two Monte Carlo errors to either side."""
    smallest = min((value for value, one in tried.items() if one.has(target)), default=0)  # none below 0 is short of it
    below = {value: one for value, one in tried.items() if value < smallest and not one.reason}
    short = [value for value, one in below.items() if one.power + CHANCE * one.power_mcse < target or not one.holds]
    enough = [v for v, one in tried.items() if one.power - CHANCE * one.power_mcse >= target and one.holds]
    above = [value for value in enough if value > max(short, default=0)]
    return (max(short) + 1 if short else None), (min(above) if above else None)


def _declared(world: World, key: str) -> int:
    """Return a key's declared value."""
    value: Any = document_of(world).data
    for part in key.split(".")[1:]:
        value = value.get(part) if isinstance(value, dict) else None
    if (
        not key.startswith("world.")
        or key in APART
        or not isinstance(value, int)
        or isinstance(value, bool)
        or value < 1
    ):
        raise InputFault(
            Fault("--find", f"{key}: is no whole number above zero in this world", "write world.adoption.treated")
        )
    return value


def _possible(world: World, key: str) -> Callable[[int], bool]:
    """Return a function that says whether a value gives a world."""
    document = document_of(world)

    def possible(value: int) -> bool:
        if value > AT_MOST:
            return False
        try:
            draw_frame(world_from(document, {key.partition(".")[2]: value}), stream(0))
        except InputFault:
            return False
        return True

    return possible


def _largest(low: int, high: int, possible: Callable[[int], bool]) -> int:
    """Return the largest possible value."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return low


def _primary(summary: pd.DataFrame) -> pd.Series:
    first = summary[summary["estimator"] == summary["estimator"].iloc[0]]
    chosen: pd.Series = overall_rows(first).iloc[0]
    return chosen


def _sentence(
    key: str, value: int | None, ends: tuple[int | None, int | None], tried: Mapping[int, Tried], target: float
) -> str:
    if value is None:
        return _none_found(key, tried, target)
    between = f"{ends[0] or 1} {f'to {ends[1]}' if ends[1] else 'upwards'}"
    one = tried[value]
    return (
        f"{key}: {value} is the smallest found to have power {target:.0%} ({one.power:.1%}, Monte Carlo error "
        f"{one.power_mcse:.1%}) with a test that holds its level ({one.size:.1%} without an effect, Monte Carlo error "
        f"{one.size_mcse:.1%}). For all that so many draws can say it is {between}."
    )


def _fall(tried: Mapping[int, Tried]) -> str:
    """Say where power falls as the key rises by more than chance: a larger value is then no safer."""
    simulated = [(value, one) for value, one in sorted(tried.items()) if not one.reason]
    falls = [
        (low, high)
        for i, low in enumerate(simulated)
        for high in simulated[i + 1 :]
        if low[1].power - high[1].power > FALLEN * np.hypot(low[1].power_mcse, high[1].power_mcse)
    ]
    if not falls:
        return ""
    (low, one), (high, other) = max(falls, key=lambda pair: pair[0][1].power - pair[1][1].power)
    return f" Power does not only rise with it: {one.power:.1%} at {low} and {other.power:.1%} at {high}."


def _none_found(key: str, tried: Mapping[int, Tried], target: float) -> str:
    """Say what was tried without finding the power: others may have it."""
    refused = [
        f" At {value} it cannot be estimated: {one.reason}." for value, one in sorted(tried.items()) if one.reason
    ]
    simulated = {value: one for value, one in tried.items() if not one.reason}
    if not simulated:
        return f"{key} could not be searched.{''.join(refused)}"
    best = max(simulated, key=lambda value: (simulated[value].holds, simulated[value].power))
    there = simulated[best]
    how = "" if there.holds else f", with a test that finds an effect that is not there in {there.size:.0%}"
    values = ", ".join(map(str, sorted(simulated)))
    return (
        f"No value of {key} that was tried ({values}) has power {target:.0%} with a test that holds its level: the "
        f"best is {best} with {there.power:.1%} (Monte Carlo error {there.power_mcse:.1%}){how}.{''.join(refused)}"
    )
