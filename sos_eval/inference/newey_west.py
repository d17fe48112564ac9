"""Errors of an averaged series over time, robust to autocorrelation (Newey and West 1987)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from sos_eval.inference.wald import refused, wald_rows
from sos_eval.numerics.segmented import newey_west
from sos_eval.results.estimate import Estimate
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import NEVER, InferenceMethod, Inferred
from sos_eval.results.method import register

__all__ = ["NeweyWest"]

NO_SERIES = "the estimate is no regression of one series on time; use it with interrupted_time_series"


@register("newey_west")
@dataclass(frozen=True)
class NeweyWest(InferenceMethod):
    """Errors over time of a segmented regression, robust to autocorrelation (Newey and West 1987).

    They hold what the averaged series does from period to period, not how units differ in what would have happened.
    """

    alone_from: ClassVar[int] = NEVER
    why_never_alone: ClassVar[str] = (
        "errors over time alone were measured to reject 13 to 32 in 100 true nulls where 5 are promised"
    )
    label: ClassVar[str] = "Newey-West"
    reference: ClassVar[str] = "Newey and West (1987)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the intervals."""
    lag: Annotated[int, at.Ge(0)] | None = None
    """Autocovariances up to it count; the whole part of 4 (periods / 100)^(2/9) unless given."""
    adjusted: bool = True
    """Whether the covariance is multiplied by periods over periods less four."""

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return "" if estimate.series is not None else NO_SERIES

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with t quantiles of periods less four."""
        fit = fitted.estimate.series
        if fit is None:
            return refused(fitted, self.key, self.level, NO_SERIES)
        lag = int(4 * (fit.n_obs / 100) ** (2 / 9)) if self.lag is None else self.lag
        if lag >= fit.n_obs:
            return refused(fitted, self.key, self.level, f"lag {lag} of {fit.n_obs} periods")
        covariance = newey_west(fit, lag, adjusted=self.adjusted)
        std_error = np.sqrt(np.diag(fit.contrast @ covariance @ fit.contrast.T))
        df = float(fit.n_obs - fit.n_params)
        return wald_rows(fitted, self.key, level=self.level, std_error=std_error, df=df, facts={"lag": lag})
