"""Entropy balancing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Le

from sos_eval.comparison.balance import treated_deviations
from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.group import Matched
from sos_eval.comparison.weighting import Bools, Weighed, WeightMethod
from sos_eval.errors import Fault, NotIdentified
from sos_eval.numerics.balancing import entropy_weights, moments
from sos_eval.numerics.tilting import of_all
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["Entropy"]


@register("entropy")
@dataclass(frozen=True)
class Entropy(WeightMethod):
    """Weights as even as can be under which the comparison has the treated units' moments (Hainmueller 2012)."""

    reference: ClassVar[str] = "Hainmueller (2012)"
    label: ClassVar[str] = "entropy balancing"

    estimand: Literal["att", "ate"] = "att"
    """Whose moments are reached: the treated units' (att), or those of all units, by both groups (ate)."""
    moments: Annotated[int, Ge(1), Le(3)] = 1
    """Highest power that is balanced: means, also squares, also cubes. Of two values only the mean."""
    tolerance: Annotated[float, Ge(0)] = 0.0
    """How far a weighted mean may miss, in standard deviations of the treated."""

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Refuse powers of text, of which there are none; then weigh."""
        if self.moments > 1 and all(is_text(values[name]) for name in self.on):
            what = f"comparison.moments: {self.moments} changes nothing: every covariate is text and has shares alone"
            raise NotIdentified(Fault(panel.source, what, "leave moments out"))
        return super().match(panel, values)

    def weigh(self, values: pd.DataFrame, treated: Bools, base: Array) -> Weighed:
        """Balance every adoption."""
        x = moments(dummies(values[list(self.on)], drop_first=True)[1], self.moments)
        tolerance = self.tolerance * np.array([treated_deviations(x, group, base) for group in treated])
        aim = np.where(treated, base, 0.0) if self.estimand == "att" else np.broadcast_to(base, treated.shape)
        weights, failures = entropy_weights(aim, np.where(treated, 0.0, base), x, tolerance)
        if self.estimand == "att":
            return Weighed(np.where(treated, 1.0, weights), failures)
        others, why = entropy_weights(aim, np.where(treated, base, 0.0), x, tolerance)
        said = [of_all(one, "comparison") or of_all(two, "treated") for one, two in zip(failures, why, strict=True)]
        return Weighed(weights + others, np.array(said, object))

    def instead(self, why: str) -> str:
        """Say what to declare instead."""
        lower = "lower moments, " if self.moments > 1 else ""
        whom = "treated units" if self.estimand == "att" else "units"
        return f"{lower}take covariates out, declare a tolerance, or restrict to {whom} with others like them"
