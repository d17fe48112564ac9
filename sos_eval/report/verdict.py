"""The headline's numbers: which row it is, what the interval allows to be said, natural units, what could be seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import pandas as pd

from sos_eval.numerics.ratios import difference_of
from sos_eval.results.facts import OutcomeFacts, ProcedureFacts
from sos_eval.terms import Verdict

__all__ = [
    "ROOM", "RULE", "VERDICTS", "HeadlineEffect", "Natural", "beside", "effect_of", "natural_units", "verdict_of",
]  # fmt: skip

RULE = (
    "The verdict is a direction where the interval leaves out no difference and p, where there is one, agrees; where "
    "it holds no difference, it is no meaningful effect if the whole interval is inside the smallest change declared "
    "as worth having, by more than two Monte Carlo errors of its ends, and inconclusive if not. Where there is p and "
    "no interval, p alone says whether it is a direction. Without an estimate it is not identified."
)
#: A verdict in a few words.
VERDICTS = {
    "inconclusive": "Inconclusive", "decrease": "Lower than the comparison suggests",
    "increase": "Higher than the comparison suggests", "no_meaningful_effect": "No difference worth having",
    "not_identified": "Cannot be answered with these data",
}  # fmt: skip
#: So many Monte Carlo errors of an interval's end lie between it and a margin that it is said to keep.
ROOM = 2.0
_SAME = ("estimator", "outcome", "estimand", "aggregation", "scale")


@dataclass(frozen=True, slots=True)
class HeadlineEffect:
    """One row of `estimates.csv`, on its own scale and as differences.

    Attributes
    ----------
    estimate, low, high, p, std_error, level
        As in the row; NaN where empty. ``scale: ratio`` holds ratios, with ``std_error`` of the log.
    without
        The level of the treated had they not been treated, on the outcome's scale; NaN where not known.
    low_error, high_error
        Monte Carlo errors of the interval's ends, on the log scale where ``scale: ratio``; zero where nothing is drawn,
        NaN where there is none.
    """

    row: Mapping[str, Any]
    estimate: float
    low: float
    high: float
    p: float
    std_error: float
    level: float
    scale: str
    without: float
    low_error: float = 0.0
    high_error: float = 0.0

    @property
    def nothing(self) -> float:
        """The value that means no difference."""
        return 1.0 if self.scale == "ratio" else 0.0

    @property
    def observed(self) -> float:
        """The mean outcome of the treated after their start, which every value of the estimate leaves as it was."""
        if self.scale in ("ratio", "log"):
            return self.without * (1 + self.share(self.estimate))
        return self.without + self.estimate

    @property
    def beyond_chance(self) -> bool:
        """Whether p rejects no difference at the interval's level; not where there is none."""
        return self.p <= 1 - self.level + 1e-12

    def share(self, value: float) -> float:
        """Return a value of this scale as a share of the level without treatment that goes with it."""
        if self.scale == "ratio":
            return value - 1.0
        if self.scale == "log":
            return math.exp(value) - 1.0
        level = self.observed - value
        return value / level if level > 0 else math.nan

    def difference(self, value: float) -> float:
        """Return a value of this scale as a difference on the outcome's scale: observed, less what it leaves without.

        What was observed is known, the level without treatment is not: at a ratio r it is ``observed / r``.
        """
        if self.scale not in ("ratio", "log"):
            return value
        return float(difference_of(_log(value) if self.scale == "ratio" else value, self.observed))

    def furthest(self, end: str, sign: float) -> float:
        """Return the ``low`` or ``high`` end as a difference, moved by `ROOM` of its errors towards a sign."""
        return self.difference(self._moved(end, sign))

    def _moved(self, end: str, sign: float) -> float:
        value, error = float(getattr(self, end)), ROOM * sign * float(getattr(self, f"{end}_error"))
        return value * math.exp(error) if self.scale == "ratio" else value + error

    def within(self, end: str, measured: Callable[[float], float]) -> float:
        """Return `ROOM` Monte Carlo errors of an end in the unit that a function measures values in; zero undrawn."""
        if not getattr(self, f"{end}_error") > 0:
            return 0.0
        return abs(measured(self._moved(end, 1.0)) - measured(self._moved(end, -1.0))) / 2

    @property
    def z(self) -> float:
        """Normal quantile of the interval's level."""
        return NormalDist().inv_cdf(0.5 + self.level / 2)

    @property
    def error(self) -> float:
        """Standard error on the working scale: the larger of the row's own and what the interval's width implies."""
        low, high = (_log(end) if self.scale == "ratio" else end for end in (self.low, self.high))
        width = (high - low) / (2 * self.z)
        errors = [error for error in (self.std_error, width) if math.isfinite(error) and error > 0]
        return max(errors) if errors else math.nan


