"""Whether the answer depends on the start year or the window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt

from sos_eval.checks.quantity import Quantity, judged, overall, refitted
from sos_eval.panel.panel import Panel
from sos_eval.panel.periods import Period
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["Robustness"]

_ENDS: tuple[tuple[Literal["from", "to"], int], ...] = (("from", 0), ("to", -1))


@register("robustness")
@dataclass(frozen=True)
class Robustness(Check):
    """The overall effect under other declared start years and windows, comparison group built again each time."""

    starts: tuple[Period, ...] = ()
    """First start years: everybody's start is shifted so that the first falls in that year."""
    windows: tuple[dict[Literal["from", "to"], Period], ...] = ()
    """First and last period, within those of the panel: {from: 2011, to: 2019}."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""
    max_change: Annotated[float, Gt(0)] | None = None
    """Declared limit: the check fails where a variant moves the estimate by more."""

    def __post_init__(self) -> None:
        if not self.starts and not self.windows:
            raise ValueError("write starts: [2014, 2015], or windows: [{from: 2011, to: 2019}], or both")
        for window in self.windows:
            first, last = window.get("from", -np.inf), window.get("to", np.inf)
            if isinstance(first, float) and isinstance(last, float) and first > last:
                raise ValueError(f"a window goes from {first:g} to {last:g}, which is before it")

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``robustness``: the largest change, and a table with a row per variant."""
        whole = overall(fitted.estimate, self.level)
        limit = np.nan if self.max_change is None else self.max_change
        if not np.isfinite(whole.estimate):
            return [CheckResult("robustness", "max_change", np.nan, f"Not done: {whole.reason}.", limit)]
        rows = [_row("as declared", whole, whole)]
        for label, panel in self._variants(fitted.source):
            found = refitted(fitted, panel, self.level) if isinstance(panel, Panel) else _impossible(panel, whole)
            rows.append(_row(label, found, whole))
        table = pd.DataFrame(rows)
        known = table.iloc[1:].dropna(subset=["change"])
        if known.empty:
            why = str(table["reason"].iloc[1])
            return [CheckResult("robustness", "max_change", np.nan, f"Not done: {why}.", limit, table=table)]
        worst = known.iloc[int(np.argmax(known["change"].abs().to_numpy(float)))]
        value = float(abs(worst["change"]))
        passed = judged(value, self.max_change, complete=len(known) == len(table) - 1)
        return [CheckResult("robustness", "max_change", value, _words(table, known, whole), limit, passed, table)]

    def _variants(self, source: Panel) -> Iterator[tuple[str, Panel | str]]:
        """Yield each variant's label and its panel, or why there is none."""
        name, span = source.periods.name, [source.periods.name(time) for time in source.times[[0, -1]]]
        for start in map(source.periods.declared, self.starts):
            label = f"first start {name(start)}"
            if not len(source.cohorts):
                yield label, "nobody is treated"
            elif not source.times[0] < start <= source.times[-1]:
                yield label, f"no start in {name(start)}: the panel holds {span[0]} to {span[1]}"
            else:
                yield label, source.with_first_treated(source.first_treated + (start - source.cohorts.min()))
        for window in self.windows:
            first, last = (
                source.periods.declared(window[key]) if key in window else source.times[at] for key, at in _ENDS
            )
            label = f"{name(first)} to {name(last)}"
            if not (first >= source.times[0] and last <= source.times[-1]):
                yield label, f"the panel holds {span[0]} to {span[1]} only"
            else:
                inside = (source.times >= first) & (source.times <= last)
                yield label, source.keep_times(source.times[inside])


def _row(label: str, found: Quantity, whole: Quantity) -> dict[str, object]:
    return {"variant": label, "change": found.estimate - whole.estimate, **found.row}


def _impossible(reason: str, whole: Quantity) -> Quantity:
    nan = float("nan")
    return Quantity(nan, nan, nan, nan, nan, whole.scale, reason)


def _words(table: pd.DataFrame, known: pd.DataFrame, whole: Quantity) -> str:
    """Say the range over variants, and what could not be done."""
    low, high = float(known["estimate"].min()), float(known["estimate"].max())
    turned = bool((np.sign(known["estimate"] - whole.neutral) != np.sign(whole.estimate - whole.neutral)).any())
    sign = "; the sign turns" if turned else ""
    missing = len(table) - 1 - len(known)
    variants = "declared variant" if len(known) == 1 else "declared variants"
    failed = f"; {missing} could not be estimated" if missing else ""
    return (
        f"Over {len(known)} {variants} the estimate goes from {whole.shown(low)} to {whole.shown(high)}; the "
        f"design's own is {whole.shown(whole.estimate)}{sign}{failed}."
    )
