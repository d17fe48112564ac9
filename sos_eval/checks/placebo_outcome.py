"""Outcomes that the intervention cannot have moved: the same estimate on each, by the headline's own lots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.common_lots import CommonLots, DrawnEffect, Varied
from sos_eval.checks.quantity import Quantity, overall
from sos_eval.checks.shifts import told_by_lots
from sos_eval.errors import InputFault
from sos_eval.numerics.multiplicity import westfall_young
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.comparison import Comparison
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["PlaceboOutcome"]


@register("placebo_outcome")
@dataclass(frozen=True)
class PlaceboOutcome(Check):
    """The whole design on outcomes that share the causes of the real one and that the intervention cannot have moved.

    Each has its estimate and interval by the headline's own lots; all together have one p: of the largest statistic
    over outcomes among those of the same random adoptions (Westfall and Young's step for the first).
    """

    reference: ClassVar[str] = "Lipsitch, Tchetgen Tchetgen and Cohen (2010); Westfall and Young (1993)"

    outcomes: tuple[str, ...] = ()
    """Outcomes of the panel that the intervention cannot have moved."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""
    draws: Annotated[int, Ge(19)] = 999
    """Random adoptions; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 199
    """Most draws where each builds its comparison group again."""
    min_p: Annotated[float, Ge(0), Lt(1)] | None = None
    """Declared limit: the check fails where the one p of all placebo outcomes is below it."""

    def __post_init__(self) -> None:
        twice = [name for k, name in enumerate(self.outcomes) if name in self.outcomes[:k]]
        if twice:
            raise ValueError(f"outcomes: {twice[0]} stands twice; take it out")

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``placebo_outcome.<outcome>`` for each, then ``placebo_outcome.largest``."""
        if not self.outcomes:
            return [self._silent("no outcome is declared that the intervention cannot have moved (outcomes)")]
        if fitted.source.active in self.outcomes:
            return [self._silent(f"{fitted.source.active} is one of the placebo outcomes itself")]
        lots = CommonLots.of(fitted, min(self.draws, self.rebuilt_draws) if fitted.rebuild else self.draws, rng)
        if isinstance(lots, str):
            return [self._silent(lots)]
        each = {name: self._one(fitted, lots, name) for name in self.outcomes}
        sizes = {name: np.abs(own.statistic) for name, (_, own) in each.items() if own is not None}
        return [*(result for result, _ in each.values()), self._largest(sizes, lots)]

    def foreseen(self, comparison: Comparison) -> str:
        """Name the outcomes that the panel does not have."""
        return "; ".join(why for name in self.outcomes if (why := _absent(comparison.panel, name)))

    def _one(self, fitted: Fitted, lots: CommonLots, name: str) -> tuple[CheckResult, DrawnEffect | None]:
        """Return the line of an outcome, and its estimates under the lots where it has any."""
        try:
            other = _on(fitted, name)
        except InputFault as fault:
            return _not_done(name, fault.faults[0].what), None
        found, own = overall(other.estimate, self.level), lots.drawn(Varied(name, other))
        if isinstance(own, str) or not np.isfinite(own.statistic[0]):
            return _not_done(name, own if isinstance(own, str) else found.reason or "it has no error"), None
        told = told_by_lots(own, found, self.level, lots.complete)
        text = f"On {name}, which the intervention cannot have moved, the estimate is {_words(found, told)}."
        row = {"outcome": name, "scale": found.scale, "estimate": found.estimate, **told}
        del row["mean_of_draws"]
        result = CheckResult(_line(name), "estimate", found.estimate, text, table=pd.DataFrame([row]))
        return result, own

    def _largest(self, sizes: dict[str, Array], lots: CommonLots) -> CheckResult:
        """Set the largest of all placebo outcomes among those of random adoptions."""
        if not sizes:
            return self._silent("no placebo outcome could be estimated")
        p = float(westfall_young(np.column_stack(list(sizes.values())), complete=lots.complete).min())
        most = max(sizes, key=lambda name: float(sizes[name][0]))
        which = f"Of {len(sizes)} placebo outcomes {most} shows most" if len(sizes) > 1 else f"{most} is the one tested"
        text = (
            f"{which}; random adoptions find as much or more in {of_hundred(p)} ({len(lots.starts) - 1:,} were made)."
        )
        limit = np.nan if self.min_p is None else self.min_p
        passed = None if self.min_p is None else p >= self.min_p
        return CheckResult("placebo_outcome.largest", "p_value", p, text, limit, passed)

    def _silent(self, reason: str) -> CheckResult:
        limit = np.nan if self.min_p is None else self.min_p
        return CheckResult("placebo_outcome.largest", "p_value", np.nan, f"Not done: {reason}.", limit)


def _on(fitted: Fitted, name: str) -> Fitted:
    """Return the estimate made on another outcome of the panel."""
    if why := _absent(fitted.source, name):
        raise InputFault(fitted.source.fault(why))
    source = fitted.source.select(name)
    return replace(fitted, source=source, estimate=fitted.refit(source))


def _absent(panel: Panel, name: str) -> str:
    known = [one.name for one in panel.outcomes]
    return "" if name in known else f"the panel has no outcome {name!r}; it has {', '.join(known)}"


def _line(name: str) -> str:
    return f"placebo_outcome.{name}"


def _not_done(name: str, reason: str) -> CheckResult:
    return CheckResult(_line(name), "estimate", np.nan, f"Not done: {reason}.")


def _words(found: Quantity, told: dict[str, Any]) -> str:
    ends = f"{found.shown(told['conf_low'])} to {found.shown(told['conf_high'])}"
    return f"{found.shown(found.estimate)} ({ends}, by the draws)"
