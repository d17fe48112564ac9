"""Stable balancing weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.comparison.balance import treated_deviations
from sos_eval.comparison.covariates import dummies
from sos_eval.comparison.weighting import Bools, Weighed, WeightMethod
from sos_eval.numerics.balancing import stable_weights
from sos_eval.numerics.tilting import of_all
from sos_eval.panel.panel import Array
from sos_eval.results.method import register

__all__ = ["Stable"]


@register("stable")
@dataclass(frozen=True)
class Stable(WeightMethod):
    """Weights of least spread under which means are within a declared tolerance (Zubizarreta 2015)."""

    reference: ClassVar[str] = "Zubizarreta (2015)"
    label: ClassVar[str] = "stable balancing weights"

    estimand: Literal["att", "ate"] = "att"
    """Whose means are reached: the treated units' (att), or those of all units, by both groups (ate)."""
    tolerance: Annotated[float, Ge(0)] = 0.02
    """How far a weighted mean may miss, in standard deviations of the treated."""

    def weigh(self, values: pd.DataFrame, treated: Bools, base: Array) -> Weighed:
        """Weigh every adoption by a quadratic programme of its own."""
        x = dummies(values[list(self.on)], drop_first=False)[1]
        weights, failures = np.ones(treated.shape), np.full(len(treated), "", object)
        for lane, group in enumerate(treated):
            tolerance = self.tolerance * treated_deviations(x, group, base)
            among = group if self.estimand == "att" else np.ones(len(group), bool)
            target = base[among] @ x[among] / base[among].sum()
            for arm in (~group,) if self.estimand == "att" else (~group, group):
                weights[lane, arm], why = stable_weights(target, base[arm], x[arm], tolerance)
                if self.estimand == "ate":
                    why = of_all(why, "treated" if arm is group else "comparison")
                failures[lane] = failures[lane] or why
        weights[failures != ""] = 0.0
        return Weighed(weights, failures)

    def instead(self, why: str) -> str:
        """Say what to declare instead."""
        whom = "treated units" if self.estimand == "att" else "units"
        return f"raise the tolerance, take covariates out, or restrict to {whom} with others like them"
