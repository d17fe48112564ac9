"""The covariate balancing propensity score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.propensity import regressors
from sos_eval.comparison.weighting import Bools, Weighed, WeightMethod
from sos_eval.numerics.balancing import balancing_propensity, tilted_odds
from sos_eval.numerics.chance_weights import chance_weights
from sos_eval.panel.panel import Array
from sos_eval.results.method import register

__all__ = ["CBPS"]


@register("cbps")
@dataclass(frozen=True)
class CBPS(WeightMethod):
    """A logit fitted so that its weights balance the covariates' means, just identified (Imai and Ratkovic 2014)."""

    reference: ClassVar[str] = "Imai and Ratkovic (2014)"
    label: ClassVar[str] = "covariate balancing propensity score"

    estimand: Literal["att", "ate"] = "att"
    """Whom the weights are about: the treated (att) or all units (ate)."""

    def weigh(self, values: pd.DataFrame, treated: Bools, base: Array) -> Weighed:
        """Fit the logit of every adoption by its balance."""
        from scipy.special import expit

        x = regressors(values, self.on)[1]
        deviation = x[:, 1:].std(0)
        x[:, 1:] = (x[:, 1:] - x[:, 1:].mean(0)) / np.where(deviation > 0, deviation, 1.0)
        if self.estimand == "ate":
            linear, failures = balancing_propensity(treated, x, np.broadcast_to(base, treated.shape))
        else:
            odds, failures = tilted_odds(np.where(treated, base, 0.0), np.where(treated, 0.0, base), x)
            linear = self._everybody(odds, treated, x, failures)
        linear[failures != ""] = np.nan
        weights = chance_weights(linear, treated, average=self.estimand)
        return Weighed(weights, failures, np.asarray(expit(linear), float))

    @staticmethod
    def _everybody(odds: Array, treated: Bools, x: Array, failures: NDArray[np.object_]) -> Array:
        """Extend the log odds of the untreated to everybody, (r, n): they are linear in the covariates."""
        linear = np.zeros(treated.shape)
        for lane in np.flatnonzero(failures == ""):
            used = ~treated[lane]
            coef = np.linalg.lstsq(x[used], np.log(odds[lane, used]))[0]
            linear[lane] = x @ coef
        return linear

    def instead(self, why: str) -> str:
        """Say what to declare instead."""
        return "take covariates out, or restrict to treated units with others like them"
