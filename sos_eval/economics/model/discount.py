"""Discounting by a dated schedule that may decline with time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import numeral

__all__ = ["Schedule", "factors", "flat", "named_schedule", "population_total", "rate_words", "schedule_names"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A discount rate by year.

    Attributes
    ----------
    name, called, vintage, source
        Where it comes from, and of when; `called` for readers.
    until
        Last year of each step; the last step has no end (infinity).
    rates
        Rate of each step, a year.
    """

    name: str
    called: str
    vintage: str
    source: str
    until: tuple[float, ...]
    rates: tuple[float, ...]


@cache
def _files() -> dict[str, Schedule]:
    """Read the schedules that come with the package."""
    text = files("sos_eval.economics").joinpath("data/discount_schedules.json").read_text(encoding="utf-8")
    found = {}
    for name, entry in json.loads(text).items():
        until = tuple(np.inf if step["until"] is None else float(step["until"]) for step in entry["steps"])
        rates = tuple(float(step["rate"]) for step in entry["steps"])
        found[name] = Schedule(name, entry["called"], entry["vintage"], entry["source"], until, rates)
    return found


def rate_words(rate: str | float) -> str:
    """Return a declared rate in words.

    Examples
    --------
    >>> rate_words("green_book_2003"), rate_words(0.015)
    ('3.5% a year at first (Green Book of 2003)', '1.5% a year')
    """
    if not isinstance(rate, str):
        return f"{numeral(100 * rate)}% a year"
    schedule = named_schedule(rate)
    falling = " at first" if len(schedule.rates) > 1 else ""
    return f"{numeral(100 * schedule.rates[0])}% a year{falling} ({schedule.called})"


def schedule_names() -> list[str]:
    """List the schedules that come with the package."""
    return sorted(_files())


def named_schedule(name: str) -> Schedule:
    """Return a schedule that comes with the package."""
    return _files()[name]


def flat(rate: float) -> Schedule:
    """Return a schedule with one rate."""
    name = f"{rate:.2%} a year"
    return Schedule(name, name, "declared", "declared in the file", (np.inf,), (rate,))


def factors(schedule: Schedule, years: int) -> Array:
    """Return discount factors of years 0 to ``years - 1``.

    Year 0 is now and is not discounted; year t is discounted by the product of the rates of years 1 to t, so the
    factor falls without a jump where the rate steps down (HM Treasury, Green Book, table of the declining rate).
    """
    t = np.arange(1, years)
    step = np.searchsorted(np.array(schedule.until), t)
    return np.concatenate([[1.0], np.cumprod(1 / (1 + np.array(schedule.rates)[step]))])[:years]


def population_total(per_year: float | Sequence[float], years: int, schedule: Schedule) -> float:
    """Add up the decisions of a horizon, later ones discounted: the multiplier of EVPI, EVPPI and EVSI."""
    return float((np.broadcast_to(np.asarray(per_year, float), (years,)) * factors(schedule, years)).sum())
