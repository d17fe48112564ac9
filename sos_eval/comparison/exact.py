"""Exact matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from sos_eval.comparison.stratified import Bools, Codes, Stratification, StratumMethod
from sos_eval.numerics.strata import strata
from sos_eval.panel.panel import Panel
from sos_eval.results.method import register

__all__ = ["Exact"]


@register("exact")
@dataclass(frozen=True)
class Exact(StratumMethod):
    """Units that are equal on every covariate, weighted so that the comparison is spread as the treated are."""

    reference: ClassVar[str] = "Stuart (2010)"
    label: ClassVar[str] = "exact matching"
    alike: ClassVar[str] = "cell of all covariates"

    def stratify(self, panel: Panel, values: pd.DataFrame) -> Stratification:
        """Put units that are equal on every covariate together."""
        return Stratification(self.codes_many(values, panel.ever_treated[None]))

    def codes_many(self, values: pd.DataFrame, treated: Bools) -> Codes:
        """Return the cell of each unit, (n,): it does not depend on who is treated."""
        return strata([np.asarray(pd.factorize(values[name], sort=True)[0], np.intp) for name in self.on])
