"""Between what the estimate lies, whatever the suppressed or replaced outcomes are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from sos_eval.checks.common_lots import CommonLots, Varied, overall_row
from sos_eval.checks.quantity import overall
from sos_eval.errors import InputFault, NotIdentified, numeral
from sos_eval.numerics.lots import share_reached
from sos_eval.numerics.suppressed import Margin, imbens_manski, linear_bounds, why_empty
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.small_counts import ends_of_replaced, replaced
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.estimate import clustered_error
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register
from sos_eval.results.small_sample import small_sample_factor

__all__ = ["SuppressionBounds"]

Places = NDArray[np.intp]
_NOT_LINEAR = (
    "the estimate is not linear in the outcomes (a rate ratio, logs, a group matched on outcomes): declare one that "
    "is, such as twfe on the rate, beside it"
)


@register("suppression_bounds")
@dataclass(frozen=True)
class SuppressionBounds(Check):
    """Smallest and largest estimate over all values that ranges and published totals leave to suppressed outcomes.

    Without columns: over all values of the small counts that `disclosure.small_counts: middle` replaced.
    """

    reference: ClassVar[str] = "Horowitz and Manski (1995); Imbens and Manski (2004)"

    low: Column = ""
    """Column: least value of a suppressed count (primary: 1; secondary: 0) or of a rounded one; else empty. Without
    columns: of the counts that `disclosure.small_counts: middle` replaced."""
    high: Column = ""
    """Column: its largest value (primary: 5); empty for secondary suppression: what its total leaves."""
    totals: Mapping[Column, Column] = field(default_factory=dict)
    """Published totals by period: {region: entries_in_region}, a column of groups to a column of their totals."""
    complete: bool = False
    """Whether all units under each total are in the panel, so that values sum to what is left; else to no more."""
    draws: Annotated[int, Ge(19)] = 499
    """Random adoptions behind the p at either end."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the interval."""

    def __post_init__(self) -> None:
        if bool(self.low) != bool(self.high) or (self.totals and not self.low):
            raise ValueError("name both columns that hold the range: low: entries_low, high: entries_high")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the panel has to carry for it."""
        return (self.low, self.high, *self.totals, *self.totals.values()) if self.low else ()

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``suppression_bounds``, how far apart the bounds are, a row per end; ``.largest_p``, of both ends."""
        try:
            table, text = self._bounded(fitted, rng)
        except InputFault as fault:
            return [CheckResult("suppression_bounds", "width", np.nan, f"Not done: {fault.faults[0].what}.")]
        p = float(table["p_value"].max(skipna=False))
        width = float(np.ptp(table["estimate"].to_numpy(float)))
        found = [CheckResult("suppression_bounds", "width", width, text, table=table)]
        if np.isfinite(p):
            survives = p <= 1 - self.level + 1e-12 and abs(np.sign(table["estimate"].to_numpy(float)).sum()) == len(
                table
            )
            said = (
                f"survives every value that the suppressed outcomes may have (p at most {numeral(p, 2)} at either end)"
            )
            fails = (
                f"does not survive every value that the suppressed outcomes may have (p is {numeral(p, 2)} at one end)"
            )
            what = f"A direction at the {100 * (1 - self.level):g}% level {said if survives else fails}."
            found.append(CheckResult("suppression_bounds.largest_p", "p_value", p, what))
        return found

    def _bounded(self, fitted: Fitted, rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
        source = _whole(fitted)
        if fitted.rebuild is not None or overall_row(fitted) is None:
            raise NotIdentified(source.fault(_NOT_LINEAR if fitted.rebuild else "no overall effect"))
        cells, low, high = self._ranges(source)
        margins = self._margins(source, cells)
        if why := why_empty(low, high, margins):
            raise NotIdentified(source.fault(why))
        base = np.where(np.isfinite(high), (low + np.minimum(high, low + 1)) / 2, low)
        slope = _slope(fitted, cells, base)
        try:
            ends = linear_bounds(slope, low, high, margins)
        except ValueError as error:
            raise NotIdentified(source.fault(str(error))) from None
        rows = [self._end(fitted, name, cells, values, rng) for name, values in zip(("low", "high"), ends, strict=True)]
        table = pd.DataFrame(rows)
        bounds, errors = table["estimate"].tolist(), (rows[0]["std_error"], rows[1]["std_error"])
        table["conf_low"], table["conf_high"] = imbens_manski(bounds[0], bounds[1], errors, self.level)
        rounded = int(np.isfinite(_shown(source)[cells]).sum()) if self.low else 0
        return table, self._words(fitted, table, len(cells), rounded)

    def _ranges(self, source: Panel) -> tuple[Places, Array, Array]:
        """Return the rows of suppressed, rounded or replaced outcomes, and the least and largest value of each."""
        frame = source.frame
        if not self.low:
            rows = np.flatnonzero(replaced(source))
            if not len(rows):
                raise NotIdentified(source.fault("no small count was replaced, and no columns with ranges are named"))
            return rows, *ends_of_replaced(source, rows)
        least = frame[self.low].to_numpy(float)
        missing = frame["outcome"].isna().to_numpy()
        rows = np.flatnonzero(np.isfinite(least) & (missing | np.isfinite(frame[self.high].to_numpy(float))))
        if not len(rows):
            raise NotIdentified(source.fault(f"no outcome is missing or rounded where {self.low} has a value"))
        most = frame[self.high].to_numpy(float)[rows]
        return rows, least[rows], np.where(np.isnan(most), np.inf, most)

    def _margins(self, source: Panel, cells: Places) -> list[Margin]:
        """Return what each published total leaves, by group and period, where a value under it is suppressed."""
        frame = source.frame
        values = _shown(source).copy()
        values[cells] = np.nan  # a rounded one is not known either
        margins = []
        for group, total in self.totals.items():
            keys = pd.MultiIndex.from_arrays([frame[group].astype(str), frame["time"]])
            codes, names = pd.factorize(keys)
            for code in np.unique(codes[cells]):
                under = codes == code
                told = np.unique(frame[total].to_numpy(float)[under])
                name = f"{total} of {names[code][0]} in {source.periods.name(names[code][1])}"
                if len(told) != 1 or not np.isfinite(told).all():
                    raise NotIdentified(source.fault(f"{name}: missing, or not the same for all its units"))
                left = float(told[0] - np.nansum(values[under]))
                margins.append(Margin(np.flatnonzero(codes[cells] == code), left, self.complete, name))
        return margins

    def _end(
        self, fitted: Fitted, name: str, cells: Places, values: Array, rng: np.random.Generator
    ) -> dict[str, Any]:  # fmt: skip
        """Estimate with the values of one end in place, with its error and its p by random adoptions."""
        panel = _filled(_whole(fitted), cells, values)
        estimate = fitted.estimator.complete(panel)
        made = Fitted(fitted.id, fitted.role, fitted.estimator, estimate, panel, strata=fitted.strata)
        row, errors, p = overall_row(made) or 0, clustered_error(estimate), float("nan")
        if errors is None or not np.isfinite(errors[row]):
            raise NotIdentified(panel.fault("the estimator has no error of its own"))
        lots = CommonLots.of(made, self.draws, rng)
        drawn = lots if isinstance(lots, str) else lots.drawn(Varied(name, made))
        if not isinstance(lots, str) and not isinstance(drawn, str):
            p = share_reached(drawn.statistic, complete=lots.complete)
        error = float(errors[row] * np.sqrt(small_sample_factor(estimate, "default").variance))
        told = {"estimate": float(estimate.values[row]), "std_error": error, "p_value": p}
        return {"end": name, "complete": self.complete, "suppressed": len(cells), "sum": float(values.sum()), **told}

    @property
    def _under(self) -> str:
        """Say what holds the values beside their ranges."""
        if not self.totals:
            return ","
        whole = "which they make up with the others" if self.complete else "of which they may be a part"
        return f" and the published totals, {whole},"

    def _words(self, fitted: Fitted, table: pd.DataFrame, ranged: int, rounded: int) -> str:
        whole = overall(fitted.estimate, self.level)
        low, high = table["estimate"]
        what, ranges = f"{ranged - rounded} outcomes are suppressed", " within the declared ranges"
        also, now = (f", {rounded} rounded", "as they are shown") if rounded else ("", "without them")
        if not self.low:
            what, ranges, now = f"{ranged} counts stand for small ones, which were replaced", "", "as it stands"
        ends = [whole.shown(float(table[name].iloc[0])) for name in ("conf_low", "conf_high")]
        tested = (
            f" By random adoptions p is {numeral(table['p_value'].iloc[0], 2)} at the one end and "
            f"{numeral(table['p_value'].iloc[1], 2)} at the other."
            if table["p_value"].notna().all() else ""
        )  # fmt: skip
        return (
            f"{what}{also}. Whatever they are{ranges}{self._under} the estimate lies between {whole.shown(low)} and "
            f"{whole.shown(high)} ({now} {whole.shown(whole.estimate)}); with chance {ends[0]} to {ends[1]} "
            f"(cluster-robust, too narrow with few treated).{tested}"
        )


def _whole(fitted: Fitted) -> Panel:
    """Return the panel with the units that the estimate lacks for want of their suppressed outcomes."""
    return fitted.source if fitted.comparison is None else fitted.comparison.panel


def _shown(source: Panel) -> Array:
    """Return the counts, or outcomes that are no rates, as the panel has them."""
    return source.frame["count" if source.outcome.counted else "outcome"].to_numpy(float)


def _filled(source: Panel, cells: Places, values: Array) -> Panel:
    """Return the panel with values in place of suppressed counts, or of outcomes that are no rates."""
    name = "count" if source.outcome.counted else "outcome"
    column = source.frame[name].to_numpy(float).copy()
    column[cells] = values
    if not source.outcome.counted:
        return source.with_columns(outcome=column)
    return source.with_count(column)


def _slope(fitted: Fitted, cells: Places, base: Array) -> Array:
    """Return what one more of each suppressed value adds to the overall effect, (m,).

    Raises
    ------
    NotIdentified
        The estimate is not linear in them.
    """
    row, m = overall_row(fitted) or 0, len(cells)
    fills = np.vstack([base, base + np.eye(m), base + np.linspace(0.5, 3.0, m)])
    panels = [_filled(_whole(fitted), cells, values) for values in fills]
    outcomes = np.array([panel.matrix() for panel in panels])
    values = fitted.estimator.estimate_many(panels[0], outcomes).values[:, row]
    slope = values[1:-1] - values[0]
    reached = values[0] + slope @ (fills[-1] - base)
    if not np.isfinite(values).all() or abs(values[-1] - reached) > 1e-8 * max(1.0, abs(values[-1])):
        raise NotIdentified(fitted.source.fault(_NOT_LINEAR))
    return np.asarray(slope)
