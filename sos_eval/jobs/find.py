"""Search the smallest whole number of a world key at which a design has the power that is aimed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sos_eval.errors import Fault, InputFault, NotIdentified
from sos_eval.jobs.power import power
from sos_eval.results.table import overall_rows
from sos_eval.worlds.world import World, document_of, world_from

__all__ = ["Found", "find_smallest"]

AT_MOST = 1_000_000


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes
    ----------
    value
        The smallest value with the power; None where none has it.
    table
        Every value that was tried: value, power, power_mcse.
    sentence
        In plain English.
    """

    key: str
    value: int | None
    table: pd.DataFrame
    sentence: str

    @property
    def facts(self) -> dict[str, Any]:
        """Plain values."""
        return {"key": self.key, "value": self.value, "tried": self.table.to_dict("records"), "sentence": self.sentence}


def find_smallest(
    design: Any,
    world: World,
    key: str,
    *,
    target: float = 0.8,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    **plan: Any,
) -> Found:
    """Double a key from its declared value until the power is there, then halve the gap.

    Power is taken to rise with the key; the draws of neighbouring values share their random numbers, and the
    table shows the Monte Carlo error of each.

    Parameters
    ----------
    key
        ``world.KEY`` of a whole number, e.g. ``world.adoption.treated``.
    """
    if sweep:
        raise InputFault(Fault("--find", "a search and a sweep do not go together", "leave out --sweep"))
    start = _declared(world, key)
    tried: dict[int, tuple[float, float]] = {}

    def has_power(value: int) -> bool:
        if value not in tried:
            tried[value] = _power_at(design, world, {key: [value]}, target=target, **plan)
        return tried[value][0] >= target

    low, high = _bracket(start, has_power, _possible(world, key))
    while high is not None and high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if has_power(middle) else (middle, high)
    table = pd.DataFrame([(value, *tried[value]) for value in sorted(tried)], columns=[key, "power", "power_mcse"])
    return Found(key, high, table, _sentence(key, high, tried, target))


def _power_at(design: Any, world: World, sweep: dict[str, list[Any]], **plan: Any) -> tuple[float, float]:
    """Return power and its error; what cannot be estimated at all finds nothing."""
    try:
        row = _primary(power(design, world, sweep=sweep, **plan).summary)
    except NotIdentified:
        return 0.0, 0.0
    return float(row["power"]), float(row["power_mcse"])


def _declared(world: World, key: str) -> int:
    """Return a key's declared value."""
    value: Any = document_of(world).data
    for part in key.split(".")[1:]:
        value = value.get(part) if isinstance(value, dict) else None
    if not key.startswith("world.") or not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputFault(
            Fault("--find", f"{key}: is no whole number above zero in this world", "write world.adoption.treated")
        )
    return value


def _possible(world: World, key: str) -> Any:
    """Return a function that says whether a value gives a world."""
    document = document_of(world)

    def possible(value: int) -> bool:
        try:
            world_from(document, {key.partition(".")[2]: value})
        except InputFault:
            return False
        return value <= AT_MOST

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


def _sentence(key: str, value: int | None, tried: Mapping[int, tuple[float, float]], target: float) -> str:
    if value is None:
        best = max(tried.values())[0]
        return f"No possible {key} has power {target:.0%}: the best that was tried has {best:.0%}."
    reached, error = tried[value]
    found = f"{key}: {value} is the smallest that was found to have power {target:.0%}"
    return f"{found} ({reached:.1%}, Monte Carlo error {error:.1%})."
