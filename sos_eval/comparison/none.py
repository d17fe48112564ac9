"""All untreated units, or those that a restriction leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.panel.panel import Panel
from sos_eval.results.method import register

__all__ = ["NoComparison"]


@register("none")
@dataclass(frozen=True)
class NoComparison(GroupMethod):
    """All untreated units, restricted where `restrict` says so; `on` only reports balance."""

    rebuilds: ClassVar[bool] = False
    by_cohort: ClassVar[bool] = False

    @property
    def uses_covariates(self) -> bool:
        """Nobody is chosen by a covariate."""
        return False

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Take everybody, with weight one."""
        return Matched(np.ones(panel.n_units))
