"""Whether earlier periods are shown to be alike, rather than not shown to differ (Hartman and Hidalgo 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt
from scipy.special import ndtri

from sos_eval.checks.event_path import path_spread, pathless
from sos_eval.checks.quantity import scale_of
from sos_eval.errors import numeral
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["Equivalence"]


@register("equivalence")
@dataclass(frozen=True)
class Equivalence(Check):
    """The smallest bound within which every earlier effect is shown to lie, by two one-sided tests of each.

    An intersection-union test: the null is that some earlier effect lies beyond the bound, and no correction for their
    number is due (Dette and Schumann 2024). Covariance as in honest_did.
    """

    reference: ClassVar[str] = "Hartman and Hidalgo (2018); Dette and Schumann (2024)"

    margin: Annotated[float, Gt(0)] | None = None
    """Declared limit in units of the effects (of logs for ratios): the check fails where the bound exceeds it."""
    level: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    """One minus the size of each one-sided test."""
    draws: Annotated[int, Ge(99)] = 999
    """Random adoptions behind the covariance."""
    rebuilt_draws: Annotated[int, Ge(99)] = 499
    """Most draws where each builds its comparison group again."""

    def unfit(self, fitted: Fitted) -> str:
        """Say why there is no path by event time."""
        return pathless(fitted)

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``equivalence.largest``: the bound, and whether it is within the declared margin."""
        spread = path_spread(fitted, self.draws, self.rebuilt_draws, rng)
        if isinstance(spread, str):
            return [self._result(np.nan, f"Not done: {spread}.", pd.DataFrame())]
        path = spread.path
        q = len(path.timeline.before)
        values, error = path.values[:q], np.sqrt(np.diag(spread.covariance))[:q]
        bounds = np.abs(values) + float(ndtri(self.level)) * error
        worst = int(bounds.argmax())
        table = pd.DataFrame({
            "event_time": path.timeline.before, "estimate": values, "std_error": error, "bound": bounds,
            "covariance": spread.origin,
        })  # fmt: skip
        unit = scale_of(fitted.panel, path.scale)
        furthest = (
            f"event time {path.timeline.before[worst]:g} is {numeral(values[worst])}, error {numeral(error[worst])}"
        )
        text = (
            f"Every earlier period is shown to lie within {numeral(bounds[worst])}{unit} of the one that all are "
            f"compared with, and within no less ({furthest})."
        )
        return [self._result(float(bounds[worst]), text, table)]

    def _result(self, bound: float, text: str, table: pd.DataFrame) -> CheckResult:
        limit = np.nan if self.margin is None else self.margin
        passed = None if self.margin is None or np.isnan(bound) else bool(bound <= self.margin)
        return CheckResult("equivalence.largest", "bound", bound, text, limit, passed, table)
