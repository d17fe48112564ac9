"""What the design would have found before anything happened: one test over all placebo starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.common_lots import DrawnEffect
from sos_eval.checks.quantity import Quantity, caution, overall, refitted
from sos_eval.errors import InputFault
from sos_eval.numerics.lots import symmetric_ranks
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.comparison import Comparison
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["PlaceboTime"]

FEWEST_LOTS = 20


@register("placebo_time")
@dataclass(frozen=True)
class PlaceboTime(Check):
    """The whole design again with the start moved earlier, on periods before anyone's first start only.

    Every unit that is ever treated gets the same placebo start: the k-th last of the periods before the first start of
    anyone. Comparison group and estimator are applied as declared; no treated period is in the data. Several starts
    are one path seen several times, so they get one p: of the largest statistic over starts among those of random
    adoptions, drawn by the headline's own lots.
    """

    reference: ClassVar[str] = "Imbens and Rubin (2015), section 21.4; Westfall and Young (1993)"

    shift: tuple[Annotated[int, Ge(1)], ...] = (1, 2, 3)
    """How many periods before the first start the placebo start lies; one estimate each."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the conventional intervals."""
    draws: Annotated[int, Ge(19)] = 999
    """Random adoptions; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 199
    """Most draws where each builds its comparison group again."""
    min_p: Annotated[float, Ge(0), Lt(1)] | None = None
    """Declared limit: the check fails where the one p of all placebo starts is below it."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``placebo_time.<k>`` for every shift, then ``placebo_time.largest``."""
        shifts = tuple(dict.fromkeys(self.shift))
        each = [self._one(fitted, shift) for shift in shifts]
        done = [shift for shift, result in zip(shifts, each, strict=True) if np.isfinite(result.value)]
        found = self._largest(fitted, done, rng)
        ranges = any(np.isfinite(one.table["std_error"]).any() for one in each if np.isfinite(one.value))
        return [*each, self._silent(found, intervals=ranges) if isinstance(found, str) else found]

    def foreseen(self, comparison: Comparison) -> str:
        """Say so where no placebo start has a period before it."""
        early, least = len(comparison.panel.pre_times), min(self.shift)
        return _too_early(early, least) if early <= least else ""

    def unfit(self, fitted: Fitted) -> str:
        """Say so where no placebo start has periods enough on either side for the estimator."""
        early, sides = len(fitted.source.pre_times), _sides(fitted)
        fits = any(sides[1] <= shift <= early - sides[0] for shift in self.shift)
        return "" if fits else _too_near(early, *sides)

    def _one(self, fitted: Fitted, shift: int) -> CheckResult:
        name, before = f"placebo_time.{shift}", fitted.source.pre_times
        if len(before) <= shift:
            return CheckResult(name, "estimate", np.nan, f"Not done: {_too_early(len(before), shift)}.")
        if shift < _sides(fitted)[1]:
            why = _too_near(len(before), *_sides(fitted))
            return CheckResult(name, "estimate", np.nan, f"Not done: {why}.")
        start, panel = _moved(fitted.source, shift)
        found = refitted(fitted, panel, self.level)
        if not np.isfinite(found.estimate):
            return CheckResult(name, "estimate", np.nan, f"Not done: {found.reason}.", table=_row(panel, start, found))
        text = _words(panel.periods.name(start), found, fitted)
        return CheckResult(name, "estimate", found.estimate, text, table=_row(panel, start, found))

    def _largest(self, fitted: Fitted, shifts: list[int], rng: np.random.Generator) -> CheckResult | str:
        """Set the largest of all placebo starts among those of random adoptions; the reason where that is not done."""
        space = fitted.space(fitted.strata)
        if isinstance(space, str):
            return space
        if not shifts or space.size < FEWEST_LOTS:
            few = f"{space.size} possible adoptions are too few to compare with"
            return few if shifts else "no placebo start could be estimated"
        draws = self.draws if fitted.rebuild is None else min(self.draws, self.rebuilt_draws)
        lots = space.draw(draws, rng)
        drawn = lots.with_observed(fitted.source.first_treated)
        try:
            statistic = np.column_stack([_statistic(fitted, shift, drawn) for shift in shifts])
        except InputFault as fault:
            return fault.faults[0].what
        if not np.isfinite(statistic[0]).all():
            return "a placebo start cannot be estimated, or does not vary over random adoptions"
        return self._judged(fitted, shifts, np.abs(statistic), listed=lots.complete)

    def _judged(self, fitted: Fitted, shifts: list[int], size: Array, *, listed: bool) -> CheckResult:
        draws, limit = len(size) - (0 if listed else 1), np.nan if self.min_p is None else self.min_p
        p = float(symmetric_ranks(size.max(1))[0])
        starts, periods = [_moved(fitted.source, shift)[0] for shift in shifts], fitted.source.periods
        most = periods.name(starts[int(np.argmax(size[0]))])
        several = f"Of {len(shifts)} placebo starts that in {most} shows most"
        which = several if len(shifts) > 1 else f"The placebo start is in {most}"
        text = (
            f"{which}; one that shows as much or more comes up in {of_hundred(p)} draws of random adoptions "
            f"({f'all {draws:,} that are possible' if listed else f'{draws:,} were made'})."
        )
        table = pd.DataFrame({"placebo_start": periods.written(starts), "statistic": size[0]}).assign(
            p_value=p,
            p_mcse=0.0 if listed else np.sqrt(p * (1 - p) / draws),
            draws=draws,
            strata=" ".join(fitted.strata),
        )
        passed = None if self.min_p is None else p >= self.min_p
        return CheckResult("placebo_time.largest", "p_value", p, text, limit, passed, table)

    def _silent(self, reason: str, *, intervals: bool) -> CheckResult:
        limit = np.nan if self.min_p is None else self.min_p
        shown = " The intervals of the placebo starts are conventional, and no test." if intervals else ""
        return CheckResult("placebo_time.largest", "p_value", np.nan, f"Not done: {reason}.{shown}", limit)


