"""How far paths may have diverged before an answer is lost (Rambachan and Roth 2023)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.event_path import FEW, EventPath, PathDraws, PathSpread, path_spread, pathless
from sos_eval.checks.quantity import unit_of
from sos_eval.errors import numeral
from sos_eval.numerics.hybrid import TooManyRays
from sos_eval.numerics.path_sets import Interval, PathSets
from sos_eval.numerics.restrictions import Bound, Monotone, Sign
from sos_eval.panel.panel import Array
from sos_eval.results.check import Check, CheckResult, at_most
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["HonestDiD"]

#: Values of M where none are declared: as such, or as multiples of the error of the last period before the base.
_MAGNITUDES, _BENDS = (0.5, 1.0, 1.5, 2.0), (0.25, 0.5, 0.75, 1.0)
#: Values of the effect that are tested, and how many errors they reach, unless declared.
GRID_POINTS, GRID_REACH = 4_000, 40.0
#: Steps of the grid that are more than this share of the interval at M = 0 are said.
COARSE = 0.02
#: Why it is not the interval beside the answer.
OTHER_INTERVAL = " The answer's own interval is another: of its own average and its own base, by its own test."
#: Draws behind the critical value of the first stage.
FIRST_STAGE_DRAWS = 10_000


@register("honest_did")
@dataclass(frozen=True)
class HonestDiD(Check):
    """Intervals that hold where paths diverge by so much, and the divergence at which the answer is lost.

    Needs effects by event time that are all compared with one period; an estimator with a single coefficient has them
    from the same model on each period with the last one before the start. With fewer than 40 treated clusters their
    covariance is that of random adoptions, the effect taken out; else the clustered one.
    """

    reference: ClassVar[str] = "Rambachan and Roth (2023); Andrews, Roth and Pakes (2023)"

    restriction: Bound = "relative_magnitudes"
    """A step of the divergence after the start is at most M times the largest before (relative_magnitudes); a change of
    step is so (relative_trend); a change of step is at most M (smoothness)."""
    values: tuple[Annotated[float, Ge(0)], ...] | None = None
    """Values of M beside 0. Unless given 0.5, 1, 1.5, 2; of smoothness quarters of the last earlier period's error."""
    sign: Sign | None = None
    """Sign of the divergence after the start, where one is sure of it."""
    monotone: Monotone | None = None
    """Direction of the divergence throughout, where one is sure of it."""
    target: float | Literal["average"] = "average"
    """Effect that is asked for: average of the event times from the start on, or one event time."""
    level: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    """Coverage."""
    grid_points: Annotated[int, Ge(100)] = GRID_POINTS
    """Values of the effect that are tested, where the interval is made of tests."""
    grid_reach: Annotated[float, Gt(0)] = GRID_REACH
    """How many standard errors they reach to either side of the estimate."""
    draws: Annotated[int, Ge(99)] = 999
    """Random adoptions behind the covariance, within the strata of the headline's test."""
    rebuilt_draws: Annotated[int, Ge(99)] = 499
    """Most draws where each builds its comparison group again."""
    min_breakdown: Annotated[float, Ge(0)] | None = None
    """Declared limit: the check fails where the breakdown value is below it, or does not exist."""

    def __post_init__(self) -> None:
        gridded = self.restriction != "smoothness" or self.sign is not None or self.monotone is not None
        given = [name for name, usual in (("grid_points", GRID_POINTS), ("grid_reach", GRID_REACH))
                 if getattr(self, name) != usual]  # fmt: skip
        if (self.sign, self.monotone) in (("positive", "decreasing"), ("negative", "increasing")):
            what = f"sign: {self.sign} and monotone: {self.monotone} leave no divergence at all after the base"
            raise ValueError(f"{what}, where it is zero; write one of them")
        if given and not gridded:
            what = f"{given[0]}: smoothness alone has the shortest interval of fixed length, without a grid"
            raise ValueError(f"{what}; leave it out")

    def unfit(self, fitted: Fitted) -> str:
        """Say why there is no path by event time."""
        return pathless(fitted)

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``honest_did.<restriction>``, the breakdown value, and ``.size``, how often M = 0 rejects a null."""
        spread = path_spread(fitted, self.draws, self.rebuilt_draws, rng)
        if isinstance(spread, str):
            return self._not_done(spread)
        sets = self._sets(spread.path, spread.covariance, rng)
        if isinstance(sets, str):
            return self._not_done(sets)
        try:
            rows = [(m, sets.interval(m)) for m in self._values(sets)]
            value = sets.breakdown(_unit(sets))
        except TooManyRays as many:
            return self._not_done(str(many))
        told = Told(spread, sets, rows, value, sets.holds_zero(0.0))
        return [self._breakdown(told), self._size(told)]

    def _sets(self, path: EventPath, covariance: Array, rng: np.random.Generator) -> PathSets | str:
        """Lay out the sets; the reason where they cannot be made."""
        after = path.timeline.after
        wanted = after >= 0 if self.target == "average" else after == self.target
        if not (wanted & (after >= 0)).any():
            there = ", ".join(f"{one:g}" for one in after[after >= 0])
            what = f"target: {self.target:g} is no event time from the start on that has an effect"
            return f"{what}; write average or one of {there}"
        weights = wanted / wanted.sum()
        normal = rng.standard_normal((FIRST_STAGE_DRAWS, len(covariance)))
        sets = PathSets(
            path.values, covariance, path.timeline, weights, self.restriction, self.sign, self.monotone,
            round(1 - self.level, 12), np.empty(0), normal,
        )  # fmt: skip
        centre, reach = float(path.values[-len(weights) :] @ weights), self.grid_reach * sets.error
        return sets.why_not or replace(sets, grid=np.linspace(centre - reach, centre + reach, self.grid_points))

    def _values(self, sets: PathSets) -> list[float]:
        """Return the values of M, 0 first."""
        if self.values is not None:
            return sorted({0.0, *self.values})
        return [0.0, *(_unit(sets) * np.array(_BENDS if sets.bound == "smoothness" else _MAGNITUDES)).tolist()]

    def _breakdown(self, told: Told) -> CheckResult:
        limit = np.nan if self.min_breakdown is None else self.min_breakdown
        known = self.min_breakdown is not None and not told.unknown
        passed = bool(told.breakdown >= limit) if known else None
        value = told.breakdown if np.isfinite(told.breakdown) else np.nan
        name, text = f"honest_did.{self.restriction}", told.sentence(self.level)
        return CheckResult(name, "breakdown", value, text, limit, passed, told.table)

    def _size(self, told: Told) -> CheckResult:
        name = f"honest_did.{self.restriction}.size"
        if told.drawn is None:
            text = f"Not measured: from {FEW} treated clusters on the covariance is the clustered one."
            return CheckResult(name, "rejections", np.nan, text)
        share = float(told.sets.rejects_zero(0.0, told.drawn.estimates).mean())
        text = (
            f"Of {len(told.drawn.estimates):,} random adoptions, the effect taken out, the set at M = 0 leaves zero "
            f"out in {numeral(100 * share, 2)}% ({numeral(100 * told.sets.alpha, 2)}% are meant)."
        )
        return CheckResult(name, "rejections", share, text)

    def _not_done(self, why: str) -> list[CheckResult]:
        limit = np.nan if self.min_breakdown is None else self.min_breakdown
        first = CheckResult(f"honest_did.{self.restriction}", "breakdown", np.nan, f"Not done: {why}.", limit)
        return [first, CheckResult(f"honest_did.{self.restriction}.size", "rejections", np.nan, f"Not done: {why}.")]


def _unit(sets: PathSets) -> float:
    """Return the step by which M is told: 1, or the error of the last period before the base."""
    return (
        1.0 if sets.bound != "smoothness" else float(np.sqrt(sets.covariance.diagonal()[len(sets.timeline.before) - 1]))
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What was found, and how it is told.

    Attributes
    ----------
    rows
        Values of M with their sets, 0 first.
    breakdown
        Smallest M not known to leave zero out; NaN where 0 is not, infinite where all are.
    holds_zero
        Whether zero is certainly in the set at M = 0.
    """

    spread: PathSpread
    sets: PathSets
    rows: list[tuple[float, Interval]]
    breakdown: float
    holds_zero: bool

    @property
    def unknown(self) -> str:
        """Why it is not known whether the set at M = 0 holds zero; empty where it is."""
        whole = self.rows[0][1]
        return "" if self.holds_zero or whole.excludes_zero else f"at M = 0 {whole.reason}"

    @property
    def path(self) -> EventPath:
        """The path that was looked at."""
        return self.spread.path

    @property
    def drawn(self) -> PathDraws | None:
        """The random adoptions behind the covariance; None where it is the clustered one."""
        return self.spread.drawn

    @property
    def table(self) -> pd.DataFrame:
        """M and the ends of its set, on the scale of the estimates' table, and how they came about."""
        gridded = not self.sets.is_fixed_length
        grid = self._shown(self.sets.grid[[0, -1]]) if gridded else np.full(2, np.nan)
        ends = self._shown(np.array([[one.low, one.high] for _, one in self.rows]))
        return pd.DataFrame({
            "M": [m for m, _ in self.rows], "low": ends[:, 0], "high": ends[:, 1],
            "reason": [one.reason for _, one in self.rows],
        }).assign(
            scale=self.path.scale, method="hybrid" if gridded else "fixed_length",
            covariance=self.spread.origin, target=self._target, sign=self.sets.sign or "",
            monotone=self.sets.monotone or "",
            grid_low=grid[0], grid_high=grid[1], grid_points=len(self.sets.grid) if gridded else 0,
            n_before=len(self.path.timeline.before), n_after=len(self.path.timeline.after), source=self.path.source,
        )  # fmt: skip

    def _shown(self, values: Array) -> Array:
        """Return values on the scale of the estimates' table."""
        return np.exp(values) if self.path.ratio else values

    @property
    def _target(self) -> str:
        after = self.path.timeline.after[self.sets.weights > 0]
        return f"event time {after[0]:g}" if (self.sets.weights > 0).sum() < len(self.sets.weights) else "average"

    def sentence(self, level: float) -> str:
        """Say how much divergence the answer bears, how coarsely, and what was taken as sure of its direction."""
        if self.unknown:
            return f"Not done: {self.unknown}."
        sure = [
            f"is {self.sets.sign} after the start" if self.sets.sign else "",
            f"is {self.sets.monotone} throughout" if self.sets.monotone else "",
        ]
        said = " and ".join(filter(None, sure))
        taken = f" This takes as sure that a divergence {said}." if said else ""
        return f"{self._answer(level)}{OTHER_INTERVAL}{self._coarse}{self._maybe_more}{taken}"

    @property
    def _coarse(self) -> str:
        """Say by what steps ends are told, where these are coarse."""
        whole = self.rows[0][1]
        if self.sets.is_fixed_length:
            return ""
        step = float(np.diff(self.sets.grid[:2])[0])
        if not step > COARSE * (whole.high - whole.low):
            return ""
        logs = " in logs" if self.path.ratio else ""
        return f" Its ends are told to the next of {len(self.sets.grid):,} grid points, {numeral(step, 2)} apart{logs}."

    @property
    def _maybe_more(self) -> str:
        """Say so where the breakdown value is no more than what the grid can show."""
        if not np.isfinite(self.breakdown) or self.sets.holds_zero(self.breakdown):
            return ""
        return f" It may be more: at larger M {self.sets.interval(self.breakdown).reason}."

    def _answer(self, level: float) -> str:
        whole = self.rows[0][1]
        if np.isnan(self.breakdown):
            return f"No effect is established even if {self._even} ({self._held(level)} is {self._range(whole)})."
        if np.isinf(self.breakdown):
            return f"Zero is left out however large M is ({self._range(whole)} at M = 0)."
        bears = f"Zero is left out up to M = {at_most(self.breakdown)}: as long as {self._bounded}"
        return f"{bears}. If {self._even}, {self._held(level)} is {self._range(whole)}."

    def _held(self, level: float) -> str:
        """Name the interval: of which effect, against which period."""
        after = self.path.timeline.after[self.sets.weights > 0]
        times = f"the plain average of {len(after)} event times" if len(after) > 1 else f"event time {after[0]:g}"
        base = self.path.timeline.base
        last = ", the last period before the start," if base == -1 else ""
        return f"the {100 * level:g}% interval of {times} against event time {base:g}{last}"

    @property
    def _even(self) -> str:
        return {
            "relative_magnitudes": "the paths were exactly parallel from the start on",
            "relative_trend": "a divergence before the start went on exactly as a straight line",
            "smoothness": "a divergence went on exactly as a straight line",
        }[self.sets.bound]

    @property
    def _bounded(self) -> str:
        return {
            "relative_magnitudes": "no step of a divergence after the start exceeds so many times the largest before",
            "relative_trend": "no change of step after the start exceeds so many times the largest before",
            "smoothness": "a divergence changes its step from one period to the next by no more than that",
        }[self.sets.bound]

    def _range(self, interval: Interval) -> str:
        if interval.reason:
            return f"not known: {interval.reason}"
        low, high = self._shown(np.array([interval.low, interval.high]))
        unit = ", a ratio" if self.path.ratio else unit_of(self.path.fitted.panel)
        return f"{numeral(low)} to {numeral(high)}{unit}"
