"""Search the smallest whole number of a world key at which a design has the power that is aimed at.

With a test that holds its level: one that finds effects that are not there finds true ones too, and the fewest adopters
have the most of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
#: A test holds its level where it rejects no more than this many times as often without an effect, and where chance
#: explains what is more: two Monte Carlo errors.
HELD, CHANCE = 1.3, 2.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What a value gives: how often the primary estimate is significant with the effect and without any."""

    power: float
    power_mcse: float
    size: float
    size_mcse: float
    level: float

    @property
    def holds(self) -> bool:
        """Whether the test holds its level."""
        return self.size - CHANCE * self.size_mcse <= HELD * (1 - self.level)


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
        Every value that was tried: value, power, power_mcse, size, size_mcse, holds.
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

    Power is taken to rise with the key, and a test that does not hold its level to hold it sooner or later; the draws
    of neighbouring values share their random numbers, and the table shows the Monte Carlo error of each.

    Parameters
    ----------
    key
        ``world.KEY`` of a whole number, e.g. ``world.adoption.treated``.
    """
    if sweep:
        raise InputFault(Fault("--find", "a search and a sweep do not go together", "leave out --sweep"))
    start, nothing, possible = _declared(world, key), _without_effects(world), _possible(world, key)
    tried: dict[int, Tried] = {}

    def has_power(value: int) -> bool:
        if not possible(value):
            return False
        if value not in tried:
            both = [_share_at(design, one, {key: [value]}, target=target, **plan) for one in (world, nothing)]
            tried[value] = Tried(*both[0][:2], *both[1])
        return tried[value].power >= target and tried[value].holds

    low, high = _bracket(start, has_power, possible)
    while high is not None and high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if has_power(middle) else (middle, high)
    rows = [{key: value, **asdict(one), "holds": one.holds} for value, one in sorted(tried.items())]
    table = pd.DataFrame(rows).drop(columns="level")
    ends = _ends(tried, target)
    return SmallestValue(key, high, *ends, table, _sentence(key, high, ends, tried, target))


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
    """Return the share of significant draws, its error, and the level; what cannot be estimated finds nothing."""
    try:
        row = _primary(power(design, world, sweep=sweep, **plan).summary)
    except NotIdentified:
        return 0.0, 0.0, np.nan
    return float(row["power"]), float(row["power_mcse"]), float(row["level"])


def _ends(tried: Mapping[int, Tried], target: float) -> tuple[int | None, int | None]:
    """Return the values between which the smallest one lies, two Monte Carlo errors to either side."""
    short = [value for value, one in tried.items() if one.power + CHANCE * one.power_mcse < target or not one.holds]
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


def _possible(world: World, key: str) -> Any:
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


def _bracket(start: int, has_power: Any, possible: Any) -> tuple[int, int | None]:
    """Return a value without the power and the next tried one with it (None: none has it)."""
    low, high = 0, start
    while not has_power(high):
        low, high = high, 2 * high
        if not possible(high):
            high = _largest(low, high, possible)
            return (low, high if high > low and has_power(high) else None)
    return low, high


def _largest(low: int, high: int, possible: Any) -> int:
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
        best = max(tried.values(), key=lambda one: (one.holds, one.power))
        how = "" if best.holds else f", with a test that finds an effect that is not there in {best.size:.0%}"
        return (
            f"No possible {key} has power {target:.0%} with a test that holds its level: the best that was tried has "
            f"{best.power:.0%}{how}."
        )
    between = f"{ends[0] or 1} {f'to {ends[1]}' if ends[1] else 'upwards'}"
    one = tried[value]
    return (
        f"{key}: {value} is the smallest found to have power {target:.0%} ({one.power:.1%}, Monte Carlo error "
        f"{one.power_mcse:.1%}) with a test that holds its level ({one.size:.1%} without an effect, Monte Carlo error "
        f"{one.size_mcse:.1%}). For all that so many draws can say it is {between}."
    )
