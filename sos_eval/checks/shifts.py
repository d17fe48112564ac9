"""How far alternatives lie from the primary estimate, by the random adoptions that all share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.checks.common_lots import CommonLots, DrawnEffect, Varied, level_after, overall_row
from sos_eval.checks.quantity import Quantity, overall
from sos_eval.errors import numeral
from sos_eval.numerics.detectable import Lots
from sos_eval.numerics.disagreement import estimates_apart
from sos_eval.numerics.lots import place_of_observed, share_reached, share_shifted
from sos_eval.numerics.ratios import difference_of
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.fitted import Fitted

__all__ = ["OTHER_BASE", "Shifts", "shifts", "told_by_lots", "why_scales_part"]

#: Opens what a row on another base says of it.
OTHER_BASE = "the primary estimate on "
BY_NAME = "units are left out by name, so random adoptions do not say how far chance would shift it"
_LOGS = ("ratio", "log")


@dataclass(frozen=True, slots=True)
class Shifts:
    """The table of alternatives, and the largest shift among them.

    Attributes
    ----------
    table
        A row per alternative, the primary estimate first.
    largest, p, tried
        Label of the shift that is largest for its error, how often random adoptions make the largest of all that were
        tried as large, and how many were; empty, NaN and zero where no shift has an error.
    """

    table: pd.DataFrame
    largest: str = ""
    p: float = float("nan")
    tried: int = 0

    @property
    def scale(self) -> str:
        """The scale of the primary estimate, on which shifts are compared with one another: ``log`` for ratios."""
        scale = str(self.table["scale"].iloc[0])
        return "log" if scale in _LOGS else scale


def shifts(primary: Fitted, varied: Sequence[Varied], lots: CommonLots | str, level: float) -> Shifts:
    """Set every alternative against the primary estimate under the same adoptions.

    Parameters
    ----------
    lots
        The reason where starts cannot be swapped: then rows have estimates and shifts, without errors.
    level
        Coverage of the intervals, which take the draws' own critical value.
    """
    base = Varied("as declared", primary)
    known: dict[int, DrawnEffect | str] = {}

    def drawn(one: Varied) -> DrawnEffect | str:
        if id(one.fitted) not in known:
            known[id(one.fitted)] = lots if isinstance(lots, str) else lots.drawn(one)
        return known[id(one.fitted)]

    complete = not isinstance(lots, str) and lots.complete
    rows, apart = [_row(base, drawn(base), base, drawn(base), level, complete)[0]], {}
    for one in varied:
        against = base if one.against is None else Varied("", one.against)
        row, distance = _row(one, drawn(one), against, drawn(against), level, complete)
        rows.append(row)
        if distance is not None and np.isfinite(distance).all() and np.isfinite(row["shift_p"]):
            apart[one.label] = distance
    table = pd.DataFrame(rows)
    if not apart:
        return Shifts(table)
    columns = np.column_stack(list(apart.values()))
    largest = estimates_apart(np.zeros(len(columns)), columns, complete=complete)
    return Shifts(table, list(apart)[largest.largest], largest.p, len(apart))


def _row(
    one: Varied, own: DrawnEffect | str, against: Varied, other: DrawnEffect | str, level: float, complete: bool
) -> tuple[dict[str, Any], Array | None]:  # fmt: skip
    """Return a row of the table, and the alternative's distance from its reference in every draw."""
    row: dict[str, Any] = {"variant": one.label, "estimate": np.nan, "scale": "", "reason": one.reason}
    row |= one.sizes
    row["against"] = "" if one.against is None else f"{OTHER_BASE}{_shared(one.against.panel)}"
    if one.fitted is None or against.fitted is None:
        return row, None
    quantity = overall(one.fitted.estimate, level)
    row |= {"estimate": quantity.estimate, "scale": quantity.scale}
    if not np.isfinite(quantity.estimate):
        return row | {"reason": quantity.reason}, None
    scale, to_scale = _common_scale(one.fitted, against.fitted)
    values = [_observed(fit) for fit in (one.fitted, against.fitted)]
    row |= {"shift": to_scale[0](values[0]) - to_scale[1](values[1]), "shift_scale": scale}
    row["against_estimate"] = overall(against.fitted.estimate, level).estimate
    if isinstance(own, str) or isinstance(other, str):
        row["reason"] = own if isinstance(own, str) else str(other)
        return row, None
    row |= told_by_lots(own, quantity, level, complete)
    distance = to_scale[0](own.value) - to_scale[1](other.value)
    error = float(np.nanstd(distance[1:], ddof=1))
    if one.by_name:
        return row | {"reason": BY_NAME}, None
    same = one.label == "as declared" or error <= 1e-12
    row |= {
        "shift_error": error,
        "shift_p": np.nan if same else share_shifted(distance, complete=complete),
    }
    return row, distance


