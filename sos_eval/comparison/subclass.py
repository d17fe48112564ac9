"""Subclassification on the propensity score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.comparison.arms import outside_range
from sos_eval.comparison.propensity import few_note, propensities, propensity
from sos_eval.comparison.stratified import Bools, Codes, Stratification, StratumMethod
from sos_eval.numerics.coarsen import intervals
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["Subclass"]


@register("subclass")
@dataclass(frozen=True)
class Subclass(StratumMethod):
    """Classes at quantiles of the propensity score (Rosenbaum and Rubin 1984)."""

    reference: ClassVar[str] = "Rosenbaum and Rubin (1984)"
    label: ClassVar[str] = "subclassification"
    alike: ClassVar[str] = "class of the propensity"

    classes: Annotated[int, Ge(2)] = 5
    """How many: cut at quantiles of the treated units' propensities (att), or of everybody's (ate)."""

    @property
    def chance_on(self) -> tuple[str, ...]:
        """Covariates of the logistic regression."""
        return self.on

    def stratify(self, panel: Panel, values: pd.DataFrame) -> Stratification:
        """Cut the propensity."""
        probability = propensity(panel, values, self.on).probability
        return Stratification(
            self._classes(probability, panel.ever_treated),
            probability,
            tuple(outside_range(panel, probability, "estimated chance of starting").items()),
            tuple(few_note(panel, values, self.on)),
        )

    def codes_many(self, values: pd.DataFrame, treated: Bools) -> Codes:
        """Cut the propensity of every adoption, (r, n); all apart where none can be fitted."""
        fits = propensities(values, self.on, treated)
        codes = np.broadcast_to(np.arange(treated.shape[1]), treated.shape).copy()
        for draw in np.flatnonzero(fits.failures == ""):
            codes[draw] = self._classes(fits.probability[draw], treated[draw])
        return codes

    def _classes(self, probability: Array, treated: Bools) -> Codes:
        """Return the class of each unit, (n,); chances that differ by rounding only are in one."""
        rounded = np.round(probability, 12)
        among = rounded[treated] if self.estimand == "att" else rounded
        return intervals(rounded, np.quantile(among, np.arange(1, self.classes) / self.classes))
