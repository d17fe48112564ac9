"""Whether the answer depends on the start year or the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.common_lots import CommonLots, Varied, draws_for
from sos_eval.checks.compared import ComparedCheck, ExpectedSign, Place
from sos_eval.checks.quantity import Quantity, judged, overall
from sos_eval.checks.shift_words import shift_words
from sos_eval.checks.shifts import shifts, why_scales_part
from sos_eval.errors import InputFault, OurFault
from sos_eval.panel.panel import Panel
from sos_eval.panel.periods import Period
from sos_eval.results.check import CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["Robustness"]

_ENDS: tuple[tuple[Literal["from", "to"], int], ...] = (("from", 0), ("to", -1))


@register("robustness")
@dataclass(frozen=True)
class Robustness(ComparedCheck):
    """The overall effect under other declared start years and windows, comparison group built again each time."""

    reference: ClassVar[str] = "Leamer (1983); Athey and Imbens (2015)"

    starts: tuple[Period, ...] = ()
    """First start years: everybody's start is shifted so that the first falls in that year."""
    windows: tuple[dict[Literal["from", "to"], Period], ...] = ()
    """First and last period, within those of the panel: {from: 2011, to: 2019}."""
    vary: tuple[Alternative, ...] = ()
    """Alternatives: changes of the design, each estimated again under the headline's own random adoptions."""
    draws: Annotated[int, Ge(19)] = 999
    """Random adoptions that the alternatives share; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 199
    """Most of them where each builds its comparison group again."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""
    max_change: Annotated[float, Gt(0)] | None = None
    """Declared limit: the check fails where a variant moves the estimate by more."""

    def __post_init__(self) -> None:
        if not self.starts and not self.windows and not self.vary:
            raise ValueError("write starts: [2014, 2015], windows: [{from: 2011, to: 2019}] or vary: [{start: -1}]")
        if len({one.words for one in self.vary}) < len(self.vary):
            raise ValueError("vary: two alternatives have the same words; give each its own label")
        for window in self.windows:
            first, last = window.get("from", -np.inf), window.get("to", np.inf)
            if isinstance(first, float) and isinstance(last, float) and first > last:
                raise ValueError(f"a window goes from {first:g} to {last:g}, which is before it")

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Those of `vary`."""
        return self.vary

    @property
    def parts(self) -> tuple[tuple[Place, ...], ...]:
        """By their place in `vary`."""
        return tuple((("vary", k),) for k in range(len(self.vary)))

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``robustness``: the largest change, and a table with a row per variant."""
        if self.vary:
            raise OurFault("robustness: alternatives are resolved by the design, and are compared in `compare`")
        whole = overall(fitted.estimate, self.level)
        limit = np.nan if self.max_change is None else self.max_change
        if not np.isfinite(whole.estimate):
            return [CheckResult("robustness", "max_change", np.nan, f"Not done: {whole.reason}.", limit)]
        varied = [self._of_panel(fitted, label, panel) for label, panel in self._variants(fitted.source)]
        everything = [Varied("as declared", fitted), *varied]
        table = pd.DataFrame([_row(one, _quantity(one, whole, self.level), whole) for one in everything])
        behind = tuple(one.members for one in everything)
        known = table.iloc[1:].dropna(subset=["change"])
        if known.empty:
            why = str(table["reason"].iloc[1])
            return [
                CheckResult("robustness", "max_change", np.nan, f"Not done: {why}.", limit, table=table, behind=behind)
            ]
        worst = known.iloc[int(np.argmax(known["change"].abs().to_numpy(float)))]
        value = float(abs(worst["change"]))
        passed = judged(value, self.max_change, complete=len(known) == len(table) - 1)
        return [
            CheckResult("robustness", "max_change", value, _words(table, known, whole), limit, passed, table, behind)
        ]

    def compare(
        self, fitted: Fitted, varied: Sequence[Varied], rng: np.random.Generator, direction: ExpectedSign = 0
    ) -> list[CheckResult]:
        """Return ``robustness``: the largest shift of the alternatives that were estimated, and a row of each."""
        own = [self._of_panel(fitted, label, panel) for label, panel in self._variants(fitted.source)]
        everything = [*varied, *own]
        lots = CommonLots.of(fitted, draws_for(fitted, varied, self.draws, self.rebuilt_draws), rng)
        found = shifts(fitted, everything, lots, self.level)
        behind = tuple(one.members for one in (Varied("as declared", fitted), *everything))
        limit = np.nan if self.max_change is None else self.max_change
        known = found.table.iloc[1:]
        known = known[known["shift"].notna()] if "shift" in known else known.iloc[:0]
        if known.empty:
            why = str(found.table["reason"].iloc[1])
            text = f"Not done: {why}."
            return [CheckResult("robustness", "max_shift", np.nan, text, limit, table=found.table, behind=behind)]
        alike = known[known["shift_scale"] == found.scale]
        value = float(alike["shift"].abs().max()) if len(alike) else np.nan
        counted = sum(not one.same_as for one in everything)
        passed = judged(value, self.max_change, complete=len(alike) == counted)
        repeated = [one.label for one in everything if one.same_as]
        text = shift_words(found, overall(fitted.estimate, self.level), why_scales_part(fitted), repeated=repeated)
        return [CheckResult("robustness", "max_shift", value, text, limit, passed, found.table, behind)]

    def _of_panel(self, fitted: Fitted, label: str, panel: Panel | str) -> Varied:
        """Estimate a variant of the source panel."""
        if isinstance(panel, str):
            return Varied(label, reason=panel)
        try:
            made = replace(fitted, source=panel, estimate=fitted.refit(panel))
        except InputFault as fault:
            return Varied(label, reason="; ".join(one.what for one in fault.faults))
        moved = panel.cohorts.min() - fitted.source.cohorts.min() if len(fitted.source.cohorts) else 0.0
        return Varied(label, made, start=float(moved))

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


def _row(varied: Varied, found: Quantity, whole: Quantity) -> dict[str, object]:
    return {"variant": varied.label, "change": found.estimate - whole.estimate, **found.row, **varied.sizes}


def _quantity(varied: Varied, whole: Quantity, level: float) -> Quantity:
    """Return a variant's effect, or its reason in place of a number."""
    if varied.fitted is not None:
        return overall(varied.fitted.estimate, level)
    nan = float("nan")
    return Quantity(nan, nan, nan, nan, nan, whole.scale, varied.reason)


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
