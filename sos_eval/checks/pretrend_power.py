"""What tests of earlier periods do against a divergence in a straight line (Roth 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.event_path import PathSpread, path_spread, pathless
from sos_eval.checks.quantity import a_period, scale_of
from sos_eval.errors import numeral
from sos_eval.numerics.pretest import likelihood_ratio, pass_each
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["PretrendPower"]

#: From this Bayes factor on, nothing flagged is no evidence: odds move by less than a factor of three.
_TELLING = 1 / 3
NAMES = ("power", "bias", "bias_after_passing", "bayes_factor", "likelihood_ratio")


@register("pretrend_power")
@dataclass(frozen=True)
class PretrendPower(Check):
    """How often a straight divergence would have been flagged, and what it makes of the estimate where it was not.

    The divergence is the one declared, else the one that alone would give the average effect. Earlier periods are
    tested one by one; covariance as in honest_did.
    """

    reference: ClassVar[str] = "Roth (2022)"

    slope: float | None = None
    """Divergence a period (of logs for ratios); unless given, the one that alone would give the average effect."""
    level: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    """One minus the size of each earlier period's own test."""
    draws: Annotated[int, Ge(99)] = 999
    """Random adoptions behind the covariance."""
    rebuilt_draws: Annotated[int, Ge(99)] = 499
    """Most draws where each builds its comparison group again."""

    def unfit(self, fitted: Fitted) -> str:
        """Say why there is no path by event time."""
        return pathless(fitted)

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``pretrend_power.power``, the bias and that after passing, Bayes factor and likelihood ratio."""
        spread = path_spread(fitted, self.draws, self.rebuilt_draws, rng)
        if isinstance(spread, str):
            return [_result(name, np.nan, f"Not done: {spread}.") for name in NAMES]
        return self._results(spread)

    def _results(self, spread: PathSpread) -> list[CheckResult]:
        path, covariance = spread.path, spread.covariance
        q, event = len(path.timeline.before), np.concatenate([path.timeline.before, path.timeline.after])
        distance, wanted = event - path.timeline.base, event >= 0
        slope = path.values[wanted].mean() / distance[wanted].mean() if self.slope is None else self.slope
        expected, before = slope * distance, np.arange(len(event)) < q
        passed = pass_each(expected, covariance, before, level=self.level)
        chance = pass_each(np.zeros(len(event)), covariance, before, level=self.level)
        power, factor = 1 - passed.probability, passed.probability / chance.probability
        likelihood = likelihood_ratio(path.values[:q], expected[:q], covariance[:q, :q])
        bias, after = (float(one[wanted].mean()) for one in (expected, passed.mean))
        table = pd.DataFrame({
            "event_time": event, "estimate": path.values, "expected": expected, "expected_after_passing": passed.mean,
            "std_error": np.sqrt(np.diag(covariance)), "slope": slope,
            "covariance": spread.origin,
        })  # fmt: skip
        unit, each = scale_of(path.fitted.panel, path.scale), a_period(path.fitted.panel)
        why = ", which alone would give the average effect," if self.slope is None else ""
        flagged = (
            f"would have been flagged in some earlier period {of_hundred(power)} times; parallel paths would be in"
        )
        alike = of_hundred(1 - chance.probability)
        return [
            _result(
                "power", power, f"A straight divergence of {numeral(slope)}{unit} {each}{why} {flagged} {alike}.", table
            ),
            _result("bias", bias, f"It would move the average effect by {numeral(bias)}{unit}."),
            _result("bias_after_passing", after, f"Where no earlier period flags it, by {numeral(after)}{unit}."),
            _result("bayes_factor", factor, _speaks(factor)),
            _result(
                "likelihood_ratio",
                likelihood,
                f"The earlier estimates are {numeral(likelihood)} times as likely with "
                "this divergence as with parallel paths.",
            ),
        ]


def _speaks(factor: float) -> str:
    """Say what it is worth that nothing is flagged, by how much likelier it is with parallel paths."""
    said = f"That nothing is flagged is {numeral(factor)} times as likely with this divergence as with parallel paths"
    if factor >= _TELLING:
        return f"{said}: an earlier path without a flag hardly tells the one from the other."
    return f"{said}: an earlier path without a flag speaks against this divergence, and against no smaller one."


def _result(name: str, value: float, text: str, table: pd.DataFrame | None = None) -> CheckResult:
    shown = pd.DataFrame() if table is None else table
    return CheckResult(f"pretrend_power.{name}", name.removesuffix("_after_passing"), value, text, table=shown)
