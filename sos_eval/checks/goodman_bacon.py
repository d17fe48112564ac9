"""Which comparisons a two-way coefficient is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Le

from sos_eval.checks.quantity import judged
from sos_eval.errors import numeral
from sos_eval.numerics.bacon import decomposed
from sos_eval.panel.panel import Panel
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["GoodmanBacon"]


@register("goodman_bacon")
@dataclass(frozen=True)
class GoodmanBacon(Check):
    """The coefficient of `twfe` as a weighted mean of comparisons of two groups, those with treated ones set apart."""

    reference: ClassVar[str] = "Goodman-Bacon (2021), theorem 1"

    max_share: Annotated[float, Ge(0), Le(1)] | None = None
    """Declared limit: the check fails where more of the weight compares with units that are treated already."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``goodman_bacon``: the weight of comparisons with treated units, and a table with every comparison."""
        limit = np.nan if self.max_share is None else self.max_share
        if why := _why_not(fitted):
            return [CheckResult("goodman_bacon", "share", np.nan, f"Not done: {why}.", limit)]
        panel = fitted.panel
        found = pd.DataFrame([asdict(one) for one in decomposed(panel.matrix(), panel.first_treated, panel.times)])
        forbidden = found["kind"] == "earlier"
        share = float(found.loc[forbidden, "weight"].sum())
        passed = judged(share, self.max_share, complete=True)
        return [CheckResult("goodman_bacon", "share", share, _words(found, share), limit, passed, found)]


def _why_not(fitted: Fitted) -> str:
    """Say why the coefficient is no such mean; empty where it is."""
    panel = fitted.panel
    if fitted.estimator.name != "twfe":
        return "it takes the coefficient of twfe apart, and this is another estimator"
    if not panel.absorbing or panel.partly_exposed:
        return "treatment stops, switches or counts in part"
    if panel.layout != "panel" or not panel.is_balanced:
        return "units lack periods"
    if _weighs(panel):
        return "units weigh differently"
    if fitted.estimate.linear is not None and fitted.estimate.linear.x.shape[1] > 1:
        return "the regression has covariates or effects of strata by period"
    return ""


def _weighs(panel: Panel) -> bool:
    return len(np.unique(panel.frame["weight"])) > 1


def _words(found: pd.DataFrame, share: float) -> str:
    """Say how much of the weight compares with whom, and what each kind says."""
    told = {"untreated": "units untreated throughout", "later": "later starters", "earlier": "units treated already"}
    parts = [
        f"{own['weight'].sum():.0%} with {told[str(kind)]} "
        f"({numeral(np.average(own['estimate'], weights=own['weight']))})"
        for kind, own in found.groupby("kind", sort=False)
    ]
    return (
        f"The coefficient is a weighted mean of {len(found)} comparisons: {', '.join(parts)}; "
        f"{share:.0%} of its weight compares with treated units, where effects that grow count with the wrong sign."
    )
