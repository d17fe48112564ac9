"""The fall and the rise that the headline's randomization test would find four times in five."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault
from sos_eval.inference.attainable import smallest_p
from sos_eval.inference.randomization import Randomization
from sos_eval.numerics.detectable import FALL, RISE, Found, Lots
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array
from sos_eval.results.assignments import AssignmentSpace
from sos_eval.results.estimate import Compiled, overall_place
from sos_eval.results.fitted import Fitted, is_fitted_anew
from sos_eval.results.placed import PlacedEffect
from sos_eval.results.without_effect import without_effect

__all__ = ["DetectableSize", "detectable_size"]

#: Fewest draws behind the sizes, and the test's draws on each adoption in which an effect is put in place.
DRAWS, PLACED_DRAWS = 4_999, 499
#: The same where each draw costs a new fit: groups that are built again, estimators that loop over adoptions or solve a
#: programme in each.
FITTED_DRAWS, FITTED_PLACED_DRAWS = 999, 199
#: Fewest draws of a test that has a size: with fewer its critical value is another one every time.
FEWEST_DRAWS = 99
#: Sizes of the curve of power; of a list, whose every size is asked anew.
_STEPS, _STEPS_OF_A_LIST = 41, 11
#: With more of the draws than this not estimable nothing is said.
LOSABLE = 0.2


@dataclass(frozen=True, slots=True)
class DetectableSize:
    """What a test would find with the power aimed at, on the working scale (logs of ratios).

    Attributes
    ----------
    fall, rise
        Sizes without a sign; None with a `reason`.
    panel_error
        Relative error of both that comes with the panel: ``sqrt((kurtosis - 1) / 4N)`` of the units' contributions.
    power, level
        The aim, and one minus the size of the test.
    in_logs
        Whether sizes are logs: of a ratio, or of an outcome that is in logs.
    reason
        Why nothing is said.
    """

    fall: Found | None
    rise: Found | None
    panel_error: float
    power: float
    level: float
    in_logs: bool
    reason: str = ""

    @property
    def curve(self) -> pd.DataFrame:
        """`detectable.csv`: ``direction, size, power, mcse``, sizes as changes on the outcome's scale or as shares."""
        rows = []
        for name, found, sign in (("fall", self.fall, FALL), ("rise", self.rise, RISE)):
            steps = 0 if found is None else _STEPS_OF_A_LIST if found.listed else _STEPS
            for size in np.linspace(0, 2 * found.size, steps) if found is not None else ():
                rows.append((name, self.shown(size, sign), *found.power_at(size)))  # type: ignore[union-attr]
        return pd.DataFrame(rows, columns=["direction", "size", "power", "mcse"])

    def shown(self, size: float, sign: float) -> float:
        """Return a size of the working scale as a change of the outcome, or as a share of it where it is in logs."""
        return float(abs(np.expm1(sign * size))) if self.in_logs else size


def detectable_size(fitted: Fitted, test: Randomization, *, power: float = 0.8, seed: int = 0) -> DetectableSize:
    """Say which fall and which rise of the headline's row a randomization test would find.

    Parameters
    ----------
    fitted
        The headline's estimate; its overall row is meant.
    test
        Its strata, statistic, level and draws count.
    power
        Share of adoptions in which the effect is found.
    seed
        Of the draws.

    Returns
    -------
    DetectableSize
        Empty with a reason where the test cannot reject whatever happened, or more than a fifth of the adoptions
        cannot be estimated.
    """
    space = fitted.space(test.strata)
    scale = str(fitted.estimate.cells["scale"].iloc[_row(fitted)])
    ratio, in_logs = scale == "ratio", scale in ("ratio", "log")
    why = _why_silent(fitted, test, space)
    if why or isinstance(space, str):
        return DetectableSize(None, None, np.nan, power, test.level, in_logs, why)
    bare = without_effect(fitted.source, float(fitted.estimate.values[_row(fitted)]), ratio=ratio)
    anew = is_fitted_anew(fitted) or fitted.estimator.solves_anew
    first = space.draw(FITTED_DRAWS if anew else max(test.draws, DRAWS), stream(seed, "detectable", "first", 0))
    lots = _lots(replace(fitted, source=bare), test, first.first_treated)
    lost = 1 - lots.usable.mean()
    if lost > LOSABLE:
        why = f"{lost:.0%} of the random adoptions cannot be estimated"
        return DetectableSize(None, None, np.nan, power, test.level, in_logs, why)
    draws = FITTED_PLACED_DRAWS if anew else PLACED_DRAWS

    def estimated(starts: Array, place: Array, effect: float) -> Lots:
        moved = without_effect(bare.with_first_treated(place), -effect, ratio=ratio)
        return _lots(replace(fitted, source=moved), test, starts)

    placed = PlacedEffect(
        space, estimated, lambda k: space.draw(draws, stream(seed, "detectable", "second", k)), draws, test.draws,
        None if anew else _Planned(replace(fitted, source=bare), test, ratio).lots,
    )  # fmt: skip
    places = stream(seed, "detectable", "placed")
    fall, rise = placed.found(lots, places, alpha=round(1 - test.level, 12), power=power)
    if not (np.isfinite(fall.size) and np.isfinite(rise.size)):
        why = "no effect, however large, is found so often with this level and these adoptions"
        return DetectableSize(None, None, np.nan, power, test.level, in_logs, why)
    return DetectableSize(fall, rise, _panel_error(fitted), power, test.level, in_logs)