def _shared(panel: Panel) -> str:
    """Name the unit-periods that two panels both have: from when to when, and how many periods lie before a start."""
    seen = panel.times[np.isfinite(panel.matrix()).any(0)]
    early = int(np.isin(seen, panel.pre_times).sum())
    span = f"{panel.periods.name(seen[0])} to {panel.periods.name(seen[-1])}"
    return f"the unit-periods that both have ({span}, {early} of them before the first start)"


def _observed(fitted: Fitted) -> float:
    row = overall_row(fitted)
    return float("nan") if row is None else float(fitted.estimate.values[row])


def _common_scale(one: Fitted, other: Fitted) -> tuple[str, list[Any]]:
    """Return the scale on which two estimates are compared, and the ways to it: logs, or differences of the outcome."""
    scales = [str(fit.estimate.cells["scale"].iloc[overall_row(fit) or 0]) for fit in (one, other)]
    if all(scale in _LOGS for scale in scales):
        return "log", [np.asarray, np.asarray]
    level = level_after(other if scales[1] in _LOGS and other.panel.outcome.transform == "none" else one)
    ways = [(lambda value: difference_of(value, level)) if scale in _LOGS else np.asarray for scale in scales]
    return next(scale for scale in scales if scale not in _LOGS), ways


def told_by_lots(own: DrawnEffect, quantity: Quantity, level: float, complete: bool) -> dict[str, Any]:
    """Return p and interval by the draws, with the mean of the drawn estimates."""
    errors = own.error if np.isfinite(own.error).any() else np.ones(len(own.value))
    drawn, alpha = Lots(own.value[1:], errors[1:, None]), round(1 - level, 12)
    listed = place_of_observed(np.r_[own.value[0] / errors[0], drawn.size[:, 0]]) if complete else 0
    critical = float((drawn.critical_of(listed, alpha) if complete else drawn.critical(alpha))[0])
    ends = [own.value[0] + side * critical * errors[0] for side in (-1.0, 1.0)]
    low, high = (float(np.exp(end)) for end in ends) if quantity.scale == "ratio" else map(float, ends)
    return {
        "conf_low": low, "conf_high": high, "p_value": share_reached(own.statistic, complete=complete),
        "draws": len(own.value) - 1, "mean_of_draws": float(np.nanmean(own.value[1:])),
        "std_error": float(own.quoted[0]),
    }  # fmt: skip


def why_scales_part(fitted: Fitted) -> str:
    """Say why a difference and a ratio of the same change part; empty where that is not simple arithmetic.

    With levels T and C before and a change d of the comparison, a difference takes d from the treated's change and a
    ratio takes T d / C: they part by ``d (1 - T / C)``.
    """
    panel = fitted.panel
    if panel.layout != "panel" or len(panel.cohorts) != 1 or panel.outcome.transform != "none":
        return ""
    after, ever = panel.times >= panel.cohorts[0], panel.ever_treated
    with np.errstate(invalid="ignore"):
        before = np.nanmean(panel.matrix()[:, ~after], axis=1)
        change = np.nanmean(panel.matrix()[:, after], axis=1) - before
    treated, comparison = float(np.nanmean(before[ever])), float(np.nanmean(before[~ever]))
    moved = float(np.nanmean(change[~ever]))
    if not treated > 0 or not comparison > 0:
        return ""
    return (
        f"Differences and ratios part because the treated began at {numeral(treated)} and the comparison at "
        f"{numeral(comparison)}, and the comparison then changed by {numeral(moved)}: the same number for the "
        "one, the same "
        f"share for the other, which from the treated's level is {numeral(moved * treated / comparison)}."
    )
