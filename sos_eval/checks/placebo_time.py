"""What the design would have found before anything happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.quantity import Quantity, caution, refitted
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["PlaceboTime"]


@register("placebo_time")
@dataclass(frozen=True)
class PlaceboTime(Check):
    """The whole design again with the start moved earlier, on periods before anyone's first start only.

    Every unit that is ever treated gets the same placebo start: the k-th last of the periods before the first start of
    anyone. Comparison group and estimator are applied as declared; no treated period is in the data.
    """

    reference: ClassVar[str] = "Imbens and Rubin (2015), section 21.4"

    shift: tuple[Annotated[int, Ge(1)], ...] = (1, 2, 3)
    """How many periods before the first start the placebo start lies; one estimate each."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""
    min_p: Annotated[float, Ge(0), Lt(1)] | None = None
    """Declared limit: a placebo fails where its p is below it."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``placebo_time.<k>`` for every shift."""
        return [self._one(fitted, shift) for shift in dict.fromkeys(self.shift)]

    def _one(self, fitted: Fitted, shift: int) -> CheckResult:
        name, limit = f"placebo_time.{shift}", np.nan if self.min_p is None else self.min_p
        before = fitted.source.pre_times
        if len(before) <= shift:
            why = f"{len(before)} periods lie before the first start, a placebo {shift} earlier needs {shift + 1}"
            return CheckResult(name, "estimate", np.nan, f"Not done: {why}.", limit)
        start = before[-shift]
        panel = fitted.source.keep_times(before)
        panel = panel.with_first_treated(np.where(panel.ever_treated, start, np.inf))
        found = refitted(fitted, panel, self.level)
        if not np.isfinite(found.estimate):
            table = _row(panel.periods.written([start])[0], found)
            return CheckResult(name, "estimate", np.nan, f"Not done: {found.reason}.", limit, table=table)
        judged = self.min_p is not None and np.isfinite(found.p_value)
        passed = bool(found.p_value >= limit) if judged else None
        return CheckResult(
            name,
            "estimate",
            found.estimate,
            _words(panel.periods.name(start), found) + caution(fitted) + ".",
            limit,
            passed,
            _row(panel.periods.written([start])[0], found),
        )


def _row(written: Any, found: Quantity) -> pd.DataFrame:
    return pd.DataFrame([{"placebo_start": written, **found.row}])


def _words(start: str, found: Quantity) -> str:
    """Say what was found, and whether its interval includes no effect."""
    if not np.isfinite(found.std_error):
        return f"With a placebo start in {start} the estimate is {found.words}; no interval exists for it"
    includes = found.conf_low <= found.neutral <= found.conf_high
    verdict = "includes no effect" if includes else "excludes no effect, though nothing had begun"
    return f"With a placebo start in {start} the estimate is {found.words}: the interval {verdict}"
