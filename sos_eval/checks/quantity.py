"""The number that checks follow: a fitted estimator's overall effect, with a cluster-robust interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sos_eval.errors import InputFault, numeral
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import Estimate, clustered_error, overall_place
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW

__all__ = ["Quantity", "a_period", "caution", "judged", "nothing", "overall", "refitted", "scale_of", "unit_of"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """An overall effect as it is reported: a ratio where the scale is `ratio`, with std_error on the log scale."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    scale: str
    reason: str = ""

    @property
    def neutral(self) -> float:
        """The value that means no effect."""
        return 1.0 if self.scale == "ratio" else 0.0

    @property
    def row(self) -> dict[str, Any]:
        """Return the fields as columns of a table."""
        return asdict(self)

    def shown(self, value: float) -> str:
        """Write a value of this scale for a reader: ratios to three decimals, others to three digits."""
        return f"{value:.3f}" if self.scale == "ratio" else numeral(value)

    def told(self, value: float, panel: Panel) -> str:
        """Write a value of this scale with its unit: ``a ratio of 0.950``, ``-1.23 per 10,000``."""
        return f"a ratio of {self.shown(value)}" if self.scale == "ratio" else f"{self.shown(value)}{unit_of(panel)}"

    def words(self, panel: Panel) -> str:
        """Return ``1.23 per 10,000 (0.90 to 1.56)``, or the reason why there is none."""
        if not np.isfinite(self.estimate):
            return f"not available ({self.reason})"
        low, high = self.shown(self.conf_low), self.shown(self.conf_high)
        interval = f" ({low} to {high})" if np.isfinite(self.std_error) else ""
        return f"{self.told(self.estimate, panel)}{interval}"


def overall(estimate: Estimate, level: float = 0.95) -> Quantity:
    """Return the overall effect, the ratio where there is one, with a normal interval from its influence.

    Clustered as the panel says, without a small-sample factor; no interval where the estimator has no influence.
    """
    from scipy.special import ndtr, ndtri

    row = overall_place(estimate.cells)
    if row is None:
        return nothing("the estimator has no overall effect")
    value, scale = float(estimate.values[row]), str(estimate.cells["scale"].iloc[row])
    if not np.isfinite(value):
        return nothing(str(estimate.cells["reason"].iloc[row]) or "not identified", scale)
    errors = clustered_error(estimate)
    error = float(errors[row]) if errors is not None and errors[row] > 0 else float("nan")
    reach = float(ndtri((1 + level) / 2)) * error
    low, high = value - reach, value + reach
    if scale == "ratio":
        value, low, high = float(np.exp(value)), float(np.exp(low)), float(np.exp(high))
    p = float(2 * ndtr(-abs(estimate.values[row]) / error)) if np.isfinite(error) else float("nan")
    return Quantity(value, error, low, high, p, scale, str(estimate.cells["reason"].iloc[row]))


def caution(fitted: Fitted) -> str:
    """Return what to say of a cluster-robust interval where few treated clusters stand behind it, else nothing."""
    treated = fitted.panel.n_treated_clusters
    return f"; with {treated} treated clusters this interval is too narrow" if treated < FEW else ""


def refitted(fitted: Fitted, panel: Panel, level: float = 0.95) -> Quantity:
    """Re-estimate on a changed source panel; where that cannot be done, the reason in place of a number."""
    try:
        return overall(fitted.refit(panel), level)
    except InputFault as fault:
        return nothing("; ".join(one.what for one in fault.faults))


def judged(largest: float, limit: float | None, *, complete: bool) -> bool | None:
    """Judge the largest change: None without a limit, and where what is missing could still exceed it."""
    if limit is None:
        return None
    if largest > limit:
        return False
    return True if complete else None


def nothing(reason: str, scale: str = "") -> Quantity:
    """Return no number, with the reason."""
    nan = float("nan")
    return Quantity(nan, nan, nan, nan, nan, scale, reason)


def unit_of(panel: Panel) -> str:
    """Return the unit of a path: that of the outcome, also where the estimate is a ratio."""
    outcome = panel.outcome
    if outcome.transform == "log":
        return " in logs"
    return f" per {outcome.per:,.10g}" if outcome.scale == "rate_per" else ""


def scale_of(panel: Panel, scale: str) -> str:
    """Return the unit of effects on their working scale: logs for ratios, else the outcome's."""
    return " on the log scale" if scale in ("ratio", "log") else unit_of(panel)


def a_period(panel: Panel) -> str:
    """Return in what time something moves: ``a year``, ``a month``; ``a period`` where no unit is known."""
    return f"a {panel.periods.unit}" if panel.periods.step == 1 else "a period"