@dataclass
class _Planned:
    """A list of adoptions, each planned once for every size of an effect that is in place in one of them.

    Attributes
    ----------
    fitted
        Its source has no effect.
    ratio
        Whether sizes are logs of a ratio.
    """

    fitted: Fitted
    test: Randomization
    ratio: bool
    _plans: list[Compiled | None] = field(default_factory=list)

    def lots(self, adoptions: Array, effect: float) -> list[Lots]:
        """Return the test's lots with an effect in place in each of all adoptions, (m, n_units), m times m rows."""
        bare = self.fitted.source
        self._plans = self._plans or [self._plan(one) for one in adoptions]
        placed = (without_effect(bare.with_first_treated(one), -effect, ratio=self.ratio) for one in adoptions)
        outcomes = np.array([panel.matrix() for panel in placed])
        lost = np.full(len(outcomes), np.nan)
        batches = [None if plan is None else plan.apply(outcomes) for plan in self._plans]
        values = np.array([lost if batch is None else batch.values[:, 0] for batch in batches])
        spread = [lost if batch is None or batch.std_error is None else batch.std_error[:, 0] for batch in batches]
        divided = any(batch is not None and batch.std_error is not None for batch in batches)
        errors = np.array(spread) if divided else None
        return [_divided(values[:, k], None if errors is None else errors[:, k], self.test) for k in range(len(values))]

    def _plan(self, starts: Array) -> Compiled | None:
        """Plan one adoption; None where it cannot be estimated."""
        try:
            return self.fitted.estimator.compile(self.fitted.source.with_first_treated(starts), _overall)
        except InputFault:
            return None


def _overall(cells: pd.DataFrame) -> NDArray[np.intp]:
    """Choose the overall effect, (1,); the first row where there is none."""
    return np.array([overall_place(cells) or 0])


def _row(fitted: Fitted) -> int:
    """Return the position of the overall effect in the estimate; the first row where it has none."""
    return overall_place(fitted.estimate.cells) or 0


def _why_silent(fitted: Fitted, test: Randomization, space: AssignmentSpace | str) -> str:
    """Say why no size can be given; empty where one can."""
    if isinstance(space, str):
        return space
    smallest = smallest_p(fitted, space, test.statistic, draws=test.draws, level=test.level)
    if why := smallest.why_never(test.level):
        return f"the test {why}"
    if space.size > test.draws < FEWEST_DRAWS:
        return f"the test makes {test.draws} draws, and a size is said of one with {FEWEST_DRAWS} or more"
    return "" if np.isfinite(fitted.estimate.values[_row(fitted)]) else "there is no overall estimate"


def _lots(fitted: Fitted, test: Randomization, starts: Array) -> Lots:
    """Estimate the headline's row under adoptions, with what each of the test's statistics divides it by."""
    batch, row = fitted.refit_assignments(starts), _row(fitted)
    return _divided(batch.values[:, row], None if batch.std_error is None else batch.std_error[:, row], test)


def _divided(values: Array, errors: Array | None, test: Randomization) -> Lots:
    """Lay out estimates, (draws,), with what each of the test's statistics divides them by."""
    ones = np.ones(len(values))
    if errors is None or test.statistic == "coefficient":
        return Lots(values, ones[:, None])
    return Lots(values, np.column_stack([errors, ones]) if test.statistic == "both" else errors[:, None])


def _panel_error(fitted: Fitted) -> float:
    """Return the relative error of a size that comes with the panel."""
    influence = fitted.estimate.influence
    if influence is None:
        return float("nan")
    own = influence[:, _row(fitted)]
    squares = own[np.isfinite(own)] ** 2
    if not squares.sum() > 0:
        return float("nan")
    kurtosis = float(np.mean(squares**2) / np.mean(squares) ** 2)
    return float(np.sqrt((kurtosis - 1) / (4 * len(squares))))
