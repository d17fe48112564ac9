"""Errors that are robust to dependence within two ways of clustering: units and periods, or units and another group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import annotated_types as at
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import OurFault
from sos_eval.inference.analytic import no_influence
from sos_eval.inference.wald import refused, too_few_treated, wald_rows, why_no_error
from sos_eval.numerics.two_way import two_way
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW, InferenceMethod, Inferred
from sos_eval.results.method import register
from sos_eval.results.small_sample import Factor, regression_factor

__all__ = ["TwoWay", "second_clusters"]

Codes = NDArray[np.intp]

NEGATIVE = "the two-way variance is negative: too few clusters for it"
BY_TIME = (
    "clustering by period needs the rows of a linear regression, and this estimate has none; name a column with `also`"
)


@register("two_way")
@dataclass(frozen=True)
class TwoWay(InferenceMethod):
    """Cluster-robust errors by the panel's clusters and by a second clustering (Cameron, Gelbach and Miller 2011).

    Without bands: the estimates' two-way covariance need not be one.
    """

    alone_from: ClassVar[int] = FEW
    label: ClassVar[str] = "two-way cluster-robust"
    reference: ClassVar[str] = "Cameron, Gelbach and Miller (2011)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of intervals."""
    also: Column = ""
    """Column of the second clustering, constant within units; unless given, the periods (linear regressions only)."""
    small_sample: Literal["default", "none"] = "default"
    """default: for regressions G/(G-1)·(N-1)/(N-K) with G the smaller number of clusters (as fixest); none: 1."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method."""
        return (self.also,) if self.also else ()

    @property
    def adds_up_by(self) -> tuple[str, ...]:
        """The same columns."""
        return self.columns

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with two-way errors and intervals."""
        estimate = fitted.estimate
        if why := self.why_not(estimate):
            return refused(fitted, self.key, self.level, why)
        scores, first, second = self._by_time(estimate) if not self.also else self._by_column(estimate)
        factor = self._factor(estimate, len(np.unique(first)), len(np.unique(second)))
        variance = two_way(scores, first, second)
        std_error, reasons = why_no_error(estimate, np.sqrt(factor.variance * variance))
        negative = np.isnan(variance) & np.isfinite(scores).all(0)
        reasons = [NEGATIVE if no else why for no, why in zip(negative, reasons, strict=True)]
        facts = {"also": self.also or estimate.panel.label("time"), "n_also": len(np.unique(second)),
                 "small_sample": self.small_sample, "variance_factor": factor.variance}  # fmt: skip
        return wald_rows(
            fitted, self.key, level=self.level, std_error=std_error, df=factor.df, reasons=reasons, facts=facts
        )

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        if estimate.influence is None:
            return no_influence
        if few := too_few_treated(estimate):
            return few
        if not self.also:
            return BY_TIME if estimate.linear is None or len(estimate.linear.absorbed) < 2 else ""
        if self.also not in estimate.panel.frame:
            return f"the panel has no column {self.also!r}"
        return "" if _is_constant(estimate.panel, self.also) else f"{self.also} changes within a unit"

    def _by_time(self, estimate: Estimate) -> tuple[Array, Codes, Codes]:
        """Return the rows' contributions, (n_rows, m), their clusters and their periods."""
        if (fit := estimate.linear) is None:
            raise OurFault("asked for the rows of what is no regression")
        scores = fit.scores @ (fit.contrast @ fit.bread).T
        return scores, estimate.panel.clusters[fit.unit_codes], fit.absorbed[1]

    def _by_column(self, estimate: Estimate) -> tuple[Array, Codes, Codes]:
        """Return the units' contributions, (n_influence, m), their clusters and their second clusters."""
        panel = estimate.panel
        if estimate.influence is None:
            raise OurFault("asked for an influence that is not there")
        return estimate.influence / panel.n_influence, panel.clusters, second_clusters(panel, self.also)

    def _factor(self, estimate: Estimate, first: int, second: int) -> Factor:
        """Return the factor and degrees of freedom: by the smaller number of clusters, nested effects uncounted."""
        fit = estimate.linear
        if fit is None:
            return Factor(1.0, np.inf)
        nested = 0 if self.also else len(np.unique(fit.absorbed[1])) - 1
        return regression_factor(fit, min(first, second), self.small_sample, nested=nested)


def second_clusters(panel: Panel, column: str) -> Codes:
    """Return codes of a column, (n_influence,)."""
    values = panel.unit_values(column) if panel.layout == "panel" else panel.frame[column]
    return np.asarray(pd.factorize(values, sort=True)[0], np.intp)


def _is_constant(panel: Panel, column: str) -> bool:
    """Whether a column is the same in all rows of a unit, or the rows are no panel."""
    if panel.layout != "panel":
        return True
    codes = pd.factorize(panel.frame[column])[0]
    return len(np.unique(np.column_stack([panel.unit_codes, codes]), axis=0)) == panel.n_units
