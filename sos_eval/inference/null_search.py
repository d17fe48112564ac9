"""The null of a constant effect imposed on the data, and its limits where every value must be estimated anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sos_eval.errors import InputFault
from sos_eval.numerics.inversion import TIES, Rejection, search
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import Assignments
from sos_eval.results.estimate import Batch
from sos_eval.results.fitted import Fitted

__all__ = ["Limits", "searched", "without_effect"]

_TOLERANCE = 0.01
_OVERALL_ONLY = "every trial value needs a new estimation, so the interval is made for the overall effect only"
_ADDITIVE = "no interval by inversion on this scale; read the rate ratio's"


@dataclass(frozen=True, slots=True)
class Limits:
    """Interval of each row on the working scale, (m,), why some are empty or open, and how they were found.

    Attributes
    ----------
    draws
        Random assignments behind them.
    """

    low: Array
    high: Array
    reasons: list[str]
    how: str
    draws: int = 0

    @classmethod
    def none(cls, m: int, reason: str = "") -> Limits:
        """Return no intervals."""
        return cls(np.full(m, np.nan), np.full(m, np.nan), [reason] * m, "none")


def without_effect(panel: Panel, theta: float, *, ratio: bool) -> Panel:
    """Take a constant effect out of the treated observations.

    Subtract ``theta`` from the outcome; on the ratio scale divide counts (or outcomes) by ``exp(theta)``.
    """
    treated = panel.frame["treated"].to_numpy(float)
    if not ratio:
        return panel.with_outcome(panel.frame["outcome"].to_numpy(float) - theta * treated)
    factor = np.exp(-theta * treated)
    if panel.outcome.counted:
        return panel.with_count(panel.frame["count"].to_numpy(float) * factor)
    return panel.with_outcome(panel.frame["outcome"].to_numpy(float) * factor)


def searched(
    fitted: Fitted, assignments: Assignments, batch: Batch, *, studentised: bool, level: float, draws: int
) -> Limits:
    """Search the limits of the overall effect, everything estimated anew at each trial value on common draws.

    Parameters
    ----------
    batch
        Estimates without any effect taken out, the observed assignment first: a row without a statistic has no limits.
    """
    cells = fitted.estimate.cells
    ratio = (cells["scale"] == "ratio").to_numpy()
    drawn = assignments.first_treated if assignments.complete else assignments.first_treated[:draws]
    null = _Null(fitted, np.vstack([fitted.source.first_treated, drawn]), studentised)
    rejection = Rejection.at(level, len(drawn), complete=assignments.complete)
    found = Limits.none(len(cells))
    for j in np.flatnonzero(np.isfinite(null.statistic(batch)[0])):
        if cells["aggregation"].iloc[j] != "overall":
            found.reasons[j] = _OVERALL_ONLY
        elif ratio.any() and not ratio[j]:
            found.reasons[j] = _ADDITIVE
        else:
            spread = float(np.nanstd(batch.values[:100, j]))
            found.low[j], found.high[j], found.reasons[j] = _ends(null, rejection, int(j), bool(ratio[j]), spread)
    how = f"search on {len(drawn)} common draws, ends to {_TOLERANCE:g} standard errors (outer end reported)"
    return replace(found, how=how, draws=len(drawn))


@dataclass(frozen=True, slots=True)
class _Null:
    """An estimate under the observed assignment and others, (1 + draws, n), and which statistic is compared."""

    fitted: Fitted
    starts: Array
    studentised: bool

    def statistic(self, batch: Batch) -> Array:
        """Return what is compared, (1 + draws, m)."""
        if not self.studentised or batch.std_error is None:
            return batch.values
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(batch.values / batch.std_error)

    def rejected_at(self, rejection: Rejection, j: int, *, ratio: bool) -> Callable[[float], bool | None]:
        """Return the test of one constant effect on row j; None where the estimate does not exist under it."""

        def rejected(theta: float) -> bool | None:
            changed = replace(self.fitted, source=without_effect(self.fitted.source, theta, ratio=ratio))
            try:
                batch = changed.refit_assignments(self.starts)
            except InputFault:  # no assignment can be estimated, the observed one included
                return None
            statistic = self.statistic(batch)[:, j]
            if not np.isfinite(statistic[0]):
                return None
            extreme = (np.abs(statistic[1:]) >= (1 - TIES) * abs(statistic[0])) | np.isnan(statistic[1:])
            return bool(rejection.rejects(int(extreme.sum())))

        return rejected


def _ends(null: _Null, rejection: Rejection, j: int, ratio: bool, spread: float) -> tuple[float, float, str]:
    """Return the limits of one row, and why an end is open where the null cannot be estimated so far out."""
    centre = float(null.fitted.estimate.values[j])
    unit = spread if spread > 0 else max(abs(centre), 1e-6)
    ends = search(null.rejected_at(rejection, j, ratio=ratio), centre=centre, unit=unit, tolerance=_TOLERANCE)
    sides = [side for side, end in zip(("below", "above"), ends, strict=True) if end is None]
    why = f"constant effects far {' and '.join(sides)} cannot be tested (no estimate without them): open on "
    why += "both sides" if len(sides) == 2 else "that side"
    low, high = (sign * np.inf if end is None else end for sign, end in zip((-1, 1), ends, strict=True))
    return low, high, why if sides else ""
