"""The fall and the rise that the headline's randomization test would find four times in five."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sos_eval.inference.randomization import Randomization
from sos_eval.numerics.detectable import FALL, RISE, Found, Lots, findable
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import AssignmentSpace
from sos_eval.results.fitted import Fitted, is_fitted_anew
from sos_eval.results.without_effect import without_effect

__all__ = ["DetectableSize", "detectable_size"]

#: Fewest draws behind the sizes; adoptions in which an effect is put in place, and the test's draws on each.
DRAWS, PLACED, PLACED_DRAWS = 4_999, 10, 499
#: The same where each draw costs a new fit: groups that are built again, estimators that loop over adoptions.
FITTED_DRAWS, FITTED_PLACED_DRAWS = 999, 199
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
            for size in np.linspace(0, 2 * found.size, 41) if found is not None else ():
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
        Empty with a reason where fewer than 1/alpha adoptions are possible, or more than a fifth of them cannot be
        estimated.
    """
    space = fitted.space(test.strata)
    scale = str(fitted.estimate.cells["scale"].iloc[_row(fitted)])
    ratio, in_logs = scale == "ratio", scale in ("ratio", "log")
    why = _why_silent(fitted, test, space)
    if why or isinstance(space, str):
        return DetectableSize(None, None, np.nan, power, test.level, in_logs, why)
    alpha, draw = round(1 - test.level, 12), _Drawer(fitted, test, space, ratio, seed)
    effect = float(fitted.estimate.values[_row(fitted)])
    bare = without_effect(fitted.source, effect, ratio=ratio)
    draws = FITTED_DRAWS if is_fitted_anew(fitted) else max(test.draws, DRAWS)
    lots = draw.lots(bare, draws, "first")
    lost = 1 - len(lots.usable.estimate) / len(lots.estimate)
    if lost > LOSABLE:
        why = f"{lost:.0%} of the random adoptions cannot be estimated"
        return DetectableSize(None, None, np.nan, power, test.level, in_logs, why)
    fall, rise = (
        findable(lots.usable, lambda size: draw.placed(bare, size), sign, alpha=alpha, power=power)
        for sign in (FALL, RISE)
    )
    return DetectableSize(fall, rise, _panel_error(fitted), power, test.level, in_logs)


def _row(fitted: Fitted) -> int:
    """Return the position of the overall effect: of the ratio where there is one."""
    cells = fitted.estimate.cells
    overall = (cells["aggregation"] == "overall").to_numpy()
    ratio = overall & (cells["scale"] == "ratio").to_numpy()
    return int(np.argmax(ratio if ratio.any() else overall))


def _why_silent(fitted: Fitted, test: Randomization, space: AssignmentSpace | str) -> str:
    """Say why no size can be given; empty where one can."""
    if isinstance(space, str):
        return space
    if space.size < 1 / round(1 - test.level, 12):
        return f"{space.size} possible adoptions cannot reject at level {test.level:g}"
    return "" if np.isfinite(fitted.estimate.values[_row(fitted)]) else "there is no overall estimate"


@dataclass(frozen=True, slots=True)
class _Drawer:
    """Draws the headline's row under random adoptions."""

    fitted: Fitted
    test: Randomization
    space: AssignmentSpace
    ratio: bool
    seed: int

    def lots(self, panel: Panel, draws: int, name: str, k: int = 0) -> Lots:
        """Estimate a panel under random adoptions."""
        drawn = self.space.draw(draws, stream(self.seed, "detectable", name, k)).first_treated
        batch, row = replace(self.fitted, source=panel).refit_assignments(drawn), _row(self.fitted)
        values = batch.values[:, row]
        if self.test.statistic == "coefficient" or batch.std_error is None:
            return Lots(values, np.ones(len(values)))
        return Lots(values, batch.std_error[:, row])

    def placed(self, bare: Panel, effect: float) -> list[Lots]:
        """Draw the test on adoptions in which an effect is in place."""
        adoptions = self.space.draw(PLACED, stream(self.seed, "detectable", "placed")).first_treated[:PLACED]
        moved = [without_effect(bare.with_first_treated(one), -effect, ratio=self.ratio) for one in adoptions]
        draws = FITTED_PLACED_DRAWS if is_fitted_anew(self.fitted) else PLACED_DRAWS
        return [self.lots(panel, draws, "second", k).usable for k, panel in enumerate(moved)]


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