def _log(ratio: float) -> float:
    """Return the log of an end of an interval of ratios; zero is infinitely far."""
    return math.log(ratio) if ratio > 0 else -math.inf if ratio == 0 else math.nan


def effect_of(row: Mapping[str, Any], outcome: OutcomeFacts, procedure: ProcedureFacts | None = None) -> HeadlineEffect:
    """Read a row, with the level that treated units would have had without treatment.

    Parameters
    ----------
    row
        Of `estimates.csv`.
    outcome
        Its outcome; ``mean_treated`` is the level of treated units after their start.
    procedure
        What the inference wrote down: the Monte Carlo errors of the interval's ends.
    """
    value = {name: _float(row[name]) for name in ("estimate", "conf_low", "conf_high", "p_value", "std_error")}
    level, scale = _float(row["conf_level"]), str(row["scale"])
    after, estimate = outcome.mean_treated, value["estimate"]
    if outcome.transform == "log":
        after = math.nan
    without = (
        after / estimate if scale == "ratio" and estimate > 0 else after - estimate if scale != "log" else math.nan
    )
    return HeadlineEffect(
        row, estimate, value["conf_low"], value["conf_high"], value["p_value"], value["std_error"],
        level if math.isfinite(level) else 0.95, scale, without, *_end_errors(procedure),
    )  # fmt: skip


def _end_errors(procedure: ProcedureFacts | None) -> tuple[float, float]:
    """Return the Monte Carlo errors of an interval's ends; zero without draws, NaN where they could not be found."""
    details = procedure.details if procedure else {}
    return _float(details.get("low_error", 0.0)), _float(details.get("high_error", 0.0))


def _float(value: Any) -> float:
    return math.nan if value is None or value is pd.NA else float(value)


def beside(estimates: pd.DataFrame, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the same quantity under every other inference."""
    rows = estimates[estimates["inference"] != row["inference"]]
    for name in (*_SAME, "subgroup"):
        rows = rows[rows[name] == row[name]]
    return [{str(name): value for name, value in other.items()} for _, other in rows.iterrows()]


def verdict_of(effect: HeadlineEffect, meaningful: float | None = None) -> Verdict:
    """Apply `RULE`.

    Parameters
    ----------
    effect
        The headline.
    meaningful
        Smallest change that matters, on the outcome's scale, as declared before; None where nobody said.
    """
    if not math.isfinite(effect.estimate):
        return "not_identified"
    if math.isnan(effect.low) or math.isnan(effect.high):
        if not effect.beyond_chance:
            return "inconclusive"
        return "decrease" if effect.estimate < effect.nothing else "increase"
    agrees = not math.isfinite(effect.p) or effect.beyond_chance
    if agrees and effect.high < effect.nothing:
        return "decrease"
    if agrees and effect.low > effect.nothing:
        return "increase"
    if meaningful is not None and -meaningful < effect.furthest("low", -1) and effect.furthest("high", 1) < meaningful:
        return "no_meaningful_effect"
    return "inconclusive"


@dataclass(frozen=True, slots=True)
class Natural:
    """An effect as people a year in a unit of average size."""

    estimate: float
    low: float
    high: float
    exposure: float


def natural_units(effect: HeadlineEffect, outcome: OutcomeFacts) -> Natural | None:
    """Return the effect in people a year, or None where the outcome is no count of people.

    A difference per ``per`` times mean exposure over ``per``.
    """
    exposure = outcome.mean_exposure
    if not outcome.counted or not math.isfinite(exposure) or not math.isfinite(effect.estimate):
        return None
    size = exposure / outcome.per
    best, low, high = (effect.difference(value) * size for value in (effect.estimate, effect.low, effect.high))
    return Natural(best, low, high, exposure) if math.isfinite(best) else None
