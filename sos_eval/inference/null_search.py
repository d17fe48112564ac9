"""The null of a constant effect imposed on the data, and its limits where every value must be estimated anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from sos_eval.errors import InputFault
from sos_eval.inference.statistic import Statistic, compared
from sos_eval.numerics.inversion import FARTHEST, TIES, Rejection, search
from sos_eval.panel.panel import Array
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.estimate import Batch
from sos_eval.results.without_effect import without_effect

__all__ = ["TOLERANCE", "Limits", "end_error", "extreme_draws", "searched"]

TOLERANCE = 0.01
#: A ratio a thousand times as large or small is no end: counts divided by it are rounding.
_LARGEST_LOG = 6.9
#: How far apart, in steps near an error, p is asked for its slope at an interval's end.
_APART = 0.15
_OVERALL_ONLY = "every trial value needs a new estimation, so the interval is made for the overall effect only"
_ADDITIVE = "no interval by inversion on this scale; read the rate ratio's"


@dataclass(frozen=True, slots=True)
class Limits:
    """Interval of each row on the working scale, (m,), why some are empty or open, and how they were found.

    Attributes
    ----------
    draws
        Random assignments behind them.
    low_error, high_error
        Monte Carlo errors of the overall effect's ends, on the working scale; NaN where there are none.
    tried
        Constant effects of the overall row that were tried, and how many draws were extreme under each.
    """

    low: Array
    high: Array
    reasons: list[str]
    how: str
    draws: int = 0
    low_error: float = np.nan
    high_error: float = np.nan
    tried: list[tuple[float, int]] = field(default_factory=list)

    @classmethod
    def none(cls, m: int, reason: str = "") -> Limits:
        """Return no intervals."""
        return cls(np.full(m, np.nan), np.full(m, np.nan), [reason] * m, "none")


def searched(
    adoptions: Adoptions, batch: Batch, *, complete: bool, statistic: Statistic, level: float, draws: int
) -> Limits:
    """Search the limits of the overall effect, everything estimated anew at each trial value on common draws.

    Parameters
    ----------
    adoptions, batch
        The observed assignment first, and the estimates without any effect taken out: a row without a statistic has
        no limits.
    draws
        How many random assignments to use; a complete list is used whole.
    """
    cells = adoptions.fitted.estimate.cells
    ratio = (cells["scale"] == "ratio").to_numpy()
    null = _Null(adoptions if complete else adoptions.first(1 + draws), statistic, complete)
    rejection = Rejection.at(level, null.draws, complete=complete)
    limits, errors = Limits.none(len(cells)), (np.nan, np.nan)
    for j in np.flatnonzero(np.isfinite(null.values(batch)[0])):
        if cells["aggregation"].iloc[j] != "overall":
            limits.reasons[j] = _OVERALL_ONLY
        elif ratio.any() and not ratio[j]:
            limits.reasons[j] = _ADDITIVE
        else:
            spread = float(np.nanstd(batch.values[:100, j]))
            ends = _ends(null, rejection, int(j), bool(ratio[j]), spread, limits.tried)
            limits.low[j], limits.high[j], limits.reasons[j] = ends
            if not complete:
                errors = null.end_errors((limits.low[j], limits.high[j]), int(j), bool(ratio[j]), spread, level)
    how = f"search on {null.draws} common draws, ends to {TOLERANCE:g} of the draws' spread (outer end reported)"
    return replace(limits, how=how, draws=null.draws, low_error=errors[0], high_error=errors[1])


def extreme_draws(statistic: Array) -> int | None:
    """Count the draws as extreme as the observed statistic, which stands first; None where that does not exist."""
    if not np.isfinite(statistic[0]):
        return None
    reached = (np.abs(statistic[1:]) >= (1 - TIES) * abs(statistic[0])) | np.isnan(statistic[1:])
    return int(reached.sum())


def end_error(extreme: Callable[[float], int | None], end: float, unit: float, *, level: float, draws: int) -> float:
    """Return the Monte Carlo error of an interval's end: ``sqrt(a (1 - a) / R) / |dp/dtheta|`` at level a, R draws."""
    if not np.isfinite(end) or not unit > 0:
        return float("nan")
    counts = [extreme(end + side * _APART * unit) for side in (-1.0, 1.0)]
    if counts[0] is None or counts[1] is None or counts[0] == counts[1]:
        return float("nan")
    slope = abs(counts[1] - counts[0]) / draws / (2 * _APART * unit)
    return float(np.sqrt(level * (1 - level) / draws) / slope)


@dataclass(frozen=True, slots=True)
class _Null:
    """An estimate under the observed assignment and others, and which statistic is compared."""

    adoptions: Adoptions
    statistic: Statistic
    complete: bool

    @property
    def draws(self) -> int:
        """How many assignments beside the observed."""
        return len(self.adoptions.first_treated) - 1

    def values(self, batch: Batch) -> Array:
        """Return what is compared, (1 + draws, m)."""
        statistic = self.statistic if batch.std_error is not None else "coefficient"
        return compared(batch, statistic, complete=self.complete)

    def end_errors(
        self, ends: tuple[float, float], j: int, ratio: bool, spread: float, level: float
    ) -> tuple[float, float]:
        """Return the Monte Carlo errors of a row's ends."""
        extreme = self.extreme_at(j, ratio=ratio)
        low, high = (end_error(extreme, float(end), spread, level=level, draws=self.draws) for end in ends)
        return low, high

    def extreme_at(self, j: int, *, ratio: bool) -> Callable[[float], int | None]:
        """Return how many draws of row j are extreme under a constant effect; None where it has no estimate then."""

        def extreme(theta: float) -> int | None:
            try:
                batch = self.adoptions.estimated(without_effect(self.adoptions.fitted.source, theta, ratio=ratio))
            except InputFault:  # no assignment can be estimated, the observed one included
                return None
            return extreme_draws(self.values(batch)[:, j])

        return extreme


def _ends(
    null: _Null, rejection: Rejection, j: int, ratio: bool, spread: float, tried: list[tuple[float, int]]
) -> tuple[float, float, str]:
    """Return the limits of one row, and why an end is open where the null cannot be estimated so far out.

    What was tried on the way, and the estimate itself, under which every draw is extreme, is added to `tried`.
    """
    centre = float(null.adoptions.fitted.estimate.values[j])
    unit = spread if spread > 0 else max(abs(centre), 1e-6)
    asked = null.extreme_at(j, ratio=ratio)
    tried.append((centre, null.draws))

    def extreme(theta: float) -> int | None:
        count = asked(theta)
        if count is not None:
            tried.append((theta, count))
        return count

    farthest = min(FARTHEST, _LARGEST_LOG / unit) if ratio else FARTHEST
    ends = search(
        extreme, rejection, null.draws, centre=centre, unit=unit, tolerance=TOLERANCE, farthest=farthest
    )  # fmt: skip
    sides = [side for side, end in zip(("below", "above"), ends, strict=True) if end is None]
    why = f"constant effects far {' and '.join(sides)} cannot be tested (no estimate without them): open on "
    why += "both sides" if len(sides) == 2 else "that side"
    low, high = (sign * np.inf if end is None else end for sign, end in zip((-1, 1), ends, strict=True))
    return low, high, why if sides else ""
