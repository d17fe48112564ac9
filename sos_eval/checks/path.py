"""The path before the start, tested by the headline's own lots: a slope, the largest single period, both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from sos_eval.checks.last_period import UNLIKELY, last_period
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.checks.path_onward import Onward
from sos_eval.checks.quantity import a_period, unit_of
from sos_eval.errors import numeral
from sos_eval.numerics.detectable import Lots
from sos_eval.numerics.inversion import Rejection, Terms, limits
from sos_eval.numerics.lots import ContrastLots, symmetric_ranks
from sos_eval.panel.own_names import Stratum
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import AssignmentSpace, strata_columns
from sos_eval.results.check import EACH, Check, CheckResult, of_hundred
from sos_eval.results.comparison import Comparison
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register
from sos_eval.results.placed import PlacedEffect

__all__ = ["Path", "early_periods", "path_p_values", "why_no_path"]

FEWEST_PERIODS, FEWEST_LOTS = 3, 20
#: Draws of the test on each adoption in which a slope is put in place.
PLACED_DRAWS = 499
#: Adoptions by which the answer from the last earlier period alone is judged.
LAST_DRAWS = 999
ALONE = (
    "the earlier path has no error: one treated unit, a stratum without comparison, or outcomes that are missing or do "
    "not vary in the earlier periods"
)
REBUILT = "the comparison group is built again in every draw"
UNFOUND = "no slope is found so often with this level and number of draws"
_MISSED = {0.8: "one time in five", 0.9: "one time in ten", 0.5: "one time in two"}


@register("path")
@dataclass(frozen=True)
class Path(Check):
    """Slope and largest period before the start among those of random adoptions, and what would have been missed.

    Every earlier period is set against the mean of the other earlier ones, and the slope weighs periods by least
    squares. The null is that the adopters' earlier paths are those of a random draw from their stratum, which is not
    the same as parallel trends.
    """

    reference: ClassVar[str] = "Fisher (1935); Roth (2022); docs/methods.md"

    strata: tuple[Stratum, ...] | None = None
    """Starts are swapped within these; unless given, within those of the headline's own test."""
    draws: Annotated[int, Ge(19)] = 4_999
    """Random adoptions; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 499
    """Most draws where each builds its comparison group again."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the slope's interval, and one minus the size of the test behind the detectable slope."""
    power: Annotated[float, Gt(0), Lt(1)] = 0.8
    """Probability with which the detectable slope would have been found."""
    min_p: Annotated[float, Ge(0), Lt(1)] | None = None
    """Declared limit: the joint test fails where p is below it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that its own strata are made of."""
        return strata_columns(self.strata or ())

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``path.slope``, ``.largest``, ``.joint``, ``.detectable_slope``, ``.implied_bias`` and two biases.

        ``path.as_answered`` is the joint p with units counted as a ratio of pooled rates counts them.
        ``path.gone_on`` and ``path.returned`` are what the estimator makes of the path before the start (`Onward`);
        ``path.last`` is the estimate from the last earlier period alone, ``path.last_shift`` the p of that shift;
        ``path.read``, where cohorts that start later have periods that the path does not read, how many it reads.
        """
        strata = fitted.strata if self.strata is None else self.strata
        space = fitted.space(strata)
        early = early_periods(fitted)
        why = why_no_path(fitted, space, early)
        if why or isinstance(space, str):
            return [self._not_done("joint", why)]
        draws = self.draws if fitted.rebuild is None else min(self.draws, self.rebuilt_draws)
        lottery = PathLottery.of(fitted, space.draw(draws, rng), space, tuple(strata), early)
        return [*self._results(lottery, rng), *last_period(fitted, early, min(draws, LAST_DRAWS), rng)]

    def foreseen(self, comparison: Comparison) -> str:
        """Say why there is no path to test; of rows of people the estimator decides."""
        panel = comparison.panel
        return _without_path(panel, comparison, panel.pre_times) if panel.layout == "panel" else comparison.made_alike

    def unfit(self, fitted: Fitted) -> str:
        """Say why there is no test of the path."""
        strata = fitted.strata if self.strata is None else self.strata
        return why_no_path(fitted, fitted.space(strata), early_periods(fitted))

    def _results(self, lottery: PathLottery, rng: np.random.Generator) -> list[CheckResult]:
        drawn = lottery.observed_lots()
        if not np.isfinite(drawn.statistic[0]).all():
            return [self._not_done("joint", ALONE)]
        p = path_p_values(drawn)
        low, high = self._interval(lottery, drawn)
        seen = self._detectable(lottery, drawn, rng)
        onward = Onward.of(lottery)
        table = lottery.table(drawn, p, (low, high), seen, seen[0] * onward.apart)
        return [
            self._slope(drawn, p[0], (low, high), table, lottery), self._largest(lottery, drawn, p[1]),
            self._joint(p[2], lottery), *self._as_answered(lottery, rng.spawn(1)[0]),
            self._blind(seen, lottery), self._bias(seen, onward, lottery), *self._onward(onward, lottery),
            *_read(lottery),
        ]  # fmt: skip

    def _interval(self, lottery: PathLottery, drawn: ContrastLots) -> tuple[float, float]:
        """Return the slopes that the test does not reject: the statistic of each draw solved in the slope taken out."""
        step = float(np.nanstd(drawn.value[:, -1]))
        if not step > 0 or not np.isfinite(drawn.error[0, -1]):
            return np.nan, np.nan
        above, below = (lottery.observed_lots(-sign * step) for sign in (1.0, -1.0))
        a, b = drawn.value[:, -1], (below.value[:, -1] - above.value[:, -1]) / (2 * step)
        v0, plus, minus = (one.error[:, -1] ** 2 for one in (drawn, above, below))
        v1, v2 = (minus - plus) / (4 * step), (plus + minus - 2 * v0) / (2 * step**2)
        usable = np.isfinite(a[1:]) & np.isfinite(v0[1:])
        own = (float(a[0]), float(b[0]), float(v0[0]), float(v1[0]), float(v2[0]))
        terms = Terms(a[1:][usable], b[1:][usable], v0[1:][usable], v1[1:][usable], v2[1:][usable], own)
        test = Rejection.at(self.level, len(usable), complete=False, always_extreme=int((~usable).sum()))
        return limits(terms, test, centre=float(a[0]), unit=float(np.sqrt(v0[0])))

    def _detectable(self, lottery: PathLottery, drawn: ContrastLots, rng: np.random.Generator) -> tuple[float, float]:
        """Return the slope that the test finds with the power aimed at, either way, and its Monte Carlo error."""
        if lottery.fitted.rebuild is not None:
            return np.nan, np.nan
        observed = float(drawn.value[0, -1])
        bare, seen = lottery.observed_lots(-observed), lottery.complete
        swaps = lottery.space.draw(PLACED_DRAWS, rng)

        def estimated(starts: Array, place: Array, slope: float) -> Lots:
            return _slopes(lottery.lots(starts[:, seen], -observed, (place[seen], slope)))

        placed = PlacedEffect(lottery.space, estimated, lambda k: swaps, PLACED_DRAWS, self.draws)
        both = placed.found(_slopes(bare, lottery), rng, alpha=round(1 - self.level, 12), power=self.power)
        worst = max(both, key=lambda one: one.size)
        return worst.size, worst.error

    def _slope(
        self, drawn: ContrastLots, p: float, ends: tuple[float, float], table: pd.DataFrame, lottery: PathLottery
    ) -> CheckResult:
        value, panel = float(drawn.value[0, -1]), lottery.panel
        moved = f"{'up' if value >= 0 else 'down'} by {numeral(abs(value))}{unit_of(panel)} {a_period(panel)}"
        text = (
            f"Before the start the treated moved {moved} against units drawn alike (difference {numeral(value)}, "
            f"{100 * self.level:g}% interval {_ends(ends)}); such a slope or a steeper one comes up in "
            f"{of_hundred(p)} draws."
        )
        return CheckResult("path.slope", "slope", value, text, table=table)

    def _largest(self, lottery: PathLottery, drawn: ContrastLots, p: float) -> CheckResult:
        k = int(np.argmax(np.abs(drawn.statistic[0, :-1])))
        value = float(drawn.value[0, k])
        text = (
            f"Of the earlier periods {lottery.names[k]} lies furthest from the mean of the others, by "
            f"{numeral(value)}{unit_of(lottery.panel)}; one that far out comes up in {of_hundred(p)} draws."
        )
        return CheckResult("path.largest", "contrast", value, text)

    def _joint(self, p: float, lottery: PathLottery) -> CheckResult:
        complete = lottery.complete
        seen = f" It rests on the {complete.sum():,} of {len(complete):,} units seen in every one of these periods."
        made = f"all {lottery.draws:,} that are possible" if lottery.listed else f"{lottery.draws:,} were made"
        text = (
            f"Taking slope and largest period together, a path as unlike that of units drawn alike comes up in "
            f"{of_hundred(p)} draws ({made}). {_speaks(p)}"
            f"{'' if complete.all() else seen}{_without_group(lottery)}"
        )
        limit = np.nan if self.min_p is None else self.min_p
        return CheckResult("path.joint", "p_value", p, text, limit, None if self.min_p is None else p >= self.min_p)

    def _blind(self, seen: tuple[float, float], lottery: PathLottery) -> CheckResult:
        if not np.isfinite(seen[0]):
            return self._not_done("detectable_slope", self._why_unseen(lottery))
        size = f"{numeral(seen[0])}{unit_of(lottery.panel)} {a_period(lottery.panel)}"
        text = f"This check would miss a steady divergence of {size} {self._missed}."
        return CheckResult("path.detectable_slope", "slope", seen[0], text)

    def _bias(self, seen: tuple[float, float], onward: Onward, lottery: PathLottery) -> CheckResult:
        if why := onward.why or onward.why_not_apart or ("" if np.isfinite(seen[0]) else self._why_unseen(lottery)):
            return self._not_done("implied_bias", why)
        bias = seen[0] * onward.apart
        unit = unit_of(lottery.fitted.panel)
        text = (
            f"A divergence that this check would miss {self._missed} would shift the answer by {numeral(bias)}{unit}."
        )
        return CheckResult("path.implied_bias", "bias", bias, text)

    def _as_answered(self, lottery: PathLottery, rng: np.random.Generator) -> list[CheckResult]:
        """Test and measure the path with units counted as the estimate counts them; nothing where they are already."""
        answered = lottery.as_answered()
        if answered is None:
            return []
        drawn = answered.observed_lots()
        if not np.isfinite(drawn.statistic[0]).all():
            return [CheckResult("path.as_answered", "p_value", np.nan, f"Not done: {ALONE}.")]
        p = path_p_values(drawn)
        text = (
            f"In shares of each unit's own level, with units counted as the answer counts them (by their counts before "
            f"the start), a path as unlike that of units drawn alike comes up in {of_hundred(p[2])} draws."
        )
        seen = self._detectable(answered, drawn, rng)
        table = answered.table(drawn, p, self._interval(answered, drawn), seen, seen[0] * answered.apart)
        on = float(drawn.value[0, -1]) * answered.apart
        missed = f"would miss {self._missed} would shift the answer"
        return [
            CheckResult("path.as_answered", "p_value", p[2], text, table=table),
            CheckResult(
                "path.gone_on_as_answered", "log_ratio", on,
                f"If that path had gone on, it alone would make the answer {_by_share(on)}.",
            ),
            CheckResult(
                "path.implied_bias_as_answered", "log_ratio", abs(seen[0]) * abs(answered.apart),
                f"A divergence that this check {missed} by a factor of "
                f"{numeral(np.exp(abs(seen[0] * answered.apart)))}.",
            )
            if np.isfinite(seen[0])
            else self._not_done("implied_bias_as_answered", self._why_unseen(lottery)),
        ]  # fmt: skip

    def _onward(self, onward: Onward, lottery: PathLottery) -> list[CheckResult]:
        """Say what the path seen does to the estimate if it went on, and if it returned to its mean."""
        if onward.why:
            return [self._not_done(name, onward.why) for name in ("gone_on", "returned")]
        on, back = (_higher(one, unit_of(lottery.fitted.panel)) for one in (onward.gone_on, onward.returned))
        each = f", {EACH}," if onward.why_not_apart else ""
        gone = f"If the path seen before the start had gone on{each or ','} it alone would make the answer {on}."
        returned = f"If it returned to its earlier mean, that alone would make the answer {back}."
        return [
            CheckResult("path.gone_on", "bias", onward.gone_on, gone),
            CheckResult("path.returned", "bias", onward.returned, returned),
        ]

    @property
    def _missed(self) -> str:
        """How often a divergence of the detectable size is missed."""
        return _MISSED.get(self.power, f"{numeral(100 * (1 - self.power))} times in 100")

    def _why_unseen(self, lottery: PathLottery) -> str:
        return REBUILT if lottery.fitted.rebuild is not None else UNFOUND

    def _not_done(self, name: str, reason: str) -> CheckResult:
        kinds = {"joint": "p_value", "gone_on": "bias", "returned": "bias", "implied_bias": "bias"}
        statistic = kinds.get(name, "slope")
        return CheckResult(f"path.{name}", statistic, np.nan, f"Not done: {reason}.")


def path_p_values(drawn: ContrastLots) -> Array:
    """Return p of the slope, of the largest period, and of both together, (3,), by the draws."""
    size = np.abs(drawn.statistic)
    slopes, largest = symmetric_ranks(size[:, -1]), symmetric_ranks(size[:, :-1].max(1))
    joint = symmetric_ranks(-np.log(np.minimum(slopes, largest)))
    return np.array([slopes[0], largest[0], joint[0]])


def _without_group(lottery: PathLottery) -> str:
    """Say how many draws count as extreme because they have no comparison group; nothing where all have one."""
    lost = lottery.without_group
    return f" {lost:,} of them have no comparison group and count as being as unlike." if lost else ""


def _slopes(drawn: ContrastLots, lottery: PathLottery | None = None) -> Lots:
    """Return the slopes of drawn adoptions; the observed one, which comes first in a lottery, is one of a list."""
    first = 0 if lottery is None or lottery.listed else 1
    return Lots(drawn.value[first:, -1], drawn.error[first:, [-1]])


def _read(lottery: PathLottery) -> list[CheckResult]:
    """Say which periods the path reads, where some cohort has earlier ones that it does not; nothing elsewhere."""
    read, unread = len(lottery.early), lottery.unread
    if not unread.any():
        return []
    text = (
        f"The path reads the last {read} periods before each start, as many as the earliest start has; "
        f"{_later(unread)}, which it does not read."
    )
    return [CheckResult("path.read", "count", float(read), text)]


def _later(unread: NDArray[np.intp]) -> str:
    """Say how many treated units have earlier periods, and how many at most."""
    n, most = int((unread > 0).sum()), int(unread.max())
    up = f"{'up to ' if len(set(unread[unread > 0])) > 1 else ''}{most} earlier one{'s' if most > 1 else ''}"
    return f"{n} of {len(unread)} treated units {'has' if n == 1 else 'have'} {up}"


def _ends(ends: tuple[float, float]) -> str:
    """Return an interval in words, ends that no slope is steep enough for as what they are."""
    if not np.isfinite(ends).any():
        return "without ends: no slope, however steep, is rejected"
    low, high = (numeral(end) if np.isfinite(end) else "no limit" for end in ends)
    return f"{low} to {high}"


def _by_share(log: float) -> str:
    if abs(log) < 1e-12:
        return "neither higher nor lower"
    return f"{numeral(100 * abs(np.expm1(log)))}% {'higher' if log > 0 else 'lower'}"


def _higher(value: float, unit: str) -> str:
    if abs(value) < 1e-12:
        return "neither higher nor lower"
    return f"{numeral(abs(value))}{unit} {'higher' if value > 0 else 'lower'}"


def early_periods(fitted: Fitted) -> Array:
    """Return the periods before anyone may respond, (k,)."""
    ahead = float(fitted.estimator.anticipation)
    times, starts = fitted.panel.times, fitted.panel.cohorts
    return times[times < starts.min() - ahead] if len(starts) else times[:0]


def _without_path(panel: Panel, comparison: Comparison | None, early: Array) -> str:
    """Say why a panel and its group hold no path to test; empty where they do."""
    if comparison is not None and comparison.made_alike:
        return comparison.made_alike
    if panel.layout != "panel":
        return "rows are people or events, not one a unit and period"
    if len(early) < FEWEST_PERIODS:
        return f"{len(early)} periods before the start, and a path needs {FEWEST_PERIODS}"
    return ""


def why_no_path(fitted: Fitted, space: AssignmentSpace | str, early: Array) -> str:
    """Say why there is no test; empty where there is one."""
    if isinstance(space, str):
        return space
    if why := _without_path(fitted.panel, fitted.comparison, early):
        return why
    if space.size < FEWEST_LOTS:
        return f"{space.size} possible adoptions are too few to compare with"
    return ""


def _speaks(p: float) -> str:
    """Say what the joint p speaks for: nothing where it is large, against parallel trends where it is small."""
    if p < UNLIKELY:
        return "That speaks against trends that were parallel before the start."
    return "That is no evidence that trends were parallel."