def _too_early(early: int, shift: int) -> str:
    return f"{early} periods lie before the first start, a placebo {shift} earlier needs {shift + 1}"


def _sides(fitted: Fitted) -> tuple[int, int]:
    """Return how many periods the estimator needs before a start and from it on."""
    return max(fitted.estimator.needs.get("pre_periods", 1), 1), fitted.estimator.fewest_from_start


def _too_near(early: int, before: int, after: int) -> str:
    """Say which placebo starts leave periods enough on either side."""
    needed = f"the estimator needs {before} periods before a placebo start and {after} from it to the first start"
    if early < before + after:
        return f"{needed}; {early} lie before the first start"
    most = early - before
    return f"{needed}: write shift: [{after}{f', {most}' if most > after else ''}], or between"


def _moved(source: Panel, shift: int) -> tuple[float, Panel]:
    """Return a placebo start, and the earlier periods with everybody's start moved to it."""
    before = source.pre_times
    start, panel = float(before[-shift]), source.keep_times(before)
    starts = np.where(source.ever_treated, start, np.inf)
    moved = panel.with_first_treated(starts)
    if "dose" not in source.frame:
        return start, moved
    dosed = source.with_first_treated(starts).keep_times(before)  # doses come from later periods
    return start, moved.with_columns(dose=dosed.frame["dose"].to_numpy(float))


def _statistic(fitted: Fitted, shift: int, adoptions: Array) -> Array:
    """Estimate a placebo start under adoptions, (draws,): over its error, or over its spread where it has none."""
    start, panel = _moved(fitted.source, shift)
    batch = replace(fitted, source=panel).refit_assignments(np.where(np.isfinite(adoptions), start, np.inf))
    drawn = DrawnEffect.of(batch, overall(fitted.estimate).scale)
    if not np.isfinite(drawn.error).any():  # the observed is one of those that it is ranked among
        spread = np.nanstd(drawn.value, ddof=1)
        return np.asarray(drawn.value / spread) if spread > 0 else np.full(len(drawn.value), np.nan)
    return np.asarray(drawn.value / np.where(drawn.error > 0, drawn.error, np.nan))


def _row(panel: Panel, start: float, found: Quantity) -> pd.DataFrame:
    return pd.DataFrame([{"placebo_start": panel.periods.written([start])[0], **found.row}])


def _words(start: str, found: Quantity, fitted: Fitted) -> str:
    """Say what was found, and what its interval is worth."""
    said = f"With a placebo start in {start} the estimate is {found.words(fitted.panel)}"
    if not np.isfinite(found.std_error):
        return f"{said}; no interval exists for it."
    return f"{said}, a conventional interval{caution(fitted)}."
